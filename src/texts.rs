//! Every word an operator reads, in English and Korean, in one catalogue.
//!
//! A text is a [`Key`] with both languages beside each other, so that neither can be forgotten; `{name}` in it is
//! filled from the values of a [`Phrase`]. Names of the wire (causes, kinds, fields, settings) are the same in both.

use std::fmt::Display;

use clap::ValueEnum;

/// The language of what operators read. Never of what is written to outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// 한국어.
    Ko,
}

impl Lang {
    /// As `--lang` takes it.
    pub fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ko => "ko",
        }
    }

    /// The language of the environment, read as POSIX does: `LC_ALL`, else `LC_MESSAGES`, else `LANG`.
    pub fn from_env(var: impl Fn(&str) -> Option<String>) -> Self {
        let locale =
            ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(var).find(|value| !value.is_empty());
        match locale {
            Some(locale) if locale == "ko" || locale.starts_with("ko_") || locale.starts_with("ko.") => {
                Lang::Ko
            }
            _ => Lang::En,
        }
    }
}

macro_rules! texts {
    ($($key:ident: $en:literal, $ko:literal;)+) => {
        /// What can be said.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Key {
            // As code: a bracket in what operators read is no link.
            $(#[doc = concat!("`` ", $en, " ``")] $key,)+
        }

        impl Key {
            /// All of them.
            pub const ALL: &[Key] = &[$(Key::$key),+];

            /// The text as it stands in the catalogue, its `{name}`s unfilled.
            pub const fn say(self, lang: Lang) -> &'static str {
                match (self, lang) {
                    $((Key::$key, Lang::En) => $en, (Key::$key, Lang::Ko) => $ko,)+
                }
            }
        }
    };
}

mod catalogue;
mod help;

pub use catalogue::Key;
pub use help::HELP_KO;

/// A text with its values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Phrase {
    key: Key,
    values: Vec<(&'static str, String)>,
}

impl Phrase {
    /// A text without values yet.
    pub fn new(key: Key) -> Self {
        Self { key, values: Vec::new() }
    }

    /// Fills `{name}`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    /// Which text this is.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The text in `lang`. Values go in as they are: a `{` in one of them is no place to fill.
    pub fn say(&self, lang: Lang) -> String {
        let mut text = String::new();
        let mut rest = self.key.say(lang);
        while let Some((before, after)) = rest.split_once('{') {
            let value = after.split_once('}').and_then(|(name, after)| {
                let (_, value) = self.values.iter().find(|(known, _)| *known == name)?;
                Some((value, after))
            });
            text.push_str(before);
            match value {
                Some((value, after)) => {
                    text.push_str(value);
                    rest = after;
                }
                None => {
                    text.push('{');
                    rest = after;
                }
            }
        }
        text + rest
    }
}

impl From<Key> for Phrase {
    fn from(key: Key) -> Self {
        Self::new(key)
    }
}

/// What a cause of rejects means, by its name on the wire.
pub fn cause(name: &str) -> Option<Key> {
    Some(match name {
        "malformed" => Key::CauseMalformed,
        "unknown_kind" => Key::CauseUnknownKind,
        "unsupported_field" => Key::CauseUnsupportedField,
        "unknown_currency" => Key::CauseUnknownCurrency,
        "bad_amount" => Key::CauseBadAmount,
        "stake_not_positive" => Key::CauseStakeNotPositive,
        "clock_skew" => Key::CauseClockSkew,
        "past_horizon" => Key::CausePastHorizon,
        "unknown_game" => Key::CauseUnknownGame,
        "unknown_account" => Key::CauseUnknownAccount,
        "outcome_without_wager" => Key::CauseOutcomeWithoutWager,
        "account_mismatch" => Key::CauseAccountMismatch,
        "game_mismatch" => Key::CauseGameMismatch,
        "stake_mismatch" => Key::CauseStakeMismatch,
        "currency_mismatch" => Key::CauseCurrencyMismatch,
        "outcome_before_wager" => Key::CauseOutcomeBeforeWager,
        "cancel_after_settle" => Key::CauseCancelAfterSettle,
        "settle_after_cancel" => Key::CauseSettleAfterCancel,
        "conflicting_duplicate" => Key::CauseConflictingDuplicate,
        "outcome_missing" => Key::CauseOutcomeMissing,
        "unknown_target" => Key::CauseUnknownTarget,
        "target_mismatch" => Key::CauseTargetMismatch,
        _ => return None,
    })
}

/// What a kind of anomaly means, by its name on the wire.
pub fn kind(name: &str) -> Option<Key> {
    Some(match name {
        "conflict" => Key::KindConflict,
        "velocity" => Key::KindVelocity,
        "stake_spike" => Key::KindStakeSpike,
        "overdraft" => Key::KindOverdraft,
        "rtp_out_of_band" => Key::KindRtpOutOfBand,
        "payout_above_maximum" => Key::KindPayoutAboveMaximum,
        "balance_mismatch" => Key::KindBalanceMismatch,
        "late_wager" => Key::KindLateWager,
        "improbable_wins" => Key::KindImprobableWins,
        "deposit_then_withdraw" => Key::KindDepositThenWithdraw,
        "structuring" => Key::KindStructuring,
        "slow_drift" => Key::KindSlowDrift,
        "linked_accounts" => Key::KindLinkedAccounts,
        "opposite_betting" => Key::KindOppositeBetting,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<&str> {
        let mut names: Vec<&str> =
            text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn korean(text: &str) -> bool {
        text.chars().any(|c| ('가'..='힣').contains(&c))
    }

    #[test]
    fn no_text_is_missing_in_either_language() {
        for &key in Key::ALL {
            let (en, ko) = (key.say(Lang::En), key.say(Lang::Ko));
            assert!(!en.is_empty() && !korean(en), "{key:?}: {en}");
            assert!(korean(ko), "{key:?}: {ko}");
            assert_eq!(places(en), places(ko), "{key:?}");
        }
    }

    #[test]
    fn values_are_filled_once_and_as_they_are() {
        let phrase = Phrase::new(Key::InputNothingNear).with("found", "{meant}").with("meant", "wagers");
        assert_eq!(phrase.say(Lang::En), "{meant} looks like wagers: rename it");
        assert_eq!(Phrase::new(Key::ConfigMissing).say(Lang::En), "there is no config file {path}");
    }

    #[test]
    fn the_language_is_the_environments() {
        let of = |vars: &'static [(&str, &str)]| {
            Lang::from_env(|name| {
                vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]), Lang::En);
        assert_eq!(of(&[("LANG", "ko_KR.UTF-8")]), Lang::Ko);
        assert_eq!(of(&[("LANG", "ko_KR.UTF-8"), ("LC_ALL", "C")]), Lang::En);
        assert_eq!(of(&[("LANG", "C"), ("LC_ALL", ""), ("LC_MESSAGES", "ko")]), Lang::Ko);
        assert_eq!(of(&[("LANG", "kok_IN")]), Lang::En);
    }
}
