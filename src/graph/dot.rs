//! The stages for Graphviz.

use super::{Flow, percent, rate};
use crate::texts::{Key, Lang, Phrase};

/// A digraph: `gyre graph --output dot | dot -Tsvg`.
pub fn draw(flow: &Flow, lang: Lang) -> String {
    let title = Phrase::new(Key::GraphTitle).with("at", &flow.at).say(lang);
    let mut text = format!("digraph gyre {{\n  label={}; labelloc=t; node [shape=box];\n", quoted(&title));
    for busy in &flow.stages {
        let worst = Phrase::new(Key::GraphWorst)
            .with("worker", &busy.worst)
            .with("percent", percent(busy.worst_share));
        let label = format!("{}\n{}\n{}", busy.stage, percent(busy.share), worst.say(lang));
        text += &format!("  {} [label={}];\n", quoted(&busy.stage), quoted(&label));
    }
    for way in &flow.ways {
        let (from, to, label) = (quoted(&way.from), quoted(&way.to), quoted(&rate(way.per_s)));
        text += &format!("  {from} -> {to} [label={label}];\n");
    }
    text + "}\n"
}

/// A string of the language; what is no printable character cannot come from a stage.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
