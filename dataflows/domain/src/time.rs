//! Times on the wire: integer milliseconds since 1970 UTC.

/// The first millisecond of 2000 UTC: no earlier time is sound.
pub const FIRST_MS: u64 = 946_684_800_000;
/// The first millisecond of 2100 UTC: no time from here on is sound.
pub const END_MS: u64 = 4_102_444_800_000;
