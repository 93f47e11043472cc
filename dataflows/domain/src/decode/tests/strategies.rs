//! Any sound record, for properties.

use proptest::prelude::*;

use super::*;
use crate::anomaly::Takes;
use crate::records::Spelt;

/// Any sound record of any topic.
pub(super) fn records() -> impl Strategy<Value = Record<'static>> {
    prop_oneof![wagers(), outcomes(), payments(), games(), accounts(), rules()]
}

fn wagers() -> impl Strategy<Value = Record<'static>> {
    (
        (origins(), texts(), texts(), texts(), minors(), known_currencies(), times()),
        (maybe(), any::<bool>(), maybe(), maybe(), maybe(), maybe(), maybe(), maybe()),
        prop::option::of(-999_999_999_999_999..1_000_000_000_000_000i64),
    )
        .prop_map(|(needed, options, balance_after)| {
            let (origin, wager_id, account, game, stake, currency, at_ms) = needed;
            let (round, free, channel, game_version, device, ip, payment_instrument, campaign) = options;
            Record::Wager(Wager {
                origin,
                wager_id,
                account,
                game,
                stake,
                currency,
                at_ms,
                round,
                free_round: free || stake == 0,
                channel,
                game_version,
                device,
                ip,
                payment_instrument,
                campaign,
                balance_after,
            })
        })
}

fn outcomes() -> impl Strategy<Value = Record<'static>> {
    let kinds = prop::sample::select(vec![OutcomeKind::Settle, OutcomeKind::Cancel, OutcomeKind::Unsettle]);
    (
        (origins(), texts(), texts(), kinds, times(), minors(), known_currencies()),
        (
            any::<bool>(),
            quantities(),
            maybe(),
            maybe(),
            quantities(),
            prop::option::of(times()),
            quantities(),
        ),
    )
        .prop_map(|(needed, options)| {
            let (origin, wager_id, outcome_id, kind, at_ms, payout, currency) = needed;
            let (with_currency, echo, account, game, stake, known_ms, balance_after) = options;
            let with_currency = with_currency || kind == OutcomeKind::Settle;
            let exact = parse_quantity(&crate::money::decimal(payout.into(), currency.exponent()), false);
            Record::Outcome(Outcome {
                origin,
                wager_id,
                kind,
                at_ms,
                account,
                game,
                stake,
                known_ms,
                outcome_id: if kind == OutcomeKind::Cancel { Cow::Borrowed(UNSAID) } else { outcome_id },
                payout: if with_currency { exact } else { echo },
                currency: with_currency.then_some(currency),
                balance_after: balance_after
                    .filter(|claim| !with_currency || claim.minor(currency.exponent()).is_some()),
            })
        })
}

fn payments() -> impl Strategy<Value = Record<'static>> {
    let kinds =
        prop::sample::select(vec![PaymentKind::Deposit, PaymentKind::Withdrawal, PaymentKind::Adjustment]);
    (
        (origins(), texts(), texts(), kinds, minors(), known_currencies(), times()),
        (any::<bool>(), any::<bool>(), maybe(), prop::option::of(minors())),
    )
        .prop_map(|(needed, (negative, reversed, payment_instrument, balance_after))| {
            let (origin, payment_id, account, kind, amount, currency, at_ms) = needed;
            let negative = negative && kind == PaymentKind::Adjustment;
            Record::Payment(Payment {
                origin,
                payment_id,
                account,
                kind,
                currency,
                at_ms,
                reversed,
                payment_instrument,
                balance_after,
                amount: if negative { -amount } else { amount },
            })
        })
}

fn rates() -> impl Strategy<Value = Text<'static>> {
    "[0-9]{1,9}(\\.[0-9]{1,9})?".prop_map(Cow::Owned)
}

fn effective_times() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), times()]
}

