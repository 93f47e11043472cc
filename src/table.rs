//! Tables for people: sections in a box, columns aligned by what the terminal shows, not by bytes.

use unicode_width::UnicodeWidthStr;

/// How the cells of a column stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// How many terminal cells `text` takes: Korean takes two a syllable.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

enum Line {
    Section(String),
    Row(Vec<String>),
}

/// A table in the making.
pub struct Table {
    columns: Vec<Align>,
    lines: Vec<Line>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(columns: &[Align]) -> Self {
        Self { columns: columns.to_vec(), lines: Vec::new() }
    }

    /// Opens a section; its title stands in the rule above it.
    pub fn section(&mut self, title: impl Into<String>) {
        self.lines.push(Line::Section(title.into()));
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.lines.push(Line::Row(cells.into()));
    }

    /// The table, each line ending in a newline. A table without lines is empty.
    pub fn render(&self) -> String {
        let mut widths = vec![0; self.columns.len()];
        for line in &self.lines {
            if let Line::Row(cells) = line {
                for (known, cell) in widths.iter_mut().zip(cells) {
                    *known = width(cell).max(*known);
                }
            }
        }
        // Two cells between columns; a title needs room for itself and a little of its rule.
        let titles =
            self.lines.iter().map(|line| if let Line::Section(title) = line { width(title) + 2 } else { 0 });
        let inner = (widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1))
            .max(titles.max().unwrap_or(0));
        let mut text = String::new();
        for (index, line) in self.lines.iter().enumerate() {
            let (left, right) = if index == 0 { ('╭', '╮') } else { ('├', '┤') };
            match line {
                Line::Section(title) => {
                    let rule = "─".repeat((inner + 2).saturating_sub(width(title) + 3));
                    text += &format!("{left}─ {title} {rule}{right}\n");
                }
                Line::Row(cells) => {
                    if index == 0 {
                        text += &format!("╭{}╮\n", "─".repeat(inner + 2));
                    }
                    text += &format!("│ {} │\n", self.cells(cells, &widths, inner));
                }
            }
        }
        if !self.lines.is_empty() {
            text += &format!("╰{}╯\n", "─".repeat(inner + 2));
        }
        text
    }

    fn cells(&self, cells: &[String], widths: &[usize], inner: usize) -> String {
        let mut text = String::new();
        for ((cell, align), room) in cells.iter().zip(&self.columns).zip(widths) {
            if !text.is_empty() {
                text += "  ";
            }
            let blank = " ".repeat(room - width(cell));
            text += &match align {
                Align::Left => format!("{cell}{blank}"),
                Align::Right => format!("{blank}{cell}"),
            };
        }
        let blank = inner.saturating_sub(width(&text));
        text + &" ".repeat(blank)
    }
}

/// A number with its thousands apart: `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_by_what_is_seen() {
        let mut table = Table::new(&[Align::Left, Align::Right]);
        table.section("입력");
        table.row(["베팅".to_owned(), thousands(1_234_567)]);
        table.row(["wagers".to_owned(), thousands(7)]);
        table.section("a title that is wider than its rows");
        let text = table.render();
        let widths: Vec<usize> = text.lines().map(width).collect();
        assert!(widths.iter().all(|known| *known == widths[0]), "\n{text}");
        assert_eq!(Table::new(&[]).render(), "");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    }
}
