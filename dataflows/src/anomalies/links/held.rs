//! What nobody reads before the end is worked at the end.

use differential_dataflow::consolidation::consolidate;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;

use crate::Tick;
use crate::graph::Settings;

/// Updates beyond which those held are consolidated.
const LOOSE: usize = 1 << 16;

/// Where only the rows at rest are wanted, holds updates back until the inputs have closed: all that came and went
/// until then costs a sort.
pub fn until_read<'s, D: Ord + Clone + 'static>(
    updates: StreamVec<'s, Tick, (D, Tick, isize)>,
    name: &str,
    settings: &Settings,
) -> StreamVec<'s, Tick, (D, Tick, isize)> {
    if settings.wanted.changes || !settings.rest_at_end {
        return updates;
    }
    updates.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, name, |capability, _| {
        let mut capability = Some(capability);
        let mut held: Vec<(D, isize)> = Vec::new();
        let mut consolidated = 0;
        move |(input, frontier), output| {
            input.for_each(|_, updates| held.extend(updates.drain(..).map(|(data, _, diff)| (data, diff))));
            if held.len() > 2 * consolidated + LOOSE {
                consolidate(&mut held);
                consolidated = held.len();
            }
            // At the last of all ticks there are rows at rest only: the records are over.
            match (frontier.frontier().first().filter(|&&tick| tick < Tick::MAX), &mut capability) {
                (Some(tick), Some(capability)) if *tick > *capability.time() => capability.downgrade(tick),
                (None, Some(last)) => {
                    consolidate(&mut held);
                    let tick = *last.time();
                    let held = std::mem::take(&mut held).into_iter();
                    output.session(last).give_iterator(held.map(|(data, diff)| (data, tick, diff)));
                    capability = None;
                }
                _ => {}
            }
        }
    })
}
