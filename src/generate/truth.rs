//! Reference rows, and `truth.json`: what was injected, and the books that all of it must end in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::books::{Books, System};
use super::faults::{Deck, Desk, Fault, Incident, Tale};
use super::outbox::Outbox;
use super::play::Played;
use super::wire::{CURRENCIES, Cast, PROVIDERS, wide_decimal};
use super::{Plan, Written};

/// Lists longer than this are only counted (balances: hashed too).
const LISTED_MAX: usize = 100_000;
/// Accounts have their rows since this long before play begins.
pub const KNOWN_MS: u64 = 60 * 24 * 3_600_000;
/// The files of the outboxes.
const FILES: [&str; 3] = ["wagers.jsonl", "outcomes.jsonl", "payments.jsonl"];

/// Writes reference rows and the truth once play is over.
pub fn write(plan: &Plan, played: Played) -> io::Result<Written> {
    let Played { cast, mut books, boxes, incidents, deck, mut desk } = played;
    let games = write_games(plan, &cast, &mut books)?;
    let accounts = write_accounts(plan, &cast, &mut books)?;
    let (commands, answers) = write_desk(plan, &mut desk)?;
    let written = Written {
        wagers: boxes[0].lines,
        outcomes: boxes[1].lines,
        payments: boxes[2].lines,
        games: games.0,
        accounts: accounts.0,
        commands: commands.0,
        answers: answers.0,
        bytes: boxes.iter().map(|file| file.bytes).sum::<u64>()
            + games.1
            + accounts.1
            + commands.1
            + answers.1,
    };
    judge_accounts(&cast, &mut books);
    let returns = returns(plan, &cast, &mut books);
    let balances = balances(&cast, &books);

    let mut out = Document::create(plan)?;
    out.field("plan", &plan_value(plan))?;
    write_counts(&mut out, plan, &written, &boxes, &books)?;
    out.field("balances_count", &json!(balances.len()))?;
    out.field("balances_sha256", &json!(sha256(&balances)))?;
    out.list("injected", injected(&deck, &incidents, places(&boxes, &desk)))?;
    if plan.scripted {
        out.list("decisions", desk.decisions.into_iter())?;
    }
    out.list("anomaly_rows", anomalies(&books))?;
    out.list("overdrafts", overdrafts(&cast, &books).into_iter())?;
    out.list("balance_mismatches", mismatches(&cast, &books).into_iter())?;
    out.list("rtp", returns.into_iter())?;
    out.list("reject_rows", rejects(&mut books))?;
    let listed = if balances.len() > LISTED_MAX + 100 { 0 } else { usize::MAX };
    out.list("balances", balances.into_iter().take(listed))?;
    out.finish()?;
    Ok(written)
}

/// How many there are of everything.
fn write_counts(
    out: &mut Document,
    plan: &Plan,
    written: &Written,
    boxes: &[Outbox; 3],
    books: &Books,
) -> io::Result<()> {
    let mut lines = json!({
        "wagers": written.wagers, "outcomes": written.outcomes, "payments": written.payments,
        "games": written.games, "accounts": written.accounts,
    });
    if plan.scripted {
        (lines["commands"], lines["recollected"]) = (written.commands.into(), written.answers.into());
    }
    out.field("lines", &lines)?;
    let [wagers, outcomes, payments] = boxes.each_ref().map(|file| file.blank);
    out.field("blank_lines", &json!({"wagers": wagers, "outcomes": outcomes, "payments": payments}))?;
    out.field("duplicates", &json!(books.duplicates))?;
    out.field("unknown_fields", &json!(books.unknown_fields))?;
    out.field("wagers", &json!({
        "settled": books.settled, "open": books.open, "cancelled": books.cancelled, "tombstones": books.tombstones,
    }))?;
    out.field("rejects", &json!(books.rejects))?;
    let counts: BTreeMap<_, _> = books.anomalies.iter().map(|(kind, of)| (*kind, of.len())).collect();
    out.field("anomalies", &json!(counts))?;
    let mut at_least = json!(books.at_least);
    at_least["stake_spike"] = json!(books.spikes);
    out.field("anomalies_at_least", &at_least)?;
    out.field("not_told", &json!({
        "improbable_wins": "whoever is lucky is so by chance",
        "slow_drift": "as are the hours of a game",
        "deposit_then_withdraw": "players withdraw when they like",
        "structuring": "and deposit as often as they like",
        "stake_spike": "at least these; others may stake above their habit by chance",
        "rejects": "reject_rows leaves out malformed lines, whose id may be unreadable; their lines are under injected",
    }))
}

