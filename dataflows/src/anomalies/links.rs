//! Links: accounts that share a device or a payment instrument, and what they do together.
//!
//! ```text
//! ties (who used what) ──▶ stars ──▶ contract into components ──▶ linked_accounts
//!                                          ▲          │
//! bets ──▶ gather by round ──▶ shares ──▶ asking      └─▶ shares by component and round ──▶ opposite_betting
//! ```
//! Each is judged by the newest rule of its tenant, which joins the data as data.
//!
//! At every tick `linked_accounts` has one row for each component of at least two accounts, where accounts and what
//! enough of them used are nodes, and each standing tie is a link; a link that is withdrawn splits it again. What too
//! few accounts used links nobody. `opposite_betting` has one row for each group (a component, or an account that is
//! linked to none) and currency whose bets covered each other in enough rounds. No label and no hash is ever shown.
//!
//! Ties and shares are kept for good: as many as there are pairs of account and device or instrument, and pairs of
//! account and round in which several wagers met. *Not* here: which records stand, which matching says.

use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::{ValBuilder, ValSpine};
use differential_dataflow::{AsCollection, VecCollection};
use gyre_domain::anomaly::AnomalyKind;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::empty;

use crate::Tick;
use crate::checkpoint::later::hand_in;
use crate::checkpoint::{Saving, traces};
use crate::graph::Settings;
use crate::ops::by_tick::by_tick;
use crate::rulebook::{RuleChange, Ruling};
use crate::seams::{Found, HoldTarget, LinkStreams, Means, Player, Shared, TIES, Tie};
use components::{Part, Rider, contract};
use ruled::{OfTenant, Rules};
use telling::{Line, Teller};

pub mod components;
mod held;
mod rounds;
mod ruled;
mod telling;

/// Builds the stage; `rules` are those whose time has come.
pub fn build<'s>(
    inputs: LinkStreams<'s>,
    rules: StreamVec<'s, Tick, RuleChange>,
    settings: &Settings,
    saving: &Saving,
) -> StreamVec<'s, Tick, Found> {
    let rules = Rules { in_force: rules, settings, saving };
    let ties = held::until_read(inputs.ties, "hold ties", settings).as_collection();
    let players = held::until_read(inputs.players, "hold players", settings).as_collection();
    let shares = rounds::gather(inputs.bets, settings, saving);
    let shares = held::until_read(shares, "hold shares", settings).as_collection();
    let (stood, back) = hand_in(shares.scope(), "hand in shares", saving);
    let shares = if saving.is_on() { shares.concat(stood.as_collection()) } else { shares };

    let Stars { links, riders, accounts } = stars(ties, &rules);
    let asking = rounds::asking(shares.clone(), players, saving);
    let components = contract(links, riders.concat(asking));
    let told = components.clone().flat_map(|(_, rider)| match rider {
        Rider::Told(told) => Some(told),
        Rider::Asking(..) => None,
    });
    let asked = components.flat_map(|(component, rider)| match rider {
        Rider::Asking(player, name) => Some((player, component, name)),
        _ => None,
    });
    let linked = rules
        .judge(told, AnomalyKind::LinkedAccounts, "judge components")
        .flat_map(|(told, ruling)| telling::linked_accounts(&told, &ruling));
    // All of a component, not only those that are listed: each was linked by something.
    let linked_holds = rules
        .judge(accounts, AnomalyKind::LinkedAccounts, "judge linked accounts")
        .flat_map(|(player, ruling)| ruling.holds.then_some(Line::Ground(HoldTarget::Account(player.key))));
    let asked = rules.judge(asked, AnomalyKind::OppositeBetting, "judge those who share rounds");
    let covering = rounds::opposite_betting(shares, asked, settings, (saving, back));
    let lines = linked.concat(linked_holds).concat(covering);
    let (teller, nothing) = (Teller::new(settings.wanted), empty(rules.in_force.scope()));
    let op = saving.op("tell links");
    by_tick(lines.inner, nothing, Pipeline, op, settings.rest_at_end, teller)
}

fn tie_of((shared, _): &PartOf, player: &Player) -> (u128, Tie) {
    let tie = Tie { shared: shared.clone(), player: player.clone() };
    (tie.key(), tie)
}

/// Who is linked by what.
struct Stars<'s> {
    /// Links between nodes.
    links: VecCollection<'s, Tick, (u128, u128)>,
    /// What is to be told of the nodes.
    riders: VecCollection<'s, Tick, (u128, Rider)>,
    /// The accounts among them.
    accounts: VecCollection<'s, Tick, Player>,
}

impl OfTenant for Player {
    fn tenant(&self) -> &str {
        self.name.tenant()
    }
}

/// What is shared, the least of the accounts that used it, and how many did.
type Used = (Shared, u128, u64);

impl OfTenant for Used {
    fn tenant(&self) -> &str {
        self.0.name.tenant()
    }
}

/// Whether so many accounts on what they share are linked by it.
fn links_them(means: Means, accounts: u64, ruling: &Ruling) -> bool {
    let [device_accounts_min, instrument_accounts_min, _] = ruling.bounds;
    accounts
        >= match means {
            Means::Device => device_accounts_min,
            Means::Instrument => instrument_accounts_min,
        }
}

