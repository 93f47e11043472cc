//! Outputs stand all together or not at all, whatever the world does in the middle.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use gyre::generate::{Plan, run};

use crate::feed::{Books, DAY, Feed, T0, deposit, names, pack, said, settle, wager};

const NOBODY: u32 = 65_534;

/// A feed whose payments are a pipe that never ends.
struct Endless {
    feed: Feed,
    _writer: File,
}

fn endless() -> Endless {
    let wagers = (0..30_000).map(|number| wager(&format!("w{number}"), T0 + number));
    let feed = Feed::new().records("wagers.jsonl", wagers);
    let pipe = feed.path().join("payments.jsonl");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    // Open for both, so that neither side waits for the other.
    let mut writer = OpenOptions::new().read(true).write(true).open(&pipe).expect("the pipe");
    writeln!(writer, "{}", deposit("p", "5.00", T0)).expect("room in the pipe");
    Endless { feed, _writer: writer }
}

impl Endless {
    /// A replay that is at work and will not end.
    fn start(&self, output: &Path) -> Child {
        let child = self
            .feed
            .command(output, "--workers 2 --changes")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let child = child.expect("gyre starts");
        let partial = output.join(format!(".partial-{}", child.id()));
        let begun = Instant::now();
        while names(&partial).is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing is written to {}", partial.display());
            sleep(Duration::from_millis(2));
        }
        sleep(Duration::from_millis(50));
        child
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.expect("kill").success());
}

#[test]
fn a_run_that_is_told_to_stop_leaves_no_trace() {
    for name in ["-INT", "-TERM"] {
        let endless = endless();
        let output = endless.feed.next_output();
        let child = endless.start(&output);
        signal(&child, name);
        let ran = child.wait_with_output().expect("gyre ends");
        assert_eq!(ran.status.code(), Some(130), "{}", said(&ran));
        assert!(said(&ran).contains("is as it was before"), "{}", said(&ran));
        assert!(!output.exists(), "{:?}", names(&output));
    }
}

#[test]
fn a_run_that_is_killed_leaves_nothing_under_a_final_name() {
    let endless = endless();
    let output = endless.feed.next_output();
    let mut child = endless.start(&output);
    // Meanwhile the folder is taken.
    let other = Feed::new().records("wagers.jsonl", [wager("w", T0)]);
    let second = other.command(&output, "").output().expect("gyre starts");
    assert_eq!(second.status.code(), Some(2), "{}", said(&second));
    assert!(said(&second).contains("another gyre is writing to "), "{}", said(&second));
    child.kill().expect("a child to kill");
    child.wait().expect("gyre ends");
    assert_eq!(names(&output), [format!(".partial-{}", child.id())]);
    // The next run clears that away.
    fs::remove_file(endless.feed.path().join("payments.jsonl")).expect("the pipe");
    let ran = endless.feed.command(&output, "").output().expect("gyre starts");
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(Books::read(&output).finals(), endless.feed.books("").finals());
}

#[test]
fn whenever_a_run_is_killed_its_files_are_whole_or_those_of_before() {
    let feed = Feed::new();
    let plan = Plan { wagers: 20_000, accounts: 300, games: 20, seed: 4, ..Plan::new(feed.path()) };
    run(&plan, &mut |_| ()).expect("a sound plan");
    let begun = Instant::now();
    let whole = feed.books("--workers 2 --postings");
    let took = begun.elapsed();
    let output = feed.next_output();
    for part in 1..=8 {
        // The earlier run had another stake in its books, or there was none.
        let before = (part % 2 == 0).then(|| {
            let other = Feed::new().records("wagers.jsonl", [wager("w", T0)]);
            let ran = other.command(&output, "--postings").output().expect("gyre starts");
            assert!(ran.status.success(), "{}", said(&ran));
            Books::read(&output)
        });
        let mut child = feed
            .command(&output, "--workers 2 --postings")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gyre");
        sleep(took * part / 8);
        let _ = child.kill();
        let _ = child.wait();
        let mut of_before = 0;
        for name in
            names(&output).iter().filter(|name| !name.starts_with(".partial-") && *name != "summary.json")
        {
            let bytes = fs::read(output.join(name)).expect(name);
            let is_of_before = before.as_ref().is_some_and(|before| before.files[name] == bytes);
            of_before += u32::from(is_of_before);
            assert!(is_of_before || bytes == whole.files[name], "{name} is cut off");
        }
        // The summary comes last: where it is of this run, everything is.
        let summary = fs::read_to_string(output.join("summary.json")).unwrap_or_default();
        assert!(of_before == 0 || !summary.contains("20000"), "{summary}");
        fs::remove_dir_all(&output).expect("the output folder");
    }
}

