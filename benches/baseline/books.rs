//! The books, made at the end from the slots: plays by game and quarter of an hour, events by account in event order.
//!
//! What is measured against the theory of games, but for their RTP, is not looked for (`improbable_wins`,
//! `slow_drift`): the workload has no games rows.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use gyre_dataflows::rows::{Anomaly, AnomalyKind, Object};
use gyre_domain::currency::Currency;
use gyre_domain::lifecycle::State;
use gyre_domain::rtp::Plays;
use gyre_domain::time::{GamingDays, hour_text};

use crate::accounts::Reader;
use crate::intake::Intake;
use crate::names::Names;
use crate::rows::{Out, Rows, anomaly, push_text};
use crate::slot::{ADJUSTMENT, CLAIM, FREE, MANY, REVERSED, SETTLE_CLAIM, SETTLED, Slot, WITHDRAWAL};
use crate::table::order;

pub const EVENT: u64 = 1;
pub const STAKE: u64 = 2;
pub const WAGER: u64 = 4;
const PAYMENT: u64 = 8;
const LEG: u64 = 16;
/// A deposit or withdrawal that stands.
pub const CASH: u64 = 32;
/// A stake that a cancel reversed.
const VOID: u64 = 64;
const FLAG_BITS: u32 = 7;
pub const QUARTER_MS: u64 = 900_000;

/// What happened to an account: `at_ms << 7 | flags`, and minor units.
#[derive(Clone, Copy, Default)]
pub struct Event {
    word: u64,
    pub amount: i64,
}

impl Event {
    #[inline]
    pub fn stake(at_ms: u64, stake: i64, is_free: bool, claim: Option<i64>) -> Self {
        let mut flags = WAGER;
        if stake != 0 {
            flags |= EVENT | LEG | if is_free { 0 } else { STAKE };
        }
        if claim.is_some() {
            flags |= EVENT;
        }
        Self { word: at_ms << FLAG_BITS | flags, amount: -stake }
    }

    #[inline]
    pub fn credit(at_ms: u64, amount: i64, claim: Option<i64>) -> Option<Self> {
        let flags = EVENT | if amount != 0 { LEG } else { 0 };
        (amount != 0 || claim.is_some()).then_some(Self { word: at_ms << FLAG_BITS | flags, amount })
    }

    /// A stake that a cancel reversed.
    pub fn void(self) -> Self {
        Self { word: self.word | VOID, ..self }
    }

    pub fn at_ms(self) -> u64 {
        self.word >> FLAG_BITS
    }

    /// What was put at stake for good.
    pub fn staked(self) -> i128 {
        if self.word & (STAKE | VOID) == STAKE { -i128::from(self.amount) } else { 0 }
    }

    pub fn has(self, flag: u64) -> bool {
        self.word & flag != 0
    }
}

/// A payment that stands.
pub struct Paid {
    pub at_ms: u64,
    pub towards: i64,
    pub reversed: bool,
    pub adjusts: bool,
}

/// The plays of a game in a currency, a quarter of an hour and the terms of a games row.
#[derive(Clone, Default)]
pub struct Cell {
    key: (u32, u16, u32, u32),
    settled: i64,
    stake: i128,
    payout: i128,
    /// Σ stake².
    squares: u128,
    open: i64,
    open_stake: i128,
}

impl Cell {
    #[inline]
    pub fn settle(&mut self, stake: i64, payout: i128) {
        self.settled += 1;
        self.stake += i128::from(stake);
        self.payout += payout;
        self.squares += u128::from(stake.unsigned_abs()).pow(2);
    }

    #[inline]
    pub fn open(&mut self, stake: i64) {
        self.open += 1;
        self.open_stake += i128::from(stake);
    }

    fn plays(&self, names: &Names) -> Plays {
        let terms = self.key.3.checked_sub(1).map(|at| &names.games[self.key.0 as usize].terms[at as usize]);
        let mut plays = Plays {
            wagers: self.settled,
            stake: self.stake,
            payout: self.payout,
            open_wagers: self.open,
            open_stake: self.open_stake,
            ..Plays::default()
        };
        if let Some(measure) = terms.and_then(|terms| terms.measure) {
            // One wager's sums are those of its stake: the rate times Σ stake, the deviation squared times Σ stake².
            let one = Plays::settled(1, 0, Some(measure));
            plays.measured = self.settled;
            plays.expected = one.expected * gyre_domain::rtp::I256Sum::from(self.stake);
            plays.variance = one.variance * gyre_domain::rtp::I256Sum::from(self.squares);
        }
        plays
    }
}

/// `@house`, `@cashier` and `@adjustments` of a tenant in a currency.
#[derive(Clone, Default)]
struct System {
    minor: [i128; 3],
    stands: [bool; 3],
}

