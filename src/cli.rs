//! The command line: commands, flags, help that teaches, and how a process leaves.
//!
//! The commands themselves are handed in ([`Commands`]), so that this file knows what is asked, not how it is done.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, value_parser};
use clap_complete::Shell;

use crate::config::{self, Config, TICK_MS};
use crate::error::{Domain, Error, Exit, Result};
use crate::generate::Plan;
use crate::interrupt::Interrupt;
use crate::sink::OutputFolder;
use crate::status;
use crate::summary::Summary;
use crate::texts::{HELP_KO, Key, Lang, Phrase};

/// Incremental settlement and integrity engine for online wagering
#[derive(Parser, Debug)]
#[command(name = "gyre", version, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    /// Language of messages [default: that of LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, global = true, value_enum, value_name = "LANG", hide_possible_values = false)]
    lang: Option<Lang>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Do the books of a folder of records
    Replay(ReplayArgs),
    /// Keep the books of streams that never end
    Run(RunArgs),
    /// Watch it at work: live records with faults, the books they make, and what can be asked of them
    Demo(DemoArgs),
    /// Show how a run stands: are the books right, how fresh are they, what is wrong
    Status(StatusArgs),
    /// Show what a run has not read yet, and how far behind its sinks are
    Lag(StatusArgs),
    /// Make records to play with, the same for the same seed
    Generate(GenerateArgs),
    /// Check a config file: every fault at once
    Check(CheckArgs),
    /// Print the completion script of a shell
    Completion(CompletionArgs),
}

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
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Screen::Table)]
    pub output: Screen,
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

#[derive(Args, Debug)]
struct CheckArgs {
    /// Config file (TOML); without it, the defaults are shown
    #[arg(value_name = "CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// What every command runs within.
#[derive(Clone, Default)]
pub struct Session {
    /// The language of messages.
    pub lang: Lang,
    /// Guards outputs against Ctrl-C: [`Interrupt::guard`] every [`OutputFolder`].
    pub interrupt: Interrupt,
}

impl Session {
    /// Opens a folder for outputs, guarded against Ctrl-C.
    ///
    /// # Errors
    /// As [`OutputFolder::open`].
    pub fn open_output(&self, folder: &std::path::Path) -> Result<OutputFolder> {
        let output = OutputFolder::open(folder)?;
        self.interrupt.guard(&output);
        Ok(output)
    }
}

/// The commands that do the work.
#[derive(Clone, Copy)]
pub struct Commands {
    /// Does the books.
    pub replay: fn(&ReplayArgs, &Config, &Session) -> Result<Summary>,
    /// Does the books for ever.
    pub run: fn(&RunArgs, &Config, &Session) -> Result<()>,
    /// Shows what it does.
    pub demo: fn(&DemoArgs, &Session) -> Result<()>,
    /// Makes records.
    pub generate: fn(&GenerateArgs, &Session) -> Result<()>,
}

/// Runs the process: its arguments, its environment, its standard streams.
pub fn main(commands: Commands) -> ExitCode {
    let exit = run(commands, std::env::args_os().collect(), |name| std::env::var(name).ok());
    ExitCode::from(exit as u8)
}

fn run(commands: Commands, args: Vec<OsString>, var: impl Fn(&str) -> Option<String>) -> Exit {
    // Help and the first errors must speak before the flags are parsed.
    let spoken = lang_flag(&args).unwrap_or_else(|| Lang::from_env(var));
    let parsed =
        command(spoken).try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok,
                _ => Exit::Usage,
            };
        }
    };
    let lang = cli.lang.unwrap_or(spoken);
    match dispatch(commands, &cli.command, lang) {
        Ok(exit) => exit,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}", error.render(lang));
            // A check that finds faults has done what it was asked.
            let found = matches!(cli.command, Command::Check(_)) && error.is_report();
            if found { Exit::Findings } else { error.exit() }
        }
    }
}

