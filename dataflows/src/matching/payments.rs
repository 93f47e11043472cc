//! The fold of payments: of the records of one payment, the standing one books.

use std::cell::RefCell;
use std::rc::Rc;

use gyre_domain::cause::Cause;
use gyre_domain::lifecycle::{Standing, judge_identity};
use gyre_domain::records::{Payment, PaymentKind, Record, Topic};

use super::commanded::{Beside, Commanded, Given, verdict_among};
use super::directory::{Directory, ReferenceRow, System};
use super::many::{self, Filed};
use super::postings;
use super::saved::{self, Own};
use super::ties::{Tied, Ties};
use super::told::{Booked, Outbox, Told, Writer};
use crate::Tick;
use crate::batch::{Batch, Kind};
use crate::checkpoint::Whose;
use crate::directives::{Directives, Sight, Target};
use crate::faults::{FaultBatch, FaultTeller, Faults, Home, Named};
use crate::graph::Settings;
use crate::ops::fold_by_key::{Fold, Slab, Turn};
use crate::ops::timeline_by_key::{CLAIM, EVENT, Event, PAYMENT};
use crate::rows::records::push_record_reject;
use crate::rows::{AnomalyKind, Output, Wanted, write};
use crate::seams::{HoldTarget, Seen, Suspicion};

/// See the module.
pub struct Payments {
    settings: Settings,
    directory: Directory,
    directives: Directives,
    writer: Writer,
    faults: FaultTeller,
}

impl Payments {
    /// A fold without records, that tells as `teller`.
    pub fn new(settings: Settings, teller: u32, ties: Rc<RefCell<Ties>>) -> Self {
        let directory = Directory::new(settings.keys, settings.result_due_ms);
        Self {
            directory,
            directives: Directives::default(),
            writer: Writer::new(&settings, teller, ties),
            faults: settings.fault_teller(),
            settings,
        }
    }

    fn given<'a>(&'a self, filed: &'a [Filed]) -> Given<'a> {
        Given { filed, topic: Topic::Payments, directives: &self.directives, settings: &self.settings }
    }

