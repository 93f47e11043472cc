//! `gyre anomalies` and `gyre quarantine`, and what they ask: what stands, one by one.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use crate::gyre::{Job, Running, program};

fn gyre(running: &Running, args: &[&str]) -> Output {
    let addr = running.at.to_string();
    program().args(args).args(["--lang", "en", "--http-addr", &addr]).output().expect("gyre starts")
}

fn json(running: &Running, args: &[&str]) -> Value {
    let output = gyre(running, &[args, &["--output", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn items(page: &Value) -> &[Value] {
    page["items"].as_array().expect("a list")
}

/// All rows, page by page.
fn all(running: &Running, what: &str, limit: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let more: Vec<&str> = cursor.iter().flat_map(|cursor| ["--cursor", cursor]).collect();
        let page = json(running, &[&[what, "list", "--limit", limit], &more[..]].concat());
        rows.extend_from_slice(items(&page));
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            assert_eq!(page["standing"].as_u64(), Some(rows.len() as u64), "all that stands was listed");
            return rows;
        }
    }
}

#[test]
fn what_stands_can_be_gone_through_and_looked_at() {
    let job = Job::new();
    let lines = job.play(1_000);
    let mut running = job.start();
    running.wait_committed(lines);
    // Laps are over, and nothing comes any more: what stands does not change.
    let still = |running: &Running| {
        let status: Value = serde_json::from_str(&running.get("/v1/status").body).expect("JSON");
        (status["anomalies"].clone(), status["quarantine"].clone())
    };
    let mut before = still(&running);
    running.wait_until(|running| {
        std::thread::sleep(std::time::Duration::from_secs(2));
        let now = still(running);
        std::mem::replace(&mut before, now.clone()) == now
    });
    for what in ["anomalies", "quarantine"] {
        let rows = all(&running, what, "7");
        let refs: BTreeSet<&str> = rows.iter().filter_map(|row| row["ref"].as_str()).collect();
        assert!(rows.len() > 7 && refs.len() == rows.len(), "{what}: {} rows", rows.len());
        let by = if what == "anomalies" { "kind" } else { "cause" };
        let name = rows[0][by].as_str().expect("a name");
        let some = json(&running, &[what, "list", "--limit", "1000", &format!("--{by}"), name]);
        let same = rows.iter().filter(|row| row[by] == rows[0][by]).count();
        assert_eq!(items(&some).len(), same, "{what} of {name}");
        let counted: u64 = match what {
            "anomalies" => {
                before.0.as_array().into_iter().flatten().filter_map(|one| one["open"].as_u64()).sum()
            }
            _ => before.1.as_array().into_iter().flatten().filter_map(|one| one["records"].as_u64()).sum(),
        };
        assert_eq!(rows.len() as u64, counted, "{what}: as many as the status says");
        let reference = rows[3]["ref"].as_str().expect("a ref");
        let one = json(&running, &[what, "show", reference]);
        assert_eq!(one["item"], rows[3]);
        assert!(one["as_of"]["tick"].as_u64() > Some(1_700_000_000_000));
        let shown = gyre(&running, &[what, "show", reference]);
        let said = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(said.contains(reference) && said.contains(rows[3][by].as_str().expect("a name")), "{said}");
        let listed = gyre(&running, &[what, "list", "--limit", "7"]);
        let said = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(said.contains(&format!("7 of {}", rows.len())) && said.contains("--cursor"), "{said}");
        let sheet = gyre(&running, &[what, "list", "--limit", "1000", "--output", "csv"]);
        let read = csv::Reader::from_reader(&*sheet.stdout).into_records().collect::<Result<Vec<_>, _>>();
        assert_eq!(read.expect("sound CSV").len(), rows.len());
    }
    let gone = gyre(&running, &["quarantine", "show", "0000000000000000"]);
    assert_eq!(gone.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("nothing of this ref stands"));
    for (path, status) in [
        ("/v1/anomalies?kind=nonsense", 200),
        ("/v1/anomalies?nonsense=1", 400),
        ("/v1/quarantine?limit=0", 400),
        ("/v1/quarantine?cursor=%00", 400),
        ("/v1/anomalies/", 404),
        ("/v1/quarantine/a/b", 404),
    ] {
        let answer = running.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        let content = if status == 200 { "application/json" } else { "application/problem+json" };
        assert!(answer.head.contains(content), "{path}: {}", answer.head);
    }
    assert_eq!(running.end(), Some(0));
}
