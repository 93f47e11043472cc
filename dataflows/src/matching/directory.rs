//! Who and what wagers speak of: accounts and games by number, with the reference rows that hold for them.

use gyre_domain::cause::Cause;
use gyre_domain::currency::Currency;
use gyre_domain::lifecycle::References;
use gyre_domain::money::Decimal9;
use gyre_domain::records::{Account, Game, Wager};
use gyre_domain::rtp::Measure;
use serde::{Deserialize, Serialize};

use crate::checkpoint::Whose;
use crate::keys::JobKey;
use crate::ops::key_index::{KeyIndex, prefetch};
use crate::packed::Packed;
use crate::rulebook::RuleRow;
use crate::seams::Name;

/// A standing reference row, packed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum ReferenceRow {
    /// A games row.
    Game(Vec<u8>),
    /// An accounts row.
    Account(Vec<u8>),
    /// A rules row: who judges anomalies goes by it, and nobody here.
    Rule(RuleRow),
}

/// What a games row says of a wager.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Terms {
    from_ms: u64,
    /// Its theory, where the row says both rtp and volatility.
    pub measure: Option<Measure>,
    /// The most it pays, as a multiple of the stake: as spelt, and times 10⁹.
    pub payout_max: Option<(String, u64)>,
    /// How long after a wager its result is due.
    pub due_ms: Option<u64>,
}

impl Terms {
    fn of(row: &Game<'_>) -> Self {
        let decimal = |text: &str| Decimal9::parse(text).map_or(0, |decimal| decimal.0);
        let rtp_e9 = decimal(&row.rtp_theoretical);
        Self {
            from_ms: row.effective_from_ms,
            measure: row
                .volatility
                .as_deref()
                .map(|volatility| Measure { rtp_e9, volatility_e9: decimal(volatility) }),
            payout_max: row.payout_max.as_deref().map(|max| (max.to_owned(), decimal(max))),
            due_ms: row.result_due_ms,
        }
    }
}

struct GameEntry {
    key: u128,
    tenant: u32,
    /// Provider and game.
    texts: [Box<str>; 2],
    /// In order of `from_ms`.
    rows: Vec<Terms>,
}

struct AccountEntry {
    key: u128,
    tenant: u32,
    /// The number of the other side of the account's entries: `@house`, `@cashier` and `@adjustments` in its currency
    /// follow each other from here. A system account's own number.
    system: u32,
    /// From when on the tenant knows the account; `u64::MAX` where it does not.
    known_from_ms: u64,
    text: Box<str>,
}

#[derive(Default)]
struct Tenant {
    name: String,
    games_rows: i64,
    accounts_rows: i64,
}

/// The other side of a player's entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum System {
    /// Takes stakes, pays out.
    House,
    /// Takes deposits in, hands withdrawals out.
    Cashier,
    /// Gives and takes corrections.
    Adjustments,
}

