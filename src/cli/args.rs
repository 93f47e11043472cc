//! What each command is asked: its flags, and what they amount to.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, value_parser};
use clap_complete::Shell;
use gyre_dataflows::rows::AnomalyKind;
use gyre_domain::cause::Cause;
use gyre_domain::records::Topic;

use crate::config::{self, Config, TICK_MS};
use crate::error::Result;
use crate::generate::Plan;
use crate::watch::board::SEVERITIES;
use crate::watch::v1::LIMIT_MAX;

/// What `gyre replay` is asked.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Folder with wagers.jsonl, outcomes.jsonl, payments.jsonl and so on
    #[arg(value_name = "DIR")]
    pub input: PathBuf,

    /// Folder for the books [default: DIR/out]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Worker threads, 1 to 256 [default: one per core]; the books do not depend on them
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,

    /// Write the change log of every output too, tick by tick
    #[arg(long)]
    pub changes: bool,

    /// Config file (TOML); without it DIR/gyre.toml, and without that the defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Length of a tick in milliseconds, before the config's time.tick_ms
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(TICK_MS))]
    pub tick_ms: Option<u64>,

    /// Write postings.jsonl too, as outputs.postings of the config does
    #[arg(long)]
    pub postings: bool,

    /// Tell in what_if.json which anomalies and held payouts would differ under the settings rtp and anomalies.* of FILE
    #[arg(long, value_name = "FILE")]
    pub what_if: Option<PathBuf>,

    /// Address of this machine at which /metrics and health can be asked meanwhile; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    pub http_addr: Option<String>,
}

/// What `gyre run` is asked.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Config file (TOML) that names the source and the sinks
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// Folder for what the job must remember; made where it is not there, and held by one run at a time
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,

    /// Worker threads, 1 to 256 [default: one per core]; the books do not depend on them
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,

    /// Address of this machine for /metrics, health and /v1; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = HTTP_ADDR)]
    pub http_addr: String,

    /// Addresses of all processes that do it together, each HOST:PORT; the first one's holds state and sinks
    #[arg(long, value_name = "ADDR,ADDR…", value_delimiter = ',')]
    pub cluster: Vec<String>,

    /// Which of them this process is, from 0; `hostname`: the number at the end of this machine's name
    #[arg(long, value_name = "I", default_value = "0", requires = "cluster", value_parser = process_number)]
    pub process: u16,

    /// The network between them is trusted: records travel through it as they are
    #[arg(long, requires = "cluster")]
    pub trusted_network: bool,

    /// End with this process, which started it
    #[arg(long, value_name = "PID", hide = true)]
    pub parent: Option<u32>,
}

/// What `gyre cluster` is asked.
#[derive(Args, Clone, Debug)]
pub struct ClusterArgs {
    /// Config file (TOML) that names the source and the sinks
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,

    /// Folder for what the job must remember; made where it is not there
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,

    /// Processes, 2 to 64; the books do not depend on them
    #[arg(long, value_name = "P", default_value_t = 2, value_parser = value_parser!(u16).range(2..=64))]
    pub processes: u16,

    /// Worker threads of each, 1 to 256; the books do not depend on them
    #[arg(long, value_name = "W", default_value_t = 1, value_parser = value_parser!(u16).range(1..=256))]
    pub workers: u16,

    /// First port that the processes use among each other; each takes the one after
    #[arg(long, value_name = "PORT", default_value_t = 7801, value_parser = value_parser!(u16).range(1024..=65_000))]
    pub port: u16,

    /// Address for /metrics, health and /v1 of process 0; each other takes the port after, port 0 takes free ones
    #[arg(long, value_name = "ADDR", default_value = HTTP_ADDR)]
    pub http_addr: String,
}

/// What `gyre rescale` is asked.
#[derive(Args, Clone, Debug)]
pub struct RescaleArgs {
    /// Folder of the job's state, which `gyre cluster` was given
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,

    /// Processes from then on, 2 to 64 [default: as many as now]
    #[arg(long, value_name = "P", value_parser = value_parser!(u16).range(2..=64))]
    pub processes: Option<u16>,

    /// Worker threads of each from then on, 1 to 256 [default: as many as now]
    #[arg(long, value_name = "W", value_parser = value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
}

/// What `gyre demo` is asked.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Folder for records, changes and state; it must be empty or not there [default: a new one for temporary files]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// Wagers a second, 1 to 100000; there are about twice as many records
    #[arg(long, value_name = "N", default_value_t = 1_500, value_parser = value_parser!(u32).range(1..=100_000))]
    pub rate: u32,

    /// Chance by this seed: the same players, games and faults
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,

    /// Worker threads, 1 to 256 [default: one per core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,

    /// Address of this machine for /metrics, health and /v1; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = HTTP_ADDR)]
    pub http_addr: String,
}

