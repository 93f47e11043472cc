//! The walk through a file's tables: what is set where, and all that is wrong with it.

use std::ops::{Range, RangeInclusive};

use gyre_domain::currency::{Currencies, CurrencyError, EXPONENT_MAX};
use gyre_domain::records::Action;
use jiff::tz::{TimeZone, db};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::live::handed;
use super::settings::{CURRENCIES, HANDED, HandedThrough, Kind, SETTINGS, Setting, is_section, names_in};
use super::spelling::{MILLI, PICO, decimal, nearest, read_decimal, read_span, span_both, spelling};
use super::{Config, Finding};
use crate::texts::{Key, Phrase};

/// What the tables below `root` set upon `base`, and every fault found on the way, in no order.
pub(super) fn walk(root: &DeTable<'_>, base: Config) -> (Config, Vec<Finding>) {
    let mut walk = Walk { config: base, ..Walk::default() };
    walk.table(root, "");
    walk.check_horizons();
    (walk.config, walk.findings)
}

/// What is wrong with an action.
fn wrong_action(text: &str) -> Option<Key> {
    Action::from_name(text).is_none().then_some(Key::ActionHelp)
}

/// A walk through a file's tables, gathering values and faults.
#[derive(Default)]
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
            } else if let Some(through) = HANDED.iter().find(|(known, _)| *known == section) {
                self.hand_through(through, name, key.span(), value);
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

    /// A setting of somebody else's. Names with points in them may stand as tables.
    fn hand_through(
        &mut self,
        through: &HandedThrough,
        name: &str,
        at: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let text = match value.get_ref() {
            DeValue::Table(inner) => {
                for (key, value) in inner.iter() {
                    self.hand_through(through, &format!("{name}.{}", key.get_ref()), key.span(), value);
                }
                return;
            }
            DeValue::String(text) => text.as_ref().to_owned(),
            DeValue::Boolean(truth) => truth.to_string(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            other => {
                let what = Phrase::new(Key::NotText).with("name", name).with("found", spelling(other));
                return self.fault(value.span(), what, assign(name, "\"…\""));
            }
        };
        match handed(name, &text) {
            Some((what, fix)) => self.fault(at, Phrase::new(what).with("name", name), fix),
            None => (through.1)(&mut self.config).push((name.to_owned(), text)),
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
        match &setting.kind {
            Kind::Span { range, step, field } => {
                if let Some(number) = self.span(setting, value, range, *step) {
                    *field(&mut self.config) = number;
                }
            }
            Kind::Spans { range, most, field } => {
                if let Some(list) = self.spans(setting, value, range, *most) {
                    *field(&mut self.config) = list;
                }
            }
            Kind::Count { range, field } => {
                if let Some(number) = self.whole(setting, value, range, false) {
                    *field(&mut self.config) = number;
                }
            }
            Kind::Thousandths { range, field } => {
                let range = u64::from(*range.start())..=u64::from(*range.end());
                let number = self.decimal(setting, value, &range, MILLI);
                if let Some(number) = number.and_then(|number| u32::try_from(number).ok()) {
                    *field(&mut self.config) = number;
                }
            }
            Kind::Trillionths { range, field } => {
                if let Some(number) = self.decimal(setting, value, range, PICO) {
                    *field(&mut self.config) = number;
                }
            }
            Kind::Zone { field } => {
                if let Some(zone) = self.zone(setting, value) {
                    *field(&mut self.config) = zone;
                }
            }
            Kind::Text { wrong, field } => {
                if let Some(text) = self.text(setting, value, *wrong) {
                    *field(&mut self.config) = text;
                }
            }
            Kind::Action { kind } => {
                if let Some(text) = self.text(setting, value, wrong_action) {
                    self.config.rules.holds[*kind as usize] = text == Action::Hold.name();
                }
            }
            Kind::Flag { field } => {
                if let Some(flag) = self.flag(setting, value) {
                    *field(&mut self.config) = flag;
                }
            }
        }
    }

    /// A time that is a multiple of `step`.
    fn span(
        &mut self,
        setting: &Setting,
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<u64>,
        step: u64,
    ) -> Option<u64> {
        let number = self.whole(setting, value, range, true)?;
        if number % step != 0 {
            let what = Phrase::new(Key::NotMultiple)
                .with("name", setting.name)
                .with("step", span_both(step))
                .with("found", number);
            let near = (number / step * step).clamp(*range.start(), *range.end());
            self.fault(value.span(), what, assign(setting.name, near));
        }
        match setting.name {
            "horizon_ms" => self.horizon = Some(value.span()),
            "horizon_open_ms" => self.open = Some(value.span()),
            _ => {}
        }
        Some(number)
    }

    /// The name of a time zone, as its database spells it.
    fn zone(&mut self, setting: &Setting, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let DeValue::String(zone) = value.get_ref() else {
            self.fault(value.span(), wrong(Key::NotText, setting, value.get_ref()), Key::UnknownZoneHelp);
            return None;
        };
        if let Ok(known) = TimeZone::get(zone) {
            return Some(known.iana_name().unwrap_or(zone.as_ref()).to_owned());
        }
        let names: Vec<String> = db().available().map(|name| name.to_string()).collect();
        let fix = match nearest(zone, names.iter().map(String::as_str)) {
            Some(near) => Phrase::new(Key::DidYouMean).with("name", near),
            None => Key::UnknownZoneHelp.into(),
        };
        self.fault(value.span(), Phrase::new(Key::UnknownZone).with("found", zone), fix);
        None
    }

    /// Yes or no.
    fn flag(&mut self, setting: &Setting, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        let other = match value.get_ref() {
            DeValue::Boolean(flag) => return Some(*flag),
            other => other,
        };
        let usual = matches!(other, DeValue::String(text) if text.eq_ignore_ascii_case("true"))
            || matches!(other, DeValue::Integer(number) if number.as_str() == "1");
        self.fault(value.span(), wrong(Key::NotFlag, setting, other), assign(setting.name, usual));
        None
    }

    /// Text that will do.
    fn text(
        &mut self,
        setting: &Setting,
        value: &Spanned<DeValue<'_>>,
        is_wrong: fn(&str) -> Option<Key>,
    ) -> Option<String> {
        let DeValue::String(text) = value.get_ref() else {
            let usual = assign(setting.name, setting.spelling(&Config::default()));
            self.fault(value.span(), wrong(Key::NotText, setting, value.get_ref()), usual);
            return None;
        };
        if let Some(fix) = is_wrong(text) {
            let what = Phrase::new(Key::BadText).with("name", setting.name).with("found", text);
            self.fault(value.span(), what, fix);
            return None;
        }
        Some(text.as_ref().to_owned())
    }

    /// A list of at most `most` times, each within `range`.
    fn spans(
        &mut self,
        setting: &Setting,
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<u64>,
        most: usize,
    ) -> Option<Vec<u64>> {
        let usual = assign(setting.name, setting.spelling(&Config::default()));
        let DeValue::Array(items) = value.get_ref() else {
            self.fault(value.span(), wrong(Key::NotList, setting, value.get_ref()), usual);
            return None;
        };
        if items.len() > most {
            let what = Phrase::new(Key::TooMany).with("name", setting.name).with("max", most);
            self.fault(value.span(), what, usual);
            return None;
        }
        items.iter().map(|item| self.whole(setting, item, range, true)).collect()
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

    /// A decimal number in quotes within `range`, as units of its last digit.
    fn decimal(
        &mut self,
        setting: &Setting,
        value: &Spanned<DeValue<'_>>,
        range: &RangeInclusive<u64>,
        digits: usize,
    ) -> Option<u64> {
        let usual = setting.spelling(&Config::default());
        let text = match value.get_ref() {
            DeValue::String(text) => text,
            other => {
                let meant = match other {
                    DeValue::Float(number) => read_decimal(number.as_str(), digits),
                    DeValue::Integer(number) => read_decimal(number.as_str(), digits),
                    _ => None,
                };
                let fix = meant.map_or(usual, |meant| format!("\"{}\"", decimal(meant, digits)));
                self.fault(value.span(), wrong(Key::NotDecimal, setting, other), assign(setting.name, fix));
                return None;
            }
        };
        let Some(number) = read_decimal(text, digits) else {
            let what = Phrase::new(Key::NotDecimalText)
                .with("name", setting.name)
                .with("digits", digits)
                .with("found", text);
            self.fault(value.span(), what, assign(setting.name, usual));
            return None;
        };
        if !range.contains(&number) {
            let what = Phrase::new(Key::OutOfRange)
                .with("name", setting.name)
                .with("min", decimal(*range.start(), digits))
                .with("max", decimal(*range.end(), digits))
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

fn wrong(key: Key, setting: &Setting, found: &DeValue<'_>) -> Phrase {
    Phrase::new(key).with("name", setting.name).with("found", spelling(found))
}

fn assign(name: &str, value: impl std::fmt::Display) -> Phrase {
    Phrase::new(Key::WriteInstead).with("text", format!("{name} = {value}"))
}
