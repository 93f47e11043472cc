//! The fold of payments: of the records of one payment, the standing one books.

use gyre_domain::cause::Cause;
use gyre_domain::lifecycle::judge_identity;
use gyre_domain::records::{Payment, PaymentKind, Record, Topic};

use super::directory::{Directory, ReferenceRow, System};
use super::many::{self, Filed};
use super::postings;
use super::ties::Tied;
use super::told::{Booked, Outbox, Told, Writer};
use crate::Tick;
use crate::batch::{Batch, Kind};
use crate::faults::{FaultTeller, Faults, Home, Named};
use crate::graph::Settings;
use crate::ops::fold_by_key::{Fold, Slab, Turn};
use crate::ops::timeline_by_key::{CLAIM, EVENT, Event, PAYMENT};
use crate::rows::records::{push_conflict, push_record_reject};
use crate::rows::{AnomalyKind, Output, Wanted, write};

/// See the module.
pub struct Payments {
    settings: Settings,
    directory: Directory,
    writer: Writer,
    faults: FaultTeller,
}

impl Payments {
    /// A fold without records, that tells as `teller`.
    pub fn new(settings: Settings, teller: u32) -> Self {
        let directory = Directory::new(settings.keys, settings.result_due_ms);
        Self { directory, writer: Writer::new(&settings, teller), faults: settings.fault_teller(), settings }
    }

    /// What a payment's records tell, and which of them stands.
    fn tell(&self, filed: &[Filed], wanted: Wanted) -> (Told, Option<usize>) {
        let mut told = Told::default();
        let records: Vec<Record<'_>> =
            filed.iter().map(|filed| Record::Payment(filed.packed().payment())).collect();
        let judged = judge_identity(&records, |record| match record {
            Record::Payment(payment) => self.refuses(payment),
            _ => None,
        });
        told.marks.duplicates = filed.iter().map(Filed::duplicates).sum();
        told.marks.rejects.extend(judged.rejects.iter().map(|(_, cause)| *cause as u8));
        told.faults
            .extend(judged.rejects.iter().filter_map(|&(at, cause)| self.faults.fault(&records[at], cause)));
        if !judged.conflict.is_empty() {
            told.marks.anomalies.push(AnomalyKind::Conflict as u8);
        }
        let places = &self.settings.places;
        if let Some(at) = judged.stands
            && let Record::Payment(payment) = &records[at]
        {
            let account = self.account(payment);
            told.booked.extend(account.and_then(|account| book(payment, account, &filed[at])));
            told.tied = Tied::of_payment(payment, &self.settings.keys);
            if wanted.changes && wanted.postings {
                postings::of_payment(payment, filed[at].position(), &mut told.rows, places);
            }
        }
        if wanted.changes {
            for &(at, cause) in &judged.rejects {
                let (position, raw) = (filed[at].position(), filed[at].raw.as_deref());
                let row = write(|out| push_record_reject(out, &records[at], cause, position, raw, places));
                told.rows.push((Output::Rejects, row));
            }
            if !judged.conflict.is_empty() {
                let rivals: Vec<_> = judged.conflict.iter().map(|&at| records[at].clone()).collect();
                told.rows.push((Output::Anomalies, write(|out| push_conflict(out, &rivals))));
            }
        }
        (told, judged.stands)
    }

    /// Tells what became of failed records.
    fn tell_faults(
        &self,
        home: Home,
        filed: &[Filed],
        faults: (&Faults, &Faults),
        tick: Tick,
        out: &mut Outbox,
    ) {
        let named = |id: u128| {
            filed.iter().find_map(|filed| {
                let record = Record::Payment(filed.packed().payment());
                let is_it =
                    self.faults.fault(&record, Cause::UnknownAccount).is_some_and(|fault| fault.id == id);
                is_it.then(|| Named::of(&record, filed.raw.as_deref()))
            })
        };
        self.faults.differ(home, (faults.0, faults.1), tick, named, &mut out.faults);
    }

    fn account(&self, payment: &Payment<'_>) -> Option<u32> {
        self.directory.find_account(&payment.origin.tenant, &payment.account, payment.currency)
    }

    fn refuses(&self, payment: &Payment<'_>) -> Option<Cause> {
        self.directory.refuses(self.account(payment)?, None, payment.at_ms)
    }
}

