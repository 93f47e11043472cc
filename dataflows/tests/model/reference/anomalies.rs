//! What looks wrong, from the finished books.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Courses;
use super::ledger::{payment_amount, reversed};
use super::life::{Life, References};
use super::money::{Decimal, decimal, exponent, money};
use super::rows;
use super::rules::{Held, Rule, Rules};
use super::wire::{Fact, Topic};

const MINUTE_MS: i64 = 60_000;

/// A row, and whose payouts its rule holds.
pub struct Anomaly {
    pub row: Value,
    pub held: Vec<Held>,
    holds: bool,
}

impl Anomaly {
    /// Of a player, a wager, a game or a group, by its tenant and name.
    pub fn new(
        rule: &Rule,
        severity: &str,
        (tenant, subject): (&str, &str),
        at_ms: Option<i64>,
        evidence: Value,
    ) -> Anomaly {
        let row = json!({
            "kind": rule.kind, "tenant": tenant, "subject": subject, "severity": severity, "evidence": evidence,
            "at_ms": at_ms, "rule": rule.version,
        });
        Anomaly { row, held: Vec::new(), holds: rule.holds }
    }

    /// Names who is held by it.
    pub fn on(mut self, held: impl IntoIterator<Item = Held>) -> Anomaly {
        if self.holds {
            self.held.extend(held);
        }
        self
    }
}

/// `conflict`: different contents at one standing revision, the standing one first.
///
/// Of a cancelled wager both its cancels and its unsettles without an outcome_id may conflict; they show one id,
/// and so are one anomaly.
pub fn conflicts(groups: &[Vec<Fact>], rules: &Rules<'_>) -> Vec<Anomaly> {
    let mut by_subject: BTreeMap<(&str, String), Vec<&Fact>> = BTreeMap::new();
    for group in groups {
        let standing = &group[0];
        let since = if standing.topic.is_of_references() && standing.at_ms != 0 {
            format!("@{}", standing.at_ms)
        } else {
            String::new()
        };
        let subject = format!("{}/{}/{}{since}", standing.topic.name(), standing.provider, standing.id());
        by_subject.entry((&standing.tenant, subject)).or_default().extend(group);
    }
    let mut found = Vec::new();
    for ((tenant, subject), mut records) in by_subject {
        records.sort_by(|one, two| (one.at_ms, &one.content).cmp(&(two.at_ms, &two.content)));
        let contents: Vec<&str> = records.iter().map(|record| record.content.as_str()).collect();
        let standing = records[0];
        let rule = match standing.topic.is_of_references() {
            true => rules.newest(tenant, "conflict"),
            false => rules.at(tenant, "conflict", standing.at_ms),
        };
        let (at_ms, evidence) = (Some(standing.at_ms), json!({"contents": contents}));
        found.push(Anomaly::new(&rule, "high", (tenant, &subject), at_ms, evidence).on(claimed(standing)));
    }
    found
}

/// Who is held where contents about him contradict each other.
fn claimed(standing: &Fact) -> Option<Held> {
    let (tenant, provider) = (&standing.tenant, &standing.provider);
    match standing.topic {
        Topic::Wagers | Topic::Outcomes => Some(Held::wager(standing)),
        Topic::Payments | Topic::Accounts => Some(Held::account(tenant, standing.text("account"))),
        Topic::Games => Some(Held::game(tenant, provider, standing.key())),
        Topic::Rules | Topic::Commands => None,
    }
}

/// `late_wager` and `payout_above_maximum`.
pub fn of_wagers(lives: &[Life<'_>], references: &References<'_>, rules: &Rules<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for life in lives {
        let (wager, currency) = (life.wager, life.currency());
        let subject = format!("{}/{}", wager.provider, wager.key());
        let stake = money(life.stake(), currency);
        let mut add = |kind, at_ms, evidence| {
            let rule = rules.at(&wager.tenant, kind, wager.at_ms);
            let anomaly = Anomaly::new(&rule, "high", (&wager.tenant, &subject), at_ms, evidence);
            found.push(anomaly.on([Held::wager(wager)]));
        };
        let known_ms = life.heard.iter().filter_map(|outcome| outcome.number("known_ms")).min();
        if let Some(known_ms) = known_ms.filter(|known_ms| *known_ms < wager.at_ms) {
            let evidence =
                json!({"known_ms": known_ms, "late_by_ms": wager.at_ms - known_ms, "stake": stake});
            add("late_wager", Some(wager.at_ms), evidence);
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
            add("payout_above_maximum", life.settled_at_ms(), evidence);
        }
    }
    found
}

/// Lives by tenant.
pub fn by_tenant<'a>(lives: &[Life<'a>]) -> BTreeMap<&'a str, Vec<Life<'a>>> {
    let mut tenants: BTreeMap<&str, Vec<Life<'a>>> = BTreeMap::new();
    for life in lives {
        tenants.entry(&life.wager.tenant).or_default().push(life.clone());
    }
    tenants
}

