//! How long each stage is at work, from timely's own log of when operators start and stop.
//!
//! ```text
//! timely: operator 41 starts, stops, 57 starts … ─▶ its region's name ─▶ seconds by stage and worker
//! ```
//! Only operators right below the dataflow count, which are the stages' regions and a few between them: what goes on
//! within a region is its time. A batch of events is summed up before it touches a figure that others read.

use std::sync::Arc;
use std::time::Duration;

use gyre_dataflows::Stage;
use prometheus::core::{AtomicF64, GenericCounter};
use prometheus::local::LocalHistogram;
use timely::logging::{OperatesEvent, StartStop, TimelyEvent, TimelyEventBuilder};
use timely::worker::Worker;

use super::graph::Plan;
use super::{NONE, Watch};

/// How often figures that others read are touched.
const SHOW_EVERY: Duration = Duration::from_millis(100);
/// What joins the stages.
pub(super) const BETWEEN: &str = "between";
/// Where records come into the dataflow.
const INPUT: &str = "Input";
/// The end of the dataflow, by the names of its operators in a run and in a replay.
const ENDS: [&str; 2] = ["hand rows on", "write outputs"];

/// Listens to a worker, shown under this number; called before its dataflow is built.
pub fn listen(worker: &Worker, number: usize, watch: &Arc<Watch>) {
    let mut clock = StageClock::new(number, watch);
    let mut carried =
        Carried { watch: Arc::clone(watch), plan: Plan::default(), is_told: false, sent: Vec::new() };
    if let Some(mut register) = worker.log_register() {
        register.insert::<TimelyEventBuilder, _>("timely", move |now, events| {
            if let Some(events) = events {
                for (at, event) in events.iter() {
                    clock.take(*at, event);
                    carried.take(event);
                }
                events.clear();
            }
            if clock.show(*now) {
                carried.show();
            }
        });
    }
}

/// What an operator is to the clock.
#[derive(Clone, Copy, Default)]
enum Part {
    #[default]
    Within,
    /// The dataflow itself: a step.
    Whole,
    /// A region or operator of the stage at this place.
    Stage(usize),
}

struct StageClock {
    parts: Vec<Part>,
    seconds: Vec<GenericCounter<AtomicF64>>,
    /// Time since the last flush, by stage.
    busy: Vec<Duration>,
    steps: LocalHistogram,
    step_began: Duration,
    stage_began: Duration,
    shown: Duration,
}

impl StageClock {
    fn new(worker: usize, watch: &Watch) -> Self {
        let worker = worker.to_string();
        let names = Stage::ALL.iter().skip(1).map(|stage| stage.name()).chain([BETWEEN]);
        let seconds: Vec<_> =
            names.map(|stage| watch.figures.busy.with_label_values(&[stage, &worker])).collect();
        Self {
            parts: Vec::new(),
            busy: vec![Duration::ZERO; seconds.len()],
            seconds,
            steps: watch.figures.steps.with_label_values(&NONE).local(),
            step_began: Duration::ZERO,
            stage_began: Duration::ZERO,
            shown: Duration::ZERO,
        }
    }

    fn take(&mut self, at: Duration, event: &TimelyEvent) {
        match event {
            TimelyEvent::Operates(operates) => self.learn(operates),
            TimelyEvent::Schedule(schedule) => {
                let part = self.parts.get(schedule.id).copied().unwrap_or_default();
                match (part, schedule.start_stop) {
                    (Part::Within, _) => {}
                    (Part::Whole, StartStop::Start) => self.step_began = at,
                    (Part::Whole, StartStop::Stop) => {
                        self.steps.observe(at.saturating_sub(self.step_began).as_secs_f64());
                    }
                    (Part::Stage(_), StartStop::Start) => self.stage_began = at,
                    (Part::Stage(stage), StartStop::Stop) => {
                        self.busy[stage] += at.saturating_sub(self.stage_began);
                    }
                }
            }
            _ => {}
        }
    }

    /// Ids are small numbers, one after the other.
    fn learn(&mut self, operates: &OperatesEvent) {
        let part = match operates.addr.len() {
            1 => Part::Whole,
            2 => Part::Stage(place_of(&operates.name)),
            _ => Part::Within,
        };
        if self.parts.len() <= operates.id {
            self.parts.resize(operates.id + 1, Part::Within);
        }
        self.parts[operates.id] = part;
    }

    /// Shows what was summed up, now and then: the log is flushed at every step. Says whether it did.
    fn show(&mut self, now: Duration) -> bool {
        if now.saturating_sub(self.shown) < SHOW_EVERY {
            return false;
        }
        self.shown = now;
        for (busy, seconds) in self.busy.iter_mut().zip(&self.seconds) {
            let busy = std::mem::take(busy);
            if !busy.is_zero() {
                seconds.inc_by(busy.as_secs_f64());
            }
        }
        self.steps.flush();
        true
    }
}

/// Counts the batches that channels between stages carry.
struct Carried {
    watch: Arc<Watch>,
    plan: Plan,
    /// Others know all of the plan.
    is_told: bool,
    /// Batches since it was shown, by the channel's number; `None` of channels within a stage.
    sent: Vec<Option<u64>>,
}

impl Carried {
    fn take(&mut self, event: &TimelyEvent) {
        match event {
            TimelyEvent::Operates(operates) if operates.addr.len() == 2 => {
                let place = if operates.name == INPUT { 0 } else { place_of(&operates.name) + 1 };
                if place < Stage::ALL.len() {
                    self.plan.stage(operates.addr[1], place);
                    self.is_told = false;
                }
            }
            TimelyEvent::Channels(channel) if channel.scope_addr.len() == 1 => {
                self.plan.channel(channel.id, channel.source.0, channel.target.0);
                if self.sent.len() <= channel.id {
                    self.sent.resize(channel.id + 1, None);
                }
                self.sent[channel.id] = Some(0);
                self.is_told = false;
            }
            TimelyEvent::Messages(message) if message.is_send => {
                if let Some(Some(sent)) = self.sent.get_mut(message.channel) {
                    *sent += message.record_count.unsigned_abs();
                }
            }
            _ => {}
        }
    }

    fn show(&mut self) {
        if !std::mem::replace(&mut self.is_told, true) {
            self.watch.planned(&self.plan);
        }
        let sent = self.sent.iter_mut().enumerate();
        let sent = sent.filter_map(|(channel, sent)| Some((channel, std::mem::take(sent.as_mut()?))));
        self.watch.carried(sent.filter(|(_, batches)| *batches > 0));
    }
}

/// The place of an operator's stage. Decoding goes on outside of the dataflow, and has no place here.
fn place_of(name: &str) -> usize {
    let name = if ENDS.contains(&name) { Stage::Outputs.name() } else { name };
    let stages = &Stage::ALL[1..];
    stages.iter().position(|stage| stage.name() == name).unwrap_or(stages.len())
}
