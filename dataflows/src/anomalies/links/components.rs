//! Connected components by contraction.
//!
//! ```text
//! links ────▶ ┌──────────────────────────────────────────────────────┐
//!             │ each node merges into the least node beside it, and  │ ──▶ riders, each at the least node
//! riders ───▶ │ links and riders move there, until no link is left   │     of its component
//!             └──────────────────────────────────────────────────────┘
//! ```
//! Propagating the least label would walk a chain step by step: two chains of a thousand accounts joined by one link
//! would take a thousand iterations. Here every iteration halves what is left, whatever its shape, because the order
//! of the nodes is that of a keyed hash; and since nothing remembers which node it was merged from, a link that comes or
//! goes changes a few dozen rows however large its component is. What is to be said of a component rides along and is
//! thinned out on the way, instead of being gathered from all its members. Nothing assumes that links only come: a link
//! withdrawn is a contraction that did not happen.

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::operators::iterate::Variable;
use differential_dataflow::trace::implementations::{ValBuilder, ValSpine};
use serde::{Deserialize, Serialize};
use timely::order::Product;

use crate::Tick;
use crate::seams::{Means, Named};

/// What is at most listed of a component's accounts, devices and instruments each.
pub const LISTED: usize = 10;

/// What there is in a component.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Part {
    /// A player's account.
    Account,
    /// What several of them used.
    Shared(Means),
}

impl Part {
    fn place(self) -> usize {
        match self {
            Part::Account => 0,
            Part::Shared(Means::Device) => 1,
            Part::Shared(Means::Instrument) => 2,
        }
    }
}

/// What is to be said of a component, or of a part of one: no two parts say the same of an account or a thing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Told {
    counts: [u64; 3],
    firsts: [Vec<Named>; 3],
}

impl Told {
    /// Of one account or thing.
    pub fn of(part: Part, name: Named) -> Self {
        let mut told = Self::default();
        told.counts[part.place()] = 1;
        told.firsts[part.place()].push(name);
        told
    }

    /// How many there are.
    pub fn count(&self, part: Part) -> u64 {
        self.counts[part.place()]
    }

    /// The first of them in the order of their texts.
    pub fn first(&self, part: Part) -> &[Named] {
        &self.firsts[part.place()]
    }

    /// Of all of them together.
    fn together<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mut together = Self::default();
        for place in 0..3 {
            let mut firsts: Vec<&Named> = Vec::new();
            for told in all.clone() {
                together.counts[place] += told.counts[place];
                firsts.extend(&told.firsts[place]);
                // Now and then, so that a hub with very many accounts takes little room.
                if firsts.len() > 64 * LISTED {
                    keep_first(&mut firsts);
                }
            }
            keep_first(&mut firsts);
            together.firsts[place] = firsts.into_iter().cloned().collect();
        }
        together
    }
}

fn keep_first(names: &mut Vec<&Named>) {
    names.sort_unstable();
    names.truncate(LISTED);
}

/// What rides from a node to the least one of its component.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Rider {
    /// What is to be said.
    Told(Arc<Told>),
    /// An account that wants to know its component.
    Asking(u128, Named),
}

impl Rider {
    /// What is to be said of one account or thing.
    pub fn of(part: Part, name: Named) -> Self {
        Rider::Told(Arc::new(Told::of(part, name)))
    }

    /// Whether it is that of a node: every node has one at least.
    fn stands_for_node(&self) -> bool {
        match self {
            Rider::Told(told) => told.count(Part::Account) > 0,
            Rider::Asking(..) => true,
        }
    }
}

/// A node, or what it was merged into.
type Node = u128;

/// Brings every rider to the least node of its component. Where links end, some rider must tell of an account.
pub fn contract<'s>(
    links: VecCollection<'s, Tick, (Node, Node)>,
    riders: VecCollection<'s, Tick, (Node, Rider)>,
) -> VecCollection<'s, Tick, (Node, Rider)> {
    let outer = links.scope();
    outer.iterative::<u64, _, _>(|nested| {
        let step = Product::new(Default::default(), 1);
        let (links_left, links) = Variable::new_from(links.enter(nested), step);
        let (riders_moved, riders) = Variable::new_from(riders.enter(nested), step);

        // A node without a lesser one beside it stays.
        let selves = riders.clone().flat_map(|(node, rider)| rider.stands_for_node().then_some((node, node)));
        let beside = links.concat(selves).arrange_by_key_named("arrange nodes by the greater one beside");
        let heads = beside.clone().reduce_abelian::<_, ValBuilder<_, _, _, _>, ValSpine<_, _, _, _>, _, _>(
            "find the least node beside",
            |_, beside, head| head.push((*beside[0].0, 1)),
            |rows, node, heads| {
                rows.clear();
                rows.extend(heads.drain(..).map(|(head, time, diff)| ((*node, head), time, diff)));
            },
        );
        let links = beside
            .join_core(heads.clone(), |greater, lesser, head| (greater != lesser).then_some((*lesser, *head)))
            .arrange_by_key_named("arrange moved ends by the other end")
            .join_core(heads.clone(), |_, one, other| {
                (one != other).then(|| (*one.max(other), *one.min(other)))
            })
            .threshold_named("keep each link once", |_, _| 1isize);
        links_left.set(links);

        let moved = riders
            .arrange_by_key_named("arrange riders by node")
            .join_core(heads, |_, rider, head| Some((*head, rider.clone())));
        let told = moved
            .clone()
            .flat_map(|(node, rider)| match rider {
                Rider::Told(told) => Some((node, told)),
                Rider::Asking(..) => None,
            })
            .reduce_named("tell parts together", |_, parts, told| {
                let together = match parts {
                    [(alone, _)] => Arc::clone(alone),
                    _ => Arc::new(Told::together(parts.iter().map(|(told, _)| &***told))),
                };
                told.push((together, 1isize));
            })
            .map(|(node, told)| (node, Rider::Told(told)));
        let asking = moved.filter(|(_, rider)| matches!(rider, Rider::Asking(..)));
        let moved = told.concat(asking.consolidate());
        riders_moved.set(moved.clone());
        moved.leave(outer)
    })
}
