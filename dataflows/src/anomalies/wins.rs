//! Wins that chance hardly gives, judged against how many players there are to be lucky.
//!
//! ```text
//! changes of winnings ─▶ sum winnings by account ──▶ sums ─────────────────────┬─▶ judge winnings ──▶ improbable_wins
//!                             └─▶ players ─exchange by tenant─▶ count players ─┘
//! ```
//! At every tick all workers know the same number of players of a tenant, rounded up to a power of two: it moves
//! rarely, and then those are judged again whose wins would be improbable for a single player. Nothing is kept of an
//! account without a judged wager. Where nobody reads changes, sums are judged once, at the end.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gyre_domain::integrity::wins::{Improbable, Wins};
use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::core::{Concatenate, Filter};
use timely::dataflow::operators::generic::operator::empty;
use timely::dataflow::operators::vec::{Broadcast, Map};

use crate::Tick;
use crate::checkpoint::{Damage, Entries, Out, Saved, Saving, Whose};
use crate::graph::Settings;
use crate::keys::owner;
use crate::names::Names;
use crate::ops::by_tick::{ByTick, by_tick};
use crate::ops::fan_out::fan_out;
use crate::ops::sum_by_key::{Sum, Teller, sum_by_key};
use crate::rows::{Anomaly, AnomalyKind, Output};
use crate::rulebook::{RuleChange, RuleRow, Rulebook, Ruling};
use crate::seams::{AT_END, Found, HoldTarget};

impl Sum for Wins {
    fn add(&mut self, addend: &Self) {
        Wins::add(self, addend);
    }

    fn is_void(&self) -> bool {
        self.wagers == 0
    }
}

/// A change of the number of players: the key of the tenant, its name, how many more.
type Players = (u128, Box<str>, i64, Tick);

/// The players of a tenant, rounded up to a power of two.
type Count = (Box<str>, u64, Tick);

/// Builds this part of the stage.
pub(super) fn build<'s>(
    wins: StreamVec<'s, Tick, (u32, Wins, Tick)>,
    rules: StreamVec<'s, Tick, RuleChange>,
    names: &Rc<RefCell<Names>>,
    settings: &Settings,
    saving: &Saving,
) -> StreamVec<'s, Tick, Found> {
    let scope = wins.scope();
    let rules = rules.filter(|(row, ..)| row.kind == AnomalyKind::ImprobableWins);
    let book = || Rulebook::new(&settings.config);
    let teller = Winnings { names: Rc::clone(names), settings: settings.clone(), rules: book() };
    let op = saving.op("sum winnings by account");
    let summed = sum_by_key(wins, rules.clone(), Pipeline, op, settings.rest_at_end, teller);
    let (lucky, players) = fan_out(summed, "hand out winnings and players", |summed: Summed, parts| {
        parts.first.extend(summed.lucky);
        parts.second.extend(summed.players);
    });
    let workers = settings.workers;
    let by_tenant = Exchange::new(move |players: &Players| owner(players.0, workers) as u64);
    let op = saving.op("count players by tenant");
    let counts = by_tick(players, empty(scope), by_tenant, op, false, Counts::default());
    let counts = counts.flat_map(|counts: Vec<Count>| counts).broadcast();
    let news = scope.concatenate([lucky, counts.map(News::Players)]);
    let judge = Judge {
        names: Rc::clone(names),
        settings: settings.clone(),
        rules: book(),
        rejudged: BTreeSet::new(),
        lucky: BTreeMap::new(),
        players: BTreeMap::new(),
    };
    by_tick(news, rules, Pipeline, saving.op("judge winnings"), settings.rest_at_end, judge)
}

/// What the sums tell.
#[derive(Clone, Default)]
struct Summed {
    lucky: Vec<News>,
    players: Vec<Players>,
}

/// What the judge hears.
#[derive(Clone)]
enum News {
    /// What an account won, where that would be improbable for a single player.
    Lucky(u32, Option<Box<Wins>>, Tick),
    /// How many players there are.
    Players(Count),
}

