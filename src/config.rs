//! The config file: TOML, every fault in one pass, each with line, column, snippet and what to write instead.
//!
//! `SETTINGS` says what there is; the file is walked against it by hand, because a deserializer stops at the first
//! fault. What is not set keeps its default, and what is not known is a fault, never ignored.
//!
//! ```text
//! error: there is no setting `tick_mss` in [time]
//!   --> gyre.toml:2:1
//!    |
//!  2 | tick_mss = 100
//!    | ^^^^^^^^
//!   help: did you mean `tick_ms`?
//! ```

use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::{fs, io};

use gyre_domain::currency::{Currencies, CurrencyError, EXPONENT_MAX};
use gyre_domain::rules::Rules;
use jiff::tz::{TimeZone, db};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Domain, Error, Result, unreadable};
use crate::table::{Align, Table, width};
use crate::texts::{Key, Lang, Phrase};

/// What a config file comes to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// What records are judged by.
    pub rules: Rules,
    /// Whether `postings.jsonl` is written.
    pub postings: bool,
}

/// The ticks a command line may ask for, as the config does.
pub const TICK_MS: RangeInclusive<u64> = 1..=HOUR_MS;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Ten years: longer spans are slips of the pen.
const SPAN_MS_MAX: u64 = 3_650 * DAY_MS;

/// The section whose names are free: currency codes.
const CURRENCIES: &str = "currencies";

/// One setting: where it stands, what it takes, what it is for.
struct Setting {
    section: &'static str,
    name: &'static str,
    about: Key,
    kind: Kind,
}

/// What a setting takes, and where it goes.
enum Kind {
    /// A whole number of milliseconds.
    Span { range: RangeInclusive<u64>, step: u64, field: fn(&mut Config) -> &mut u64 },
    /// A whole number of things.
    Count { range: RangeInclusive<u64>, field: fn(&mut Config) -> &mut u64 },
    /// A decimal number in quotes, kept as thousandths.
    Thousandths { range: RangeInclusive<u32>, field: fn(&mut Config) -> &mut u32 },
    /// The name of a time zone.
    Zone { field: fn(&mut Config) -> &mut String },
    /// Yes or no.
    Flag { field: fn(&mut Config) -> &mut bool },
}

/// A setting that is a number of milliseconds in the rules.
macro_rules! span {
    ($section:literal, $name:literal, $about:ident, $range:expr, $step:expr, $field:ident) => {
        Setting {
            section: $section,
            name: $name,
            about: Key::$about,
            kind: Kind::Span { range: $range, step: $step, field: |config| &mut config.rules.$field },
        }
    };
}

/// Every setting, in the order in which they are shown. `[currencies]` stands beside it.
#[rustfmt::skip]
static SETTINGS: &[Setting] = &[
    span!("time", "tick_ms", AboutTick, TICK_MS, 1, tick_ms),
    span!("time", "horizon_ms", AboutHorizon, 1_000..=SPAN_MS_MAX, 1, horizon_ms),
    span!("time", "horizon_open_ms", AboutHorizonOpen, 1_000..=SPAN_MS_MAX, 1, horizon_open_ms),
    span!("time", "skew_ms_max", AboutSkew, 0..=DAY_MS, 1, skew_ms_max),
    span!("time", "gap_ms_max", AboutGap, 1_000..=SPAN_MS_MAX, 1, gap_ms_max),
    span!("time", "result_due_ms", AboutResultDue, 0..=SPAN_MS_MAX, 1, result_due_ms),
    Setting { section: "time", name: "gaming_day_zone", about: Key::AboutZone,
              kind: Kind::Zone { field: |config| &mut config.rules.gaming_day_zone } },
    Setting { section: "rtp", name: "band_z", about: Key::AboutBand,
              kind: Kind::Thousandths { range: 1..=100_000, field: |config| &mut config.rules.rtp_band_z } },
    span!("anomalies.velocity", "window_ms", AboutVelocityWindow, MINUTE_MS..=DAY_MS, MINUTE_MS, velocity_window_ms),
    Setting { section: "anomalies.velocity", name: "wagers_max", about: Key::AboutVelocityMax,
              kind: Kind::Count { range: 1..=1_000_000, field: |config| &mut config.rules.velocity_wagers_max } },
    Setting { section: "anomalies.stake_spike", name: "score_max", about: Key::AboutSpikeScore,
              kind: Kind::Thousandths { range: 1..=1_000_000, field: |config| &mut config.rules.spike_score_max } },
    Setting { section: "anomalies.stake_spike", name: "wagers_min", about: Key::AboutSpikeMin,
              kind: Kind::Count { range: 2..=64, field: |config| &mut config.rules.spike_wagers_min } },
    Setting { section: "outputs", name: "postings", about: Key::AboutPostings,
              kind: Kind::Flag { field: |config| &mut config.postings } },
];

