//! Events on their way into timelines: those of a tick as they travel, and what was gathered to be filed at once.

use gyre_domain::money::Quantity;
use serde::{Deserialize, Serialize};

use super::{CLAIM, Event};
use crate::Tick;
use crate::ops::key_index::prefetch;

/// An event of an account, coming or going.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// What happened.
    pub event: Event,
    /// The number of the account.
    pub account: u32,
    /// Legs of entries that it puts on the account.
    pub legs: i8,
    /// 1 or −1.
    pub diff: i8,
}

/// Events of a tick.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Changes {
    /// Since when.
    pub tick: Tick,
    events: Vec<Change>,
    /// The provider's views of the balance, in order of the events that have one.
    claims: Vec<Quantity>,
}

impl Changes {
    /// None yet; room for `room` of them.
    pub fn new(tick: Tick, room: usize) -> Self {
        Self { tick, events: Vec::with_capacity(room), claims: Vec::new() }
    }

    /// Adds an event; `claim` is there where the event says so.
    #[inline]
    pub fn push(&mut self, change: Change, claim: Option<Quantity>) {
        debug_assert_eq!(change.event.has(CLAIM), claim.is_some(), "an event knows of its claim");
        self.events.push(change);
        self.claims.extend(claim);
    }

    /// The events.
    pub fn events(&self) -> &[Change] {
        &self.events
    }

    /// The events, to number their accounts anew.
    pub fn events_mut(&mut self) -> &mut [Change] {
        &mut self.events
    }
}

/// Events that are gathered before they are filed, where nobody waits for them.
const ENOUGH: usize = 1 << 20;

/// Events that wait to be filed. An account's timeline lies in several places that no cache holds for all accounts:
/// filing a million events account by account fetches them once for many events.
#[derive(Default)]
pub(super) struct Gathered {
    events: Vec<Change>,
    /// With the place of its event.
    claims: Vec<(u32, Quantity)>,
    /// Places in the order in which they are filed; empty where that is the order in which they came.
    order: Vec<u32>,
    /// By account: where its events begin.
    starts: Vec<u32>,
}

impl Gathered {
    pub(super) fn add(&mut self, changes: &Changes) {
        let first = self.events.len();
        self.events.extend_from_slice(&changes.events);
        if !changes.claims.is_empty() {
            let claiming = changes.events.iter().enumerate().filter(|(_, change)| change.event.has(CLAIM));
            let places = claiming.map(|(at, _)| (first + at) as u32);
            self.claims.extend(places.zip(changes.claims.iter().copied()));
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.events.len() >= ENOUGH
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// One more than the greatest number of an account.
    pub(super) fn accounts(&self) -> usize {
        self.events.iter().map(|change| change.account as usize + 1).max().unwrap_or_default()
    }

    /// Puts the events in order of account, those of one as they came; unless they are too few for that to pay.
    pub(super) fn put_in_order(&mut self, accounts: usize) {
        if self.events.len() < 2 * accounts {
            return;
        }
        self.starts.resize(accounts + 1, 0);
        for change in &self.events {
            self.starts[change.account as usize + 1] += 1;
        }
        for account in 0..accounts {
            self.starts[account + 1] += self.starts[account];
        }
        self.order.resize(self.events.len(), 0);
        for (place, change) in (0..).zip(&self.events) {
            let at = &mut self.starts[change.account as usize];
            self.order[*at as usize] = place;
            *at += 1;
        }
        self.starts.clear();
    }

    fn place(&self, at: usize) -> usize {
        if self.order.is_empty() {
            at
        } else {
            self.order.get(at).map_or(usize::MAX, |&place| place as usize)
        }
    }

    /// The event that is filed as number `at`.
    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&Change> {
        self.events.get(self.place(at))
    }

    /// Its claim.
    #[inline]
    pub(super) fn claim(&self, at: usize) -> Option<Quantity> {
        if self.claims.is_empty() {
            return None;
        }
        let place = self.place(at) as u32;
        let found = self.claims.binary_search_by_key(&place, |claim| claim.0);
        found.ok().map(|found| self.claims[found].1)
    }

    /// Asks for an event ahead of its use.
    #[inline]
    pub(super) fn prefetch(&self, at: usize) {
        self.get(at).iter().for_each(|change| prefetch(*change));
    }

    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.claims.clear();
        self.order.clear();
    }
}