/// The event of a standing payment; a reversed one moves nothing in the end, and nothing at all is no event.
fn book(payment: &Payment<'_>, account: u32, filed: &Filed) -> Option<Booked> {
    let claim = filed.claim();
    let (towards, against) = match payment.kind {
        PaymentKind::Deposit => (payment.amount, System::Cashier),
        PaymentKind::Withdrawal => (-payment.amount, System::Cashier),
        PaymentKind::Adjustment => (payment.amount, System::Adjustments),
    };
    let (amount, entries) = if payment.reversed { (0, 2) } else { (towards, 1) };
    let mut flags = if claim.is_some() { EVENT | CLAIM } else { EVENT };
    if amount != 0 && payment.kind != PaymentKind::Adjustment {
        flags |= PAYMENT;
    }
    (towards != 0 || claim.is_some()).then(|| Booked {
        account,
        event: Event::new(payment.at_ms, amount, flags),
        claim,
        legs: if towards == 0 { 0 } else { entries },
        against,
    })
}

/// Where the records of a payment are judged.
fn home(key: u128) -> Home {
    Home { key, topic: Topic::Payments as u8, is_unsound: false }
}

impl Fold for Payments {
    type Updates = Batch;
    type Side = ReferenceRow;
    type State = Vec<Filed>;
    type Before = Told;
    type Out = Outbox;

    fn file(&mut self, filed: &mut Vec<Filed>, batch: &Batch, at: usize) {
        let (head, packed) = (batch.head(at), batch.packed(at));
        if head.kind == Kind::Lap {
            return self.faults.enter(head.account);
        }
        if let Some(currency) = head.currency {
            let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
            self.directory.account(head.account, currency, || {
                let [tenant, _, _, account] = packed.leading_texts::<4>();
                (text(tenant), text(account))
            });
        }
        many::file(filed, false, batch, at);
    }

    fn before(&mut self, filed: &Vec<Filed>, _now: Tick, _eager: bool) -> Told {
        self.tell(filed, self.settings.wanted).0
    }

    fn turn(
        &mut self,
        key: u128,
        filed: &mut Vec<Filed>,
        before: Told,
        tick: Tick,
        out: &mut Outbox,
    ) -> Turn {
        let (after, stands) = self.tell(filed, self.settings.wanted);
        if let Some(stands) = stands {
            filed[stands].raw = None;
        }
        self.writer.differ(&before, &after, tick, &self.directory, out);
        self.tell_faults(home(key), filed, (&before.faults, &after.faults), tick, out);
        Turn { next: None, vacant: filed.is_empty() }
    }

    fn turned(&mut self, tick: Tick, out: &mut Outbox) {
        self.writer.end_tick(tick, &self.directory, out);
        self.faults.turned();
    }

    fn seal(&mut self, tick: Tick, is_last: bool, out: &mut Outbox) {
        self.writer.seal(tick, is_last, &mut self.directory, out);
    }

    fn forget_after(&self, filed: &Vec<Filed>) -> Tick {
        let latest_ms = filed.iter().map(|filed| filed.packed().payment().at_ms).max();
        latest_ms.map_or(Tick::MAX, |latest_ms| self.settings.forget_after(latest_ms, false))
    }

    fn forget(&mut self, key: u128, filed: &mut Vec<Filed>, now: Tick, out: &mut Outbox) {
        let faults = self.tell(filed, self.settings.wanted).0.faults;
        self.faults.forget(home(key), &faults, now, &mut out.faults);
        if self.settings.rest_at_end {
            let (told, _) = self.tell(filed, self.settings.wanted_at_rest());
            out.told.rest.loose.extend(&told.rows);
        }
    }

    fn touches(&self, side: &[(ReferenceRow, isize)], _filed: &Vec<Filed>) -> bool {
        side.iter().any(|(row, _)| matches!(row, ReferenceRow::Account(_)))
    }

    fn take_side(&mut self, side: &[(ReferenceRow, isize)]) {
        for (row, diff) in side {
            self.directory.take(row, *diff);
        }
    }

    fn revise(&mut self, _filed: &mut Vec<Filed>) {}

    fn is_full(out: &Outbox) -> bool {
        out.is_full()
    }

    fn rest(&mut self, slab: &Slab<Vec<Filed>>, out: &mut Outbox) -> bool {
        for slot in slab.live() {
            let (told, _) = self.tell(&slab.get(slot).1, self.settings.wanted_at_rest());
            out.told.rest.loose.extend(&told.rows);
        }
        true
    }
}