impl Setting {
    /// `section.name`.
    fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The setting's value as the file spells it.
    fn spelling(&self, config: &Config) -> String {
        // Fields are reached by `&mut` only, so that each is named once; the copy is a few words.
        let mut config = config.clone();
        match &self.kind {
            Kind::Span { field, .. } | Kind::Count { field, .. } => field(&mut config).to_string(),
            Kind::Thousandths { field, .. } => format!("\"{}\"", decimal(*field(&mut config))),
            Kind::Zone { field } => format!("\"{}\"", field(&mut config)),
            Kind::Flag { field } => field(&mut config).to_string(),
        }
    }
}

/// Reads the config at `path`.
///
/// # Errors
/// Exit 2 with every fault of the file, or where there is no such file; exit 3 where it cannot be read.
pub fn load(path: &Path) -> Result<Config> {
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let what = Phrase::new(Key::ConfigMissing).with("path", path.display());
            Error::usage(Domain::Config, what).help(Key::ConfigMissingHelp)
        }
        _ => unreadable(path, &error),
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to() + 1;
        let what = Phrase::new(Key::ConfigNotText).with("path", path.display()).with("byte", byte);
        Error::usage(Domain::Config, what).help(Key::ConfigNotTextHelp)
    })?;
    parse(&path.display().to_string(), &text).map_err(Error::config)
}

/// Reads a config from `text`; `name` is what faults call it.
///
/// # Errors
/// All faults of the text, in its order.
pub fn parse(name: &str, text: &str) -> Result<Config, Report> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut walk = Walk { config: Config::default(), findings: Vec::new(), horizon: None, open: None };
    walk.table(root.get_ref(), "");
    walk.check_horizons();
    let mut findings = walk.findings;
    // A line that is not TOML is parsed as well as can be; what else seems wrong with it is noise.
    let broken: Vec<usize> =
        errors.iter().filter_map(toml::de::Error::span).map(|span| line_of(text, span.start)).collect();
    findings.retain(|finding| !broken.contains(&line_of(text, finding.span.start)));
    findings.extend(errors.iter().map(|error| Finding {
        span: error.span().unwrap_or(0..0),
        what: Phrase::new(Key::ConfigSyntax).with("text", error.message()),
        fix: Key::ConfigSyntaxHelp.into(),
    }));
    if findings.is_empty() {
        return Ok(walk.config);
    }
    findings.sort_by_key(|finding| finding.span.start);
    Err(Report { name: name.to_owned(), text: text.to_owned(), findings })
}

/// The settings in force, as a table; what differs from its default says so.
pub fn show(config: &Config, lang: Lang) -> String {
    let default = Config::default();
    let mut table = Table::new(&[Align::Left, Align::Left, Align::Left]);
    let mut section = "";
    for setting in SETTINGS {
        if setting.section != section {
            section = setting.section;
            table.section(format!("[{section}]"));
        }
        let (value, usual) = (setting.spelling(config), setting.spelling(&default));
        let mut about = setting.about.say(lang).to_owned();
        if value != usual {
            about += &format!(" ({})", Phrase::new(Key::Changed).with("text", usual).say(lang));
        }
        let value = match &setting.kind {
            Kind::Span { .. } => match value.parse().map(span_words) {
                Ok(words) if words != format!("{value} ms") => format!("{value} ({words})"),
                _ => value,
            },
            _ => value,
        };
        table.row([setting.name.to_owned(), value, about]);
    }
    if !config.rules.currencies.is_empty() {
        table.section(format!("[{CURRENCIES}]"));
        for (code, exponent) in &config.rules.currencies {
            table.row([code.clone(), exponent.to_string(), Key::AboutCurrency.say(lang).to_owned()]);
        }
    }
    table.render()
}

