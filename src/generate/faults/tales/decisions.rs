//! What people decide: commands, and what comes of them.

use gyre_domain::records::Topic;

use super::desk::{Command, digest_of};
use super::{EURO, FAY, MINUTE, NELE, OSKAR, PAULA, SECOND, SLOTS, Tale};
use crate::generate::play::House;

impl House<'_> {
    pub(super) fn discarded(&mut self, tale: Tale) {
        let player = self.told(NELE);
        let ticket = self.bet(player, SLOTS, 2 * EURO, 0, self.now_ms + 30 * SECOND);
        let note = self.begin(tale, player, vec![format!("w{}", ticket.id)]);
        self.pays(player, "deposit", 20 * EURO, self.now_ms, note);
        self.plays(&ticket, note);
        let mut second = self.wager_line(&ticket);
        (second.stake, second.at_ms) = (3 * EURO, second.at_ms + 700);
        self.send_wager(&second, note);
        let mut bytes = Vec::new();
        self.cast.wager(&mut bytes, &second, None);
        let command = Command {
            kind: "discard",
            target: digest_of(Topic::Wagers, &bytes),
            reason: "the provider confirms the first",
            at_ms: self.now_ms + 3 * MINUTE,
            record: None,
        };
        self.desk.decide(command, "conflicting_duplicate", "discarded", note);
    }

    pub(super) fn amended(&mut self, tale: Tale) {
        let player = self.told(OSKAR);
        let ticket = self.bet(player, SLOTS, 2 * EURO, 10 * EURO, self.now_ms + 30 * SECOND);
        let note = self.begin(tale, player, vec![format!("w{}", ticket.id)]);
        self.pays(player, "deposit", 20 * EURO, self.now_ms, note);
        self.stakes_in(&ticket, ticket.id, note);
        let mut settle = self.settle_line(&ticket, ticket.due_ms, ticket.payout);
        settle.echo_stake = Some(20 * EURO);
        self.send_outcome(&settle, note);
        let (mut sent, mut right) = (Vec::new(), Vec::new());
        self.cast.outcome(&mut sent, &settle, None);
        settle.echo_stake = Some(ticket.stake);
        self.cast.outcome(&mut right, &settle, None);
        let command = Command {
            kind: "amend",
            target: digest_of(Topic::Outcomes, &sent),
            reason: "소수점 오류: 2.00이 맞음",
            at_ms: self.now_ms + 8 * MINUTE,
            record: Some(String::from_utf8_lossy(&right).into_owned()),
        };
        self.desk.decide(command, "stake_mismatch", "amended", note);
        self.pay_out(&ticket, ticket.due_ms, ticket.payout);
        self.settled(&ticket, ticket.payout);
    }

    pub(super) fn held_and_released(&mut self, tale: Tale) {
        let player = self.told(PAULA);
        let note = self.begin(tale, player, Vec::new());
        self.pays(player, "deposit", 20 * EURO, self.now_ms, note);
        for wager in 0..6 {
            let at_ms = self.now_ms + MINUTE + wager * 2 * MINUTE;
            let ticket = self.bet(player, SLOTS, EURO, EURO * 2 * (wager as i64 % 2), at_ms);
            self.plays(&ticket, note);
        }
        let target = format!("account:{}", self.cast.account(player));
        let command =
            |kind, reason, at_ms| Command { kind, target: target.clone(), reason, at_ms, record: None };
        let hold = command("hold", "신분 확인 중", self.now_ms + 2 * MINUTE);
        self.desk.decide(hold, "standing", "held", note);
        let release = command("release", "신분 확인 완료", self.now_ms + 22 * MINUTE);
        self.desk.decide(release, "held", "standing", note);
    }

    pub(super) fn held(&mut self, tale: Tale) {
        let player = self.told(FAY);
        let note = self.begin(tale, player, Vec::new());
        let command = Command {
            kind: "hold",
            target: format!("account:{}", self.cast.account(player)),
            reason: "ten wins of thirty, looked into tomorrow",
            at_ms: self.now_ms,
            record: None,
        };
        self.desk.decide(command, "standing", "held", note);
        self.books.held.insert(player, self.desk.paid_to(player));
    }

    pub(super) fn mistyped(&mut self, tale: Tale) {
        let player = self.told(NELE);
        let note = self.begin(tale, player, Vec::new());
        let command = Command {
            kind: "discard",
            target: digest_of(Topic::Wagers, b"a slip of the finger"),
            reason: "as above",
            at_ms: self.now_ms,
            record: None,
        };
        let id = self.desk.order(&command, note);
        self.books.reject("commands", "-", Some(id), "unknown_target");
    }
}
