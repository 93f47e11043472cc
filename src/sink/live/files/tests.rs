use gyre_dataflows::rows::Output;

use super::*;
use crate::error::Exit;
use crate::sink::live::Change;
use crate::texts::Lang;

fn job(generation: u64) -> Job {
    Job { name: "gyre".to_owned(), id: "0123".to_owned(), generation }
}

/// A tick in which one balance takes another's place.
fn rows(tick: Tick, before: Digest) -> Arc<TickRows> {
    let (old, new) = (format!("{{\"n\":{}}}", tick - 1), format!("{{\"n\":{tick}}}"));
    let change = |row, diff| Change { output: Output::Balances, diff, row };
    let mut changes = [change(new.as_bytes(), 1), change(old.as_bytes(), -1)];
    Arc::new(TickRows::new(tick, &mut changes, before).unwrap())
}

fn open(folder: &Path, generation: u64) -> Result<(FilesSink, Option<Progress>)> {
    let mut sink = FilesSink::new(folder, Duration::from_secs(1));
    let progress = sink.open(&job(generation))?;
    Ok((sink, progress))
}

fn names(folder: &Path) -> Vec<String> {
    let entry = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(entry).collect();
    names.sort_unstable();
    names
}

/// Commits so many ticks of one row each, one at a time, and gives the progress.
fn committed(sink: &mut FilesSink, from: Option<Progress>, ticks: u64) -> Progress {
    let mut progress = from.unwrap_or(Progress { tick: 0, digest: Digest::default() });
    for _ in 0..ticks {
        let rows = rows(progress.tick + 10, progress.digest);
        progress = Progress { tick: rows.tick, digest: rows.digest };
        sink.commit(&[rows], &progress).unwrap();
    }
    progress
}

fn lines(folder: &Path) -> Vec<String> {
    let text = |name: &String| fs::read_to_string(folder.join(name)).unwrap();
    names(folder).iter().flat_map(|name| text(name).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn a_commit_is_a_segment_and_its_progress_is_found_again() {
    let temp = tempfile::tempdir().unwrap();
    let (mut sink, progress) = open(temp.path(), 1).unwrap();
    assert_eq!(progress, None);
    let progress = committed(&mut sink, None, 2);
    let through = Progress { tick: 55, ..progress };
    sink.commit(&[], &through).unwrap();
    drop(sink);
    let two = ["changes-0000000000000-0000000000010.jsonl", "changes-0000000000011-0000000000055.jsonl"];
    assert_eq!(names(temp.path()), two);
    let lines = lines(temp.path());
    assert_eq!(lines[0], r#"{"tick":10,"diff":1,"output":"balances","row":{"n":10}}"#);
    assert_eq!(lines[1], r#"{"tick":10,"diff":-1,"output":"balances","row":{"n":9}}"#);
    assert!(lines[5].starts_with(r#"{"through":20,"digest":""#), "{}", lines[5]);
    fs::write(temp.path().join(".partial-1"), "half").unwrap();
    let (mut sink, found) = open(temp.path(), 2).unwrap();
    assert_eq!(found, Some(through));
    assert_eq!(names(temp.path()), two);
    committed(&mut sink, found, 1);
    assert_eq!(names(temp.path())[2], "changes-0000000000056-0000000000065.jsonl");
}

#[test]
fn many_small_segments_become_one_and_what_is_left_over_goes() {
    let temp = tempfile::tempdir().unwrap();
    let (mut sink, _) = open(temp.path(), 1).unwrap();
    let progress = committed(&mut sink, None, 15);
    let before = names(temp.path());
    assert_eq!(before.len(), 15);
    let kept: Vec<(String, Vec<u8>)> =
        before.iter().map(|name| (name.clone(), fs::read(temp.path().join(name)).unwrap())).collect();
    let progress = committed(&mut sink, Some(progress), 1);
    assert_eq!(names(temp.path()), ["changes-0000000000000-0000000000160.jsonl"]);
    let merged = lines(temp.path());
    assert_eq!(merged.iter().filter(|line| line.starts_with("{\"tick\":")).count(), 32);
    assert_eq!(merged.iter().filter(|line| line.starts_with("{\"through\":")).count(), 1);
    drop(sink);
    // Killed before the small ones had gone.
    kept.iter().for_each(|(name, bytes)| fs::write(temp.path().join(name), bytes).unwrap());
    let (_, found) = open(temp.path(), 2).unwrap();
    assert_eq!(found, Some(progress));
    assert_eq!(lines(temp.path()), merged);
}

#[test]
fn what_is_not_this_jobs_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let (mut sink, _) = open(temp.path(), 3).unwrap();
    assert_eq!(open(temp.path(), 4).err().unwrap().exit(), Exit::Usage);
    committed(&mut sink, None, 3);
    drop(sink);
    assert!(open(temp.path(), 2).err().unwrap().render(Lang::En).contains("run later"));
    let mut other = FilesSink::new(temp.path(), Duration::ZERO);
    assert!(other.open(&Job { id: "4567".to_owned(), ..job(4) }).is_err());
    drop(other);
    let before = lines(temp.path());
    fs::rename(temp.path().join(&names(temp.path())[1]), temp.path().join("away")).unwrap();
    assert!(open(temp.path(), 4).err().unwrap().render(Lang::En).contains("missing"));
    fs::rename(temp.path().join("away"), temp.path().join("changes-0000000000011-0000000000020.jsonl"))
        .unwrap();
    assert_eq!(lines(temp.path()), before);
    let last = temp.path().join("changes-0000000000021-0000000000030.jsonl");
    fs::write(&last, "{\"tick\":").unwrap();
    assert!(open(temp.path(), 4).err().unwrap().render(Lang::En).contains("does not end"));
}

/// A call that failed after all had been done is made again, perhaps with more behind it.
#[test]
fn a_commit_made_again_is_there_once() {
    let temp = tempfile::tempdir().unwrap();
    let (mut sink, _) = open(temp.path(), 1).unwrap();
    let first = rows(10, Digest::default());
    let progress = Progress { tick: 10, digest: first.digest };
    sink.commit(&[Arc::clone(&first)], &progress).unwrap();
    // As if the disk had said no behind the renaming.
    sink.doubtful = sink.segments.pop();
    let second = rows(20, first.digest);
    let progress = Progress { tick: 20, digest: second.digest };
    sink.commit(&[first, second], &progress).unwrap();
    drop(sink);
    assert_eq!(names(temp.path()), ["changes-0000000000000-0000000000020.jsonl"]);
    assert_eq!(lines(temp.path()).len(), 5);
    assert_eq!(open(temp.path(), 2).unwrap().1, Some(progress));
}
