//! How a wager's records are booked: events of the player's account, against the house.

use gyre_domain::money::Quantity;

use super::directory::System;
use super::told::Booked;
use crate::ops::timeline_by_key::{CLAIM as CLAIMED, EVENT, Event, REVERSED, STAKE, WAGER as PLACED};

/// The stake of a wager: always an event of its account, for wagers are counted even where no money moves.
pub(super) fn stake_booked(
    account: u32,
    at_ms: u64,
    stake: i64,
    is_free: bool,
    claim: Option<Quantity>,
) -> Booked {
    let mut flags = PLACED;
    if stake != 0 || claim.is_some() {
        flags |= EVENT;
    }
    if stake > 0 && !is_free {
        flags |= STAKE;
    }
    if claim.is_some() {
        flags |= CLAIMED;
    }
    let event = Event::new(at_ms, -stake, flags);
    Booked { account, event, claim, legs: i64::from(stake != 0), against: System::House }
}

/// A credit of the house's: a payout, or a stake reversed. None where it neither moves money nor claims anything.
pub(super) fn credit_booked(
    account: u32,
    at_ms: u64,
    amount: i64,
    claim: Option<Quantity>,
) -> Option<Booked> {
    let flags = if claim.is_some() { EVENT | CLAIMED } else { EVENT };
    let event = Event::new(at_ms, amount, flags);
    (amount != 0 || claim.is_some()).then_some(Booked {
        account,
        event,
        claim,
        legs: i64::from(amount != 0),
        against: System::House,
    })
}

/// The stake of a wager that a cancel reversed: it was at no risk.
pub(super) fn reversed(mut stake: Booked) -> Booked {
    stake.event = stake.event.with(REVERSED);
    stake
}
