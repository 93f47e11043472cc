//! What comes in without having been sent: data that stood at a checkpoint, and what was under way over an edge with a
//! delay.
//!
//! ```text
//! sender ──▶ keep what is under way ──▶ edge with a delay ──▶ ┌────────┐
//!                  └─ saved ── … ── brought back ──▶ hand in ─▶ both ─▶│ receiver │
//! ```
//! A message whose time is still to come is somewhere between workers, where nobody sees it. So its sender keeps a copy
//! until that time has come; who receives it saves nothing of what waits for later ticks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::{Operator, empty, source};
use timely::dataflow::{Scope, StreamVec};

use super::{Damage, Entries, Op, Out, Saved, Saving, Whose};
use crate::Tick;

/// What is to be handed in, by tick.
type Coming<D> = Rc<RefCell<BTreeMap<Tick, Vec<D>>>>;

/// Where data is put that is handed in when the dataflow begins to run.
pub struct HandIn<D>(Coming<D>);

impl<D> Clone for HandIn<D> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<D> HandIn<D> {
    /// It comes in at a tick.
    pub fn push(&self, tick: Tick, datum: D) {
        self.0.borrow_mut().entry(tick).or_default().push(datum);
    }
}

/// Hands in what is put there before the dataflow runs.
pub fn hand_in<'s, D: Clone + 'static>(
    scope: Scope<'s, Tick>,
    name: &str,
    saving: &Saving,
) -> (StreamVec<'s, Tick, D>, HandIn<D>) {
    let coming: Coming<D> = Rc::default();
    let handed = HandIn(Rc::clone(&coming));
    if !saving.is_on() {
        return (empty(scope), handed);
    }
    let stream = source::<_, CapacityContainerBuilder<Vec<D>>, _, _>(scope, name, move |first, _| {
        let mut first = Some(first);
        move |output| {
            let Some(first) = first.take() else { return };
            for (tick, data) in std::mem::take(&mut *coming.borrow_mut()) {
                output.session(&first.delayed(&tick)).give_iterator(data.into_iter());
            }
        }
    });
    (stream, handed)
}

/// What was sent and whose time is still to come.
struct UnderWay<I, M, F> {
    items: BTreeMap<Tick, Vec<(u128, I)>>,
    back: HandIn<M>,
    again: F,
}

/// Keeps what passes until its time has come. `items` are a message's: the tick of each, the key that owns it, and what it
/// is; `again` makes a message of one. It comes `back` where the edge ends.
pub fn keep_under_way<'s, M, I, T>(
    messages: StreamVec<'s, Tick, M>,
    op: Op<'_>,
    back: HandIn<M>,
    items: impl Fn(&M) -> T + 'static,
    again: impl Fn(I) -> M + 'static,
) -> StreamVec<'s, Tick, M>
where
    M: Clone + 'static,
    I: Clone + Serialize + DeserializeOwned + 'static,
    T: IntoIterator<Item = (Tick, u128, I)>,
{
    if !op.is_on() {
        return messages;
    }
    let kept = op.keep(UnderWay { items: BTreeMap::new(), back, again });
    messages.unary_frontier::<CapacityContainerBuilder<Vec<M>>, _, _, _>(Pipeline, op.name(), |first, _| {
        drop(first);
        move |(input, frontier), output| {
            let mut kept = kept.borrow_mut();
            input.for_each(|came, messages| {
                for (tick, key, item) in messages.iter().flat_map(&items) {
                    kept.items.entry(tick).or_default().push((key, item));
                }
                output.session(&came).give_container(messages);
            });
            if let Some(frontier) = frontier.frontier().first() {
                kept.items = kept.items.split_off(frontier);
            }
        }
    })
}

impl<I, M, F> Saved for UnderWay<I, M, F>
where
    F: Fn(I) -> M + 'static,
    I: Clone + Serialize + DeserializeOwned + 'static,
    M: 'static,
{
    fn save(&mut self, at: Tick, out: &mut Out<'_>) {
        for (tick, items) in self.items.range(at + 1..) {
            items.iter().for_each(|(key, item)| out.put(Whose::Owner(*key), &(tick, key, item)));
        }
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some((tick, key, item)) = part.read::<(Tick, u128, I)>()? {
            self.back.push(tick, (self.again)(item.clone()));
            self.items.entry(tick).or_default().push((key, item));
        }
        Ok(())
    }
}
