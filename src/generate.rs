//! Synthetic operators: files of records that look like an evening's play, go wrong in known ways, and come with the
//! books they must end in.
//!
//! ```text
//!            ┌─ players log in, deposit, play runs of wagers, withdraw ─┐
//!  seed ─▶ play ─▶ faults (one wager in so many goes wrong) ─▶ outboxes ─▶ wagers, outcomes, payments .jsonl
//!            └──────────▶ books, in event order ─────────────▶ truth.json, games.jsonl, accounts.jsonl
//! ```
//! A scripted evening tells tales too: its people write commands.jsonl, its providers answer from recollected/.
//!
//! The same plan writes the same bytes on every machine. Memory is that of players and of what is in flight; the
//! number of wagers does not matter. `truth.json` is no reading of the records: the generator books what it means to
//! happen, so a product that disagrees with it has read the records differently from how they were meant.

use std::io;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{GenerateArgs, Session};
use crate::error::{Domain, Error, Result, unwritable};
use crate::texts::{Key, Phrase};

mod books;
mod dice;
mod faults;
mod games;
pub mod live;
mod outbox;
mod play;
mod truth;
mod wire;

pub use faults::{Fault, Tale};

/// Runs `gyre generate`.
///
/// # Errors
/// Exit 2 for a plan that cannot be; exit 3 where the folder cannot be written.
pub fn command(args: &GenerateArgs, _session: &Session) -> Result<()> {
    let plan = args.plan();
    let bar = ProgressBar::new(plan.wagers).with_style(
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} {per_sec} ETA {eta}")
            .map_err(Error::bug)?,
    );
    let outcome = run(&plan, &mut |wagers| bar.set_position(wagers));
    bar.finish_and_clear();
    match outcome {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            Err(Error::usage(Domain::Input, Phrase::new(Key::PlanImpossible)).cause(error))
        }
        Err(error) => Err(unwritable(&plan.output, 0, &error)),
    }
}

/// What to generate.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Wagers placed, those that go wrong among them.
    pub wagers: u64,
    /// Players. Faults that need a player of their own add some.
    pub accounts: u64,
    /// Games.
    pub games: u32,
    /// How long play lasts. What comes late comes after.
    pub hours: f64,
    /// The same seed, and otherwise the same plan, writes the same bytes.
    pub seed: u64,
    /// Which share of the wagers goes wrong, 0 to 1. [`Fault::ALL`] take turns, so each occurs where there are as
    /// many wrong ones as faults.
    pub faults: f64,
    /// Which share of the sound outcomes comes late, 0 to 1: five minutes and up to forty seconds after its time, when it
    /// has been missed and asked for.
    pub late: f64,
    /// The folder for the files; made where it is not there.
    pub output: PathBuf,
    /// When play begins, milliseconds since 1970 UTC.
    pub start_ms: u64,
    /// Zipf exponent of how often players play.
    pub account_skew: f64,
    /// Zipf exponent of how often games are played.
    pub game_skew: f64,
    /// No optional fields, one provider, no reference rows, no sessions; wagers of random players at random times.
    /// Nothing goes wrong but `orphans` and `unsettled`.
    pub plain: bool,
    /// Deposits, where the plan is plain. Otherwise players pay as they need.
    pub payments: u64,
    /// Settles of wagers that never come, where the plan is plain.
    pub orphans: u64,
    /// Wagers without an outcome, where the plan is plain.
    pub unsettled: u64,
    /// Faults come in the order of [`Fault::ALL`], evenly spaced over the evening, players have names, and tales are
    /// told of commands, of providers that answer and of players who are no strangers: an evening that can be told.
    pub scripted: bool,
}

impl Plan {
    /// A lively hour: 100,000 wagers of 2,000 players on 60 games, from which two in a hundred go wrong.
    pub fn new(output: impl Into<PathBuf>) -> Self {
        Self {
            wagers: 100_000,
            accounts: 2_000,
            games: 60,
            hours: 1.0,
            seed: 1,
            faults: 0.02,
            late: 0.0,
            output: output.into(),
            // 2026-01-01T00:00:00Z
            start_ms: 1_767_225_600_000,
            account_skew: 0.8,
            game_skew: 1.0,
            plain: false,
            payments: 0,
            orphans: 0,
            unsettled: 0,
            scripted: false,
        }
    }

