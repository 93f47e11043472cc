//! A house that plays at the pace of the wall clock, into files that grow.
//!
//! ```text
//! a moment passes ─▶ play what happened in it ─▶ lines, and rows of new games and players ─▶ flush ─▶ a moment passes …
//! ```

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Plan;
use super::outbox::{NO_INCIDENT, Outbox};
use super::play::House;
use super::truth::KNOWN_MS;

/// How much is played at a time.
const MOMENT: Duration = Duration::from_millis(20);

/// Plays the plan from now on, until it is over or `ends` is set. Its `start_ms` is now.
///
/// # Errors
/// As [`super::run`].
pub fn play(plan: &Plan, ends: &AtomicBool) -> io::Result<()> {
    let plan = Plan { start_ms: wall_ms(), ..plan.clone() };
    plan.check().map_err(|wrong| io::Error::new(io::ErrorKind::InvalidInput, wrong))?;
    std::fs::create_dir_all(&plan.output)?;
    let mut references = References::create(&plan)?;
    let mut house = House::open(&plan)?;
    references.write(&plan, &house)?;
    house.first_events();
    while !ends.load(Ordering::Acquire) && house.play_until(wall_ms())? {
        references.write(&plan, &house)?;
        std::thread::sleep(MOMENT);
    }
    house.flush()
}

/// Rows of games and players, as they come.
struct References {
    games: Outbox,
    accounts: Outbox,
    games_written: usize,
    accounts_written: usize,
}

impl References {
    fn create(plan: &Plan) -> io::Result<Self> {
        let file = |name: &str| Outbox::create(&plan.output.join(name));
        let (games, accounts) = (file("games.jsonl")?, file("accounts.jsonl")?);
        Ok(Self { games, accounts, games_written: 0, accounts_written: 0 })
    }

    fn write(&mut self, plan: &Plan, house: &House<'_>) -> io::Result<()> {
        let cast = &house.cast;
        for game in &cast.games[self.games_written..] {
            for terms in &game.terms {
                cast.game(self.games.line(0, NO_INCIDENT), game, terms);
            }
        }
        for player in self.accounts_written..cast.currencies.len() {
            cast.player(self.accounts.line(0, NO_INCIDENT), player, plan.start_ms - KNOWN_MS);
        }
        (self.games_written, self.accounts_written) = (cast.games.len(), cast.currencies.len());
        self.games.finish()?;
        self.accounts.finish()
    }
}

fn wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
