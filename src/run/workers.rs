//! The workers: each feeds its part of every tick into the dataflow and hands on what comes out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use gyre_dataflows::Tick;
use gyre_dataflows::batch::Batch;
use gyre_dataflows::graph::{self, Settings};
use gyre_dataflows::rows::Rows;
use gyre_dataflows::seams::Reading;
use timely::WorkerConfig;
use timely::communication::WorkerGuards;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Input;
use timely::dataflow::operators::generic::operator::Operator;
use timely::worker::Worker;

use super::gather::{ByTick, Gather};
use super::halt::Halt;
use crate::error::{Error, Result};
use crate::sequencer::Step;
use crate::watch::{Watch, stages};

/// How long an idle worker sleeps at most.
const PARK: Duration = Duration::from_micros(500);

/// Where each worker finds its steps.
pub struct Inboxes {
    inboxes: Vec<Mutex<VecDeque<Step>>>,
    threads: Mutex<Vec<Thread>>,
}

impl Inboxes {
    /// For so many workers.
    pub fn new(workers: usize) -> Self {
        let inboxes = std::iter::repeat_with(Mutex::default).take(workers).collect();
        Self { inboxes, threads: Mutex::default() }
    }

    fn inbox(&self, worker: usize) -> MutexGuard<'_, VecDeque<Step>> {
        self.inboxes[worker].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Thread>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands each worker its batches; everything before `complete_before` is complete with them.
    pub fn give(&self, batches: Vec<Vec<Batch>>, complete_before: Tick) {
        for (worker, batches) in batches.into_iter().enumerate() {
            self.inbox(worker).push_back(Step { batches, complete_before });
        }
        self.wake();
    }

    /// Wakes workers that sleep.
    pub fn wake(&self) {
        self.threads().iter().for_each(Thread::unpark);
    }
}

/// What workers share.
pub struct Shared {
    /// What the dataflow goes by.
    pub settings: Settings,
    /// Where steps come from.
    pub inboxes: Inboxes,
    /// Where rows go.
    pub gather: Gather,
    /// When to end.
    pub halt: Arc<Halt>,
    /// Who looks on.
    pub watch: Arc<Watch>,
}

/// Starts the workers; they end when the run is over.
///
/// # Errors
/// Where the system gives no threads.
pub fn start(shared: &Arc<Shared>) -> Result<WorkerGuards<()>> {
    let mut config = timely::Config::process(shared.settings.workers);
    config.worker = WorkerConfig::default().idle_spin(Duration::ZERO);
    let shared = Arc::clone(shared);
    timely::execute(config, move |worker| run_worker(worker, &shared)).map_err(Error::bug)
}

fn run_worker(worker: &mut Worker, shared: &Arc<Shared>) {
    let index = worker.index();
    shared.inboxes.threads().push(std::thread::current());
    stages::listen(worker, &shared.watch);
    let dataflow = worker.next_dataflow_index();
    let mut input = {
        let shared = Arc::clone(shared);
        worker.dataflow(|scope| {
            let (input, batches) = scope.new_input::<Vec<Batch>>();
            hand_on(graph::build(batches, &shared.settings), shared, index);
            input
        })
    };
    while !shared.halt.is_over() {
        shared.watch.health.worker_turns(index);
        let step = shared.inboxes.inbox(index).pop_front();
        if let Some(mut step) = step {
            input.send_batch(&mut step.batches);
            input.advance_to(step.complete_before);
            input.flush();
        }
        worker.step_or_park(Some(PARK));
    }
    drop(input);
    // What is under way is not waited for: it is in the remap log, or was never asked for.
    worker.drop_dataflow(dataflow);
}

/// The end of the dataflow: rows go where those of all workers come together.
fn hand_on(readings: StreamVec<'_, Tick, Reading>, shared: Arc<Shared>, index: usize) {
    readings.unary_frontier::<CapacityContainerBuilder<Vec<()>>, _, _, _>(
        Pipeline,
        "hand rows on",
        move |_, _| {
            let mut told = ByTick::new();
            let mut through = 0;
            move |(input, frontier), _output| {
                input.for_each(|_, readings| {
                    for reading in readings.drain(..) {
                        shared.watch.counted(&reading.counts);
                        sort_out(&reading.changes, &mut told);
                    }
                });
                let frontier = frontier.frontier().first().copied().unwrap_or(through + 1);
                if frontier > through + 1 {
                    through = frontier - 1;
                    let later = told.split_off(&frontier);
                    shared.gather.give(index, std::mem::replace(&mut told, later), through);
                }
            }
        },
    );
}

/// Adds rows to those of their ticks.
fn sort_out(changes: &Rows, told: &mut ByTick) {
    let mut changes = changes.iter().peekable();
    while let Some(&(&first, _)) = changes.peek() {
        let rows = told.entry(first.tick).or_default();
        if rows.is_empty() {
            rows.push(Rows::default());
        }
        while let Some((head, row)) = changes.next_if(|(head, _)| head.tick == first.tick) {
            rows[0].push(head.output, head.tick, head.diff, |text| text.extend_from_slice(row));
        }
    }
}
