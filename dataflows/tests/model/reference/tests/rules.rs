//! Rules of anomalies: their rows, which is in force when, and whom they hold.

use super::*;
use crate::model::reference::rows::digest;
use crate::model::reference::{laps, laps_of, timeline};

mod holds;

/// A rules row from a time on; `more` begins with its thresholds.
fn rule(name: &str, at: i64, more: &str) -> String {
    let since_ms = if at == i64::MIN { 0 } else { T + at };
    format!(r#"{{"rule":"{name}","effective_from_ms":{since_ms}{more}}}"#)
}

/// The same from the beginning of all time on.
fn always(name: &str, more: &str) -> String {
    rule(name, i64::MIN, more)
}

fn velocity(minutes: i64, wagers_max: i64, action: &str) -> String {
    let window_ms = minutes * 60_000;
    format!(r#","window_ms":{window_ms},"wagers_max":{wagers_max},"action":"{action}""#)
}

const FLAG: &str = r#","action":"flag""#;
const HOLD: &str = r#","action":"hold""#;

fn command(id: &str, kind: &str, target: &str, at: i64, more: &str) -> String {
    format!(
        r#"{{"command_id":"{id}","kind":"{kind}","target":"{target}","actor":"mina","reason":"","at_ms":{}{more}}}"#,
        T + at
    )
}

/// `subject rule` of each anomaly of a kind.
fn versions(books: &Books, kind: &str) -> Vec<String> {
    let of_kind = books.anomalies.iter().filter(|row| row["kind"] == kind);
    of_kind.map(|row| format!("{} {}", text(row, "subject"), text(row, "rule"))).collect()
}

/// `account balance` of every wallet that is held.
fn held(books: &Books) -> Vec<String> {
    let held = books.balances.iter().filter(|row| row["wallet"] == "held");
    held.map(|row| format!("{} {}", text(row, "account"), text(row, "balance"))).collect()
}

fn digest_of(topic: Topic, line: &str) -> String {
    let settings = Settings::default();
    crate::model::reference::wire::read(topic, &[line.as_bytes().to_vec()], &settings)[0].digest()
}

#[test]
fn rows_alone() {
    let strict = |from: &str, to: &str| {
        let sound = rule("velocity/strict", 0, &velocity(5, 10, "flag"));
        assert!(sound.contains(from), "{from}");
        sound.replacen(from, to, 1)
    };
    let row = |name: &str, thresholds: &str| rule(name, 0, &format!("{thresholds}{FLAG}"));
    let cases = [
        (strict("strict", "strict"), "sound"),
        (strict("velocity/strict", "velocity"), "sound"),
        (strict("strict", "a/b"), "sound"),
        (strict("strict", ""), "malformed"),
        (strict("velocity/strict", ""), "malformed"),
        (strict("velocity/strict", "velocities/strict"), "unknown_kind"),
        (strict("velocity/strict", "Velocity"), "unknown_kind"),
        (strict("velocity/strict", "/strict"), "unknown_kind"),
        (strict("velocity/strict", "velocities/"), "malformed"),
        (strict("strict", &"x".repeat(119)), "sound"),
        (strict("strict", &"x".repeat(120)), "malformed"),
        (strict("1767225600000", "0"), "sound"),
        (strict("1767225600000", "null"), "malformed"),
        (strict("1767225600000", "5"), "malformed"),
        (strict(r#""effective_from_ms":1767225600000,"#, ""), "malformed"),
        (strict("300000", "90000"), "malformed"),
        (strict("300000", "0"), "malformed"),
        (strict("300000", "86400000"), "sound"),
        (strict("300000", "86460000"), "malformed"),
        (strict("300000", "\"300000\""), "malformed"),
        (strict("300000", "300000.0"), "malformed"),
        (strict(":10", ":0"), "malformed"),
        (strict(":10", ":1000001"), "malformed"),
        (strict(":10", ":10,\"wagers_max\":10"), "malformed"),
        (strict("wagers_max", "wager_max"), "malformed"),
        (strict("flag", "hold"), "sound"),
        (strict("flag", "ban"), "unknown_kind"),
        (strict("\"flag\"", "5"), "malformed"),
        (strict(r#","action":"flag""#, ""), "malformed"),
        // Structure first, whatever the kind and the action are.
        (strict("flag", "ban").replace("wagers_max", "x"), "malformed"),
        (rule("velocities", 0, r#","action":"ban""#), "unknown_kind"),
        (rule("velocities", 0, ""), "malformed"),
        (rule("velocities", 0, r#","action":"ban","provider":"""#), "malformed"),
        (strict("flag", "flag\",\"provider\":\"p"), "sound"),
        (strict("flag", "flag\",\"bet\":\"1"), "unsupported_field"),
        (strict("flag", "ban\",\"bet\":\"1"), "unknown_kind"),
        // Thresholds of other kinds are nothing to it, whatever they say.
        (strict("flag", "flag\",\"p_max\":\"no"), "sound"),
        (row("stake_spike", r#","score_max":"0.001","wagers_min":2"#), "sound"),
        (row("stake_spike", r#","score_max":"0","wagers_min":2"#), "malformed"),
        (row("stake_spike", r#","score_max":"3.5000","wagers_min":2"#), "malformed"),
        (row("stake_spike", r#","score_max":"1000.001","wagers_min":2"#), "malformed"),
        (row("stake_spike", r#","score_max":3.5,"wagers_min":2"#), "malformed"),
        (row("stake_spike", r#","score_max":"3.5","wagers_min":1"#), "malformed"),
        (row("stake_spike", r#","score_max":"3.5","wagers_min":65"#), "malformed"),
        (row("improbable_wins", r#","p_max":"0.000000000001""#), "sound"),
        (row("improbable_wins", r#","p_max":"0.0000000000001""#), "malformed"),
        (row("improbable_wins", r#","p_max":"0.500000000001""#), "malformed"),
        (row("improbable_wins", r#","p_max":"1e-6""#), "malformed"),
        (row("deposit_then_withdraw", r#","ratio_min":"1","deposits_min":0"#), "sound"),
        (row("deposit_then_withdraw", r#","ratio_min":"1.","deposits_min":0"#), "malformed"),
        (row("deposit_then_withdraw", r#","ratio_min":"-1","deposits_min":0"#), "malformed"),
        (row("deposit_then_withdraw", r#","ratio_min":"1","deposits_min":1000000000000001"#), "malformed"),
        // One name, two kinds.
        (row("structuring", r#","limit":1"#), "sound"),
        (row("structuring", r#","limit":"1""#), "malformed"),
        (row("slow_drift", r#","slack":"0","limit":"1""#), "sound"),
        (row("slow_drift", r#","slack":"0","limit":1"#), "malformed"),
        (row("slow_drift", r#","slack":"100.001","limit":"1""#), "malformed"),
        (row("linked_accounts", r#","device_accounts_min":2,"instrument_accounts_min":1"#), "malformed"),
        (row("linked_accounts", r#","device_accounts_min":2,"instrument_accounts_min":2"#), "sound"),
        (row("opposite_betting", r#","net_exposure_max":"1","staked_min":0,"rounds_min":1"#), "sound"),
        (
            row("opposite_betting", r#","net_exposure_max":"1.001","staked_min":0,"rounds_min":1"#),
            "malformed",
        ),
        (row("rtp_out_of_band", r#","band_z":"100""#), "sound"),
        (row("rtp_out_of_band", ""), "malformed"),
        (row("conflict", ""), "sound"),
        (row("overdraft/v2", ""), "sound"),
        (row("payout_above_maximum", ""), "sound"),
        (row("balance_mismatch", ""), "sound"),
        (row("late_wager", r#","limit":[]"#), "sound"),
    ];
    for (line, cause) in cases {
        assert_eq!(judged(Topic::Rules, &[&line]), [cause], "{line}");
    }
}

#[test]
fn content_has_the_kind_s_thresholds_before_the_action() {
    let line = r#"{"limit":"5.00","action":"hold","p_max":"1","provider":"p","revision":0,"slack":"00.5",
        "received_ms":1767225600000,"rule":"slow_drift/v1","effective_from_ms":0,"note":1}"#
        .replace('\n', "");
    let read = crate::model::reference::wire::read(Topic::Rules, &[line.into_bytes()], &Settings::default());
    let content =
        r#"{"rule":"slow_drift/v1","effective_from_ms":0,"slack":"00.5","limit":"5.00","action":"hold"}"#;
    assert_eq!(read[0].fact.as_ref().map(|fact| fact.content.as_str()), Some(content));
    assert_eq!((read[0].digest(), &*read[0].provider), (digest(content.as_bytes()), "-"));
    assert_eq!(read[0].unknown_fields, ["p_max", "note"]);
    // Of a kind that nobody knows, no threshold is known.
    let line = r#"{"rule":"drift","effective_from_ms":0,"slack":"1","limit":1,"action":"flag"}"#;
    let read = crate::model::reference::wire::read(Topic::Rules, &[line.into()], &Settings::default());
    assert_eq!((read[0].cause, read[0].unknown_fields.len()), (Some("unknown_kind"), 2));
}

/// Three wagers in the minute of [`T`], and what `velocity` says of them under rules.
fn three(rules: &[String]) -> Vec<String> {
    let wagers: Vec<String> = (0..3).map(|n| wager(&format!("w{n}"), "1", n, "")).collect();
    versions(&run(&[&wagers, &[], &[], &[], &[], rules]), "velocity")
}

#[test]
fn of_the_rows_that_have_begun_the_latest_rules() {
    let row = |name: &str, at: i64, more: &str| rule(name, at, &(velocity(1, 2, "flag") + more));
    assert_eq!(three(&[]), [] as [&str; 0]);
    assert_eq!(three(&[row("velocity", 0, "")]), [format!("ann/EUR velocity/{T}")]);
    assert_eq!(three(&[row("velocity", 1, "")]), [] as [&str; 0], "it begins after the window does");
    assert_eq!(three(&[row("velocity", i64::MIN, "")]), ["ann/EUR velocity/0"]);
    assert_eq!(three(&[row("velocity/a", 0, "")]), ["ann/EUR velocity/a"]);
    assert_eq!(three(&[row("velocity/a", 0, r#","tenant":"t""#)]), [] as [&str; 0]);
    assert_eq!(three(&[row("velocity/a", 0, r#","provider":"p""#)]), ["ann/EUR velocity/a"]);
    // By time, then by the bytes of the name.
    let (old, new) = (row("velocity/z", -1, ""), row("velocity/a", 0, ""));
    assert_eq!(three(&[old.clone(), new.clone()]), ["ann/EUR velocity/a"]);
    assert_eq!(
        three(&[new.clone(), row("velocity/é", 0, ""), row("velocity/z", 0, "")]),
        ["ann/EUR velocity/é"]
    );
    assert_eq!(three(&[new.clone(), row("velocity", 0, "")]), ["ann/EUR velocity/a"]);
    // The one in force judges alone, even where another would find more.
    assert_eq!(three(&[old, rule("velocity/b", 0, &velocity(1, 3, "flag"))]), [] as [&str; 0]);
}

#[test]
fn revisions_of_a_row_show_in_its_version() {
    let row = |name: &str, revision: i64, wagers_max: i64| {
        rule(name, 0, &format!("{},\"revision\":{revision}", velocity(1, wagers_max, "flag")))
    };
    assert_eq!(three(&[row("velocity/a", 3, 2)]), ["ann/EUR velocity/a.3"]);
    assert_eq!(three(&[row("velocity", 1, 2)]), [format!("ann/EUR velocity/{T}.1")]);
    assert_eq!(three(&[row("velocity/a", 1, 9), row("velocity/a", 2, 1)]), ["ann/EUR velocity/a.2"]);
    assert_eq!(three(&[row("velocity/a", 1, 1), row("velocity/a", 2, 9)]), [] as [&str; 0]);
    // At one revision the smaller content stands: 1 before 9.
    let rows = [row("velocity/a", 1, 9), row("velocity/a", 1, 1), row("velocity/a", 1, 1)];
    assert_eq!(three(&rows), ["ann/EUR velocity/a.1"]);
    let books = run(&[&[], &[], &[], &[], &[], &rows]);
    assert_eq!(rejects(&books), ["velocity/a conflicting_duplicate"]);
    assert_eq!((books.summary.duplicates, books.summary.records["rules"]), (1, 3));
    assert_eq!(versions(&books, "conflict"), [format!("rules/-/velocity/a@{T} conflict/1")]);
}

#[test]
fn each_window_has_its_own_rule_and_length() {
    let at = |minutes: &[i64]| -> Vec<String> {
        let place = |(n, minute): (usize, &i64)| wager(&format!("w{n}"), "1", minute * 60_000, "");
        minutes.iter().enumerate().map(place).collect()
    };
    let found = |minutes: &[i64], rules: &[String]| {
        let books = run(&[&at(minutes), &[], &[], &[], &[], rules]);
        let row = books.anomalies.iter().find(|row| row["kind"] == "velocity").cloned();
        row.map(|row| (text(&row, "rule").to_owned(), (row["at_ms"].as_i64().unwrap_or(T) - T) / 60_000))
    };
    let rules = [
        rule("velocity/long", 0, &velocity(3, 2, "flag")),
        rule("velocity/short", 2 * 60_000, &velocity(1, 2, "flag")),
    ];
    // From minute 1, three minutes hold three; from minute 2 on one minute must.
    assert_eq!(found(&[1, 2, 3], &rules), Some(("velocity/long".into(), 1)));
    assert_eq!(found(&[2, 3, 4], &rules), None);
    // More beyond a limit come first, then the earlier; what is within its limit is nothing.
    assert_eq!(found(&[1, 2, 3, 5, 5, 5, 5], &rules), Some(("velocity/short".into(), 5)));
    assert_eq!(found(&[1, 2, 3, 5, 5, 5], &rules), Some(("velocity/long".into(), 1)));
    let lax = [rules[0].clone(), rule("velocity/lax", 2 * 60_000, &velocity(1, 9, "flag"))];
    assert_eq!(found(&[1, 2, 3, 5, 5, 5, 5], &lax), Some(("velocity/long".into(), 1)));
    // A rule that begins within a minute is not that minute's yet.
    let late = [rule("velocity/late", 60_001, &velocity(1, 1, "flag"))];
    assert_eq!(found(&[1, 1], &late), None);
    assert_eq!(found(&[1, 1, 2, 2], &late), Some(("velocity/late".into(), 2)));
}

#[test]
fn each_stake_has_its_own_rule() {
    let rules = [
        rule("stake_spike/late", 0, r#","score_max":"3.5","wagers_min":4,"action":"flag""#),
        rule("stake_spike/hard", 5, r#","score_max":"30","wagers_min":2,"action":"flag""#),
    ];
    let spikes = |stakes: &[&str]| {
        let place = |(at, stake): (usize, &&str)| wager(&format!("w{at}"), stake, at as i64, "");
        let wagers: Vec<String> = stakes.iter().enumerate().map(place).collect();
        let books = run(&[&wagers, &[], &[], &[], &[], &rules]);
        let row = books.anomalies.iter().find(|row| row["kind"] == "stake_spike").cloned();
        row.map(|row| {
            (
                text(&row, "rule").to_owned(),
                text(&row["evidence"], "score").to_owned(),
                row["evidence"]["spikes"].clone(),
            )
        })
    };
    // Against stakes of 10.00: 0.6745·x/0.50.
    assert_eq!(spikes(&["10", "10", "10", "20"]), None, "three before it");
    assert_eq!(
        spikes(&["10", "10", "10", "10", "20"]),
        Some(("stake_spike/late".into(), "13.4900".into(), json!(1)))
    );
    assert_eq!(spikes(&["10", "10", "10", "10", "10", "20"]), None);
    // 26.98, then 33.725 by the harder rule.
    let both = ["10", "10", "10", "10", "30", "35"];
    assert_eq!(spikes(&both), Some(("stake_spike/hard".into(), "33.7250".into(), json!(2))));
    // The worse of the two is of the softer rule.
    let both = ["10", "10", "10", "10", "40", "35"];
    assert_eq!(spikes(&both), Some(("stake_spike/late".into(), "40.4700".into(), json!(2))));
}

#[test]
fn wagers_go_by_the_time_they_were_placed_at() {
    let known = format!(r#","known_ms":{}"#, T - 1);
    let rules = ["late_wager", "payout_above_maximum", "conflict"]
        .map(|kind| rule(&format!("{kind}/a"), 5, FLAG))
        .to_vec();
    let found = |at: i64| {
        let wagers = [wager("w", "1", at, ""), wager("w", "2", at + 1, "")];
        let files: [&[String]; 6] =
            [&wagers, &[settle("w", "9", 50, &known)], &[], &[game(r#","payout_max":"2""#)], &[], &rules];
        let books = run(&files);
        ["late_wager", "payout_above_maximum", "conflict"].map(|kind| versions(&books, kind).concat())
    };
    let all = |late: &str, above: &str, conflict: &str| {
        [format!("-/w {late}"), format!("-/w {above}"), format!("wagers/-/w {conflict}")]
    };
    assert_eq!(found(4), all("late_wager/1", "payout_above_maximum/1", "conflict/1"));
    assert_eq!(found(5), all("late_wager/a", "payout_above_maximum/a", "conflict/a"));
}

#[test]
fn balances_go_by_the_time_of_what_is_shown() {
    let rules = ["overdraft", "balance_mismatch"].map(|kind| rule(&format!("{kind}/a"), 2, FLAG));
    let found = |at: i64| {
        let payments = [
            payment("a", "deposit", "5", 0, ""),
            payment("b", "withdrawal", "6", at, r#","balance_after":"0""#),
            payment("c", "withdrawal", "6", 9, r#","balance_after":"0""#),
        ];
        let books = run(&[&[], &[], &payments, &[], &[], &rules]);
        [versions(&books, "overdraft").concat(), versions(&books, "balance_mismatch").concat()]
    };
    assert_eq!(found(1), ["ann/EUR overdraft/1", "ann/EUR balance_mismatch/1"]);
    assert_eq!(found(2), ["ann/EUR overdraft/a", "ann/EUR balance_mismatch/a"]);
}

#[test]
fn withdrawals_and_days_go_by_their_own_rules() {
    let ratio = |ratio: &str, deposits_min: i64| {
        format!(r#","ratio_min":"{ratio}","deposits_min":{deposits_min},"action":"flag""#)
    };
    let visits = [
        payment("a", "deposit", "100", 0, ""),
        payment("b", "withdrawal", "1", 1, ""),
        payment("c", "deposit", "100", 2, ""),
        payment("d", "withdrawal", "1", 3, ""),
    ];
    let wagers = [wager("w", "50", 0, ""), wager("v", "20", 3, "")];
    let found = |rules: &[String]| {
        let books = run(&[&wagers, &[], &visits, &[], &[], rules]);
        let row = books.anomalies.iter().find(|row| row["kind"] == "deposit_then_withdraw").cloned();
        row.map(|row| (text(&row, "rule").to_owned(), text(&row["evidence"], "ratio").to_owned()))
    };
    assert_eq!(found(&[]), None);
    let first = rule("deposit_then_withdraw/a", 0, &ratio("0.6", 100));
    let second =
        |ratio_min: &str, deposits_min| rule("deposit_then_withdraw/b", 3, &ratio(ratio_min, deposits_min));
    assert_eq!(
        found(&[first.clone(), second("0.2", 0)]),
        Some(("deposit_then_withdraw/a".into(), "0.5000".into()))
    );
    assert_eq!(found(&[first, second("0.6", 0)]), Some(("deposit_then_withdraw/b".into(), "0.2000".into())));
    // Not judged at first, the deposit goes on to the next: 70 of 200.
    let late = rule("deposit_then_withdraw/a", 0, &ratio("1", 101));
    assert_eq!(found(&[late, second("0.6", 0)]), Some(("deposit_then_withdraw/b".into(), "0.3500".into())));
}

#[test]
fn a_day_is_judged_by_the_rule_of_its_midnight() {
    let payments =
        |at: i64| [payment("a", "deposit", "60", at, ""), payment("b", "deposit", "60", at + 1, "")];
    let found = |at: i64, since: i64, zone: &str| {
        let rules = [rule("structuring/a", since, r#","limit":100,"action":"flag""#)];
        let settings = Settings { gaming_day_zone: zone.into(), ..Settings::default() };
        versions(&books(&streams(&[&[], &[], &payments(at), &[], &[], &rules]), &settings), "structuring")
    };
    let noon = DAY_MS / 2;
    assert_eq!(found(noon, 0, "UTC"), ["ann/EUR structuring/a"]);
    assert_eq!(found(noon, 1, "UTC"), [] as [&str; 0], "it begins after the day did");
    // In Seoul the day began nine hours before.
    assert_eq!(found(noon, -9 * 3_600_000, "Asia/Seoul"), ["ann/EUR structuring/a"]);
    assert_eq!(found(noon, -9 * 3_600_000 + 1, "Asia/Seoul"), [] as [&str; 0]);
    let start = crate::model::reference::zone::day_start_ms;
    // The days on which the clocks of Berlin change begin at 23:00Z and at 22:00Z.
    assert_eq!(start(1_774_746_000_000 + 5, "Europe/Berlin"), 1_774_738_800_000);
    assert_eq!(start(1_792_890_000_000 + 5, "Europe/Berlin"), 1_792_879_200_000);
}

#[test]
fn whole_histories_go_by_the_newest_rule_that_has_begun() {
    let files = |rules: &[String]| {
        let tie = |id: &str, account: &str, at: i64| {
            payment(id, "deposit", "1", at, r#","payment_instrument":"card""#).replace("ann", account)
        };
        let payments = [tie("a", "ann", 0), tie("b", "bob", 950)];
        streams(&[&[], &[], &payments, &[], &[], rules])
    };
    let row = |at: i64, least: i64| {
        let name = format!("linked_accounts/{at}");
        rule(
            &name,
            at,
            &format!(r#","device_accounts_min":2,"instrument_accounts_min":{least},"action":"flag""#),
        )
    };
    let found = |rules: &[String]| versions(&books(&files(rules), &Settings::default()), "linked_accounts");
    // The last tick is T + 1,000.
    assert_eq!(found(&[row(1_000, 2)]), ["ann linked_accounts/1000"]);
    assert_eq!(found(&[row(1_001, 2)]), ["ann linked_accounts/1"]);
    assert_eq!(found(&[row(500, 2), row(1_000, 3)]), [] as [&str; 0]);
    // What is still to come is an update at its tick.
    let moments =
        timeline(&files(&[row(5, 2), row(440, 3), row(901, 2), row(1_001, 3)]), &Settings::default());
    let told: Vec<(i64, String)> = moments
        .iter()
        .map(|moment| (moment.tick - T, versions(&moment.books, "linked_accounts").concat()))
        .filter(|(tick, _)| *tick >= 0)
        .collect();
    let none = String::new();
    assert_eq!(
        told,
        [(0, none.clone()), (100, none.clone()), (500, none), (1_000, "ann linked_accounts/901".into())]
    );
}

#[test]
fn games_have_a_band_and_a_slack_of_their_own() {
    let games = [game(r#","volatility":"1""#)];
    let found = |rules: &[String]| {
        // z = (20 − 9) / 10.
        let files: [&[String]; 6] =
            [&[wager("w", "10", 0, "")], &[settle("w", "20", 0, "")], &[], &games, &[], rules];
        let books = run(&files);
        let bands: Vec<&Value> = books.rtp.iter().map(|row| &row["in_band"]).collect();
        assert_eq!(bands, [true, true, true], "rows keep the config's band");
        [versions(&books, "rtp_out_of_band").concat(), versions(&books, "slow_drift").concat()]
    };
    let band = |z: &str| always("rtp_out_of_band", &format!(r#","band_z":"{z}","action":"flag""#));
    let drift =
        |slack: &str| always("slow_drift", &format!(r#","slack":"{slack}","limit":"1","action":"flag""#));
    assert_eq!(found(&[band("1.1"), drift("0.1")]), ["", ""]);
    assert_eq!(
        found(&[band("1.099"), drift("0.099")]),
        ["-/slot/EUR rtp_out_of_band/0", "-/slot/EUR slow_drift/0"]
    );
}
