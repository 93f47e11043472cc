//! Checkpoints: the operators' state at a tick is taken, and brought back into a dataflow with any number of workers.
//!
//! ```text
//! every worker: operators ──take──▶ parts … parts of all former workers ──bring back──▶ operators of every new worker
//!                                                              each takes what it owns by key
//! ```
//! What goes on from there tells at every later tick exactly what the dataflow would have told that never stopped; of what
//! was told already it tells nothing. State is taken when everything through a tick was told and nothing later was fed:
//! then each operator has worked every tick through it and none after it. Two things make that so.
//!
//! - *Whoever may still tell holds back time.* A fold also tells when keys are forgotten, which nobody waits for; where
//!   its state is saved it holds on to the next tick at which it forgets any, so that this is seen while it is under way.
//! - *What is under way over an edge with a delay is kept by its sender* ([`later`]): the laps of failed records, and the
//!   grounds of holds. No other edge has a delay, and operators that find anything else waiting for a later tick say so.
//!
//! Numbers of accounts, games and rulings, places in logs and lists are a worker's own: what is saved goes by keys, or
//! is the same on all workers. Only in exact ticks, where changes are read, is state saved; what stands where nobody
//! reads changes is no part of it.
//!
//! | operator | what is saved | whose |
//! |---|---|---|
//! | names of accounts, names of games | key, texts, currency | the key |
//! | fold commands | records of a command | the command |
//! | keep rejects of unsound records | the reject with its last tick; what was decided and seen of it; until when laps enter | its row |
//! | fold reference rows | records of a row; decided, seen, laps | the row |
//! | fold wagers | records, and whether they are simple; timers; what reference rows say; decided, seen, laps; whether rules hold; ties of which the records are forgotten | the wager; the tie |
//! | fold payments | records; what reference rows say; decided, seen, laps; ties as above | the payment; the tie |
//! | keep what fails by record | who says that it fails, laps, history, names; timers | the record |
//! | keep laps under way | laps that are due later | the record |
//! | bring rules into force | rows whose time is still to come | everybody's |
//! | sum postings by account | sums of both wallets | the account |
//! | sum plays by game and window | sums; hours of each game; rules | the game |
//! | sum winnings by account | sums; rules | the account |
//! | count players by tenant | players | the tenant |
//! | judge winnings | lucky accounts and what is told of them; numbers of players; rules | the account |
//! | judge records | suspicions and what they are judged by; rules | the record |
//! | timelines by account | timelines and what was found in them; rules with their numbers | the account |
//! | gather bets by round | bets | the round |
//! | arrange accounts by what they used, arrange names by player, arrange shares by player | what stands in them | the tie; the player |
//! | judge what is shared, judge components, judge linked accounts, judge those who share rounds | rules | everybody's |
//! | tell links | that what is handed in was told | everybody's |
//! | hold payouts | payouts and whether each is held; grounds | the wager; everybody's |
//! | keep grounds under way | grounds that hold later | the target |
//! | fold decisions by target | commands, sights, grounds | the target |
//!
//! What follows from that is not saved. Differential's operators and what they lead to stand again once what stands in
//! the three arrangements is handed in at the tick of the checkpoint; ties are handed in by whoever counts their records.
//! When a key is forgotten follows from its state. The numbers by which a teller speaks of accounts are told anew, with
//! the names, in its first message. Rows kept as written, faults worked out once and players whose names were told are
//! worked out again. What-if runs (`*_beside`) and what waits for the end of a replay are never saved.
//!
//! The settings must be those under which state was saved, but for the number of workers: rules of the config are part of
//! what is saved. Parts have a version and a hash; a damaged one is an error ([`Damage`]).

use std::cell::RefCell;
use std::rc::Rc;

use crate::Tick;
pub use parts::{Damage, Entries, Out, Part, VERSION, Whose};

pub mod later;
mod parts;
pub mod small;
pub mod traces;

