//! What is kept of a key that is simple: 64 bytes.

use crate::names::Names;

/// A settle stands here.
pub const SETTLED: u16 = 1;
/// Not simple: `account` is the number of a list.
pub const MANY: u16 = 2;
/// A free round.
pub const FREE: u16 = 4;
/// The wager (or payment) says the balance after it.
pub const CLAIM: u16 = 8;
/// The settle says the balance after it.
pub const SETTLE_CLAIM: u16 = 16;
/// Placed after its result was known.
pub const LATE: u16 = 32;
/// The payment was reversed.
pub const REVERSED: u16 = 64;
/// The payment is a withdrawal.
pub const WITHDRAWAL: u16 = 128;
/// The payment is an adjustment.
pub const ADJUSTMENT: u16 = 256;

/// The text of an id lies elsewhere.
pub const LONG: u8 = 255;

/// A wager with its settle, or a payment.
#[derive(Clone, Copy, Default)]
pub struct Slot {
    /// A text of up to 15 bytes behind its length; or 255 and, in the upper half, where the text lies with the round.
    pub id: u128,
    pub account: u32,
    pub game: u32,
    /// Or the payment's amount.
    pub stake: i64,
    pub payout: i64,
    /// `at_ms << 22 | realm`.
    pub placed: u64,
    /// `settled_at_ms << 22 | currency << 12 | flags`.
    pub settled: u64,
    pub line: u32,
    pub settle_line: u32,
}

impl Slot {
    #[inline]
    pub fn has(&self, flag: u16) -> bool {
        self.settled as u16 & flag != 0
    }

    pub fn set(&mut self, flags: u16) {
        self.settled |= u64::from(flags);
    }

    pub fn at_ms(&self) -> u64 {
        self.placed >> 22
    }

    pub fn realm(&self) -> u32 {
        self.placed as u32 & 0x3f_ffff
    }

    pub fn settled_at_ms(&self) -> u64 {
        self.settled >> 22
    }

    pub fn currency(&self) -> u16 {
        (self.settled >> 12) as u16 & 0x3ff
    }

    /// The wager's id.
    #[inline]
    pub fn id<'a>(&'a self, names: &'a Names) -> &'a [u8] {
        let bytes = bytemuck(&self.id);
        match bytes[0] {
            LONG => names.arena.pair((self.id >> 64) as u64).0,
            length => &bytes[1..1 + usize::from(length)],
        }
    }

    /// The wager's round.
    #[inline]
    pub fn round<'a>(&self, names: &'a Names) -> &'a [u8] {
        if self.id as u8 == LONG { names.arena.pair((self.id >> 64) as u64).1 } else { b"" }
    }
}

/// The bytes of an id; ids are made from little-endian bytes.
#[inline]
fn bytemuck(id: &u128) -> &[u8; 16] {
    const { assert!(cfg!(target_endian = "little")) };
    // SAFETY: a u128 is sixteen initialised bytes, and bytes need no alignment.
    unsafe { &*std::ptr::from_ref(id).cast() }
}