/// See the module.
#[derive(Default)]
pub struct Books {
    cells: Vec<Cell>,
    cell_numbers: HashMap<(u32, u16, u32, u32), u32>,
    /// Events that are in no slot.
    pub loose: Vec<(u32, Event)>,
    /// Balances that were claimed: account, time, balance.
    pub claims: Vec<(u32, u64, i64)>,
    systems: Vec<System>,
    pub open: u64,
    pub settled: u64,
    pub cancelled: u64,
    pub tombstones: u64,
    pub imbalance: Vec<(Currency, i128)>,
}

impl Books {
    pub fn count(&mut self, state: State) {
        match state {
            State::Open => self.open += 1,
            State::Settled => self.settled += 1,
            State::Cancelled => self.cancelled += 1,
            State::Absent => {}
        }
    }

    /// The cell of a play; mostly the one that the game used last.
    #[inline]
    pub fn cell(&mut self, names: &mut Names, game: u32, currency: Currency, at_ms: u64) -> &mut Cell {
        let currency = names.currency(currency);
        self.cell_by(names, game, currency, at_ms)
    }

    #[inline]
    fn cell_by(&mut self, names: &mut Names, game: u32, currency: u16, at_ms: u64) -> &mut Cell {
        let terms = names.terms(game, at_ms).map_or(0, |(at, _)| at as u32 + 1);
        let key = (game, currency, (at_ms / QUARTER_MS) as u32, terms);
        let recent = &mut names.games[game as usize].recent;
        if self.cells.get(*recent as usize).is_none_or(|cell| cell.key != key) {
            *recent = *self.cell_numbers.entry(key).or_insert_with(|| {
                self.cells.push(Cell { key, ..Cell::default() });
                self.cells.len() as u32 - 1
            });
        }
        &mut self.cells[*recent as usize]
    }

    fn system(&mut self, number: u32) -> &mut System {
        if self.systems.len() <= number as usize {
            self.systems.resize(number as usize + 1, System::default());
        }
        &mut self.systems[number as usize]
    }

    /// Books a payment that stands.
    pub fn pay(&mut self, names: &Names, account: u32, paid: &Paid, claim: Option<i64>) {
        let amount = if paid.reversed { 0 } else { paid.towards };
        if paid.towards != 0 {
            let system = self.system(names.accounts[account as usize].system);
            let other = if paid.adjusts { 2 } else { 1 };
            system.minor[other] -= i128::from(amount);
            system.minor[0] += i128::from(amount);
            system.stands[other] = true;
        }
        let leg = if paid.towards != 0 { LEG } else { 0 };
        if paid.towards != 0 || claim.is_some() {
            let cash = if amount != 0 && !paid.adjusts { CASH } else { 0 };
            let word = paid.at_ms << FLAG_BITS | EVENT | PAYMENT | leg | cash;
            self.loose.push((account, Event { word, amount }));
        }
        self.claims.extend(claim.map(|claim| (account, paid.at_ms, claim)));
    }

    /// Books the payments that are simple.
    pub fn pay_simple(&mut self, intake: &Intake) {
        let mut claims = intake.payments.claims.iter().peekable();
        for (number, slot) in intake.payments.slots.iter() {
            let claim = claims.next_if(|claim| claim.0 == number).map(|claim| claim.2);
            if slot.has(MANY) {
                continue;
            }
            let paid = Paid {
                at_ms: slot.at_ms(),
                towards: if slot.has(WITHDRAWAL) { -slot.stake } else { slot.stake },
                reversed: slot.has(REVERSED),
                adjusts: slot.has(ADJUSTMENT),
            };
            self.pay(&intake.names, slot.account, &paid, claim);
        }
    }

    /// Counts a simple wager in its game's plays.
    #[inline]
    pub fn play(&mut self, names: &mut Names, slot: &Slot) {
        let is_settled = slot.has(SETTLED);
        self.count(if is_settled { State::Settled } else { State::Open });
        if !slot.has(FREE) {
            let cell = self.cell_by(names, slot.game, slot.currency(), slot.at_ms());
            if is_settled { cell.settle(slot.stake, slot.payout.into()) } else { cell.open(slot.stake) }
        }
    }

