//! What commands decide, over everything that was admitted: the last one about a target holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::Settings;
use super::life::{self, Life, References, grouped, key, stand};
use super::rows::{Cause, Rejects, digest};
use super::rules::Held;
use super::wire::{Fact, Topic, read_line};

/// The commands in force, in their order.
pub struct Commands<'a> {
    in_force: Vec<&'a Fact>,
    /// The rejects as they were before any command.
    before: Rejects,
}

/// What becomes of a record.
enum Fate {
    AsItCame,
    Discarded,
    Amended(Box<Fact>),
}

/// How a target stands as it came, and what each of its commands is refused for.
type Sight = (Came, Vec<Option<Cause>>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Came {
    Standing,
    Waiting,
    Superseded,
    /// A rule holds it.
    Held,
    Rejected(usize),
}

/// The causes of records, in the order of their checks.
const CAUSES: [Cause; 19] = [
    "malformed",
    "unknown_kind",
    "unsupported_field",
    "unknown_currency",
    "bad_amount",
    "stake_not_positive",
    "clock_skew",
    "past_horizon",
    "unknown_game",
    "unknown_account",
    "outcome_without_wager",
    "account_mismatch",
    "game_mismatch",
    "stake_mismatch",
    "currency_mismatch",
    "outcome_before_wager",
    "cancel_after_settle",
    "settle_after_cancel",
    "conflicting_duplicate",
];

impl Came {
    fn rejected(cause: Cause) -> Came {
        Came::Rejected(CAUSES.iter().position(|known| *known == cause).expect("a cause of records"))
    }

    fn name(&self) -> &'static str {
        match self {
            Came::Standing => "standing",
            Came::Waiting => "waiting",
            Came::Superseded => "superseded",
            Came::Held => "held",
            Came::Rejected(cause) => CAUSES[*cause],
        }
    }
}

impl<'a> Commands<'a> {
    /// Of each command the record that stands.
    pub fn standing(facts: &'a [Fact], rejects: &mut Rejects) -> Commands<'a> {
        let groups = grouped(facts, Topic::Commands, key);
        let mut in_force: Vec<&Fact> =
            groups.values().filter_map(|records| stand(records, rejects)).collect();
        in_force.sort_by_key(|command| {
            (command.at_ms, command.key().to_owned(), command.tenant.clone(), command.provider.clone())
        });
        Commands { in_force, before: rejects.clone() }
    }

    fn about(&self, target: &str) -> Vec<&'a Fact> {
        self.in_force.iter().filter(|command| command.text("target") == target).copied().collect()
    }

    /// The last command that is not refused decides.
    fn fate(
        &self,
        target: &str,
        amended: impl Fn(&Fact) -> Result<Fact, Cause>,
    ) -> (Fate, Vec<Option<Cause>>) {
        let (mut fate, mut refused) = (Fate::AsItCame, Vec::new());
        for command in self.about(target) {
            let (next, cause) = match command.kind() {
                "discard" => (Some(Fate::Discarded), None),
                "replay" => (Some(Fate::AsItCame), None),
                _ => match amended(command) {
                    Ok(fact) => (Some(Fate::Amended(Box::new(fact))), None),
                    Err(cause) => (None, Some(cause)),
                },
            };
            fate = next.unwrap_or(fate);
            refused.push(cause);
        }
        (fate, refused)
    }

    /// The facts as commands leave them; rejects of lines that are discarded or amended go.
    pub fn apply(&self, admitted: &[Fact], rejects: &mut Rejects, settings: &Settings) -> Vec<Fact> {
        self.resolve(admitted, rejects, settings, None).0
    }

    /// The facts, and the records of which commands speak; they do not about `spared`.
    fn resolve(
        &self,
        admitted: &[Fact],
        rejects: &mut Rejects,
        settings: &Settings,
        spared: Option<&str>,
    ) -> (Vec<Fact>, Vec<Fact>) {
        let mut facts: BTreeMap<(Topic, String), Fact> = BTreeMap::new();
        let records = admitted.iter().filter(|fact| fact.topic != Topic::Commands);
        facts.extend(records.map(|fact| ((fact.topic, fact.content.clone()), fact.clone())));
        for (topic, _, line) in self.before.keys() {
            let (fate, refused) = self.fate(&line, |command| in_place_of_line(command, topic, settings));
            if topic == Topic::Commands || refused.is_empty() || matches!(fate, Fate::AsItCame) {
                continue;
            }
            rejects.remove(topic, &line);
            if let Fate::Amended(fact) = fate {
                match facts.get_mut(&(topic, fact.content.clone())) {
                    Some(first) => first.merge(*fact),
                    None => drop(facts.insert((topic, fact.content.clone()), *fact)),
                }
            }
        }
        let (mut kept, mut targets): (Vec<(Fact, bool)>, Vec<Fact>) = Default::default();
        let mut waiting: VecDeque<(Fact, bool)> = facts.into_values().map(|fact| (fact, false)).collect();
        while let Some((fact, amends)) = waiting.pop_front() {
            let name = digest(fact.content.as_bytes());
            let (fate, refused) = self.fate(&name, |command| in_place_of(command, &fact, settings));
            if !refused.is_empty() {
                targets.push(fact.clone());
            }
            match fate {
                _ if spared == Some(&name) => keep(&mut kept, fact, amends),
                Fate::AsItCame => keep(&mut kept, fact, amends),
                Fate::Discarded => {}
                Fate::Amended(another) => waiting.push_back((*another, true)),
            }
        }
        (kept.into_iter().map(|(fact, _)| fact).collect(), targets)
    }

