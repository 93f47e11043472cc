//! `gyre demo`: something to look at within seconds, and a clean end.

use crate::gyre::{Job, Running, program};

#[test]
fn a_demo_shows_records_and_ends_when_asked() {
    let job = Job::new();
    let mut command = program();
    command.args(["demo", "--rate", "200", "--workers", "1", "--lang", "en", "--http-addr", "127.0.0.1:0"]);
    command.arg("--output").arg(job.path("demo"));
    let began = std::time::Instant::now();
    let mut running = Running::start(command, job.path("log"));
    running.wait_until(|running| {
        let figures = running.figures();
        figures.sum("gyre_output_records_total") > 100.0 && running.said().contains("records/s")
    });
    // On a busy machine, with a program that was built to be tested.
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    assert!(running.figures().of("gyre_ledger_imbalance_minor_units").all(|(_, sum)| sum == 0.0));
    let said = running.said();
    assert!(said.contains("gyre status --http-addr") && said.contains("balanced"), "{said}");
    assert_eq!(running.end(), Some(0));
    assert!(job.path("demo/out").read_dir().expect("it stays").count() > 0);
    let again = program().args(["demo", "--lang", "en", "--output"]).arg(job.path("demo")).output();
    assert_eq!(again.expect("gyre starts").status.code(), Some(2), "the folder is not empty");
}