    /// All events, by account; and where each account's begin, with the end behind the last.
    fn events(&mut self, intake: &mut Intake) -> (Vec<Event>, Vec<u32>) {
        intake.wagers.claims.sort_unstable();
        let mut starts = vec![0u32; intake.names.accounts.len() + 1];
        let claims = &intake.wagers.claims;
        let has_claims = !claims.is_empty();
        let simple = || intake.wagers.slots.iter().filter(|(_, slot)| !slot.has(MANY));
        let is_credit = |slot: &Slot| slot.has(SETTLED) && (slot.payout != 0 || slot.has(SETTLE_CLAIM));
        for (_, slot) in simple() {
            starts[slot.account as usize] += 1 + u32::from(is_credit(slot));
        }
        for &(account, _) in &self.loose {
            starts[account as usize] += 1;
        }
        let mut start = 0;
        for count in &mut starts {
            start += std::mem::replace(count, start);
        }
        let mut ends = starts.clone();
        let mut events = vec![Event::default(); start as usize];
        let mut put = |account: u32, event: Event| {
            let end = &mut ends[account as usize];
            events[*end as usize] = event;
            *end += 1;
        };
        let mut next_claim = claims.iter().peekable();
        for (number, slot) in simple() {
            let (mut stake_claim, mut credit_claim) = (None, None);
            if has_claims && slot.has(CLAIM | SETTLE_CLAIM) {
                while let Some(&&(of, which, claim)) = next_claim.peek().filter(|claim| claim.0 <= number) {
                    let found = if which == 0 { &mut stake_claim } else { &mut credit_claim };
                    *found = (of == number).then_some(claim).or(*found);
                    next_claim.next();
                }
                let times = [(stake_claim, slot.at_ms()), (credit_claim, slot.settled_at_ms())];
                let claimed =
                    times.into_iter().filter_map(|(claim, at_ms)| Some((slot.account, at_ms, claim?)));
                self.claims.extend(claimed);
            }
            put(slot.account, Event::stake(slot.at_ms(), slot.stake, slot.has(FREE), stake_claim));
            if is_credit(slot)
                && let Some(credit) = Event::credit(slot.settled_at_ms(), slot.payout, credit_claim)
            {
                put(slot.account, credit);
            }
        }
        for &(account, event) in &self.loose {
            put(account, event);
        }
        (events, starts)
    }

    /// Reads every account's events in order: its balance, and what looks wrong.
    pub fn tell_accounts(&mut self, intake: &mut Intake, folder: &Path) -> io::Result<()> {
        let (mut events, starts) = self.events(intake);
        self.claims.sort_unstable();
        self.systems.resize(intake.names.systems.len(), System::default());
        let claims = std::mem::take(&mut self.claims);
        let mut claims = claims.as_slice();
        let mut balances = vec![(0i128, false); intake.names.accounts.len()];
        let days = GamingDays::in_zone(&intake.rules.gaming_day_zone).unwrap_or_else(GamingDays::utc);
        let mut reader = Reader::new(&intake.rules, days);
        for (number, span) in (0u32..).zip(starts.windows(2)) {
            let events = &mut events[span[0] as usize..span[1] as usize];
            events.sort_unstable_by(|a, b| (a.word, b.amount).cmp(&(b.word, a.amount)));
            let mine = claims.partition_point(|claim| claim.0 == number);
            let (claimed, rest) = claims.split_at(mine);
            claims = rest;
            let mut found = reader.read(events, claimed);
            if events.iter().any(|event| event.has(CASH)) {
                let account = &intake.names.accounts[number as usize];
                let currency = intake.names.currencies[usize::from(account.currency)];
                found.payments = reader.read_payments(events, currency);
            }
            balances[number as usize] = (found.balance, events.iter().any(|event| event.has(LEG)));
            let system = &mut self.systems[intake.names.accounts[number as usize].system as usize];
            system.minor[0] -= found.balance;
            system.stands[0] |= events.iter().any(|event| event.has(LEG) && !event.has(PAYMENT));
            found.tell(number, &intake.names, &intake.rules, &mut intake.anomalies);
        }
        self.write_balances(&intake.names, &balances, folder)
    }

