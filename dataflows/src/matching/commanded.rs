//! What commands make of the records of a key: some take part in nothing, others stand in their place.

use std::collections::VecDeque;

use gyre_domain::cause::Cause;
use gyre_domain::commands::Verdict;
use gyre_domain::lifecycle::{Life, Standing};
use gyre_domain::records::Topic;
use serde::{Deserialize, Serialize};

use super::directory::ReferenceRow;
use super::many::Filed;
use crate::directives::{Becomes, Decided, Digest, Directives, Sight, Target, packed};
use crate::graph::Settings;
use crate::packed::Packed;

/// What every worker holds beside its keys.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Beside {
    /// A standing reference row.
    Reference(ReferenceRow),
    /// What somebody decided.
    Decided(Decided),
    /// A rules row that holds payouts came or went.
    RuleThatHolds,
}

impl Beside {
    /// What was decided, if this is that.
    pub fn decided(&self) -> Option<&Decided> {
        match self {
            Beside::Decided(decided) => Some(decided),
            Beside::Reference(_) | Beside::RuleThatHolds => None,
        }
    }
}

/// Records of one key, before commands.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The key's own.
    pub filed: &'a [Filed],
    /// The topic of those that are no outcomes.
    pub topic: Topic,
    /// What was decided.
    pub directives: &'a Directives,
    /// Of the graph.
    pub settings: &'a Settings,
}

/// The records of a key as commands leave them.
#[derive(Default)]
pub struct Commanded {
    /// The records that take part.
    pub filed: Vec<Filed>,
    /// For each, which of the key's own it is; none of those that a command brought.
    own: Vec<Option<usize>>,
    /// For each, its digest if commands speak of it.
    digests: Vec<Option<Digest>>,
    targets: Vec<(Digest, Vec<(u128, Cause)>)>,
}

impl<'a> Given<'a> {
    fn topic_of(&self, filed: &Filed) -> Topic {
        if filed.is_outcome { Topic::Outcomes } else { self.topic }
    }

    /// The digest of a record that commands speak of.
    pub fn digest_of(&self, filed: &Filed) -> Option<Digest> {
        self.directives.digest_of(&filed.packed().record(self.topic_of(filed)))
    }

    /// Whether `asked` are about any of the records, or of those that commands brought in their place.
    pub fn is_asked_about(&self, asked: &Directives) -> bool {
        if asked.spares_records() {
            return false;
        }
        let speaks_of = |filed: &Filed| Given { directives: asked, ..*self }.digest_of(filed).is_some();
        let commanded = self.commanded();
        self.filed.iter().chain(commanded.iter().flat_map(Commanded::brought)).any(speaks_of)
            || commanded.iter().flat_map(Commanded::digests).any(|digest| asked.speaks_of(&digest))
    }

    /// The records as commands leave them; none where commands speak of none of them.
    pub fn commanded(&self) -> Option<Commanded> {
        if self.directives.spares_records() {
            return None;
        }
        Some(self.commanded_but(None)).filter(|commanded| !commanded.targets.is_empty())
    }

    /// The same, but for what they say of the record with the digest `spared`.
    fn commanded_but(&self, spared: Option<Digest>) -> Commanded {
        let mut commanded = Commanded::default();
        let own = self.filed.iter().enumerate().map(|(at, filed)| (filed.clone(), Some(at)));
        let mut waiting: VecDeque<(Filed, Option<usize>)> = own.collect();
        while let Some((filed, own)) = waiting.pop_front() {
            let digest = self.digest_of(&filed);
            let Some(target) = digest else {
                commanded.keep(filed, own, None);
                continue;
            };
            let came = filed.packed().record(self.topic_of(&filed));
            let (becomes, refused) = self.directives.fate_of(&target, &came, self.settings);
            commanded.targets.push((target, refused));
            match becomes {
                _ if spared == digest => commanded.keep(filed, own, digest),
                Becomes::AsItCame => commanded.keep(filed, own, digest),
                Becomes::Nothing => {}
                Becomes::Another(order, record) => {
                    let packed = packed(&record, order.position());
                    let mut another = Filed::from_packed(filed.is_outcome, Packed(&packed));
                    another.raw = Some(order.amended_raw().into());
                    waiting.push_back((another, None));
                }
            }
        }
        commanded
    }

    /// How the targets among the records stand as they came; `judge` says it of one of the records that take part.
    pub fn sights(&self, commanded: &Commanded, judge: impl Fn(&[Filed], usize) -> Verdict) -> Vec<Sight> {
        let mut sights = Vec::with_capacity(commanded.targets.len());
        for (digest, refused) in &commanded.targets {
            let spared = self.commanded_but(Some(*digest));
            let at = spared.digests.iter().position(|other| other.as_ref() == Some(digest));
            sights.extend(at.map(|at| Sight {
                target: Target::Record(*digest),
                came: judge(&spared.filed, at),
                refused: refused.clone(),
            }));
        }
        sights
    }
}

impl Commanded {
    /// Keeps a record, unless a command brings what is there already.
    fn keep(&mut self, filed: Filed, own: Option<usize>, digest: Option<Digest>) {
        let same = |other: &Filed| {
            other.is_outcome == filed.is_outcome && other.packed().same_content(filed.packed())
        };
        if let Some(at) = self.filed.iter().position(same) {
            if self.own[at].is_none() && filed.position() < self.filed[at].position() {
                self.filed[at] = filed;
            }
            return;
        }
        self.filed.push(filed);
        self.own.push(own);
        self.digests.push(digest);
    }

    /// Those that a command brought.
    pub fn brought(&self) -> impl Iterator<Item = &Filed> {
        self.filed.iter().zip(&self.own).filter(|(_, own)| own.is_none()).map(|(filed, _)| filed)
    }

    /// The digests that commands speak of.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        self.targets.iter().map(|(digest, _)| *digest)
    }

    /// Which of the key's own records a record is.
    pub fn own(&self, at: usize) -> Option<usize> {
        self.own[at]
    }

    /// A life with the numbers of the key's own records.
    pub fn own_life(&self, mut life: Life) -> Life {
        let own = |at: &mut Vec<usize>| *at = at.iter().filter_map(|&at| self.own[at]).collect();
        life.wager = life.wager.and_then(|at| self.own[at]);
        life.cancel = life.cancel.and_then(|at| self.own[at]);
        own(&mut life.settles);
        own(&mut life.unsettles);
        life
    }
}

/// How a record of a wager stands.
pub fn verdict_of(life: &Life, at: usize) -> Verdict {
    let rejected = life.rejects.iter().find(|(other, _)| *other == at);
    let mut standing = life.wager.iter().chain(&life.settles).chain(&life.unsettles).chain(&life.cancel);
    match rejected {
        Some((_, cause)) => Verdict::Rejected(*cause),
        None if standing.any(|&other| other == at) => Verdict::Standing,
        None if life.tombstone => Verdict::Waiting,
        None => Verdict::Superseded,
    }
}

/// How a record of a payment or row stands.
pub fn verdict_among(standing: &Standing, at: usize) -> Verdict {
    match standing.rejects.iter().find(|(other, _)| *other == at) {
        Some((_, cause)) => Verdict::Rejected(*cause),
        None if standing.stands == Some(at) => Verdict::Standing,
        None => Verdict::Superseded,
    }
}
