//! The desk of a scripted evening: what is decided there, and what providers answer.

use std::collections::BTreeMap;

use gyre_domain::currency::Currencies;
use gyre_domain::decode::{UnknownFields, decode};
use gyre_domain::records::{Topic, digest, hex};
use serde_json::json;

/// Lines that are written when play is over, and what is to come of them.
#[derive(Default)]
pub struct Desk {
    /// `commands.jsonl`: time, line, incident.
    pub commands: Vec<(u64, String, u32)>,
    /// `recollected/outcomes.jsonl`: line, incident.
    pub answers: Vec<(String, u32)>,
    /// Rows of `decisions`.
    pub decisions: Vec<String>,
    /// What was paid out to players who may be held, minor units.
    paid: BTreeMap<usize, i64>,
}

/// What somebody decides.
pub struct Command {
    /// `discard`, `amend`, `hold` or `release`.
    pub kind: &'static str,
    /// A digest, or whose payouts.
    pub target: String,
    /// Why, in words.
    pub reason: &'static str,
    /// When.
    pub at_ms: u64,
    /// What is to stand in the target's place.
    pub record: Option<String>,
}

impl Desk {
    /// Gives a command, and tells its id.
    pub fn order(&mut self, command: &Command, note: u32) -> String {
        let Command { kind, target, reason, at_ms, record } = command;
        let id = format!("c{}", self.commands.len() + 1);
        let record = record.as_ref().map_or(String::new(), |record| format!(",\"record\":{record}"));
        let line = format!(
            "{{\"command_id\":\"{id}\",\"kind\":\"{kind}\",\"target\":\"{target}\",\"actor\":\"mina\",\
             \"reason\":\"{reason}\",\"at_ms\":{at_ms}{record}}}"
        );
        self.commands.push((*at_ms, line, note));
        id
    }

    /// Gives a command that applies: how its target stands before and after.
    pub fn decide(&mut self, command: Command, before: &str, after: &str, note: u32) {
        let id = self.order(&command, note);
        let row = json!({
            "tenant": "-", "provider": "-", "command_id": id, "kind": command.kind, "target": command.target,
            "before": before, "after": after,
        });
        self.decisions.push(row.to_string());
    }

    /// A provider sends this outcome, if it is asked for.
    pub fn answer(&mut self, line: String, note: u32) {
        self.answers.push((line, note));
    }

    /// Remembers a payout.
    pub fn paid(&mut self, player: usize, payout: i64) {
        *self.paid.entry(player).or_default() += payout;
    }

    /// All remembered payouts of a player.
    pub fn paid_to(&self, player: usize) -> i64 {
        self.paid.get(&player).copied().unwrap_or_default()
    }
}

/// What commands call a line: the digest of its content, or of its bytes where it has none.
pub fn digest_of(topic: Topic, line: &[u8]) -> String {
    let digest = match decode(topic, line, &Currencies::default(), &mut UnknownFields::default()) {
        Ok(record) => {
            let mut content = Vec::new();
            record.canonical(&mut content);
            digest(&content)
        }
        Err(fault) => fault.digest,
    };
    hex(&digest)
}