impl System {
    const ALL: [(System, &'static str); 3] =
        [(System::House, "@house"), (System::Cashier, "@cashier"), (System::Adjustments, "@adjustments")];
}

/// See the module.
pub struct Directory {
    keys: JobKey,
    tenants: Vec<Tenant>,
    games: Vec<GameEntry>,
    games_by_key: KeyIndex,
    accounts: Vec<AccountEntry>,
    accounts_by_key: KeyIndex,
    currencies: Vec<Currency>,
    /// The system accounts of each (tenant, currency): the number of the first.
    systems: Vec<(u32, Currency, u32)>,
    /// Accounts rows by (tenant, account): from when on each holds.
    persons: hashbrown::HashMap<u128, Vec<u64>, crate::keys::Keyed>,
    any_rows: i64,
    /// Accounts and games seen for the first time: whoever keeps their figures wants their names.
    pub new_names: Vec<Name>,
    result_due_ms: u64,
}

impl Directory {
    /// An empty directory; `result_due_ms` is the due time of games that say none.
    pub fn new(keys: JobKey, result_due_ms: u64) -> Self {
        Self {
            keys,
            tenants: Vec::new(),
            games: Vec::new(),
            games_by_key: KeyIndex::default(),
            accounts: Vec::new(),
            accounts_by_key: KeyIndex::default(),
            currencies: Vec::new(),
            systems: Vec::new(),
            persons: hashbrown::HashMap::default(),
            any_rows: 0,
            new_names: Vec::new(),
            result_due_ms,
        }
    }

    fn tenant(&mut self, name: &str) -> u32 {
        let found = self.tenants.iter().position(|tenant| tenant.name == name);
        found.unwrap_or_else(|| {
            self.tenants.push(Tenant { name: name.to_owned(), ..Tenant::default() });
            self.tenants.len() - 1
        }) as u32
    }

    /// The number of an account, by its key; `names` gives tenant and account where it is new.
    #[inline]
    pub fn account<'a>(
        &mut self,
        key: u128,
        currency: Currency,
        names: impl FnOnce() -> (&'a str, &'a str),
    ) -> u32 {
        let accounts = &self.accounts;
        match self.accounts_by_key.find(key, |number| accounts[number as usize].key == key) {
            Some(number) => number,
            None => {
                let (tenant, account) = names();
                self.new_account(key, currency, tenant, account)
            }
        }
    }

    fn new_account(&mut self, key: u128, currency: Currency, tenant: &str, account: &str) -> u32 {
        let tenant_number = self.tenant(tenant);
        let known = self.systems.iter().find(|entry| (entry.0, entry.1) == (tenant_number, currency));
        let system =
            known.map(|entry| entry.2).unwrap_or_else(|| self.new_systems(tenant, tenant_number, currency));
        let person = self.keys.of(&[tenant, account]);
        let known_from_ms =
            self.persons.get(&person).and_then(|rows| rows.first().copied()).unwrap_or(u64::MAX);
        let text = account.into();
        let entry = AccountEntry { key, tenant: tenant_number, system, known_from_ms, text };
        self.add_account(entry, tenant, currency)
    }

    fn new_systems(&mut self, tenant: &str, tenant_number: u32, currency: Currency) -> u32 {
        let first = self.accounts.len() as u32;
        for (_, name) in System::ALL {
            let key = self.keys.of(&[tenant, name, currency.code()]);
            let text = name.into();
            let entry = AccountEntry { key, tenant: tenant_number, system: first, known_from_ms: 0, text };
            self.add_account(entry, tenant, currency);
        }
        self.systems.push((tenant_number, currency, first));
        if !self.currencies.contains(&currency) {
            self.currencies.push(currency);
        }
        first
    }

    fn add_account(&mut self, entry: AccountEntry, tenant: &str, currency: Currency) -> u32 {
        let number = self.accounts.len() as u32;
        self.new_names.push(Name::account(entry.key, number, tenant, &entry.text, currency));
        self.accounts_by_key.insert(entry.key, number);
        self.accounts.push(entry);
        number
    }

    /// Asks for an account's number ahead of its use, and once that should be there, for what stands under it.
    #[inline]
    pub fn prefetch_account(&self, key: u128, is_near: bool) {
        if !is_near {
            self.accounts_by_key.prefetch(key);
        } else if let Some(number) = self.accounts_by_key.guess(key) {
            prefetch(&self.accounts[number as usize]);
        }
    }

    /// The number of a game, by its key; `names` gives tenant, provider and game where it is new.
    #[inline]
    pub fn game<'a>(&mut self, key: u128, names: impl FnOnce() -> (&'a str, &'a str, &'a str)) -> u32 {
        let games = &self.games;
        match self.games_by_key.find(key, |number| games[number as usize].key == key) {
            Some(number) => number,
            None => {
                let (tenant, provider, game) = names();
                let tenant_number = self.tenant(tenant);
                let number = self.games.len() as u32;
                self.new_names.push(Name::game(key, number, tenant, provider, game));
                self.games_by_key.insert(key, number);
                let texts = [provider.into(), game.into()];
                self.games.push(GameEntry { key, tenant: tenant_number, texts, rows: Vec::new() });
                number
            }
        }
    }

    /// Tenant, provider, account and game, by the numbers of account and game.
    pub fn names(&self, account: u32, game: u32) -> [&str; 4] {
        let game = &self.games[game as usize];
        let [provider, game_text] = &game.texts;
        let account = &self.accounts[account as usize].text;
        [&self.tenants[game.tenant as usize].name, provider, account, game_text]
    }

    /// Asks for what stands under an account's number ahead of its use.
    #[inline]
    pub fn prefetch_names(&self, account: u32) {
        prefetch(&self.accounts[account as usize]);
    }

    /// The key of an account.
    pub fn account_key(&self, number: u32) -> u128 {
        self.accounts[number as usize].key
    }

    /// The key of a game.
    pub fn game_key(&self, number: u32) -> u128 {
        self.games[number as usize].key
    }

    /// The system account on the other side of an account's entries.
    pub fn system(&self, account: u32, system: System) -> u32 {
        self.accounts[account as usize].system + system as u32
    }

    /// The games row in force for a wager.
    pub fn terms(&self, game: u32, at_ms: u64) -> Option<&Terms> {
        self.games[game as usize].rows.iter().rev().find(|terms| terms.from_ms <= at_ms)
    }

    /// How long after a wager its result is due.
    pub fn due_ms(&self, game: u32, at_ms: u64) -> u64 {
        self.terms(game, at_ms).and_then(|terms| terms.due_ms).unwrap_or(self.result_due_ms)
    }

    /// The cause for which the reference rows set a wager (or payment, without a game) aside.
    #[inline]
    pub fn refuses(&self, account: u32, game: Option<u32>, at_ms: u64) -> Option<Cause> {
        if self.any_rows == 0 {
            return None;
        }
        let entry = &self.accounts[account as usize];
        if let Some(game) = game
            && self.tenants[self.games[game as usize].tenant as usize].games_rows > 0
            && self.terms(game, at_ms).is_none()
        {
            return Some(Cause::UnknownGame);
        }
        let knows_accounts = self.tenants[entry.tenant as usize].accounts_rows > 0;
        (knows_accounts && entry.known_from_ms > at_ms).then_some(Cause::UnknownAccount)
    }

    /// The number of an account, by its texts.
    pub fn find_account(&self, tenant: &str, account: &str, currency: Currency) -> Option<u32> {
        let key = self.keys.of(&[tenant, account, currency.code()]);
        self.accounts_by_key.find(key, |number| self.accounts[number as usize].key == key)
    }

    fn find_game(&self, tenant: &str, provider: &str, game: &str) -> Option<u32> {
        let key = self.keys.of(&[tenant, provider, game]);
        self.games_by_key.find(key, |number| self.games[number as usize].key == key)
    }

    /// Takes a standing reference row in, or out.
    pub fn take(&mut self, row: &ReferenceRow, diff: isize) {
        match row {
            ReferenceRow::Rule(_) => return,
            ReferenceRow::Game(packed) => self.take_game(&Packed(packed).game(), diff),
            ReferenceRow::Account(packed) => self.take_account(&Packed(packed).account(), diff),
        }
        self.any_rows += diff as i64;
    }

    fn take_game(&mut self, row: &Game<'_>, diff: isize) {
        let (tenant, provider) = (&*row.origin.tenant, &*row.origin.provider);
        let tenant_number = self.tenant(tenant);
        self.tenants[tenant_number as usize].games_rows += diff as i64;
        let key = self.keys.of(&[tenant, provider, &row.game]);
        let number = self.game(key, || (tenant, provider, &row.game));
        let (rows, terms) = (&mut self.games[number as usize].rows, Terms::of(row));
        if diff > 0 {
            let at = rows.partition_point(|other| other.from_ms <= terms.from_ms);
            rows.insert(at, terms);
        } else if let Some(at) = rows.iter().position(|other| *other == terms) {
            rows.remove(at);
        }
    }

    fn take_account(&mut self, row: &Account<'_>, diff: isize) {
        let tenant = &*row.origin.tenant;
        let tenant_number = self.tenant(tenant);
        self.tenants[tenant_number as usize].accounts_rows += diff as i64;
        let rows = self.persons.entry(self.keys.of(&[tenant, &row.account])).or_default();
        let at = rows.partition_point(|from_ms| *from_ms < row.effective_from_ms);
        if diff > 0 {
            rows.insert(at, row.effective_from_ms);
        } else if rows.get(at) == Some(&row.effective_from_ms) {
            rows.remove(at);
        }
        let known_from_ms = rows.first().copied().unwrap_or(u64::MAX);
        for currency in self.currencies.clone() {
            if let Some(number) = self.find_account(tenant, &row.account, currency) {
                self.accounts[number as usize].known_from_ms = known_from_ms;
            }
        }
    }
}