    /// The benchmark workload `core`: 5 M wagers, 4.95 M outcomes of them and 5,000 orphans, 100 k deposits, 100 k
    /// players, 500 games, one hour, plain.
    pub fn core(output: impl Into<PathBuf>) -> Self {
        Self {
            wagers: 5_000_000,
            accounts: 100_000,
            games: 500,
            faults: 0.0,
            plain: true,
            payments: 100_000,
            orphans: 5_000,
            unsettled: 50_000,
            ..Self::new(output)
        }
    }

    /// The evening of a small operator in `fixtures/evening`: about ten thousand records, in which everything goes
    /// wrong once or twice.
    pub fn evening(output: impl Into<PathBuf>) -> Self {
        Self {
            wagers: 4_800,
            accounts: 54,
            games: 24,
            hours: 5.0,
            seed: 2_026,
            faults: 0.022,
            // Saturday 2026-01-10, 18:00 in Berlin
            start_ms: 1_768_064_400_000,
            scripted: true,
            ..Self::new(output)
        }
    }

    /// What is wrong with the plan, in words.
    fn check(&self) -> Result<(), String> {
        if self.wagers == 0 || self.accounts == 0 || self.games == 0 {
            return Err("wagers, accounts and games must each be at least 1".into());
        }
        if self.accounts > 50_000_000 || self.games > 1_000_000 {
            return Err("at most 50,000,000 accounts and 1,000,000 games".into());
        }
        if !(0.0..=1.0).contains(&self.faults) {
            return Err(format!("faults is a share from 0 to 1, not {}", self.faults));
        }
        if !(0.0..=1.0).contains(&self.late) {
            return Err(format!("late is a share from 0 to 1, not {}", self.late));
        }
        if !(0.0..=4.0).contains(&self.account_skew) || !(0.0..=4.0).contains(&self.game_skew) {
            return Err("the Zipf exponents lie between 0 and 4".into());
        }
        if !self.hours.is_finite() || self.hours < 0.001 || self.hours > 24.0 * 366.0 {
            return Err(format!("hours lies between 0.001 and a year, not {}", self.hours));
        }
        // A block of 1,000 lines must not span the seven days beyond which a replay distrusts a receipt.
        if self.hours > 160.0 && (self.wagers as f64) < self.hours * 200.0 {
            return Err("more than 160 hours need at least 200 wagers an hour".into());
        }
        if !(1_000_000_000_000..4_000_000_000_000).contains(&self.start_ms) {
            return Err("start_ms lies between 2001 and 2096".into());
        }
        if self.unsettled > self.wagers {
            return Err("more unsettled wagers than wagers".into());
        }
        Ok(())
    }
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// Lines of `wagers.jsonl`.
    pub wagers: u64,
    /// Lines of `outcomes.jsonl`.
    pub outcomes: u64,
    /// Lines of `payments.jsonl`.
    pub payments: u64,
    /// Lines of `games.jsonl`.
    pub games: u64,
    /// Lines of `accounts.jsonl`.
    pub accounts: u64,
    /// Lines of `commands.jsonl`.
    pub commands: u64,
    /// Lines of `recollected/outcomes.jsonl`.
    pub answers: u64,
    /// Bytes of these.
    pub bytes: u64,
}

/// Writes `wagers.jsonl`, `outcomes.jsonl`, `payments.jsonl`, `games.jsonl`, `accounts.jsonl` and `truth.json` into
/// the plan's folder, over what is there; of a scripted plan `commands.jsonl` and `recollected/outcomes.jsonl` too. `progress` hears now and then how many wagers have been placed.
///
/// # Errors
/// `InvalidInput` with what is wrong with the plan; otherwise what the file system says.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(u64)) -> Result<Written, io::Error> {
    plan.check().map_err(|wrong| io::Error::new(io::ErrorKind::InvalidInput, wrong))?;
    std::fs::create_dir_all(&plan.output)?;
    let played = play::House::open(plan)?.play(progress)?;
    truth::write(plan, played)
}