/// `rtp_out_of_band`, of all time: each tenant's games in a band of its own.
pub fn of_games(lives: &[Life<'_>], references: &References<'_>, rules: &Rules<'_>) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (tenant, lives) in by_tenant(lives) {
        let rule = rules.newest(tenant, "rtp_out_of_band");
        let rtp = rows::rtp(&lives, references, &rule.settings);
        for game in rtp.iter().filter(|game| game["window"] == "all" && game["in_band"] == false) {
            let text = |name: &str| game[name].as_str().unwrap_or_default();
            let subject = format!("{}/{}/{}", text("provider"), text("game"), text("currency"));
            let evidence = json!({
                "wagers": game["wagers"], "stake": game["stake"], "payout": game["payout"],
                "rtp_actual": game["rtp_actual"], "z": game["z"],
            });
            let anomaly = Anomaly::new(&rule, "medium", (tenant, &subject), None, evidence);
            found.push(anomaly.on([Held::game(tenant, text("provider"), text("game"))]));
        }
    }
    found
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
pub fn of_players(lives: &[Life<'_>], payments: &[&Fact], rules: &Rules<'_>) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    for ((tenant, account, currency), player) in &players(lives, payments) {
        let subject = format!("{account}/{currency}");
        let mut found = |severity, finding: Option<Finding>| {
            let Some((rule, at_ms, evidence)) = finding else { return };
            let anomaly = Anomaly::new(&rule, severity, (tenant, &subject), Some(at_ms), evidence);
            anomalies.push(anomaly.on([Held::account(tenant, account)]));
        };
        let at = |kind, (at_ms, evidence): (i64, Value)| (rules.at(tenant, kind, at_ms), at_ms, evidence);
        found("medium", overdraft(player, currency).map(|finding| at("overdraft", finding)));
        found("high", balance_mismatch(player, currency).map(|finding| at("balance_mismatch", finding)));
        found("low", velocity(player, &|at_ms| rules.at(tenant, "velocity", at_ms)));
        found("low", stake_spike(player, currency, &|at_ms| rules.at(tenant, "stake_spike", at_ms)));
    }
    anomalies
}

/// The rule by which something was found, its time and its figures.
pub type Finding = (Rule, i64, Value);

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

/// Each window by the rule of its first minute, its length too.
fn velocity(player: &Player<'_>, rule_at: &dyn Fn(i64) -> Rule) -> Option<Finding> {
    let mut fullest: Option<(u64, Finding)> = None;
    // A window begins with the minute of some wager.
    let starts: BTreeSet<i64> =
        player.wagers.iter().map(|life| life.wager.at_ms.div_euclid(MINUTE_MS) * MINUTE_MS).collect();
    for start_ms in starts {
        let rule = rule_at(start_ms);
        let window_ms = rule.settings.velocity_window_ms;
        let window = start_ms..start_ms + window_ms;
        let wagers = player.wagers.iter().filter(|life| window.contains(&life.wager.at_ms)).count() as u64;
        let is_fuller = fullest.as_ref().is_none_or(|(most, _)| wagers > *most);
        if wagers > rule.settings.velocity_wagers_max && is_fuller {
            let evidence = json!({"window_start_ms": start_ms, "window_ms": window_ms, "wagers": wagers});
            fullest = Some((wagers, (rule, start_ms, evidence)));
        }
    }
    fullest.map(|(_, finding)| finding)
}

/// The element in the middle, the lower of two.
fn lower_median(mut values: Vec<i128>) -> i128 {
    values.sort_unstable();
    values[(values.len() - 1) / 2]
}

/// The rule of a spike, its time, and stake, median and MAD.
type Spike = (Rule, i64, [i128; 3]);

/// Each stake by the rule of its own time.
fn stake_spike(player: &Player<'_>, currency: &str, rule_at: &dyn Fn(i64) -> Rule) -> Option<Finding> {
    let staked = player.wagers.iter().filter(|life| life.stake() > 0 && !life.wager.flag("free_round"));
    let mut wagers: Vec<(i64, i128)> = staked.map(|life| (life.wager.at_ms, life.stake())).collect();
    wagers.sort_unstable();

    let mut spikes = 0;
    // The highest score as a fraction, with what it was made of.
    let mut highest: Option<(i128, i128, Spike)> = None;
    for (index, (at_ms, stake)) in wagers.iter().enumerate() {
        let rule = rule_at(*at_ms);
        let earlier = index.saturating_sub(rule.settings.stake_spike_previous_max)..index;
        if earlier.len() < rule.settings.stake_spike_previous_min.max(1) {
            continue;
        }
        let previous: Vec<i128> = wagers[earlier].iter().map(|(_, stake)| *stake).collect();
        let median = lower_median(previous.clone());
        let mad = lower_median(previous.iter().map(|stake| (stake - median).abs()).collect());
        // 10⁴ times 0.6745·(stake − median) / max(mad, median/20).
        let (above, spread) = (134_900 * (stake - median), (20 * mad).max(median));
        if above <= spread * 10 * i128::from(rule.settings.stake_spike_score_max_milli) {
            continue;
        }
        spikes += 1;
        let higher = highest.as_ref().is_none_or(|(other, below, _)| above * below > other * spread);
        if higher {
            highest = Some((above, spread, (rule, *at_ms, [*stake, median, mad])));
        }
    }
    let (above, spread, (rule, at_ms, [stake, median, mad])) = highest?;
    let evidence = json!({
        "at_ms": at_ms, "stake": money(stake, currency), "median": money(median, currency),
        "mad": money(mad, currency), "score": decimal((2 * above + spread) / (2 * spread), 4), "spikes": spikes,
    });
    Some((rule, at_ms, evidence))
}