/// What went wrong by fault, each incident with the lines that belong to it.
fn injected(deck: &Deck, incidents: &[Incident], places: Vec<(u32, String)>) -> impl Iterator<Item = String> {
    let mut lines_of: Vec<Vec<String>> = vec![Vec::new(); incidents.len()];
    for (incident, place) in places {
        lines_of[incident as usize].push(place);
    }
    let mut told: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (incident, lines) in incidents.iter().zip(lines_of) {
        told.entry(incident.name).or_default().push(json!({
            "at_ms": incident.at_ms, "account": incident.account, "ids": incident.ids, "lines": lines,
        }));
    }
    let faults = Fault::ALL
        .iter()
        .map(|fault| (fault.name(), fault.story(), fault.shows(), deck.dealt[*fault as usize]));
    let tales = Tale::ALL.iter().map(|tale| {
        (tale.name(), tale.story(), tale.shows(), told.get(tale.name()).map_or(0, Vec::len) as u64)
    });
    let stories: Vec<_> = faults.chain(tales).collect();
    stories.into_iter().filter(|(.., count)| *count > 0).map(move |(name, story, shows, count)| {
        let told = told.remove(name).unwrap_or_default();
        json!({"fault": name, "story": story, "shows": shows, "count": count, "incidents": told}).to_string()
    })
}

/// Which lines belong to which incident.
fn places(boxes: &[Outbox; 3], desk: &Desk) -> Vec<(u32, String)> {
    let mut places = Vec::new();
    for (file, sent) in FILES.iter().zip(boxes) {
        places.extend(sent.marks.iter().map(|(incident, line)| (*incident, format!("{file}:{line}"))));
    }
    let commands = (1..).zip(&desk.commands);
    places.extend(commands.map(|(line, (.., incident))| (*incident, format!("commands.jsonl:{line}"))));
    let answers = (1..).zip(&desk.answers);
    places.extend(answers.map(|(line, (_, incident))| (*incident, format!("{ANSWERS}:{line}"))));
    places
}

fn anomalies(books: &Books) -> impl Iterator<Item = String> {
    books.anomalies.iter().flat_map(|(kind, subjects)| {
        let row = move |subject| json!({"kind": kind, "tenant": "-", "subject": subject}).to_string();
        subjects.iter().take(LISTED_MAX).map(row)
    })
}

fn rejects(books: &mut Books) -> impl Iterator<Item = String> + use<> {
    let mut rejects = books.reject_rows.take().unwrap_or_default();
    rejects.sort_unstable();
    rejects.into_iter().map(|reject| {
        json!({
            "topic": reject.topic, "tenant": "-", "provider": reject.provider, "id": reject.id, "cause": reject.cause,
        }).to_string()
    })
}

fn plan_value(plan: &Plan) -> Value {
    json!({
        "wagers": plan.wagers, "accounts": plan.accounts, "games": plan.games, "hours": plan.hours,
        "seed": plan.seed, "faults": plan.faults, "start_ms": plan.start_ms, "account_skew": plan.account_skew,
        "game_skew": plan.game_skew, "plain": plan.plain, "payments": plan.payments, "orphans": plan.orphans,
        "unsettled": plan.unsettled, "scripted": plan.scripted,
    })
}

/// A JSON object, one field or list row a line.
struct Document {
    file: BufWriter<File>,
    fields: u32,
}

impl Document {
    fn create(plan: &Plan) -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(File::create(plan.output.join("truth.json"))?), fields: 0 })
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        let before = if self.fields == 0 { "{\n" } else { ",\n" };
        self.fields += 1;
        write!(self.file, "{before}\"{name}\": ")
    }

    fn field(&mut self, name: &str, value: &Value) -> io::Result<()> {
        self.name(name)?;
        write!(self.file, "{value}")
    }

    fn list(&mut self, name: &str, rows: impl Iterator<Item = String>) -> io::Result<()> {
        self.name(name)?;
        let mut before = "[\n";
        for row in rows {
            write!(self.file, "{before}{row}")?;
            before = ",\n";
        }
        self.file.write_all(if before == "[\n" { b"[]" } else { b"\n]" })
    }

    fn finish(mut self) -> io::Result<()> {
        self.file.write_all(b"\n}\n")?;
        self.file.flush()
    }
}

