//! What looks wrong with one wager.

use gyre_domain::records::Wager;

use super::directory::Directory;
use crate::keys::JobKey;
use crate::rows::records::{Maximum, Standing, push_above_maximum, push_late_wager};
use crate::rows::{AnomalyKind, write};
use crate::seams::{HoldTarget, Suspicion};

/// What looks wrong with one wager.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Finding {
    /// Placed after the result was known, at this time.
    Late(u64),
    /// Paid more than its game can.
    AboveMaximum,
}

impl Finding {
    /// What is told of it.
    pub(super) fn suspicion(
        self,
        wager: &Wager<'_>,
        standing: &Standing,
        directory: &Directory,
        keys: &JobKey,
    ) -> Suspicion {
        let (tenant, provider) = (&*wager.origin.tenant, &*wager.origin.provider);
        Suspicion {
            tenant: tenant.into(),
            kind: self.kind(),
            at_ms: Some(wager.at_ms),
            row: self.row(wager, standing, directory),
            target: Some(HoldTarget::wager(keys, tenant, provider, &wager.wager_id)),
            key: keys.of(&[tenant, provider, &wager.wager_id]),
        }
    }

    /// The anomaly's row, but for its rule.
    fn row(self, wager: &Wager<'_>, standing: &Standing, directory: &Directory) -> Vec<u8> {
        let payout = standing.payout.unwrap_or_default();
        write(|out| match self {
            Finding::Late(known_ms) => push_late_wager(out, wager, known_ms),
            Finding::AboveMaximum => {
                let terms = directory.terms_of(wager);
                if let Some((spelt, multiple_e9)) = terms.and_then(|terms| terms.payout_max.as_ref()) {
                    let maximum = Maximum { spelt, multiple_e9: *multiple_e9 };
                    push_above_maximum(out, wager, payout, standing.settled_at_ms, &maximum);
                }
            }
        })
    }

    /// The anomaly's kind.
    pub(super) fn kind(self) -> AnomalyKind {
        match self {
            Finding::Late(_) => AnomalyKind::LateWager,
            Finding::AboveMaximum => AnomalyKind::PayoutAboveMaximum,
        }
    }
}
