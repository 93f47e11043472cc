//! What was decided about records and money, as every worker holds it beside its keys.
//!
//! A decision reaches a record by its digest, and money by the key of a wager, a player or a game. Of the commands about
//! one target the last in the order of (`at_ms`, `command_id`) decides, in whatever order they came; so what follows
//! from them is a function of the set. Where nothing was decided, nothing is looked at.

use gyre_domain::cause::Cause;
use gyre_domain::commands::{CommandKind, Held, Verdict, parse_digest};
use gyre_domain::records::{Record, Topic, Wager, digest};
use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::Tick;
use crate::batch::Head;
use crate::checkpoint::Whose;
use crate::graph::Settings;
use crate::keys::{JobKey, Keyed};
use crate::packed::{Packed, pack};
use crate::rows::records::AMENDED;
use crate::seams::HoldTarget;

/// A SHA-256.
pub type Digest = [u8; 32];

/// What a command is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Target {
    /// The record with this digest.
    Record(Digest),
    /// Payouts.
    Payouts(HoldTarget),
}

impl Target {
    /// Under which key all that is said of the target meets.
    pub fn key(&self, keys: &JobKey) -> u128 {
        match self {
            Target::Record(digest) => keys.of(&[&gyre_domain::records::hex(digest)]),
            // A game and a wager of one name have one key.
            Target::Payouts(HoldTarget::Wager(key)) => key.rotate_left(1),
            Target::Payouts(HoldTarget::Account(key)) => key.rotate_left(2),
            Target::Payouts(HoldTarget::Game(key)) => key.rotate_left(3),
        }
    }
}

/// A command in force.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Order {
    /// When it was decided.
    at_ms: u64,
    /// Its id, tenant and provider: ties go by them.
    id: [Box<str>; 3],
    /// About what.
    pub target: Target,
    /// What it does.
    pub kind: CommandKind,
    /// Under which its records meet.
    pub key: u128,
    /// The first tick at which it came.
    pub admitted: Tick,
    /// The command.
    packed: Vec<u8>,
    /// Its bytes as received.
    pub raw: Vec<u8>,
}

impl Order {
    /// Of a standing command.
    pub fn new(packed: Packed<'_>, raw: &[u8], admitted: Tick, keys: &JobKey) -> Option<Self> {
        let command = packed.command();
        let (tenant, provider) = (&*command.origin.tenant, &*command.origin.provider);
        let target = match parse_digest(&command.target) {
            Some(digest) => Target::Record(digest),
            None => Target::Payouts(match Held::parse(&command.target)? {
                Held::Wager(id) => HoldTarget::wager(keys, tenant, provider, id),
                Held::Account(id) => HoldTarget::account(keys, tenant, id),
                Held::Game(id) => HoldTarget::game(keys, tenant, provider, id),
            }),
        };
        Some(Self {
            at_ms: command.at_ms,
            id: [&*command.command_id, tenant, provider].map(Box::from),
            target,
            kind: command.kind,
            key: keys.of(&[tenant, provider, &command.command_id]),
            admitted,
            packed: packed.0.to_vec(),
            raw: raw.to_vec(),
        })
    }

    /// The command.
    pub fn packed(&self) -> Packed<'_> {
        Packed(&self.packed)
    }

    /// What the command's record is in the place of a line that is no sound record of the topic: its own time is held
    /// against the command's.
    pub fn amended_line(&self, topic: Topic, settings: &Settings) -> Result<Record<'_>, Cause> {
        let record = self.packed().amended(topic)?.record(topic);
        match record.at_ms() {
            Some(at_ms) if at_ms > self.at_ms.saturating_add(settings.skew_ms_max) => Err(Cause::ClockSkew),
            Some(at_ms) if self.at_ms > at_ms.saturating_add(settings.horizon_ms) => Err(Cause::PastHorizon),
            _ => Ok(record),
        }
    }

    /// What it is in the place of a sound record: the next revision, of the same wager, payment or row.
    fn amended(&self, came: &Record<'_>, settings: &Settings) -> Result<Record<'_>, Cause> {
        let record = self.amended_line(came.topic(), settings)?;
        let next = came.origin().revision.checked_add(1).ok_or(Cause::TargetMismatch)?;
        if Head::of(&record, &settings.keys).key != Head::of(came, &settings.keys).key {
            return Err(Cause::TargetMismatch);
        }
        let revision = record.origin().revision.max(next);
        Ok(record.at_revision(revision))
    }

    /// The position of what it brings.
    pub fn position(&self) -> u64 {
        self.packed().position() | AMENDED
    }

    /// The bytes of what it brings.
    pub fn amended_raw(&self) -> Vec<u8> {
        self.packed().command().record.map_or_else(Vec::new, |record| record.as_bytes().to_vec())
    }
}

