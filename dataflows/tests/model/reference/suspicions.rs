//! What looks wrong with what players won, deposited and withdrew, and with what games paid by the hour.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use serde_json::{Value, json};

use super::Settings;
use super::anomalies::{Anomaly, Finding, by_tenant};
use super::ledger::{payment_amount, reversed};
use super::life::{Life, References};
use super::money::{decimal, exponent, money};
use super::rows;
use super::rules::{Held, Rule, Rules};
use super::wire::Fact;
use super::zone;

/// (tenant, account, currency).
type Player = (String, String, String);

fn player(record: &Fact) -> Player {
    (record.tenant.clone(), record.text("account").to_owned(), record.text("currency").to_owned())
}

/// A chance as an integer of ten digits and the power of ten of the first.
type Chance = (BigInt, i32);

/// A fraction in ten digits, half-up.
fn digits(above: &BigInt, below: &BigInt) -> Chance {
    let ten = BigInt::from(10);
    let mut exponent = 0;
    while above * ten.pow(-exponent as u32) < *below {
        exponent -= 1;
    }
    let digits = (above * ten.pow((10 - exponent) as u32) / below + 5) / 10;
    if digits == ten.pow(10) { (ten.pow(9), exponent + 1) } else { (digits, exponent) }
}

/// Of at least `wins` wins by odds of `won` in `all`, exactly.
fn binomial(wagers: usize, wins: usize, won: &BigInt, all: &BigInt) -> Chance {
    let mut tail = BigInt::from(0);
    let mut choices = BigInt::from(1);
    for k in 0..=wagers {
        if k >= wins {
            tail += &choices * won.pow(k as u32) * (all - won).pow((wagers - k) as u32);
        }
        choices = choices * (wagers - k) / (k + 1);
    }
    digits(&tail, &all.pow(wagers as u32))
}

/// Of a standard normal to be at least the root of `above / below`.
fn normal(above: &BigInt, below: &BigInt) -> Chance {
    let wide: BigInt = above * BigInt::from(10).pow(60) / below;
    let z = wide.sqrt().to_string().parse::<f64>().expect("a number") / 1e30;
    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let chance = if z < 3.0 {
        // Φ(z) = 1/2 + φ(z) · (z + z³/3 + z⁵/15 + …).
        let (mut term, mut sum) = (z, z);
        for k in 1..200 {
            term *= z * z / f64::from(2 * k + 1);
            sum += term;
        }
        0.5 - density * sum
    } else {
        // Laplace's continued fraction.
        density / (1..400).rev().fold(z, |below, k| z + f64::from(k) / below)
    };
    let text = format!("{chance:.9e}");
    let (digits, exponent) = text.split_once('e').expect("written so");
    let digits = digits.replace('.', "").parse().expect("digits");
    if chance < 1e-300 { (BigInt::from(0), 0) } else { (digits, exponent.parse().expect("a number")) }
}

fn spelt((digits, exponent): &Chance) -> String {
    let three: BigInt = (digits + 5_000_000) / 10_000_000;
    let three: u32 = three.try_into().expect("three digits");
    match three {
        0 => "<1e-300".to_owned(),
        1_000 => format!("1.00e{}", exponent + 1),
        _ => format!("{}.{:02}e{exponent}", three / 100, three % 100),
    }
}

/// A wager that is judged: stake, payout, rtp and volatility in 10⁻⁹.
type Judged = (i128, i128, i128, i128);

