//! What passes between stages.

use std::sync::Arc;

use gyre_domain::cause::Cause;
use gyre_domain::currency::Currency;
use gyre_domain::integrity::wins::Wins;
use gyre_domain::records::Record;
use gyre_domain::rtp::Plays;
use gyre_domain::rules::LAPS_MAX;
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::{Enter, Leave};
use timely::dataflow::{Scope, StreamVec};

use crate::Tick;
use crate::batch::Head;
use crate::directives::{Sight, Target};
use crate::keys::JobKey;
use crate::ops::timeline_by_key::Changes;
use crate::rows::records::push_conflict;
use crate::rows::{AnomalyKind, AtRest, Rows, end_anomaly, write};
use crate::rulebook::Ruling;

/// The texts of an account or a game, told once by whoever sees it first: its owner keeps them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Name {
    /// Under which it is known between workers.
    pub key: u128,
    /// Under which its teller speaks of it.
    pub number: u32,
    /// Tenant and account; or tenant, provider and game.
    pub texts: Vec<Box<str>>,
    /// Of an account.
    pub currency: Option<Currency>,
}

impl Name {
    /// Of an account in its currency.
    pub fn account(key: u128, number: u32, tenant: &str, account: &str, currency: Currency) -> Self {
        Self { key, number, texts: vec![tenant.into(), account.into()], currency: Some(currency) }
    }

    /// Of a game.
    pub fn game(key: u128, number: u32, tenant: &str, provider: &str, game: &str) -> Self {
        Self { key, number, texts: vec![tenant.into(), provider.into(), game.into()], currency: None }
    }

    /// Whether it is a game's.
    pub fn is_game(&self) -> bool {
        self.currency.is_none()
    }
}

/// What matching tells a worker about the accounts that it owns. Accounts go by their teller's numbers: ten million
/// events are worth a small form, and a teller's numbers become the owner's by one look-up in a list.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct LedgerBatch {
    /// That worker.
    pub worker: u32,
    /// Who tells.
    pub teller: u32,
    /// Accounts that may be new to the owner.
    pub names: Vec<Name>,
    /// Events of players' accounts, by tick.
    pub changes: Vec<Changes>,
    /// System accounts: account, minor units, legs, tick.
    pub sums: Vec<(u32, i128, i64, Tick)>,
    /// Changes of what players won: account, sums, tick.
    pub wins: Vec<(u32, Wins, Tick)>,
    /// What moves from players' cash to what is held for them: account, minor units, legs, tick.
    pub held: Vec<(u32, i128, i64, Tick)>,
}

impl LedgerBatch {
    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        let Self { names, changes, sums, wins, held, .. } = self;
        names.is_empty() && changes.is_empty() && sums.is_empty() && wins.is_empty() && held.is_empty()
    }
}

impl PlaysBatch {
    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.plays.is_empty()
    }
}

/// Whose payouts can be held, each by its key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum HoldTarget {
    /// Those of one wager.
    Wager(u128),
    /// All of a player's, in every currency.
    Account(u128),
    /// All of a game's.
    Game(u128),
}

impl HoldTarget {
    /// A provider's wager.
    pub fn wager(keys: &JobKey, tenant: &str, provider: &str, wager_id: &str) -> Self {
        Self::Wager(keys.of(&[tenant, provider, wager_id]))
    }

    /// A tenant's player.
    pub fn account(keys: &JobKey, tenant: &str, account: &str) -> Self {
        Self::Account(keys.of(&[tenant, account]))
    }

    /// A provider's game.
    pub fn game(keys: &JobKey, tenant: &str, provider: &str, game: &str) -> Self {
        Self::Game(keys.of(&[tenant, provider, game]))
    }
}

/// A ground on which a rule holds payouts: an anomaly that stands comes (`diff` 1), and leaves (−1) as it was. What has
/// a ground, or a command that holds it, is held.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Ground {
    /// Whose payouts.
    pub target: HoldTarget,
    /// Since when.
    pub tick: Tick,
    /// 1 or −1.
    pub diff: isize,
}

