//! The whole pipeline on one screen.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use gyre_domain::anomaly::AnomalyKind;
use gyre_domain::rules::Rules;
use gyre_domain::time::GamingDays;
use timely::dataflow::operators::core::Concatenate;
use timely::dataflow::operators::core::feedback::Handle;
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::{ConnectLoop, Enter, Feedback, Leave};
use timely::dataflow::{Scope, StreamVec};

use crate::anomalies::links;
use crate::batch::Batch;
use crate::checkpoint::Saving;
use crate::checkpoint::later::{HandIn, hand_in};
use crate::decode::provider::Provider;
use crate::faults::FaultTeller;
use crate::keys::JobKey;
use crate::names::Names;
use crate::ops::coming::{Clock, bring_into_force, clock};
use crate::ops::fan_out::fan_out;
use crate::ops::fold_by_key::Pace;
use crate::recollect::Laps;
use crate::rows::Wanted;
use crate::rows::records::Places;
use crate::rulebook::{Config, Configured, RuleChange};
use crate::seams::{Coming, Found, Ground, LinkStreams, PlaysBatch, Reading};
use crate::{Stage, Tick, aggregates, anomalies, ledger, matching, outputs, recollect, settle, validate};

/// What the stages go by.
#[derive(Clone)]
pub struct Settings {
    /// The job's secret.
    pub keys: JobKey,
    /// How many workers there are.
    pub workers: usize,
    /// What the reader wants.
    pub wanted: Wanted,
    /// How positions are written.
    pub places: Places,
    /// The end of the inputs is the end of a replay.
    pub rest_at_end: bool,
    /// Ticks are exact, multiples of so many milliseconds; else as coarse as the batches come.
    pub exact_tick_ms: Option<u64>,
    /// How long after their time records are taken.
    pub horizon_ms: u64,
    /// How long an open wager is kept.
    pub horizon_open_ms: u64,
    /// How much earlier than its wager an outcome may be.
    pub skew_ms_max: u64,
    /// How long after a wager its result is due, where its game says nothing.
    pub result_due_ms: u64,
    /// The days of the gaming day's zone.
    pub gaming_days: GamingDays,
    /// |z| beyond which a game is out of band, in thousandths.
    pub rtp_band_z: u32,
    /// From where on something is an anomaly, and whether it holds payouts, where no rules row says so.
    pub config: Config,
    /// Rules rows can come: what needs to be kept for them is kept.
    pub rules_come: bool,
    /// How long after its anomaly a rule's hold is there.
    pub hold_after_ms: u64,
    /// When failed records enter again; `None` leaves the loop out. It needs exact ticks.
    pub laps: Option<Laps>,
    /// Who answers requests for failed records, in a replay.
    pub provider: Option<Arc<Provider>>,
    /// What it answered in the run before.
    pub answers: Arc<[Coming]>,
}

impl Settings {
    /// What a replay goes by under these rules; `None` where there is no such time zone. Laps are counted by ticks;
    /// without them, and unless changes are read, any tick comes to the same books.
    pub fn of_replay(rules: &Rules, workers: usize, wanted: Wanted, keys: JobKey) -> Option<Self> {
        Some(Self {
            keys,
            workers,
            wanted,
            places: Places::Files,
            rest_at_end: true,
            exact_tick_ms: (wanted.changes || rules.recollect).then_some(rules.tick_ms),
            horizon_ms: rules.horizon_ms,
            horizon_open_ms: rules.horizon_open_ms,
            skew_ms_max: rules.skew_ms_max,
            result_due_ms: rules.result_due_ms,
            gaming_days: GamingDays::in_zone(&rules.gaming_day_zone)?,
            rtp_band_z: rules.rtp_band_z,
            config: AnomalyKind::ALL
                .map(|kind| Configured { bounds: rules.bounds(kind), holds: rules.holds[kind as usize] }),
            rules_come: true,
            hold_after_ms: rules.tick_ms,
            laps: rules.recollect.then(|| Laps::new(&rules.lap_delays_ms, rules.tick_ms)),
            provider: None,
            answers: Arc::default(),
        })
    }

    /// What a run without end goes by: every tick and every change counts, and time is what ends things.
    pub fn of_run(
        rules: &Rules,
        workers: usize,
        wanted: Wanted,
        keys: JobKey,
        places: Places,
    ) -> Option<Self> {
        let replay = Self::of_replay(rules, workers, Wanted { changes: true, ..wanted }, keys)?;
        Some(Self { places, rest_at_end: false, ..replay })
    }