/// What providers answer, below the plan's folder.
const ANSWERS: &str = "recollected/outcomes.jsonl";

/// Lines and bytes of a file written at once.
struct Rows {
    file: BufWriter<File>,
    lines: u64,
    bytes: u64,
}

impl Rows {
    fn create(plan: &Plan, name: &str) -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(File::create(plan.output.join(name))?), lines: 0, bytes: 0 })
    }

    fn row(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut line = Vec::with_capacity(256);
        fill(&mut line);
        line.push(b'\n');
        self.lines += 1;
        self.bytes += line.len() as u64;
        self.file.write_all(&line)
    }

    fn finish(mut self) -> io::Result<(u64, u64)> {
        self.file.flush()?;
        Ok((self.lines, self.bytes))
    }
}

/// The games; where things go wrong, a row that is none and one that comes twice and differs.
fn write_games(plan: &Plan, cast: &Cast, books: &mut Books) -> io::Result<(u64, u64)> {
    let mut rows = Rows::create(plan, "games.jsonl")?;
    if !plan.plain {
        for game in &cast.games {
            for terms in &game.terms {
                rows.row(|line| cast.game(line, game, terms))?;
            }
        }
        if plan.faults > 0.0 {
            let provider = PROVIDERS[0];
            rows.row(|line| {
                line.extend_from_slice(
                    br#"{"provider":"aurora","game":"misprinted-reels","rtp_theoretical":"96.5%"}"#,
                );
            })?;
            books.reject("games", provider, None, "malformed");
            for rtp in ["0.9400", "0.9600"] {
                rows.row(|line| {
                    let row = format!(
                        r#"{{"provider":"{provider}","game":"retired-reels","rtp_theoretical":"{rtp}"}}"#
                    );
                    line.extend_from_slice(row.as_bytes());
                })?;
            }
            books.reject("games", provider, Some("retired-reels".into()), "conflicting_duplicate");
            books.anomaly("conflict", format!("games/{provider}/retired-reels"));
        }
    }
    rows.finish()
}

/// The accounts; where things go wrong, one in a currency that does not exist.
fn write_accounts(plan: &Plan, cast: &Cast, books: &mut Books) -> io::Result<(u64, u64)> {
    let mut rows = Rows::create(plan, "accounts.jsonl")?;
    if !plan.plain {
        for player in 0..cast.currencies.len() {
            rows.row(|line| cast.player(line, player, plan.start_ms - KNOWN_MS))?;
        }
        if plan.faults > 0.0 {
            rows.row(|line| {
                line.extend_from_slice(
                    br#"{"account":"misprinted","effective_from_ms":1760000000000,"currency":"EUX"}"#,
                );
            })?;
            books.reject("accounts", "-", Some("misprinted".into()), "unknown_currency");
        }
    }
    rows.finish()
}

/// Of a scripted plan, what people decided in the order of its times, and what providers answer.
fn write_desk(plan: &Plan, desk: &mut Desk) -> io::Result<((u64, u64), (u64, u64))> {
    if !plan.scripted {
        return Ok(((0, 0), (0, 0)));
    }
    desk.commands.sort_by_key(|(at_ms, ..)| *at_ms);
    let mut commands = Rows::create(plan, "commands.jsonl")?;
    for (_, command, _) in &desk.commands {
        commands.row(|line| line.extend_from_slice(command.as_bytes()))?;
    }
    std::fs::create_dir_all(plan.output.join("recollected"))?;
    let mut answers = Rows::create(plan, ANSWERS)?;
    for (answer, _) in &desk.answers {
        answers.row(|line| line.extend_from_slice(answer.as_bytes()))?;
    }
    Ok((commands.finish()?, answers.finish()?))
}

/// What the players' histories show.
fn judge_accounts(cast: &Cast, books: &mut Books) {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for (player, ledger) in books.ledgers.iter().enumerate() {
        let (overdraft, mismatch, hasty) = ledger.verdict();
        let subject = || format!("{}/{}", cast.account(player), cast.money(player).code);
        found.extend(overdraft.map(|_| ("overdraft", subject())));
        found.extend(mismatch.map(|_| ("balance_mismatch", subject())));
        found.extend(hasty.then(|| ("velocity", subject())));
    }
    for (kind, subject) in found {
        books.anomaly(kind, subject);
    }
}