    fn judge<'f>(&self, filed: &'f [Filed]) -> (Vec<Record<'f>>, Standing) {
        let records: Vec<Record<'f>> =
            filed.iter().map(|filed| Record::Payment(filed.packed().payment())).collect();
        let judged = judge_identity(&records, |record| match record {
            Record::Payment(payment) => self.refuses(payment),
            _ => None,
        });
        (records, judged)
    }

    /// What a payment's records tell, and which of them stands.
    fn tell(&self, filed: &[Filed], wanted: Wanted) -> (Told, Option<usize>) {
        let given = self.given(filed);
        let Some(commanded) = given.commanded() else { return self.tell_filed(filed, wanted) };
        let (mut told, stands) = self.tell_filed(&commanded.filed, wanted);
        told.marks.duplicates = filed.iter().map(Filed::duplicates).sum();
        let verdict = |filed: &[Filed], at| verdict_among(&self.judge(filed).1, at);
        told.sights.extend(given.sights(&commanded, verdict));
        (told, stands.and_then(|at| commanded.own(at)))
    }

    fn tell_filed(&self, filed: &[Filed], wanted: Wanted) -> (Told, Option<usize>) {
        let mut told = Told::default();
        let (records, judged) = self.judge(filed);
        told.marks.duplicates = filed.iter().map(Filed::duplicates).sum();
        told.marks.rejects.extend(judged.rejects.iter().map(|(_, cause)| *cause as u8));
        told.faults
            .extend(judged.rejects.iter().filter_map(|&(at, cause)| self.faults.fault(&records[at], cause)));
        if !judged.conflict.is_empty() {
            told.marks.anomalies.push(AnomalyKind::Conflict as u8);
            let rivals: Vec<_> = judged.conflict.iter().map(|&at| records[at].clone()).collect();
            told.suspicions.extend(Suspicion::conflict(&rivals, &self.settings.keys));
        }
        let places = &self.settings.places;
        if let Some(at) = judged.stands
            && let Record::Payment(payment) = &records[at]
        {
            let account = self.account(payment);
            told.booked.extend(account.and_then(|account| book(payment, account, &filed[at])));
            told.tied = Tied::of_payment(payment, &self.settings.keys);
            told.sights.extend(self.asked(payment).map(Sight::standing));
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
        let named = |id: u128| self.named(filed, id);
        self.faults.differ(home, (faults.0, faults.1), tick, named, &mut out.faults);
    }

    /// Whose a fault is.
    fn named(&self, filed: &[Filed], id: u128) -> Option<Named> {
        let commanded = self.given(filed).commanded();
        let brought = commanded.iter().flat_map(Commanded::brought);
        filed.iter().chain(brought).find_map(|filed| {
            let record = Record::Payment(filed.packed().payment());
            let is_it = self.faults.fault(&record, Cause::UnknownAccount).is_some_and(|fault| fault.id == id);
            is_it.then(|| Named::of(&record, filed.raw.as_deref()))
        })
    }

    /// The payment's account, if commands ask about it.
    fn asked(&self, payment: &Payment<'_>) -> Option<Target> {
        if self.directives.spares_payouts() {
            return None;
        }
        let target = HoldTarget::account(&self.settings.keys, &payment.origin.tenant, &payment.account);
        self.directives.asks_about(target)
    }

    /// Notes which targets are there since `admitted`, and gives the accounts of what commands brought their numbers.
    fn note(&mut self, filed: &[Filed], admitted: Tick) {
        for payment in filed.iter().map(|filed| filed.packed().payment()) {
            self.asked(&payment).into_iter().for_each(|target| self.directives.saw(target, admitted));
        }
        let Some(commanded) = self.given(filed).commanded() else { return };
        commanded.digests().for_each(|digest| self.directives.saw(Target::Record(digest), admitted));
        commanded.brought().for_each(|filed| self.number_account(filed));
    }

    /// Gives a payment's account its number.
    fn number_account(&mut self, filed: &Filed) {
        let payment = filed.packed().payment();
        let (tenant, account) = (&*payment.origin.tenant, &*payment.account);
        let key = self.settings.keys.of(&[tenant, account, payment.currency.code()]);
        self.directory.account(key, payment.currency, || (tenant, account));
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
    type Side = Beside;
    type State = Vec<Filed>;
    type Before = Told;
    type Out = Outbox;
    type Verdict = FaultBatch;
    type Kept = Vec<Filed>;
    type Own = Own;

    fn file(&mut self, filed: &mut Vec<Filed>, batch: &Batch, at: usize) {
        let (head, packed) = (batch.head(at), batch.packed(at));
        if head.kind == Kind::Lap {
            return self.faults.enter(head.account, head.lap());
        }
        if let Some(currency) = head.currency {
            let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
            self.directory.account(head.account, currency, || {
                let [tenant, _, _, account] = packed.leading_texts::<4>();
                (text(tenant), text(account))
            });
        }
        many::file(filed, false, batch, at);
        if !self.directives.is_empty() {
            self.note(filed, head.admitted);
        }
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
        out.seen.extend(self.directives.new.drain(..).map(|(target, since)| Seen::new(target, since, tick)));
    }

    fn seal(&mut self, tick: Tick, is_last: bool, out: &mut Outbox) {
        self.writer.seal(tick, is_last, &mut self.directory, out);
    }

    fn forget_after(&self, filed: &Vec<Filed>) -> Tick {
        let latest_ms = filed.iter().map(|filed| filed.packed().payment().at_ms).max();
        latest_ms.map_or(Tick::MAX, |latest_ms| self.settings.forget_after(latest_ms, false))
    }

    fn forget(&mut self, key: u128, filed: &mut Vec<Filed>, _now: Tick, out: &mut Outbox) {
        let faults = self.tell(filed, self.settings.wanted).0.faults;
        let after = self.forget_after(filed);
        self.faults.forget(home(key), &faults, after, |id| self.named(filed, id), &mut out.faults);
        if self.settings.rest_at_end {
            let (told, _) = self.tell(filed, self.settings.wanted_at_rest());
            out.told.rest.loose.extend(&told.rows);
        }
    }

    fn reach(
        &self,
        side: &[(Beside, isize)],
        slab: &Slab<Vec<Filed>>,
        _find: &dyn Fn(u128) -> Option<u32>,
    ) -> Vec<u32> {
        let any = |wanted: fn(&Beside) -> bool| side.iter().any(|(beside, _)| wanted(beside));
        if any(|beside| matches!(beside, Beside::Reference(ReferenceRow::Account(_)))) {
            return slab.live().collect();
        }
        if !any(|beside| matches!(beside, Beside::Decided(_))) {
            return Vec::new();
        }
        let mut asked = Directives::default();
        side.iter().for_each(|(beside, _)| asked.ask(beside.decided()));
        let is_reached = |&slot: &u32| {
            let filed = &slab.get(slot).1;
            let account = |payment: Payment<'_>| {
                HoldTarget::account(&self.settings.keys, &payment.origin.tenant, &payment.account)
            };
            let is_asked = |one: &Filed| {
                !asked.spares_payouts() && asked.asks_about(account(one.packed().payment())).is_some()
            };
            self.given(filed).is_asked_about(&asked) || filed.iter().any(is_asked)
        };
        slab.live().filter(is_reached).collect()
    }

    fn verdicts(out: &mut Outbox) -> Vec<FaultBatch> {
        std::mem::take(&mut out.faults)
    }

    fn enters_until(&self) -> Tick {
        self.faults.enters_until()
    }

    fn take_side(&mut self, side: &[(Beside, isize)]) {
        for (beside, diff) in side {
            match beside {
                Beside::Reference(row) => self.directory.take(row, *diff),
                Beside::RuleThatHolds => {}
                Beside::Decided(decided) => self.directives.take(decided, *diff),
            }
        }
    }

    fn revise(&mut self, filed: &mut Vec<Filed>) {
        if !self.directives.is_empty() {
            self.note(filed, 0);
        }
    }

    fn keep(&mut self, filed: &Vec<Filed>) -> Vec<Filed> {
        let (told, _) = self.tell(filed, Wanted::default());
        self.writer.ties.borrow_mut().save(told.tied.as_deref());
        filed.clone()
    }

    fn back(&mut self, filed: Vec<Filed>, at: Tick) -> Vec<Filed> {
        filed.iter().for_each(|filed| self.number_account(filed));
        if let Some(commanded) = self.given(&filed).commanded() {
            commanded.brought().for_each(|filed| self.number_account(filed));
        }
        let (told, _) = self.tell(&filed, Wanted::default());
        self.writer.ties.borrow_mut().back(told.tied.as_deref(), at);
        filed
    }

    fn own(&self) -> Vec<(Whose, Own)> {
        let rows = self.directory.saved().map(|(whose, kept)| (whose, Own::Directory(kept)));
        rows.chain(saved::decided(&self.directives, &self.faults)).collect()
    }

    fn own_after(&mut self) -> Vec<(Whose, Own)> {
        let forgotten = self.writer.ties.borrow_mut().forgotten().into_iter();
        forgotten.map(|(key, records)| (Whose::Owner(key), Own::Tie(key, records))).collect()
    }

    fn own_back(&mut self, own: Own) {
        match own {
            Own::Directory(kept) => self.directory.back(kept),
            Own::Directives(kept) => self.directives.back(kept),
            Own::EntersUntil(tick) => self.faults.enter_until(tick),
            Own::Tie(key, records) => self.writer.ties.borrow_mut().forgotten_back(key, records),
            Own::MayHold(_) => {}
        }
    }

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
