//! What stands: reference rows, payments, and the life of each wager.

use std::collections::BTreeMap;

use super::Settings;
use super::rows::{Cause, Rejects};
use super::wire::{Fact, Topic};

/// The records of the highest revision, by (at_ms, content): the first of them stands.
fn top<'a>(records: &[&'a Fact]) -> Vec<&'a Fact> {
    let highest = records.iter().map(|record| record.revision).max();
    let mut top: Vec<&Fact> =
        records.iter().filter(|record| Some(record.revision) == highest).copied().collect();
    top.sort_by(|one, two| (one.at_ms, &one.content).cmp(&(two.at_ms, &two.content)));
    top
}

/// Of the records of one identity the one that stands; the others of its revision are conflicts.
pub fn stand<'a>(records: &[&'a Fact], rejects: &mut Rejects) -> Option<&'a Fact> {
    let group = top(records);
    rejects.conflict(&group);
    group.first().copied()
}

/// Facts of a topic by identity.
pub fn grouped<'a, K: Ord>(
    facts: &'a [Fact],
    topic: Topic,
    key: impl Fn(&'a Fact) -> K,
) -> BTreeMap<K, Vec<&'a Fact>> {
    let mut groups: BTreeMap<K, Vec<&Fact>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.topic == topic) {
        groups.entry(key(fact)).or_default().push(fact);
    }
    groups
}

/// (tenant, provider, wager, payment or game).
pub type Key<'a> = (&'a str, &'a str, &'a str);

pub fn key(fact: &Fact) -> Key<'_> {
    (&fact.tenant, &fact.provider, fact.key())
}

/// The standing rows of games, accounts and rules.
pub struct References<'a> {
    pub games: Vec<&'a Fact>,
    pub accounts: Vec<&'a Fact>,
    pub rules: Vec<&'a Fact>,
}

impl<'a> References<'a> {
    pub fn new(facts: &'a [Fact], rejects: &mut Rejects) -> Self {
        let mut standing = |topic| {
            let groups = grouped(facts, topic, |fact| (key(fact), fact.at_ms));
            groups.values().filter_map(|rows| stand(rows, rejects)).collect::<Vec<_>>()
        };
        References {
            games: standing(Topic::Games),
            accounts: standing(Topic::Accounts),
            rules: standing(Topic::Rules),
        }
    }

    /// The row of a wager's game in force when it was placed.
    pub fn game(&self, wager: &Fact) -> Option<&'a Fact> {
        let of_game = self
            .games
            .iter()
            .filter(|row| key(row) == (&*wager.tenant, &*wager.provider, wager.text("game")));
        of_game.filter(|row| row.at_ms <= wager.at_ms).max_by_key(|row| row.at_ms).copied()
    }

    /// How long after a wager its result is due.
    pub fn due_ms(&self, wager: &Fact, settings: &Settings) -> i64 {
        let row = self.game(wager);
        row.and_then(|row| row.number("result_due_ms")).unwrap_or(settings.result_due_ms)
    }

    /// The check of a wager or payment against the rows, where the tenant has any of the kind.
    fn fault(&self, record: &Fact) -> Option<Cause> {
        let of_tenant = |rows: &[&Fact]| rows.iter().any(|row| row.tenant == record.tenant);
        if record.topic == Topic::Wagers && of_tenant(&self.games) && self.game(record).is_none() {
            return Some("unknown_game");
        }
        let opened = |row: &&Fact| {
            row.tenant == record.tenant && row.key() == record.text("account") && row.at_ms <= record.at_ms
        };
        (of_tenant(&self.accounts) && !self.accounts.iter().any(opened)).then_some("unknown_account")
    }

    /// The records that pass.
    fn sound(&self, records: &[&'a Fact], rejects: &mut Rejects) -> Vec<&'a Fact> {
        let mut sound = Vec::new();
        for record in records {
            match self.fault(record) {
                Some(cause) => rejects.received(cause, record),
                None => sound.push(*record),
            }
        }
        sound
    }
}

/// The standing payments.
pub fn payments<'a>(facts: &'a [Fact], references: &References<'a>, rejects: &mut Rejects) -> Vec<&'a Fact> {
    let groups = grouped(facts, Topic::Payments, key);
    groups.values().filter_map(|records| stand(&references.sound(records, rejects), rejects)).collect()
}

/// A standing wager and what became of it.
#[derive(Clone, Debug)]
pub struct Life<'a> {
    pub wager: &'a Fact,
    /// Standing.
    pub settles: Vec<&'a Fact>,
    /// Standing.
    pub unsettles: Vec<&'a Fact>,
    /// Standing.
    pub cancel: Option<&'a Fact>,
    /// Every outcome that came to be matched and is not superseded: standing or rejected.
    pub heard: Vec<&'a Fact>,
    /// `open`, `settled` or `cancelled`.
    pub state: &'static str,
}

impl<'a> Life<'a> {
    pub fn currency(&self) -> &'a str {
        self.wager.text("currency")
    }

    pub fn stake(&self) -> i128 {
        self.wager.minor("stake", self.currency()).unwrap_or_default()
    }

    /// Of one of its settles.
    pub fn payout_of(&self, settle: &Fact) -> i128 {
        settle.minor("payout", self.currency()).unwrap_or_default()
    }

    pub fn payout(&self) -> i128 {
        self.settles.iter().map(|settle| self.payout_of(settle)).sum()
    }

    pub fn settled_at_ms(&self) -> Option<i64> {
        self.settles.iter().map(|settle| settle.at_ms).max()
    }

    /// When its outcome is due, while it is open.
    pub fn due_ms(&self, references: &References<'_>, settings: &Settings) -> i64 {
        let since_ms = self.unsettles.iter().map(|unsettle| unsettle.at_ms).chain([self.wager.at_ms]).max();
        since_ms.unwrap_or_default().saturating_add(references.due_ms(self.wager, settings))
    }

    pub fn outcome_revision(&self) -> Option<i64> {
        self.standing_outcomes().iter().map(|outcome| outcome.revision).max()
    }

    pub fn standing_outcomes(&self) -> Vec<&'a Fact> {
        self.settles.iter().chain(&self.unsettles).chain(&self.cancel).copied().collect()
    }
}