struct Winnings {
    names: Rc<RefCell<Names>>,
    settings: Settings,
    rules: Rulebook,
}

impl Winnings {
    /// Only what would be improbable for a single player can be so among many.
    fn is_lucky(&self, account: u32, wins: &Wins) -> bool {
        let names = self.names.borrow();
        let tenant = if self.rules.is_empty() { "" } else { names.account(account).0 };
        wins.judge(1, newest(&self.rules, tenant).bounds[0]).is_some()
    }

    fn tenant(&self, account: u32) -> Box<str> {
        self.names.borrow().account(account).0.into()
    }
}

impl Teller for Winnings {
    type Key = u32;
    type Sum = Wins;
    type Side = RuleRow;
    type Out = Summed;
    type KeptKey = u128;
    type Own = Rulebook;

    fn heed<'a>(
        &mut self,
        tick: Tick,
        rules: &[(RuleRow, Tick, isize)],
        sums: impl Iterator<Item = (&'a u32, &'a Wins)>,
        out: &mut Summed,
    ) {
        let names = Rc::clone(&self.names);
        let is_of = |account: u32| {
            let names = names.borrow();
            let tenant = names.account(account).0;
            rules.iter().any(|(row, ..)| *row.tenant == *tenant)
        };
        let touched = sums.filter(|(account, _)| self.settings.wanted.changes && is_of(**account));
        let before: Vec<_> =
            touched.map(|(&account, wins)| (account, wins, self.is_lucky(account, wins))).collect();
        for (row, _, diff) in rules {
            self.rules.take(row, *diff);
        }
        for (account, wins, was_lucky) in before {
            let is_lucky = self.is_lucky(account, wins);
            if is_lucky != was_lucky {
                let lucky = is_lucky.then(|| Box::new(wins.clone()));
                out.lucky.push(News::Lucky(account, lucky, tick));
            }
        }
    }

    fn tell(
        &mut self,
        account: &u32,
        before: Option<&Wins>,
        after: Option<&Wins>,
        tick: Tick,
        out: &mut Summed,
    ) {
        if !self.settings.wanted.changes {
            return;
        }
        let lucky = after.filter(|wins| self.is_lucky(*account, wins));
        if lucky.is_some() || before.is_some_and(|wins| self.is_lucky(*account, wins)) {
            out.lucky.push(News::Lucky(*account, lucky.cloned().map(Box::new), tick));
        }
        let more = i64::from(after.is_some()) - i64::from(before.is_some());
        if more != 0 {
            let tenant = self.tenant(*account);
            out.players.push((self.settings.keys.of(&[&*tenant]), tenant, more, tick));
        }
    }

    /// Accounts stay.
    fn may_leave(&self, _account: &u32, _wins: &Wins, _now: Tick) -> bool {
        false
    }

    fn leave_due(&mut self, _now: Tick) -> bool {
        false
    }

    fn rest(&mut self, sums: Vec<(u32, Wins)>, _at_end: bool, out: &mut Summed) {
        if self.settings.wanted.changes {
            return;
        }
        let mut players: BTreeMap<Box<str>, i64> = BTreeMap::new();
        for (account, wins) in sums {
            *players.entry(self.tenant(account)).or_default() += 1;
            if self.is_lucky(account, &wins) {
                out.lucky.push(News::Lucky(account, Some(Box::new(wins)), AT_END));
            }
        }
        let keys = self.settings.keys;
        out.players
            .extend(players.into_iter().map(|(tenant, more)| (keys.of(&[&*tenant]), tenant, more, AT_END)));
    }

    fn keep_key(&self, account: &u32) -> (u128, u128) {
        let key = self.names.borrow().key(*account);
        (key, key)
    }

    fn key_back(&mut self, account: u128) -> u32 {
        self.names.borrow_mut().number(account)
    }

    fn own(&self) -> Vec<(Whose, Rulebook)> {
        vec![(Whose::Same, self.rules.clone())]
    }

    fn own_back(&mut self, rules: Rulebook) {
        self.rules = rules;
    }

    fn is_full(_out: &Summed) -> bool {
        false
    }
}

