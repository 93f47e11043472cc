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

use std::ops::RangeInclusive;
use std::path::Path;
use std::{fs, io};

use gyre_domain::rules::Rules;
use toml::de::DeTable;

use self::settings::{CURRENCIES, HANDED, Kind, SETTINGS};
use self::spelling::{HOUR_MS, span_words};
use self::walk::walk;
use crate::error::{Domain, Error, Result, unreadable};
use crate::table::{Align, Table};
use crate::texts::{Key, Lang, Phrase};

mod live;
mod report;
pub mod secrets;
mod settings;
mod spelling;
mod walk;

pub use self::live::{Handed, Live};
use self::report::line_of;
pub use self::report::{Finding, Report};
pub(crate) use self::spelling::nearest;

/// What a config file comes to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Config {
    /// What records are judged by.
    pub rules: Rules,
    /// Whether `postings.jsonl` is written.
    pub postings: bool,
    /// Where records come from and where changes go, while it runs.
    pub live: Live,
}

/// The ticks a command line may ask for, as the config does.
pub const TICK_MS: RangeInclusive<u64> = 1..=HOUR_MS;

/// Reads the config at `path`; paths in it are said from its folder.
///
/// # Errors
/// Exit 2 with every fault of the file, or where there is no such file; exit 3 where it cannot be read.
pub fn load(path: &Path) -> Result<Config> {
    let mut config = load_over(path, Config::default())?;
    config.live.paths_from(path.parent().unwrap_or(Path::new("")));
    Ok(config)
}

/// Reads the config at `path`; what it leaves out is as in `base`.
///
/// # Errors
/// As [`load`].
pub fn load_over(path: &Path, base: Config) -> Result<Config> {
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
    parse_over(&path.display().to_string(), &text, base).map_err(Error::config)
}

/// Reads a config from `text`; `name` is what faults call it.
///
/// # Errors
/// All faults of the text, in its order.
pub fn parse(name: &str, text: &str) -> Result<Config, Report> {
    parse_over(name, text, Config::default())
}

fn parse_over(name: &str, text: &str, base: Config) -> Result<Config, Report> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let (config, mut findings) = walk(root.get_ref(), base);
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
        return Ok(config);
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
    let mut handing = config.clone();
    for (section, field) in HANDED {
        let handed = field(&mut handing);
        if !handed.is_empty() {
            table.section(format!("[{section}]"));
        }
        for (name, value) in handed {
            table.row([name.clone(), format!("\"{value}\""), Key::AboutClient.say(lang).to_owned()]);
        }
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use gyre_domain::anomaly::AnomalyKind;
    use gyre_domain::rules::Thresholds;

    use super::spelling::{DAY_MS, MINUTE_MS};
    use super::*;

    fn handed(settings: &[(&str, &str)]) -> Handed {
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

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

    /// What `every_setting_is_read` sets of a run's ends.
    fn every_end() -> Live {
        Live {
            job: "books-1".to_owned(),
            held_bytes_max: 16 << 20,
            source_folder: "in".to_owned(),
            sink_files: "out".to_owned(),
            sink_files_gather_ms: 250,
            source_kafka_brokers: "a:1,b:2".to_owned(),
            source_kafka_topics: ["w", "o", "p", "g", "a", "r", "c"].map(str::to_owned),
            source_kafka_client: handed(&[
                ("sasl.password", "env:PASSWORD"),
                ("security.protocol", "SASL_SSL"),
                ("socket.keepalive.enable", "true"),
            ]),
            sink_kafka_brokers: "c:3".to_owned(),
            sink_kafka_prefix: "books.".to_owned(),
            sink_kafka_client: handed(&[("linger.ms", "10")]),
            sink_postgres_url: "postgresql://gyre@127.0.0.1/books".to_owned(),
            sink_postgres_password: "file:/run/password".to_owned(),
        }
    }

    #[test]
    fn every_setting_is_read() {
        let text = r#"
            outputs = { postings = true }
            rtp = { band_z = "2.58", action = "hold" }
            recollect = { enabled = false, delays_ms = [500, 0x7d0] }
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
            action = "flag"
            [anomalies.stake_spike]
            score_max = "5"
            wagers_min = 8
            [anomalies.improbable_wins]
            p_max = "0.00000025"
            [anomalies.deposit_then_withdraw]
            ratio_min = "0.75"
            deposits_min = 0
            [anomalies.structuring]
            limit = 15_000
            [anomalies.slow_drift]
            slack = "0"
            limit = "4"
            [anomalies.linked_accounts]
            device_accounts_min = 4
            instrument_accounts_min = 5
            [anomalies.opposite_betting]
            net_exposure_max = "0.05"
            staked_min = 10
            rounds_min = 6
            [anomalies.overdraft]
            action = "hold"
            [run]
            job = "books-1"
            held_bytes_max = 0x1000000
            [source.folder]
            path = "in"
            [sinks.files]
            path = "out"
            gather_ms = 250
            [source.kafka]
            brokers = "a:1,b:2"
            topics = { wagers = "w", outcomes = "o", payments = "p", games = "g", accounts = "a", rules = "r", commands = "c" }
            client = { security.protocol = "SASL_SSL", "sasl.password" = "env:PASSWORD", "socket.keepalive.enable" = true }
            [sinks.kafka]
            brokers = "c:3"
            prefix = "books."
            client.linger.ms = 10
            [sinks.postgres]
            url = "postgresql://gyre@127.0.0.1/books"
            password = "file:/run/password"
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
            recollect: false,
            lap_delays_ms: vec![500, 2_000],
            gaming_day_zone: "Asia/Seoul".to_owned(),
            rtp_band_z: 2_580,
            velocity_window_ms: 2 * MINUTE_MS,
            velocity_wagers_max: 10,
            spike_score_max: 5_000,
            spike_wagers_min: 8,
            thresholds: Thresholds {
                wins_chance_max_e12: 250_000,
                turnover_ratio_min: 750,
                turnover_deposits_min: 0,
                structuring_limit: 15_000,
                drift_slack: 0,
                drift_limit: 4_000,
            },
            device_accounts_min: 4,
            instrument_accounts_min: 5,
            net_exposure_max: 50,
            covered_stake_min: 10,
            covered_rounds_min: 6,
            holds: AnomalyKind::ALL
                .map(|kind| matches!(kind, AnomalyKind::RtpOutOfBand | AnomalyKind::Overdraft)),
            currencies: vec![("GEM".to_owned(), 0), ("XRP".to_owned(), 6)],
        };
        assert_eq!(config, Config { rules: want, postings: true, live: every_end() });
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
            "[recollect]\ndelays_ms = 1000",
            "[recollect]\ndelays_ms = [0]",
            "[recollect]\ndelays_ms = [\"1 s\"]",
            "[recollect]\ndelays_ms = [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]",
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
            "[run]\njob = 1",
            "[run]\njob = \"\"",
            "[run]\njob = \"a b\"",
            "source.folder = \"in\"",
            "source.kafka.topics.wagers = \"a b\"",
            "source.kafka.topics.rule = \"r\"",
            "source.kafka.client = 1",
            "source.kafka.client.\"sasl.password\" = \"plain\"",
            "sinks.kafka.client.\"enable.idempotence\" = false",
            "sinks.kafka.client.linger.ms = [5]",
            "sinks.postgres.password = \"plain\"",
            "sinks.postgres.url = \"postgresql://gyre:plain@127.0.0.1/books\"",
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
