//! Checkpoints: what is brought back goes on as if it had never stopped, is all there, and is missed where it gets lost.

use gyre_dataflows::checkpoint::{Damage, Part, Saving, VERSION};

use super::graph::drawn;
use crate::model::history::Dice;
use crate::stops::{Job, goes_on, is_all_there};

/// One history, stopped and brought back at some of its ticks.
pub fn check(seed: u64) {
    check_but(seed, None);
}

fn check_but(seed: u64, lost: Option<&str>) {
    let mut dice = Dice::new(seed);
    drawn(seed, |streams, rules| goes_on(&Job::new(seed, streams, rules, &mut dice), lost, &mut dice));
}

/// One history, of which an operator's parts get lost: whether anybody misses them.
pub fn is_missed(seed: u64, operator: &str) -> bool {
    std::panic::catch_unwind(|| check_but(seed, Some(operator))).is_err()
}

/// One history, whose state is taken again as soon as it was brought back.
pub fn check_all_there(seed: u64) {
    let mut dice = Dice::new(seed);
    drawn(seed, |streams, rules| is_all_there(&Job::new(seed, streams, rules, &mut dice), &mut dice));
}

/// A part that is damaged, or of another version, is an error that says whose it is.
pub fn check_damage() {
    let saving = Saving::of(0, 1);
    let counts = saving.op("names").keep(gyre_dataflows::names::Names::default());
    let name = gyre_dataflows::seams::Name::game(7, 0, "t", "p", "g");
    counts.borrow_mut().learn(vec![name]);
    let mut parts = Vec::new();
    saving.take(1, |part| parts.push(part));
    let [part] = &parts[..] else { panic!("a few entries are one part: {parts:?}") };
    let brought = |part: Part| {
        let saving = Saving::of(0, 1);
        let _names = saving.op("names").keep(gyre_dataflows::names::Names::default());
        saving.bring_back::<Damage, _>(1, |_| [Ok(part.clone())])
    };
    assert_eq!(brought(part.clone()), Ok(()));
    let newer = Part { version: VERSION + 1, ..part.clone() };
    assert_eq!(
        brought(newer),
        Err(Damage::UnknownVersion { operator: "names".into(), version: VERSION + 1 })
    );
    for at in 0..part.bytes.len() {
        let mut bytes = part.bytes.clone();
        bytes[at] ^= 16;
        let damaged = Err(Damage::NotAsWritten { operator: "names".into() });
        assert_eq!(brought(Part { bytes, ..part.clone() }), damaged);
        let bytes = part.bytes[..at].to_vec();
        assert_eq!(brought(Part { bytes, ..part.clone() }), damaged);
    }
}
