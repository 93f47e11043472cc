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

use super::{NONE, Watch};

/// How often figures that others read are touched.
const SHOW_EVERY: Duration = Duration::from_millis(100);
/// What joins the stages.
const BETWEEN: &str = "between";
/// The end of the dataflow, by the names of its operators in a run and in a replay.
const ENDS: [&str; 2] = ["hand rows on", "write outputs"];

/// Listens to a worker, shown under this number; called before its dataflow is built.
pub fn listen(worker: &Worker, number: usize, watch: &Arc<Watch>) {
    let mut clock = StageClock::new(number, watch);
    if let Some(mut register) = worker.log_register() {
        register.insert::<TimelyEventBuilder, _>("timely", move |now, events| {
            if let Some(events) = events {
                events.iter().for_each(|(at, event)| clock.take(*at, event));
                events.clear();
            }
            clock.show(*now);
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

    /// Shows what was summed up, now and then: the log is flushed at every step.
    fn show(&mut self, now: Duration) {
        if now.saturating_sub(self.shown) < SHOW_EVERY {
            return;
        }
        self.shown = now;
        for (busy, seconds) in self.busy.iter_mut().zip(&self.seconds) {
            let busy = std::mem::take(busy);
            if !busy.is_zero() {
                seconds.inc_by(busy.as_secs_f64());
            }
        }
        self.steps.flush();
    }
}

/// The place of an operator's stage. Decoding goes on outside of the dataflow, and has no place here.
fn place_of(name: &str) -> usize {
    let name = if ENDS.contains(&name) { Stage::Outputs.name() } else { name };
    let stages = &Stage::ALL[1..];
    stages.iter().position(|stage| stage.name() == name).unwrap_or(stages.len())
}
