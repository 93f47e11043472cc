//! What looks wrong, from the finished books.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ledger::{payment_amount, reversed};
use super::life::{Life, References};
use super::money::{Decimal, decimal, exponent, money};
use super::wire::{Fact, Topic};
use super::{Courses, Settings};

const MINUTE_MS: i64 = 60_000;

pub fn row(
    kind: &str,
    severity: &str,
    tenant: &str,
    subject: String,
    at_ms: Option<i64>,
    evidence: Value,
) -> Value {
    json!({
        "kind": kind, "tenant": tenant, "subject": subject, "severity": severity, "evidence": evidence,
        "at_ms": at_ms, "rule": format!("{kind}/1"),
    })
}

/// `conflict`: different contents at one standing revision, the standing one first.
///
/// Of a cancelled wager both its cancels and its unsettles without an outcome_id may conflict; they show one id,
/// and so are one anomaly.
pub fn conflicts(groups: &[Vec<Fact>]) -> Vec<Value> {
    let mut by_subject: BTreeMap<(&str, String), Vec<&Fact>> = BTreeMap::new();
    for group in groups {
        let standing = &group[0];
        let reference = matches!(standing.topic, Topic::Games | Topic::Accounts);
        let since =
            if reference && standing.at_ms != 0 { format!("@{}", standing.at_ms) } else { String::new() };
        let subject = format!("{}/{}/{}{since}", standing.topic.name(), standing.provider, standing.id());
        by_subject.entry((&standing.tenant, subject)).or_default().extend(group);
    }
    let mut rows = Vec::new();
    for ((tenant, subject), mut records) in by_subject {
        records.sort_by(|one, two| (one.at_ms, &one.content).cmp(&(two.at_ms, &two.content)));
        let contents: Vec<&str> = records.iter().map(|record| record.content.as_str()).collect();
        rows.push(row(
            "conflict",
            "high",
            tenant,
            subject,
            Some(records[0].at_ms),
            json!({"contents": contents}),
        ));
    }
    rows
}

/// `late_wager` and `payout_above_maximum`.
pub fn of_wagers(lives: &[Life<'_>], references: &References<'_>) -> Vec<Value> {
    let mut rows = Vec::new();
    for life in lives {
        let (wager, currency) = (life.wager, life.currency());
        let subject = format!("{}/{}", wager.provider, wager.key());
        let stake = money(life.stake(), currency);
        let known_ms = life.heard.iter().filter_map(|outcome| outcome.number("known_ms")).min();
        if let Some(known_ms) = known_ms.filter(|known_ms| *known_ms < wager.at_ms) {
            let evidence =
                json!({"known_ms": known_ms, "late_by_ms": wager.at_ms - known_ms, "stake": stake});
            rows.push(row("late_wager", "high", &wager.tenant, subject.clone(), Some(wager.at_ms), evidence));
        }
        let maximum =
            references.game(wager).and_then(|game| Some((game.text("payout_max"), game.rate("payout_max")?)));
        if let Some((text, rate)) = maximum
            && life.state == "settled"
            && life.stake() > 0
            && life.payout() * 1_000_000_000 > rate * life.stake()
        {
            let allowed = money(rate * life.stake() / 1_000_000_000, currency);
            let payout = money(life.payout(), currency);
            let evidence = json!({"stake": stake, "payout": payout, "payout_max": text, "allowed": allowed});
            rows.push(row(
                "payout_above_maximum",
                "high",
                &wager.tenant,
                subject,
                life.settled_at_ms(),
                evidence,
            ));
        }
    }
    rows
}

/// `rtp_out_of_band`, of all time.
pub fn of_games(rtp: &[Value]) -> Vec<Value> {
    let mut rows = Vec::new();
    for game in rtp.iter().filter(|game| game["window"] == "all" && game["in_band"] == false) {
        let text = |name: &str| game[name].as_str().unwrap_or_default();
        let subject = format!("{}/{}/{}", text("provider"), text("game"), text("currency"));
        let evidence = json!({
            "wagers": game["wagers"], "stake": game["stake"], "payout": game["payout"],
            "rtp_actual": game["rtp_actual"], "z": game["z"],
        });
        rows.push(row("rtp_out_of_band", "medium", text("tenant"), subject, None, evidence));
    }
    rows
}

/// A standing record on a player's account that moves its money or claims its balance.
struct Event<'a> {
    at_ms: i64,
    net: i128,
    claim: Option<&'a Decimal>,
}

