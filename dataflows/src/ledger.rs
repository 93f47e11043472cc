//! Ledger: events become postings on the accounts that they move, and accounts have balances.
//!
//! ```text
//! events of players ──┐                         ┌──▶ sum postings by account ──▶ balances
//! sums of the house's ┴─▶ address by account ───┤
//! names ──────────────────▶ directory           └──▶ events of accounts ──▶ anomalies
//! what players won ───────▶ address by account ─────▶ changes of winnings ─▶ anomalies
//! what rules hold ────────────────────▶ sum postings by account
//! ```
//! At every tick the balances of a currency sum to zero, for each event is booked against a system account when it is
//! told. A balance stands while any posting of its account stands, at zero too. What is *not* here: the order of
//! events, which balances do not need.

use std::cell::RefCell;
use std::rc::Rc;

use gyre_domain::currency::Currency;
use gyre_domain::integrity::wins::Wins;
use serde::{Deserialize, Serialize};
use timely::ExchangeData;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::Leave;
use timely::dataflow::operators::core::{Concatenate, Map};
use timely::dataflow::operators::generic::operator::{Operator, empty};
use timely::dataflow::{Scope, StreamVec};

use crate::Tick;
use crate::checkpoint::Saving;
use crate::graph::Settings;
use crate::keys::owner;
use crate::names::Names;
use crate::ops::fan_out::fan_out;
use crate::ops::sum_by_key::{Addends, Sum, Teller, sum_by_key};
use crate::ops::timeline_by_key::Changes;
use crate::rows::{Object, Output};
use crate::seams::{LedgerBatch, Move, Name, Reading};

pub mod beside;

/// What the stage gives.
pub struct Outputs<'s> {
    /// Events of players' accounts, by the number under which their worker knows them.
    pub events: StreamVec<'s, Tick, Rc<Changes>>,
    /// Changes of what players won, by the same numbers.
    pub wins: StreamVec<'s, Tick, (u32, Wins, Tick)>,
    /// What is added to balances.
    pub addends: StreamVec<'s, Tick, Addend>,
}

impl Outputs<'_> {
    /// Leaves the stage's region.
    pub fn leave(self, scope: Scope<'_, Tick>) -> Outputs<'_> {
        Outputs {
            events: self.events.leave(scope),
            wins: self.wins.leave(scope),
            addends: self.addends.leave(scope),
        }
    }
}

/// Builds the stage but for its balances. `names` gets the accounts that this worker owns.
pub fn build<'s>(batches: StreamVec<'s, Tick, LedgerBatch>, names: &Rc<RefCell<Names>>) -> Outputs<'s> {
    let batches = exchange(batches);
    let addresses = Rc::new(RefCell::new(Addresses { names: Rc::clone(names), numbers: Vec::new() }));
    let learned = Rc::clone(&addresses);
    let (batches, wins) =
        fan_out(batches, "learn names of accounts", move |mut batch: LedgerBatch, parts| {
            let mut addresses = learned.borrow_mut();
            addresses.learn(batch.teller, std::mem::take(&mut batch.names));
            let numbers = addresses.of(batch.teller);
            let wins = batch.wins.drain(..);
            parts.second.extend(wins.map(|(account, wins, tick)| (numbers[account as usize], wins, tick)));
            parts.first.push(batch);
        });
    let (addends, events) =
        fan_out(batches, "address postings by account", move |batch: LedgerBatch, parts| {
            let addresses = addresses.borrow();
            let numbers = addresses.of(batch.teller);
            for (account, minor, legs, tick) in batch.sums {
                let account = wallet(numbers[account as usize], false);
                parts.first.push(Addend::Sum(account, Balance { minor, legs }, tick));
            }
            for (account, minor, legs, tick) in batch.held {
                let account = numbers[account as usize];
                let (out, into) = (Balance { minor: -minor, legs: -legs }, Balance { minor, legs });
                parts.first.push(Addend::Sum(wallet(account, false), out, tick));
                parts.first.push(Addend::Sum(wallet(account, true), into, tick));
            }
            for mut changes in batch.changes {
                for change in changes.events_mut() {
                    change.account = numbers[change.account as usize];
                }
                let changes = Rc::new(changes);
                parts.first.push(Addend::Players(Rc::clone(&changes)));
                parts.second.push(changes);
            }
        });
    Outputs { events, wins, addends }
}

