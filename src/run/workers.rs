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
use timely::communication::WorkerGuards;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::{Exchange, Input};
use timely::worker::Worker;
use timely::{CommunicationConfig, WorkerConfig};

use super::cluster::{Mesh, Seats, Team};
use super::gather::{ByTick, Gather};
use super::halt::Halt;
use crate::error::{Error, Result};
use crate::sequencer::Step;
use crate::watch::{Watch, stages};

/// How long an idle worker sleeps at most; whoever has something for it wakes it.
const PARK: Duration = Duration::from_millis(10);

/// Where each worker of this process finds its steps.
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

    /// Hands each worker its batches; everything before `complete_before` is complete with them. Those of workers in other
    /// processes leave by one of ours.
    pub fn give(&self, mut batches: Vec<Vec<Batch>>, complete_before: Tick) {
        let here = self.inboxes.len();
        for worker in here..batches.len() {
            let others = std::mem::take(&mut batches[worker]);
            batches[worker % here].extend(others);
        }
        batches.truncate(here);
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
    /// Which of the job's workers are here.
    pub seats: Seats,
    /// Where steps come from.
    pub inboxes: Inboxes,
    /// Where rows go.
    pub gather: Gather,
    /// When to end.
    pub halt: Arc<Halt>,
    /// Who looks on.
    pub watch: Arc<Watch>,
}

impl Shared {
    /// What the workers of these seats share.
    pub fn new(settings: Settings, seats: Seats, halt: &Arc<Halt>, watch: &Arc<Watch>) -> Self {
        Self {
            settings,
            seats,
            inboxes: Inboxes::new(seats.here),
            // In a cluster the rows of all come to one.
            gather: Gather::new(if seats.are_all() { seats.here } else { 1 }),
            halt: Arc::clone(halt),
            watch: Arc::clone(watch),
        }
    }
}

/// Starts the workers of a process that is alone; they end when the run is over.
///
/// # Errors
/// Where the system gives no threads.
pub fn start(shared: &Arc<Shared>) -> Result<WorkerGuards<()>> {
    let (builders, guard) =
        CommunicationConfig::Process(shared.seats.here).try_build().map_err(Error::bug)?;
    start_with(shared, builders, guard)
}

/// Starts the workers of one process of a cluster.
///
/// # Errors
/// Where the system gives no threads.
pub fn start_in(shared: &Arc<Shared>, team: &Team, mesh: Mesh) -> Result<WorkerGuards<()>> {
    let (builders, guard) = team.allocators(mesh).map_err(Error::bug)?;
    start_with(shared, builders, guard)
}

fn start_with(
    shared: &Arc<Shared>,
    builders: Vec<timely::communication::AllocatorBuilder>,
    guard: Box<dyn std::any::Any + Send>,
) -> Result<WorkerGuards<()>> {
    let shared = Arc::clone(shared);
    let config = WorkerConfig::default().idle_spin(Duration::ZERO);
    timely::execute::execute_from(builders, guard, config, move |worker| run_worker(worker, &shared))
        .map_err(Error::bug)
}

fn run_worker(worker: &mut Worker, shared: &Arc<Shared>) {
    // Its number among those of this process.
    let index = worker.index() - shared.seats.first;
    shared.inboxes.threads().push(std::thread::current());
    stages::listen(worker, index, &shared.watch);
    let dataflow = worker.next_dataflow_index();
    let mut input = {
        let shared = Arc::clone(shared);
        worker.dataflow(|scope| {
            let (input, mut batches) = scope.new_input::<Vec<Batch>>();
            if !shared.seats.are_all() {
                batches = batches.exchange(|batch| u64::from(batch.worker));
            }
            let mut readings = graph::build(batches, &shared.settings);
            if !shared.seats.are_all() {
                // One writer for each sink, and he is in process 0.
                readings = readings.exchange(|_| 0);
            }
            hand_on(readings, shared, index);
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
                    if shared.seats.first > 0 {
                        shared.watch.health.gathered(through);
                    } else if shared.seats.are_all() || index == 0 {
                        let later = told.split_off(&frontier);
                        shared.gather.give(index, std::mem::replace(&mut told, later), through);
                    }
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
