//! The sequencer: files become steps of a replay, each line with its tick before any worker sees it.
//!
//! ```text
//! wagers.jsonl ───▶ blocks ─▶ decode ─▶ admit ─┐            ┌▶ worker 0
//! outcomes.jsonl ─▶ blocks ─▶ decode ─▶ admit ─┼─▶ by clock ┼▶ worker 1
//! payments.jsonl ─▶ blocks ─▶ decode ─▶ admit ─┘            └▶ …
//! games, accounts, rules: wholly before the first tick
//! ```
//! A file's clock is the running maximum of its receipts; a line that lies more than `gap_ms_max` beyond the lower
//! median of its block is `clock_skew` and moves nothing. Files are merged by clock, ties in topic order. Blocks are
//! decoded by the workers themselves when they have nothing better to do, and taken in file order whoever decoded
//! them: so ticks depend on the files alone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gyre_dataflows::Tick;
use gyre_dataflows::batch::Batch;
use gyre_dataflows::decode::admission::admit;
use gyre_dataflows::decode::{Decoded, Decoder, Lines};
use gyre_domain::decode::UnknownFields;
use gyre_domain::records::Topic;
use gyre_domain::rules::Rules;

use crate::error::{Error, Result};
use crate::lines::{Block, BlockReader, Input, Meter};
use crate::watch::Watch;

/// Lines of a step, about: many enough to work in one go, few enough to stay in memory's nearer parts.
const STEP_LINES: usize = 96_000;
/// The same where every change is told: changes are many times their records and wait for their step to end.
const STEP_LINES_OF_CHANGES: usize = 12_000;
/// Blocks of a file that may be decoded ahead of what was taken from it.
const AHEAD: usize = 4;
/// Steps that a worker may have before it: a step of many ticks takes long, and what is decoded meanwhile is held.
const STEPS_AHEAD: usize = 2;

/// How finely a replay goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// Every step is one tick.
    Coarse,
    /// Every tick is worked on its own, many in a step.
    EveryTick,
    /// The same, and every change is told.
    EveryChange,
}

/// Batches for a worker, and the tick before which it has then got everything.
pub struct Step {
    /// Its records.
    pub batches: Vec<Batch>,
    /// All ticks before this one are complete.
    pub complete_before: Tick,
}

/// What a worker may do next.
pub enum Next {
    /// Feed this.
    Step(Step),
    /// It decoded a block; ask again.
    Worked,
    /// Others are at it: wait a little.
    Wait,
    /// There is nothing more.
    End,
}

/// Counts of the input.
#[derive(Clone, Default)]
pub struct Counted {
    /// Records per topic.
    pub records: [u64; Topic::ALL.len()],
    /// Lines of nothing but white space.
    pub blank: u64,
    /// Fields that nobody knows.
    pub unknown: UnknownFields,
    /// First and last tick of the data.
    pub ticks: Option<(Tick, Tick)>,
}

/// See the module.
pub struct Sequencer {
    decoder: Decoder,
    rules: Rules,
    pace: Pace,
    files: Vec<FileReader>,
    state: Mutex<State>,
    /// Who looks on, if anybody does.
    watch: Option<Arc<Watch>>,
}

struct FileReader {
    topic: Topic,
    /// The number of the next block, and where it is read from; `None` once the file has ended.
    reader: Mutex<(u64, Option<BlockReader>)>,
}

struct State {
    files: Vec<FileState>,
    inboxes: Vec<VecDeque<Step>>,
    counted: Counted,
    /// Batches of the step that is being gathered.
    gathered: Vec<Vec<Batch>>,
    lines: usize,
    /// Everything before this is complete.
    complete_before: Tick,
    ended: bool,
    error: Option<Error>,
}

#[derive(Default)]
struct FileState {
    /// Blocks being read or decoded.
    underway: usize,
    /// Decoded blocks that wait for the ones before them.
    decoded: VecDeque<(u64, Vec<Decoded>)>,
    /// The number of the next block to be admitted.
    next: u64,
    /// Admitted blocks with the tick of their first line.
    admitted: VecDeque<(Tick, Vec<Decoded>)>,
    clock: Option<u64>,
    at_end: bool,
}

impl FileState {
    fn wants_more(&self) -> bool {
        !self.at_end && self.underway + self.decoded.len() + self.admitted.len() < AHEAD
    }

    fn is_done(&self) -> bool {
        self.at_end && self.underway == 0 && self.decoded.is_empty() && self.admitted.is_empty()
    }
}

