//! Ticks that are made again from the remap log: which line has which, and how far that has got.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gyre_dataflows::Tick;

use super::cluster::wire::{Marks, Order, Place, partition};
use super::log::Log;
use super::remap::Rows;
use super::ticks::seconds;
use crate::error::Result;
use crate::source::{Partition, Position, Positions, Share};
use crate::table::thousands;
use crate::texts::{Key, Phrase};

/// Lines of a chunk, about: changes are many times their records, and wait for the step to end.
const CHUNK_LINES: u64 = 12_000;
/// Ticks of a chunk, at most.
const CHUNK_TICKS: usize = 10_000;
/// How often it is told how far it is.
const TELL: Duration = Duration::from_secs(2);

/// Ticks that go through the workers in one step.
pub struct Chunk {
    /// The last of them.
    pub last: Tick,
    /// How far every partition is then.
    pub until: Positions,
    /// Of partitions that move: how far each was at each tick.
    marks: BTreeMap<Partition, Vec<(u64, Tick)>>,
    /// Partitions that are not there yet.
    missing: Positions,
    /// How many lines it has, in all processes.
    pub lines: u64,
}

impl Chunk {
    /// Whether all its lines have come.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
    }

    /// Of the partitions of one process.
    pub fn part(&self, share: Share) -> Self {
        let of = |places: &Positions| {
            places
                .iter()
                .filter(|(partition, _)| share.holds(**partition))
                .map(|(at, to)| (*at, *to))
                .collect()
        };
        let marks = self.marks.iter().filter(|(partition, _)| share.holds(**partition));
        Self {
            last: self.last,
            until: of(&self.until),
            marks: marks.map(|(partition, marks)| (*partition, marks.clone())).collect(),
            missing: of(&self.missing),
            lines: self.lines,
        }
    }

    /// As it travels to another process.
    pub fn to_wire(&self) -> Order {
        let marks = self
            .marks
            .iter()
            .map(|(partition, marks)| Marks(partition.topic as u8, partition.number, marks.clone()));
        Order::Again {
            last: self.last,
            until: Place::pack(&self.until),
            marks: marks.collect(),
            missing: Place::pack(&self.missing),
        }
    }

    /// As it has travelled; nothing where it names a topic that is none.
    pub fn of_wire(last: Tick, until: Vec<Place>, marks: Vec<Marks>, missing: Vec<Place>) -> Option<Self> {
        let (until, missing) = (Place::unpack(until)?, Place::unpack(missing)?);
        let marks =
            marks.into_iter().map(|Marks(topic, number, marks)| Some((partition(topic, number)?, marks)));
        Some(Self { last, until, marks: marks.collect::<Option<_>>()?, missing, lines: 0 })
    }

    /// The ticks of lines from `first` on that end at the place `next`; nothing where some have none.
    pub fn ticks_of(
        &mut self,
        partition: Partition,
        first: u64,
        lines: usize,
        next: Position,
    ) -> Option<Vec<Tick>> {
        let marks = self.marks.get(&partition)?;
        let mut at = marks.partition_point(|(until, _)| *until <= first);
        let tick_of = |number: u64| {
            at += marks[at..].iter().take_while(|(until, _)| *until <= number).count();
            marks.get(at).map(|(_, tick)| *tick)
        };
        let ticks = (first..).take(lines).map(tick_of).collect();
        self.missing.retain(|other, place| *other != partition || *place != next);
        ticks
    }
}

/// See the module.
pub struct Again {
    rows: Rows,
    /// How far partitions are through the last chunk.
    places: Positions,
    until: Positions,
    last: Tick,
    /// Lines that have come.
    lines: u64,
    began: Instant,
    told: Instant,
}

impl Again {
    /// The ticks of these rows, which end with the tick `last` and these places.
    pub fn new(rows: Rows, until: Positions, last: Tick) -> Self {
        let began = Instant::now();
        Self { rows, places: Positions::new(), until, last, lines: 0, began, told: began }
    }

