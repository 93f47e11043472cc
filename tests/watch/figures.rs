//! What `/metrics` shows of a run.

use std::collections::BTreeSet;

use crate::gyre::{Figures, Job};

/// The names that a README lists: in the first column of the table under the heading of figures.
fn listed(readme: &str) -> BTreeSet<String> {
    let path = format!("{}/{readme}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("it is there");
    let words = text.split('`').filter(|word| !word.contains(char::is_whitespace));
    let names = words.map(|word| word.split('{').next().unwrap_or(word));
    names
        .filter(|name| name.starts_with("gyre_") || name.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_the_readmes_list_is_what_a_scrape_shows() {
    let job = Job::new();
    let lines = job.play(1_500);
    let mut running = job.start();
    running.wait_committed(lines);
    // The last laps take a second.
    let mut shown = BTreeSet::new();
    let mut listed = [listed("README.md"), listed("README.ko.md")];
    for listed in &mut listed {
        assert!(listed.remove("gyre_input_lag_records"), "which shows with Kafka alone");
    }
    running.wait_until(|running| {
        shown = Figures::names(&running.get("/metrics").body).into_iter().collect();
        shown.is_superset(&listed[0])
    });
    for listed in listed {
        assert_eq!(shown, listed, "a scrape, and a README");
    }
    assert_eq!(running.end(), Some(0));
}

fn every_stage_was_at_work(figures: &Figures) -> bool {
    let stages = ["decode", "validate", "matching", "ledger", "aggregates", "anomalies", "outputs"];
    stages.iter().all(|stage| {
        let busy = figures.of("gyre_stage_busy_seconds_total").filter(|(series, _)| series.contains(stage));
        busy.map(|(_, seconds)| seconds).sum::<f64>() > 0.0
    })
}

#[test]
fn figures_follow_what_happens() {
    let job = Job::new();
    let lines = job.play(2_000);
    let mut running = job.start();
    running.wait_committed(lines);
    // How long stages were at work shows a tenth of a second later.
    running.wait_until(|running| every_stage_was_at_work(&running.figures()));
    let figures = running.figures();
    assert!(figures.of("gyre_ledger_imbalance_minor_units").count() >= 3, "several currencies");
    assert!(figures.of("gyre_ledger_imbalance_minor_units").all(|(_, sum)| sum == 0.0));
    for some in [
        "gyre_output_records_total",
        "gyre_input_bytes_total",
        "gyre_wagers",
        "gyre_anomalies_open",
        "gyre_rejects",
        "gyre_input_decode_errors_total",
        "gyre_input_duplicates_total",
        "gyre_step_duration_seconds_count",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    ] {
        assert!(figures.sum(some) > 0.0, "{some}");
    }
    assert_eq!(figures.sum("gyre_generation"), 1.0);
    // Twice as many records on fifty times as many games, and no more series than before but for what was never seen until
    // then.
    let more = job.play_on(2_000, 1_000);
    let after = running.wait_committed(lines + more);
    assert!(after.sum("gyre_input_records_total") > figures.sum("gyre_input_records_total"));
    assert!(after.0.len() < 700, "{} series", after.0.len());
    assert_eq!(running.end(), Some(0));
}