/// Every standing wager, and how many wagers wait as tombstones.
///
/// At the end of a history every timer has fired, so what is open misses its outcome; before that, what is overdue.
pub fn wagers<'a>(
    facts: &'a [Fact],
    references: &References<'a>,
    settings: &Settings,
    rejects: &mut Rejects,
) -> (Vec<Life<'a>>, u64) {
    let wagers = grouped(facts, Topic::Wagers, key);
    let outcomes = grouped(facts, Topic::Outcomes, key);
    let mut keys: Vec<Key<'_>> = wagers.keys().chain(outcomes.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();

    let mut lives = Vec::new();
    let mut tombstones = 0;
    for key in keys {
        let none = Vec::new();
        let records = wagers.get(&key).unwrap_or(&none);
        let outcomes = outcomes.get(&key).unwrap_or(&none);
        match stand(&references.sound(records, rejects), rejects) {
            Some(wager) => {
                let life = live(wager, outcomes, settings, rejects);
                if life.state == "open" && life.due_ms(references, settings) <= settings.until {
                    rejects.displaced("outcome_missing", wager);
                }
                lives.push(life);
            }
            None => {
                let (cancels, others): (Vec<&Fact>, Vec<&Fact>) =
                    outcomes.iter().partition(|outcome| outcome.kind() == "cancel");
                tombstones += u64::from(!cancels.is_empty());
                for outcome in others {
                    rejects.received("outcome_without_wager", outcome);
                }
            }
        }
    }
    (lives, tombstones)
}

/// The check of an outcome against its wager.
fn mismatch(outcome: &Fact, wager: &Fact, settings: &Settings) -> Option<Cause> {
    let differs = |name: &str| outcome.opt(name).is_some_and(|echo| echo != wager.text(name));
    let currency = wager.text("currency");
    if differs("account") {
        Some("account_mismatch")
    } else if differs("game") {
        Some("game_mismatch")
    } else if outcome.opt("stake").is_some()
        && outcome.minor("stake", currency) != wager.minor("stake", currency)
    {
        Some("stake_mismatch")
    } else if differs("currency") {
        Some("currency_mismatch")
    } else if outcome.at_ms + settings.skew_ms_max < wager.at_ms {
        Some("outcome_before_wager")
    } else {
        None
    }
}

fn live<'a>(wager: &'a Fact, outcomes: &[&'a Fact], settings: &Settings, rejects: &mut Rejects) -> Life<'a> {
    let mut heard = Vec::new();

    // Each outcome against the wager.
    let mut matched = Vec::new();
    for outcome in outcomes {
        match mismatch(outcome, wager, settings) {
            Some(cause) => {
                rejects.received(cause, outcome);
                heard.push(*outcome);
            }
            None => matched.push(*outcome),
        }
    }

    // Per outcome_id the highest revision; the first of a group stands provisionally.
    let mut cancels = Vec::new();
    let mut by_outcome_id: BTreeMap<&str, Vec<&Fact>> = BTreeMap::new();
    for outcome in matched {
        match outcome.kind() {
            "cancel" => cancels.push(outcome),
            _ => by_outcome_id.entry(outcome.outcome_id()).or_default().push(outcome),
        }
    }
    let cancels = top(&cancels);
    let mut groups: Vec<Vec<&Fact>> = by_outcome_id.values().map(|group| top(group)).collect();

    // The cancel against the provisional settles.
    let settles: Vec<&Fact> =
        groups.iter().map(|group| group[0]).filter(|first| first.kind() == "settle").collect();
    let revision = settles.iter().map(|settle| settle.revision).max();
    let cancel = cancels.first().copied().filter(|cancel| match revision {
        None => true,
        Some(revision) if cancel.revision == revision => {
            let rivals = settles.iter().filter(|settle| settle.revision == revision);
            rivals.into_iter().all(|settle| cancel.at_ms < settle.at_ms)
        }
        Some(revision) => cancel.revision > revision,
    });

    match cancel {
        None => cancels.iter().for_each(|cancel| rejects.displaced("cancel_after_settle", cancel)),
        // A standing cancel leaves no settle standing: older ones it replaces, its peers it refuses.
        Some(cancel) => {
            for group in &mut groups {
                let refused =
                    |record: &&&'a Fact| record.kind() == "settle" && record.revision == cancel.revision;
                for settle in group.iter().filter(refused) {
                    rejects.displaced("settle_after_cancel", settle);
                    heard.push(settle);
                }
                group.retain(|record| record.kind() != "settle" || record.revision > cancel.revision);
            }
            rejects.conflict(&cancels);
        }
    }
    heard.extend(&cancels);

    // What is left in each group: the first stands, the others are conflicts.
    groups.retain(|group| !group.is_empty());
    for group in &groups {
        rejects.conflict(group);
        heard.extend(group);
    }
    let (settles, unsettles): (Vec<&Fact>, Vec<&Fact>) =
        groups.iter().map(|group| group[0]).partition(|first| first.kind() == "settle");
    let state = match (cancel, settles.is_empty()) {
        (Some(_), _) => "cancelled",
        (None, false) => "settled",
        (None, true) => "open",
    };
    Life { wager, settles, unsettles, cancel, heard, state }
}
