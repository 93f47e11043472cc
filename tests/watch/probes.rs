//! What probes are told, from before the books stand until the end.

use crate::gyre::{Job, program};

#[test]
fn probes_pass_when_the_books_are_back_and_fresh() {
    let job = Job::new();
    let lines = job.play(4_000);
    let mut running = job.start();
    running.wait_committed(lines);
    running.wait_until(|running| running.get("/readyz").status == 200);
    assert_eq!(running.end(), Some(0));
    // Started again it must make all of it anew before it has begun, and is alive all the while.
    let mut running = job.start();
    let (mut held_back, mut told) = (false, String::new());
    running.wait_until(|running| {
        let (live, startup) = (running.get("/livez"), running.get("/startupz?verbose"));
        let ready = running.get("/readyz");
        assert_eq!((live.status, &*live.body), (200, "ok\n"));
        // Asked last, so that it cannot have passed before.
        assert!(startup.status != 503 || ready.status != 503 || startup.body.contains("[-] hydrated"));
        if startup.status == 503 {
            (held_back, told) = (true, startup.body);
        }
        ready.status == 200
    });
    assert!(held_back && told.starts_with("[-] hydrated: ") && told.ends_with("not ok\n"), "{told}");
    let live = running.get("/livez?verbose").body;
    for check in ["[+] listener", "[+] worker-0", "[+] worker-1", "[+] ticks", "\nok\n"] {
        assert!(live.contains(check), "{live}");
    }
    assert!(running.get("/readyz?verbose").body.contains("[+] fresh: the books are 0."));
    assert_eq!(running.figures().sum("gyre_hydrated"), 1.0);
    assert_eq!(running.end(), Some(0));
}

#[test]
fn a_port_that_is_taken_is_told_with_what_to_do() {
    let job = Job::new();
    let mut running = job.start();
    running.wait_until(|running| running.get("/readyz").status == 200);
    let (log, at) = (job.path("other"), running.at.to_string());
    // Somebody else has the port.
    let other = Job::new().command(&at).stderr(std::fs::File::create(&log).expect("a log")).status();
    let said = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(other.expect("gyre starts").code(), Some(3), "{said}");
    assert!(said.contains(&format!("cannot listen at {at}")) && said.contains("--http-addr"), "{said}");
    assert_eq!(running.end(), Some(0));
}

#[test]
fn a_run_that_is_held_up_is_not_ready_but_alive_and_goes_on_by_itself() {
    let job = Job::new();
    let config = std::fs::read_to_string(job.path("gyre.toml")).expect("it is there");
    std::fs::write(job.path("gyre.toml"), config + "[run]\nheld_bytes_max = 1048576\n").expect("it can be");
    let mut running = job.start();
    running.wait_until(|running| running.get("/readyz").status == 200);
    // The place of the sink is gone, and what is told then is more than may wait for it.
    std::fs::rename(job.path("out"), job.path("elsewhere")).expect("it can be moved");
    let lines = job.play(4_000);
    running.wait_until(|running| running.get("/readyz").status == 503);
    assert!(running.get("/readyz?verbose").body.contains("[-] fresh"));
    assert_eq!((running.get("/livez").status, running.get("/startupz").status), (200, 200));
    assert!(running.figures().sum("gyre_output_errors_total") > 0.0);
    assert!(running.figures().sum("gyre_stall_seconds_total") > 1.0);
    let status =
        program().args(["status", "--lang", "en", "--http-addr"]).arg(running.at.to_string()).output();
    let status = status.expect("gyre starts");
    let said = String::from_utf8_lossy(&status.stdout);
    assert_eq!(status.status.code(), Some(1), "{said}");
    assert!(said.contains("CANNOT GO ON") && said.contains("OLD"), "{said}");
    std::fs::rename(job.path("elsewhere"), job.path("out")).expect("it can be moved back");
    running.wait_committed(lines);
    running.wait_until(|running| running.get("/readyz").status == 200);
    assert_eq!(running.end(), Some(0));
}

#[test]
fn nobody_listens_where_others_could_hear() {
    let job = Job::new();
    for addr in ["0.0.0.0:0", "192.0.2.1:8080", "[::]:0"] {
        let ran = job.command(addr).output().expect("gyre starts");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.contains("neither TLS nor a token"), "{said}");
        assert!(!job.path("state").exists(), "it was refused before anything began");
    }
    let ran = program().args(["run", "--config", "x", "--state", "y", "--http-addr", "here"]).output();
    assert_eq!(ran.expect("gyre starts").status.code(), Some(2));
}