/// Builds the balances: `moves` take money from players' cash to what is held, and are there once anomalies are.
pub fn balances<'s>(
    addends: StreamVec<'s, Tick, Addend>,
    moves: StreamVec<'s, Tick, Move>,
    names: &Rc<RefCell<Names>>,
    settings: &Settings,
    saving: &Saving,
) -> StreamVec<'s, Tick, Reading> {
    let moves = moves.map(|(purse, minor, legs, tick)| (purse, (minor, legs), tick));
    let moved = by_account(moves, "address what rules hold", names, settings);
    let moved = moved.flat_map(|(account, (minor, legs), tick)| {
        let (out, into) = (Balance { minor: -minor, legs: -legs }, Balance { minor, legs });
        [(false, out), (true, into)].map(|(is_held, sum)| Addend::Sum(wallet(account, is_held), sum, tick))
    });
    let scope = addends.scope();
    let addends = scope.concatenate([addends, moved]);
    let teller = Balances { names: Rc::clone(names), settings: settings.clone() };
    let op = saving.op("sum postings by account");
    sum_by_key(addends, empty(scope), Pipeline, op, settings.rest_at_end, teller)
}

/// Sends what moves by the key of a player's account to the worker that owns it, by its number there.
fn by_account<'s, D: ExchangeData>(
    moves: StreamVec<'s, Tick, (u128, D, Tick)>,
    name: &str,
    names: &Rc<RefCell<Names>>,
    settings: &Settings,
) -> StreamVec<'s, Tick, (u32, D, Tick)> {
    let (workers, names) = (settings.workers, Rc::clone(names));
    let by_owner = Exchange::new(move |moved: &(u128, D, Tick)| owner(moved.0, workers) as u64);
    moves.unary(by_owner, name, move |_, _| {
        move |input, output| {
            input.for_each(|capability, moves| {
                let mut names = names.borrow_mut();
                let numbered = moves.drain(..).map(|(key, moved, tick)| (names.number(key), moved, tick));
                output.session(&capability).give_iterator(numbered);
            });
        }
    })
}

fn exchange(batches: StreamVec<'_, Tick, LedgerBatch>) -> StreamVec<'_, Tick, LedgerBatch> {
    batches.unary(
        Exchange::new(|batch: &LedgerBatch| batch.worker.into()),
        "exchange postings by account",
        |_, _| {
            |input, output| {
                input.for_each(|capability, data| output.session(&capability).give_container(data))
            }
        },
    )
}

/// What the tellers' numbers of accounts are here.
struct Addresses {
    names: Rc<RefCell<Names>>,
    /// By teller, by its number of the account.
    numbers: Vec<Vec<u32>>,
}

impl Addresses {
    fn learn(&mut self, teller: u32, new: Vec<Name>) {
        let teller = teller as usize;
        if self.numbers.len() <= teller {
            self.numbers.resize_with(teller + 1, Vec::new);
        }
        let (mut names, numbers) = (self.names.borrow_mut(), &mut self.numbers[teller]);
        for name in &new {
            let number = name.number as usize;
            if numbers.len() <= number {
                // Accounts of other owners leave gaps.
                numbers.resize(number + 1, u32::MAX);
            }
            numbers[number] = names.number(name.key);
        }
        names.learn(new);
    }

    fn of(&self, teller: u32) -> &[u32] {
        &self.numbers[teller as usize]
    }
}

/// The number of an account's wallet: what is held for the player is a wallet of its own.
fn wallet(account: u32, is_held: bool) -> u32 {
    account << 1 | u32::from(is_held)
}

/// What is added to balances.
#[derive(Clone)]
pub enum Addend {
    /// Events of players' accounts.
    Players(Rc<Changes>),
    /// A system account's part in a tick, or what moves between a player's wallets.
    Sum(u32, Balance, Tick),
}

impl Addends<u32, Balance> for Addend {
    fn tick(&self) -> Tick {
        match self {
            Addend::Players(changes) => changes.tick,
            Addend::Sum(.., tick) => *tick,
        }
    }

    fn each(&self, mut add: impl FnMut(&u32, &Balance)) {
        match self {
            Addend::Players(changes) => {
                for change in changes.events().iter().filter(|change| change.legs != 0) {
                    let minor = i128::from(change.event.amount) * i128::from(change.diff);
                    let legs = i64::from(change.legs) * i64::from(change.diff);
                    add(&wallet(change.account, false), &Balance { minor, legs });
                }
            }
            Addend::Sum(wallet, balance, _) => add(wallet, balance),
        }
    }
}

/// What an account holds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Balance {
    /// Minor units.
    pub minor: i128,
    /// Postings that stand.
    pub legs: i64,
}

