//! Simple wagers at the end: their plays, what is missing or looks wrong, and their rows in order.

use std::cmp::Ordering;
use std::io;
use std::path::Path;

use gyre_dataflows::rows::records::Standing;
use gyre_domain::cause::Cause;
use gyre_domain::decode::{UnknownFields, decode};
use gyre_domain::lifecycle::State;
use gyre_domain::records::{Record, Topic};

use crate::books::Books;
use crate::intake::Intake;
use crate::lines::Lines;
use crate::names::Names;
use crate::rare::{above_maximum, late};
use crate::rows::{Out, push_money, push_number, push_text, reject_record};
use crate::slot::{LATE, MANY, SETTLED, Slot};
use crate::table::{order, prefetch};

/// Counts the simple wagers, and notes what is wrong with them.
pub fn tell_simple(intake: &mut Intake, books: &mut Books, wagers: Option<&Lines>) -> io::Result<()> {
    let Intake { wagers: filed, names, late: lates, rejects, anomalies, currencies, .. } = intake;
    lates.sort_unstable();
    let has_maximum =
        names.games.iter().any(|game| game.terms.iter().any(|terms| terms.payout_max.is_some()));
    for (number, slot) in filed.slots.iter().filter(|(_, slot)| !slot.has(MANY)) {
        books.play(names, slot);
        let is_missing = !slot.has(SETTLED);
        let is_odd = is_missing || slot.has(LATE) || has_maximum && is_above_maximum(names, slot);
        if !is_odd {
            continue;
        }
        let Some(lines) = wagers else { continue };
        let line = lines.again(slot.line)?;
        let mut counted = UnknownFields::default();
        let Ok(record) = decode(Topic::Wagers, &line, currencies, &mut counted) else { continue };
        let Record::Wager(wager) = &record else { continue };
        if is_missing {
            reject_record(rejects, &record, Cause::OutcomeMissing, slot.line, None);
            continue;
        }
        let known = lates.binary_search_by_key(&number, |entry| entry.0);
        if let Ok(at) = known {
            late(anomalies, wager, lates[at].1);
        }
        let standing = Standing {
            state: State::Settled,
            payout: Some(slot.payout.into()),
            settled_at_ms: Some(slot.settled_at_ms()),
            outcome_revision: Some(0),
        };
        above_maximum(anomalies, names, slot.game, wager, &standing);
    }
    Ok(())
}

#[inline]
fn is_above_maximum(names: &Names, slot: &Slot) -> bool {
    let maximum = names.terms(slot.game, slot.at_ms()).and_then(|(_, terms)| terms.payout_max.as_ref());
    maximum.is_some_and(|(_, multiple_e9)| {
        i128::from(slot.payout) * 1_000_000_000 > i128::from(slot.stake) * i128::from(*multiple_e9)
    })
}

/// Writes the wagers in order; `judged` has the rows of those that are not simple.
pub fn write(intake: &Intake, judged: &[(u32, Vec<u8>)], folder: &Path) -> io::Result<()> {
    let (names, slots) = (&intake.names, &intake.wagers.slots);
    let mut by_realm: Vec<Vec<u32>> = vec![Vec::new(); names.realms.len()];
    if let [only] = &mut by_realm[..] {
        only.reserve(slots.len());
    }
    let mut next = judged.iter().peekable();
    for (number, slot) in slots.iter() {
        let is_judged = slot.has(MANY) && next.next_if(|(judged, _)| *judged == number).is_some();
        if is_judged || !slot.has(MANY) {
            by_realm[slot.realm() as usize].push(number);
        }
    }
    let mut realms: Vec<(usize, Vec<u32>)> = by_realm.into_iter().enumerate().collect();
    let name = |realm: usize| (&*names.realms[realm].tenant_name, &*names.realms[realm].provider);
    realms.sort_by_key(|(realm, _)| name(*realm));
    let id = |number: u32| slots.get(number).id(names);
    let whole = |a: u32, b: u32| -> Ordering { id(a).cmp(id(b)) };
    let mut out = Out::create(folder, "wager_states")?;
    for (realm, numbers) in realms {
        let start = opening(name(realm));
        let numbers = order(&numbers, id, whole);
        for (at, &number) in numbers.iter().enumerate() {
            if let Some(&ahead) = numbers.get(at + 16) {
                prefetch(slots.get(ahead));
            }
            let slot = slots.get(number);
            if slot.has(MANY) {
                let row = judged.binary_search_by_key(&number, |judged| judged.0);
                row.iter().for_each(|&at| out.bytes.extend_from_slice(&judged[at].1));
            } else {
                out.bytes.extend_from_slice(&start);
                push_row(&mut out.bytes, slot, names);
            }
            out.end()?;
        }
    }
    out.finish()
}

fn opening((tenant, provider): (&str, &str)) -> Vec<u8> {
    let mut start = b"{\"tenant\":\"".to_vec();
    push_text(&mut start, tenant.as_bytes());
    start.extend_from_slice(b"\",\"provider\":\"");
    push_text(&mut start, provider.as_bytes());
    start.extend_from_slice(b"\",\"wager_id\":\"");
    start
}

/// A row from the wager's id on.
#[inline]
fn push_row(out: &mut Vec<u8>, slot: &Slot, names: &Names) {
    out.reserve(2_048);
    let currency = names.currencies[usize::from(slot.currency())];
    push_text(out, slot.id(names));
    out.extend_from_slice(b"\",\"account\":\"");
    push_text(out, names.arena.get(names.accounts[slot.account as usize].name));
    out.extend_from_slice(b"\",\"game\":\"");
    push_text(out, names.arena.get(names.games[slot.game as usize].name));
    match slot.round(names) {
        b"" => out.extend_from_slice(b"\",\"round\":null,\"currency\":\""),
        round => {
            out.extend_from_slice(b"\",\"round\":\"");
            push_text(out, round);
            out.extend_from_slice(b"\",\"currency\":\"");
        }
    }
    push_text(out, currency.code().as_bytes());
    out.extend_from_slice(b"\",\"stake\":\"");
    push_money(out, slot.stake, currency.exponent());
    out.extend_from_slice(b"\",\"at_ms\":");
    push_number(out, slot.at_ms());
    if slot.has(SETTLED) {
        out.extend_from_slice(b",\"state\":\"settled\",\"payout\":\"");
        push_money(out, slot.payout, currency.exponent());
        out.extend_from_slice(b"\",\"settled_at_ms\":");
        push_number(out, slot.settled_at_ms());
        out.extend_from_slice(b",\"wager_revision\":0,\"outcome_revision\":0}");
    } else {
        out.extend_from_slice(
            b",\"state\":\"open\",\"payout\":null,\"settled_at_ms\":null,\"wager_revision\":0,\"outcome_revision\":null}",
        );
    }
}
