//! Facts, money and rules of Gyre: values in, values out.
//!
//! This crate knows nothing of dataflow, ticks as they pass, clocks, files, async or logging. It says what a record
//! on the wire means, what is wrong with it, what a wager's few records amount to, which postings that makes, and
//! which figures follow.
//!
//! | word | 한국어 | meaning |
//! |---|---|---|
//! | wager | 베팅 | a stake accepted from a player for a round of a game |
//! | outcome | 결과 | what a game or match produced for a wager: `settle`, `cancel` or `unsettle` |
//! | payment | 입출금 | a deposit, withdrawal or adjustment of a player's balance |
//! | settlement | 정산 | the booking of a wager's payout |
//! | posting | 분개 | one leg of a double entry; an entry's postings sum to zero |
//! | balance | 잔액 | the sum of an account's postings in a currency and wallet |
//! | RTP | 환수율 | return to player: what a game paid back of what was staked |
//! | anomaly | 이상 징후 | something that looks wrong, kept while it does |
//! | rule | 규칙 | from where on something is an anomaly, and whether money is held for it |
//! | command | 명령 | what a person decided about a record or about money |
//! | reject | 거부 | a record set aside, with its cause |
//! | hold | 보류 | money kept from its player until released |
//! | quarantine | 격리 | where a record rests that did not mend |
//! | re-collection | 재수집 | asking the provider for a record again |
//! | agent tiers | 총판/매장 | partners between the house and its players |

pub mod anomaly;
pub mod cause;
pub mod commands;
pub mod cover;
pub mod currency;
pub mod decode;
pub mod integrity;
pub mod lifecycle;
pub mod money;
pub mod records;
pub mod rtp;
pub mod rules;
pub mod time;
