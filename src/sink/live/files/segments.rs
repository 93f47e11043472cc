//! Names of segments, and which of them belong together.

use gyre_dataflows::Tick;

/// So many small segments in a row become one.
const MANY: usize = 16;
/// Segments below the first are merged with their like, those below the second with theirs; larger ones stay.
const CLASSES_BYTES: [u64; 2] = [1 << 20, 16 << 20];

/// A segment as its name says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Its first tick.
    pub first: Tick,
    /// Its last.
    pub last: Tick,
    /// How large it is.
    pub bytes: u64,
}

impl Segment {
    /// Its file's name: names sort as their ticks do.
    pub fn name(&self) -> String {
        format!("changes-{:013}-{:013}.jsonl", self.first, self.last)
    }

    /// The segment of a file's name, if it is one's.
    pub fn read(name: &str, bytes: u64) -> Option<Self> {
        let (first, last) = name.strip_prefix("changes-")?.strip_suffix(".jsonl")?.split_once('-')?;
        let segment = Self { first: first.parse().ok()?, last: last.parse().ok()?, bytes };
        (segment.name() == name && segment.first <= segment.last).then_some(segment)
    }

    fn class(&self) -> usize {
        CLASSES_BYTES.iter().filter(|bytes| self.bytes >= **bytes).count()
    }
}

/// The segments in order, and those that lie within others.
pub fn sort_out(mut found: Vec<Segment>) -> (Vec<Segment>, Vec<Segment>) {
    found.sort_by_key(|segment| (segment.first, std::cmp::Reverse(segment.last)));
    let (mut kept, mut within): (Vec<Segment>, Vec<Segment>) = (Vec::new(), Vec::new());
    for segment in found {
        match kept.last() {
            Some(wider) if segment.last <= wider.last => within.push(segment),
            _ => kept.push(segment),
        }
    }
    (kept, within)
}

/// How many segments at the end are to become one.
pub fn many_small(segments: &[Segment]) -> Option<usize> {
    let class = segments.last()?.class();
    let alike = segments.iter().rev().take_while(|segment| segment.class() == class).count();
    (class < CLASSES_BYTES.len() && alike >= MANY).then_some(alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(first: Tick, last: Tick, bytes: u64) -> Segment {
        Segment { first, last, bytes }
    }

    #[test]
    fn names_say_ticks_and_nothing_else_is_a_name() {
        let one = segment(0, 1_764_280_000_000, 5);
        assert_eq!(one.name(), "changes-0000000000000-1764280000000.jsonl");
        assert_eq!(Segment::read(&one.name(), 5), Some(one));
        for name in
            ["changes-1-2.jsonl", "changes-0000000000002-0000000000001.jsonl", "summary.json", "changes-"]
        {
            assert_eq!(Segment::read(name, 0), None, "{name}");
        }
    }

    #[test]
    fn what_lies_within_another_is_left_over() {
        let merged = segment(0, 30, 9);
        let small = [segment(0, 10, 3), segment(11, 20, 3), segment(21, 30, 3)];
        let next = segment(31, 40, 1);
        let found = [&small[..], &[next, merged]].concat();
        assert_eq!(sort_out(found), (vec![merged, next], small.to_vec()));
    }

    #[test]
    fn sixteen_alike_become_one() {
        let mut segments: Vec<Segment> = (0..15).map(|at| segment(at, at, 100)).collect();
        assert_eq!(many_small(&segments), None);
        segments.push(segment(15, 15, 100));
        assert_eq!(many_small(&segments), Some(16));
        segments.push(segment(16, 16, 20 << 20));
        assert_eq!(many_small(&segments), None);
        segments.push(segment(17, 17, 1));
        assert_eq!(many_small(&segments), None);
    }
}