/// A walk through a file's tables, gathering values and faults.
struct Walk {
    config: Config,
    findings: Vec<Finding>,
    /// Where `horizon_ms` and `horizon_open_ms` are set, for the check between them.
    horizon: Option<Range<usize>>,
    open: Option<Range<usize>>,
}

impl Walk {
    fn fault(&mut self, span: Range<usize>, what: impl Into<Phrase>, fix: impl Into<Phrase>) {
        self.findings.push(Finding { span, what: what.into(), fix: fix.into() });
    }

    /// A table at `section` ("" is the root).
    fn table(&mut self, table: &DeTable<'_>, section: &str) {
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref();
            let path = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            if section == CURRENCIES {
                self.currency(name, key.span(), value);
            } else if let Some(setting) =
                SETTINGS.iter().find(|known| known.section == section && known.name == name)
            {
                self.setting(setting, value);
            } else if is_section(&path) {
                match value.get_ref() {
                    DeValue::Table(inner) => self.table(inner, &path),
                    other => {
                        let what =
                            Phrase::new(Key::NotSection).with("name", &path).with("found", spelling(other));
                        self.fault(key.span(), what, Phrase::new(Key::NotSectionHelp).with("name", &path));
                    }
                }
            } else {
                self.unknown(name, section, key.span());
            }
        }
    }

    /// A name that is not known at `section`: the likeliest that is, here or elsewhere.
    fn unknown(&mut self, name: &str, section: &str, span: Range<usize>) {
        let what = match section {
            "" => Phrase::new(Key::UnknownSection).with("name", name),
            _ => Phrase::new(Key::UnknownSetting).with("name", name).with("section", section),
        };
        let here = names_in(section);
        let elsewhere = SETTINGS.iter().find(|known| known.name == name);
        let fix = if let Some(setting) = elsewhere {
            Phrase::new(Key::BelongsIn).with("name", name).with("section", setting.section)
        } else if let Some(near) = nearest(name, here.iter().map(String::as_str)) {
            Phrase::new(Key::DidYouMean).with("name", near)
        } else if let Some(near) = nearest(name, SETTINGS.iter().map(|known| known.name)) {
            let home = SETTINGS.iter().find(|known| known.name == near).map_or("", |known| known.section);
            Phrase::new(Key::BelongsIn).with("name", near).with("section", home)
        } else {
            Phrase::new(Key::KnownHere).with("names", here.join(", "))
        };
        self.fault(span, what, fix);
    }

    fn setting(&mut self, setting: &Setting, value: &Spanned<DeValue<'_>>) {
        let span = value.span();
        match &setting.kind {
            Kind::Span { range, step, field } => {
                if let Some(number) = self.whole(setting, value, range, true) {
                    if number % step != 0 {
                        let what = Phrase::new(Key::NotMultiple)
                            .with("name", setting.name)
                            .with("step", span_both(*step))
                            .with("found", number);
                        let near = (number / step * step).clamp(*range.start(), *range.end());
                        self.fault(span.clone(), what, assign(setting.name, near));
                    }
                    *field(&mut self.config) = number;
                    match setting.name {
                        "horizon_ms" => self.horizon = Some(span),
                        "horizon_open_ms" => self.open = Some(span),
                        _ => {}
                    }
                }
            }
            Kind::Count { range, field } => {
                if let Some(number) = self.whole(setting, value, range, false) {
                    *field(&mut self.config) = number;
                }
            }
            Kind::Thousandths { range, field } => {
                if let Some(number) = self.thousandths(setting, value, range) {
                    *field(&mut self.config) = number;
                }
            }
            Kind::Zone { field } => match value.get_ref() {
                DeValue::String(zone) => match TimeZone::get(zone) {
                    Ok(known) => {
                        *field(&mut self.config) = known.iana_name().unwrap_or(zone.as_ref()).to_owned()
                    }
                    Err(_) => {
                        let names: Vec<String> = db().available().map(|name| name.to_string()).collect();
                        let fix = match nearest(zone, names.iter().map(String::as_str)) {
                            Some(near) => Phrase::new(Key::DidYouMean).with("name", near),
                            None => Key::UnknownZoneHelp.into(),
                        };
                        self.fault(span, Phrase::new(Key::UnknownZone).with("found", zone), fix);
                    }
                },
                other => self.fault(span, wrong(Key::NotText, setting, other), Key::UnknownZoneHelp),
            },
            Kind::Flag { field } => match value.get_ref() {
                DeValue::Boolean(flag) => *field(&mut self.config) = *flag,
                other => {
                    let usual = matches!(other, DeValue::String(text) if text.eq_ignore_ascii_case("true"))
                        || matches!(other, DeValue::Integer(number) if number.as_str() == "1");
                    self.fault(span, wrong(Key::NotFlag, setting, other), assign(setting.name, usual));
                }
            },
        }
    }

    /// A whole number within `range`; text that spells a span (`"35 d"`) is a fault that knows its fix.
    fn whole(
        &mut self,
        setting: &Setting,
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<u64>,
        span_ms: bool,
    ) -> Option<u64> {
        let say = |number: u64| if span_ms { span_both(number) } else { number.to_string() };
        let usual = setting.spelling(&Config::default());
        match value.get_ref() {
            DeValue::Integer(number) => {
                let parsed = i128::from_str_radix(number.as_str(), number.radix()).ok();
                let fitting = parsed
                    .and_then(|number| u64::try_from(number).ok())
                    .filter(|number| range.contains(number));
                if fitting.is_none() {
                    let what = Phrase::new(Key::OutOfRange)
                        .with("name", setting.name)
                        .with("min", say(*range.start()))
                        .with("max", say(*range.end()))
                        .with("found", number);
                    self.fault(value.span(), what, Phrase::new(Key::WriteDefault).with("text", usual));
                }
                fitting
            }
            other => {
                let meant = match other {
                    DeValue::String(text) if span_ms => read_span(text),
                    DeValue::String(text) => text.trim().replace(['_', ','], "").parse().ok(),
                    DeValue::Float(number) => {
                        number.as_str().split_once('.').and_then(|(whole, _)| whole.parse().ok())
                    }
                    _ => None,
                };
                let fix = match meant.filter(|meant| range.contains(meant)) {
                    Some(meant) => assign(setting.name, meant),
                    None => assign(setting.name, usual),
                };
                self.fault(value.span(), wrong(Key::NotWhole, setting, other), fix);
                None
            }
        }
    }

    /// A decimal number in quotes within `range`, as thousandths.
    fn thousandths(
        &mut self,
        setting: &Setting,
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<u32>,
    ) -> Option<u32> {
        let usual = setting.spelling(&Config::default());
        let text = match value.get_ref() {
            DeValue::String(text) => text,
            other => {
                let meant = match other {
                    DeValue::Float(number) => read_decimal(number.as_str()),
                    DeValue::Integer(number) => read_decimal(number.as_str()),
                    _ => None,
                };
                let fix = meant.map_or(usual, |meant| format!("\"{}\"", decimal(meant)));
                self.fault(value.span(), wrong(Key::NotDecimal, setting, other), assign(setting.name, fix));
                return None;
            }
        };
        let Some(number) = read_decimal(text) else {
            let what = Phrase::new(Key::NotDecimalText).with("name", setting.name).with("found", text);
            self.fault(value.span(), what, assign(setting.name, usual));
            return None;
        };
        if !range.contains(&number) {
            let what = Phrase::new(Key::OutOfRange)
                .with("name", setting.name)
                .with("min", decimal(*range.start()))
                .with("max", decimal(*range.end()))
                .with("found", text);
            self.fault(value.span(), what, Phrase::new(Key::WriteDefault).with("text", usual));
            return None;
        }
        Some(number)
    }

    /// A currency of our own: the table of the wire says what it takes.
    fn currency(&mut self, code: &str, at: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let digits = match value.get_ref() {
            DeValue::Integer(number) => {
                // What is no such number at all is as wrong as one that is too large.
                u8::from_str_radix(number.as_str(), number.radix()).unwrap_or(u8::MAX)
            }
            other => {
                let what = Phrase::new(Key::NotWhole).with("name", code).with("found", spelling(other));
                return self.fault(value.span(), what, assign(code, 2));
            }
        };
        match Currencies::default().with(code, digits) {
            // Keys of a TOML table come in the order of their bytes.
            Ok(_) => self.config.rules.currencies.push((code.to_owned(), digits)),
            Err(CurrencyError::Code(_)) => {
                self.fault(
                    at,
                    Phrase::new(Key::BadCurrencyCode).with("found", code),
                    Key::BadCurrencyCodeHelp,
                );
            }
            Err(CurrencyError::Exponent { .. }) => {
                let what = Phrase::new(Key::OutOfRange)
                    .with("name", code)
                    .with("min", 0)
                    .with("max", EXPONENT_MAX)
                    .with("found", spelling(value.get_ref()));
                self.fault(value.span(), what, assign(code, 2));
            }
            Err(CurrencyError::Known { known, exponent }) => {
                let what = Phrase::new(Key::CurrencyKnown)
                    .with("name", code)
                    .with("known", known.exponent())
                    .with("found", exponent);
                self.fault(value.span(), what, Key::CurrencyKnownHelp);
            }
        }
    }

    fn check_horizons(&mut self) {
        let (horizon, open) = (self.config.rules.horizon_ms, self.config.rules.horizon_open_ms);
        let Some(span) = self.open.clone().or_else(|| self.horizon.clone()) else { return };
        if open < horizon {
            let what = Phrase::new(Key::OpenHorizonShort).with("open", open).with("horizon", horizon);
            self.fault(span, what, Phrase::new(Key::OpenHorizonShortHelp).with("horizon", horizon));
        }
    }
}

