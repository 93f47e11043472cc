//! What `gyre top` shows, and where.
//!
//! ```text
//! ┌ the job, its state, how old its books are ─────────┐
//! ├ stages: how busy, the worst worker ┬ in, out, lag ─┤
//! └ what is wrong ─────────────────────┴───────────────┘
//! ```

use ratatui_core::layout::{Constraint, Layout, Rect};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span, Text};
use ratatui_widgets::block::Block;
use ratatui_widgets::borders::BorderType;
use ratatui_widgets::paragraph::{Paragraph, Wrap};
use ratatui_widgets::table::{Row, Table};

use super::View;
use crate::error::bytes;
use crate::graph::{Busy, percent};
use crate::status;
use crate::table::thousands;
use crate::texts::{Key, Lang, Phrase};
use crate::watch::status::{State, Status};

/// Cells of the bar that shows how busy a stage is.
const BAR: usize = 10;

const WELL: Color = Color::Green;
const WRONG: Color = Color::Red;
const DIM: Style = Style::new().add_modifier(Modifier::DIM);

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, view: &View, lang: Lang) {
    let rows = [Constraint::Length(4), Constraint::Min(8), Constraint::Length(1)];
    let [top, middle, keys] = Layout::vertical(rows).areas(frame.area());
    let [left, right] = Layout::horizontal([Constraint::Percentage(55), Constraint::Fill(1)]).areas(middle);
    head(frame, top, view, lang);
    stages(frame, left, view, lang);
    ends(frame, right, view, lang);
    let says = if view.is_paused { Key::TopPaused } else { Key::TopKeys };
    frame.render_widget(Paragraph::new(says.say(lang)).style(DIM), keys);
}

fn block(title: &str) -> Block<'_> {
    Block::bordered().border_type(BorderType::Rounded).title(format!(" {title} "))
}

fn head(frame: &mut Frame<'_>, area: Rect, view: &View, lang: Lang) {
    let status = &view.status;
    let says = view.trouble.as_deref().unwrap_or_else(|| status::state(status).say(lang));
    let color = match (&view.trouble, status.state) {
        (Some(_), _) | (None, State::Behind) => WRONG,
        (None, State::Ready) => WELL,
        (None, State::Hydrating) => Color::Yellow,
    };
    let figures = [
        (Key::StatusAge, status::age(status)),
        (Key::StatusAsOf, status.as_of.at.clone()),
        (Key::StatusMemory, bytes(status.resident_bytes)),
    ];
    let mut line = Vec::new();
    for (key, says) in figures {
        line.extend([Span::styled(format!("{} ", key.say(lang)), DIM), Span::raw(format!("{says}   "))]);
    }
    let first = says.lines().next().unwrap_or_default().to_owned();
    let lines = vec![Line::styled(first, Style::new().fg(color)), Line::from(line)];
    let start = Phrase::new(Key::StatusStart).with("generation", status.generation).say(lang);
    let title = format!("gyre top · {} · {start}", status.job);
    frame.render_widget(Paragraph::new(lines).block(block(&title)), area);
}

fn stages(frame: &mut Frame<'_>, area: Rect, view: &View, lang: Lang) {
    let rows = view.flow.stages.iter().map(|busy| {
        let worst = format!("{} {}", busy.worst, percent(busy.worst_share));
        let cells = [busy.stage.clone(), bar(busy), percent(busy.share), worst];
        Row::new(cells).style(if busy.worst_share > 0.9 { Style::new().fg(WRONG) } else { Style::new() })
    });
    let widths =
        [Constraint::Fill(1), Constraint::Length(BAR as u16), Constraint::Length(8), Constraint::Length(16)];
    let header = [Key::TopStage, Key::TopBusy, Key::TopShare, Key::TopWorst].map(|key| key.say(lang));
    let table = Table::new(rows, widths).header(Row::new(header).style(DIM));
    frame.render_widget(table.block(block(Key::TopStages.say(lang))), area);
}