/// After every tick of a job: when what is found at the end of all of them is told.
pub const AT_END: Tick = Tick::MAX - 1;

/// What looks wrong with one record, whatever the rules: they say by which version, and whether it holds payouts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Suspicion {
    /// Whose books.
    pub tenant: Box<str>,
    /// Of which kind.
    pub kind: AnomalyKind,
    /// Its rule is that of this time; `None` where its rule is the newest.
    pub at_ms: Option<u64>,
    /// Its row, but for the rule.
    pub row: Vec<u8>,
    /// Whose payouts a rule would hold for it.
    pub target: Option<HoldTarget>,
    /// Under which its records meet: whoever owns that tells of it.
    pub key: u128,
}

impl Suspicion {
    /// Of different contents under one identity and revision; the first one stands.
    pub fn conflict(rivals: &[Record<'_>], keys: &JobKey) -> Option<Self> {
        let standing = rivals.first()?;
        let (tenant, provider) = (&*standing.origin().tenant, &*standing.origin().provider);
        let target = match standing {
            Record::Wager(wager) => Some(HoldTarget::wager(keys, tenant, provider, &wager.wager_id)),
            Record::Outcome(outcome) => Some(HoldTarget::wager(keys, tenant, provider, &outcome.wager_id)),
            Record::Payment(payment) => Some(HoldTarget::account(keys, tenant, &payment.account)),
            Record::Account(account) => Some(HoldTarget::account(keys, tenant, &account.account)),
            Record::Game(game) => Some(HoldTarget::game(keys, tenant, provider, &game.game)),
            Record::Rule(_) | Record::Command(_) => None,
        };
        Some(Self {
            tenant: tenant.into(),
            kind: AnomalyKind::Conflict,
            at_ms: standing.at_ms(),
            row: write(|out| push_conflict(out, rivals)),
            target,
            key: Head::of(standing, keys).key,
        })
    }

    /// Its row, judged.
    pub fn judged(&self, ruling: &Ruling) -> Vec<u8> {
        let mut row = self.row.clone();
        end_anomaly(&mut row, &ruling.version);
        row
    }
}

/// What who judges tells.
#[derive(Clone, Default, Debug)]
pub struct Found {
    /// Rows and counts.
    pub told: Reading,
    /// On which rules hold payouts.
    pub grounds: Vec<Ground>,
}

impl Found {
    /// Tells that a ground comes (`diff` 1) or leaves (−1), where the ruling holds.
    pub fn ground(&mut self, ruling: &Ruling, target: HoldTarget, tick: Tick, diff: isize) {
        if ruling.holds {
            self.grounds.push(Ground { target, tick, diff });
        }
    }
}

/// Payouts of a wager, in its player's cash unless a rule holds them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Payable {
    /// Whose payouts they are: those of a wager, a player and a game.
    pub of: [HoldTarget; 3],
    /// The player's account in its currency, by key.
    pub purse: u128,
    /// Minor units.
    pub minor: i128,
    /// Legs of entries.
    pub legs: i64,
    /// After this tick nothing is held any more that was not.
    pub until: Tick,
    /// Where they are read: the rows of its postings, each in cash and held.
    pub postings: Vec<[Vec<u8>; 2]>,
}

/// Money that moves from a player's cash to what is held, by the key of the account: minor units, legs.
pub type Move = (u128, i128, i64, Tick);

/// What is seen of a command's target, for whoever says what commands did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// Of what.
    pub target: Target,
    /// What.
    pub what: Sighting,
    /// At which tick.
    pub tick: Tick,
}

/// See [`Seen`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Sighting {
    /// How it stands, coming (1) or going (−1).
    Sight(Sight, i64),
    /// When it came.
    Since(Tick),
}

impl Seen {
    /// A sight that comes (`diff` 1) or goes (−1).
    pub fn sight(sight: Sight, tick: Tick, diff: i64) -> Self {
        Self { target: sight.target, what: Sighting::Sight(sight, diff), tick }
    }

