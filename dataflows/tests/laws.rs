//! Laws: what holds of the operators and of the whole graph, whatever the records are, tried on random ones.
//!
//! The output of an operator at every tick equals its function evaluated afresh over all updates so far, and plain
//! differential dataflow where that can say it; however updates are cut into messages, and on any number of workers.
//! Each test is a seed's history after another; `GYRE_SEED` and `GYRE_HISTORIES` make longer runs.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests run workers, read the environment and hold differential's own operators against ours"
)]

#[allow(dead_code, reason = "shared with other tests, which use all of it")]
#[path = "harness/books.rs"]
mod harness;
#[path = "harness/histories.rs"]
mod histories;
#[path = "harness/stops.rs"]
mod stops;
#[allow(dead_code, unused_imports, reason = "shared with other tests, which use all of it")]
#[path = "model"]
mod model {
    pub mod history;
    pub mod reference;
}
mod laws {
    pub mod checkpoints;
    pub mod engine;
    pub mod folds;
    pub mod graph;
    pub mod laps;
    pub mod sums;
    pub mod timelines;
}

use laws::engine::seeds;
use laws::{checkpoints, folds, graph, laps, sums, timelines};

#[test]
fn folds_tell_what_a_fresh_look_would() {
    seeds(1_500).for_each(folds::check);
}

#[test]
fn folds_with_coarse_ticks_end_the_same() {
    seeds(800).for_each(folds::check_coarse);
}

#[test]
fn folds_forget_in_silence() {
    seeds(1_000).for_each(folds::check_lives);
}

#[test]
fn sums_count_every_addend() {
    seeds(1_500).for_each(sums::check);
}

#[test]
fn timelines_answer_as_sorted_lists_do() {
    seeds(600).for_each(timelines::check_pure);
}

#[test]
fn timelines_find_what_a_fresh_look_would() {
    seeds(800).for_each(timelines::check);
}

#[test]
fn entries_sum_to_zero() {
    seeds(600).for_each(graph::entries_sum_to_zero);
}

#[test]
fn an_event_withdrawn_equals_never() {
    seeds(1_000).for_each(graph::withdrawn_equals_never);
}

#[test]
fn workers_cannot_be_told_apart() {
    seeds(300).for_each(graph::workers_tell_the_same);
}

#[test]
fn the_order_within_a_tick_does_not_show() {
    seeds(60).for_each(graph::order_within_a_tick_does_not_show);
}

#[test]
fn the_short_way_tells_the_same() {
    seeds(600).for_each(graph::short_way_tells_the_same);
}

#[test]
fn laps_are_those_of_a_variable() {
    seeds(300).for_each(laps::check);
}

#[test]
fn what_is_brought_back_goes_on_as_if_it_had_never_stopped() {
    seeds(200).for_each(checkpoints::check);
}

#[test]
fn what_is_brought_back_is_all_there() {
    seeds(60).for_each(checkpoints::check_all_there);
}

#[test]
fn what_gets_lost_is_missed() {
    // For each operator a history that shows it.
    let histories = [
        ("keep rejects of unsound records", 9),
        ("fold wagers", 0),
        ("fold payments", 3),
        ("keep what fails by record", 0),
        ("keep laps under way", 0),
        ("sum postings by account", 1),
        ("sum plays by game and window", 1),
        ("sum winnings by account", 9),
        ("judge winnings", 9),
        ("judge records", 9),
        ("timelines by account", 1),
    ];
    for (operator, seed) in histories {
        assert!(checkpoints::is_missed(seed, operator), "nobody misses what {operator} saves");
    }
}

#[test]
fn a_damaged_part_is_an_error() {
    checkpoints::check_damage();
}

#[test]
fn long_histories_are_watched_as_they_grow() {
    seeds(30).for_each(graph::long_histories_are_watched_as_they_grow);
}