/// How many parts the accounts that used a thing are in: one that comes or goes then touches as many others as there
/// are parts, and those of its own part, however many used the thing.
const PARTS: u128 = 128;

/// What is shared, and a part of the accounts that used it.
type PartOf = (Shared, u8);

fn part_of(player: &Player) -> u8 {
    (player.key % PARTS) as u8
}

/// Links each account to the least of its part of those who used the same, and that to the least of all, where enough
/// did; and says what is to be told of them.
fn stars<'s>(ties: VecCollection<'s, Tick, Tie>, rules: &Rules<'s, '_>) -> Stars<'s> {
    let users = ties
        .map(|tie| ((tie.shared, part_of(&tie.player)), tie.player))
        .arrange_by_key_named("arrange accounts by what they used");
    // They are handed in where they are counted: by whoever matches records.
    traces::keep(&rules.saving.op(TIES), &users, tie_of, None);
    let parts = users
        .clone()
        .reduce_abelian::<_, ValBuilder<_, _, _, _>, ValSpine<_, _, _, _>, _, _>(
            "find the least account of a part",
            |_: &PartOf, players: &[(&Player, isize)], least| {
                least.push(((players[0].0.key, players.len() as u64), 1isize));
            },
            put_back,
        )
        .as_collection(|(shared, part), &(least, accounts)| (shared.clone(), (least, accounts, *part)))
        .arrange_by_key_named("arrange parts by what they used");
    let least = least_of_all(parts.clone(), rules);
    let joined = parts.join_core(least.clone(), |shared, &(of_part, _, part), &(of_all, _)| {
        Some((shared.clone(), part, of_part, of_all))
    });
    let between =
        joined.clone().flat_map(|(_, _, of_part, of_all)| (of_part != of_all).then_some((of_part, of_all)));
    let linked = joined
        .map(|(shared, part, of_part, _)| ((shared, part), of_part))
        .arrange_by_key_named("arrange parts that are linked");
    let spokes = users.join_core(linked, |_, player, least| Some((player.clone(), *least)));
    let shared = least
        .as_collection(|shared, (least, _)| (*least, shared.clone()))
        .map(|(least, shared)| (least, Rider::of(Part::Shared(shared.means), shared.name)));
    let accounts =
        spokes.clone().map(|(player, _)| player).threshold_named("name each account once", |_, _| 1isize);
    let told = accounts.clone().map(|player| (player.key, Rider::of(Part::Account, player.name)));
    let within = spokes.flat_map(|(player, least)| (player.key != least).then_some((player.key, least)));
    Stars { links: within.concat(between), riders: told.concat(shared), accounts }
}

/// The least account of all that used a thing, where enough did.
fn least_of_all<'s>(parts: Parts<'s>, rules: &Rules<'s, '_>) -> Least<'s> {
    let rules_come = rules.settings.rules_come;
    let config = rules.config(AnomalyKind::LinkedAccounts);
    let used = parts.reduce_abelian::<_, ValBuilder<_, _, _, _>, ValSpine<_, _, _, _>, _, _>(
        "find the least account of what is shared",
        move |shared: &Shared, parts: &[(&(u128, u64, u8), isize)], least| {
            let accounts = parts.iter().map(|(part, _)| part.1).sum();
            // Where rules can come, how many there are is told: then a rule that comes finds them.
            if rules_come && accounts > 1 {
                least.push(((parts[0].0.0, accounts), 1isize));
            } else if links_them(shared.means, accounts, &config) {
                least.push(((parts[0].0.0, 0), 1isize));
            }
        },
        put_back,
    );
    if rules_come { enough(used.as_collection(used_by), rules) } else { used }
}

/// A key's rows as its arrangement takes them.
fn put_back<K: Clone, V, T, R>(rows: &mut Vec<((K, V), T, R)>, key: &K, values: &mut Vec<(V, T, R)>) {
    rows.clear();
    rows.extend(values.drain(..).map(|(value, time, diff)| ((key.clone(), value), time, diff)));
}

fn used_by(shared: &Shared, (least, accounts): &(u128, u64)) -> Used {
    (shared.clone(), *least, *accounts)
}

/// Those of things used that link their accounts by the rules.
fn enough<'s>(used: VecCollection<'s, Tick, Used>, rules: &Rules<'s, '_>) -> Least<'s> {
    rules
        .judge(used, AnomalyKind::LinkedAccounts, "judge what is shared")
        .flat_map(|((shared, least, accounts), ruling)| {
            links_them(shared.means, accounts, &ruling).then_some((shared, (least, 0)))
        })
        .arrange_by_key_named("arrange what links accounts")
}

/// The least account of each part of those who used a thing, how many there are, and which part it is.
type Parts<'s> = Arranged<'s, TraceAgent<ValSpine<Shared, (u128, u64, u8), Tick, isize>>>;

/// The least account of what is shared.
type Least<'s> = Arranged<'s, TraceAgent<ValSpine<Shared, (u128, u64), Tick, isize>>>;
