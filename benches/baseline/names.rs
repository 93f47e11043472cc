//! Texts by number: tenants, providers, accounts, games, currencies; and the reference rows that hold for them.

use std::collections::HashMap;

use gyre_domain::currency::Currency;
use gyre_domain::money::Decimal9;
use gyre_domain::records::{Game, Origin, Wager};
use gyre_domain::rtp::Measure;

use crate::table::{Secret, Table, prefetch, short_text};

/// Where a short text lies in the arena: `start << 8 | length`.
#[derive(Clone, Copy)]
pub struct Span(u64);

/// Texts in one piece of memory.
#[derive(Default)]
pub struct Arena(Vec<u8>);

impl Arena {
    #[inline]
    pub fn push(&mut self, text: &[u8]) -> Span {
        let span = Span((self.0.len() as u64) << 8 | text.len() as u64);
        self.0.extend_from_slice(text);
        span
    }

    #[inline]
    pub fn get(&self, Span(span): Span) -> &[u8] {
        let start = (span >> 8) as usize;
        &self.0[start..start + (span & 255) as usize]
    }

    /// A text with its length ahead, and another behind it.
    pub fn push_pair(&mut self, first: &[u8], second: &[u8]) -> u64 {
        let start = self.0.len() as u64;
        for text in [first, second] {
            self.0.push(text.len() as u8);
            self.0.extend_from_slice(text);
        }
        start
    }

    /// The two texts of [`Arena::push_pair`].
    pub fn pair(&self, start: u64) -> (&[u8], &[u8]) {
        let rest = &self.0[start as usize..];
        let (first, rest) = rest[1..].split_at(usize::from(rest[0]));
        (first, &rest[1..][..usize::from(rest[0])])
    }
}

/// A tenant with one of its providers.
pub struct Realm {
    pub tenant: u32,
    pub tenant_name: Box<str>,
    pub provider: Box<str>,
}

#[derive(Default)]
pub struct Tenant {
    pub games_rows: u64,
    pub accounts_rows: u64,
}

/// A player's account in a currency.
pub struct Account {
    /// The name, if it is short: most accounts are told apart without a look into the arena.
    short: u128,
    tenant: u32,
    pub currency: u16,
    pub name: Span,
    pub realm: u32,
    /// The number of the tenant's system accounts in the currency.
    pub system: u32,
    /// From when on an accounts row holds.
    pub known_from_ms: u64,
}

/// A provider's game.
pub struct GameEntry {
    pub name: Span,
    pub realm: u32,
    /// Its rows by the time from which they hold.
    pub terms: Vec<Terms>,
    /// The cell of its plays that was used last.
    pub recent: u32,
}

/// What a games row says.
pub struct Terms {
    pub from_ms: u64,
    pub measure: Option<Measure>,
    pub payout_max: Option<(String, u64)>,
    pub due_ms: Option<u64>,
}

impl Terms {
    pub fn of(row: &Game<'_>) -> Self {
        let decimal = |text: &str| Decimal9::parse(text).map_or(0, |decimal| decimal.0);
        let rtp_e9 = decimal(&row.rtp_theoretical);
        let measure = |volatility: &str| Measure { rtp_e9, volatility_e9: decimal(volatility) };
        Self {
            from_ms: row.effective_from_ms,
            measure: row.volatility.as_deref().map(measure),
            payout_max: row.payout_max.as_deref().map(|max| (max.to_owned(), decimal(max))),
            due_ms: row.result_due_ms,
        }
    }
}

/// See the module.
pub struct Names {
    pub secret: Secret,
    pub arena: Arena,
    pub realms: Vec<Realm>,
    pub tenants: Vec<Tenant>,
    pub accounts: Vec<Account>,
    pub games: Vec<GameEntry>,
    pub currencies: Vec<Currency>,
    /// Tenant (by one of its realms) and currency of each set of system accounts.
    pub systems: Vec<(u32, u16)>,
    /// When accounts rows of (tenant, account) begin to hold.
    pub persons: HashMap<(u32, Box<str>), u64>,
    realm_numbers: HashMap<(Box<str>, Box<str>), u32>,
    last_realm: u32,
    account_table: Table,
    game_table: Table,
}

impl Names {
    pub fn new(secret: Secret) -> Self {
        Self {
            secret,
            arena: Arena::default(),
            realms: Vec::new(),
            tenants: Vec::new(),
            accounts: Vec::new(),
            games: Vec::new(),
            currencies: Vec::new(),
            systems: Vec::new(),
            persons: HashMap::new(),
            realm_numbers: HashMap::new(),
            last_realm: 0,
            account_table: Table::default(),
            game_table: Table::default(),
        }
    }

    /// The number of a record's tenant and provider; mostly those of the record before it.
    #[inline]
    pub fn realm(&mut self, origin: &Origin<'_>) -> u32 {
        let is_last =
            |realm: &Realm| *realm.provider == *origin.provider && *realm.tenant_name == *origin.tenant;
        if !self.realms.get(self.last_realm as usize).is_some_and(is_last) {
            self.last_realm = self.other_realm(origin);
        }
        self.last_realm
    }

    fn other_realm(&mut self, origin: &Origin<'_>) -> u32 {
        let name = (Box::from(&*origin.tenant), Box::from(&*origin.provider));
        if let Some(&known) = self.realm_numbers.get(&name) {
            return known;
        }
        let number = self.realms.len() as u32;
        let known = self.realms.iter().find(|realm| *realm.tenant_name == *origin.tenant);
        let tenant = known.map(|realm| realm.tenant).unwrap_or_else(|| {
            self.tenants.push(Tenant::default());
            self.tenants.len() as u32 - 1
        });
        let (tenant_name, provider) = name.clone();
        self.realms.push(Realm { tenant, tenant_name, provider });
        self.realm_numbers.insert(name, number);
        number
    }