/// `improbable_wins`.
pub fn improbable_wins(lives: &[Life<'_>], references: &References<'_>, rules: &Rules<'_>) -> Vec<Anomaly> {
    let mut players: BTreeMap<Player, Vec<Judged>> = BTreeMap::new();
    for life in lives.iter().filter(|life| life.state == "settled" && !life.wager.flag("free_round")) {
        let terms = references
            .game(life.wager)
            .and_then(|game| Some((game.rate("rtp_theoretical")?, game.rate("volatility")?)));
        if let Some((rtp, volatility)) = terms {
            let judged = (life.stake(), life.payout(), rtp, volatility);
            players.entry(player(life.wager)).or_default().push(judged);
        }
    }
    let mut found = Vec::new();
    for ((tenant, account, currency), wagers) in &players {
        let many = players.keys().filter(|player| player.0 == *tenant).count().next_power_of_two();
        let subject = format!("{account}/{currency}");
        let rule = rules.newest(tenant, "improbable_wins");
        if let Some(evidence) = luck(wagers, many, currency, &rule.settings) {
            let anomaly = Anomaly::new(&rule, "high", (tenant, &subject), None, evidence);
            found.push(anomaly.on([Held::account(tenant, account)]));
        }
    }
    found
}

fn luck(wagers: &[Judged], players: usize, currency: &str, settings: &Settings) -> Option<Value> {
    let stake: i128 = wagers.iter().map(|wager| wager.0).sum();
    let payout: i128 = wagers.iter().map(|wager| wager.1).sum();
    let expected: BigInt = wagers.iter().map(|wager| BigInt::from(wager.0) * wager.2).sum();
    let variance: BigInt = wagers.iter().map(|wager| (BigInt::from(wager.0) * wager.3).pow(2)).sum();
    let distance: BigInt = BigInt::from(payout) * 1_000_000_000 - expected;
    let zero = BigInt::from(0);
    if distance <= zero {
        return None;
    }
    let kinds: BTreeSet<(i128, i128)> = wagers.iter().map(|wager| (wager.0, wager.2)).collect();
    let won: Vec<i128> = wagers.iter().map(|wager| wager.1).filter(|payout| *payout != 0).collect();
    let prizes: BTreeSet<&i128> = won.iter().collect();
    let (chance, method) = if kinds.len() == 1 && prizes.len() == 1 {
        let (win, all) = (BigInt::from(wagers[0].0) * wagers[0].2, BigInt::from(won[0]) * 1_000_000_000);
        if win == zero || win >= all {
            return None;
        }
        (binomial(wagers.len(), won.len(), &win, &all), "binomial")
    } else if variance > zero {
        (normal(&distance.pow(2), &variance), "normal")
    } else {
        return None;
    };
    // digits · 10^(exponent − 9) · players < p_max · 10⁻¹²
    let scale = |power: i32| BigInt::from(10).pow(power.max(0) as u32);
    let power = chance.1 + 3;
    if &chance.0 * players * scale(power) >= BigInt::from(settings.wins_p_max_e12) * scale(-power) {
        return None;
    }
    let z = (variance > zero).then(|| rows::score_text(&distance, &variance));
    Some(json!({
        "wagers": wagers.len(), "stake": money(stake, currency), "payout": money(payout, currency), "z": z,
        "p": spelt(&chance), "method": method, "players": players,
    }))
}

/// `deposit_then_withdraw` and `structuring`.
pub fn of_payments(lives: &[Life<'_>], payments: &[&Fact], rules: &Rules<'_>) -> Vec<Anomaly> {
    let mut moved: BTreeMap<Player, Vec<(i64, i128)>> = BTreeMap::new();
    for payment in payments.iter().filter(|payment| payment.kind() != "adjustment" && !reversed(payment)) {
        let amount = payment_amount(payment);
        if amount != 0 {
            moved.entry(player(payment)).or_default().push((payment.at_ms, amount));
        }
    }
    let mut anomalies = Vec::new();
    for (player_key, mut moved) in moved {
        // Credits first, then the smaller withdrawals.
        moved.sort_by_key(|(at_ms, amount)| (*at_ms, -amount));
        let stakes: Vec<(i64, i128)> = lives
            .iter()
            .filter(|life| player(life.wager) == player_key)
            .filter(|life| life.state != "cancelled" && !life.wager.flag("free_round"))
            .map(|life| (life.wager.at_ms, life.stake()))
            .collect();
        let (tenant, account, currency) = &player_key;
        let subject = format!("{account}/{currency}");
        let mut found = |severity, finding: Option<Finding>| {
            let Some((rule, at_ms, evidence)) = finding else { return };
            let anomaly = Anomaly::new(&rule, severity, (tenant, &subject), Some(at_ms), evidence);
            anomalies.push(anomaly.on([Held::account(tenant, account)]));
        };
        let turned_over = |at_ms| rules.at(tenant, "deposit_then_withdraw", at_ms);
        found("medium", turnover(&moved, &stakes, currency, &turned_over));
        found(
            "high",
            structuring(&moved, currency, &|at_ms| rules.at(tenant, "structuring", at_ms), rules.settings),
        );
    }
    anomalies
}

fn minor(major: i128, currency: &str) -> i128 {
    major * 10i128.pow(exponent(currency).unwrap_or_default() as u32)
}

/// A withdrawal that is flagged: its rule, its time, what had been deposited, what it takes, what had been staked.
type Visit = (Rule, i64, i128, i128, i128);

/// Each withdrawal by the rule of its own time.
fn turnover(
    moved: &[(i64, i128)],
    stakes: &[(i64, i128)],
    currency: &str,
    rule_at: &dyn Fn(i64) -> Rule,
) -> Option<Finding> {
    let mut flagged: Vec<Visit> = Vec::new();
    // Until the last judged withdrawal.
    let (mut deposited_before, mut staked_before) = (0, 0);
    for (index, (at_ms, amount)) in moved.iter().enumerate() {
        if *amount > 0 {
            continue;
        }
        let rule = rule_at(*at_ms);
        let deposits = moved[..index].iter().map(|(_, amount)| *amount).filter(|amount| *amount > 0);
        let deposited = deposits.sum::<i128>() - deposited_before;
        let until = stakes.iter().filter(|stake| stake.0 <= *at_ms).map(|stake| stake.1);
        let staked = until.sum::<i128>() - staked_before;
        if deposited > 0 && deposited >= minor(rule.settings.turnover_deposits_min, currency) {
            deposited_before += deposited;
            staked_before += staked;
            if staked * 1_000 < deposited * rule.settings.turnover_ratio_min_milli {
                flagged.push((rule, *at_ms, deposited, -amount, staked));
            }
        }
    }
    let lower = |one: &Visit, other: &Visit| one.4 * other.2 < other.4 * one.2;
    let mut worst = flagged.first()?;
    for visit in &flagged {
        if lower(visit, worst) {
            worst = visit;
        }
    }
    let (rule, at_ms, deposited, withdrawn, staked) = worst;
    let evidence = json!({
        "at_ms": at_ms, "deposited": money(*deposited, currency), "withdrawn": money(*withdrawn, currency),
        "staked": money(*staked, currency), "ratio": decimal((staked * 20_000 + deposited) / (2 * deposited), 4),
        "withdrawals": flagged.len(),
    });
    Some((rule.clone(), *at_ms, evidence))
}

/// Each day by the rule of its first moment.
fn structuring(
    moved: &[(i64, i128)],
    currency: &str,
    rule_at: &dyn Fn(i64) -> Rule,
    settings: &Settings,
) -> Option<Finding> {
    let rule_of = |at_ms| rule_at(zone::day_start_ms(at_ms, &settings.gaming_day_zone));
    let mut days: BTreeMap<(String, &str), Vec<(i64, i128)>> = BTreeMap::new();
    for (at_ms, amount) in moved {
        let kind = if *amount > 0 { "deposit" } else { "withdrawal" };
        if amount.abs() < minor(rule_of(*at_ms).settings.structuring_limit, currency) {
            let day = zone::day(*at_ms, &settings.gaming_day_zone);
            days.entry((day, kind)).or_default().push((*at_ms, amount.abs()));
        }
    }
    let sum = |parts: &[(i64, i128)]| parts.iter().map(|part| part.1).sum::<i128>();
    days.retain(|_, parts| sum(parts) > minor(rule_of(parts[0].0).settings.structuring_limit, currency));
    let most = days.values().map(|parts| sum(parts)).max()?;
    let ((day, kind), parts) = days.iter().find(|(_, parts)| sum(parts) == most)?;
    let largest = parts.iter().map(|part| part.1).max()?;
    let evidence = json!({
        "day": day, "kind": kind, "payments": parts.len(), "sum": money(most, currency),
        "largest": money(largest, currency), "days": days.len(),
    });
    let at_ms = parts.iter().map(|part| part.0).min()?;
    Some((rule_of(at_ms), at_ms, evidence))
}

/// `slow_drift`, from the finished rows of hours, each tenant's games by its rule.
pub fn slow_drift(lives: &[Life<'_>], references: &References<'_>, rules: &Rules<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (tenant, lives) in by_tenant(lives) {
        let rule = rules.newest(tenant, "slow_drift");
        let rtp = rows::rtp(&lives, references, rules.settings);
        let mut games: BTreeMap<[&str; 3], BTreeMap<&str, i128>> = BTreeMap::new();
        for hour in &rtp {
            let text = |name: &str| hour[name].as_str().unwrap_or_default();
            let z: Option<i128> = hour["z"].as_str().and_then(|z| z.replace('.', "").parse().ok());
            if let Some(z) = z.filter(|_| text("window").starts_with("hour:")) {
                let game = ["provider", "game", "currency"].map(text);
                games.entry(game).or_default().insert(text("window"), z);
            }
        }
        for ([provider, game, currency], hours) in games {
            let Some((at_ms, evidence)) = drift(&hours.into_iter().collect::<Vec<_>>(), &rule.settings)
            else {
                continue;
            };
            let subject = format!("{provider}/{game}/{currency}");
            let anomaly = Anomaly::new(&rule, "medium", (tenant, &subject), Some(at_ms), evidence);
            found.push(anomaly.on([Held::game(tenant, provider, game)]));
        }
    }
    found
}

/// Hours and their scores in 10⁻⁴.
fn drift(hours: &[(&str, i128)], settings: &Settings) -> Option<(i64, Value)> {
    let (slack, limit) = (settings.drift_slack_milli * 10, settings.drift_limit_milli * 10);
    let mut worst: Option<(i128, usize, usize, &str)> = None;
    for at in 0..hours.len() {
        for (direction, sign) in [("up", 1), ("down", -1)] {
            // The sum is the largest of those that begin at some hour and end here.
            let sums = (0..=at).map(|since| {
                (hours[since..=at].iter().map(|hour| sign * hour.1 - slack).sum::<i128>(), since)
            });
            // It left zero for the last time where the sum of all before is lowest, at the latest such hour.
            let (sum, since) = sums.max_by_key(|(sum, since)| (*sum, *since)).expect("an hour at least");
            if sum > worst.map_or(limit, |worst| worst.0) {
                worst = Some((sum, since, at, direction));
            }
        }
    }
    let (sum, since, at, direction) = worst?;
    let evidence = json!({
        "direction": direction, "since": hours[since].0, "at": hours[at].0, "cusum": decimal(sum, 4),
        "hours": at - since + 1,
    });
    Some((zone::hour_ms(hours[at].0), evidence))
}
