//! What an operator in a loop holds on to: the least time at which it may still tell something, and the end of time.

use timely::dataflow::operators::Capability;

use crate::Tick;

/// See the module. Rows at rest are told at the end of time: that holds nobody up, not even around a loop.
pub(super) struct Held {
    end: Option<Capability<Tick>>,
    least: Option<Capability<Tick>>,
}

impl Held {
    /// Of the operator's first capability. `from_the_start` holds it back from the very beginning; otherwise only what
    /// comes does.
    pub(super) fn new(first: Option<Capability<Tick>>, from_the_start: bool) -> Self {
        let least = first.clone().filter(|_| from_the_start);
        let mut end = first;
        end.iter_mut().for_each(|end| end.downgrade(&Tick::MAX));
        Self { end, least }
    }

    /// A message came under this capability.
    pub(super) fn keep(&mut self, other: Option<Capability<Tick>>) {
        if let Some(other) = other
            && self.least.as_ref().is_none_or(|least| other.time() < least.time())
        {
            self.least = Some(other);
        }
    }

    /// What to tell under now; `None` once all has been told.
    pub(super) fn now(&self) -> Option<&Capability<Tick>> {
        let end = self.end.as_ref()?;
        Some(self.least.as_ref().unwrap_or(end))
    }

    /// Nothing is told before `least` any more, or nothing at all but rows at rest.
    pub(super) fn advance(&mut self, least: Option<Tick>) {
        match (&mut self.least, least) {
            (Some(held), Some(least)) if least > *held.time() => held.downgrade(&least),
            (_, None) => self.least = None,
            _ => {}
        }
    }

    /// All has been told.
    pub(super) fn release(&mut self) {
        (self.end, self.least) = (None, None);
    }
}