/// Whether `path` is a section or holds one.
fn is_section(path: &str) -> bool {
    let within = |section: &str| {
        section.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    path == CURRENCIES || SETTINGS.iter().any(|known| within(known.section))
}

/// The names that may stand at `section`: settings and sections below.
fn names_in(section: &str) -> Vec<String> {
    let mut names = Vec::new();
    for known in SETTINGS {
        let path = known.path();
        let below = if section.is_empty() {
            Some(path.as_str())
        } else {
            path.strip_prefix(section).and_then(|p| p.strip_prefix('.'))
        };
        if let Some(name) = below.and_then(|below| below.split('.').next())
            && !names.iter().any(|seen| seen == name)
        {
            names.push(name.to_owned());
        }
    }
    if section.is_empty() {
        names.push(CURRENCIES.to_owned());
    }
    names
}

/// The name most like `name`, if one is like it at all.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    names
        .map(|known| (strsim::damerau_levenshtein(&lower, &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= (known.chars().count() / 3).max(1))
        .min()
        .map(|(_, known)| known)
}

fn wrong(key: Key, setting: &Setting, found: &DeValue<'_>) -> Phrase {
    Phrase::new(key).with("name", setting.name).with("found", spelling(found))
}

fn assign(name: &str, value: impl std::fmt::Display) -> Phrase {
    Phrase::new(Key::WriteInstead).with("text", format!("{name} = {value}"))
}

/// A value of the wrong type, as short as will do.
fn spelling(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "[…]".to_owned(),
        DeValue::Table(_) => "{…}".to_owned(),
    }
}

/// Thousandths as people write them: `3.291`, `3.5`, `20`.
fn decimal(thousandths: u32) -> String {
    let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn read_decimal(text: &str) -> Option<u32> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if !digits(whole) || !digits(part) || part.len() > 3 {
        return None;
    }
    let thousandths: u32 = format!("{part:0<3}").parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(thousandths)
}

/// The units of spans, largest first.
const UNITS: [(&str, u64); 5] = [("d", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS), ("s", 1_000), ("ms", 1)];

/// A span in its largest whole unit: `35 d`.
fn span_words(ms: u64) -> String {
    let (unit, size) =
        UNITS.into_iter().find(|(_, size)| ms >= *size && ms.is_multiple_of(*size)).unwrap_or(("ms", 1));
    format!("{} {unit}", ms / size)
}

/// A span both ways: `3024000000 (35 d)`.
fn span_both(ms: u64) -> String {
    match span_words(ms) {
        words if words.ends_with(" ms") => words,
        words => format!("{ms} ({words})"),
    }
}

/// `35d`, `35 days`, `5 min`, `100ms` in milliseconds.
fn read_span(text: &str) -> Option<u64> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let number: u64 = text[..at].replace('_', "").parse().ok()?;
    let size = match text[at..].trim().to_ascii_lowercase().as_str() {
        "" | "ms" | "millis" | "milliseconds" => 1,
        "s" | "sec" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => MINUTE_MS,
        "h" | "hour" | "hours" => HOUR_MS,
        "d" | "day" | "days" => DAY_MS,
        _ => return None,
    };
    number.checked_mul(size)
}