    /// How all that commands speak of stands as it came.
    fn sights(&self, admitted: &[Fact], settings: &Settings) -> BTreeMap<String, BTreeSet<Sight>> {
        let mut sights: BTreeMap<String, BTreeSet<Sight>> = BTreeMap::new();
        for (topic, cause, line) in self.before.keys() {
            let (_, refused) = self.fate(&line, |command| in_place_of_line(command, topic, settings));
            if topic != Topic::Commands && !refused.is_empty() {
                sights.entry(line).or_default().insert((Came::rejected(cause), refused));
            }
        }
        for target in self.resolve(admitted, &mut self.before.clone(), settings, None).1 {
            let name = digest(target.content.as_bytes());
            let (facts, _) = self.resolve(admitted, &mut self.before.clone(), settings, Some(&name));
            let (_, refused) = self.fate(&name, |command| in_place_of(command, &target, settings));
            sights.entry(name).or_default().insert((verdict(&target, &facts, settings), refused));
        }
        sights
    }

    /// A row for each command that applies, while rules hold these; the others are rejects.
    pub fn decisions(
        &self,
        admitted: &[Fact],
        lives: &[Life<'_>],
        payments: &[&Fact],
        held: &[Held],
        rejects: &mut Rejects,
        settings: &Settings,
    ) -> Vec<Value> {
        let sights = self.sights(admitted, settings);
        let mut rows = Vec::new();
        let mut now: BTreeMap<(&str, &str, &str), &str> = BTreeMap::new();
        for command in &self.in_force {
            let target = command.text("target");
            let is_hold = target.contains(':');
            let known = lives.iter().any(|life| of_wager(command, life.wager))
                || payments.iter().any(|payment| of_account(command, payment));
            let sight = match sights.get(target).and_then(BTreeSet::first) {
                Some(sight) => sight.clone(),
                None if is_hold && known && held.iter().any(|held| held.is_named_by(command)) => {
                    (Came::Held, Vec::new())
                }
                None if is_hold && known => (Came::Standing, Vec::new()),
                None => {
                    rejects.received("unknown_target", command);
                    continue;
                }
            };
            let place = self.about(target).iter().position(|other| std::ptr::eq(*other, *command));
            if let Some(Some(cause)) = place.and_then(|place| sight.1.get(place)) {
                rejects.received(cause, command);
                continue;
            }
            let came = sight.0.name();
            let after = match command.kind() {
                "amend" => "amended",
                "discard" => "discarded",
                "hold" => "held",
                _ => came,
            };
            let whose = scope(command);
            let before = now.insert((target, whose.0, whose.1), after).unwrap_or(came);
            rows.push(json!({
                "tenant": command.tenant, "provider": command.provider, "command_id": command.key(),
                "kind": command.kind(), "target": target, "actor": command.text("actor"),
                "reason": command.text("reason"), "at_ms": command.at_ms, "tick": 0,
                "before": before, "after": after,
            }));
        }
        rows
    }

    /// Whether commands hold the payouts of a wager.
    pub fn hold(&self, wager: &Fact) -> bool {
        ["wager:", "account:", "game:"].into_iter().any(|kind| {
            let mut about = self
                .in_force
                .iter()
                .filter(|command| command.text("target").starts_with(kind) && of_wager(command, wager));
            about.next_back().is_some_and(|command| command.kind() == "hold")
        })
    }
}

/// Within what a command's target has its name.
fn scope(command: &Fact) -> (&str, &str) {
    match command.text("target").split_once(':') {
        None => ("", ""),
        Some(("account", _)) => (&command.tenant, ""),
        Some(_) => (&command.tenant, &command.provider),
    }
}

/// Whether a hold or release is about a wager.
fn of_wager(command: &Fact, wager: &Fact) -> bool {
    let same_provider = (&command.tenant, &command.provider) == (&wager.tenant, &wager.provider);
    match command.text("target").split_once(':') {
        Some(("wager", id)) => same_provider && id == wager.key(),
        Some(("game", id)) => same_provider && id == wager.text("game"),
        _ => of_account(command, wager),
    }
}

fn of_account(command: &Fact, record: &Fact) -> bool {
    let target = command.text("target").split_once(':');
    target == Some(("account", record.text("account"))) && command.tenant == record.tenant
}

/// Keeps a fact, unless a command brings what is there already.
fn keep(kept: &mut Vec<(Fact, bool)>, fact: Fact, amends: bool) {
    let same = |other: &&mut (Fact, bool)| (other.0.topic, &other.0.content) == (fact.topic, &fact.content);
    match kept.iter_mut().find(same) {
        None => kept.push((fact, amends)),
        Some(first) if first.1 && fact.line < first.0.line => first.0 = fact,
        Some(_) => {}
    }
}

/// A command's record in the place of a line that failed.
fn in_place_of_line(command: &Fact, topic: Topic, settings: &Settings) -> Result<Fact, Cause> {
    let line = read_line(topic, command.line, command.text("record").as_bytes(), settings);
    if let Some(cause) = line.cause {
        return Err(cause);
    }
    let mut fact = line.fact.expect("a sound line holds a fact");
    fact.brought = true;
    if Topic::OF_EVENTS.contains(&topic) {
        if fact.at_ms > command.at_ms + settings.skew_ms_max {
            return Err("clock_skew");
        }
        if command.at_ms > fact.at_ms + settings.horizon_ms {
            return Err("past_horizon");
        }
    }
    Ok(fact)
}

/// A command's record as the next revision of a record.
fn in_place_of(command: &Fact, came: &Fact, settings: &Settings) -> Result<Fact, Cause> {
    let fact = in_place_of_line(command, came.topic, settings)?;
    let since = |fact: &Fact| if Topic::OF_EVENTS.contains(&fact.topic) { 0 } else { fact.at_ms };
    let next = came.revision.checked_add(1).ok_or("target_mismatch")?;
    if (key(&fact), since(&fact)) != (key(came), since(came)) {
        return Err("target_mismatch");
    }
    let revision = fact.revision.max(next);
    Ok(fact.at_revision(revision))
}

/// How a record stands among facts.
fn verdict(target: &Fact, facts: &[Fact], settings: &Settings) -> Came {
    let mut rejects = Rejects::default();
    let references = References::new(facts, &mut rejects);
    let payments = life::payments(facts, &references, &mut rejects);
    let (lives, _) = life::wagers(facts, &references, settings, &mut rejects);
    let name = digest(target.content.as_bytes());
    let rejected = rejects.keys().into_iter().find(|(topic, cause, digest)| {
        (*topic, digest) == (target.topic, &name) && *cause != "outcome_missing"
    });
    if let Some((_, cause, _)) = rejected {
        return Came::rejected(cause);
    }
    let is_it = |fact: &&Fact| (fact.topic, &fact.content) == (target.topic, &target.content);
    let mut standing: Vec<&Fact> = payments;
    standing.extend(references.games.iter().chain(&references.accounts).chain(&references.rules));
    for life in &lives {
        standing.push(life.wager);
        standing.extend(life.standing_outcomes());
    }
    let has_wager = lives.iter().any(|life| key(life.wager) == key(target));
    match standing.iter().any(is_it) {
        true => Came::Standing,
        false if target.topic == Topic::Outcomes && !has_wager => Came::Waiting,
        false => Came::Superseded,
    }
}

/// Whether a command of a known kind names what such a command can be about, and an amend brings a record.
pub fn targets_soundly(known: &BTreeMap<&'static str, Value>) -> bool {
    let target = known["target"].as_str().unwrap_or_default();
    let of_record = target.len() == 64 && target.bytes().all(|byte| byte.is_ascii_hexdigit());
    let of_payouts = target.split_once(':').is_some_and(|(what, id)| {
        (1..=128).contains(&id.len())
            && (["wager", "game"].contains(&what) || what == "account" && !id.starts_with('@'))
    });
    match known["kind"].as_str().unwrap_or_default() {
        "amend" => of_record && known.contains_key("record"),
        "replay" | "discard" => of_record,
        "hold" | "release" => of_payouts,
        _ => true,
    }
}

/// The text of a member of an object that is sound, without the white space between tokens.
pub fn member(object: &[u8], name: &str) -> String {
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    let (mut key, mut token, mut is_value) = (String::new(), Vec::new(), false);
    for byte in object {
        if !in_text && byte.is_ascii_whitespace() {
            continue;
        }
        if !in_text && depth == 1 && b":,}".contains(byte) {
            if *byte == b':' && !is_value {
                key = serde_json::from_slice(&token).expect("a name");
            } else if key == name {
                return String::from_utf8(token).expect("the line is text");
            }
            (token, is_value) = (Vec::new(), *byte == b':');
            depth -= i32::from(*byte == b'}');
            continue;
        }
        if !in_text && b"{[".contains(byte) {
            depth += 1;
            if depth == 1 {
                continue;
            }
        }
        if !in_text && b"}]".contains(byte) {
            depth -= 1;
        }
        if *byte == b'"' && !escaped {
            in_text = !in_text;
        }
        escaped = in_text && *byte == b'\\' && !escaped;
        token.push(*byte);
    }
    panic!("no member {name}")
}
