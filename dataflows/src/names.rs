//! The texts of accounts and games, kept once by the worker that owns them, under small numbers.

use gyre_domain::currency::Currency;

use crate::Tick;
use crate::checkpoint::{Damage, Entries, Out, Saved, Whose};
use crate::ops::key_index::KeyIndex;
use crate::seams::Name;

/// See the module. A number may be given before its name is known: names come in the same tick.
#[derive(Default)]
pub struct Names {
    index: KeyIndex,
    entries: Vec<Entry>,
}

struct Entry {
    key: u128,
    name: Option<Name>,
}

impl Names {
    /// Takes names in that may be new.
    pub fn learn(&mut self, names: Vec<Name>) {
        for name in names {
            let number = self.number(name.key);
            self.entries[number as usize].name.get_or_insert(name);
        }
    }

    /// The number of a key.
    #[inline]
    pub fn number(&mut self, key: u128) -> u32 {
        let entries = &self.entries;
        if let Some(number) = self.index.find(key, |number| entries[number as usize].key == key) {
            return number;
        }
        let number = self.entries.len() as u32;
        self.index.insert(key, number);
        self.entries.push(Entry { key, name: None });
        number
    }

    /// The key of a number.
    pub fn key(&self, number: u32) -> u128 {
        self.entries[number as usize].key
    }

    /// Asks for a key's number ahead of its use.
    #[inline]
    pub fn prefetch(&self, key: u128) {
        self.index.prefetch(key);
    }

    fn texts(&self, number: u32) -> &[Box<str>] {
        self.entries[number as usize].name.as_ref().map_or(&[], |name| &name.texts)
    }

    /// Tenant, account and currency of an account's number.
    pub fn account(&self, number: u32) -> (&str, &str, Currency) {
        let currency = self.entries[number as usize].name.as_ref().and_then(|name| name.currency);
        match (self.texts(number), currency) {
            ([tenant, account], Some(currency)) => (tenant, account, currency),
            _ => unreachable!("an account's name comes in the tick of its first event"),
        }
    }

    /// By what rows of accounts are sorted.
    pub fn account_order(&self, number: u32) -> (&str, &str, &str) {
        let currency = self.entries[number as usize].name.as_ref().and_then(|name| name.currency.as_ref());
        match (self.texts(number), currency) {
            ([tenant, account], Some(currency)) => (tenant, account, currency.code()),
            _ => ("", "", ""),
        }
    }

    /// Tenant, provider and game of a game's number.
    pub fn game(&self, number: u32) -> (&str, &str, &str) {
        match self.texts(number) {
            [tenant, provider, game] => (tenant, provider, game),
            _ => unreachable!("a game's name comes in the tick of its first play"),
        }
    }
}

/// Numbers are a worker's own: what is saved goes by keys.
impl Saved for Names {
    fn save(&mut self, _at: Tick, out: &mut Out<'_>) {
        for name in self.entries.iter().filter_map(|entry| entry.name.as_ref()) {
            out.put(Whose::Owner(name.key), name);
        }
    }

    fn load(&mut self, _at: Tick, part: &mut Entries<'_>) -> Result<(), Damage> {
        while let Some(name) = part.read()? {
            self.learn(vec![name]);
        }
        Ok(())
    }
}