    /// A target is seen for the first time: it came at `since`, 0 where it was there before anybody asked.
    pub fn new(target: Target, since: Tick, tick: Tick) -> Self {
        Self { target, what: Sighting::Since(since), tick }
    }
}

/// What matching tells a worker about the games that it owns.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct PlaysBatch {
    /// That worker.
    pub worker: u32,
    /// Games that may be new to it.
    pub names: Vec<Name>,
    /// Changes of plays: game, currency, the quarter of an hour in which the wagers were placed, tick.
    pub plays: Vec<(u128, Currency, u32, Plays, Tick)>,
}

/// A text of a tenant's, as it is shown. Within a tenant ordered by the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Named {
    /// The tenant, and behind it the text.
    both: Arc<str>,
    /// Bytes of the tenant.
    tenant_bytes: u8,
}

impl Named {
    /// A text of a tenant's; sound ones have at most 128 bytes.
    pub fn new(tenant: &str, text: &str) -> Self {
        Self { both: format!("{tenant}{text}").into(), tenant_bytes: tenant.len() as u8 }
    }

    /// Whose it is.
    pub fn tenant(&self) -> &str {
        &self.both[..usize::from(self.tenant_bytes)]
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.both[usize::from(self.tenant_bytes)..]
    }
}

/// What accounts may share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Means {
    /// What a wager was placed on.
    Device,
    /// What was paid with.
    Instrument,
}

/// A player used something: at least one standing record says so, as far as whoever tells it sees. Ordered by key, so
/// that texts are compared only where they are the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Tie {
    /// The device or the instrument.
    pub shared: Shared,
    /// The player, in whatever currency.
    pub player: Player,
}

/// Under which name the ties that stand are saved: who arranges them writes, who counts records reads.
pub const TIES: &str = "arrange accounts by what they used";

/// A device or a payment instrument.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Shared {
    /// Under which it is known between workers.
    pub key: u128,
    /// Which of them.
    pub means: Means,
    /// Its text.
    pub name: Named,
}

/// A player: an account in whatever currency.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Player {
    /// Under which it is known between workers.
    pub key: u128,
    /// The account.
    pub name: Named,
}

impl Tie {
    /// Under which the tie itself is known.
    pub fn key(&self) -> u128 {
        tie_key(self.shared.key, self.player.key)
    }
}

/// The key of a tie, from those of what is shared and of the player.
pub fn tie_key(shared: u128, player: u128) -> u128 {
    shared ^ player.rotate_left(64)
}

/// A settled wager's part in its round, coming or going. Free rounds take none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bet {
    /// Tenant, provider, game, round and currency.
    pub round: u128,
    /// The player.
    pub player: u128,
    /// Of stake and payout.
    pub currency: Currency,
    /// Minor units.
    pub stake: i64,
    /// Minor units.
    pub payout: i128,
    /// When it was placed.
    pub at_ms: u64,
    /// When it was settled.
    pub settled_at_ms: u64,
}

/// What matching tells of links between accounts.
#[derive(Clone, Default, Debug)]
pub struct Links {
    /// Who used what.
    pub ties: Vec<(Tie, Tick, isize)>,
    /// Settled wagers with a round.
    pub bets: Vec<(Bet, Tick, isize)>,
    /// The texts of those who bet: told once by whoever sees a bet of theirs first.
    pub players: Vec<(Player, Tick, isize)>,
}

impl Links {
    /// Whether nothing is told.
    pub fn is_empty(&self) -> bool {
        self.ties.is_empty() && self.bets.is_empty() && self.players.is_empty()
    }
}

/// The same between stages.
#[derive(Clone)]
pub struct LinkStreams<'s> {
    /// Who used what.
    pub ties: StreamVec<'s, Tick, (Tie, Tick, isize)>,
    /// Settled wagers with a round.
    pub bets: StreamVec<'s, Tick, (Bet, Tick, isize)>,
    /// The texts of those who bet.
    pub players: StreamVec<'s, Tick, (Player, Tick, isize)>,
}

