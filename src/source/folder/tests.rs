use std::fs::{self, OpenOptions};
use std::io::Write;

use super::*;
use crate::error::Exit;
use crate::lines::{LINE_BYTES_MAX, OVERSIZE_BYTES_KEPT};
use crate::source::Position;
use crate::texts::Lang;

const NOW: Duration = Duration::ZERO;

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
}

fn wagers() -> Partition {
    Partition { topic: Topic::Wagers, number: 0 }
}

/// Partition, number and text of lines.
type Numbered = Vec<(Partition, u64, String)>;

/// Everything that is there, and the last place of each partition.
fn all_of(source: &mut FolderSource) -> Result<(Numbered, Positions)> {
    let (mut lines, mut places) = (Vec::new(), Positions::new());
    loop {
        let fetched = source.poll(NOW)?;
        if fetched.is_empty() {
            return Ok((lines, places));
        }
        for Fetched { partition, lines: more, next } in fetched {
            let text = |&(start, end): &(u32, u32)| {
                String::from_utf8_lossy(&more.bytes[start as usize..end as usize]).into_owned()
            };
            let numbered = (more.first..).zip(more.spans.iter().map(text));
            lines.extend(numbered.map(|(number, text)| (partition, number, text)));
            assert_eq!(next.next, more.first + more.spans.len() as u64);
            places.insert(partition, next);
        }
    }
}

fn open(folder: &Path) -> FolderSource {
    let mut source = FolderSource::open(folder).unwrap();
    source.seek(&Positions::new()).unwrap();
    source.limit(None).unwrap();
    source
}

fn texts(lines: &[(Partition, u64, String)]) -> Vec<&str> {
    lines.iter().map(|(_, _, text)| text.as_str()).collect()
}

#[test]
fn lines_are_there_once_they_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wagers.jsonl");
    let mut source = open(folder.path());
    assert!(all_of(&mut source).unwrap().0.is_empty());
    append(&path, b"\xef\xbb\xbfone\r\n\ntw");
    let (lines, _) = all_of(&mut source).unwrap();
    assert_eq!(lines, [(wagers(), 1, "one".to_owned()), (wagers(), 2, String::new())]);
    assert!(all_of(&mut source).unwrap().0.is_empty());
    append(&path, b"o\nthree\n");
    let (lines, places) = all_of(&mut source).unwrap();
    assert_eq!(texts(&lines), ["two", "three"]);
    let bytes = fs::read(&path).unwrap();
    let stamp = crc32fast::hash(&bytes).into();
    assert_eq!(places[&wagers()], Position { next: 5, byte: bytes.len() as u64, stamp });
}

#[test]
fn files_appear_and_each_is_a_partition() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = open(folder.path());
    append(&folder.path().join("outcomes.jsonl"), b"a\n");
    fs::create_dir(folder.path().join("recollected")).unwrap();
    append(&folder.path().join("recollected/wagers.jsonl"), b"b\n");
    append(&folder.path().join("unknown.jsonl"), b"c\n");
    let (mut lines, _) = all_of(&mut source).unwrap();
    lines.sort();
    let outcomes = Partition { topic: Topic::Outcomes, number: 0 };
    let again = Partition { topic: Topic::Wagers, number: RECOLLECTED };
    assert_eq!(lines, [(again, 1, "b".to_owned()), (outcomes, 1, "a".to_owned())]);
}

/// Read again up to the places where ticks ended, every line comes once more, cut exactly there.
#[test]
fn limits_are_reached_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wagers.jsonl");
    let mut places = vec![];
    let mut source = open(folder.path());
    for number in 0..5_000 {
        append(&path, format!("{number}\n").as_bytes());
        if number % 1_700 == 0 {
            places.push(all_of(&mut source).unwrap().1);
        }
    }
    let (rest, end) = all_of(&mut source).unwrap();
    assert_eq!(rest.last().unwrap().1, 5_000);
    places.push(end);
    let mut again = FolderSource::open(folder.path()).unwrap();
    again.seek(&Positions::new()).unwrap();
    assert!(all_of(&mut again).unwrap().0.is_empty(), "nothing is given before a limit is set");
    let mut lines = Vec::new();
    for place in &places {
        again.limit(Some(place)).unwrap();
        let (more, reached) = all_of(&mut again).unwrap();
        assert_eq!(reached, *place);
        lines.extend(more);
    }
    assert_eq!(lines.len(), 5_000);
    // And from a place in the middle on.
    let mut later = FolderSource::open(folder.path()).unwrap();
    later.seek(&places[1]).unwrap();
    later.limit(places.last()).unwrap();
    assert_eq!(all_of(&mut later).unwrap().1, *places.last().unwrap());
}

#[test]
fn a_file_that_is_not_what_it_was_is_an_error_that_says_how_to_mend_it() {
    let broken = |how: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wagers.jsonl");
        append(&path, b"one\ntwo\nthree\n");
        let mut source = open(folder.path());
        let (_, places) = all_of(&mut source).unwrap();
        how(&path);
        let live = all_of(&mut source).err();
        let mut again = FolderSource::open(folder.path()).unwrap();
        again.seek(&Positions::new()).unwrap();
        let later = again.limit(Some(&places)).and_then(|()| all_of(&mut again)).err().unwrap();
        for error in live.iter().chain([&later]) {
            assert_eq!(error.exit(), Exit::Usage);
            assert!(!error.may_retry());
            assert!(error.render(Lang::En).contains("put back"), "{error}");
        }
        (live.map(|error| error.render(Lang::En)), later.render(Lang::En))
    };
    let (live, later) = broken(&|path| fs::write(path, "one\n").unwrap());
    assert!(live.unwrap().contains("is shorter") && later.contains("is shorter"));
    let (live, later) = broken(&|path| {
        fs::write(path.with_extension("new"), "one\nTWO\nthree\n").unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    });
    assert!(live.unwrap().contains("not the file") && later.contains("not the file"));
    let (live, later) = broken(&|path| fs::remove_file(path).unwrap());
    assert!(live.unwrap().contains("not the file") && later.contains("not the file"));
    // Bytes changed in place are found when they are read again.
    let (live, later) = broken(&|path| fs::write(path, "one\nTWO\nthree\n").unwrap());
    assert!(live.is_none() && later.contains("not the file"));
    let (_, later) = broken(&|path| fs::write(path, "one\ntwo\nthre\ne").unwrap());
    assert!(later.contains("not the file"));
}

#[test]
fn long_lines_are_whole_or_only_their_beginning_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wagers.jsonl");
    let mut source = open(folder.path());
    let long = vec![b'x'; 3 << 20];
    append(&path, &long);
    assert!(all_of(&mut source).unwrap().0.is_empty());
    append(&path, b"\r\nshort\n");
    let (lines, _) = all_of(&mut source).unwrap();
    assert_eq!(lines.iter().map(|line| line.2.len()).collect::<Vec<_>>(), [long.len(), 5]);
    append(&path, &vec![b'y'; LINE_BYTES_MAX + 1]);
    append(&path, b"\nlast\n");
    let fetched = source.poll(NOW).unwrap();
    assert_eq!(fetched[0].lines.spans, [(0, OVERSIZE_BYTES_KEPT as u32)]);
    assert_eq!(fetched[0].lines.oversize.len(), 1);
    assert_eq!(fetched[1].lines.spans.len(), 1);
    let stamp = u64::from(crc32fast::hash(&fs::read(&path).unwrap()));
    assert_eq!((fetched[1].next.next, fetched[1].next.stamp), (5, stamp));
}
