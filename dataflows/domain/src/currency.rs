//! Currencies and the digits of their minor units.
//!
//! Money is spelt and summed in minor units, so a wrong number of digits would falsify every amount: a table is
//! extended, never contradicted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most digits a minor unit may have.
pub const EXPONENT_MAX: u8 = 9;

/// A currency: its code and how many digits its minor unit has. Self-contained, so that an amount can be written
/// without a table at hand. Ordered by code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Currency {
    code: [u8; 7],
    exponent: u8,
}

impl Currency {
    /// A currency of 1 to 7 visible ASCII characters and at most [`EXPONENT_MAX`] digits.
    pub fn new(code: &str, exponent: u8) -> Result<Self, CurrencyError> {
        let sound = matches!(code.len(), 1..=7) && code.bytes().all(|b| b.is_ascii_graphic());
        if !sound {
            return Err(CurrencyError::Code(code.to_owned()));
        }
        if exponent > EXPONENT_MAX {
            return Err(CurrencyError::Exponent { code: code.to_owned(), exponent });
        }
        let mut bytes = [0; 7];
        bytes[..code.len()].copy_from_slice(code.as_bytes());
        Ok(Self { code: bytes, exponent })
    }

    /// The eight bytes that are the currency, to keep beside an amount.
    pub fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d, e, f, g] = self.code;
        [a, b, c, d, e, f, g, self.exponent]
    }

    /// The currency that was [`Currency::to_bytes`].
    pub fn from_bytes([a, b, c, d, e, f, g, exponent]: [u8; 8]) -> Self {
        Self { code: [a, b, c, d, e, f, g], exponent }
    }

    /// The code as it stands on the wire: `KRW`.
    pub fn code(&self) -> &str {
        let len = self.code.iter().position(|&b| b == 0).unwrap_or(7);
        std::str::from_utf8(&self.code[..len]).unwrap_or_default()
    }

    /// How many digits of an amount stand behind its point.
    pub fn exponent(&self) -> u8 {
        self.exponent
    }

    /// The code as one number, for comparing.
    fn key(&self) -> u64 {
        let [a, b, c, d, e, f, g] = self.code;
        u64::from_le_bytes([a, b, c, d, e, f, g, 0])
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.code(), self.exponent)
    }
}

/// Why a currency cannot be added.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CurrencyError {
    /// No sound code.
    #[error("{0:?} is no currency code: 1 to 7 visible ASCII characters")]
    Code(String),
    /// Too many digits.
    #[error("{code} cannot have {exponent} digits: at most {EXPONENT_MAX}")]
    Exponent {
        /// Which currency.
        code: String,
        /// The digits asked for.
        exponent: u8,
    },
    /// Known with other digits.
    #[error("{known} has {} digits, which cannot become {exponent}", known.exponent())]
    Known {
        /// As it is known.
        known: Currency,
        /// The digits asked for.
        exponent: u8,
    },
}

/// The currencies in use. [`Currencies::get`] is called for every record, so this is an open-addressed table over
/// codes packed into numbers: one multiplication and mostly one comparison.
#[derive(Clone, Debug)]
pub struct Currencies {
    /// A power of two of places, at most a quarter of them taken; a free one has key 0.
    places: Vec<Currency>,
    len: usize,
}

/// ISO 4217 as of 2026, by digits. Codes without a minor unit (metals, funds, tests, "no currency") are left out: no
/// amount can be spelt in them.
const ISO_4217: [(u8, &str); 5] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE \
         CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD \
         HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK \
         MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD \
         RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH \
         USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (4, "CLF UYW"),
    // Withdrawn since 2020: histories still hold them.
    (2, "ANG BGN CUC HRK SLL ZWL"),
];

/// What players stake beside them.
const COINS: [(&str, u8); 3] = [("BTC", 8), ("ETH", 9), ("USDT", 6)];

impl Default for Currencies {
    /// ISO 4217, BTC with 8 digits, ETH with 9, USDT with 6.
    fn default() -> Self {
        let iso = ISO_4217.iter().flat_map(|&(exponent, codes)| codes.split(' ').map(move |c| (c, exponent)));
        let mut table = Self { places: vec![Self::FREE; 16], len: 0 };
        for currency in iso.chain(COINS).filter_map(|(code, exponent)| Currency::new(code, exponent).ok()) {
            table.insert(currency);
        }
        table
    }
}

impl Currencies {
    const FREE: Currency = Currency { code: [0; 7], exponent: 0 };

    /// This table with one more currency. An error where the code or the digits are not sound, or where the code is
    /// known with other digits.
    pub fn with(mut self, code: &str, exponent: u8) -> Result<Self, CurrencyError> {
        let currency = Currency::new(code, exponent)?;
        match self.get(code) {
            Some(known) if known.exponent != exponent => Err(CurrencyError::Known { known, exponent }),
            Some(_) => Ok(self),
            None => {
                self.insert(currency);
                Ok(self)
            }
        }
    }

