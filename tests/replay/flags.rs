//! What the program is asked, and how it leaves: the exits that `gyre --help` documents.

use std::fs;
use std::process::Output;

use serde_json::json;

use crate::feed::{Feed, T0, gyre, names, said, wager};

fn ran(args: &[&str]) -> Output {
    gyre(args).output().expect("gyre starts")
}

fn feed() -> Feed {
    Feed::new().records("wagers.jsonl", [wager("w", T0)])
}

#[test]
fn help_tells_the_exits() {
    let help = ran(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    for exit in [
        "0  done",
        "1  check or status found",
        "2  wrong flags",
        "3  the world",
        "130 interrupted; 101 a fault",
    ] {
        assert!(help.contains(&format!("\n  {exit}")), "{help}");
    }
    assert_eq!(ran(&["--version"]).status.code(), Some(0));
    let korean = gyre(&["--help"]).env("LC_ALL", "ko_KR.UTF-8").output().expect("gyre starts");
    assert!(String::from_utf8(korean.stdout).expect("UTF-8").contains("종료 코드"));
}

#[test]
fn a_wrong_question_is_exit_2_and_says_what_is_meant() {
    let feed = feed();
    for (flags, says) in [
        ("--worker 2", "--workers"),
        ("--workers 0", "1..=256"),
        ("--workers 257", "1..=256"),
        ("--workers two", "'two'"),
        ("--tick-ms 0", "--tick-ms"),
        ("--changes=yes", "--changes"),
        ("more", "more"),
        ("--config none.toml", "there is no config file none.toml"),
    ] {
        let said = feed.fails(flags, 2);
        assert!(said.starts_with("error: ") && said.contains(says), "{flags}: {said}");
    }
    for (args, says) in [
        (&[][..], "Usage: gyre"),
        (&["replay"], "<DIR>"),
        (&["reply", "x"], "replay"),
        (&["replay", "/none/such"], "there is no folder /none/such"),
    ] {
        let ran = ran(args);
        assert_eq!(ran.status.code(), Some(2), "{args:?}");
        assert!(said(&ran).contains(says), "{args:?}: {}", said(&ran));
    }
}

#[test]
fn a_folder_that_holds_no_streams_is_exit_2() {
    let empty = Feed::new();
    assert!(empty.fails("", 2).contains("nothing to read in "));
    assert!(
        Feed::new()
            .with("wager.jsonl", "")
            .fails("", 2)
            .contains("wager.jsonl looks like wagers.jsonl: rename it")
    );
    assert!(
        Feed::new()
            .with("games.jsonl", "")
            .fails("", 2)
            .contains("at least one of wagers, outcomes and payments")
    );
    let twice = feed().with("wagers.jsonl.gz", "").fails("", 2);
    assert!(twice.contains("wagers is there more than once: wagers.jsonl, wagers.jsonl.gz"), "{twice}");
    let folder = feed();
    fs::create_dir(folder.path().join("outcomes.jsonl")).expect("a folder");
    assert!(folder.fails("", 2).contains("outcomes.jsonl is a folder, not a file"));
    let file = folder.path().join("wagers.jsonl");
    let ran = gyre(&["replay"]).arg(&file).output().expect("gyre starts");
    assert_eq!(ran.status.code(), Some(2));
    assert!(said(&ran).contains("wagers.jsonl is not a folder"));
}

#[test]
fn an_output_that_cannot_be_a_folder_is_exit_2() {
    let feed = feed();
    let file = feed.path().join("wagers.jsonl");
    let ran = feed.command(&file, "").output().expect("gyre starts");
    assert_eq!(ran.status.code(), Some(2), "{}", said(&ran));
    assert!(said(&ran).contains("is not a folder"), "{}", said(&ran));
    let output = feed.next_output();
    fs::create_dir_all(output.join("rtp.jsonl")).expect("a folder");
    let ran = feed.command(&output, "").output().expect("gyre starts");
    assert_eq!(ran.status.code(), Some(2), "{}", said(&ran));
    assert!(said(&ran).contains("in the way"), "{}", said(&ran));
    assert_eq!(names(&output), ["rtp.jsonl"]);
}

const FAULTY: &str = r#"[time]
tick_m = 5
horizon_ms = "x"
gaming_day_zone = "Asia/Seul"

[anomalis.velocity]
wagers_max = 3

[outputs]
postings = 1
"#;

#[test]
fn a_config_tells_all_its_faults_at_once() {
    let feed = feed().with("faulty.toml", FAULTY);
    let path = feed.path().join("faulty.toml");
    let path = path.to_str().expect("UTF-8");
    let wanted = [
        ("there is no setting `tick_m` in [time]", "2:1", "did you mean `tick_ms`?"),
        ("`horizon_ms` is a whole number, not \"x\"", "3:14", "write horizon_ms = 3024000000"),
        ("there is no time zone \"Asia/Seul\"", "4:19", "did you mean `Asia/Seoul`?"),
        ("there is no section or setting `anomalis`", "6:2", "did you mean `anomalies`?"),
        ("`postings` is true or false, not 1", "10:12", "write postings = true"),
    ];
    // A check that finds faults is exit 1; a replay with them is exit 2, and says the same.
    let checked = ran(&["check", path]);
    assert_eq!(checked.status.code(), Some(1));
    for text in [said(&checked), feed.fails(&format!("--config {path}"), 2)] {
        for (fault, place, help) in wanted {
            assert!(text.contains(&format!("error: {fault}\n")), "{fault}: {text}");
            assert!(text.contains(&format!("{path}:{place}\n")), "{place}: {text}");
            assert!(text.contains(&format!("help: {help}\n")), "{help}: {text}");
        }
        assert!(text.contains(": 5\n"), "{text}");
    }
    // A config beside the streams is read as if it were named.
    feed.write("gyre.toml", FAULTY);
    assert!(feed.fails("", 2).contains("gyre.toml:2:1"));
}

#[test]
fn a_sound_config_is_checked_and_obeyed() {
    let feed = feed()
        .with("sound.toml", "[time]\nresult_due_ms = 5\n[outputs]\npostings = true\n[currencies]\nXRP = 6\n");
    let path = feed.path().join("sound.toml");
    let path = path.to_str().expect("UTF-8");
    for args in [&["check", path][..], &["check"], &["check", "deploy/gyre.example.toml"]] {
        let checked = gyre(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("gyre starts");
        assert_eq!(checked.status.code(), Some(0), "{args:?}: {}", said(&checked));
        assert!(String::from_utf8_lossy(&checked.stdout).contains("tick_ms"), "{args:?}");
    }
    assert_eq!(ran(&["check", "/none/such.toml"]).status.code(), Some(2));
    let xrp = json!({
        "payment_id": "p", "account": "x", "kind": "deposit", "amount": "1.000001", "currency": "XRP", "at_ms": T0
    });
    feed.write("payments.jsonl", xrp.to_string());
    let books = feed.books(&format!("--config {path}"));
    assert_eq!(books.balance("x"), "1.000001");
    assert!(books.files.contains_key("postings.jsonl"));
}

#[test]
fn the_books_stand_in_out_unless_told_otherwise() {
    let feed = feed();
    let ran = gyre(&["replay"]).arg(feed.path()).output().expect("gyre starts");
    assert_eq!(ran.status.code(), Some(0), "{}", said(&ran));
    let outputs = [
        "anomalies.jsonl",
        "balances.jsonl",
        "decisions.jsonl",
        "quarantine.jsonl",
        "recollect.jsonl",
        "rejects.jsonl",
        "rtp.jsonl",
        "summary.json",
        "wager_states.jsonl",
    ];
    assert_eq!(names(&feed.path().join("out")), outputs);
    let shown = String::from_utf8(ran.stdout).expect("UTF-8");
    assert!(shown.contains("wagers open") && shown.contains("written to "), "{shown}");
    // Nobody listens to the table: the books stand all the same.
    let closed = feed.command(&feed.path().join("heard"), "").stdout(std::process::Stdio::null()).status();
    assert!(closed.expect("gyre starts").success());
}