/// Everything that stands on one account in one currency.
#[derive(Default)]
struct Player<'a> {
    events: Vec<Event<'a>>,
    wagers: Vec<&'a Life<'a>>,
}

/// Players by (tenant, account, currency).
fn players<'a>(
    lives: &'a [Life<'a>],
    payments: &[&'a Fact],
) -> BTreeMap<(String, String, String), Player<'a>> {
    let mut players: BTreeMap<_, Player<'a>> = BTreeMap::new();
    let key = |record: &Fact| {
        (record.tenant.clone(), record.text("account").to_owned(), record.text("currency").to_owned())
    };
    for life in lives {
        let player = players.entry(key(life.wager)).or_default();
        player.wagers.push(life);
        let mut event = |record: &'a Fact, net: i128| {
            if net != 0 || record.claim.is_some() {
                player.events.push(Event { at_ms: record.at_ms, net, claim: record.claim.as_ref() });
            }
        };
        event(life.wager, -life.stake());
        for outcome in life.standing_outcomes() {
            let net = match outcome.kind() {
                "settle" => life.payout_of(outcome),
                "cancel" => life.stake(),
                _ => 0,
            };
            event(outcome, net);
        }
    }
    for payment in payments {
        let amount = payment_amount(payment);
        if amount != 0 || payment.claim.is_some() {
            let net = if reversed(payment) { 0 } else { amount };
            let event = Event { at_ms: payment.at_ms, net, claim: payment.claim.as_ref() };
            players.entry(key(payment)).or_default().events.push(event);
        }
    }
    players
}

/// The balance after each millisecond that has an event.
fn course(player: &Player<'_>) -> BTreeMap<i64, i128> {
    let mut course: BTreeMap<i64, i128> = BTreeMap::new();
    for event in &player.events {
        *course.entry(event.at_ms).or_default() += event.net;
    }
    let mut balance = 0;
    for after in course.values_mut() {
        balance += *after;
        *after = balance;
    }
    course
}