/// What somebody decided: a command in force, as all workers have it.
pub type Decided = Box<Order>;

/// What is seen of a target where its records are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sight {
    /// Of what.
    pub target: Target,
    /// How it would stand if no command spoke of it.
    pub came: Verdict,
    /// The commands (by key) whose record cannot take its place, each with the check that fails.
    pub refused: Vec<(u128, Cause)>,
}

impl Sight {
    /// For what a command is refused.
    pub fn refused_for(&self, command: u128) -> Option<Cause> {
        self.refused.iter().find(|(key, _)| *key == command).map(|(_, cause)| *cause)
    }

    /// Of payouts that stand.
    pub fn standing(target: Target) -> Self {
        Self { target, came: Verdict::Standing, refused: Vec::new() }
    }
}

/// What becomes of a record that commands speak of.
pub enum Becomes<'o> {
    /// It is judged as it came.
    AsItCame,
    /// It takes part in nothing.
    Nothing,
    /// Another takes its place.
    Another(&'o Order, Box<Record<'o>>),
}

/// See the module.
#[derive(Default)]
pub struct Directives {
    records: HashMap<Digest, Vec<Order>, Keyed>,
    holds: HashMap<HoldTarget, Vec<Order>, Keyed>,
    seen: HashSet<Target, Keyed>,
    /// Targets seen for the first time, each with the tick at which it came; whoever tells takes them.
    pub new: Vec<(Target, Tick)>,
}

