//! Rules that hold payouts, and commands about rules.

use super::*;

#[test]
fn a_rule_that_holds_holds_whom_it_finds() {
    // Two players with a settled wager each, in two currencies the one.
    let bob = |line: String| line.replace("ann", "bob");
    let wagers = [
        wager("a", "1", 0, ""),
        wager("b", "1", 0, "").replace("EUR", "KRW"),
        bob(wager("c", "1", 0, "")).replace("slot", "dice"),
    ];
    let outcomes = [
        settle("a", "5", 1, &format!(r#","known_ms":{}"#, T - 1)),
        settle("b", "6", 1, "").replace("EUR", "KRW"),
        settle("c", "7", 1, ""),
    ];
    let found = |payments: &[String], rules: &[String], commands: &[String]| {
        held(&run(&[&wagers, &outcomes, payments, &[], &[], rules, commands]))
    };
    let late = always("late_wager", HOLD);
    assert_eq!(found(&[], &[always("late_wager", FLAG)], &[]), [] as [&str; 0]);
    assert_eq!(found(&[], std::slice::from_ref(&late), &[]), ["ann 5.00"], "the wager alone");
    // A player is held in every currency.
    let overdraft = always("overdraft", HOLD);
    let overdrawn = [payment("m", "withdrawal", "1", 0, "")];
    assert_eq!(found(&overdrawn, &[overdraft], &[]), ["ann 5.00", "ann 6", "bob 7.00"]);
    let covered = [payment("m", "deposit", "9", 0, "").replace("EUR", "KRW")];
    let bob_is_covered = [covered[0].clone(), bob(payment("n", "deposit", "9", 0, ""))];
    assert_eq!(found(&bob_is_covered, &[always("overdraft", HOLD)], &[]), ["ann 5.00", "ann 6"]);
    // A release ends only what commands hold.
    let release = command("r", "release", "wager:a", 5, "");
    assert_eq!(found(&[], std::slice::from_ref(&late), std::slice::from_ref(&release)), ["ann 5.00"]);
    let hold = command("h", "hold", "account:ann", 4, "");
    assert_eq!(found(&[], std::slice::from_ref(&late), &[hold, release]), ["ann 5.00", "ann 6"]);
}

#[test]
fn conflicts_hold_what_they_are_about() {
    let payments =
        [payment("m", "deposit", "9", 0, ""), payment("m", "deposit", "8", 1, "").replace("ann", "bob")];
    let wagers =
        [wager("a", "1", 0, ""), wager("b", "1", 0, "").replace("ann", "bob").replace("slot", "dice")];
    let outcomes = [settle("a", "5", 1, ""), settle("b", "7", 1, "")];
    let rule = always("conflict", HOLD);
    let found = |payments: &[String], games: &[String], accounts: &[String], more: &[String]| {
        let outcomes: Vec<String> = outcomes.iter().chain(more).cloned().collect();
        held(&run(&[&wagers, &outcomes, payments, games, accounts, &[rule.clone(), rule.clone()]]))
    };
    assert_eq!(found(&[], &[], &[], &[]), [] as [&str; 0]);
    assert_eq!(found(&payments, &[], &[], &[]), ["ann 5.00"], "whose the standing payment is");
    assert_eq!(found(&[], &[], &[], &[settle("b", "6", 1, "")]), ["bob 6.00"]);
    let games = |one: &str, other: &str| {
        let row = |game: &str, rtp: &str| format!(r#"{{"game":"{game}","rtp_theoretical":"{rtp}"}}"#);
        [row("slot", "0.9"), row("dice", "0.9"), row("dice", one), row("slot", other)]
    };
    assert_eq!(found(&[], &games("0.8", "0.9"), &[], &[]), ["bob 7.00"]);
    let account =
        |account: &str, currency: &str| format!(r#"{{"account":"{account}","currency":"{currency}"}}"#);
    let accounts = [account("ann", "EUR"), account("bob", "EUR"), account("ann", "KRW")];
    assert_eq!(found(&[], &[], &accounts, &[]), ["ann 5.00"]);
    // Of rules nobody.
    let rules = [rule.clone(), always("overdraft/x", HOLD), always("overdraft/x", FLAG)];
    let books = run(&[&wagers, &outcomes, &[payment("m", "deposit", "9", 0, "")], &[], &[], &rules]);
    assert_eq!(versions(&books, "conflict"), ["rules/-/overdraft/x conflict/0"]);
    // The smaller content stands, and it flags.
    assert_eq!(
        (versions(&books, "overdraft"), held(&books)),
        (vec!["bob/EUR overdraft/x".into()], Vec::new())
    );
}

#[test]
fn all_of_a_group_are_held_and_not_only_those_listed() {
    let player = |n: usize, line: String| line.replace("ann", &format!("p{n:02}"));
    let wagers: Vec<String> = (0..13)
        .map(|n| {
            let device = if n < 12 { r#","device":"d""# } else { "" };
            player(n, wager(&format!("w{n}"), "1", 0, device))
        })
        .collect();
    let outcomes: Vec<String> = (0..13).map(|n| settle(&format!("w{n}"), "1", 1, "")).collect();
    let rules = [always(
        "linked_accounts",
        r#","device_accounts_min":12,"instrument_accounts_min":2,"action":"hold""#,
    )];
    let books = run(&[&wagers, &outcomes, &[], &[], &[], &rules]);
    assert_eq!(held(&books).len(), 12);
    assert_eq!(books.anomalies.iter().filter(|row| row["kind"] == "linked_accounts").count(), 1);
    // Who took part on both sides of a round is held; another of the group is not.
    let bets: Vec<String> = [("a", 0), ("b", 1), ("c", 2)]
        .map(|(id, n)| {
            let round = if n < 2 { "r" } else { "s" };
            player(n, wager(id, "1", 0, &format!(r#","device":"d","round":"{round}""#)))
        })
        .to_vec();
    let outcomes = [settle("a", "2", 1, ""), settle("b", "0", 1, ""), settle("c", "1", 1, "")];
    let rules = [always(
        "opposite_betting/x",
        r#","net_exposure_max":"0.1","staked_min":0,"rounds_min":1,"action":"hold""#,
    )];
    let books = run(&[&bets, &outcomes, &[], &[], &[], &rules]);
    assert_eq!(versions(&books, "opposite_betting"), ["p00/EUR opposite_betting/x"]);
    assert_eq!(held(&books), ["p00 2.00"]);
}

#[test]
fn commands_decide_about_rules_too() {
    let row = rule("velocity/a", 0, &velocity(1, 2, "hold"));
    let wagers: Vec<String> = (0..3).map(|n| wager(&format!("w{n}"), "1", n, "")).collect();
    let outcomes = [settle("w0", "5", 9, "")];
    let found = |commands: &[String]| {
        let files: [&[String]; 7] = [&wagers, &outcomes, &[], &[], &[], std::slice::from_ref(&row), commands];
        let books = run(&files);
        let faults = rejects(&books).concat();
        (versions(&books, "velocity").concat(), held(&books).concat(), faults, books.decisions.len())
    };
    let digest = digest_of(Topic::Rules, &row);
    let told = |version: &str, held: &str, faults: &str, decisions: usize| {
        (version.to_owned(), held.to_owned(), faults.to_owned(), decisions)
    };
    assert_eq!(found(&[]), told("ann/EUR velocity/a", "ann 5.00", "", 0));
    let discard = command("c1", "discard", &digest, 0, "");
    assert_eq!(found(std::slice::from_ref(&discard)), told("", "", "", 1));
    let replay = command("c2", "replay", &digest, 1, "");
    assert_eq!(found(&[discard, replay]), told("ann/EUR velocity/a", "ann 5.00", "", 2));
    let amend = |to: &str| {
        let amended = row.replace("hold", to);
        command("c1", "amend", &digest, 0, &format!(r#","record":{amended}"#))
    };
    assert_eq!(found(&[amend("flag")]), told("ann/EUR velocity/a.1", "", "", 1));
    assert_eq!(found(&[amend("ban")]), told("ann/EUR velocity/a", "ann 5.00", "c1 unknown_kind", 0));
    let elsewhere = command(
        "c1",
        "amend",
        &digest,
        0,
        &format!(r#","record":{}"#, row.replace("velocity/a", "velocity/b")),
    );
    assert_eq!(found(&[elsewhere]), told("ann/EUR velocity/a", "ann 5.00", "c1 target_mismatch", 0));
    // A line that failed is mended.
    let broken = row.replace("wagers_max\":2", "wagers_max\":0");
    let mend = command("c1", "amend", &digest_of(Topic::Rules, &broken), 0, &format!(r#","record":{row}"#));
    let books = run(&[&wagers, &outcomes, &[], &[], &[], &[broken], &[mend]]);
    assert_eq!(
        (versions(&books, "velocity"), rejects(&books)),
        (vec!["ann/EUR velocity/a".into()], Vec::new())
    );
}

#[test]
fn a_hold_comes_one_tick_after_its_ground_and_goes_one_tick_after_it() {
    let rules = [always("overdraft", HOLD)];
    let wagers = [wager("w", "2", 0, "")];
    let outcomes = [settle("w", "1", 300, "")];
    // Overdrawn at first; at 1,000 a deposit comes that was made before all of it.
    let late = payment("m", "deposit", "5", -10, &format!(r#","received_ms":{}"#, T + 1_000));
    let moments = timeline(&streams(&[&wagers, &outcomes, &[late], &[], &[], &rules]), &Settings::default());
    let told: Vec<(i64, usize, String)> = moments
        .iter()
        .filter(|moment| moment.tick >= T)
        .map(|moment| {
            (moment.tick - T, versions(&moment.books, "overdraft").len(), held(&moment.books).concat())
        })
        .collect();
    let none = String::new;
    assert_eq!(
        told,
        [
            (0, 1, none()),
            (100, 1, none()),
            (300, 1, "ann 1.00".into()),
            (1_000, 0, "ann 1.00".into()),
            (1_100, 0, none()),
            // When its outcome would have been due.
            (300_000, 0, none()),
        ]
    );
    // What comes at the very tick of its ground is held at the next.
    let outcomes = [settle("w", "1", 0, "")];
    let moments = timeline(&streams(&[&wagers, &outcomes, &[], &[], &[], &rules]), &Settings::default());
    let told: Vec<String> = moments.iter().map(|moment| held(&moment.books).concat()).collect();
    assert_eq!(told, ["", "", "ann 1.00"]);
}

#[test]
fn laps_end_where_a_command_decides() {
    let lost = settle("w", "1", 0, "");
    let decided = |commands: &[String]| {
        let streams = streams(&[&[], std::slice::from_ref(&lost), &[], &[], &[], &[], commands]);
        laps_of(&timeline(&streams, &Settings::default()), &Settings::default(), &[1_000, 4_000])
    };
    let alone = decided(&[]);
    assert_eq!((alone.requested, alone.quarantine.len(), alone.recovered.len()), (2, 1, 0));
    let history = json!([
        {"tick": T, "attempt": 0, "verdict": "outcome_without_wager"},
        {"tick": T + 1_000, "attempt": 1, "verdict": "outcome_without_wager"},
        {"tick": T + 5_000, "attempt": 2, "verdict": "outcome_without_wager"},
    ]);
    assert_eq!(alone.quarantine[0]["history"], history);
    let digest = digest_of(Topic::Outcomes, &lost);
    let between = decided(&[command("c", "discard", &digest, 3_000, "")]);
    assert_eq!((between.requested, between.quarantine.len()), (1, 0));
    assert_eq!(between.recovered, [(1, 1)].into());
    // A command without its target enters nothing again.
    let nowhere = decided(&[command("c", "discard", &"0".repeat(64), 3_000, "")]);
    assert_eq!((nowhere.quarantine, nowhere.requested), (alone.quarantine, 2));
}

/// Wager by wager or all at once: the same laps.
#[test]
fn laps_of_groups_are_laps_of_all() {
    let wagers = [wager("w", "1", 2_000, ""), wager("v", "1", 0, ""), wager("u", "0", 0, "")];
    let outcomes = [settle("w", "1", 0, ""), settle("v", "1", 9_000, r#","game":"dice""#), "{".into()];
    let streams = streams(&[&wagers, &outcomes]);
    let settings = Settings::default();
    let (one, other) = (
        laps(&streams, &settings, &[1_000, 4_000]),
        laps_of(&timeline(&streams, &settings), &settings, &[1_000, 4_000]),
    );
    assert_eq!((&one.requests, &one.quarantine), (&other.requests, &other.quarantine));
    assert_eq!(
        (&one.recovered, one.same_fault, one.other_fault),
        (&other.recovered, other.same_fault, other.other_fault)
    );
    assert_eq!((one.requested, one.recovered.len()), (9, 1));
}
