//! What Prometheus itself says of a scrape: `promtool` finds nothing to mend, and a real server answers a query from it.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::gyre::{Job, ask};

/// Where the server is, the folder in which it finds whom to scrape, and promtool.
fn server() -> [String; 3] {
    let names = ["GYRE_TEST_PROMETHEUS", "GYRE_TEST_PROMETHEUS_TARGETS", "GYRE_TEST_PROMTOOL"];
    let told = names.map(|name| std::env::var(name).unwrap_or_default());
    if told.iter().all(|value| !value.is_empty()) {
        return told;
    }
    let run = |what: &str| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/services");
        let ran = Command::new(script).args([what, "prometheus"]).output().expect("bash is there");
        assert!(ran.status.success(), "tests/services {what}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("UTF-8")
    };
    run("start");
    let lines = run("env");
    names.map(|name| {
        let start = format!("export {name}=");
        lines.lines().find_map(|line| line.strip_prefix(&start)).expect("it is told").to_owned()
    })
}

#[test]
fn promtool_and_a_real_prometheus_take_a_scrape() {
    let [server, targets, promtool] = server();
    let job = Job::new();
    let lines = job.play(1_000);
    let mut running = job.start();
    running.wait_committed(lines);
    let scraped = running.get("/metrics");
    assert!(scraped.head.contains("content-type: text/plain; version=0.0.4"), "{}", scraped.head);
    let mut check = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    check.stdin.take().expect("a pipe").write_all(scraped.body.as_bytes()).expect("it reads");
    let checked = check.wait_with_output().expect("it ends");
    let said = [&*checked.stdout, &*checked.stderr].concat();
    assert!(checked.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
    // The server finds whom to scrape in a file, and forgets it with the file.
    let target = format!("{targets}/{}.json", running.id());
    let text = format!("[{{\"targets\":[\"{}\"]}}]", running.at);
    std::fs::write(&target, text).expect("it can be written");
    let at: SocketAddr = server.parse().expect("an address");
    let query = format!(
        "/api/v1/query?query=sum(gyre_ledger_imbalance_minor_units%7Binstance%3D%22{}%22%7D)",
        running.at
    );
    let began = Instant::now();
    loop {
        let said = ask(at, &format!("GET {query} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n")).body;
        if said.contains("\"success\"") && said.contains(",\"0\"]") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{said}");
        std::thread::sleep(Duration::from_millis(200));
    }
    std::fs::remove_file(target).expect("it can go");
    assert_eq!(running.end(), Some(0));
}
