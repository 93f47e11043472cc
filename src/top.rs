//! `gyre top`: a run at work, on one screen that stays.
//!
//! ```text
//! /v1/status, /v1/graph ──every second──▶ View (what changed since the last answer) ──▶ screen
//! ```
//! Where standard output is no terminal, the screen is printed once.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::CrosstermBackend;
use ratatui_crossterm::crossterm::cursor::Show;
use ratatui_crossterm::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui_crossterm::crossterm::execute;
use ratatui_crossterm::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use crate::cli::TopArgs;
use crate::client;
use crate::error::{Domain, Error, Result};
use crate::graph::{Flow, graph, per_s};
use crate::texts::{Key, Lang, Phrase};
use crate::watch::graph::Graph;
use crate::watch::status::Status;

mod screen;

/// Cells of the screen that is printed once.
const PRINTED: (u16, u16) = (100, 32);
/// How long it is waited for a key before anything else is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Shows it until a key ends it; where nobody looks on, prints it once.
///
/// # Errors
/// Exit 2 for an address that is none; exit 3 where nobody answers when it begins, or the terminal is gone.
pub fn run(args: &TopArgs, lang: Lang) -> Result<()> {
    let first = Sample::take(&args.http_addr)?;
    let every = Duration::from_secs(u64::from(args.interval_s));
    if !io::stdout().is_terminal() {
        thread::sleep(every);
        let view = View::between(&first, &Sample::take(&args.http_addr)?);
        return crate::cli::print(&printed(&view, lang)?);
    }
    let screen = Screen::open()?;
    let ended = watch(first, &args.http_addr, every, lang);
    drop(screen);
    ended
}

/// What was answered at a moment.
struct Sample {
    at: Instant,
    status: Status,
    graph: Graph,
}

impl Sample {
    fn take(addr: &str) -> Result<Self> {
        let status = client::read(addr, &client::get(addr, "/v1/status")?)?;
        Ok(Self { at: Instant::now(), status, graph: graph(addr)? })
    }
}

/// How a run is, and what went in a second.
struct View {
    status: Status,
    flow: Flow,
    /// Records a second, of each topic of the status.
    inputs: Vec<f64>,
    /// Changes a second, of each sink of it.
    sinks: Vec<f64>,
    /// It is shown, and not looked after.
    is_paused: bool,
    /// Why there is no newer answer.
    trouble: Option<String>,
}

impl View {
    fn between(first: &Sample, then: &Sample) -> Self {
        let time = then.at.duration_since(first.at);
        let inputs = then.status.inputs.iter().map(|input| {
            let before = first.status.inputs.iter().find(|other| other.source == input.source);
            per_s(before.map_or(0, |before| before.records), input.records, time)
        });
        let sinks = then.status.sinks.iter().map(|sink| {
            let before = first.status.sinks.iter().find(|other| other.name == sink.name);
            per_s(before.map_or(0, |before| before.records), sink.records, time)
        });
        Self {
            inputs: inputs.collect(),
            sinks: sinks.collect(),
            status: then.status.clone(),
            flow: Flow::between(&first.graph, &then.graph, time),
            is_paused: false,
            trouble: None,
        }
    }
}

/// Shows one answer after another.
fn watch(mut last: Sample, addr: &str, every: Duration, lang: Lang) -> Result<()> {
    let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout())).map_err(gone)?;
    let mut view = View::between(&last, &Sample::take(addr)?);
    let mut looked = Instant::now();
    loop {
        if !view.is_paused && looked.elapsed() >= every {
            looked = Instant::now();
            match Sample::take(addr) {
                Ok(then) => {
                    view = View::between(&last, &then);
                    last = then;
                }
                // Whoever watches wants to see it come back.
                Err(error) => view.trouble = Some(error.render(lang)),
            }
        }
        terminal.draw(|frame| screen::draw(frame, &view, lang)).map_err(gone)?;
        if !event::poll(LOOK).map_err(gone)? {
            continue;
        }
        if let Event::Key(key) = event::read().map_err(gone)?
            && key.kind == KeyEventKind::Press
        {
            let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                _ if is_ctrl_c => return Ok(()),
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                KeyCode::Char(' ') => view.is_paused = !view.is_paused,
                _ => {}
            }
        }
    }
}

