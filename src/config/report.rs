//! The faults of a config file, as people are shown them.

use std::ops::Range;

use crate::table::width;
use crate::texts::{Key, Lang, Phrase};

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
    pub(super) text: String,
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
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// `at`, or the start of the character it lies in.
fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}
