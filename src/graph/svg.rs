//! The stages as a picture: boxes under each other in the order of the data, filled as far as they are busy.
//!
//! What goes to the next stage goes straight down; what passes stages goes round them on the right; what comes back, on
//! the left.

use super::{Busy, Flow, percent, rate};
use crate::texts::{Key, Lang, Phrase};

const WIDTH: f64 = 880.0;
const BOX_LEFT: f64 = 300.0;
const BOX_WIDTH: f64 = 280.0;
const BOX_HEIGHT: f64 = 46.0;
/// From the top of a box to that of the next.
const STEP: f64 = 84.0;
const TOP: f64 = 56.0;
/// How far a way keeps from the boxes, for each stage that it passes.
const ROUND: f64 = 34.0;

/// Colours for light and dark surroundings, and what texts look like.
const STYLE: &str = "<style>\
    svg{background:#fff;font:14px system-ui,sans-serif}text{fill:#1b1f24}.dim{fill:#57606a;font-size:12px}\
    .box{fill:#f6f8fa;stroke:#57606a}.busy{fill:#9ec5fe}.way{fill:none;stroke:#57606a}.head{fill:#57606a}\
    @media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.dim{fill:#9198a1}\
    .box{fill:#161b22;stroke:#9198a1}.busy{fill:#1f4b8e}.way{stroke:#9198a1}.head{fill:#9198a1}}\
    </style>\n\
    <defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
    orient=\"auto\"><path class=\"head\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n";

/// A picture that stands for itself.
pub fn draw(flow: &Flow, lang: Lang) -> String {
    let height = TOP + STEP * flow.stages.len() as f64;
    let title = escaped(&Phrase::new(Key::GraphTitle).with("at", &flow.at).say(lang));
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n{STYLE}\
         <text x=\"{}\" y=\"28\" text-anchor=\"middle\">{title}</text>\n",
        WIDTH / 2.0
    );
    let place = |stage: &str| flow.stages.iter().position(|busy| busy.stage == stage);
    for way in &flow.ways {
        if let (Some(from), Some(to)) = (place(&way.from), place(&way.to)) {
            text += &arrow(from, to, &rate(way.per_s));
        }
    }
    for (at, busy) in flow.stages.iter().enumerate() {
        text += &stage(at, busy, lang);
    }
    text + "</svg>\n"
}

fn stage(at: usize, busy: &Busy, lang: Lang) -> String {
    let (top, middle) = (TOP + STEP * at as f64, BOX_LEFT + BOX_WIDTH / 2.0);
    let filled = BOX_WIDTH * busy.share.clamp(0.0, 1.0);
    let worst =
        Phrase::new(Key::GraphWorst).with("worker", &busy.worst).with("percent", percent(busy.worst_share));
    format!(
        "<rect class=\"box\" x=\"{BOX_LEFT}\" y=\"{top}\" width=\"{BOX_WIDTH}\" height=\"{BOX_HEIGHT}\" rx=\"6\"/>\
         <rect class=\"busy\" x=\"{BOX_LEFT}\" y=\"{top}\" width=\"{filled:.1}\" height=\"{BOX_HEIGHT}\" rx=\"6\"/>\
         <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{} · {}</text>\
         <text class=\"dim\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
        top + 20.0,
        escaped(&busy.stage),
        percent(busy.share),
        top + 37.0,
        escaped(&worst.say(lang)),
    )
}

/// A way from one box to another, with what it says in its middle.
fn arrow(from: usize, to: usize, says: &str) -> String {
    let (from_top, to_top) = (TOP + STEP * from as f64, TOP + STEP * to as f64);
    let path = |shape: String, x: f64, y: f64, anchor: &str| {
        format!(
            "<path class=\"way\" marker-end=\"url(#head)\" d=\"{shape}\"/>\
             <text class=\"dim\" x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"{anchor}\">{says}</text>\n"
        )
    };
    if to == from + 1 {
        let x = BOX_LEFT + BOX_WIDTH / 2.0;
        let (start, end) = (from_top + BOX_HEIGHT, to_top);
        return path(format!("M{x} {start}V{end}"), x + 8.0, (start + end) / 2.0 + 4.0, "start");
    }
    let is_back = to < from;
    let side = if is_back { -1.0 } else { 1.0 };
    let edge = if is_back { BOX_LEFT } else { BOX_LEFT + BOX_WIDTH };
    let far = edge + side * ROUND * from.abs_diff(to) as f64;
    // What leaves a box does so below what comes to it.
    let (start, end) = (from_top + BOX_HEIGHT * 0.7, to_top + BOX_HEIGHT * 0.3);
    let shape = format!("M{edge} {start:.0}C{far:.0} {start:.0} {far:.0} {end:.0} {edge} {end:.0}");
    // A curve of this kind comes three quarters of the way to its handles.
    let x = edge + (far - edge) * 0.75 + side * 4.0;
    path(shape, x, (start + end) / 2.0 + 4.0, if is_back { "end" } else { "start" })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
