//! What people decide about records and payouts that were told of, or that nobody told of.

use serde_json::Value;

use super::World;
use super::draft::Draft;
use crate::model::reference::{Line, Streams, Topic, read};

impl World {
    /// Lines of commands about the lines of a history.
    pub(super) fn orders(&mut self, streams: &Streams) -> Vec<Vec<u8>> {
        let told = Topic::ALL.into_iter().flat_map(|topic| read(topic, streams.of(topic), &self.settings));
        let mut targets: Vec<Line> = told.collect();
        let rulings: Vec<Line> = targets.iter().filter(|line| line.topic == Topic::Rules).cloned().collect();
        let mut lines = Vec::new();
        // A few targets, so that commands meet.
        self.dice.shuffle(&mut targets);
        targets.truncate(1 + self.dice.below(4));
        if !rulings.is_empty() && self.dice.chance(50) {
            targets.push(self.dice.pick(&rulings).clone());
        }
        for _ in 0..1 + self.dice.below(8) {
            let mut draft = self.order(&mut targets);
            if self.dice.chance(20) {
                self.receipt(&mut draft);
            }
            self.revise(&mut draft);
            if self.dice.chance(self.fault_percent / 4) {
                self.spoil(&mut draft);
            }
            if self.dice.chance(15) {
                lines.push(draft.spell());
                draft = self.again(&draft);
            }
            lines.push(draft.spell());
        }
        lines
    }

    fn order(&mut self, targets: &mut Vec<Line>) -> Draft {
        let mut draft = Draft::new(Topic::Commands);
        let plan = self.dice.pick(&self.plans).clone();
        self.owner(&mut draft, plan.tenant, plan.provider);
        let number = self.dice.below(9);
        draft.text("command_id", &format!("c{number}"));
        let is_hold = targets.is_empty() || self.dice.chance(50);
        let kind = match is_hold {
            true => self.dice.word(&["hold", "hold", "release"]),
            false => self.dice.word(&["discard", "discard", "replay", "amend", "amend", "amend"]),
        };
        draft.text("kind", kind);
        draft.text("actor", self.dice.word(&["mina", "joon"]));
        draft.text("reason", self.dice.word(&["", "so it is right", "앞뒤가 맞지 않음"]));
        let at_ms = self.time();
        draft.number("at_ms", at_ms);
        if is_hold {
            let target = match self.dice.below(7) {
                0 | 1 => format!("wager:{}", plan.wager_id),
                2 | 3 => format!("account:{}", plan.account),
                4 | 5 => format!("game:{}", plan.game),
                _ => "wager:nobody's".into(),
            };
            draft.text("target", &target);
            return draft;
        }
        let line = self.dice.pick(targets).clone();
        let target = if self.dice.chance(95) { line.digest() } else { "0".repeat(64) };
        draft.text("target", &if self.dice.chance(5) { target.to_uppercase() } else { target });
        if kind == "amend" || self.dice.chance(3) {
            let record = self.amendment(&line);
            // What was amended may be decided about in its turn.
            targets.extend(read(line.topic, &[record.to_string().into_bytes()], &self.settings));
            let spelt = record.to_string();
            draft.set("record", if self.dice.chance(20) { spelt.replace(':', " : ") } else { spelt });
        }
        draft
    }

    /// A record in a line's place: mostly the same with one thing changed.
    fn amendment(&mut self, line: &Line) -> Value {
        let told = serde_json::from_slice::<Value>(&line.raw).ok().filter(Value::is_object);
        let mut record = match told {
            Some(told) => told,
            None => {
                let plan = self.dice.pick(&self.plans).clone();
                let draft = match line.topic {
                    Topic::Wagers => self.wager(&plan),
                    Topic::Outcomes => self.outcome(&plan),
                    Topic::Payments => self.payment(),
                    Topic::Games => self.any_game(),
                    Topic::Rules => self.any_ruling(),
                    _ => self.any_account(),
                };
                serde_json::from_slice(&draft.spell()).expect("a draft is an object")
            }
        };
        let plan = self.dice.pick(&self.plans).clone();
        let (name, value): (&str, Value) = match self.dice.below(14) {
            _ if line.topic == Topic::Rules => self.ruling_amended(),
            0..4 => ("payout", self.amount(plan.stake_minor * 2, plan.currency).into()),
            4 | 5 => ("stake", self.amount(plan.stake_minor, plan.currency).into()),
            6 | 7 => ("account", plan.account.into()),
            8 | 12 | 13 if line.topic == Topic::Payments => ("payment_id", "m0".into()),
            8 | 12 | 13 => ("wager_id", plan.wager_id.into()),
            9 if line.topic == Topic::Games => ("game", plan.game.into()),
            9 if self.dice.chance(60) => ("wager_id", "w0".into()),
            9 => ("at_ms", self.time().into()),
            10 => ("currency", plan.currency.into()),
            _ => ("payout", "1e3".into()),
        };
        record[name] = value;
        let revision = line.fact.as_ref().map_or(0, |fact| fact.revision);
        if let (true, Some(next)) = (self.dice.chance(60), revision.checked_add(1)) {
            record["revision"] = next.saturating_add(self.dice.between(0, 1)).into();
        }
        record
    }
}
