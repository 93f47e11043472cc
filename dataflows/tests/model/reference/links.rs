//! Who is linked to whom, and who bets against himself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Settings;
use super::anomalies::Anomaly;
use super::life::Life;
use super::money::{decimal, exponent, money};
use super::rules::{Held, Rules};
use super::wire::Fact;

/// How many names a row lists.
const LISTED: usize = 10;

/// (tenant, account).
type Account = (String, String);

/// Which account used what: (tenant, field, text) → accounts.
type Used = BTreeMap<(String, &'static str, String), BTreeSet<Account>>;

fn account(record: &Fact) -> Account {
    (record.tenant.clone(), record.text("account").to_owned())
}

fn used(lives: &[Life<'_>], payments: &[&Fact], rules: &Rules<'_>) -> Used {
    let mut used = Used::new();
    let wagers = lives.iter().map(|life| life.wager);
    for record in wagers.chain(payments.iter().copied()) {
        for field in ["device", "payment_instrument"] {
            if let Some(text) = record.opt(field) {
                let thing = (record.tenant.clone(), field, text.to_owned());
                used.entry(thing).or_default().insert(account(record));
            }
        }
    }
    used.retain(|(tenant, field, _), accounts| {
        let settings = rules.newest(tenant, "linked_accounts").settings;
        let least = match *field {
            "device" => settings.device_accounts_min,
            _ => settings.instrument_accounts_min,
        };
        accounts.len() as u64 >= least
    });
    used
}

/// Disjoint sets of accounts; an account that was never joined is alone.
#[derive(Default)]
struct Sets(BTreeMap<Account, Account>);

impl Sets {
    fn root(&self, account: &Account) -> Account {
        let mut at = account;
        while let Some(next) = self.0.get(at) {
            at = next;
        }
        at.clone()
    }

    fn join(&mut self, one: &Account, two: &Account) {
        let (one, two) = (self.root(one), self.root(two));
        if one != two {
            self.0.insert(one.clone().max(two.clone()), one.min(two));
        }
    }
}

/// `linked_accounts` and `opposite_betting`.
pub fn of_groups(lives: &[Life<'_>], payments: &[&Fact], rules: &Rules<'_>) -> Vec<Anomaly> {
    let used = used(lives, payments, rules);
    let mut sets = Sets::default();
    for accounts in used.values() {
        let first = accounts.first().expect("a threshold of at least two");
        accounts.iter().for_each(|other| sets.join(first, other));
    }
    let mut found = linked(&used, &sets, rules);
    found.extend(opposite(lives, &sets, rules));
    found
}

fn linked(used: &Used, sets: &Sets, rules: &Rules<'_>) -> Vec<Anomaly> {
    let mut groups: BTreeMap<Account, [BTreeSet<&str>; 3]> = BTreeMap::new();
    for ((_, field, text), accounts) in used {
        for account in accounts {
            let group = groups.entry(sets.root(account)).or_default();
            group[0].insert(&account.1);
            group[if *field == "device" { 1 } else { 2 }].insert(text);
        }
    }
    let anomaly = |((tenant, _), [accounts, devices, instruments]): (Account, [BTreeSet<&str>; 3])| {
        let first = |names: &BTreeSet<&str>| json!(names.iter().take(LISTED).collect::<Vec<_>>());
        let evidence = json!({
            "accounts": first(&accounts), "accounts_count": accounts.len(),
            "devices": first(&devices), "devices_count": devices.len(),
            "instruments": first(&instruments), "instruments_count": instruments.len(),
        });
        let subject = accounts.first().expect("a group has accounts");
        let rule = rules.newest(&tenant, "linked_accounts");
        let anomaly = Anomaly::new(&rule, "medium", (&tenant, subject), None, evidence);
        anomaly.on(accounts.iter().map(|account| Held::account(&tenant, account)))
    };
    groups.into_iter().map(anomaly).collect()
}

/// Settled wagers that count in a round.
fn bets<'a>(lives: &'a [Life<'a>]) -> impl Iterator<Item = &'a Life<'a>> {
    let counts =
        |life: &&Life<'_>| life.state == "settled" && !life.wager.flag("free_round") && round(life).is_some();
    lives.iter().filter(counts)
}

/// Wagers of rounds, by provider, game and round.
type Rounds<'a> = BTreeMap<[&'a str; 3], Vec<&'a Life<'a>>>;

fn round<'a>(life: &'a Life<'_>) -> Option<&'a str> {
    life.wager.opt("round")
}

fn opposite(lives: &[Life<'_>], sets: &Sets, rules: &Rules<'_>) -> Vec<Anomaly> {
    // By group and currency: by provider, game and round.
    let mut rounds: BTreeMap<(Account, &str), Rounds<'_>> = BTreeMap::new();
    for life in bets(lives) {
        let group = (sets.root(&account(life.wager)), life.currency());
        let name = [&*life.wager.provider, life.wager.text("game"), round(life).unwrap_or_default()];
        rounds.entry(group).or_default().entry(name).or_default().push(life);
    }
    let mut found = Vec::new();
    for (((tenant, _), currency), mut rounds) in rounds {
        let rule = rules.newest(&tenant, "opposite_betting");
        rounds.retain(|_, bets| covers(bets, currency, &rule.settings));
        if rounds.is_empty() || (rounds.len() as u64) < rule.settings.covered_rounds_min {
            continue;
        }
        let all = || rounds.values().flatten();
        let accounts: BTreeSet<&str> = all().map(|life| life.wager.text("account")).collect();
        let (staked, returned) = sums(all().copied());
        let begins: Vec<i64> =
            rounds.values().filter_map(|bets| bets.iter().map(|life| life.wager.at_ms).min()).collect();
        let (first, last) = (begins.iter().min().copied(), begins.iter().max().copied());
        let exposure = (2 * 10_000 * (returned - staked).abs() + staked) / (2 * staked);
        let evidence = json!({
            "accounts": accounts.iter().take(LISTED).collect::<Vec<_>>(), "accounts_count": accounts.len(),
            "rounds": rounds.len(), "wagers": all().count(), "staked": money(staked, currency),
            "returned": money(returned, currency), "net_exposure": decimal(exposure, 4),
            "first_round_at_ms": first, "last_round_at_ms": last,
        });
        let subject = format!("{}/{currency}", accounts.first().expect("somebody bet"));
        let anomaly = Anomaly::new(&rule, "high", (&tenant, &subject), first, evidence);
        found.push(anomaly.on(accounts.iter().map(|account| Held::account(&tenant, account))));
    }
    found
}

fn sums<'a>(bets: impl Iterator<Item = &'a Life<'a>>) -> (i128, i128) {
    bets.fold((0, 0), |(staked, returned), life| (staked + life.stake(), returned + life.payout()))
}

fn covers(bets: &[&Life<'_>], currency: &str, settings: &Settings) -> bool {
    let (staked, returned) = sums(bets.iter().copied());
    let least = i128::from(settings.covered_stake_min) * 10i128.pow(exponent(currency).unwrap_or(0) as u32);
    bets.iter().any(|life| life.payout() > life.stake())
        && bets.iter().any(|life| life.payout() < life.stake())
        && staked >= least
        && 1_000 * (returned - staked).abs() < i128::from(settings.net_exposure_max_milli) * staked
}