/// What a failed run finds in its output folder is there afterwards, byte for byte.
#[test]
fn a_failed_run_leaves_earlier_books_alone() {
    let feed = Feed::new().records("wagers.jsonl", [wager("w", T0)]);
    let output = feed.next_output();
    assert!(feed.command(&output, "--changes").status().expect("gyre starts").success());
    let before = Books::read(&output);
    let packed = pack("gz", format!("{}\n", settle("w", T0)).as_bytes());
    feed.write("outcomes.jsonl.gz", &packed[..packed.len() - 9]);
    let ran = feed.command(&output, "").output().expect("gyre starts");
    assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
    let after = Books::read(&output);
    assert_eq!((before.files, before.summary), (after.files, after.summary));
    // A run that ends well takes the change logs of the earlier one away: they tell of other books.
    feed.write("outcomes.jsonl.gz", packed);
    assert!(feed.command(&output, "").status().expect("gyre starts").success());
    let books = Books::read(&output);
    assert!(books.files.keys().all(|name| !name.contains(".changes.")), "{:?}", books.files.keys());
    assert_eq!(books.balance("ada"), "5.00");
}

#[test]
fn packed_files_that_are_cut_off_or_broken_are_exit_3() {
    let lines: String =
        (0..20_000).map(|number| format!("{}\n", wager(&format!("w{number}"), T0 + number))).collect();
    for ending in ["gz", "zst"] {
        let packed = pack(ending, lines.as_bytes());
        let name = format!("wagers.jsonl.{ending}");
        for kept in [packed.len() / 2, packed.len() - 1, 3] {
            let text = Feed::new().with(&name, &packed[..kept]).fails("--workers 2", 3);
            assert!(text.contains(&name) && text.contains("ends in the middle"), "{kept}: {text}");
        }
        let mut broken = packed.clone();
        broken[packed.len() / 2..].iter_mut().take(50).for_each(|byte| *byte ^= 0x5a);
        let text = Feed::new().with(&name, broken).fails("", 3);
        assert!(text.contains(&name) && text.contains("help: "), "{text}");
        let text = Feed::new().with(&name, &lines).fails("", 3);
        assert!(text.contains("is not sound compressed data"), "{text}");
    }
}

/// Root may read and write everything: its runs are made by nobody.
fn as_nobody(feed: &Feed, output: &Path) -> Command {
    let is_root = fs::metadata("/proc/self").expect("this process").uid() == 0;
    if !is_root {
        return feed.command(output, "");
    }
    let program = feed.path().join("gyre");
    // By another process: none that this one begins meanwhile may hold the copy open.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_gyre")).arg(&program).status();
    assert!(copied.expect("cp").success());
    for path in [feed.path(), &program] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("permissions");
    }
    let mut command = Command::new(program);
    command.arg("replay").arg(feed.path()).arg("--output").arg(output).env("LC_ALL", "C").uid(NOBODY);
    command
}

fn open_to_all(feed: &Feed, name: &str) -> PathBuf {
    let folder = feed.path().join(name);
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("permissions");
    folder
}

