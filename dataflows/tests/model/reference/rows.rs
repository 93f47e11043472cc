//! Rows as the outputs show them.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Settings;
use super::ledger::{Balances, Posting};
use super::life::{Life, References};
use super::money::{decimal, money};
use super::wire::{Fact, Line, Topic};
use super::zone;

/// Why a record is set aside.
pub type Cause = &'static str;

/// Of a long line this much is shown.
const RAW_BYTES_MAX: usize = 64 << 10;

/// What names a reject row: topic, tenant, provider, id, cause, digest.
type RejectKey = (Topic, String, String, Option<String>, Cause, String);

/// Rejects and conflicts as they are found.
#[derive(Clone, Default)]
pub struct Rejects {
    /// Line and raw of the smallest of equal copies; whether a command brought it.
    rows: BTreeMap<RejectKey, ((bool, usize), Value)>,
    /// Different contents at one standing revision, the standing one first.
    pub conflicts: Vec<Vec<Fact>>,
}

impl Rejects {
    /// A line that failed alone or at admission.
    pub fn line(&mut self, cause: Cause, line: &Line) {
        let digest = line.digest();
        let key = (line.topic, line.tenant.clone(), line.provider.clone(), line.id.clone(), cause, digest);
        self.add(key, (false, line.number), shown(&line.raw));
    }

    /// A record that was refused as it came.
    pub fn received(&mut self, cause: Cause, fact: &Fact) {
        self.add(reject_key(cause, fact), (fact.brought, fact.line), shown(&fact.raw));
    }

    /// A record that another one displaced, or that stands although something is missing.
    pub fn displaced(&mut self, cause: Cause, fact: &Fact) {
        self.add(reject_key(cause, fact), (fact.brought, fact.line), Value::Null);
    }

    /// All but the first of the group conflict with it.
    pub fn conflict(&mut self, group: &[&Fact]) {
        for fact in group.iter().skip(1) {
            self.displaced("conflicting_duplicate", fact);
        }
        if group.len() > 1 {
            self.conflicts.push(group.iter().copied().cloned().collect());
        }
    }

    fn add(&mut self, key: RejectKey, line: (bool, usize), raw: Value) {
        match self.rows.get(&key) {
            Some((first, _)) if *first <= line => {}
            _ => drop(self.rows.insert(key, (line, raw))),
        }
    }

    pub fn rows(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for ((topic, tenant, provider, id, cause, digest), ((brought, line), raw)) in &self.rows {
            let file = if *brought { Topic::Commands } else { *topic };
            rows.push(json!({
                "topic": topic.name(), "tenant": tenant, "provider": provider, "id": id, "cause": cause,
                "digest": digest, "position": format!("{}.jsonl:{line}", file.name()), "raw": raw,
            }));
        }
        rows
    }

    /// Topic, cause and digest of all of them.
    pub fn keys(&self) -> Vec<(Topic, Cause, String)> {
        self.rows.keys().map(|(topic, _, _, _, cause, digest)| (*topic, *cause, digest.clone())).collect()
    }

    /// Takes those of a record away.
    pub fn remove(&mut self, topic: Topic, digest: &str) {
        self.rows.retain(|key, _| (key.0, &*key.5) != (topic, digest));
    }
}

fn reject_key(cause: Cause, fact: &Fact) -> RejectKey {
    let digest = digest(fact.content.as_bytes());
    (fact.topic, fact.tenant.clone(), fact.provider.clone(), Some(fact.id()), cause, digest)
}

