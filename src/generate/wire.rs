//! Lines of the wire, written by hand: this is the generator's inner loop.

use super::games::{Game, Terms};

/// A currency as the generator plays it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Money {
    /// ISO 4217 or crypto code.
    pub code: &'static str,
    /// Digits of the minor unit.
    pub exponent: u32,
    /// A small typical stake, minor units, a multiple of 100.
    pub stake: i64,
}

/// The currencies players hold; the first is by far the commonest.
pub const CURRENCIES: [Money; 4] = [
    Money { code: "EUR", exponent: 2, stake: 100 },
    Money { code: "KRW", exponent: 0, stake: 1_000 },
    Money { code: "KWD", exponent: 3, stake: 500 },
    Money { code: "BTC", exponent: 8, stake: 2_000 },
];

/// Who sends the records of games; payments come from [`CASHIER`].
pub const PROVIDERS: [&str; 4] = ["aurora", "borealis", "cadenza", "-"];
/// How many of [`PROVIDERS`] have games in a house that is not plain.
pub const PROVIDERS_NAMED: usize = 3;
/// The provider of a plain house: the default, not written.
pub const PLAIN_PROVIDER: usize = 3;
/// Who sends payments, unless the house is plain.
pub const CASHIER: &str = "paydesk";

/// What is put into a record instead of, or beside, what belongs there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Twist {
    /// Nothing: the record is as it should be.
    None,
    /// Another spelling of stake, payout or amount.
    Amount(&'static str),
    /// Another currency.
    Currency(&'static str),
    /// Another game.
    Game(&'static str),
    /// Another account.
    Account(&'static str),
    /// Another kind.
    Kind(&'static str),
    /// One more field.
    Field(&'static str),
}

/// A wager line.
#[derive(Clone, Copy, Debug)]
pub struct WagerLine {
    /// Number of the wager.
    pub id: u64,
    /// Index of the player.
    pub player: usize,
    /// Index of the game.
    pub game: usize,
    /// Minor units.
    pub stake: i64,
    /// When it is placed.
    pub at_ms: u64,
    /// Number of its round.
    pub round: u64,
    /// Of this identity.
    pub revision: u32,
    /// Not paid for by the player.
    pub free_round: bool,
    /// `balance_after` in minor units.
    pub claim: Option<i64>,
    /// What is wrong with it.
    pub twist: Twist,
}

/// An outcome line.
#[derive(Clone, Copy, Debug)]
pub struct OutcomeLine {
    /// Number of the wager.
    pub id: u64,
    /// `outcome_id`, where there is one.
    pub part: Option<&'static str>,
    /// `settle`, `cancel` or `unsettle`.
    pub kind: &'static str,
    /// Index of the wager's player.
    pub player: usize,
    /// Index of the wager's game.
    pub game: usize,
    /// Minor units of `currency`; of settles.
    pub payout: Option<i64>,
    /// Of the payout.
    pub currency: Money,
    /// When it was so.
    pub at_ms: u64,
    /// Of this identity.
    pub revision: u32,
    /// Echo of the player.
    pub echo_player: Option<usize>,
    /// Echo of the game.
    pub echo_game: Option<usize>,
    /// Echo of the stake in minor units of the player's currency.
    pub echo_stake: Option<i64>,
    /// When the result was known.
    pub known_ms: Option<u64>,
    /// `balance_after` in minor units of the player's currency.
    pub claim: Option<i64>,
    /// What is wrong with it.
    pub twist: Twist,
}

/// A payment line.
#[derive(Clone, Copy, Debug)]
pub struct PaymentLine {
    /// Number of the payment.
    pub id: u64,
    /// Index of the player.
    pub player: usize,
    /// `deposit`, `withdrawal` or `adjustment`.
    pub kind: &'static str,
    /// Minor units.
    pub amount: i64,
    /// When it was made.
    pub at_ms: u64,
    /// Of this identity.
    pub revision: u32,
    /// `status`, where it is written.
    pub status: Option<&'static str>,
    /// `balance_after` in minor units.
    pub claim: Option<i64>,
    /// What is wrong with it.
    pub twist: Twist,
}

/// What lines refer to: names of players and games, and whether only required fields are written.
pub struct Cast {
    /// Games by index.
    pub games: Vec<Game>,
    /// Currency of each player.
    pub currencies: Vec<u8>,
    /// Names of the first players; the others have numbers.
    pub names: &'static [&'static str],
    /// No optional fields.
    pub plain: bool,
    /// Players who pay with what is another's.
    pub shared: Vec<(usize, usize)>,
}

impl Cast {
    /// The currency of a player.
    pub fn money(&self, player: usize) -> Money {
        CURRENCIES[usize::from(self.currencies[player])]
    }

    /// The provider of a game.
    pub fn provider(&self, game: usize) -> &'static str {
        PROVIDERS[self.games[game].provider]
    }

    /// The provider of payments.
    pub fn cashier(&self) -> &'static str {
        if self.plain { "-" } else { CASHIER }
    }

    /// A player's account id.
    pub fn account(&self, player: usize) -> String {
        let mut name = Vec::new();
        self.push_account(&mut name, player);
        String::from_utf8_lossy(&name).into_owned()
    }

    fn push_account(&self, line: &mut Vec<u8>, player: usize) {
        if let Some(name) = self.names.get(player) {
            line.extend_from_slice(name.as_bytes());
            return;
        }
        line.push(b'p');
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(player);
        line.extend_from_slice(&b"000000"[digits.len().min(6)..]);
        line.extend_from_slice(digits.as_bytes());
    }

    /// Writes a wager. `received_ms` where the house says when it received.
    pub fn wager(&self, line: &mut Vec<u8>, wager: &WagerLine, received_ms: Option<u64>) {
        let money = self.money(wager.player);
        open(line, self.provider(wager.game));
        text(line, "\"wager_id\":\"w");
        number(line, wager.id);
        text(line, "\",\"account\":\"");
        match wager.twist {
            Twist::Account(account) => text(line, account),
            _ => self.push_account(line, wager.player),
        }
        text(line, "\",\"game\":\"");
        match wager.twist {
            Twist::Game(game) => text(line, game),
            _ => text(line, &self.games[wager.game].id),
        }
        self.amount(line, "\",\"stake\":\"", wager.stake, money, wager.twist);
        time(line, "\",\"at_ms\":", wager.at_ms);
        if !self.plain {
            self.circumstances(line, wager);
        }
        if let Some(claim) = wager.claim {
            text(line, ",\"balance_after\":\"");
            decimal(line, claim, money.exponent);
            line.push(b'"');
        }
        close(line, wager.revision, wager.twist, received_ms);
    }

    /// The optional fields of a wager: a function of player and wager, so that copies are equal.
    fn circumstances(&self, line: &mut Vec<u8>, wager: &WagerLine) {
        let player = wager.player as u64;
        text(line, ",\"round\":\"r");
        number(line, wager.round);
        if wager.free_round {
            text(line, "\",\"free_round\":true,\"channel\":\"");
        } else {
            text(line, "\",\"channel\":\"");
        }
        text(line, ["web", "ios", "android"][(player % 3) as usize]);
        line.push(b'"');
        if wager.id % 4 == 1 {
            text(line, ",\"game_version\":\"2.");
            number(line, wager.game as u64 % 10);
            line.push(b'"');
        }
        text(line, ",\"device\":\"d");
        // One player in two hundred plays on the device of the one before.
        number(line, (player - u64::from(player % 200 == 77)) * 7_919 + 100_003);
        line.push(b'"');
        if wager.id % 2 == 1 {
            text(line, ",\"ip\":\"10.");
            number(line, player >> 16 & 255);
            line.push(b'.');
            number(line, player >> 8 & 255);
            line.push(b'.');
            number(line, player & 255);
            line.push(b'"');
        }
        if wager.id % 8 == 3 {
            self.instrument(line, wager.player);
        }
        if wager.free_round || player % 16 == 5 {
            text(line, ",\"campaign\":\"welcome\"");
        }
    }

    /// What a player pays with.
    fn instrument(&self, line: &mut Vec<u8>, player: usize) {
        let other = self.shared.iter().find(|(own, _)| *own == player);
        let owner = other.map_or(player, |(_, other)| *other) as u64;
        text(line, ",\"payment_instrument\":\"");
        text(line, if owner.is_multiple_of(4) { "iban-" } else { "card-" });
        number(line, owner * 104_729 + 1_000_003);
        line.push(b'"');
    }

    /// Writes an outcome.
    pub fn outcome(&self, line: &mut Vec<u8>, outcome: &OutcomeLine, received_ms: Option<u64>) {
        let wagered = self.money(outcome.player);
        open(line, self.provider(outcome.game));
        text(line, "\"wager_id\":\"w");
        number(line, outcome.id);
        if let Some(part) = outcome.part {
            text(line, "\",\"outcome_id\":\"");
            text(line, part);
        }
        text(line, "\",\"kind\":\"");
        match outcome.twist {
            Twist::Kind(kind) => text(line, kind),
            _ => text(line, outcome.kind),
        }
        if let Some(payout) = outcome.payout {
            self.amount(line, "\",\"payout\":\"", payout, outcome.currency, outcome.twist);
        }
        time(line, "\",\"at_ms\":", outcome.at_ms);
        if let Some(player) = outcome.echo_player {
            text(line, ",\"account\":\"");
            self.push_account(line, player);
            line.push(b'"');
        }
        if let Some(game) = outcome.echo_game {
            text(line, ",\"game\":\"");
            text(line, &self.games[game].id);
            line.push(b'"');
        }
        if let Some(stake) = outcome.echo_stake {
            text(line, ",\"stake\":\"");
            decimal(line, stake, wagered.exponent);
            line.push(b'"');
        }
        if let Some(known_ms) = outcome.known_ms {
            time(line, ",\"known_ms\":", known_ms);
        }
        if let Some(claim) = outcome.claim {
            text(line, ",\"balance_after\":\"");
            decimal(line, claim, wagered.exponent);
            line.push(b'"');
        }
        close(line, outcome.revision, outcome.twist, received_ms);
    }

    /// Writes a payment.
    pub fn payment(&self, line: &mut Vec<u8>, payment: &PaymentLine, received_ms: Option<u64>) {
        let money = self.money(payment.player);
        open(line, self.cashier());
        text(line, "\"payment_id\":\"t");
        number(line, payment.id);
        text(line, "\",\"account\":\"");
        match payment.twist {
            Twist::Account(account) => text(line, account),
            _ => self.push_account(line, payment.player),
        }
        text(line, "\",\"kind\":\"");
        match payment.twist {
            Twist::Kind(kind) => text(line, kind),
            _ => text(line, payment.kind),
        }
        self.amount(line, "\",\"amount\":\"", payment.amount, money, payment.twist);
        time(line, "\",\"at_ms\":", payment.at_ms);
        if let Some(status) = payment.status {
            text(line, ",\"status\":\"");
            text(line, status);
            line.push(b'"');
        }
        if !self.plain {
            self.instrument(line, payment.player);
        }
        if let Some(claim) = payment.claim {
            text(line, ",\"balance_after\":\"");
            decimal(line, claim, money.exponent);
            line.push(b'"');
        }
        close(line, payment.revision, payment.twist, received_ms);
    }

    /// Writes one row of a game.
    pub fn game(&self, line: &mut Vec<u8>, game: &Game, terms: &Terms) {
        open(line, PROVIDERS[game.provider]);
        text(line, "\"game\":\"");
        text(line, &game.id);
        line.push(b'"');
        if terms.from_ms > 0 {
            time(line, ",\"effective_from_ms\":", terms.from_ms);
        }
        text(line, ",\"rtp_theoretical\":\"");
        decimal(line, (terms.rtp_e9 / 100_000) as i64, 4);
        text(line, "\",\"category\":\"");
        text(line, game.category);
        text(line, "\",\"volatility\":\"");
        decimal(line, terms.volatility_e6 as i64, 6);
        text(line, "\",\"payout_max\":\"");
        number(line, terms.payout_max);
        line.push(b'"');
        if let Some(due_ms) = game.result_due_ms {
            time(line, ",\"result_due_ms\":", due_ms);
        }
        line.push(b'}');
    }

    /// Writes the row of a player's account.
    pub fn player(&self, line: &mut Vec<u8>, player: usize, from_ms: u64) {
        text(line, "{\"account\":\"");
        self.push_account(line, player);
        time(line, "\",\"effective_from_ms\":", from_ms);
        text(line, ",\"currency\":\"");
        text(line, self.money(player).code);
        text(line, "\",\"partner\":\"partner-");
        number(line, player as u64 % 9 + 1);
        text(line, "\",\"tier\":\"");
        text(line, ["bronze", "bronze", "bronze", "silver", "gold"][player % 5]);
        text(line, "\"}");
    }

    fn amount(&self, line: &mut Vec<u8>, field: &str, minor: i64, money: Money, twist: Twist) {
        text(line, field);
        match twist {
            Twist::Amount(spelling) => text(line, spelling),
            _ => decimal(line, minor, money.exponent),
        }
        text(line, "\",\"currency\":\"");
        match twist {
            Twist::Currency(code) => text(line, code),
            _ => text(line, money.code),
        }
    }
}

fn open(line: &mut Vec<u8>, provider: &str) {
    line.push(b'{');
    if provider != "-" {
        text(line, "\"provider\":\"");
        text(line, provider);
        text(line, "\",");
    }
}

fn close(line: &mut Vec<u8>, revision: u32, twist: Twist, received_ms: Option<u64>) {
    if revision > 0 {
        text(line, ",\"revision\":");
        number(line, u64::from(revision));
    }
    if let Twist::Field(field) = twist {
        line.push(b',');
        text(line, field);
    }
    if let Some(received_ms) = received_ms {
        time(line, ",\"received_ms\":", received_ms);
    }
    line.push(b'}');
}

fn text(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(text.as_bytes());
}

fn number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn time(line: &mut Vec<u8>, field: &str, at_ms: u64) {
    text(line, field);
    number(line, at_ms);
}

/// Writes an integer of minor units with exactly `exponent` digits behind the point.
pub fn decimal(line: &mut Vec<u8>, minor: i64, exponent: u32) {
    wide_decimal(line, i128::from(minor), exponent);
}

/// [`decimal`] for sums.
pub fn wide_decimal(line: &mut Vec<u8>, minor: i128, exponent: u32) {
    if minor < 0 {
        line.push(b'-');
    }
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(minor.unsigned_abs()).as_bytes();
    let exponent = exponent as usize;
    if exponent == 0 {
        line.extend_from_slice(digits);
        return;
    }
    let whole = digits.len().saturating_sub(exponent);
    line.extend_from_slice(if whole == 0 { b"0" } else { &digits[..whole] });
    line.push(b'.');
    line.extend(std::iter::repeat_n(b'0', exponent.saturating_sub(digits.len())));
    line.extend_from_slice(&digits[whole..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_carry_exactly_their_currency_s_digits() {
        for (minor, exponent, want) in [
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (-5, 2, "-0.05"),
            (12_345, 2, "123.45"),
            (-12_345, 0, "-12345"),
            (50, 8, "0.00000050"),
            (1_000, 3, "1.000"),
        ] {
            let mut line = Vec::new();
            decimal(&mut line, minor, exponent);
            assert_eq!(String::from_utf8_lossy(&line), want);
        }
    }
}
