use std::fs;

use super::*;

fn place(next: u64) -> Position {
    Position { next, byte: next * 100, stamp: next ^ 7 }
}

fn row(generation: u64, tick: Tick, wagers: Option<u64>) -> Row {
    let partition = Partition { topic: Topic::Wagers, number: 0 };
    Row { generation, tick, places: wagers.map(|next| (partition, place(next))).into_iter().collect() }
}

fn rows_of(path: &Path) -> Vec<Row> {
    let mut rows = Rows::open(path).unwrap();
    std::iter::from_fn(|| rows.next_row().unwrap()).collect()
}

fn written(path: &Path, rows: &[Row]) {
    let (mut remap, ..) = Remap::open(path).unwrap();
    rows.iter().for_each(|row| remap.add(row));
    remap.sync().unwrap();
}

#[test]
fn rows_come_back_as_they_were_and_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("remap.log");
    let first = [row(1, 100, Some(5)), row(1, 200, None)];
    written(&path, &first);
    let second = [row(2, 300, Some(5)), row(2, 500, Some(9))];
    written(&path, &second);
    assert_eq!(rows_of(&path), [first, second].concat());
    let (_, sound, cut) = Remap::open(&path).unwrap();
    assert_eq!((sound.rows, sound.last, cut), (4, Some((2, 500)), 0));
    assert_eq!(sound.places.values().copied().collect::<Vec<_>>(), [place(9)]);
}

/// However a tail is torn, whole rows stay and the rest is cut off; what is added then reads back.
#[test]
fn a_torn_tail_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("remap.log");
    let rows = [row(1, 100, Some(5)), row(1, 200, Some(7)), row(1, 300, Some(9))];
    written(&path, &rows[..2]);
    let whole = fs::read(&path).unwrap().len();
    written(&path, &rows[2..]);
    let bytes = fs::read(&path).unwrap();
    for end in whole..bytes.len() {
        fs::write(&path, &bytes[..end]).unwrap();
        let (_, sound, cut) = Remap::open(&path).unwrap();
        assert_eq!((sound.rows, cut), (2, (end - whole) as u64), "cut at {end}");
        assert_eq!(fs::metadata(&path).unwrap().len(), whole as u64);
        if cut > 0 {
            assert_eq!(fs::read(cut_path(&path, &sound)).unwrap(), &bytes[whole..end]);
        }
    }
    for at in whole..bytes.len() {
        let mut torn = bytes.clone();
        torn[at] ^= 0x40;
        fs::write(&path, &torn).unwrap();
        written(&path, &[row(2, 400, Some(8))]);
        assert_eq!(rows_of(&path), [&rows[..2], &[row(2, 400, Some(8))]].concat(), "damaged at {at}");
    }
}

/// What is left of an older log behind a newer one, which is shorter, never reads as a row of it.
#[test]
fn rows_of_another_log_are_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("remap.log"), folder.path().join("other"));
    written(&path, &[row(1, 100, Some(5))]);
    written(&other, &[row(1, 150, Some(6)), row(1, 200, Some(7))]);
    let (mut bytes, others) = (fs::read(&path).unwrap(), fs::read(&other).unwrap());
    bytes.extend_from_slice(&others[bytes.len()..]);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(rows_of(&path), [row(1, 100, Some(5))]);
}

#[test]
fn rows_that_do_not_follow_are_no_rows() {
    for (first, second) in [
        (row(1, 100, Some(5)), row(1, 100, Some(6))),
        (row(2, 100, Some(5)), row(1, 200, Some(6))),
        (row(1, 100, Some(5)), row(1, 200, Some(4))),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("remap.log");
        written(&path, &[first.clone(), second]);
        assert_eq!(rows_of(&path), [first]);
    }
}

#[test]
fn what_is_no_remap_log_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("remap.log");
    let mut newer = b"gyre remap\n\x02".to_vec();
    newer.extend_from_slice(&crc32(0, &newer).to_le_bytes());
    let mut damaged = b"gyre remap\n\x01".to_vec();
    damaged.extend_from_slice(&[0; 4]);
    for bytes in [b"something else altogether".to_vec(), b"gyre".to_vec(), newer, damaged] {
        fs::write(&path, &bytes).unwrap();
        assert_eq!(Remap::open(&path).err().unwrap().exit(), crate::error::Exit::Usage);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
