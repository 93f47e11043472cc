//! Currencies and the digits of their minor units.

use serde::{Deserialize, Serialize};

/// A currency: its code and how many digits its minor unit has. Self-contained, so that an amount can be written
/// without a table at hand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Currency {
    code: [u8; 7],
    exponent: u8,
}
