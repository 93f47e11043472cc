//! The command line: commands, flags, help that teaches, and how a process leaves.
//!
//! The commands themselves are handed in ([`Commands`]), so that this file knows what is asked, not how it is done.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::bundle;
use crate::config::{self, Config};
use crate::error::{Domain, Error, Exit, Result};
use crate::graph;
use crate::interrupt::Interrupt;
use crate::listing;
use crate::rescale;
use crate::sink::OutputFolder;
use crate::status;
use crate::summary::Summary;
use crate::texts::{HELP_KO, Key, Lang, Phrase};
use crate::top;
use crate::watch::standing::List;

mod args;

use args::{AnomaliesCommand, CheckArgs, CompletionArgs, ManArgs, QuarantineCommand};
pub use args::{
    BundleArgs, ClusterArgs, DemoArgs, Drawing, Form, GenerateArgs, GraphArgs, HTTP_ADDR, PageArgs, Preset,
    ReplayArgs, RescaleArgs, RunArgs, Screen, ShowArgs, StatusArgs, TopArgs,
};

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
    /// Do it with several processes on this machine, and start again whichever dies
    Cluster(ClusterArgs),
    /// Have a cluster go on with another number of processes or workers
    Rescale(RescaleArgs),
    /// Watch it at work: live records with faults, the books they make, and what can be asked of them
    Demo(DemoArgs),
    /// Show how a run stands: are the books right, how fresh are they, what is wrong
    Status(StatusArgs),
    /// Watch a run at work: its stages, rates, lag, memory and worst worker, until q is pressed
    Top(TopArgs),
    /// Show what a run has not read yet, and how far behind its sinks are
    Lag(StatusArgs),
    /// Draw the stages of a run with what goes from one to the next
    Graph(GraphArgs),
    /// Pack what somebody needs who is to help with a run: no secrets, no records
    Bundle(BundleArgs),
    /// Look at anomalies that stand, one by one
    #[command(subcommand)]
    Anomalies(AnomaliesCommand),
    /// Look at records in quarantine, one by one
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Make records to play with, the same for the same seed
    Generate(GenerateArgs),
    /// Check a config file: every fault at once
    Check(CheckArgs),
    /// Print the completion script of a shell
    Completion(CompletionArgs),
    /// Write the manual, a page for each command
    Man(ManArgs),
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
    /// Has several processes do the books for ever.
    pub cluster: fn(&ClusterArgs, &Session) -> Result<()>,
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
        Command::Cluster(args) => {
            // What is wrong with it is told once, not by every process.
            config::load(&args.config)?;
            (commands.cluster)(args, &listen()?)
        }
        Command::Rescale(args) => print(&rescale::ask(args, lang)?),
        Command::Demo(args) => (commands.demo)(args, &listen()?),
        Command::Status(args) => {
            let (shown, has_findings) = status::ask(args, lang)?;
            print(&shown)?;
            return Ok(if has_findings { Exit::Findings } else { Exit::Ok });
        }
        Command::Top(args) => top::run(args, lang),
        Command::Lag(args) => print(&status::lag(args, lang)?),
        Command::Graph(args) => print(&graph::ask(args, lang)?),
        Command::Bundle(args) => print(&bundle::make(args, lang)?),
        Command::Anomalies(AnomaliesCommand::List(args)) => {
            let filters = [("kind", &args.kind), ("severity", &args.severity)];
            print(&listing::list(List::Anomalies, &filters, &args.page, lang)?)
        }
        Command::Anomalies(AnomaliesCommand::Show(args)) => {
            print(&listing::show(List::Anomalies, args, lang)?)
        }
        Command::Quarantine(QuarantineCommand::List(args)) => {
            let filters = [("topic", &args.topic), ("cause", &args.cause)];
            print(&listing::list(List::Quarantine, &filters, &args.page, lang)?)
        }
        Command::Quarantine(QuarantineCommand::Show(args)) => {
            print(&listing::show(List::Quarantine, args, lang)?)
        }
        Command::Generate(args) => (commands.generate)(args, &listen()?),
        Command::Check(args) => check(args, lang),
        Command::Completion(args) => {
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut self::command(lang), "gyre", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::Man(args) => man(args, lang),
    };
    done.map(|()| Exit::Ok)
}

fn man(args: &ManArgs, lang: Lang) -> Result<()> {
    let unwritable = |error: io::Error| {
        let what = Phrase::new(Key::OutputUnwritable).with("path", args.output.display());
        Error::unreachable(Domain::Output, what).cause(error).help(Key::OutputUnwritableHelp)
    };
    std::fs::create_dir_all(&args.output).map_err(unwritable)?;
    clap_mangen::generate_to(command(lang), &args.output).map_err(unwritable)
}

fn check(args: &CheckArgs, lang: Lang) -> Result<()> {
    let (config, title) = match &args.config {
        Some(path) => (config::load(path)?, Phrase::new(Key::ConfigSound).with("path", path.display())),
        None => (Config::default(), Key::ConfigDefaults.into()),
    };
    print(&format!("{}\n{}", title.say(lang), config::show(&config, lang)))
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no fault.
pub(crate) fn print(text: &str) -> Result<()> {
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
            command = translated(command, name, flag, text);
        }
    }
    command
}

/// The command with one help of it in other words: of a command under it, by its names with blanks between.
fn translated(command: clap::Command, name: &str, flag: &str, text: &'static str) -> clap::Command {
    match (name.split_once(' ').unwrap_or((name, "")), flag) {
        (("", _), "") => command.about(text),
        (("", _), flag) => command.mut_arg(flag, |arg| arg.help(text)),
        ((first, rest), _) => command.mut_subcommand(first, |sub| translated(sub, rest, flag, text)),
    }
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
            cluster: |args, _| {
                assert_eq!((args.processes, args.workers, args.port), (3, 1, 7801));
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
        let mut commands = vec![&root];
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands());
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
            "run --config x --state y --process 1",
            "cluster --config x --state y --processes 1",
            "cluster --config x --state y --port 80",
            "rescale --processes 3",
            "rescale --state y --processes 1",
            "demo --rate 0",
            "status --http-addr 0.0.0.0:80",
            "status --http-addr nonsense",
            "status --output xml",
            "anomalies",
            "anomalies list --kind nonsense",
            "anomalies list --limit 0",
            "anomalies show a/../b",
            "quarantine list --cursor a&b=c",
            "quarantine show",
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
        assert_eq!(exit("anomalies list --http-addr 127.0.0.1:1"), Exit::Unreachable);
        assert_eq!(exit("quarantine show 0123 --http-addr 127.0.0.1:1"), Exit::Unreachable);
        assert_eq!(exit("check"), Exit::Ok);
        assert_eq!(exit("cluster --config /none/such.toml --state s"), Exit::Usage);
        assert_eq!(exit("rescale --state /none/such --processes 3"), Exit::Usage);
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
        assert_eq!(args.output(), std::path::Path::new("day/out"));
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
        let parsed =
            Cli::try_parse_from(["gyre", "cluster", "--config", "c", "--state", "s", "--processes", "3"]);
        let Command::Cluster(args) = parsed.unwrap().command else { panic!("not a cluster") };
        assert!((fake().cluster)(&args, &Session::default()).is_ok());
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