    /// Whether payouts may be held without a rules row that says so.
    fn may_hold(&self) -> bool {
        self.config.iter().any(|configured| configured.holds)
    }

    /// How the folds handle ticks.
    pub fn pace(&self) -> Pace {
        Pace {
            timer_tick_ms: self.exact_tick_ms,
            forget_ticks: (self.horizon_ms / 64).max(1),
            rest_at_end: self.rest_at_end,
            gathers: false,
            ends_when_closed: false,
        }
    }

    /// The last tick at which a record can come for a key whose latest time is this.
    pub fn forget_after(&self, latest_ms: u64, is_open: bool) -> Tick {
        latest_ms + if is_open { self.horizon_ms.max(self.horizon_open_ms) } else { self.horizon_ms }
    }

    /// Tells faults, where anybody asks.
    pub fn fault_teller(&self) -> FaultTeller {
        let are_asked = self.wanted.changes || self.provider.is_some();
        FaultTeller::new(self.keys, self.workers, self.laps.as_ref().map(|laps| laps.of_one(are_asked)))
    }

    /// The rows that stand at rest.
    pub fn wanted_at_rest(&self) -> Wanted {
        Wanted { changes: true, ..self.wanted }
    }
}

/// Builds the pipeline over batches of records. What a failed record needs to be judged again leaves at the end of the
/// loop and comes back in front of validate, later by the loop's delay.
pub fn build<'s>(batches: StreamVec<'s, Tick, Batch>, settings: &Settings) -> StreamVec<'s, Tick, Reading> {
    build_saving(batches, settings, &Saving::off())
}

/// The same, whose state can be saved and brought back.
pub fn build_saving<'s>(
    batches: StreamVec<'s, Tick, Batch>,
    settings: &Settings,
    saving: &Saving,
) -> StreamVec<'s, Tick, Reading> {
    build_both(batches, settings, None, saving).0
}

/// The same, and what would be told beside it, were figures, records and links judged by `other` settings: anomalies,
/// and of balances what rules hold.
pub fn build_beside<'s>(
    batches: StreamVec<'s, Tick, Batch>,
    settings: &Settings,
    other: Option<&Settings>,
) -> (StreamVec<'s, Tick, Reading>, Option<StreamVec<'s, Tick, Reading>>) {
    build_both(batches, settings, other, &Saving::off())
}

fn build_both<'s>(
    batches: StreamVec<'s, Tick, Batch>,
    settings: &Settings,
    other: Option<&Settings>,
    saving: &Saving,
) -> (StreamVec<'s, Tick, Reading>, Option<StreamVec<'s, Tick, Reading>>) {
    let scope: Scope<'s, Tick> = batches.scope();
    let (open, again, back) = open_loop(scope, settings, saving);
    let (batches, clock) = clock(batches, settings.exact_tick_ms);
    let answers = settings.provider.as_ref().map(|provider| provider.enter(&settings.answers, scope));
    let batches = scope.concatenate(answers.into_iter().chain([batches]));
    let accounts = saving.op("names of accounts").keep(Names::default());

    let sound = scope.region_named(Stage::Validate.name(), |region| {
        validate::build(batches.enter(region), again.enter(region), settings, saving).leave(scope)
    });
    let may_hold = other.into_iter().chain([settings]).any(Settings::may_hold);
    let matched = scope.region_named(Stage::Matching.name(), |region| {
        let (records, laps) = (sound.records.enter(region), sound.laps.enter(region));
        let decided = sound.decided.clone().enter(region);
        matching::build(records, laps, decided, may_hold, settings, saving).leave(scope)
    });
    let ledger = scope.region_named(Stage::Ledger.name(), |region| {
        ledger::build(matched.ledger.enter(region), &accounts).leave(scope)
    });
    let rules = in_force(matched.rules, clock, settings, saving);
    let suspicions = scope.concatenate([sound.suspicions, matched.suspicions]);
    let inputs = anomalies::Inputs { events: ledger.events, wins: ledger.wins, suspicions, rules };
    let figures = (matched.plays, matched.links);
    let others = other.map(|other| {
        let off = Saving::off();
        let (grounds, told) = judge(BESIDE, figures.clone(), inputs.clone(), &accounts, other, &off);
        (settle::moves_beside(matched.payables.clone(), grounds, other), told)
    });
    let (grounds, judged) = judge(IN_FORCE, figures, inputs, &accounts, settings, saving);
    let settled = scope.region_named(Stage::Settle.name(), |region| {
        let seen = region.concatenate([sound.seen.enter(region), matched.seen.enter(region)]);
        let (decided, grounds) = (sound.decided.enter(region), grounds.enter(region));
        let payables = matched.payables.enter(region);
        settle::build(settle::Inputs { decided, seen, grounds, payables }, settings, saving).leave(scope)
    });
    let others = others.map(|(moves, told)| {
        let held = ledger::beside::held(settled.moves.clone(), moves, &accounts, settings);
        scope.concatenate([told, held])
    });
    let balances = scope.region_named(Stage::Ledger.name(), |region| {
        let (addends, moves) = (ledger.addends.enter(region), settled.moves.enter(region));
        ledger::balances(addends, moves, &accounts, settings, saving).leave(scope)
    });
    let mut told = vec![sound.told, matched.told, balances, judged, settled.told];
    if let (Some(laps), Some(open)) = (&settings.laps, open) {
        let faults = scope.concatenate([sound.faults, matched.faults]);
        let recollected = scope.region_named(Stage::Recollect.name(), |region| {
            recollect::build(faults.enter(region), laps, settings, saving, back).leave(scope)
        });
        recollected.laps.connect_loop(open);
        told.push(recollected.told);
    }
    (outputs::build(told), others)
}