/// What `gyre status` and `gyre lag` are asked.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Address at which the run answers
    #[arg(long, value_name = "ADDR", default_value = HTTP_ADDR)]
    pub http_addr: String,

    /// How it is shown
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Form::Table)]
    pub output: Form,
}

/// What `gyre top` is asked.
#[derive(Args, Clone, Debug)]
pub struct TopArgs {
    /// Address at which the run answers
    #[arg(long, value_name = "ADDR", default_value = HTTP_ADDR)]
    pub http_addr: String,

    /// Seconds from one look to the next, 1 to 60
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = value_parser!(u16).range(1..=60))]
    pub interval_s: u16,
}

/// What `gyre bundle` is asked.
#[derive(Args, Clone, Debug)]
pub struct BundleArgs {
    /// Address at which the run answers
    #[arg(long, value_name = "ADDR", default_value = HTTP_ADDR)]
    pub http_addr: String,

    /// Config file of the run; it comes along without its secrets
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// File that is made
    #[arg(long, value_name = "FILE", default_value = "gyre-bundle.tar.gz")]
    pub output: PathBuf,
}

/// What `gyre graph` is asked.
#[derive(Args, Clone, Debug)]
pub struct GraphArgs {
    /// Address at which the run answers
    #[arg(long, value_name = "ADDR", default_value = HTTP_ADDR)]
    pub http_addr: String,

    /// How it is shown
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Drawing::Table)]
    pub output: Drawing,
}

/// Anomalies, one by one.
#[derive(Subcommand, Clone, Debug)]
pub enum AnomaliesCommand {
    /// List those that stand
    List(AnomaliesArgs),
    /// Show one with its evidence
    Show(ShowArgs),
}

/// Records in quarantine, one by one.
#[derive(Subcommand, Clone, Debug)]
pub enum QuarantineCommand {
    /// List those that stand
    List(QuarantineArgs),
    /// Show one with the history of its verdicts
    Show(ShowArgs),
}

/// Which anomalies are listed.
#[derive(Args, Clone, Debug)]
pub struct AnomaliesArgs {
    /// Of this kind alone
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(AnomalyKind::ALL.map(AnomalyKind::name)))]
    pub kind: Option<String>,

    /// Of this severity alone
    #[arg(long, value_name = "SEVERITY", value_parser = PossibleValuesParser::new(SEVERITIES))]
    pub severity: Option<String>,

    /// How they are listed.
    #[command(flatten)]
    pub page: PageArgs,
}

/// Which records in quarantine are listed.
#[derive(Args, Clone, Debug)]
pub struct QuarantineArgs {
    /// Of this topic alone
    #[arg(long, value_name = "TOPIC", value_parser = PossibleValuesParser::new(Topic::ALL.map(Topic::name)))]
    pub topic: Option<String>,

    /// Of this cause alone
    #[arg(long, value_name = "CAUSE", value_parser = PossibleValuesParser::new(Cause::ALL.map(Cause::name)))]
    pub cause: Option<String>,

    /// How they are listed.
    #[command(flatten)]
    pub page: PageArgs,
}

/// A page of a list.
#[derive(Args, Clone, Debug)]
pub struct PageArgs {
    /// So many at most, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u16).range(1..=LIMIT_MAX as i64))]
    pub limit: u16,

    /// From where the page before this one ended, as it told
    #[arg(long, value_name = "CURSOR", value_parser = plain)]
    pub cursor: Option<String>,

    /// Address at which the run answers
    #[arg(long, value_name = "ADDR", default_value = HTTP_ADDR)]
    pub http_addr: String,

    /// How it is shown
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Form::Table)]
    pub output: Form,
}

/// One of a list.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// Its ref in the list
    #[arg(value_name = "REF", value_parser = plain)]
    pub reference: String,

    /// Address at which the run answers
    #[arg(long, value_name = "ADDR", default_value = HTTP_ADDR)]
    pub http_addr: String,

    /// How it is shown
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Screen::Table)]
    pub output: Screen,
}

/// What a list says of its rows, and nothing that would be another question.
fn plain(text: &str) -> std::result::Result<String, String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then(|| text.to_owned()).ok_or_else(|| "letters and digits, as the list has them".to_owned())
}

/// How lists are shown.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// For people
    Table,
    /// For programs
    Json,
    /// For spreadsheets
    Csv,
}

/// How the stages are shown.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Drawing {
    /// For people
    Table,
    /// For programs
    Json,
    /// For Graphviz
    Dot,
    /// As a picture
    Svg,
}

/// How answers are shown.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Screen {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Where a run can be asked, unless it is said otherwise.
pub const HTTP_ADDR: &str = "127.0.0.1:8080";

impl RunArgs {
    /// How many worker threads do the books.
    pub fn workers(&self) -> usize {
        worker_threads(self.workers)
    }
}