impl Directory {
    /// The games row in force for a wager, by its texts.
    pub fn terms_of(&self, wager: &Wager<'_>) -> Option<&Terms> {
        let game = self.find_game(&wager.origin.tenant, &wager.origin.provider, &wager.game)?;
        self.terms(game, wager.at_ms)
    }

    /// The numbers of a wager's account and game, by its texts. Both are known since the wager was filed.
    pub fn numbers_of(&self, wager: &Wager<'_>) -> Option<(u32, u32)> {
        let (tenant, provider) = (&*wager.origin.tenant, &*wager.origin.provider);
        let account = self.find_account(tenant, &wager.account, wager.currency)?;
        Some((account, self.find_game(tenant, provider, &wager.game)?))
    }
}

/// What reference rows say, as all workers hold it. Accounts and games themselves are known again as their records are.
#[derive(Serialize, Deserialize)]
pub enum Kept {
    /// A tenant's games rows and accounts rows.
    Tenant(String, i64, i64),
    /// Tenant, provider and game, with its rows.
    Game([Box<str>; 3], Vec<Terms>),
    /// A player: from when on each accounts row holds.
    Person(u128, Vec<u64>),
    /// All rows.
    Rows(i64),
}

impl Directory {
    /// What is saved.
    pub fn saved(&self) -> impl Iterator<Item = (Whose, Kept)> + '_ {
        let tenants = self.tenants.iter();
        let tenants =
            tenants.map(|tenant| Kept::Tenant(tenant.name.clone(), tenant.games_rows, tenant.accounts_rows));
        let games = self.games.iter().filter(|game| !game.rows.is_empty()).map(|game| {
            let [provider, text] = &game.texts;
            let tenant = self.tenants[game.tenant as usize].name.as_str().into();
            Kept::Game([tenant, provider.clone(), text.clone()], game.rows.clone())
        });
        let persons = self.persons.iter().map(|(person, rows)| Kept::Person(*person, rows.clone()));
        let kept = tenants.chain(games).chain(persons).chain([Kept::Rows(self.any_rows)]);
        kept.map(|kept| (Whose::Same, kept))
    }

    /// It comes back.
    pub fn back(&mut self, kept: Kept) {
        match kept {
            Kept::Tenant(name, games_rows, accounts_rows) => {
                let number = self.tenant(&name) as usize;
                (self.tenants[number].games_rows, self.tenants[number].accounts_rows) =
                    (games_rows, accounts_rows);
            }
            Kept::Game([tenant, provider, game], rows) => {
                let key = self.keys.of(&[&*tenant, &*provider, &*game]);
                let number = self.game(key, || (&*tenant, &*provider, &*game));
                self.games[number as usize].rows = rows;
            }
            Kept::Person(person, rows) => _ = self.persons.insert(person, rows),
            Kept::Rows(rows) => self.any_rows = rows,
        }
    }
}

impl References for Directory {
    fn refuses(&self, wager: &Wager<'_>) -> Option<Cause> {
        let (account, game) = self.numbers_of(wager)?;
        Directory::refuses(self, account, Some(game), wager.at_ms)
    }

    fn result_due_ms(&self, wager: &Wager<'_>) -> u64 {
        let game = self.find_game(&wager.origin.tenant, &wager.origin.provider, &wager.game);
        game.map_or(self.result_due_ms, |game| self.due_ms(game, wager.at_ms))
    }
}