/// Standing rules, and those of them whose time has come.
fn in_force<'s>(
    standing: StreamVec<'s, Tick, RuleChange>,
    clock: Clock<'s>,
    settings: &Settings,
    saving: &Saving,
) -> anomalies::Rules<'s> {
    let op = saving.op("bring rules into force");
    let in_force = bring_into_force(standing.clone(), clock, settings.exact_tick_ms, op);
    anomalies::Rules { standing, in_force }
}

/// The regions of [`judge`] under the rules in force.
const IN_FORCE: [&str; 2] = [Stage::Aggregates.name(), Stage::Anomalies.name()];
/// The same under other rules.
const BESIDE: [&str; 2] = ["aggregates under other rules", "anomalies under other rules"];

/// On what rules hold payouts, and what they tell of figures, records and links. `stages` are the names of the regions.
fn judge<'s>(
    stages: [&str; 2],
    (plays, links): (StreamVec<'s, Tick, PlaysBatch>, LinkStreams<'s>),
    inputs: anomalies::Inputs<'s>,
    accounts: &Rc<RefCell<Names>>,
    settings: &Settings,
    saving: &Saving,
) -> (StreamVec<'s, Tick, Ground>, StreamVec<'s, Tick, Reading>) {
    let scope = plays.scope();
    let in_force = inputs.rules.in_force.clone();
    let rtp = scope.region_named(stages[0], |region| {
        aggregates::build(plays.enter(region), in_force.clone().enter(region), settings, saving).leave(scope)
    });
    let found = scope.region_named(stages[1], |region| {
        let linked = links::build(links.enter(region), in_force.enter(region), settings, saving);
        let found = anomalies::build(inputs.enter(region), accounts, settings, saving);
        region.concatenate([linked, found]).leave(scope)
    });
    hand_out(scope.concatenate([rtp, found]))
}

/// Hands out on which rules hold payouts, and what is told.
fn hand_out<'s>(
    found: StreamVec<'s, Tick, Found>,
) -> (StreamVec<'s, Tick, Ground>, StreamVec<'s, Tick, Reading>) {
    fan_out(found, "hand out grounds", |found: Found, parts| {
        parts.first.extend(found.grounds);
        parts.second.push(found.told);
    })
}

/// The end of the loop, to be connected.
type Open<'s> = Handle<'s, Tick, Vec<Batch>>;

/// The end of the loop, its beginning, and where laps come back that were under way. Laps have an edge of their own, so
/// that nothing but a verdict waits for them.
fn open_loop<'s>(
    scope: Scope<'s, Tick>,
    settings: &Settings,
    saving: &Saving,
) -> (Option<Open<'s>>, StreamVec<'s, Tick, Batch>, HandIn<Batch>) {
    let (under_way, back) = hand_in(scope, "hand in laps under way", saving);
    let Some(laps) = &settings.laps else { return (None, empty(scope), back) };
    let (open, again) = scope.feedback(laps.loop_ms);
    let again = if saving.is_on() { scope.concatenate([again, under_way]) } else { again };
    (Some(open), again, back)
}
