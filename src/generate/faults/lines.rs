//! Lines that are no records, and lines that only look bad.

use crate::generate::outbox::NO_INCIDENT;
use crate::generate::play::{House, Ticket};

impl House<'_> {
    pub(super) fn not_json(&mut self, ticket: Ticket, note: u32) {
        self.garbled(ticket, note, |line| line.truncate(line.len() * 3 / 5));
    }

    pub(super) fn not_utf8(&mut self, ticket: Ticket, note: u32) {
        self.garbled(ticket, note, |line| {
            if let Some(byte) = line.iter_mut().rev().nth(30) {
                *byte = 0xff;
            }
        });
    }

    /// A wager's line arrives broken and is sent again whole.
    fn garbled(&mut self, ticket: Ticket, note: u32, spoil: impl Fn(&mut Vec<u8>)) {
        let line = self.wager_line(&ticket);
        let mut bytes = Vec::new();
        let arrival_ms = self.now_ms + 5;
        self.cast.wager(&mut bytes, &line, Some(arrival_ms));
        spoil(&mut bytes);
        self.send_raw(0, &bytes, arrival_ms, note);
        self.books.reject("wagers", "-", None, "malformed");
        self.ordinary(ticket, NO_INCIDENT);
    }

    pub(super) fn wrong_shape(&mut self, ticket: Ticket, round: u64, note: u32) {
        let (id, at_ms) = (ticket.id, ticket.at_ms);
        let arrival_ms = self.arrival(at_ms);
        let account = self.cast.account(ticket.player);
        let game = &self.cast.games[ticket.game].id;
        let long = "x".repeat(129);
        let tail = format!("\"received_ms\":{arrival_ms}");
        let start = format!("{{\"wager_id\":\"w{id}\",\"account\":\"{account}\",\"game\":\"{game}\"");
        let text = match round % 12 {
            0 => format!("{start},\"stake\":\"1.00\",\"currency\":\"EUR\",{tail}}}"),
            1 => format!("{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":\"{at_ms}\",{tail}}}"),
            2 => format!("{start},\"stake\":1.00,\"currency\":\"EUR\",\"at_ms\":{at_ms},{tail}}}"),
            3 => format!(
                "{{\"wager_id\":\"w{id}\",\"account\":\"@house\",\"game\":\"{game}\",\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},{tail}}}"
            ),
            4 => format!(
                "{{\"wager_id\":\"\",\"account\":\"{account}\",\"game\":\"{game}\",\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},\"round\":\"r{id}\",{tail}}}"
            ),
            5 => format!(
                "{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},\"device\":\"{long}\",{tail}}}"
            ),
            6 => format!(
                "{start},\"stake\":\"1.00\",\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},{tail}}}"
            ),
            7 => format!("[{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},{tail}}}]"),
            8 => format!("{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":915148800000,{tail}}}"),
            9 => format!(
                "{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},\"revision\":-1,{tail}}}"
            ),
            10 => format!("{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms},{tail}}} {{}}"),
            _ => format!("{start},\"stake\":\"1.00\",\"currency\":\"EUR\",\"at_ms\":{at_ms}.0,{tail}}}"),
        };
        self.send_raw(0, text.as_bytes(), arrival_ms, note);
        self.books.reject("wagers", "-", None, "malformed");
        self.ordinary(ticket, NO_INCIDENT);
    }

    pub(super) fn empty_line(&mut self, ticket: Ticket, round: u64, note: u32) {
        let arrival_ms = self.arrival(ticket.at_ms);
        self.send_raw(
            (round % 3) as usize,
            if round.is_multiple_of(2) { b"" } else { b" \t " },
            arrival_ms,
            note,
        );
        self.ordinary(ticket, NO_INCIDENT);
    }

    /// A few lines of 100 kB, then shorter ones, so that files stay in proportion.
    pub(super) fn long_line(&mut self, ticket: Ticket, round: u64, note: u32) {
        self.book_stake(&ticket, None);
        let line = self.wager_line(&ticket);
        let arrival_ms = self.arrival(ticket.at_ms);
        let mut bytes = Vec::new();
        self.cast.wager(&mut bytes, &line, Some(arrival_ms));
        bytes.pop();
        bytes.extend_from_slice(b",\"note\":\"");
        bytes.extend(std::iter::repeat_n(b'.', if round < 8 { 100_000 } else { 1_000 }));
        bytes.extend_from_slice(b"\"}");
        self.send_raw(0, &bytes, arrival_ms, note);
        *self.books.unknown_fields.entry("note").or_default() += 1;
        let (due_ms, payout) = (ticket.due_ms, ticket.payout);
        self.end(&ticket, due_ms, payout, 0, NO_INCIDENT);
    }
}