/// Does what is asked; gives how the process leaves where nothing failed.
fn dispatch(commands: Commands, command: &Command, lang: Lang) -> Result<Exit> {
    let listen = || Ok::<_, Error>(Session { lang, interrupt: Interrupt::listen(lang)? });
    let done = match command {
        Command::Replay(args) => {
            let config = args.config()?;
            let summary = (commands.replay)(args, &config, &listen()?)?;
            print(&summary.render(&args.output(), lang))
        }
        Command::Run(args) => {
            let config = config::load(&args.config)?;
            (commands.run)(args, &config, &listen()?)
        }
        Command::Demo(args) => (commands.demo)(args, &listen()?),
        Command::Status(args) => {
            let (shown, has_findings) = status::ask(args, lang)?;
            print(&shown)?;
            return Ok(if has_findings { Exit::Findings } else { Exit::Ok });
        }
        Command::Lag(args) => print(&status::lag(args, lang)?),
        Command::Generate(args) => (commands.generate)(args, &listen()?),
        Command::Check(args) => check(args, lang),
        Command::Completion(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut self::command(lang), "gyre", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    };
    done.map(|()| Exit::Ok)
}

fn check(args: &CheckArgs, lang: Lang) -> Result<()> {
    let (config, title) = match &args.config {
        Some(path) => (config::load(path)?, Phrase::new(Key::ConfigSound).with("path", path.display())),
        None => (Config::default(), Key::ConfigDefaults.into()),
    };
    print(&format!("{}\n{}", title.say(lang), config::show(&config, lang)))
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no fault.
fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let what = Phrase::new(Key::OutputUnwritable).with("path", "stdout");
            Err(Error::unreachable(Domain::Output, what).cause(error))
        }
        _ => Ok(()),
    }
}

/// `--lang ko` or `--lang=ko`, wherever it stands.
fn lang_flag(args: &[OsString]) -> Option<Lang> {
    let args: Vec<&str> = args.iter().filter_map(|arg| OsStr::to_str(arg)).collect();
    let value = args.iter().enumerate().find_map(|(index, arg)| match arg.strip_prefix("--lang")? {
        "" => args.get(index + 1).copied(),
        rest => rest.strip_prefix('='),
    })?;
    match value {
        "ko" => Some(Lang::Ko),
        "en" => Some(Lang::En),
        _ => None,
    }
}

