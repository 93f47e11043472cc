//! What goes wrong with a record on its way.

use super::World;
use super::draft::Draft;
use crate::model::reference::{DAY_MS, Topic};

impl World {
    /// When a record came: at once, later, around the skew, or beyond the gap.
    pub(super) fn receipt(&mut self, draft: &mut Draft) {
        if draft.topic.is_of_references() {
            let received_ms = self.time();
            draft.number("received_ms", received_ms);
            return;
        }
        let at_ms = draft.at_ms();
        let skew_ms = self.settings.skew_ms_max;
        let received_ms = match self.dice.below(12) {
            0 => at_ms - skew_ms,
            1 => at_ms - skew_ms - 1,
            2 => at_ms + self.settings.gap_ms_max + self.dice.between(-2, self.span_ms),
            3 => at_ms + DAY_MS,
            _ => at_ms + self.dice.between(0, 3_000),
        };
        draft.number("received_ms", received_ms);
    }

    /// The same record once more: told the same, told differently, or with one thing changed.
    pub(super) fn again(&mut self, draft: &Draft) -> Draft {
        let mut copy = draft.clone();
        match self.dice.below(6) {
            0 => self.dice.shuffle(&mut copy.members),
            1 => self.receipt(&mut copy),
            2 => drop(copy.set("seen", "2")),
            3 if !copy.topic.is_of_references() => {
                let at_ms = copy.at_ms() + self.dice.between(-1, 1);
                copy.number("at_ms", at_ms);
            }
            4 => {
                for (name, json) in &mut copy.members {
                    if ["stake", "payout", "amount"].contains(&name.as_str()) && json.contains('.') {
                        json.insert(json.len() - 1, '0');
                    }
                }
            }
            _ => {}
        }
        copy
    }

    /// One thing wrong with a record.
    pub(super) fn spoil(&mut self, draft: &mut Draft) {
        let names: Vec<String> = draft.members.iter().map(|(name, _)| name.clone()).collect();
        let name = self.dice.pick(&names).clone();
        let amount = match draft.topic {
            Topic::Wagers => "stake",
            Topic::Outcomes => self.dice.word(&["payout", "stake"]),
            Topic::Payments => "amount",
            Topic::Games => self.dice.word(&["payout_max", "volatility", "rtp_theoretical"]),
            Topic::Accounts => "tier",
            Topic::Rules => self.dice.word(&["score_max", "ratio_min", "p_max", "slack", "limit", "band_z"]),
            Topic::Commands => "target",
        };
        let long = format!("\"{}\"", "x".repeat(129));
        let longest = format!("\"{}\"", "é".repeat(64));
        match self.dice.below(14) {
            // Structure.
            0 => drop(draft.set(
                &name,
                self.dice.word(&[
                    "1.0",
                    "1e3",
                    "\"5\"",
                    "true",
                    "[]",
                    "{}",
                    "\"\"",
                    "-1",
                    "18446744073709551615",
                ]),
            )),
            1 => draft.members.retain(|(known, _)| *known != name),
            2 => drop(draft.set(&name, "null")),
            3 => drop(draft.set(&name, if self.dice.chance(50) { long } else { longest })),
            4 => {
                let at_ms = *self.dice.pick(&[946_684_799_999, 946_684_800_000, 4_102_444_800_000, 0, -5]);
                let time = self.dice.word(&["at_ms", "received_ms", "known_ms", "effective_from_ms"]);
                draft.number(time, at_ms);
            }
            5 => drop(draft.text("account", "@house")),
            // Twice the same key, and twice the same with other spelling.
            6 => {
                let json = draft.get(&name).unwrap_or("null").to_owned();
                draft.members.push((name, json));
            }
            // Contents.
            7 => drop(draft.text("kind", self.dice.word(&["refund", "Settle", ""]))),
            8 => drop(draft.text("status", self.dice.word(&["pending", "reversed"]))),
            9 => {
                let field = self.dice.word(&[
                    "bet",
                    "stake_bonus",
                    "payout_bonus",
                    "jackpot",
                    "jackpot_contribution",
                ]);
                draft.set(field, self.dice.word(&["1", "\"1\"", "null", "false", "{}"]));
            }
            10 => drop(draft.text("currency", self.dice.word(&["XXQ", "eur", "", "USD"]))),
            11 | 12 => drop(draft.text(
                amount,
                self.dice.word(&[
                    "-1",
                    "-0",
                    "-0.00",
                    "01",
                    "1.",
                    ".5",
                    "+1",
                    "1e3",
                    "1,000",
                    " 1",
                    "",
                    "0.123456789",
                    "1000000000000000",
                    "999999999999999",
                    "12345678901234567890",
                    "0.000000000000000000000000",
                    "١",
                ]),
            )),
            _ => drop(draft.text(amount, self.dice.word(&["0", "0.00"]))),
        }
    }

    /// Bytes as wires and disks return them.
    pub(super) fn damage(&mut self, line: &[u8]) -> Vec<u8> {
        let at = self.dice.below(line.len());
        let (head, tail) = line.split_at(at);
        let insert = |bytes: &[u8]| [head, bytes, tail].concat();
        match self.dice.below(12) {
            0 => head.to_vec(),
            1 => insert(b"\xff"),
            2 => insert(b"\xc3"),
            3 => insert(b"\0"),
            4 => insert(b"\x01"),
            5 => [line, b" x"].concat(),
            6 => [line, line].concat(),
            7 => [b"[", line, b"]"].concat(),
            8 => self
                .dice
                .word(&["null", "1", "\"wager_id\"", "{", "{}", "[]", "nul", "{\"wager_id\":\"w0\",}", "'"])
                .as_bytes()
                .to_vec(),
            9 => insert(b"\\ud800"),
            // Harmless: space around, and the first key spelled with an escape.
            10 => [b" ", line, b"\t"].concat(),
            _ => String::from_utf8_lossy(line).replacen("\"wager_id\"", "\"wager\\u005fid\"", 1).into_bytes(),
        }
    }
}