/// The number of a process, or of a pod of a StatefulSet: `books-2` is process 2.
fn process_number(text: &str) -> std::result::Result<u16, String> {
    let name = rustix::system::uname();
    let number = match text {
        "hostname" => name.nodename().to_str().ok().and_then(|name| name.rsplit('-').next()),
        number => Some(number),
    };
    let wrong = || format!("a number from 0; this machine is called {}", name.nodename().to_string_lossy());
    number.and_then(|number| number.parse().ok()).ok_or_else(wrong)
}

/// So many worker threads as asked for, or one per core.
fn worker_threads(asked: Option<u16>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.map_or_else(cores, usize::from).min(256)
}

/// The config file that a folder of streams may bring.
const CONFIG_BESIDE: &str = "gyre.toml";

impl ReplayArgs {
    /// Where the books go.
    pub fn output(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| self.input.join("out"))
    }

    /// How many worker threads do them.
    pub fn workers(&self) -> usize {
        worker_threads(self.workers)
    }

    /// The config that the flags amount to.
    ///
    /// # Errors
    /// As [`config::load`].
    pub fn config(&self) -> Result<Config> {
        // A folder of streams may bring the config that they need.
        let beside =
            Some(self.input.join(CONFIG_BESIDE)).filter(|path| self.config.is_none() && path.is_file());
        let path = self.config.as_deref().or(beside.as_deref());
        let mut config = path.map_or_else(|| Ok(Config::default()), config::load)?;
        if let Some(tick_ms) = self.tick_ms {
            config.rules.tick_ms = tick_ms;
        }
        config.postings |= self.postings;
        Ok(config)
    }
}

/// What `gyre generate` is asked: a plan to begin with, and what is to be other.
#[derive(Args, Clone, Debug)]
pub struct GenerateArgs {
    /// The plan to begin with
    #[arg(long, value_name = "NAME", default_value = "hour", alias = "workload")]
    pub preset: Preset,

    /// Number of wagers
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub wagers: Option<u64>,

    /// Number of accounts that place them
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=50_000_000))]
    pub accounts: Option<u64>,

    /// Number of games
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub games: Option<u32>,

    /// Hours that play lasts, 0.001 to 8784
    #[arg(long, value_name = "H", value_parser = hours)]
    pub hours: Option<f64>,

    /// The same seed gives the same bytes
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Share of wagers that go wrong, 0 to 1
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub faults: Option<f64>,

    /// Share of outcomes that come too late, 0 to 1
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub late: Option<f64>,

    /// Folder for the records
    #[arg(long, value_name = "DIR")]
    pub output: PathBuf,
}

/// Plans with names.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preset {
    /// A lively hour: 100,000 wagers of 2,000 players on 60 games, two in a hundred go wrong
    Hour,
    /// The evening of a small operator in fixtures/evening
    Evening,
    /// The benchmark workload: 5 M wagers, 100 k players, 500 games, nothing goes wrong but 5,000 orphans
    Core,
}

impl GenerateArgs {
    /// The plan that the flags amount to. Orphans, open wagers and payments of the workload grow with its wagers.
    pub fn plan(&self) -> Plan {
        let mut plan = match self.preset {
            Preset::Hour => Plan::new(&self.output),
            Preset::Evening => Plan::evening(&self.output),
            Preset::Core => Plan::core(&self.output),
        };
        if let Some(wagers) = self.wagers {
            let scaled =
                |number: u64| (u128::from(number) * u128::from(wagers) / u128::from(plan.wagers)) as u64;
            (plan.payments, plan.orphans) = (scaled(plan.payments), scaled(plan.orphans));
            (plan.unsettled, plan.wagers) = (scaled(plan.unsettled), wagers);
        }
        plan.accounts = self.accounts.unwrap_or(plan.accounts);
        plan.games = self.games.unwrap_or(plan.games);
        plan.hours = self.hours.unwrap_or(plan.hours);
        plan.seed = self.seed.unwrap_or(plan.seed);
        plan.faults = self.faults.unwrap_or(plan.faults);
        plan.late = self.late.unwrap_or(plan.late);
        plan
    }
}

/// A share from 0 to 1.
fn rate(text: &str) -> Result<f64, &'static str> {
    let rate: Option<f64> = text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
    rate.ok_or("not a rate from 0 to 1")
}

/// Hours, up to a leap year of them.
fn hours(text: &str) -> Result<f64, &'static str> {
    let hours: Option<f64> = text.parse().ok().filter(|hours| (0.001..=8784.0).contains(hours));
    hours.ok_or("not hours from 0.001 to 8784")
}

/// What `gyre check` is asked.
#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// Config file (TOML); without it, the defaults are shown
    #[arg(value_name = "CONFIG")]
    pub(super) config: Option<PathBuf>,
}

/// What `gyre completion` is asked.
#[derive(Args, Debug)]
pub(super) struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(super) shell: Shell,
}

/// What `gyre man` is asked.
#[derive(Args, Debug)]
pub(super) struct ManArgs {
    /// Folder for the pages; made where it is not there
    #[arg(value_name = "DIR")]
    pub(super) output: PathBuf,
}
