//! Records before they are spelled.

use crate::model::reference::Topic;

/// A record before it is spelled: members as name and JSON text.
#[derive(Clone, Debug)]
pub struct Draft {
    pub topic: Topic,
    pub members: Vec<(String, String)>,
}

impl Draft {
    pub fn new(topic: Topic) -> Draft {
        Draft { topic, members: Vec::new() }
    }

    /// Puts or replaces a member by its JSON text.
    pub fn set(&mut self, name: &str, json: impl Into<String>) -> &mut Draft {
        self.members.retain(|(known, _)| known != name);
        self.members.push((name.into(), json.into()));
        self
    }

    pub fn text(&mut self, name: &str, text: &str) -> &mut Draft {
        self.set(name, serde_json::Value::from(text).to_string())
    }

    pub fn number(&mut self, name: &str, number: i64) -> &mut Draft {
        self.set(name, number.to_string())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, json)| json.as_str())
    }

    pub fn unquoted(&self, name: &str) -> String {
        self.get(name).unwrap_or("\"-\"").trim_matches('"').to_owned()
    }

    pub fn at_ms(&self) -> i64 {
        self.get("at_ms").and_then(|at_ms| at_ms.parse().ok()).unwrap_or_default()
    }

    pub fn spell(&self) -> Vec<u8> {
        let members: Vec<String> = self
            .members
            .iter()
            .map(|(name, json)| format!("{}:{json}", serde_json::Value::from(name.as_str())))
            .collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    }
}

/// Digits after the point; the model's own, so that a generator's mistake shows as `bad_amount`.
pub fn digits(currency: &str) -> usize {
    match currency {
        "KRW" => 0,
        "KWD" => 3,
        "BTC" => 8,
        _ => 2,
    }
}

pub fn money(minor: i128, currency: &str) -> String {
    let digits = digits(currency);
    let sign = if minor < 0 { "-" } else { "" };
    let width = digits + 1;
    let padded = format!("{:0>width$}", minor.unsigned_abs().to_string());
    let (whole, fraction) = padded.split_at(padded.len() - digits);
    if digits == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}
