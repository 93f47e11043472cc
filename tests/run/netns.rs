//! A cluster of three in networks of their own, as pods have them: one is cut off, one is lost.
//!
//! ```text
//! a switch in a namespace of its own ─┬─ books-0  10.213.7.1   each in namespaces of its own:
//!                                     ├─ books-1  10.213.7.2   network and host name
//!                                     └─ books-2  10.213.7.3 ─ ✂
//! ```

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::job::{Job, Running};
use crate::story::Story;

const PROCESSES: usize = 3;

/// Somebody who holds namespaces for as long as he sleeps.
struct Holder(Child);

impl Holder {
    /// New namespaces, beside those of `beside`.
    fn new(beside: Option<&Self>, script: &str) -> Self {
        let mut command = match beside {
            Some(other) => other.within(&["unshare", "--net", "--uts"]),
            None => {
                let mut command = Command::new("unshare");
                command.args(["--net", "--uts"]);
                if !is_root() {
                    command.arg("--map-root-user");
                }
                command
            }
        };
        command.args(["sh", "-ec", &format!("{script}; echo made; exec sleep 3600")]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("namespaces");
        let mut made = String::new();
        let out = child.stdout.take().expect("piped");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut made).expect("it says so");
        assert_eq!(made, "made\n", "namespaces cannot be made: as root, or where users may make them");
        Self(child)
    }

    /// A command that runs in these namespaces.
    fn within(&self, command: &[&str]) -> Command {
        let mut within = Command::new("nsenter");
        within.args(["--target", &self.0.id().to_string(), "--net", "--uts"]);
        if !is_root() {
            within.args(["--user", "--preserve-credentials"]);
        }
        within.arg("--").args(command);
        within
    }

    fn run(&self, line: &str) {
        let done = self.within(&line.split(' ').collect::<Vec<_>>()).output().expect("it runs");
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t0"))
}

/// The network, with a machine for each process.
struct Network {
    switch: Holder,
    machines: Vec<Holder>,
}

impl Network {
    fn new() -> Self {
        let switch = Holder::new(None, "ip link add sw type bridge && ip link set sw up");
        let machines = (0..PROCESSES).map(|at| {
            let machine = Holder::new(Some(&switch), &format!("hostname books-{at} && ip link set lo up"));
            let id = machine.0.id();
            switch.run(&format!("ip link add v{at} type veth peer name eth0 netns {id}"));
            switch.run(&format!("ip link set v{at} master sw up"));
            machine.run(&format!("ip addr add 10.213.7.{}/24 dev eth0", at + 1));
            machine.run("ip link set eth0 up");
            machine
        });
        let machines = machines.collect();
        Self { switch, machines }
    }

    /// Starts a process as a pod does: by the number at the end of its machine's name.
    fn start(&self, job: &Job, at: usize) -> Running {
        let addresses: Vec<String> = (1..=PROCESSES).map(|at| format!("10.213.7.{at}:7801")).collect();
        let (config, state) = (job.path("gyre.toml"), job.path("state"));
        let mut command = self.machines[at].within(&[env!("CARGO_BIN_EXE_gyre"), "run", "--lang", "en"]);
        command.arg("--config").arg(config).arg("--state").arg(state);
        command.args(["--workers=1", "--http-addr=127.0.0.1:8080"]);
        command.arg(format!("--cluster={}", addresses.join(",")));
        command.args(["--process=hostname", "--trusted-network"]);
        job.spawn(command, "")
    }

    fn cut(&self, at: usize) {
        self.switch.run(&format!("ip link set v{at} down"));
    }

    fn mend(&self, at: usize) {
        self.switch.run(&format!("ip link set v{at} up"));
    }
}

#[test]
fn cut_off_or_lost_a_member_is_awaited() {
    if std::env::var_os("GYRE_TEST_NO_NAMESPACES").is_some() {
        // `tests/all` tried, and says at its end that this machine makes none.
        return;
    }
    let job = Job::new();
    job.append_all(Story::references());
    let mut story = Story::new(31, true);
    let network = Network::new();
    let mut members: Vec<Running> = (0..PROCESSES).map(|at| network.start(&job, at)).collect();
    let mut wait_said = |job: &Job, text: &str, times: usize| {
        let began = Instant::now();
        let said = || std::fs::read_to_string(job.path("log")).unwrap_or_default();
        while said().matches(text).count() < times {
            assert!(began.elapsed() < Duration::from_secs(60), "never said: {text}: {}", said());
            job.live(&mut story, Duration::from_millis(100));
        }
    };
    wait_said(&job, "all 3 processes are here", 1);
    job.wait_committed(&mut members[0]);

    network.cut(2);
    wait_said(&job, "process 2 has said nothing for 5 s", 1);
    wait_said(&job, "process 0 has said nothing for 5 s", 1);
    wait_said(&job, "waiting for processes ", 2);
    network.mend(2);
    wait_said(&job, "all 3 processes are here", 2);
    job.wait_committed(&mut members[0]);

    for lost in [1, 0] {
        let times =
            std::fs::read_to_string(job.path("log")).expect("a log").matches("all 3 processes").count();
        members[lost].signal("KILL");
        assert_eq!(members[lost].wait(), None);
        members[lost] = network.start(&job, lost);
        wait_said(&job, "all 3 processes are here", times + 1);
        job.wait_committed(&mut members[0]);
    }
    members[1].signal("TERM");
    for member in &mut members {
        assert_eq!(member.wait(), Some(0), "{}", member.said());
    }
    job.assert_as_if_uninterrupted(1);
}