#[test]
fn an_unreadable_file_is_exit_3() {
    let feed =
        Feed::new().records("wagers.jsonl", [wager("w", T0)]).records("outcomes.jsonl", [settle("w", T0)]);
    let folder = open_to_all(&feed, "open");
    let sound = as_nobody(&feed, &folder.join("books")).output().expect("gyre starts");
    assert!(sound.status.success(), "{}", said(&sound));
    fs::set_permissions(feed.path().join("outcomes.jsonl"), Permissions::from_mode(0o000))
        .expect("permissions");
    let output = folder.join("none");
    let ran = as_nobody(&feed, &output).output().expect("gyre starts");
    assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
    assert!(said(&ran).contains("cannot read ") && said(&ran).contains("outcomes.jsonl"), "{}", said(&ran));
    assert!(!output.exists());
    // A link to nowhere is no absent file either.
    let linked = Feed::new().records("wagers.jsonl", [wager("w", T0)]);
    symlink("/none/such", linked.path().join("outcomes.jsonl")).expect("a link");
    assert!(linked.fails("", 3).contains("cannot read "));
}

#[test]
fn a_folder_that_may_not_be_written_to_is_exit_3() {
    let feed = Feed::new().records("wagers.jsonl", [wager("w", T0)]);
    let folder = open_to_all(&feed, "closed");
    fs::set_permissions(&folder, Permissions::from_mode(0o555)).expect("permissions");
    for output in [folder.clone(), folder.join("within")] {
        let ran = as_nobody(&feed, &output).output().expect("gyre starts");
        assert_eq!(ran.status.code(), Some(3), "{}", said(&ran));
        assert!(said(&ran).contains("cannot write ") && said(&ran).contains("--output"), "{}", said(&ran));
        assert!(names(&folder).is_empty());
    }
}

#[test]
fn a_full_disk_is_exit_3() {
    let wagers = (0..4_000).map(|number| wager(&format!("w{number}"), T0 + DAY + number));
    let feed = Feed::new().records("wagers.jsonl", wagers);
    for flags in ["", "--workers 2 --changes --postings"] {
        let (mut limited, mut mounted) = (within("", &feed, flags), within(MOUNT, &feed, flags));
        // A file that may not grow is on every system; a small disk of our own only where it may be mounted.
        let ran = limited.output().expect("a shell");
        let text = said(&ran);
        assert_eq!(ran.status.code(), Some(3), "{text}");
        assert!(text.contains("cannot write ") && text.contains("help: "), "{text}");
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "ready\n");
        let ran = mounted.output().expect("a shell");
        if ran.stdout.starts_with(b"ready\n") {
            let text = said(&ran);
            assert_eq!(ran.status.code(), Some(3), "{text}");
            assert!(text.contains("the disk is full: ") && text.contains("help: "), "{text}");
            assert_eq!(String::from_utf8_lossy(&ran.stdout), "ready\n");
        }
    }
}

/// Mounts a disk of 200 kB, seen by this command alone.
const MOUNT: &str = "mount -t tmpfs -o size=200k none \"$0\" && ";

/// A replay that runs out of room: on the disk that `mount` mounts, or else in files of at most 100 kB. It tells that
/// it was made ready, and then what lies in the output folder afterwards.
fn within(mount: &str, feed: &Feed, flags: &str) -> Command {
    let output = feed.next_output();
    fs::create_dir(&output).expect("a folder");
    let limit = if mount.is_empty() { "trap '' XFSZ; ulimit -f 200;" } else { "" };
    let script =
        format!("{mount} echo ready && ({limit} \"$@\" >/dev/null); code=$?; ls -A \"$0\"; exit $code");
    let mut command = if mount.is_empty() { Command::new("sh") } else { Command::new("unshare") };
    if !mount.is_empty() {
        command.args(["--mount", "--map-root-user", "sh"]);
    }
    command.args(["-c", &script]).arg(&output).env("LC_ALL", "C");
    command.args([env!("CARGO_BIN_EXE_gyre"), "replay"]).arg(feed.path()).arg("--output").arg(&output);
    command.args(flags.split_whitespace());
    command
}
