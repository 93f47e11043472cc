//! Rows of `postings`: every leg of every entry, with the record that it comes from.
//!
//! Leg 0 is the account that receives, leg 1 the one that gives; together they are zero.

use gyre_domain::currency::Currency;
use gyre_domain::records::{Outcome, Payment, PaymentKind, Topic, Wager};

use super::judged::payout;
use crate::rows::records::{Places, push_position};
use crate::rows::{Object, Output, write};

type Rows = Vec<(Output, Vec<u8>)>;

struct Entry<'a> {
    tenant: &'a str,
    name: String,
    to: &'a str,
    from: &'a str,
    currency: Currency,
    amount: i64,
    topic: Topic,
    position: u64,
    /// What its player gets is held.
    is_held: bool,
}

fn push(entry: &Entry<'_>, rows: &mut Rows, places: &Places) {
    // Zero amounts book nothing; a negative amount goes the other way.
    let (to, from) = if entry.amount < 0 { (entry.from, entry.to) } else { (entry.to, entry.from) };
    let amount = i128::from(entry.amount).abs();
    let legs = [(to, amount), (from, -amount)];
    for (leg, (account, amount)) in (0..).zip(legs).filter(|_| entry.amount != 0) {
        let wallet = if entry.is_held && leg == 0 { "held" } else { "cash" };
        let row = write(|out| {
            Object::open(out)
                .text("tenant", entry.tenant)
                .text("entry", &entry.name)
                .integer("leg", leg)
                .text("account", account)
                .text("wallet", wallet)
                .text("currency", entry.currency.code())
                .money("amount", amount, entry.currency)
                .raw("source", |out| push_position(out, entry.topic, entry.position, places))
                .close();
        });
        rows.push((Output::Postings, row));
    }
}

/// The stake of a wager: player to house.
pub fn of_wager(wager: &Wager<'_>, position: u64, rows: &mut Rows, places: &Places) {
    let name = format!("wagers/{}/{}/stake", wager.origin.provider, wager.wager_id);
    push(
        &between(wager, name, wager.stake, "@house", &wager.account, (Topic::Wagers, position)),
        rows,
        places,
    );
}

/// The payout of a standing settle, its position and whether it is held: house to player.
pub fn of_settle(
    wager: &Wager<'_>,
    settle: &Outcome<'_>,
    (position, is_held): (u64, bool),
    rows: &mut Rows,
    places: &Places,
) {
    let name = format!("outcomes/{}/{}/{}/payout", wager.origin.provider, wager.wager_id, settle.outcome_id);
    let source = (Topic::Outcomes, position);
    let entry = between(wager, name, payout(settle), &wager.account, "@house", source);
    push(&Entry { is_held, ..entry }, rows, places);
}

/// The same in cash, and held.
pub fn of_payable(
    wager: &Wager<'_>,
    settle: &Outcome<'_>,
    position: u64,
    places: &Places,
) -> impl Iterator<Item = [Vec<u8>; 2]> {
    let rows = |is_held| {
        let mut rows = Rows::new();
        of_settle(wager, settle, (position, is_held), &mut rows, places);
        rows.into_iter().map(|(_, row)| row)
    };
    rows(false).zip(rows(true)).map(|(cash, held)| [cash, held])
}

/// The reverse of a cancelled stake: house to player.
pub fn of_cancel(wager: &Wager<'_>, position: u64, rows: &mut Rows, places: &Places) {
    let name = format!("outcomes/{}/{}/cancel", wager.origin.provider, wager.wager_id);
    let source = (Topic::Outcomes, position);
    push(&between(wager, name, wager.stake, &wager.account, "@house", source), rows, places);
}

fn between<'a>(
    wager: &'a Wager<'_>,
    name: String,
    amount: i64,
    to: &'a str,
    from: &'a str,
    (topic, position): (Topic, u64),
) -> Entry<'a> {
    let (tenant, currency) = (&*wager.origin.tenant, wager.currency);
    Entry { tenant, name, to, from, currency, amount, topic, position, is_held: false }
}

/// The entry of a payment, and the reversing one of a reversed payment.
pub fn of_payment(payment: &Payment<'_>, position: u64, rows: &mut Rows, places: &Places) {
    let (kind, to, from) = match payment.kind {
        PaymentKind::Deposit => ("deposit", &*payment.account, "@cashier"),
        PaymentKind::Withdrawal => ("withdrawal", "@cashier", &*payment.account),
        PaymentKind::Adjustment => ("adjustment", &*payment.account, "@adjustments"),
    };
    let entry = format!("payments/{}/{}", payment.origin.provider, payment.payment_id);
    let mut booked = Entry {
        tenant: &payment.origin.tenant,
        name: format!("{entry}/{kind}"),
        to,
        from,
        currency: payment.currency,
        amount: payment.amount,
        topic: Topic::Payments,
        position,
        is_held: false,
    };
    push(&booked, rows, places);
    if payment.reversed {
        booked.name = format!("{entry}/reversal");
        booked.amount = -booked.amount;
        push(&booked, rows, places);
    }
}