impl Sum for Balance {
    fn add(&mut self, addend: &Self) {
        self.minor += addend.minor;
        self.legs += addend.legs;
    }

    /// Where nobody reads changes, what moves between wallets is told apart from the events that move it.
    fn is_void(&self) -> bool {
        self.legs == 0 && self.minor == 0
    }
}

struct Balances {
    names: Rc<RefCell<Names>>,
    settings: Settings,
}

impl Balances {
    fn push_row(&self, out: &mut Vec<u8>, wallet: u32, balance: &Balance) {
        let names = self.names.borrow();
        let (tenant, account, currency) = names.account(wallet >> 1);
        Object::open(out)
            .text("tenant", tenant)
            .text("account", account)
            .text("currency", currency.code())
            .text("wallet", if wallet & 1 == 0 { "cash" } else { "held" })
            .money("balance", balance.minor, currency)
            .close();
    }
}

impl Teller for Balances {
    type Key = u32;
    type Side = ();
    type Sum = Balance;
    type Out = Reading;
    type KeptKey = (u128, bool);
    type Own = ();

    fn tell(
        &mut self,
        wallet: &u32,
        before: Option<&Balance>,
        after: Option<&Balance>,
        tick: Tick,
        out: &mut Reading,
    ) {
        if !self.settings.wanted.changes
            || before.map(|balance| balance.minor) == after.map(|balance| balance.minor)
        {
            return;
        }
        for (balance, diff) in [(before, -1), (after, 1)] {
            if let Some(balance) = balance {
                out.changes.push(Output::Balances, tick, diff, |text| self.push_row(text, *wallet, balance));
            }
        }
    }

    /// Accounts stay.
    fn may_leave(&self, _wallet: &u32, _balance: &Balance, _now: Tick) -> bool {
        false
    }

    fn leave_due(&mut self, _now: Tick) -> bool {
        false
    }

    fn rest(&mut self, mut balances: Vec<(u32, Balance)>, at_end: bool, out: &mut Reading) {
        let names = self.names.borrow();
        let order = |wallet: u32| (names.account_order(wallet >> 1), wallet & 1);
        balances.sort_unstable_by(|a, b| order(a.0).cmp(&order(b.0)));
        drop(names);
        let mut imbalance: Vec<(Currency, i128)> = Vec::new();
        for (wallet, balance) in &balances {
            let currency = self.names.borrow().account(*wallet >> 1).2;
            match imbalance.iter_mut().find(|entry| entry.0 == currency) {
                Some(entry) => entry.1 += balance.minor,
                None => imbalance.push((currency, balance.minor)),
            }
            let rest = if at_end { &mut out.rest.sorted } else { &mut out.rest.loose };
            rest.push(Output::Balances, 0, 1, |text| self.push_row(text, *wallet, balance));
        }
        out.counts.imbalance = imbalance;
    }

    fn keep_key(&self, wallet: &u32) -> (u128, (u128, bool)) {
        let key = self.names.borrow().key(wallet >> 1);
        (key, (key, wallet & 1 == 1))
    }

    fn key_back(&mut self, (account, is_held): (u128, bool)) -> u32 {
        wallet(self.names.borrow_mut().number(account), is_held)
    }

    fn is_full(out: &Reading) -> bool {
        out.bytes() > 1 << 18
    }
}
