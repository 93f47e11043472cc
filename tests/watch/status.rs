//! `gyre status`: its screen, its JSON, and how it leaves.

use std::process::Output;

use crate::gyre::{Job, program};

fn status(addr: &str, more: &[&str]) -> Output {
    program().args(["status", "--http-addr", addr]).args(more).output().expect("gyre starts")
}

#[test]
fn one_screen_says_how_things_stand() {
    let job = Job::new();
    let lines = job.play(1_000);
    let mut running = job.start();
    running.wait_committed(lines);
    running.wait_until(|running| running.get("/readyz").status == 200);
    let addr = running.at.to_string();
    let screen = status(&addr, &["--lang", "en"]);
    let said = String::from_utf8_lossy(&screen.stdout);
    assert_eq!(screen.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&screen.stderr));
    for part in ["Are the books right?", "balanced", "How fresh are they?", "fresh", "files", "malformed"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let screen = status(&addr, &["--lang", "ko"]);
    assert!(String::from_utf8_lossy(&screen.stdout).contains("장부가 맞는가?"));
    let json = status(&addr, &["--output", "json"]);
    let said: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(
        (&said["job"], &said["state"], &said["generation"]),
        (&"gyre".into(), &"ready".into(), &1.into())
    );
    assert!(said["books"].as_array().is_some_and(|books| books.iter().all(|book| book["imbalance"] == "0")));
    assert!(said["as_of"]["tick"].as_u64() > Some(1_700_000_000_000));
    let lag = program().args(["lag", "--lang", "en", "--http-addr", &addr]).output().expect("gyre starts");
    let said = String::from_utf8_lossy(&lag.stdout);
    assert!(lag.status.success() && said.contains("wagers/0") && said.contains("files"), "{said}");
    // It is looked once a second.
    running.wait_until(|running| {
        let said: serde_json::Value = serde_json::from_str(&running.get("/v1/status").body).expect("JSON");
        said["lags"].as_array().is_some_and(|lags| lags.iter().all(|lag| lag["bytes"] == 0))
    });
    let lag =
        program().args(["lag", "--output", "json", "--http-addr", &addr]).output().expect("gyre starts");
    let said: serde_json::Value = serde_json::from_slice(&lag.stdout).expect("JSON");
    assert!(said["lags"].as_array().is_some_and(|lags| lags.iter().all(|lag| lag["bytes"] == 0)), "{said}");
    let described: serde_json::Value =
        serde_json::from_str(&running.get("/v1/openapi.json").body).expect("JSON");
    assert!(described["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{described}");
    let fields = &described["components"]["schemas"]["Status"]["properties"];
    let told: serde_json::Value = serde_json::from_str(&running.get("/v1/status").body).expect("JSON");
    for field in told.as_object().expect("an object").keys() {
        assert!(fields[field].is_object(), "{field} is not described");
    }
    assert!(running.get("/v1/status").head.contains("content-type: application/json"));
    assert_eq!(running.end(), Some(0));
    let gone = status(&addr, &["--lang", "en"]);
    assert_eq!(gone.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("nobody answers"));
}