/// Counts the players of the tenants that this worker counts for.
#[derive(Default)]
struct Counts {
    /// With the key of each.
    players: BTreeMap<Box<str>, (u128, i64)>,
}

impl Saved for Counts {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        for (tenant, (key, players)) in &self.players {
            out.put(Whose::Owner(*key), &(tenant, key, players));
        }
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some((tenant, key, players)) = part.read()? {
            self.players.insert(tenant, (key, players));
        }
        Ok(())
    }
}

impl ByTick for Counts {
    type In = Players;
    type Side = ();
    type Out = Vec<Count>;

    fn tick(players: &Players) -> Tick {
        players.3
    }

    fn work(&mut self, tick: Tick, changes: &[Players], out: &mut Vec<Count>) {
        let mut before: BTreeMap<&str, u64> = BTreeMap::new();
        for (key, tenant, more, _) in changes {
            let (_, players) = self.players.entry(tenant.clone()).or_insert((*key, 0));
            before.entry(tenant).or_insert_with(|| rounded(*players));
            *players += more;
        }
        for (tenant, before) in before {
            let after = rounded(self.players[tenant].1);
            if after != before {
                out.push((tenant.into(), after, tick));
            }
        }
    }

    fn forget_through(&mut self, _now: Tick, _out: &mut Vec<Count>) {}

    fn rest(&mut self, _out: &mut Vec<Count>) -> bool {
        true
    }

    fn is_full(_out: &Vec<Count>) -> bool {
        false
    }
}

fn rounded(players: i64) -> u64 {
    players.unsigned_abs().max(1).next_power_of_two()
}

struct Judge {
    names: Rc<RefCell<Names>>,
    settings: Settings,
    rules: Rulebook,
    /// Tenants whose rules have changed in the tick at hand.
    rejudged: BTreeSet<Box<str>>,
    /// Accounts whose wins would be improbable for a single player, with what is told where they are so among all.
    lucky: BTreeMap<u32, (Wins, Option<Judged>)>,
    players: BTreeMap<Box<str>, u64>,
}

/// An anomaly's row, and by what it was judged.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Judged {
    row: Vec<u8>,
    ruling: Ruling,
}

/// The newest rule of a tenant.
fn newest<'b>(rules: &'b Rulebook, tenant: &str) -> &'b Ruling {
    rules.ruling(rules.of(tenant, AnomalyKind::ImprobableWins).newest())
}

impl Judge {
    /// The anomaly, where it is one.
    fn judge(&self, account: u32, wins: &Wins) -> Option<Judged> {
        let names = self.names.borrow();
        let (tenant, account, currency) = names.account(account);
        let players = self.players.get(tenant).copied().unwrap_or(1);
        let ruling = newest(&self.rules, tenant);
        let Improbable { z, chance, method } = wins.judge(players, ruling.bounds[0])?;
        let subject = format!("{account}/{}", currency.code());
        let anomaly = Anomaly { kind: AnomalyKind::ImprobableWins, tenant, subject: &subject, at_ms: None };
        let mut row = Vec::with_capacity(256);
        anomaly.push(&mut row, &ruling.version, |evidence| {
            evidence
                .integer("wagers", wins.wagers)
                .money("stake", wins.stake, currency)
                .money("payout", wins.payout, currency)
                .optional_decimal("z", z, 4)
                .text("p", &chance.text())
                .text("method", method.name())
                .integer("players", players as i64)
        });
        Some(Judged { row, ruling: ruling.clone() })
    }

    /// The accounts of tenants whose number of players changed.
    fn accounts_of(&self, tenants: &BTreeSet<&str>) -> Vec<u32> {
        let names = self.names.borrow();
        let of_them = |account: &&u32| tenants.contains(names.account(**account).0);
        self.lucky.keys().filter(of_them).copied().collect()
    }