/// The screen as text.
fn printed(view: &View, lang: Lang) -> Result<String> {
    let mut terminal = Terminal::new(TestBackend::new(PRINTED.0, PRINTED.1)).map_err(Error::bug)?;
    terminal.draw(|frame| screen::draw(frame, view, lang)).map_err(Error::bug)?;
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for row in buffer.content().chunks(usize::from(PRINTED.0)) {
        let (mut line, mut covered) = (String::new(), 0);
        for cell in row {
            // A wide letter covers the cell behind it.
            if covered == 0 {
                line += cell.symbol();
                covered = crate::table::width(cell.symbol());
            }
            covered = covered.saturating_sub(1);
        }
        text += line.trim_end();
        text.push('\n');
    }
    Ok(text)
}

/// The terminal while the screen is on it; what was there comes back when it is dropped.
struct Screen;

impl Screen {
    fn open() -> Result<Self> {
        enable_raw_mode().map_err(gone)?;
        let screen = Self;
        execute!(io::stdout(), EnterAlternateScreen).map_err(gone)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to be put back.
        let _ = disable_raw_mode();
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    }
}

fn gone(error: io::Error) -> Error {
    let what = Phrase::new(Key::OutputUnwritable).with("path", "stdout");
    Error::unreachable(Domain::Output, what).cause(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::graph::{Edge, Load, Node};
    use crate::watch::status::{AsOf, Book, Caused, Input, Lag, Sink, State, Wagers};

    fn sample(at: Instant, records: u64, busy_s: f64) -> Sample {
        let as_of = AsOf { tick: 90_000, at: "1970-01-01T00:01:30.000Z".to_owned() };
        let book = Book {
            currency: "KRW".to_owned(),
            exponent: 0,
            imbalance: "0".to_owned(),
            held: "700".to_owned(),
        };
        let sink =
            Sink { name: "files".to_owned(), tick: 89_000, records: records * 3, errors: 2, troubled: true };
        let status = Status {
            as_of: as_of.clone(),
            job: "evening".to_owned(),
            generation: 4,
            state: State::Ready,
            behind_ms: Some(250),
            books: vec![book],
            inputs: vec![Input { source: "wagers".to_owned(), records }],
            lags: vec![Lag {
                source: "wagers".to_owned(),
                partition: "0".to_owned(),
                records: Some(1_234),
                bytes: None,
            }],
            sinks: vec![sink],
            anomalies: Vec::new(),
            rejects: vec![Caused { cause: "malformed".to_owned(), records: 5 }],
            quarantine: Vec::new(),
            wagers: Wagers { open: 1, settled: 2, cancelled: 3 },
            resident_bytes: 5 << 20,
        };
        let load = Load { process: 0, worker: "1".to_owned(), busy_s };
        let edge = Edge { from: "matching".to_owned(), to: "ledger".to_owned(), batches: records };
        let stages = vec![Node { stage: "matching".to_owned(), workers: vec![load] }];
        Sample { at, status, graph: Graph { as_of, stages, edges: vec![edge] } }
    }

    #[test]
    fn the_screen_says_what_matters_in_both_languages() {
        let at = Instant::now();
        let later = at + Duration::from_secs(2);
        let mut view = View::between(&sample(at, 1_000, 1.0), &sample(later, 5_000, 1.5));
        for lang in [Lang::En, Lang::Ko] {
            let said = printed(&view, lang).unwrap();
            for part in [
                "evening", "matching", "25.0 %", "0.1", "wagers", "2,000/s", "files", "6,000", "KRW", "1,234",
            ] {
                assert!(said.contains(part), "{part}:\n{said}");
            }
            let widths: Vec<_> = said.lines().map(crate::table::width).collect();
            assert!(widths.iter().all(|width| *width <= usize::from(PRINTED.0)), "{said}");
        }
        view.trouble = Some("nobody answers".to_owned());
        assert!(printed(&view, Lang::En).unwrap().contains("nobody answers"));
    }
}
