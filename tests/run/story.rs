//! What happens at an operator, from a seed: wagers, outcomes, payments and commands, with every kind of trouble.

use std::time::{SystemTime, UNIX_EPOCH};

/// The receipt that every line says; a replay of them says the tick in its place.
pub const RECEIVED: &str = "\"received_ms\":1700000000000";

/// Draws from a seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// See the module.
pub struct Story {
    dice: Dice,
    wagers: u64,
    /// Lines may be no JSON at all.
    has_malformed: bool,
    /// Outcomes that are still to come.
    waiting: Vec<(&'static str, String)>,
}

pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis() as u64
}

impl Story {
    pub fn new(seed: u64, has_malformed: bool) -> Self {
        Self { dice: Dice::new(seed), wagers: 0, has_malformed, waiting: Vec::new() }
    }

    /// Games and accounts, which come first.
    pub fn references() -> Vec<(&'static str, String)> {
        let game = |n: u64| {
            let text = format!(
                r#"{{"game":"g{n}","rtp_theoretical":"0.95","volatility":"2","payout_max":"50",{RECEIVED}}}"#
            );
            ("games", text)
        };
        (0..3).map(game).collect()
    }

    /// What happens next: lines of files.
    pub fn next(&mut self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        for _ in 0..1 + self.dice.below(20) {
            self.wager(&mut lines);
        }
        for _ in 0..self.dice.below(15) {
            if !self.waiting.is_empty() {
                let at = self.dice.below(self.waiting.len() as u64) as usize;
                lines.push(self.waiting.swap_remove(at));
            }
        }
        if self.dice.chance(40) {
            let (n, kind) = (self.dice.next(), if self.dice.chance(70) { "deposit" } else { "withdrawal" });
            let (account, at_ms) = (self.dice.below(9), now_ms());
            lines.push(("payments", format!(
                r#"{{"payment_id":"p{n}","account":"a{account}","kind":"{kind}","amount":"{}","currency":"KRW","at_ms":{at_ms},{RECEIVED}}}"#,
                100 + n % 5_000
            )));
        }
        if self.dice.chance(10) {
            let (n, kind) = (self.dice.next(), if self.dice.chance(50) { "hold" } else { "release" });
            let (account, at_ms) = (self.dice.below(9), now_ms());
            lines.push(("commands", format!(
                r#"{{"command_id":"c{n}","kind":"{kind}","target":"account:a{account}","actor":"kim","reason":"r","at_ms":{at_ms},{RECEIVED}}}"#
            )));
        }
        if self.has_malformed && self.dice.chance(30) {
            let again = self.dice.below(3);
            lines.push(("payments", format!("no JSON {again}")));
        }
        lines
    }

    fn wager(&mut self, lines: &mut Vec<(&'static str, String)>) {
        self.wagers += 1;
        let (n, account) = (self.wagers, self.dice.below(9));
        let game = if self.dice.chance(3) { 9 } else { self.dice.below(3) };
        let stake = 10 + self.dice.below(200);
        let at_ms = now_ms() - self.dice.below(300);
        let more = match self.dice.below(5) {
            0 => format!(r#","device":"d{}""#, account / 3),
            1 => format!(r#","round":"r{}""#, n / 4),
            2 => format!(r#","balance_after":"{}""#, self.dice.below(5_000)),
            _ => String::new(),
        };
        let wager = |stake: &str, more: &str| {
            format!(
                r#"{{"wager_id":"w{n}","account":"a{account}","game":"g{game}","stake":"{stake}","currency":"KRW","at_ms":{at_ms},{RECEIVED}{more}}}"#
            )
        };
        let stake_text = stake.to_string();
        lines.push(("wagers", wager(&stake_text, &more)));
        match self.dice.below(30) {
            // The same once more, in other bytes; another of the same name; money that is none.
            0 => lines.push(("wagers", wager(&stake_text, &more).replace("\"game\":", "\"game\": "))),
            1 => lines.push(("wagers", wager(&(stake + 1).to_string(), &more))),
            2 => lines.push(("wagers", wager(&stake_text, &more).replace("KRW", "KRWW"))),
            3 => lines.push(("wagers", wager("1.5", &more))),
            _ => {}
        }
        self.outcomes(n, at_ms, lines);
    }

    fn outcomes(&mut self, n: u64, at_ms: u64, lines: &mut Vec<(&'static str, String)>) {
        let payout = if self.dice.chance(60) { 0 } else { self.dice.below(600) };
        let at_ms = at_ms + self.dice.below(200);
        let outcome = |kind: &str, more: &str| {
            format!(r#"{{"wager_id":"w{n}","kind":"{kind}","at_ms":{at_ms},{RECEIVED}{more}}}"#)
        };
        let settle = outcome("settle", &format!(r#","payout":"{payout}","currency":"KRW""#));
        match self.dice.below(20) {
            // Never; before its wager is read, perhaps; of a wager that comes later, or never.
            0 => {}
            1 => lines.insert(0, ("outcomes", settle)),
            2 => self.waiting.push(("outcomes", settle.replace(&format!("w{n}"), &format!("w{}", n + 40)))),
            3 => {
                self.waiting.push(("outcomes", settle));
                self.waiting.push(("outcomes", outcome("cancel", "")));
            }
            4 => self.waiting.push(("outcomes", outcome("cancel", ""))),
            5 => {
                let more = format!(r#","payout":"{}","currency":"KRW""#, payout + 7);
                self.waiting.push(("outcomes", outcome("settle", &more)));
                self.waiting.push(("outcomes", settle));
            }
            6 => {
                self.waiting.push(("outcomes", settle.clone()));
                self.waiting.push(("outcomes", settle));
            }
            _ => self.waiting.push(("outcomes", settle)),
        }
    }
}
