//! A replay can be asked too, while it lasts.

use crate::gyre::{Job, Running, program};

#[test]
fn a_replay_shows_how_far_it_is_where_it_is_asked_to() {
    let job = Job::new();
    job.play(20_000);
    let mut command = program();
    command.args(["replay", "--changes", "--lang", "en", "--http-addr", "127.0.0.1:0"]).arg(job.path("in"));
    let mut running = Running::start(command, job.path("log"));
    running.wait_until(|running| {
        let figures = running.figures();
        figures.sum("gyre_input_records_total") > 0.0 && figures.sum("gyre_stage_busy_seconds_total") > 0.0
    });
    assert_eq!(running.get("/livez").status, 200);
    assert_eq!(running.get("/readyz").status, 503, "a replay answers nothing until it is over");
}