/// The command line with its help in `lang`.
fn command(lang: Lang) -> clap::Command {
    let mut command = Cli::command()
        .disable_help_subcommand(true)
        .after_help(Key::AfterHelp.say(lang))
        .mut_subcommand("replay", |command| command.after_long_help(Key::AfterReplay.say(lang)))
        .mut_subcommand("run", |command| command.after_long_help(Key::AfterRun.say(lang)))
        .mut_subcommand("generate", |command| command.after_help(Key::AfterGenerate.say(lang)))
        .mut_subcommand("check", |command| command.after_help(Key::AfterCheck.say(lang)));
    if lang == Lang::Ko {
        for &(name, flag, text) in HELP_KO {
            command = match (name, flag) {
                ("", "") => command.about(text),
                ("", flag) => command.mut_arg(flag, |arg| arg.help(text)),
                (name, "") => command.mut_subcommand(name, |sub| sub.about(text)),
                (name, flag) => command.mut_subcommand(name, |sub| sub.mut_arg(flag, |arg| arg.help(text))),
            };
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Phrase;

    fn fake() -> Commands {
        Commands {
            replay: |args, config, _| {
                assert_eq!(args.workers(), 3);
                assert_eq!((config.rules.tick_ms, config.postings), (50, true));
                Ok(Summary::default())
            },
            run: |args, config, _| {
                assert_eq!((args.workers(), config.live.job.as_str()), (2, "books"));
                Ok(())
            },
            demo: |args, _| {
                assert_eq!((args.rate, args.seed, &*args.http_addr), (1_500, 1, HTTP_ADDR));
                Ok(())
            },
            generate: |args, _| {
                assert_eq!((args.wagers, args.seed, args.faults), (Some(5), Some(9), Some(0.25)));
                Err(Error::unreachable(Domain::Output, Phrase::new(Key::DiskFull)))
            },
        }
    }

    fn exit(line: &str) -> Exit {
        let args = std::iter::once("gyre").chain(line.split_whitespace()).map(OsString::from).collect();
        run(fake(), args, |_| None)
    }

    #[test]
    fn the_definition_is_sound_and_speaks_korean_throughout() {
        for lang in [Lang::En, Lang::Ko] {
            command(lang).debug_assert();
        }
        let korean =
            |text: Option<String>| text.is_some_and(|text| text.chars().any(|c| ('가'..='힣').contains(&c)));
        let root = command(Lang::Ko);
        for command in root.get_subcommands().chain([&root]) {
            assert!(korean(command.get_about().map(ToString::to_string)), "{}", command.get_name());
            for arg in command.get_arguments() {
                assert!(
                    korean(arg.get_help().map(ToString::to_string)),
                    "{} {}",
                    command.get_name(),
                    arg.get_id()
                );
            }
        }
    }

    #[test]
    fn exits_are_as_documented() {
        assert_eq!(exit("--help"), Exit::Ok);
        assert_eq!(exit("replay --help --lang ko"), Exit::Ok);
        assert_eq!(exit("--version"), Exit::Ok);
        for wrong in [
            "",
            "nonsense",
            "replay",
            "replay a b",
            "replay a --workers 0",
            "replay a --tick-ms 0",
            "replay a --nonsense",
            "run",
            "run --config x",
            "run --config x --state y --workers 257",
            "demo --rate 0",
            "status --http-addr 0.0.0.0:80",
            "status --http-addr nonsense",
            "status --output xml",
            "generate --wagers 5",
            "generate --output x --faults 2",
            "generate --output x --faults nan",
            "generate --output x --hours 0",
            "--lang fr check",
        ] {
            assert_eq!(exit(wrong), Exit::Usage, "{wrong}");
        }
        assert_eq!(exit("demo"), Exit::Ok);
        // Nobody listens at a port that is given to no one.
        assert_eq!(exit("status --http-addr 127.0.0.1:1"), Exit::Unreachable);
        assert_eq!(exit("check"), Exit::Ok);
        assert_eq!(exit("check /none/such.toml"), Exit::Usage);
        let temp = tempfile::tempdir().unwrap();
        let config = temp.path().join("gyre.toml");
        std::fs::write(&config, "nonsense = 1\n").unwrap();
        assert_eq!(exit(&format!("check {}", config.display())), Exit::Findings);
        assert_eq!(exit(&format!("replay x --config {}", config.display())), Exit::Usage);
        std::fs::write(&config, "[time]\ntick_ms = 1000\n").unwrap();
        assert_eq!(exit(&format!("check {} --lang ko", config.display())), Exit::Ok);
        assert_eq!(exit("completion bash"), Exit::Ok);
        assert_eq!(exit("run --config /none/such.toml --state s"), Exit::Usage);
        let args = ReplayArgs {
            input: "day".into(),
            output: None,
            workers: Some(3),
            changes: false,
            config: Some(config),
            tick_ms: None,
            postings: false,
            what_if: None,
            http_addr: None,
        };
        assert_eq!(args.config().unwrap().rules.tick_ms, 1_000);
        assert_eq!(args.output(), PathBuf::from("day/out"));
    }

    #[test]
    fn flags_reach_the_commands() {
        let args: Vec<OsString> =
            "gyre replay day --workers 3 --tick-ms 50 --postings".split(' ').map(Into::into).collect();
        let parsed = Cli::try_parse_from(args).unwrap();
        let Command::Replay(args) = parsed.command else { panic!("not a replay") };
        let config = args.config().unwrap();
        assert!((fake().replay)(&args, &config, &Session::default()).is_ok());
        let parsed = Cli::try_parse_from(["gyre", "run", "--config", "c", "--state", "s", "--workers", "2"]);
        let Command::Run(args) = parsed.unwrap().command else { panic!("not a run") };
        let live = config::parse("x", "run.job = \"books\"").unwrap();
        assert!((fake().run)(&args, &live, &Session::default()).is_ok());
        let args: Vec<OsString> =
            "gyre generate --wagers 5 --seed 9 --faults 0.25 --output x".split(' ').map(Into::into).collect();
        let Command::Generate(args) = Cli::try_parse_from(args).unwrap().command else {
            panic!("not a generate")
        };
        assert_eq!((fake().generate)(&args, &Session::default()).unwrap_err().exit(), Exit::Unreachable);
    }

    #[test]
    fn the_language_is_found_before_flags_are_parsed() {
        let of = |line: &str| lang_flag(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of("gyre replay --lang ko x"), Some(Lang::Ko));
        assert_eq!(of("gyre --lang=en"), Some(Lang::En));
        assert_eq!(of("gyre --lang"), None);
        assert_eq!(of("gyre --language ko"), None);
    }
}