fn bar(busy: &Busy) -> String {
    let full = (busy.share.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}

/// What comes in and goes out, and what is wrong.
fn ends(frame: &mut Frame<'_>, area: Rect, view: &View, lang: Lang) {
    let status = &view.status;
    let inputs = status.inputs.iter().zip(&view.inputs).filter(|(input, _)| input.records > 0);
    let inputs: Vec<_> = inputs
        .map(|(input, per_s)| line(&input.source, &format!("{}/s", whole(*per_s)), Style::new()))
        .collect();
    let sinks: Vec<_> = status
        .sinks
        .iter()
        .zip(&view.sinks)
        .map(|(sink, per_s)| {
            let style = if sink.troubled { Style::new().fg(WRONG) } else { Style::new() };
            let says = Phrase::new(Key::TopSink)
                .with("rate", whole(*per_s))
                .with("seconds", status::behind(status, sink));
            line(&sink.name, &says.say(lang), style)
        })
        .collect();
    let parts = [
        (Key::SectionInput, inputs),
        (Key::LagUnread, unread(status, lang)),
        (Key::StatusSinks, sinks),
        (Key::StatusRight, wrong(status, lang)),
    ];
    let heights: Vec<_> = parts
        .iter()
        .enumerate()
        .map(|(at, (_, lines))| {
            let height = lines.len().max(1) as u16 + 2;
            if at + 1 == parts.len() { Constraint::Min(height) } else { Constraint::Length(height) }
        })
        .collect();
    let areas = Layout::vertical(heights).split(area);
    for ((key, lines), area) in parts.into_iter().zip(areas.iter()) {
        let lines = if lines.is_empty() { vec![Line::styled(Key::RowNone.say(lang), DIM)] } else { lines };
        let says = Paragraph::new(Text::from(lines)).wrap(Wrap { trim: false });
        frame.render_widget(says.block(block(key.say(lang))), *area);
    }
}

/// A name, and what it says behind it.
fn line(name: &str, says: &str, style: Style) -> Line<'static> {
    let blank = " ".repeat(14_usize.saturating_sub(crate::table::width(name)));
    Line::styled(format!("{name}{blank} {says}"), style)
}

/// A rate without what nobody reads.
fn whole(per_s: f64) -> String {
    thousands(per_s.round() as u64)
}

/// What was not read, by topic.
fn unread(status: &Status, lang: Lang) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for input in &status.inputs {
        let of_topic = || status.lags.iter().filter(|lag| lag.source == input.source);
        let records: u64 = of_topic().filter_map(|lag| lag.records).sum();
        let rest: u64 = of_topic().filter_map(|lag| lag.bytes).sum();
        if of_topic().any(|lag| lag.records.is_some()) {
            let says = format!("{} {}", thousands(records), Key::LagRecords.say(lang));
            lines.push(line(&input.source, &says, Style::new()));
        } else if of_topic().next().is_some() {
            lines.push(line(&input.source, &bytes(rest), Style::new()));
        }
    }
    lines
}

/// Whether the books balance, and how much waits for somebody to look at it.
fn wrong(status: &Status, lang: Lang) -> Vec<Line<'static>> {
    let mut lines: Vec<_> = status
        .books
        .iter()
        .map(|book| {
            let is_right = book.imbalance == "0";
            let verdict = if is_right { Key::Balanced } else { Key::NotBalanced }.say(lang);
            let says = if is_right {
                verdict.to_owned()
            } else {
                format!("{verdict}: {}", status::decimal(&book.imbalance, book.exponent))
            };
            line(&book.currency, &says, Style::new().fg(if is_right { WELL } else { WRONG }))
        })
        .collect();
    let open: u64 = status.anomalies.iter().map(|anomalies| anomalies.open).sum();
    let counts = [
        (Key::TopAnomalies, open),
        (Key::TopQuarantine, status.quarantine.iter().map(|caused| caused.records).sum()),
        (Key::TopRejects, status.rejects.iter().map(|caused| caused.records).sum()),
    ];
    lines.extend(counts.map(|(key, count)| line(key.say(lang), &thousands(count), Style::new())));
    lines
}