impl Directives {
    /// Whether nothing is decided.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.holds.is_empty()
    }

    /// Asks about a target, without deciding anything: who is asked about many at once looks through its keys once.
    pub fn ask(&mut self, decided: Option<&Decided>) {
        if let Some(decided) = decided {
            self.take(decided, 1);
        }
    }

    /// Whether nothing is decided about records.
    #[inline]
    pub fn spares_records(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether nothing is decided about payouts.
    #[inline]
    pub fn spares_payouts(&self) -> bool {
        self.holds.is_empty()
    }

    /// Takes in what was decided, or takes it out.
    pub fn take(&mut self, order: &Decided, diff: isize) {
        match order.target {
            Target::Record(digest) => {
                let orders = self.records.entry(digest).or_default();
                take_order(orders, order, diff);
                if orders.is_empty() {
                    self.records.remove(&digest);
                }
            }
            Target::Payouts(target) => {
                let orders = self.holds.entry(target).or_default();
                take_order(orders, order, diff);
                if orders.is_empty() {
                    self.holds.remove(&target);
                }
            }
        }
    }

    /// The digest of a record that commands speak of.
    pub fn digest_of(&self, record: &Record<'_>) -> Option<Digest> {
        if self.records.is_empty() {
            return None;
        }
        let mut content = Vec::new();
        record.canonical(&mut content);
        Some(digest(&content)).filter(|digest| self.records.contains_key(digest))
    }

    /// Whether commands speak of a record.
    pub fn speaks_of(&self, digest: &Digest) -> bool {
        self.records.contains_key(digest)
    }

    /// What becomes of a target, and which commands about it are refused; `amended` is what a command's record is in
    /// its place.
    pub fn fate<'d>(
        &'d self,
        digest: &Digest,
        amended: impl Fn(&'d Order) -> Result<Record<'d>, Cause>,
    ) -> (Becomes<'d>, Vec<(u128, Cause)>) {
        let (mut becomes, mut refused) = (Becomes::AsItCame, Vec::new());
        for order in self.records.get(digest).into_iter().flatten() {
            match order.kind {
                CommandKind::Discard => becomes = Becomes::Nothing,
                CommandKind::Amend => match amended(order) {
                    Ok(record) => becomes = Becomes::Another(order, Box::new(record)),
                    Err(cause) => refused.push((order.key, cause)),
                },
                _ => becomes = Becomes::AsItCame,
            }
        }
        (becomes, refused)
    }

    /// [`Directives::fate`] of a sound record.
    pub fn fate_of<'d>(
        &'d self,
        digest: &Digest,
        came: &Record<'_>,
        settings: &Settings,
    ) -> (Becomes<'d>, Vec<(u128, Cause)>) {
        self.fate(digest, |order| order.amended(came, settings))
    }

    /// Whether any of the targets is held, and those that commands ask about.
    pub fn holding(&self, targets: [HoldTarget; 3]) -> (bool, SmallVec<[Target; 3]>) {
        let (mut is_held, mut asked) = (false, SmallVec::new());
        for target in targets {
            let Some(orders) = self.holds.get(&target) else { continue };
            is_held |= orders.last().is_some_and(|order| order.kind == CommandKind::Hold);
            asked.push(Target::Payouts(target));
        }
        (is_held, asked)
    }

    /// The target, if commands ask about it.
    pub fn asks_about(&self, target: HoldTarget) -> Option<Target> {
        self.holds.contains_key(&target).then_some(Target::Payouts(target))
    }

    /// Whether anything is decided about a target's payouts.
    pub fn speaks_of_payouts(&self, target: &HoldTarget) -> bool {
        self.holds.contains_key(target)
    }

    /// The targets about which anything is decided.
    pub fn hold_targets(&self) -> impl Iterator<Item = &HoldTarget> {
        self.holds.keys()
    }

    /// [`Directives::holding`] of a wager.
    pub fn holding_of(&self, wager: &Wager<'_>, keys: &JobKey) -> (bool, SmallVec<[Target; 3]>) {
        if self.spares_payouts() {
            return (false, SmallVec::new());
        }
        self.holding(hold_targets(wager, keys))
    }

    /// Notes that a target is there since `admitted`; 0 where it was before anybody asked.
    pub fn saw(&mut self, target: Target, admitted: Tick) {
        let is_asked = match &target {
            Target::Record(digest) => self.records.contains_key(digest),
            Target::Payouts(target) => self.holds.contains_key(target),
        };
        if is_asked && self.seen.insert(target) {
            self.new.push((target, admitted));
        }
    }
}

/// What is saved of [`Directives`].
#[derive(Serialize, Deserialize)]
pub enum Kept {
    /// A command in force.
    Decided(Decided),
    /// A target was seen.
    Seen(Target),
}

impl Directives {
    /// What is saved: commands are the same everywhere, what was seen is told by whoever saw it first.
    pub fn saved(&self) -> Vec<(Whose, Kept)> {
        assert!(self.new.is_empty(), "what was seen in a tick was told in it");
        let orders = self.records.values().chain(self.holds.values()).flatten();
        let orders = orders.map(|order| (Whose::Same, Kept::Decided(Box::new(order.clone()))));
        let seen = self.seen.iter().map(|target| (Whose::Everyone, Kept::Seen(*target)));
        orders.chain(seen).collect()
    }

    /// It comes back.
    pub fn back(&mut self, kept: Kept) {
        match kept {
            Kept::Decided(order) => self.take(&order, 1),
            Kept::Seen(target) => _ = self.seen.insert(target),
        }
    }
}

/// Through what a wager's payouts can be held.
pub fn hold_targets(wager: &Wager<'_>, keys: &JobKey) -> [HoldTarget; 3] {
    let (tenant, provider) = (&*wager.origin.tenant, &*wager.origin.provider);
    [
        HoldTarget::wager(keys, tenant, provider, &wager.wager_id),
        HoldTarget::account(keys, tenant, &wager.account),
        HoldTarget::game(keys, tenant, provider, &wager.game),
    ]
}

fn take_order(orders: &mut Vec<Order>, order: &Order, diff: isize) {
    if diff > 0 {
        let at = orders.partition_point(|other| other < order);
        orders.insert(at, order.clone());
    } else if let Some(at) = orders.iter().position(|other| other == order) {
        orders.remove(at);
    }
}

/// A record as bytes, from `position`.
pub fn packed(record: &Record<'_>, position: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    pack(record, position, &mut out);
    out
}