    /// The next ticks; nothing where there are no more.
    ///
    /// # Errors
    /// Exit 3 where the remap log cannot be read.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut marks: BTreeMap<Partition, Vec<(u64, Tick)>> = BTreeMap::new();
        let mut missing = Positions::new();
        let (mut last, mut lines, mut ticks) = (None, 0, 0);
        while lines < CHUNK_LINES && ticks < CHUNK_TICKS {
            let Some(row) = self.rows.next_row()? else { break };
            for (partition, place) in row.places {
                let before = self.places.insert(partition, place);
                if before == Some(place) {
                    continue;
                }
                lines += place.next - before.map_or(0, |before| before.next);
                marks.entry(partition).or_default().push((place.next, row.tick));
                missing.insert(partition, place);
            }
            (last, ticks) = (Some(row.tick), ticks + 1);
        }
        Ok(last.map(|last| Chunk { last, until: self.places.clone(), marks, missing, lines }))
    }

    /// A chunk has come.
    pub fn came(&mut self, chunk: u64) {
        self.lines += chunk;
    }

    /// What is told before.
    pub fn begins(&self) -> Phrase {
        let lines = self.until.values().map(|place| place.next).sum::<u64>();
        Phrase::new(Key::AgainBegins).with("tick", self.last).with("lines", thousands(lines))
    }

    /// Tells how far it is, once in a while.
    pub fn tell(&mut self, log: &Log) {
        if self.told.elapsed() < TELL {
            return;
        }
        self.told = Instant::now();
        let sum = |places: &Positions| places.values().map(|place| place.next).sum::<u64>();
        let (done, all) = (sum(&self.places).max(1), sum(&self.until).max(1));
        let passed = self.began.elapsed();
        let left = passed.mul_f64((all.saturating_sub(done)) as f64 / done as f64);
        let what = Phrase::new(Key::AgainAt)
            .with("percent", done.saturating_mul(100) / all)
            .with("count", thousands(self.lines))
            .with("rate", thousands(self.rate()))
            .with("left", seconds(left));
        log.say(what);
    }

    /// What is told after.
    pub fn ends(&self) -> Phrase {
        Phrase::new(Key::AgainEnds)
            .with("tick", self.last)
            .with("count", thousands(self.lines))
            .with("seconds", seconds(self.began.elapsed()))
            .with("rate", thousands(self.rate()))
    }

    /// Lines a second.
    fn rate(&self) -> u64 {
        (self.lines as f64 / self.began.elapsed().as_secs_f64().max(0.001)) as u64
    }
}

#[cfg(test)]
mod tests {
    use gyre_domain::records::Topic;

    use super::*;

    #[test]
    fn every_line_has_the_tick_whose_places_lie_behind_it() {
        let partition = Partition { topic: Topic::Wagers, number: 0 };
        let place = Position { next: 9, byte: 0, stamp: 0 };
        let missing = Positions::from([(partition, place)]);
        // Lines 1 and 2 at the first tick, 3 to 5 at the second, none at the third, 8 at the fourth.
        let marks = BTreeMap::from([(partition, vec![(3, 100), (6, 200), (6, 250), (9, 300)])]);
        let mut chunk = Chunk { last: 300, until: missing.clone(), marks, missing, lines: 6 };
        let early = Position { next: 5, ..place };
        assert_eq!(chunk.ticks_of(partition, 1, 4, early), Some(vec![100, 100, 200, 200]));
        assert!(!chunk.is_whole());
        assert_eq!(chunk.ticks_of(partition, 5, 1, early), Some(vec![200]));
        assert_eq!(chunk.ticks_of(partition, 8, 1, place), Some(vec![300]));
        assert!(chunk.is_whole());
        assert_eq!(chunk.ticks_of(partition, 9, 1, place), None);
        let other = Partition { topic: Topic::Wagers, number: 1 };
        assert_eq!(chunk.ticks_of(other, 1, 1, place), None);
    }

    #[test]
    fn a_part_of_a_chunk_travels_whole() {
        let places = [(0, 9), (1, 4)].map(|(number, next)| {
            let partition = Partition { topic: Topic::Wagers, number };
            (partition, Position { next, byte: 8, stamp: 7 })
        });
        let marks = places.map(|(partition, place)| (partition, vec![(place.next, 200)]));
        let places = Positions::from(places);
        let all = Chunk { last: 200, until: places.clone(), marks: marks.into(), missing: places, lines: 11 };
        for process in 0..2 {
            let share = Share { process, processes: 2 };
            let part = all.part(share);
            let wire = serde_json::to_string(&part.to_wire()).unwrap();
            let Order::Again { last, until, marks, missing } = serde_json::from_str(&wire).unwrap() else {
                panic!("another order")
            };
            let heard = Chunk::of_wire(last, until, marks, missing).unwrap();
            assert_eq!((heard.last, &heard.until, &heard.marks), (200, &part.until, &part.marks));
            assert_eq!(heard.missing, part.missing);
            assert_eq!(heard.until.len(), 1);
            assert!(heard.until.keys().all(|partition| share.holds(*partition)));
        }
    }
}
