//! Rows at rest of all wagers: `wager_states` in order of key, some at a time.
//!
//! Five million ids compared byte by byte, each a cache miss away, take many seconds to sort. So the ids are gathered
//! by tenant and provider, what all of a group share at their beginning is left out, and the next sixteen bytes go
//! into the sorted numbers; only ids that agree in those are looked up. What begins with one byte is sorted at a time:
//! that takes a fraction of the memory.

use std::collections::BTreeMap;

use super::told::Outbox;
use super::wagers::{Slot, Wagers};
use crate::ops::fold_by_key::Slab;

/// Bytes of rows that are told at a time.
const SLICE: usize = 4 << 20;

/// How far the telling has come.
pub struct Resting {
    /// Keys in order of their rows.
    order: Vec<u32>,
    /// How many of them were told.
    told: usize,
}

/// Tells some rows; says whether those were the last.
pub fn rest(wagers: &mut Wagers, slab: &Slab<Slot>, out: &mut Outbox) -> bool {
    let mut resting = match wagers.resting().take() {
        Some(resting) => resting,
        None => Resting { order: order(wagers, slab), told: 0 },
    };
    let tick = wagers.last_tick();
    while out.told.rest.bytes() < SLICE
        && let Some(&slot) = resting.order.get(resting.told)
    {
        if let Some(&ahead) = resting.order.get(resting.told + 16) {
            slab.prefetch(ahead);
        }
        if let Some(&ahead) = resting.order.get(resting.told + 8) {
            wagers.prefetch(&slab.get(ahead).1);
        }
        let (key, state) = slab.get(slot);
        wagers.rest_faults(*key, state, tick, out);
        let rest = &mut out.told.rest;
        wagers.rest_rows(state, tick, &mut rest.loose, Some(&mut rest.sorted));
        resting.told += 1;
    }
    let done = resting.told == resting.order.len();
    *wagers.resting() = Some(resting);
    done
}

/// Tenant and provider.
type Owner = (Vec<u8>, Vec<u8>);

fn order(wagers: &Wagers, slab: &Slab<Slot>) -> Vec<u32> {
    let mut groups: BTreeMap<Owner, Vec<u32>> = BTreeMap::new();
    let mut ordered = Vec::new();
    // Neighbours mostly share tenant and provider: a run of them is looked up once.
    let mut run: (Owner, Vec<u32>) = (Owner::default(), Vec::with_capacity(slab.live().count()));
    for slot in slab.live() {
        let Some([tenant, provider, _]) = wagers.identity_of(&slab.get(slot).1) else {
            ordered.push(slot);
            continue;
        };
        if run.0.0 != tenant || run.0.1 != provider {
            let (owner, slots) =
                std::mem::replace(&mut run, ((tenant.to_vec(), provider.to_vec()), Vec::new()));
            groups.entry(owner).or_default().extend(slots);
        }
        run.1.push(slot);
    }
    groups.entry(run.0).or_default().extend(run.1);
    for slots in groups.into_values() {
        ordered.extend(sorted(wagers, slab, slots));
    }
    ordered
}

/// The keys of one tenant and provider in order of their ids.
fn sorted(wagers: &Wagers, slab: &Slab<Slot>, slots: Vec<u32>) -> Vec<u32> {
    let id = |slot: u32| -> &[u8] { wagers.identity_of(&slab.get(slot).1).map_or(&[], |[.., id]| id) };
    let Some(&first) = slots.first() else { return slots };
    let shared = slots.iter().fold(id(first), |shared, &slot| {
        let same = shared.iter().zip(id(slot)).take_while(|(a, b)| a == b).count();
        &shared[..same]
    });
    let skip = shared.len();
    let (mut ordered, ends) = by_byte(&slots, |slot| id(slot).get(skip).copied());
    drop(slots);
    let mut numbered: Vec<(u128, u32)> = Vec::new();
    let mut begin = 0;
    for end in ends {
        let part = &mut ordered[std::mem::replace(&mut begin, end)..end];
        numbered.extend(part.iter().map(|&slot| {
            let rest = &id(slot)[skip..];
            let mut number = [0; 16];
            let length = rest.len().min(16);
            number[..length].copy_from_slice(&rest[..length]);
            (u128::from_be_bytes(number), slot)
        }));
        numbered.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| id(a.1).cmp(id(b.1))));
        part.iter_mut().zip(numbered.drain(..)).for_each(|(slot, (_, sorted))| *slot = sorted);
    }
    ordered
}

/// Keys in order of one byte of theirs (those without one first), and where those of each byte end.
fn by_byte(slots: &[u32], byte: impl Fn(u32) -> Option<u8>) -> (Vec<u32>, [usize; 257]) {
    let place = |slot: u32| byte(slot).map_or(0, |byte| usize::from(byte) + 1);
    let mut ends = [0; 257];
    slots.iter().for_each(|&slot| ends[place(slot)] += 1);
    let mut sum = 0;
    for end in &mut ends {
        sum += std::mem::replace(end, sum);
    }
    let mut ordered = vec![0; slots.len()];
    for &slot in slots {
        let at = &mut ends[place(slot)];
        ordered[*at] = slot;
        *at += 1;
    }
    (ordered, ends)
}
