//! Links: accounts that share a device or a payment instrument, and what they do together.
//!
//! ```text
//! ties (who used what) ──▶ stars ──▶ contract into components ──▶ linked_accounts
//!                                          ▲          │
//! bets ──▶ gather by round ──▶ shares ──▶ asking      └─▶ shares by component and round ──▶ opposite_betting
//! ```
//! At every tick `linked_accounts` has one row for each component of at least two accounts, where accounts and what
//! enough of them used are nodes, and each standing tie is a link; a link that is withdrawn splits it again. What too
//! few accounts used links nobody. `opposite_betting` has one row for each group (a component, or an account that is
//! linked to none) and currency whose bets covered each other in enough rounds. No label and no hash is ever shown.
//!
//! Ties and shares are kept for good: as many as there are pairs of account and device or instrument, and pairs of
//! account and round in which several wagers met. *Not* here: which records stand, which matching says.

use differential_dataflow::trace::implementations::{ValBuilder, ValSpine};
use differential_dataflow::{AsCollection, VecCollection};
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;

use crate::Tick;
use crate::graph::Settings;
use crate::ops::by_tick::by_tick;
use crate::seams::{LinkStreams, Means, Player, Reading, Shared, Tie};
use components::{Part, Rider, contract};
use telling::Teller;

pub mod components;
mod held;
mod rounds;
mod telling;

/// How many accounts must have used something for it to link them.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds {
    /// A device.
    pub device_accounts_min: usize,
    /// A payment instrument.
    pub instrument_accounts_min: usize,
}

impl Thresholds {
    fn of(&self, means: Means) -> usize {
        match means {
            Means::Device => self.device_accounts_min,
            Means::Instrument => self.instrument_accounts_min,
        }
    }
}

/// Builds the stage.
pub fn build<'s>(inputs: LinkStreams<'s>, settings: &Settings) -> StreamVec<'s, Tick, Reading> {
    let ties = held::until_read(inputs.ties, "hold ties", settings).as_collection();
    let players = held::until_read(inputs.players, "hold players", settings).as_collection();
    let shares = rounds::gather(inputs.bets, settings);
    let shares = held::until_read(shares, "hold shares", settings).as_collection();

    let (links, riders) = stars(ties, settings.linking);
    let asking = rounds::asking(shares.clone(), players);
    let components = contract(links, riders.concat(asking));
    let linked = components.clone().flat_map(|(_, rider)| match rider {
        Rider::Told(told) => telling::linked_accounts(&told),
        Rider::Asking(..) => None,
    });
    let asked = components.flat_map(|(component, rider)| match rider {
        Rider::Asking(player, name) => Some((player, (component, name))),
        _ => None,
    });
    let rows = linked.concat(rounds::opposite_betting(shares, asked, settings));
    by_tick(rows.inner, Pipeline, "tell links", settings.rest_at_end, Teller::new(settings.wanted))
}

/// Links between nodes, and what nodes are called.
type Stars<'s> = (VecCollection<'s, Tick, (u128, u128)>, VecCollection<'s, Tick, (u128, Rider)>);

/// Links each account to the least of those who used the same, where enough did; and says what is to be told of them.
pub fn stars<'s>(ties: VecCollection<'s, Tick, Tie>, thresholds: Thresholds) -> Stars<'s> {
    let users =
        ties.map(|tie| (tie.shared, tie.player)).arrange_by_key_named("arrange accounts by what they used");
    let least = users.clone().reduce_abelian::<_, ValBuilder<_, _, _, _>, ValSpine<_, _, _, _>, _, _>(
        "find the least account of what is shared",
        move |shared: &Shared, players: &[(&Player, isize)], least| {
            if players.len() >= thresholds.of(shared.means) {
                least.push((players[0].0.key, 1isize));
            }
        },
        |rows, shared, least| {
            rows.clear();
            rows.extend(least.drain(..).map(|(least, time, diff)| ((shared.clone(), least), time, diff)));
        },
    );
    let spokes = users.join_core(least.clone(), |_, player, least| Some((player.clone(), *least)));
    let shared = least
        .as_collection(|shared, least| (*least, shared.clone()))
        .map(|(least, shared)| (least, Rider::of(Part::Shared(shared.means), shared.name)));
    let accounts = spokes
        .clone()
        .map(|(player, _)| player)
        .threshold_named("name each account once", |_, _| 1isize)
        .map(|player| (player.key, Rider::of(Part::Account, player.name)));
    let links = spokes.flat_map(|(player, least)| (player.key != least).then_some((player.key, least)));
    (links, accounts.concat(shared))
}
