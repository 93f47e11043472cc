//! Anomalies of players.

use super::*;

#[test]
fn an_overdraft_tells_lowest_and_since_when() {
    let payments = [
        payment("a", "deposit", "10", 0, ""),
        payment("b", "withdrawal", "10", 1, ""),
        payment("c", "withdrawal", "5", 2, ""),
        payment("d", "deposit", "5", 2, ""),
        payment("e", "withdrawal", "1", 3, ""),
        payment("f", "withdrawal", "2", 4, ""),
        payment("g", "deposit", "9", 5, ""),
        payment("h", "withdrawal", "9", 6, ""),
    ];
    let overdraft = |payments: &[String]| anomalies(&run(&[&[], &[], payments]), "overdraft");
    assert_eq!(overdraft(&payments[..4]), []);
    let evidence = json!({"lowest": "-3.00", "lowest_at_ms": T + 4, "since_ms": T + 3});
    assert_eq!(overdraft(&payments), [("ann/EUR".into(), 3, evidence)]);
}

#[test]
fn a_claimed_balance_is_judged_where_it_is_alone() {
    let claim = |claim: &str| format!(r#","balance_after":"{claim}""#);
    let mismatch = |files: &[&[String]]| anomalies(&run(files), "balance_mismatch");
    let deposit = payment("a", "deposit", "10", 0, &claim("10"));
    assert_eq!(mismatch(&[&[], &[], std::slice::from_ref(&deposit)]), []);
    // Two events in one millisecond: not judged.
    let tie = [payment("a", "deposit", "10", 0, &claim("99")), payment("b", "deposit", "10", 0, "")];
    assert_eq!(mismatch(&[&[], &[], &tie]), []);
    // What moves nothing and claims nothing is no event; a reversed payment is one.
    let nothing = payment("b", "deposit", "0", 0, "");
    let wrong = payment("a", "deposit", "10", 0, &claim("99"));
    let evidence = |claimed: &str, ours: &str, at: i64, n: i64| {
        vec![(
            "ann/EUR".to_owned(),
            at,
            json!({"claimed": claimed, "ours": ours, "at_ms": T + at, "mismatches": n}),
        )]
    };
    assert_eq!(mismatch(&[&[], &[], &[wrong.clone(), nothing]]), evidence("99.00", "10.00", 0, 1));
    let reversed = payment("b", "deposit", "1", 0, r#","status":"reversed""#);
    assert_eq!(mismatch(&[&[], &[], &[wrong, reversed]]), []);
    // A wager's and its outcomes' claims are of the wager's account; an unsettle's may only mismatch.
    let wagers = [wager("w", "4", 1, &claim("6.00"))];
    let outcomes = [
        settle("w", "1", 2, &claim("8")),
        outcome("w", "unsettle", 3, &format!(r#","outcome_id":"x"{}"#, claim("7.001"))),
    ];
    assert_eq!(
        mismatch(&[&wagers, &outcomes, std::slice::from_ref(&deposit)]),
        evidence("8.00", "7.00", 2, 2)
    );
    let outcomes = [outcomes[1].clone()];
    assert_eq!(mismatch(&[&wagers, &outcomes, &[deposit]]), evidence("7.001", "6.00", 3, 1));
}

#[test]
fn velocity_finds_the_fullest_window_of_minutes() {
    let settings = Settings { velocity_window_ms: 120_000, velocity_wagers_max: 2, ..Settings::default() };
    let at = |minutes: &[i64]| -> Vec<String> {
        let place = |(index, minute): (usize, &i64)| wager(&format!("w{index}"), "1", minute * 60_000, "");
        minutes.iter().enumerate().map(place).collect()
    };
    let found = |wagers: &[String], outcomes: &[String]| {
        anomalies(&books(&streams(&[wagers, outcomes]), &settings), "velocity")
    };
    assert_eq!(found(&at(&[0, 0, 2, 2]), &[]), []);
    let evidence = |minute: i64, wagers: i64| json!({"window_start_ms": T + minute * 60_000, "window_ms": 120_000, "wagers": wagers});
    // Minutes 4 and 5 hold three, as do 5 and 6.
    assert_eq!(found(&at(&[0, 4, 5, 5, 6]), &[]), [("ann/EUR".into(), 240_000, evidence(4, 3))]);
    // All in one minute: a window begins with the minute of a wager; cancelled ones count.
    let cancelled = [outcome("w0", "cancel", 1, "")];
    assert_eq!(found(&at(&[0, 0, 0]), &cancelled), [("ann/EUR".into(), 0, evidence(0, 3))]);
}

#[test]
fn a_stake_far_above_the_last_ones_is_a_spike() {
    let place = |stakes: &[&str]| -> Vec<String> {
        stakes.iter().enumerate().map(|(at, stake)| wager(&format!("w{at}"), stake, at as i64, "")).collect()
    };
    let spikes = |stakes: &[&str]| anomalies(&run(&[&place(stakes)]), "stake_spike");
    let mut stakes = vec!["10"; 19];
    stakes.push("1000");
    assert_eq!(spikes(&stakes), [], "only nineteen before it");
    // Twenty before it, all 10.00: median 1000, mad 0 but no less than 50; 0.6745·x/50 > 3.5 from x = 260 on.
    let mut stakes = vec!["10"; 20];
    stakes.push("12.59");
    assert_eq!(spikes(&stakes), []);
    stakes[20] = "12.60";
    let evidence = |stake: &str, score: &str, at: i64, spikes: i64| json!({"at_ms": T + at, "stake": stake, "median": "10.00", "mad": "0.00", "score": score, "spikes": spikes});
    // 0.6745·260/50 = 3.5074
    assert_eq!(spikes(&stakes), [("ann/EUR".into(), 20, evidence("12.60", "3.5074", 20, 1))]);
    // The highest of several: 0.6745·1000/50 = 13.49, twice; the earlier is shown.
    stakes.extend(["20", "20"]);
    assert_eq!(spikes(&stakes), [("ann/EUR".into(), 21, evidence("20.00", "13.4900", 21, 3))]);
}

#[test]
fn spikes_are_held_against_a_window_of_medians() {
    let settings =
        Settings { stake_spike_previous_max: 4, stake_spike_previous_min: 4, ..Settings::default() };
    let stakes = ["900", "1", "2", "3", "5", "20"];
    let wagers: Vec<String> =
        stakes.iter().enumerate().map(|(at, stake)| wager(&format!("w{at}"), stake, at as i64, "")).collect();
    let books = books(&streams(&[&wagers]), &settings);
    // Before 20.00: 1, 2, 3, 5: lower median 2; |x − 2| = 1, 0, 1, 3: mad 1; 0.6745·18 = 12.141.
    let evidence = json!({"at_ms": T + 5, "stake": "20.00", "median": "2.00", "mad": "1.00", "score": "12.1410", "spikes": 1});
    assert_eq!(anomalies(&books, "stake_spike"), [("ann/EUR".into(), 5, evidence)]);
}