    fn write_balances(&mut self, names: &Names, balances: &[(i128, bool)], folder: &Path) -> io::Result<()> {
        const SYSTEMS: [&str; 3] = ["@house", "@cashier", "@adjustments"];
        let realm = |account: u32| &names.realms[names.accounts[account as usize].realm as usize];
        let name = |account: u32| names.arena.get(names.accounts[account as usize].name);
        let code = |currency: u16| names.currencies[usize::from(currency)];
        let standing: Vec<u32> = (0..balances.len() as u32).filter(|&at| balances[at as usize].1).collect();
        let whole = |a: u32, b: u32| {
            let of = |account: u32| (name(account), code(names.accounts[account as usize].currency));
            of(a).cmp(&of(b))
        };
        let mut by_tenant: HashMap<&str, Vec<u32>> = HashMap::new();
        for account in standing {
            by_tenant.entry(&realm(account).tenant_name).or_default().push(account);
        }
        let mut tenants: Vec<_> = by_tenant.into_iter().collect();
        tenants.sort_unstable();
        let mut out = Out::create(folder, "balances")?;
        let mut row = |tenant: &str, account: &[u8], currency: Currency, balance: i128| {
            let bytes = &mut out.bytes;
            bytes.extend_from_slice(b"{\"tenant\":\"");
            push_text(bytes, tenant.as_bytes());
            bytes.extend_from_slice(b"\",\"account\":\"");
            push_text(bytes, account);
            bytes.extend_from_slice(b"\",\"currency\":\"");
            push_text(bytes, currency.code().as_bytes());
            bytes.extend_from_slice(b"\",\"wallet\":\"cash\",\"balance\":\"");
            gyre_domain::money::push_decimal(bytes, balance, currency.exponent());
            bytes.extend_from_slice(b"\"}");
            match self.imbalance.iter_mut().find(|entry| entry.0 == currency) {
                Some(entry) => entry.1 += balance,
                None => self.imbalance.push((currency, balance)),
            }
            out.end()
        };
        for (tenant, accounts) in tenants {
            let mut systems: Vec<(&str, Currency, i128)> = Vec::new();
            for (&(realm, currency), system) in names.systems.iter().zip(&self.systems) {
                let is_ours = *names.realms[realm as usize].tenant_name == *tenant;
                let each = SYSTEMS.into_iter().zip(system.minor).zip(system.stands);
                systems.extend(
                    each.filter(|(_, stands)| is_ours && *stands)
                        .map(|((name, minor), _)| (name, code(currency), minor)),
                );
            }
            systems.sort_unstable();
            let mut systems = systems.into_iter().peekable();
            for account in order(&accounts, name, whole) {
                while let Some((system, currency, minor)) =
                    systems.next_if(|system| system.0.as_bytes() < name(account))
                {
                    row(tenant, system.as_bytes(), currency, minor)?;
                }
                let currency = code(names.accounts[account as usize].currency);
                row(tenant, name(account), currency, balances[account as usize].0)?;
            }
            for (system, currency, minor) in systems {
                row(tenant, system.as_bytes(), currency, minor)?;
            }
        }
        out.finish()
    }

    /// Writes what games paid back, and notes those out of band.
    pub fn write_rtp(&self, intake: &mut Intake, folder: &Path) -> io::Result<()> {
        let (names, rules) = (&intake.names, &intake.rules);
        let days = GamingDays::in_zone(&rules.gaming_day_zone).unwrap_or_else(GamingDays::utc);
        let mut sums: HashMap<(u32, u16, String), Plays> = HashMap::new();
        for cell in &self.cells {
            let (game, currency, quarter, _) = cell.key;
            let windows = ["all".to_owned(), hour_text(quarter / 4), GamingDays::text(days.day_of(quarter))];
            let plays = cell.plays(names);
            for window in windows {
                sums.entry((game, currency, window)).or_default().add(&plays);
            }
        }
        let mut rows = Rows::default();
        for ((game, currency, window), plays) in sums.iter().filter(|(_, plays)| plays.wagers > 0) {
            let game = &names.games[*game as usize];
            let realm = &names.realms[game.realm as usize];
            let (tenant, provider) = (&*realm.tenant_name, &*realm.provider);
            let name = String::from_utf8_lossy(names.arena.get(game.name));
            let currency = names.currencies[usize::from(*currency)];
            let key = [tenant, provider, &name, currency.code(), window].map(Some);
            rows.push(0, &key, |out| {
                let object =
                    Object::open(out).text("tenant", tenant).text("provider", provider).text("game", &name);
                let object = object.text("currency", currency.code()).text("window", window);
                let object =
                    object.money("stake", plays.stake, currency).money("payout", plays.payout, currency);
                let object = object.integer("wagers", plays.wagers).integer("open_wagers", plays.open_wagers);
                rates(object.money("open_stake", plays.open_stake, currency), plays)
                    .truth("in_band", plays.is_in_band(rules.rtp_band_z))
                    .close();
            });
            if window == "all" && plays.is_in_band(rules.rtp_band_z) == Some(false) {
                let subject = format!("{provider}/{name}/{}", currency.code());
                let kind = AnomalyKind::RtpOutOfBand;
                anomaly(&mut intake.anomalies, kind, tenant, &subject, |out| {
                    Anomaly { kind, tenant, subject: &subject, at_ms: None }.begin(out, |evidence| {
                        let evidence = evidence.integer("wagers", plays.wagers);
                        let evidence = evidence.money("stake", plays.stake, currency);
                        rates(evidence.money("payout", plays.payout, currency), plays)
                    });
                });
            }
        }
        let mut out = Out::create(folder, "rtp")?;
        rows.write(&mut out)?;
        out.finish()
    }
}

fn rates<'o>(object: Object<'o>, plays: &Plays) -> Object<'o> {
    let object = object.optional_decimal("rtp_actual", plays.rtp_actual_millionths(), 6);
    object.optional_decimal("z", plays.z_ten_thousandths(), 4)
}