    /// The currency of a code, letter for letter.
    #[inline]
    pub fn get(&self, code: &str) -> Option<Currency> {
        let key = pack(code)?;
        let found = self.places[self.place(key)];
        (found.key() == key).then_some(found)
    }

    /// All currencies, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = Currency> + '_ {
        self.places.iter().copied().filter(|place| place.key() != 0)
    }

    /// Adds a currency that is not there yet.
    fn insert(&mut self, currency: Currency) {
        if (self.len + 1) * 4 > self.places.len() {
            let wider = vec![Self::FREE; self.places.len() * 2];
            for moved in std::mem::replace(&mut self.places, wider) {
                if moved.key() != 0 {
                    let place = self.place(moved.key());
                    self.places[place] = moved;
                }
            }
        }
        let place = self.place(currency.key());
        self.places[place] = currency;
        self.len += 1;
    }

    /// Where the key is, or where it would go. Ends, because free places are never rare.
    #[inline]
    fn place(&self, key: u64) -> usize {
        let mask = self.places.len() - 1;
        // The upper half of a product depends on all bits of the key.
        let mut place = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while !matches!(self.places[place].key(), found if found == key || found == 0) {
            place = (place + 1) & mask;
        }
        place
    }
}

/// The code as [`Currency::key`] spells it; `None` where no code can be spelt so.
#[inline]
fn pack(code: &str) -> Option<u64> {
    let bytes = code.as_bytes();
    if let &[a, b, c] = bytes {
        return Some(u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0])).filter(|&key| key != 0);
    }
    if !matches!(bytes.len(), 1..=7) {
        return None;
    }
    let key = bytes.iter().rev().fold(0, |key, &b| key << 8 | u64::from(b));
    // A trailing NUL would make a longer code equal to a shorter one.
    (bytes.last() != Some(&0)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_known_currencies() {
        let known = Currencies::default();
        for (code, exponent) in [
            ("KRW", Some(0)),
            ("JPY", Some(0)),
            ("EUR", Some(2)),
            ("USD", Some(2)),
            ("HUF", Some(2)),
            ("MRU", Some(2)),
            ("KWD", Some(3)),
            ("TND", Some(3)),
            ("CLF", Some(4)),
            ("UYW", Some(4)),
            ("BTC", Some(8)),
            ("ETH", Some(9)),
            ("USDT", Some(6)),
            ("XXX", None),
            ("XAU", None),
            ("usd", None),
            ("US", None),
            ("US\0", None),
            ("USD\0", None),
            ("", None),
            ("\0\0\0", None),
            ("USDTUSDT", None),
            ("€", None),
        ] {
            assert_eq!(known.get(code).map(|c| c.exponent()), exponent, "{code:?}");
        }
        assert_eq!(known.iter().count(), 165 + 6 + 3);
        for currency in known.iter() {
            assert_eq!(known.get(currency.code()), Some(currency));
        }
    }

    #[test]
    fn a_table_is_extended_but_not_contradicted() {
        let extended = (0..300)
            .try_fold(Currencies::default(), |table, n| table.with(&format!("C{n}"), (n % 10) as u8))
            .unwrap();
        assert_eq!(extended.get("C299").map(|c| c.exponent()), Some(9));
        assert_eq!(extended.get("KRW").map(|c| c.exponent()), Some(0));

        let with = |code, exponent| Currencies::default().with(code, exponent).map(|t| t.get(code).unwrap());
        assert_eq!(with("", 2), Err(CurrencyError::Code(String::new())));
        assert_eq!(with("ABCDEFGH", 2), Err(CurrencyError::Code("ABCDEFGH".into())));
        assert_eq!(with("A B", 2), Err(CurrencyError::Code("A B".into())));
        assert_eq!(with("TON", 10), Err(CurrencyError::Exponent { code: "TON".into(), exponent: 10 }));
        assert_eq!(with("TON", 9), Currency::new("TON", 9));
        assert_eq!(with("USD", 2), Currency::new("USD", 2));
        let known = Currency::new("USD", 2).unwrap();
        assert_eq!(with("USD", 3), Err(CurrencyError::Known { known, exponent: 3 }));
        assert_eq!(with("USD", 3).unwrap_err().to_string(), "USD has 2 digits, which cannot become 3");
    }

    #[test]
    fn a_currency_is_eight_bytes_and_shows_its_code() {
        let won = Currency::new("KRW", 0).unwrap();
        assert_eq!(size_of::<Currency>(), 8);
        assert_eq!((format!("{won:>5}"), format!("{won:?}")), ("  KRW".into(), "KRW/0".into()));
        assert!(won < Currency::new("USD", 2).unwrap());
        assert_eq!(Currency::new("ABCDEFG", 0).unwrap().code(), "ABCDEFG");
    }
}
