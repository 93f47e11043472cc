//! Commands: what a person decided about a record or about money, and what follows for its target.
//!
//! A command is a fact like any other. Those about one target apply in the order of (`at_ms`, `command_id`), whenever
//! they arrive, and the last of them decides.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::records::{Origin, Text};

/// What a command does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub enum CommandKind {
    /// Puts another record in a record's place.
    Amend,
    /// Judges a record again as it came: takes a discard or an amendment back.
    Replay,
    /// Takes a record out of everything.
    Discard,
    /// Keeps payouts from their player.
    Hold,
    /// Ends a hold.
    Release,
}

impl CommandKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Amend, Self::Replay, Self::Discard, Self::Hold, Self::Release];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Amend => "amend",
            Self::Replay => "replay",
            Self::Discard => "discard",
            Self::Hold => "hold",
            Self::Release => "release",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The target in its one spelling, if such a command can be about it: a digest is 64 hexadecimal digits.
    pub fn target(self, target: Text<'_>) -> Option<Text<'_>> {
        match self {
            Self::Hold | Self::Release => Held::parse(&target).is_some().then_some(target),
            Self::Amend | Self::Replay | Self::Discard => {
                parse_digest(&target)?;
                let is_lower = !target.bytes().any(|byte| byte.is_ascii_uppercase());
                Some(if is_lower { target } else { Cow::Owned(target.to_ascii_lowercase()) })
            }
        }
    }
}

/// A command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command<'a> {
    /// Tenant, provider, revision, receipt.
    pub origin: Origin<'a>,
    /// Identity within tenant and provider.
    pub command_id: Text<'a>,
    /// What it does.
    pub kind: CommandKind,
    /// To what: a digest in lower case, or `wager:`, `account:` or `game:` and an id.
    pub target: Text<'a>,
    /// Who decided it.
    pub actor: Text<'a>,
    /// Why.
    pub reason: Text<'a>,
    /// When it was decided.
    pub at_ms: u64,
    /// The record that takes the target's place, as JSON without white space; always there with an amend.
    pub record: Option<Text<'a>>,
}

/// What can be held: its payouts go to the player's wallet `held`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held<'t> {
    /// One wager of the provider's.
    Wager(&'t str),
    /// All wagers of a player of the tenant's.
    Account(&'t str),
    /// All wagers on a game of the provider's.
    Game(&'t str),
}

impl<'t> Held<'t> {
    /// The target of a hold or release. `None` for any other spelling, and for system accounts, which nobody holds.
    pub fn parse(target: &'t str) -> Option<Self> {
        let (what, id) = target.split_once(':')?;
        if !(1..=128).contains(&id.len()) {
            return None;
        }
        match what {
            "wager" => Some(Self::Wager(id)),
            "account" if !id.starts_with('@') => Some(Self::Account(id)),
            "game" => Some(Self::Game(id)),
            _ => None,
        }
    }
}

/// A digest of 64 hexadecimal digits.
pub fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(digest)
}

/// How what commands speak of stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// It is in the books; of what can be held: its payouts are the player's.
    Standing,
    /// A cancel waits for its wager.
    Waiting,
    /// Another record of its identity is in force.
    Superseded,
    /// It is set aside.
    Rejected(Cause),
    /// Its payouts are held.
    Held,
    /// Another record stands in its place.
    Amended,
    /// It takes part in nothing.
    Discarded,
}

impl Verdict {
    /// The name in outputs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::Waiting => "waiting",
            Self::Superseded => "superseded",
            Self::Rejected(cause) => cause.name(),
            Self::Held => "held",
            Self::Amended => "amended",
            Self::Discarded => "discarded",
        }
    }

    /// How its target stands after a command that applies; `came` is how it would stand as it came.
    pub const fn after(kind: CommandKind, came: Self) -> Self {
        match kind {
            CommandKind::Amend => Self::Amended,
            CommandKind::Discard => Self::Discarded,
            CommandKind::Hold => Self::Held,
            CommandKind::Replay | CommandKind::Release => came,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_one_spelling_each() {
        let digest = "0123456789abcdef".repeat(4);
        let cases = [
            (CommandKind::Discard, digest.as_str(), Some(digest.as_str())),
            (CommandKind::Replay, &digest.to_uppercase(), Some(&digest)),
            (CommandKind::Amend, &digest[1..], None),
            (CommandKind::Amend, &digest.replace('f', "g"), None),
            (CommandKind::Discard, "wager:w1", None),
            (CommandKind::Hold, &digest, None),
            (CommandKind::Hold, "wager:w1", Some("wager:w1")),
            (CommandKind::Release, "account:a:b", Some("account:a:b")),
            (CommandKind::Hold, "game:수박", Some("game:수박")),
            (CommandKind::Hold, "account:@house", None),
            (CommandKind::Hold, "account:", None),
            (CommandKind::Hold, "Wager:w1", None),
            (CommandKind::Hold, "payment:p1", None),
        ];
        for (kind, target, wanted) in cases {
            assert_eq!(kind.target(target.into()).as_deref(), wanted, "{kind:?} {target}");
        }
        let long = format!("wager:{}", "x".repeat(129));
        assert_eq!(CommandKind::Hold.target(long.into()), None);
    }

    #[test]
    fn digests_read_back() {
        let digest = crate::records::digest(b"anything");
        assert_eq!(parse_digest(&crate::records::hex(&digest)), Some(digest));
    }
}
