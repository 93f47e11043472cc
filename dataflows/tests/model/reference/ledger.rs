//! Double entry: what each standing record books.

use std::collections::BTreeMap;

use super::life::Life;
use super::wire::Fact;

/// One side of an entry.
#[derive(Clone, Debug)]
pub struct Posting {
    pub tenant: String,
    pub entry: String,
    /// 0 is credited, 1 debited.
    pub leg: u8,
    pub account: String,
    /// `cash`, or `held` for the player.
    pub wallet: &'static str,
    pub currency: String,
    pub amount: i128,
    pub source: String,
}

/// Both legs of an entry; a zero amount books nothing.
fn entry(
    record: &Fact,
    name: String,
    currency: &str,
    amount: i128,
    credited: &str,
    debited: &str,
) -> Vec<Posting> {
    let leg = |leg, account: &str, amount| Posting {
        tenant: record.tenant.clone(),
        entry: name.clone(),
        leg,
        account: account.into(),
        wallet: "cash",
        currency: currency.into(),
        amount,
        source: record.position(),
    };
    match amount {
        0 => Vec::new(),
        _ => vec![leg(0, credited, amount), leg(1, debited, -amount)],
    }
}

/// What a payment moves towards its player; negative away from them.
pub fn payment_amount(payment: &Fact) -> i128 {
    let amount = payment.minor("amount", payment.text("currency")).unwrap_or_default();
    if payment.kind() == "withdrawal" { -amount } else { amount }
}

/// Whether a payment was taken back.
pub fn reversed(payment: &Fact) -> bool {
    payment.text("status") == "reversed"
}

/// Every posting that stands; payouts of wagers that are held go to the wallet `held`.
pub fn postings(lives: &[Life<'_>], payments: &[&Fact], is_held: impl Fn(&Fact) -> bool) -> Vec<Posting> {
    let mut postings = Vec::new();
    for life in lives {
        let (wager, currency) = (life.wager, life.currency());
        let player = wager.text("account");
        let path = format!("{}/{}", wager.provider, wager.key());
        postings.extend(entry(
            wager,
            format!("wagers/{path}/stake"),
            currency,
            life.stake(),
            "@house",
            player,
        ));
        for settle in &life.settles {
            let name = format!("outcomes/{path}/{}/payout", settle.outcome_id());
            let mut paid = entry(settle, name, currency, life.payout_of(settle), player, "@house");
            if is_held(wager) {
                paid.iter_mut()
                    .filter(|posting| posting.leg == 0)
                    .for_each(|posting| posting.wallet = "held");
            }
            postings.extend(paid);
        }
        if let Some(cancel) = life.cancel {
            let name = format!("outcomes/{path}/cancel");
            postings.extend(entry(cancel, name, currency, life.stake(), player, "@house"));
        }
    }
    for payment in payments {
        let (player, currency) = (payment.text("account"), payment.text("currency"));
        let other = if payment.kind() == "adjustment" { "@adjustments" } else { "@cashier" };
        let towards = payment_amount(payment);
        let (credited, debited) = if towards > 0 { (player, other) } else { (other, player) };
        let path = format!("payments/{}/{}", payment.provider, payment.key());
        let name = format!("{path}/{}", payment.kind());
        postings.extend(entry(payment, name, currency, towards.abs(), credited, debited));
        if reversed(payment) {
            postings.extend(entry(
                payment,
                format!("{path}/reversal"),
                currency,
                towards.abs(),
                debited,
                credited,
            ));
        }
    }
    postings
}

/// (tenant, account, currency, wallet) → balance.
pub type Balances = BTreeMap<(String, String, String, &'static str), i128>;

/// What every wallet holds.
pub fn balances(postings: &[Posting]) -> Balances {
    let mut balances = BTreeMap::new();
    for posting in postings {
        let key = (posting.tenant.clone(), posting.account.clone(), posting.currency.clone(), posting.wallet);
        *balances.entry(key).or_default() += posting.amount;
    }
    balances
}