/// One fault of a config file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The bytes at fault.
    pub span: Range<usize>,
    /// What is wrong.
    pub what: Phrase,
    /// What to write instead.
    pub fix: Phrase,
}

/// All faults of a config file, with the text they stand in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The file's name.
    pub name: String,
    text: String,
    /// The faults, in the file's order; never empty.
    pub findings: Vec<Finding>,
}

impl Report {
    /// All faults for people, without a newline at the end.
    pub fn render(&self, lang: Lang) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            text += &self.finding(finding, lang);
            text += "\n\n";
        }
        let count = self.findings.len();
        text + &Phrase::new(Key::ConfigCount).with("count", count).with("path", &self.name).say(lang)
    }

    /// Line and column of a finding, both from 1; the column counts characters.
    pub fn place(&self, finding: &Finding) -> (usize, usize) {
        let start = floor(&self.text, finding.span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        (line_of(&self.text, start), self.text[line_start..start].chars().count() + 1)
    }

    fn finding(&self, finding: &Finding, lang: Lang) -> String {
        let (line, column) = self.place(finding);
        let start = floor(&self.text, finding.span.start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let end = floor(&self.text, finding.span.end).clamp(start, line_end);
        // Tabs become one space, so that the caret stands where the eye expects it.
        let snippet = self.text[line_start..line_end].trim_end().replace('\t', " ");
        let indent = width(&self.text[line_start..start].replace('\t', " "));
        let carets = width(&self.text[start..end]).max(1);
        let gutter = line.to_string().len();
        format!(
            "{error}: {what}\n{pad}--> {name}:{line}:{column}\n{pad} |\n{line} | {snippet}\n{pad} | {blank}{mark}\n{pad} {help}: {fix}",
            error = Key::Error.say(lang),
            what = finding.what.say(lang),
            pad = " ".repeat(gutter),
            name = self.name,
            blank = " ".repeat(indent),
            mark = "^".repeat(carets),
            help = Key::Help.say(lang),
            fix = finding.fix.say(lang),
        )
    }
}

/// The line, from 1, that byte `at` stands in.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// `at`, or the start of the character it lies in.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        parse("gyre.toml", text).unwrap_err().render(Lang::En)
    }

    #[test]
    fn nothing_set_is_the_defaults() {
        assert_eq!(parse("x", "").unwrap(), Config::default());
        assert_eq!(parse("x", "\u{feff}[time]\n").unwrap(), Config::default());
    }

    #[test]
    fn the_example_is_the_defaults() {
        let text = include_str!("../deploy/gyre.example.toml");
        assert_eq!(parse("example", text).unwrap(), Config::default());
        for setting in SETTINGS {
            let line = format!("{} = {}", setting.name, setting.spelling(&Config::default()));
            assert!(text.lines().any(|known| known == line), "not in the example: {line}");
        }
    }

    #[test]
    fn every_setting_is_read() {
        let text = r#"
            outputs = { postings = true }
            rtp.band_z = "2.58"
            [time]
            tick_ms = 1_000
            horizon_ms = 0x5265c00
            horizon_open_ms = 86400000
            skew_ms_max = 0
            gap_ms_max = 60000
            result_due_ms = 1
            gaming_day_zone = "asia/seoul"
            [anomalies.velocity]
            window_ms = 120000
            wagers_max = 10
            [anomalies.stake_spike]
            score_max = "5"
            wagers_min = 8
            [currencies]
            XRP = 6
            GEM = 0
        "#;
        let config = parse("x", text).map_err(|report| report.render(Lang::En)).unwrap();
        let want = Rules {
            tick_ms: 1_000,
            horizon_ms: DAY_MS,
            horizon_open_ms: DAY_MS,
            skew_ms_max: 0,
            gap_ms_max: MINUTE_MS,
            result_due_ms: 1,
            gaming_day_zone: "Asia/Seoul".to_owned(),
            rtp_band_z: 2_580,
            velocity_window_ms: 2 * MINUTE_MS,
            velocity_wagers_max: 10,
            spike_score_max: 5_000,
            spike_wagers_min: 8,
            currencies: vec![("GEM".to_owned(), 0), ("XRP".to_owned(), 6)],
        };
        assert_eq!(config, Config { rules: want, postings: true });
    }

    #[test]
    fn every_fault_is_shown_at_once_with_its_place_and_fix() {
        let text = "tick_ms = 5\n[time]\ntick_mss = 100\nhorizon_ms = \"35 d\"\nskew_ms_max = -1\n\
            gaming_day_zone = \"Asia/Soul\"\n[rtp]\nband_z = 3.291\n[anomalies.velocity]\nwindow_ms = 90000\n\
            [currencies]\n\"\" = 6\nABC = 99\nKRW = 2\n[outputs]\npostings = \"true\"\n[tme]\nfoo\n";
        let report = parse("gyre.toml", text).unwrap_err();
        let places: Vec<(usize, usize)> =
            report.findings.iter().map(|finding| report.place(finding)).collect();
        let lines: Vec<usize> = places.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 4, 5, 6, 8, 10, 12, 13, 14, 16, 17, 18], "{}", report.render(Lang::En));
        let fixes: Vec<String> = report.findings.iter().map(|finding| finding.fix.say(Lang::En)).collect();
        let want = [
            "`tick_ms` belongs under [time]",
            "did you mean `tick_ms`?",
            "write horizon_ms = 3024000000",
            "write a value in that range; the default is 2000",
            "did you mean `Asia/Seoul`?",
            "write band_z = \"3.291\"",
            "write window_ms = 60000",
            "a code is 1 to 7 visible ASCII characters, best capital letters",
            "write ABC = 2",
            "take the line out, or give the currency a code of its own",
            "write postings = true",
            "did you mean `time`?",
            "write `name = value` under a `[section]`; text goes in \"quotes\"",
        ];
        assert_eq!(fixes, want);
    }

    #[test]
    fn a_fault_points_at_its_text() {
        let text = rendered("[time]\ntick_mss = 100\n");
        let want = "error: there is no setting `tick_mss` in [time]\n --> gyre.toml:2:1\n  |\n2 | tick_mss = 100\n  \
                    | ^^^^^^^^\n  help: did you mean `tick_ms`?\n\nfaults in gyre.toml: 1";
        assert_eq!(text, want);
        // Wide characters before the fault move the caret by their width, the column by one each.
        let text = rendered("time = { \"시간\" = 1 }\n");
        assert!(text.contains(":1:10\n") && text.contains("  |          ^^^^^^\n"), "{text}");
    }

    #[test]
    fn shapes_that_are_wrong_are_faults_not_panics() {
        for text in [
            "time = 5",
            "[[time]]",
            "[anomalies]\nvelocity = true",
            "currencies = []",
            "[currencies]\nKRW = \"2\"",
            "[time]\ntick_ms = [1]",
            "[time]\ntick_ms = 1979-05-27",
            "[time]\ntick_ms = 99999999999999999999",
            "[rtp]\nband_z = \"-1\"",
            "[rtp]\nband_z = \"0\"",
            "[rtp]\nband_z = true",
            "[rtp]\nband_z = \"1.2345\"",
            "[rtp]\nband_z = inf",
            "[outputs]\npostings = 1",
            "[time]\ngaming_day_zone = 9",
            "a",
            "=",
            "[",
            "\"",
            "\0",
            "[time]\ntick_ms = 1\ntick_ms = 2",
            "[time]\nhorizon_ms = 40000000000",
            "[anomalies.velocity.x]",
            "[time]\nhorizon_ms = 9000000\nhorizon_open_ms = 1000",
            "한글 = 1",
            "[time]\ntick_ms = ",
        ] {
            let report = parse("x", text).unwrap_err();
            for lang in [Lang::En, Lang::Ko] {
                assert!(report.render(lang).contains("--> x:"), "{text}");
            }
        }
    }

    #[test]
    fn settings_in_force_are_shown() {
        let mut config = Config::default();
        config.rules.tick_ms = 250;
        config.rules.currencies.push(("XRP".to_owned(), 6));
        let text = show(&config, Lang::En);
        for part in ["tick_ms", "250", "(was 100)", "3024000000 (35 d)", "\"3.291\"", "XRP"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
}