fn games() -> impl Strategy<Value = Record<'static>> {
    (
        (origins(), texts(), effective_times(), rates(), maybe()),
        (
            prop::option::of(rates()),
            prop::option::of(rates()),
            prop::option::of(0..=RESULT_DUE_MS_MAX as u64),
        ),
    )
        .prop_map(|(needed, (volatility, payout_max, result_due_ms))| {
            let (origin, game, effective_from_ms, rtp_theoretical, category) = needed;
            Record::Game(Game {
                origin,
                game,
                effective_from_ms,
                rtp_theoretical,
                category,
                volatility,
                payout_max,
                result_due_ms,
            })
        })
}

fn accounts() -> impl Strategy<Value = Record<'static>> {
    (origins(), texts(), effective_times(), known_currencies(), maybe(), maybe()).prop_map(
        |(origin, account, effective_from_ms, currency, partner, tier)| {
            let origin = Origin { provider: Cow::Borrowed(UNSAID), ..origin };
            Record::Account(Account { origin, account, effective_from_ms, currency, partner, tier })
        },
    )
}

fn rules() -> impl Strategy<Value = Record<'static>> {
    let kinds = prop::sample::select(AnomalyKind::ALL.to_vec());
    let actions = prop::sample::select(vec![Action::Flag, Action::Hold]);
    let bounds = prop::array::uniform3(any::<u64>());
    (origins(), kinds, maybe(), effective_times(), actions, bounds).prop_map(
        |(origin, kind, version, effective_from_ms, action, bounds)| {
            let version = version.map_or_else(String::new, |version| format!("/{version}"));
            let thresholds = kind.thresholds().iter().zip(bounds);
            Record::Rule(Rule {
                origin: Origin { provider: Cow::Borrowed(UNSAID), ..origin },
                rule: format!("{}{version}", kind.name()).into(),
                effective_from_ms,
                kind,
                thresholds: thresholds.map(|(threshold, any)| spelt(&threshold.takes, any)).collect(),
                action,
            })
        },
    )
}

fn spelt(takes: &Takes, any: u64) -> Spelt<'static> {
    let within =
        |range: &std::ops::RangeInclusive<u64>| range.start() + any % (range.end() - range.start() + 1);
    match takes {
        Takes::Whole { range, step } => Spelt::Whole(within(range) / step * step),
        Takes::Decimal { range, digits } => {
            Spelt::Decimal(crate::money::decimal(within(range).into(), *digits as u8).into())
        }
    }
}

fn texts() -> impl Strategy<Value = Text<'static>> {
    let any = prop_oneof![3 => "[a-z0-9-]{1,20}", 1 => "\\PC{1,20}", 1 => "[\0-\u{1f}\"\\\\/é🎲]{1,20}"];
    any.prop_filter("not an account of the house", |text| !text.starts_with('@')).prop_map(Cow::Owned)
}

fn maybe() -> impl Strategy<Value = Option<Text<'static>>> {
    prop::option::of(texts())
}

fn times() -> impl Strategy<Value = u64> {
    crate::time::FIRST_MS..crate::time::END_MS
}

fn minors() -> impl Strategy<Value = i64> {
    prop_oneof![0..1_000i64, 0..1_000_000_000_000_000i64]
}

fn quantities() -> impl Strategy<Value = Option<Quantity>> {
    prop::option::of((minors(), 0..20u8).prop_map(|(digits, scale)| {
        let normalised = (0..scale).try_fold((digits, scale), |(digits, scale), _| {
            if digits % 10 == 0 { Ok((digits / 10, scale - 1)) } else { Err((digits, scale)) }
        });
        let (digits, scale) = normalised.unwrap_or_else(|stop| stop);
        Quantity { digits, scale }
    }))
}

fn known_currencies() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["KRW", "EUR", "KWD", "CLF", "USDT", "BTC", "ETH"])
        .prop_map(|code| Currencies::default().get(code).unwrap())
}

fn origins() -> impl Strategy<Value = Origin<'static>> {
    let unsaid = || prop_oneof![Just(Cow::Borrowed(UNSAID)), texts()];
    let revisions = prop_oneof![Just(0), 0..=i64::MAX];
    (unsaid(), unsaid(), revisions, prop::option::of(times())).prop_map(
        |(tenant, provider, revision, received_ms)| Origin { tenant, provider, revision, received_ms },
    )
}