fn overdrafts(cast: &Cast, books: &Books) -> Vec<String> {
    let rows = books.ledgers.iter().enumerate().filter_map(|(player, ledger)| {
        let overdraft = ledger.verdict().0?;
        let money = cast.money(player);
        let row = json!({
            "subject": format!("{}/{}", cast.account(player), money.code),
            "lowest": decimal(overdraft.lowest.into(), money.exponent),
            "lowest_at_ms": overdraft.lowest_at_ms, "since_ms": overdraft.since_ms,
        });
        Some(row.to_string())
    });
    rows.take(LISTED_MAX).collect()
}

fn mismatches(cast: &Cast, books: &Books) -> Vec<String> {
    let rows = books.ledgers.iter().enumerate().filter_map(|(player, ledger)| {
        let mismatch = ledger.verdict().1?;
        let money = cast.money(player);
        let row = json!({
            "subject": format!("{}/{}", cast.account(player), money.code),
            "at_ms": mismatch.at_ms, "claimed": decimal(mismatch.claimed.into(), money.exponent),
            "ours": decimal(mismatch.ours.into(), money.exponent), "mismatches": mismatch.count,
        });
        Some(row.to_string())
    });
    rows.take(LISTED_MAX).collect()
}

/// RTP rows of the window `all`, by key; out-of-band ones become anomalies.
fn returns(plan: &Plan, cast: &Cast, books: &mut Books) -> Vec<String> {
    let mut rows = Vec::new();
    for (index, game) in cast.games.iter().enumerate() {
        for (money, of) in CURRENCIES.iter().zip(&books.returns[index]) {
            if of.wagers == 0 {
                continue;
            }
            let provider = PROVIDERS[game.provider];
            let row = json!({
                "tenant": "-", "provider": provider, "game": game.id, "currency": money.code, "window": "all",
                "stake": decimal(of.stake, money.exponent), "payout": decimal(of.payout, money.exponent),
                "wagers": of.wagers, "open_wagers": of.open_wagers,
                "open_stake": decimal(of.open_stake, money.exponent), "rtp_actual": of.rtp(),
            });
            let subject = format!("{provider}/{}/{}", game.id, money.code);
            rows.push((
                (provider, &game.id, money.code),
                row.to_string(),
                (!plan.plain && of.out_of_band()).then_some(subject),
            ));
        }
    }
    rows.sort_unstable();
    let mut texts = Vec::with_capacity(rows.len());
    let mut outside = Vec::new();
    for (_, text, subject) in rows {
        texts.push(text);
        outside.extend(subject);
    }
    for subject in outside {
        books.anomaly("rtp_out_of_band", subject);
    }
    texts
}

/// The lines of `balances.jsonl` as they must be, in their order.
fn balances(cast: &Cast, books: &Books) -> Vec<String> {
    let mut rows: Vec<(String, &str, &str, String)> = Vec::new();
    for (money, accounts) in CURRENCIES.iter().zip(&books.system) {
        for (account, name) in System::ALL {
            let (balance, touched) = accounts[account as usize];
            if touched {
                rows.push((name.into(), money.code, "cash", decimal(balance, money.exponent)));
            }
        }
    }
    for (player, ledger) in books.ledgers.iter().enumerate().filter(|(_, ledger)| ledger.touched) {
        let money = cast.money(player);
        let held = books.held.get(&player).copied();
        let cash = ledger.balance - held.unwrap_or_default();
        for (wallet, minor) in [("cash", Some(cash)), ("held", held)] {
            let balance = minor.map(|minor| decimal(minor.into(), money.exponent));
            rows.extend(balance.map(|balance| (cast.account(player), money.code, wallet, balance)));
        }
    }
    rows.sort_unstable();
    let line = |(account, currency, wallet, balance): (String, &str, &str, String)| {
        format!(
            r#"{{"tenant":"-","account":"{account}","currency":"{currency}","wallet":"{wallet}","balance":"{balance}"}}"#
        )
    };
    rows.into_iter().map(line).collect()
}

fn sha256(lines: &[String]) -> String {
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn decimal(minor: i128, exponent: u32) -> String {
    let mut text = Vec::new();
    wide_decimal(&mut text, minor, exponent);
    String::from_utf8_lossy(&text).into_owned()
}