/// SHA-256 in hex.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes as received: text, or `{"base64":…}` if they are not UTF-8.
fn shown(raw: &[u8]) -> Value {
    let raw = &raw[..raw.len().min(RAW_BYTES_MAX)];
    match std::str::from_utf8(raw) {
        Ok(text) => Value::from(text),
        Err(_) => json!({"base64": base64(raw)}),
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |index: usize| u32::from(three.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

pub fn balances(balances: &Balances) -> Vec<Value> {
    let mut rows = Vec::new();
    for ((tenant, account, currency, wallet), balance) in balances {
        rows.push(json!({
            "tenant": tenant, "account": account, "currency": currency, "wallet": wallet,
            "balance": money(*balance, currency),
        }));
    }
    rows
}

pub fn posting(posting: &Posting) -> Value {
    json!({
        "tenant": posting.tenant, "entry": posting.entry, "leg": posting.leg, "account": posting.account,
        "wallet": posting.wallet, "currency": posting.currency, "amount": money(posting.amount, &posting.currency),
        "source": posting.source,
    })
}

pub fn wager_state(life: &Life<'_>) -> Value {
    let (wager, currency) = (life.wager, life.currency());
    let payout = (life.state == "settled").then(|| money(life.payout(), currency));
    json!({
        "tenant": wager.tenant, "provider": wager.provider, "wager_id": wager.key(),
        "account": wager.text("account"), "game": wager.text("game"), "round": wager.opt("round"),
        "currency": currency, "stake": money(life.stake(), currency), "at_ms": wager.at_ms, "state": life.state,
        "payout": payout, "settled_at_ms": life.settled_at_ms(), "wager_revision": wager.revision,
        "outcome_revision": life.outcome_revision(),
    })
}

/// Return to player, by game, currency and window of the wagers' `at_ms`.
pub fn rtp(lives: &[Life<'_>], references: &References<'_>, settings: &Settings) -> Vec<Value> {
    let mut windows: BTreeMap<[String; 5], Vec<&Life<'_>>> = BTreeMap::new();
    for life in lives.iter().filter(|life| !life.wager.flag("free_round") && life.state != "cancelled") {
        let wager = life.wager;
        let day = zone::day(wager.at_ms, &settings.gaming_day_zone);
        for window in ["all".into(), zone::hour(wager.at_ms), day] {
            let game = wager.text("game").into();
            let key = [wager.tenant.clone(), wager.provider.clone(), game, life.currency().into(), window];
            windows.entry(key).or_default().push(life);
        }
    }
    let mut rows = Vec::new();
    for ([tenant, provider, game, currency, window], lives) in windows {
        let (settled, open): (Vec<&Life<'_>>, Vec<&Life<'_>>) =
            lives.into_iter().partition(|life| life.state == "settled");
        if settled.is_empty() {
            continue;
        }
        let stake: i128 = settled.iter().map(|life| life.stake()).sum();
        let payout: i128 = settled.iter().map(|life| life.payout()).sum();
        let open_stake: i128 = open.iter().map(|life| life.stake()).sum();
        let score = score(&settled, references);
        rows.push(json!({
            "tenant": tenant, "provider": provider, "game": game, "currency": currency, "window": window,
            "stake": money(stake, &currency), "payout": money(payout, &currency), "wagers": settled.len(),
            "open_wagers": open.len(), "open_stake": money(open_stake, &currency),
            "rtp_actual": decimal((payout * 2_000_000 + stake) / (stake * 2), 6),
            "z": score.as_ref().map(Score::text),
            "in_band": score.as_ref().map(|score| score.within(settings.rtp_z_max_milli)),
        }));
    }
    rows
}

/// `(Σpayout − Σrtp·stake) / √Σ(volatility·stake)²`, the deviation and the sum of squares both exact,
/// in 10⁻⁹ and 10⁻¹⁸ of minor units.
struct Score {
    deviation: BigInt,
    squares: BigInt,
}

/// None unless every wager has a row with volatility, and they sum to more than nothing.
fn score(settled: &[&Life<'_>], references: &References<'_>) -> Option<Score> {
    let mut deviation = BigInt::from(0);
    let mut squares = BigInt::from(0);
    for life in settled {
        let game = references.game(life.wager)?;
        deviation += BigInt::from(life.payout()) * 1_000_000_000;
        deviation -= BigInt::from(life.stake()) * game.rate("rtp_theoretical")?;
        squares += (BigInt::from(life.stake()) * game.rate("volatility")?).pow(2);
    }
    (squares > BigInt::from(0)).then_some(Score { deviation, squares })
}

impl Score {
    /// Rounded to four decimals, half away from zero.
    fn text(&self) -> String {
        // floor(x + 1/2) = floor((floor(2x) + 1) / 2), with x = 10⁴·|z|.
        let square: BigInt = self.deviation.pow(2) * 400_000_000 / &self.squares;
        let doubled = square.sqrt();
        let rounded: BigInt = (doubled + 1) / 2;
        let rounded: i128 = rounded.try_into().unwrap_or(i128::MAX);
        decimal(if self.deviation < BigInt::from(0) { -rounded } else { rounded }, 4)
    }

    fn within(&self, max_milli: i64) -> bool {
        self.deviation.pow(2) * 1_000_000 <= BigInt::from(max_milli).pow(2) * &self.squares
    }
}

/// A distance and a variance as `z`.
pub fn score_text(deviation: &BigInt, squares: &BigInt) -> String {
    Score { deviation: deviation.clone(), squares: squares.clone() }.text()
}

/// The columns of an output, those of its key first, and how many they are.
fn columns(output: &str) -> (usize, &'static [&'static str]) {
    match output {
        "balances" => (4, &["tenant", "account", "currency", "wallet", "balance"]),
        "rtp" => (
            5,
            &[
                "tenant",
                "provider",
                "game",
                "currency",
                "window",
                "stake",
                "payout",
                "wagers",
                "open_wagers",
                "open_stake",
                "rtp_actual",
                "z",
                "in_band",
            ],
        ),
        "wager_states" => (
            3,
            &[
                "tenant",
                "provider",
                "wager_id",
                "account",
                "game",
                "round",
                "currency",
                "stake",
                "at_ms",
                "state",
                "payout",
                "settled_at_ms",
                "wager_revision",
                "outcome_revision",
            ],
        ),
        "rejects" => (6, &["topic", "tenant", "provider", "id", "cause", "digest", "position", "raw"]),
        "anomalies" => (3, &["kind", "tenant", "subject", "severity", "evidence", "at_ms", "rule"]),
        "decisions" => (
            3,
            &[
                "tenant",
                "provider",
                "command_id",
                "kind",
                "target",
                "actor",
                "reason",
                "at_ms",
                "tick",
                "before",
                "after",
            ],
        ),
        "postings" => (3, &["tenant", "entry", "leg", "account", "wallet", "currency", "amount", "source"]),
        other => panic!("no output is called {other}"),
    }
}

/// A row as one line of its file, its fields in the order of the contract and any that it does not know after them.
pub fn line(output: &str, row: &Value) -> String {
    let (_, columns) = columns(output);
    let known = columns.iter().filter_map(|name| Some((*name, row.get(name)?)));
    let members = row.as_object().into_iter().flatten();
    let others =
        members.map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| !columns.contains(name));
    let members: Vec<String> =
        known.chain(others).map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// The rows that only one side has, `-` expected and `+` found, in the order of their text; empty if none.
pub fn differences(output: &str, expected: &[Value], found: &[Value]) -> String {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for (rows, side) in [(expected, -1), (found, 1)] {
        for row in rows {
            *counts.entry(line(output, row)).or_default() += side;
        }
    }
    let mut text = String::new();
    for (line, count) in counts.iter().filter(|(_, count)| **count != 0) {
        let sign = if *count < 0 { "-" } else { "+" };
        text.push_str(&format!("{sign} {line}\n").repeat(count.unsigned_abs() as usize));
    }
    text
}

/// Rows by key, texts as bytes and null before all.
pub fn sorted(output: &str, mut rows: Vec<Value>) -> Vec<Value> {
    let (keys, columns) = columns(output);
    let plain = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    rows.sort_by_cached_key(|row| {
        let key: Vec<String> = columns[..keys].iter().map(|name| plain(&row[*name])).collect();
        key
    });
    rows
}
