//! How far the inputs of a fold are complete.

use timely::progress::frontier::MutableAntichain;

use crate::Tick;

/// How far the inputs are complete: every tick before these.
#[derive(Clone, Copy)]
pub(super) struct Through {
    /// Of records and of side rows.
    pub(super) records: Tick,
    /// Of what enters again.
    pub(super) again: Tick,
}

impl Through {
    /// By the frontiers of records, of side rows and of what enters again.
    pub(super) fn of(frontiers: &[MutableAntichain<Tick>], ends_when_closed: bool) -> Self {
        let open = if ends_when_closed { Tick::MAX - 1 } else { Tick::MAX };
        let first =
            |frontier: &MutableAntichain<Tick>| frontier.frontier().first().map(|&tick| tick.min(open));
        Self {
            records: frontiers[..2].iter().filter_map(first).min().unwrap_or(Tick::MAX),
            again: first(&frontiers[2]).unwrap_or(Tick::MAX),
        }
    }

    /// Nothing comes any more.
    pub(super) fn is_end(self) -> bool {
        self.records == Tick::MAX && self.again == Tick::MAX
    }

    /// Whether everything that belongs to a tick has come. Where all that may enter again has done so, a tick need not
    /// wait for the loop: nothing comes around but what was told of here.
    pub(super) fn has_all_of(self, tick: Tick, enters_until: Tick) -> bool {
        tick < self.records && (tick < self.again || enters_until < self.again)
    }
}