/// State that is kept in a checkpoint.
pub trait Saved {
    /// Saves all of it. Every tick through `at` was worked, and none later.
    fn save(&mut self, at: Tick, out: &mut Out<'_>);
    /// Takes in what a part says of those keys that this worker owns. It is called for every part that any worker saved.
    ///
    /// # Errors
    /// Where the part is damaged.
    fn load(&mut self, at: Tick, part: &mut Entries<'_>) -> Result<(), Damage>;
}

/// What one worker's operators save; where nobody takes checkpoints, nothing.
#[derive(Clone, Default)]
pub struct Saving(Option<Rc<Registry>>);

/// An operator's name, and its state.
type NamedState = (Box<str>, Rc<RefCell<dyn Saved>>);

struct Registry {
    worker: usize,
    workers: usize,
    /// By name, in the order in which they were built: what is needed by others comes before them.
    operators: RefCell<Vec<NamedState>>,
    /// Who else reads what an operator saved, after all have read their own.
    readers: RefCell<Vec<NamedState>>,
}

impl Saving {
    /// Nobody takes checkpoints.
    pub fn off() -> Self {
        Self(None)
    }

    /// Of one of so many workers.
    pub fn of(worker: usize, workers: usize) -> Self {
        let (operators, readers) = (RefCell::default(), RefCell::default());
        Self(Some(Rc::new(Registry { worker, workers, operators, readers })))
    }

    /// Whether anybody takes checkpoints.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// An operator of this name.
    pub fn op<'n>(&self, name: &'n str) -> Op<'n> {
        Op { name, saving: self.clone() }
    }

    /// The names under which parts are written, in the order in which they are read.
    pub fn operators(&self) -> Vec<Box<str>> {
        let operators = |registry: &Rc<Registry>| {
            registry.operators.borrow().iter().map(|(name, _)| name.clone()).collect()
        };
        self.0.as_ref().map_or_else(Vec::new, operators)
    }

    /// What an operator saved is read here too, once all have read their own.
    pub fn read(&self, operator: &str, reader: Rc<RefCell<dyn Saved>>) {
        if let Some(registry) = &self.0 {
            registry.readers.borrow_mut().push((operator.into(), reader));
        }
    }

    /// Takes the state of all operators at a tick, part by part. Everything through it must have been told, and nothing
    /// later may have been fed; no operator may run meanwhile.
    pub fn take(&self, at: Tick, mut sink: impl FnMut(Part)) {
        let Some(registry) = &self.0 else { return };
        for (name, operator) in &*registry.operators.borrow() {
            let mut out = Out::new(name, registry.worker, &mut sink);
            operator.borrow_mut().save(at, &mut out);
            out.close();
        }
    }

    /// Brings back what was taken at a tick, into a dataflow that has not run yet. `parts` gives the parts of an operator
    /// that all former workers wrote, worker by worker, each one's in the order in which it wrote them; it may be asked
    /// for those of one operator twice. The input goes on at the tick after.
    ///
    /// # Errors
    /// Where a part cannot be got, or is damaged.
    pub fn bring_back<E, P>(&self, at: Tick, mut parts: impl FnMut(&str) -> P) -> Result<(), E>
    where
        E: From<Damage>,
        P: IntoIterator<Item = Result<Part, E>>,
    {
        let Some(registry) = &self.0 else { return Ok(()) };
        let (operators, readers) = (registry.operators.borrow(), registry.readers.borrow());
        for (name, operator) in operators.iter().chain(&*readers) {
            for part in parts(name) {
                let part = part?;
                let mut entries = Entries::of(&part, registry.worker, registry.workers)?;
                operator.borrow_mut().load(at, &mut entries)?;
            }
        }
        Ok(())
    }
}

/// An operator's name in words, under which it saves its state where anybody takes checkpoints.
pub struct Op<'n> {
    name: &'n str,
    saving: Saving,
}

impl<'n> Op<'n> {
    /// The name.
    pub fn name(&self) -> &'n str {
        self.name
    }

    /// Whether anybody takes checkpoints.
    pub fn is_on(&self) -> bool {
        self.saving.is_on()
    }

    /// Gives the operator its state, which is saved where anybody takes checkpoints.
    ///
    /// # Panics
    /// Where another operator has the name: their parts could not be told apart.
    pub fn keep<S: Saved + 'static>(&self, state: S) -> Rc<RefCell<S>> {
        let state = Rc::new(RefCell::new(state));
        if let Some(registry) = &self.saving.0 {
            let mut operators = registry.operators.borrow_mut();
            assert!(operators.iter().all(|(name, _)| **name != *self.name), "an operator's name is its own");
            operators.push((self.name.into(), Rc::clone(&state) as Rc<RefCell<dyn Saved>>));
        }
        state
    }
}

impl<'n> From<&'n str> for Op<'n> {
    /// An operator whose state nobody saves.
    fn from(name: &'n str) -> Self {
        Self { name, saving: Saving::off() }
    }
}