/// The running balances of all players.
pub fn courses(lives: &[Life<'_>], payments: &[&Fact]) -> Courses {
    players(lives, payments).iter().map(|(key, player)| (key.clone(), course(player))).collect()
}

/// `overdraft`, `balance_mismatch`, `velocity` and `stake_spike`.
pub fn of_players(lives: &[Life<'_>], payments: &[&Fact], settings: &Settings) -> Vec<Value> {
    let mut rows = Vec::new();
    for ((tenant, account, currency), player) in &players(lives, payments) {
        let subject = format!("{account}/{currency}");
        let mut found = |kind, severity, (at_ms, evidence): (i64, Value)| {
            rows.push(row(kind, severity, tenant, subject.clone(), Some(at_ms), evidence));
        };
        if let Some(finding) = overdraft(player, currency) {
            found("overdraft", "medium", finding);
        }
        if let Some(finding) = balance_mismatch(player, currency) {
            found("balance_mismatch", "high", finding);
        }
        if let Some(finding) = velocity(player, settings) {
            found("velocity", "low", finding);
        }
        if let Some(finding) = stake_spike(player, currency, settings) {
            found("stake_spike", "low", finding);
        }
    }
    rows
}

fn overdraft(player: &Player<'_>, currency: &str) -> Option<(i64, Value)> {
    let course = course(player);
    let (since_ms, _) = course.iter().find(|(_, balance)| **balance < 0)?;
    let (lowest_at_ms, lowest) = course.iter().min_by_key(|(at_ms, balance)| (**balance, **at_ms))?;
    let lowest = money(*lowest, currency);
    Some((*since_ms, json!({"lowest": lowest, "lowest_at_ms": lowest_at_ms, "since_ms": since_ms})))
}

fn balance_mismatch(player: &Player<'_>, currency: &str) -> Option<(i64, Value)> {
    let course = course(player);
    let mut mismatches = Vec::new();
    for (at_ms, ours) in &course {
        let events: Vec<&Event<'_>> = player.events.iter().filter(|event| event.at_ms == *at_ms).collect();
        if let [Event { claim: Some(claim), .. }] = events.as_slice() {
            let claimed = exponent(currency).and_then(|digits| claim.minor(digits));
            if claimed != Some(*ours) {
                let claimed = claimed.map_or(claim.text(), |claimed| money(claimed, currency));
                mismatches.push((*at_ms, claimed, money(*ours, currency)));
            }
        }
    }
    let (at_ms, claimed, ours) = mismatches.first()?;
    let evidence = json!({"claimed": claimed, "ours": ours, "at_ms": at_ms, "mismatches": mismatches.len()});
    Some((*at_ms, evidence))
}

fn velocity(player: &Player<'_>, settings: &Settings) -> Option<(i64, Value)> {
    let window_ms = settings.velocity_window_ms;
    let count = |start_ms: i64| {
        let window = start_ms..start_ms + window_ms;
        player.wagers.iter().filter(|life| window.contains(&life.wager.at_ms)).count() as u64
    };
    // A window begins with the minute of some wager.
    let starts = player.wagers.iter().map(|life| life.wager.at_ms.div_euclid(MINUTE_MS) * MINUTE_MS);
    let (wagers, start_ms) =
        starts.map(|start_ms| (count(start_ms), start_ms)).min_by_key(|(n, at)| (u64::MAX - n, *at))?;
    let evidence = json!({"window_start_ms": start_ms, "window_ms": window_ms, "wagers": wagers});
    (wagers > settings.velocity_wagers_max).then_some((start_ms, evidence))
}

/// The element in the middle, the lower of two.
fn lower_median(mut values: Vec<i128>) -> i128 {
    values.sort_unstable();
    values[(values.len() - 1) / 2]
}

fn stake_spike(player: &Player<'_>, currency: &str, settings: &Settings) -> Option<(i64, Value)> {
    let staked = player.wagers.iter().filter(|life| life.stake() > 0 && !life.wager.flag("free_round"));
    let mut wagers: Vec<(i64, i128)> = staked.map(|life| (life.wager.at_ms, life.stake())).collect();
    wagers.sort_unstable();

    let mut spikes = 0;
    // The highest score as a fraction, with what it was made of.
    let mut highest: Option<(i128, i128, i64, [i128; 3])> = None;
    for (index, (at_ms, stake)) in wagers.iter().enumerate() {
        let earlier = index.saturating_sub(settings.stake_spike_previous_max)..index;
        if earlier.len() < settings.stake_spike_previous_min.max(1) {
            continue;
        }
        let previous: Vec<i128> = wagers[earlier].iter().map(|(_, stake)| *stake).collect();
        let median = lower_median(previous.clone());
        let mad = lower_median(previous.iter().map(|stake| (stake - median).abs()).collect());
        // 10⁴ times 0.6745·(stake − median) / max(mad, median/20).
        let (above, spread) = (134_900 * (stake - median), (20 * mad).max(median));
        if above <= spread * 10 * i128::from(settings.stake_spike_score_max_milli) {
            continue;
        }
        spikes += 1;
        let higher =
            highest.is_none_or(|(other_above, other_spread, ..)| above * other_spread > other_above * spread);
        if higher {
            highest = Some((above, spread, *at_ms, [*stake, median, mad]));
        }
    }
    let (above, spread, at_ms, [stake, median, mad]) = highest?;
    let evidence = json!({
        "at_ms": at_ms, "stake": money(stake, currency), "median": money(median, currency),
        "mad": money(mad, currency), "score": decimal((2 * above + spread) / (2 * spread), 4), "spikes": spikes,
    });
    Some((at_ms, evidence))
}
