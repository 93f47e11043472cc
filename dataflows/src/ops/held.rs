//! What an operator in a loop holds on to: the least time at which it may still tell something, and the end of time.

use timely::dataflow::operators::{Capability, InputCapability};

use crate::Tick;

/// Of one output; see the module. Rows at rest are told at the end of time: that holds nobody up, not even around a
/// loop.
pub(super) struct Held {
    output: usize,
    end: Option<Capability<Tick>>,
    least: Option<Capability<Tick>>,
}

impl Held {
    /// Of the operator's first capability for an output. `from_the_start` holds it back from the very beginning;
    /// otherwise only what comes does.
    fn new(output: usize, mut first: Capability<Tick>, from_the_start: bool) -> Self {
        let least = from_the_start.then(|| first.clone());
        first.downgrade(&Tick::MAX);
        Self { output, end: Some(first), least }
    }

    /// Of the first capabilities of all outputs.
    pub(super) fn of_each(capabilities: Vec<Capability<Tick>>, from_the_start: bool) -> Vec<Self> {
        (0..).zip(capabilities).map(|(output, first)| Self::new(output, first, from_the_start)).collect()
    }

    /// A message came under this capability.
    pub(super) fn keep(&mut self, came: &InputCapability<Tick>) {
        if let Some(time) = came.least()
            && self.least.as_ref().is_none_or(|least| time < least.time())
        {
            self.least = Some(came.delayed(time, self.output));
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