    #[inline]
    pub fn currency(&mut self, currency: Currency) -> u16 {
        let found = self.currencies.iter().position(|other| *other == currency);
        found.unwrap_or_else(|| {
            self.currencies.push(currency);
            self.currencies.len() - 1
        }) as u16
    }

    #[inline]
    fn find_account(&self, tenant: u32, name: &[u8], currency: u16, hash: u64) -> Option<u32> {
        let short = short_text(name);
        self.account_table.find(hash, |number| {
            let other = &self.accounts[number as usize];
            (other.tenant, other.currency, other.short) == (tenant, currency, short)
                && (short != 0 || self.arena.get(other.name) == name)
        })
    }

    /// The hash under which an account is found; its place is asked for.
    #[inline]
    pub fn account_hash(&self, realm: u32, name: &str, currency: u16) -> u64 {
        let tenant = self.realms[realm as usize].tenant;
        let hash = self.secret.hash(tenant << 10 ^ u32::from(currency), name.as_bytes());
        self.account_table.prefetch(hash);
        hash
    }

    /// Asks for an account ahead of its use.
    #[inline]
    pub fn prefetch_account(&self, hash: u64) {
        if let Some(number) = self.account_table.find(hash, |_| true) {
            prefetch(&self.accounts[number as usize]);
        }
    }

    /// The number of an account under its hash.
    #[inline]
    pub fn account(&mut self, realm: u32, name: &[u8], currency: u16, hash: u64) -> u32 {
        let tenant = self.realms[realm as usize].tenant;
        match self.find_account(tenant, name, currency, hash) {
            Some(number) => number,
            None => self.new_account(realm, name, currency, hash),
        }
    }

    fn new_account(&mut self, realm: u32, name: &[u8], currency: u16, hash: u64) -> u32 {
        let tenant = self.realms[realm as usize].tenant;
        let is_ours =
            |&(of, other): &(u32, u16)| self.realms[of as usize].tenant == tenant && other == currency;
        let system = self.systems.iter().position(is_ours).unwrap_or_else(|| {
            self.systems.push((realm, currency));
            self.systems.len() - 1
        }) as u32;
        let known_from_ms = match self.persons.is_empty() {
            true => u64::MAX,
            false => {
                let person = (tenant, String::from_utf8_lossy(name).into());
                self.persons.get(&person).copied().unwrap_or(u64::MAX)
            }
        };
        let number = self.accounts.len() as u32;
        let short = short_text(name);
        let name = self.arena.push(name);
        self.accounts.push(Account { short, tenant, name, realm, currency, system, known_from_ms });
        self.account_table.insert(hash, number);
        number
    }

    /// The number of an account by its texts.
    pub fn find_account_of(&self, origin: &Origin<'_>, name: &str, currency: Currency) -> Option<u32> {
        let realm = self.realm_numbers.get(&(Box::from(&*origin.tenant), Box::from(&*origin.provider)))?;
        let tenant = self.realms[*realm as usize].tenant;
        let currency = self.currencies.iter().position(|other| *other == currency)? as u16;
        let hash = self.secret.hash(tenant << 10 ^ u32::from(currency), name.as_bytes());
        self.find_account(tenant, name.as_bytes(), currency, hash)
    }

    /// The numbers of a wager's account and game by their texts.
    pub fn numbers(&self, wager: &Wager<'_>) -> Option<(u32, u32)> {
        let origin = &wager.origin;
        let account = self.find_account_of(origin, &wager.account, wager.currency)?;
        let realm = *self.realm_numbers.get(&(Box::from(&*origin.tenant), Box::from(&*origin.provider)))?;
        let hash = self.secret.hash(realm, wager.game.as_bytes());
        Some((account, self.find_game(realm, wager.game.as_bytes(), hash)?))
    }

    #[inline]
    pub fn game(&mut self, realm: u32, name: &str) -> u32 {
        let hash = self.secret.hash(realm, name.as_bytes());
        if let Some(number) = self.find_game(realm, name.as_bytes(), hash) {
            return number;
        }
        let number = self.games.len() as u32;
        let name = self.arena.push(name.as_bytes());
        self.games.push(GameEntry { name, realm, terms: Vec::new(), recent: 0 });
        self.game_table.insert(hash, number);
        number
    }

    fn find_game(&self, realm: u32, name: &[u8], hash: u64) -> Option<u32> {
        self.game_table.find(hash, |number| {
            let other = &self.games[number as usize];
            other.realm == realm && self.arena.get(other.name) == name
        })
    }

    /// The row of a game in force at a time: its place among the game's rows.
    #[inline]
    pub fn terms(&self, game: u32, at_ms: u64) -> Option<(usize, &Terms)> {
        let rows = self.games[game as usize].terms.iter().enumerate();
        rows.rev().find(|(_, terms)| terms.from_ms <= at_ms)
    }

    /// Whether the reference rows know no such game.
    #[inline]
    pub fn unknown_game(&self, game: u32, at_ms: u64) -> bool {
        let realm = self.games[game as usize].realm;
        let tenant = &self.tenants[self.realms[realm as usize].tenant as usize];
        tenant.games_rows > 0 && self.terms(game, at_ms).is_none()
    }

    /// Whether the reference rows know no such account.
    #[inline]
    pub fn unknown_account(&self, account: u32, at_ms: u64) -> bool {
        let account = &self.accounts[account as usize];
        let tenant = &self.tenants[self.realms[account.realm as usize].tenant as usize];
        tenant.accounts_rows > 0 && account.known_from_ms > at_ms
    }
}