    fn tell(&self, account: u32, judged: Option<&Judged>, diff: isize, tick: Tick, out: &mut Found) {
        let Some(Judged { row, ruling }) = judged else { return };
        let diff_of_rows = diff as i64;
        out.told.counts.anomalies[AnomalyKind::ImprobableWins as usize] += diff_of_rows;
        if self.settings.wanted.changes {
            out.told.changes.push(Output::Anomalies, tick, diff_of_rows, |text| text.extend_from_slice(row));
        }
        let names = self.names.borrow();
        let (tenant, account, _) = names.account(account);
        out.ground(ruling, HoldTarget::account(&self.settings.keys, tenant, account), tick, diff);
    }
}

/// What is saved.
#[derive(Serialize, Deserialize)]
enum Kept {
    Rules(Rulebook),
    Players(Box<str>, u64),
    Lucky(u128, Box<Wins>, Option<Judged>),
}

impl Saved for Judge {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        assert!(self.rejudged.is_empty(), "whose rules changed in a tick were judged in it");
        out.put(Whose::Same, &Kept::Rules(self.rules.clone()));
        for (tenant, players) in &self.players {
            out.put(Whose::Same, &Kept::Players(tenant.clone(), *players));
        }
        let names = self.names.borrow();
        for (account, (wins, judged)) in &self.lucky {
            let key = names.key(*account);
            out.put(Whose::Owner(key), &Kept::Lucky(key, Box::new(wins.clone()), judged.clone()));
        }
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some(kept) = part.read()? {
            match kept {
                Kept::Rules(rules) => self.rules = rules,
                Kept::Players(tenant, players) => _ = self.players.insert(tenant, players),
                Kept::Lucky(key, wins, judged) => {
                    let account = self.names.borrow_mut().number(key);
                    self.lucky.insert(account, (*wins, judged));
                }
            }
        }
        Ok(())
    }
}

impl ByTick for Judge {
    type In = News;
    type Side = RuleRow;
    type Out = Found;

    fn tick(news: &News) -> Tick {
        match news {
            News::Lucky(_, _, tick) => *tick,
            News::Players((_, _, tick)) => *tick,
        }
    }

    fn heed(&mut self, _tick: Tick, rules: &[(RuleRow, Tick, isize)], _out: &mut Found) {
        for (row, _, diff) in rules {
            self.rules.take(row, *diff);
            self.rejudged.insert(row.tenant.clone());
        }
    }

    fn work(&mut self, tick: Tick, news: &[News], out: &mut Found) {
        let mut touched: BTreeMap<u32, Option<Judged>> = BTreeMap::new();
        let rejudged = std::mem::take(&mut self.rejudged);
        let mut tenants: BTreeSet<&str> = rejudged.iter().map(|tenant| &**tenant).collect();
        for news in news {
            match news {
                News::Lucky(account, wins, _) => {
                    let row = self.lucky.remove(account).and_then(|(_, row)| row);
                    touched.entry(*account).or_insert(row);
                    self.lucky.extend(wins.as_deref().map(|wins| (*account, (wins.clone(), None))));
                }
                News::Players((tenant, players, _)) => {
                    self.players.insert(tenant.clone(), *players);
                    tenants.insert(tenant);
                }
            }
        }
        for account in self.accounts_of(&tenants) {
            let row = self.lucky.get_mut(&account).and_then(|(_, row)| row.take());
            touched.entry(account).or_insert(row);
        }
        for (account, before) in touched {
            let after = self.lucky.get(&account).and_then(|(wins, _)| self.judge(account, wins));
            if before != after {
                self.tell(account, before.as_ref(), -1, tick, out);
                self.tell(account, after.as_ref(), 1, tick, out);
            }
            if let Some((_, row)) = self.lucky.get_mut(&account) {
                *row = after;
            }
        }
    }

    fn forget_through(&mut self, _now: Tick, _out: &mut Found) {}

    fn rest(&mut self, out: &mut Found) -> bool {
        for Judged { row, .. } in self.lucky.values().filter_map(|(_, judged)| judged.as_ref()) {
            out.told.rest.loose.push(Output::Anomalies, 0, 1, |text| text.extend_from_slice(row));
        }
        true
    }

    fn is_full(out: &Found) -> bool {
        out.told.bytes() > 1 << 20
    }
}