impl Sequencer {
    /// Opens the files.
    ///
    /// # Errors
    /// Exit 3 where a file cannot be opened.
    pub fn open(inputs: &[Input], decoder: Decoder, rules: Rules, pace: Pace) -> Result<(Self, Vec<Meter>)> {
        let mut files = Vec::new();
        let mut meters = Vec::new();
        for input in inputs {
            let reader = BlockReader::open(input)?;
            meters.push(reader.meter());
            files.push(FileReader { topic: input.topic, reader: Mutex::new((0, Some(reader))) });
        }
        let workers = decoder.workers;
        let state = State {
            files: files.iter().map(|_| FileState::default()).collect(),
            inboxes: std::iter::repeat_with(VecDeque::new).take(workers).collect(),
            counted: Counted::default(),
            gathered: vec![Vec::new(); workers],
            lines: 0,
            complete_before: 1,
            ended: false,
            error: None,
        };
        Ok((Self { decoder, rules, pace, files, state: Mutex::new(state), watch: None }, meters))
    }

    /// From now on somebody looks on.
    pub fn watched_by(&mut self, watch: Arc<Watch>) {
        self.watch = Some(watch);
    }

    /// Who looks on, if anybody does.
    pub fn watch(&self) -> Option<&Arc<Watch>> {
        self.watch.as_ref()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `worker` may do next: its next step, or decode a block for all.
    pub fn next(&self, worker: usize) -> Next {
        let mut state = self.lock();
        if state.error.is_some() {
            return Next::End;
        }
        if let Some(step) = state.inboxes[worker].pop_front() {
            return Next::Step(step);
        }
        if state.ended {
            return Next::End;
        }
        self.work(state)
    }

    /// Decodes a block ahead, if `worker` has few steps before it and there is room; says whether that was so.
    pub fn work_ahead(&self, worker: usize) -> bool {
        let state = self.lock();
        let wants = state.error.is_none() && !state.ended && state.inboxes[worker].len() < STEPS_AHEAD;
        wants && matches!(self.work(state), Next::Worked)
    }

    fn work(&self, mut state: MutexGuard<'_, State>) -> Next {
        // The file whose blocks run out first; reference files before all others.
        let wanting = (0..self.files.len()).filter(|&file| state.files[file].wants_more());
        let ahead = |file: &usize| {
            let waiting = &state.files[*file];
            (
                !self.files[*file].topic.is_reference(),
                waiting.underway + waiting.decoded.len() + waiting.admitted.len(),
            )
        };
        let Some(file) = wanting.min_by_key(ahead) else { return Next::Wait };
        state.files[file].underway += 1;
        drop(state);
        let outcome = self.read_and_decode(file);
        let mut state = self.lock();
        state.files[file].underway -= 1;
        match outcome {
            Ok(Some(block)) => state.files[file].decoded.push_back(block),
            Ok(None) => state.files[file].at_end = true,
            Err(error) => state.error = Some(error),
        }
        self.admit_in_order(&mut state, file);
        self.gather(&mut state);
        Next::Worked
    }

    fn read_and_decode(&self, file: usize) -> Result<Option<(u64, Vec<Decoded>)>> {
        let mut reader = self.files[file].reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = Vec::new();
        let number = reader.0;
        while let Some(blocks) = &mut reader.1 {
            match blocks.next_block()? {
                Some(block) => {
                    let is_complete = block.complete;
                    parts.push(lines_of(block));
                    if is_complete {
                        break;
                    }
                }
                None => reader.1 = None,
            }
        }
        reader.0 += u64::from(!parts.is_empty());
        drop(reader);
        let decoded: Vec<Decoded> = parts.iter().map(|part| self.decode(part)).collect();
        Ok((!decoded.is_empty()).then_some((number, decoded)))
    }

    fn decode(&self, lines: &Lines) -> Decoded {
        let Some(watch) = &self.watch else { return self.decoder.decode(lines) };
        let began = Instant::now();
        let decoded = self.decoder.decode(lines);
        watch.read(lines.topic, decoded.records, lines.bytes.len(), began.elapsed());
        decoded
    }

    /// Admits the blocks of a file that are next in line.
    fn admit_in_order(&self, state: &mut State, file: usize) {
        loop {
            let waiting = &mut state.files[file];
            let Some(at) = waiting.decoded.iter().position(|(number, _)| *number == waiting.next) else {
                return;
            };
            let Some((_, mut parts)) = waiting.decoded.remove(at) else { return };
            waiting.next += 1;
            let topic = self.files[file].topic;
            let first = if topic.is_reference() {
                0
            } else {
                admit(&mut parts, &mut waiting.clock, &self.decoder, &self.rules)
            };
            let last = waiting.clock.map(|clock| clock.next_multiple_of(self.rules.tick_ms));
            waiting.admitted.push_back((first, parts));
            let counted = &mut state.counted;
            for part in state.files[file].admitted.back().map(|(_, parts)| parts).into_iter().flatten() {
                counted.records[topic as usize] += part.records;
                counted.blank += part.blank;
                counted.unknown.merge(&part.unknown);
            }
            if let Some(last) = last.filter(|_| !topic.is_reference()) {
                let (first, until) = counted.ticks.unwrap_or((first, last));
                let block_first = state.files[file].admitted.back().map_or(first, |(tick, _)| *tick);
                counted.ticks = Some((first.min(block_first), until.max(last)));
            }
        }
    }

    /// Moves admitted blocks into steps, in order of their clocks.
    fn gather(&self, state: &mut State) {
        loop {
            let references = (0..self.files.len()).filter(|&file| self.files[file].topic.is_reference());
            let mut open_references = references.filter(|&file| !state.files[file].is_done());
            if let Some(file) = open_references.next() {
                let Some((_, parts)) = state.files[file].admitted.pop_front() else { return };
                // Before the first tick of the data, whatever that is: the last tick before 2000.
                self.put(state, parts, 1, Some(1));
                continue;
            }
            // The next block is known once every file that has not ended has one.
            let open = (0..self.files.len()).filter(|&file| !state.files[file].is_done());
            let mut next: Option<(Tick, usize)> = None;
            for file in open {
                let Some((tick, _)) = state.files[file].admitted.front() else { return };
                if next.is_none_or(|(least, _)| *tick < least) {
                    next = Some((*tick, file));
                }
            }
            let Some((tick, file)) = next else {
                let end = state.counted.ticks.map_or(state.complete_before, |(_, last)| last + 1);
                self.close_step(state, end);
                state.ended = true;
                return;
            };
            // A step may end where the clock has moved since the last one; it must when it grows too large.
            let enough = if self.pace == Pace::EveryChange { STEP_LINES_OF_CHANGES } else { STEP_LINES };
            let is_full = state.lines >= enough && tick > state.complete_before;
            if is_full || state.lines >= 16 * STEP_LINES {
                self.close_step(state, tick);
            }
            let Some((first, parts)) = state.files[file].admitted.pop_front() else { return };
            self.put(state, parts, first, None);
        }
    }

    fn put(&self, state: &mut State, parts: Vec<Decoded>, first: Tick, tick: Option<Tick>) {
        for part in parts {
            state.lines += part.records as usize;
            for batch in part.batches.into_iter().filter(|batch| !batch.is_void()) {
                let worker = batch.worker as usize;
                state.gathered[worker].push(match tick {
                    Some(tick) => batch.at(tick),
                    None if first < state.complete_before => batch.not_before(state.complete_before),
                    None => batch,
                });
            }
        }
    }

    /// Hands the gathered batches out; everything before `complete_before` is complete with them.
    fn close_step(&self, state: &mut State, complete_before: Tick) {
        let complete_before = complete_before.max(state.complete_before + 1);
        for worker in 0..state.inboxes.len() {
            let mut batches = std::mem::take(&mut state.gathered[worker]);
            if self.pace == Pace::Coarse {
                for batch in &mut batches {
                    batch.coarse = Some(complete_before - 1);
                }
            }
            state.inboxes[worker].push_back(Step { batches, complete_before });
        }
        state.complete_before = complete_before;
        state.lines = 0;
    }

    /// What was counted, and the error that ended the reading, if any.
    ///
    /// # Errors
    /// Exit 3 where a file could not be read to its end.
    pub fn finish(&self) -> Result<Counted> {
        let mut state = self.lock();
        match state.error.take() {
            Some(error) => Err(error),
            None => Ok(state.counted.clone()),
        }
    }
}

fn lines_of(block: Block) -> Lines {
    Lines {
        topic: block.topic,
        partition: 0,
        first: block.first_line,
        oversize: block.oversize.iter().map(|line| (line.index, line.sha256)).collect(),
        spans: block.lines,
        bytes: std::sync::Arc::new(block.bytes),
    }
}
