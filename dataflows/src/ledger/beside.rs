//! What rules hold of each player's payouts: those in force, and others beside them.
//!
//! ```text
//! moves under the rules in force ─┐
//!                                 ├─▶ sum by account ──▶ at the end: account, in force, other
//! moves under the others ─────────┘
//! ```
//! What commands hold is held under any rules, and is in neither of the two.

use std::cell::RefCell;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::core::{Concatenate, Map};
use timely::dataflow::operators::generic::operator::empty;

use super::by_account;
use crate::Tick;
use crate::graph::Settings;
use crate::names::Names;
use crate::ops::sum_by_key::{Sum, Teller, sum_by_key};
use crate::rows::{Object, Output};
use crate::seams::{Move, Reading};

/// Whose, what, since when.
type Addend = (u32, Held, Tick);

/// Builds it. At the end a row of [`Output::Balances`] is told for each account of which anything is held: `tenant`,
/// `account`, `currency`, its `digits`, and `in_force` and `other` in minor units.
pub fn held<'s>(
    in_force: StreamVec<'s, Tick, Move>,
    other: StreamVec<'s, Tick, Move>,
    names: &Rc<RefCell<Names>>,
    settings: &Settings,
) -> StreamVec<'s, Tick, Reading> {
    let scope = in_force.scope();
    let in_force = in_force.map(|(purse, minor, _, tick)| (purse, Held { in_force: minor, other: 0 }, tick));
    let other = other.map(|(purse, minor, _, tick)| (purse, Held { in_force: 0, other: minor }, tick));
    let moves = scope.concatenate([in_force, other]);
    let addends = by_account(moves, "address what either side holds", names, settings);
    let teller = HeldTeller { names: Rc::clone(names) };
    sum_by_key::<_, Addend>(
        addends,
        empty(scope),
        Pipeline,
        "sum what is held by account",
        settings.rest_at_end,
        teller,
    )
}

/// Minor units that rules hold.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Held {
    in_force: i128,
    other: i128,
}

impl Sum for Held {
    fn add(&mut self, addend: &Self) {
        self.in_force += addend.in_force;
        self.other += addend.other;
    }

    fn is_void(&self) -> bool {
        self.in_force == 0 && self.other == 0
    }
}

struct HeldTeller {
    names: Rc<RefCell<Names>>,
}

impl Teller for HeldTeller {
    type Key = u32;
    type Side = ();
    type Sum = Held;
    type Out = Reading;
    type KeptKey = u128;
    type Own = ();

    /// Only what stands at the end is asked for.
    fn tell(&mut self, _: &u32, _: Option<&Held>, _: Option<&Held>, _: Tick, _: &mut Reading) {}

    fn may_leave(&self, _account: &u32, _held: &Held, _now: Tick) -> bool {
        false
    }

    fn leave_due(&mut self, _now: Tick) -> bool {
        false
    }

    fn rest(&mut self, sums: Vec<(u32, Held)>, _at_end: bool, out: &mut Reading) {
        let names = self.names.borrow();
        for (account, held) in sums {
            let (tenant, account, currency) = names.account(account);
            out.rest.loose.push(Output::Balances, 0, 1, |text| {
                Object::open(text)
                    .text("tenant", tenant)
                    .text("account", account)
                    .text("currency", currency.code())
                    .integer("digits", i64::from(currency.exponent()))
                    .text("in_force", &held.in_force.to_string())
                    .text("other", &held.other.to_string())
                    .close();
            });
        }
    }

    fn keep_key(&self, account: &u32) -> (u128, u128) {
        let key = self.names.borrow().key(*account);
        (key, key)
    }

    fn key_back(&mut self, account: u128) -> u32 {
        self.names.borrow_mut().number(account)
    }

    fn is_full(out: &Reading) -> bool {
        out.bytes() > 1 << 18
    }
}
