//! Which fault comes next.

use super::Fault;
use crate::generate::Plan;
use crate::generate::dice::Dice;

/// Wagers a fault with a history of its own may take.
const HISTORY: u64 = 80;

/// Which fault comes next: a shuffled deck, dealt again and again.
pub struct Deck {
    cards: Vec<Fault>,
    /// By fault, how often it was dealt.
    pub dealt: Vec<u64>,
    scripted: u64,
}

impl Deck {
    /// A full deck; in the order of [`Fault::ALL`] for a scripted evening.
    pub fn new(plan: &Plan, dice: &mut Dice) -> Self {
        let mut deck = Self { cards: Vec::new(), dealt: vec![0; Fault::ALL.len()], scripted: 0 };
        deck.refill(plan, dice);
        deck
    }

    fn refill(&mut self, plan: &Plan, dice: &mut Dice) {
        self.cards = Fault::ALL.iter().rev().copied().collect();
        if !plan.scripted {
            dice.shuffle(&mut self.cards);
        }
    }

    /// Whether the wager just drawn goes wrong, and how.
    pub fn turn(&mut self, plan: &Plan, unplaced: u64, dice: &mut Dice) -> Option<Fault> {
        let wrong = if plan.scripted {
            self.scripted(plan, plan.wagers - unplaced)
        } else {
            plan.faults > 0.0 && dice.chance(plan.faults)
        };
        if wrong { Some(self.deal(plan, unplaced, dice)) } else { None }
    }

    /// Whether a scripted evening, at its `placed`th wager, is ready for its next fault.
    fn scripted(&mut self, plan: &Plan, placed: u64) -> bool {
        let faults = (plan.wagers as f64 * plan.faults).round() as u64;
        let due = self.scripted < faults && placed * (faults + 1) > (self.scripted + 1) * plan.wagers;
        self.scripted += u64::from(due);
        due
    }

    /// The next fault. Faults that take many wagers are dealt rarely, and only while there are as many to come.
    fn deal(&mut self, plan: &Plan, unplaced: u64, dice: &mut Dice) -> Fault {
        loop {
            if self.cards.is_empty() {
                self.refill(plan, dice);
            }
            let Some(fault) = self.cards.pop() else { return Fault::Duplicate };
            let dealt = &mut self.dealt[fault as usize];
            let long = matches!(fault, Fault::Velocity | Fault::StakeSpike | Fault::RtpOutOfBand);
            if long && (*dealt > plan.wagers / 25_000 || unplaced < HISTORY) {
                continue;
            }
            // Among a file's last lines there would be none to tell the receipt from.
            if fault == Fault::ReceiptAhead && unplaced < HISTORY {
                continue;
            }
            *dealt += 1;
            return fault;
        }
    }
}