impl<'s> LinkStreams<'s> {
    /// Enters a stage's region.
    pub fn enter<'r>(self, region: Scope<'r, Tick>) -> LinkStreams<'r> {
        LinkStreams {
            ties: self.ties.enter(region),
            bets: self.bets.enter(region),
            players: self.players.enter(region),
        }
    }

    /// Leaves a stage's region.
    pub fn leave<'o>(self, scope: Scope<'o, Tick>) -> LinkStreams<'o> {
        LinkStreams {
            ties: self.ties.leave(scope),
            bets: self.bets.leave(scope),
            players: self.players.leave(scope),
        }
    }
}

/// Counts of the summary, as differences that add up.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Extra equal copies.
    pub duplicates: i64,
    /// Open wagers.
    pub open: i64,
    /// Settled wagers.
    pub settled: i64,
    /// Cancelled wagers.
    pub cancelled: i64,
    /// Wagers whose cancel came without them.
    pub tombstones: i64,
    /// Standing rejects by cause.
    pub rejects: [i64; Cause::ALL.len()],
    /// Standing anomalies by kind.
    pub anomalies: [i64; AnomalyKind::ALL.len()],
    /// Faults that mended, by how often they had entered again.
    pub recovered: [i64; LAPS_MAX + 1],
    /// Records in quarantine.
    pub quarantined: i64,
    /// Laps that asked the provider.
    pub requested: i64,
    /// Laps whose verdict was the one before.
    pub same_fault: i64,
    /// Verdicts that named another cause than the one before.
    pub other_fault: i64,
    /// Commands that apply.
    pub decisions: i64,
    /// Σ balances by currency; zero, or the books are wrong.
    pub imbalance: Vec<(Currency, i128)>,
}

impl Counts {
    /// What is a function of the records alone, whenever they came: without what the loop counted.
    pub fn of_books(&self) -> Counts {
        let Counts { duplicates, open, settled, cancelled, tombstones, rejects, anomalies, .. } = *self;
        let imbalance = self.imbalance.clone();
        let books = Counts {
            duplicates,
            open,
            settled,
            cancelled,
            tombstones,
            rejects,
            anomalies,
            ..Counts::default()
        };
        Counts { imbalance, ..books }
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &Counts) {
        self.duplicates += other.duplicates;
        self.open += other.open;
        self.settled += other.settled;
        self.cancelled += other.cancelled;
        self.tombstones += other.tombstones;
        self.decisions += other.decisions;
        for (mine, theirs) in self.rejects.iter_mut().zip(other.rejects) {
            *mine += theirs;
        }
        for (mine, theirs) in self.anomalies.iter_mut().zip(other.anomalies) {
            *mine += theirs;
        }
        for (mine, theirs) in self.recovered.iter_mut().zip(other.recovered) {
            *mine += theirs;
        }
        self.quarantined += other.quarantined;
        self.requested += other.requested;
        self.same_fault += other.same_fault;
        self.other_fault += other.other_fault;
        for &(currency, sum) in &other.imbalance {
            match self.imbalance.iter_mut().find(|entry| entry.0 == currency) {
                Some(entry) => entry.1 += sum,
                None => self.imbalance.push((currency, sum)),
            }
        }
    }
}

/// An answer of a replay's provider on its way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Coming {
    /// When it comes in.
    pub tick: Tick,
    /// Its place among the answers that the provider knows.
    pub answer: u32,
}

/// What a reader of the outputs gets.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// Changes of rows.
    pub changes: Rows,
    /// Rows at rest.
    pub rest: AtRest,
    /// Differences of the counts.
    pub counts: Counts,
    /// What the provider of a replay answers.
    pub answers: Vec<Coming>,
}

impl Reading {
    /// Bytes of rows.
    pub fn bytes(&self) -> usize {
        self.changes.bytes() + self.rest.bytes()
    }
}
