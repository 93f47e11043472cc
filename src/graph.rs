//! `gyre graph`: the stages of a run with live figures, as a table, for Graphviz, or as a picture.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::{Drawing, GraphArgs};
use crate::client;
use crate::error::Result;
use crate::table::{Align, Table};
use crate::texts::{Key, Lang, Phrase};
use crate::watch::graph::{Graph, Load};

mod dot;
mod svg;

/// How long figures are watched to tell how they change.
const WATCHED: Duration = Duration::from_secs(1);

/// Asks twice, and gives what is shown.
///
/// # Errors
/// Exit 2 for an address that is none; exit 3 where nobody answers there, or nobody that is known.
pub fn ask(args: &GraphArgs, lang: Lang) -> Result<String> {
    let (first, at) = (graph(&args.http_addr)?, Instant::now());
    thread::sleep(WATCHED);
    let answer = client::get(&args.http_addr, PATH)?;
    if args.output == Drawing::Json {
        return Ok(String::from_utf8_lossy(&answer).into_owned());
    }
    let flow = Flow::between(&first, &client::read(&args.http_addr, &answer)?, at.elapsed());
    Ok(match args.output {
        Drawing::Dot => dot::draw(&flow, lang),
        Drawing::Svg => svg::draw(&flow, lang),
        Drawing::Table | Drawing::Json => table(&flow, lang),
    })
}

const PATH: &str = "/v1/graph";

/// What a run answers.
///
/// # Errors
/// As [`ask`].
pub fn graph(addr: &str) -> Result<Graph> {
    client::read(addr, &client::get(addr, PATH)?)
}

/// How things went between two answers.
#[derive(Clone, PartialEq, Debug)]
pub struct Flow {
    /// What the later one is true at.
    pub at: String,
    /// The stages, in the order of the data.
    pub stages: Vec<Busy>,
    /// What went from one to another.
    pub ways: Vec<Way>,
}

/// How busy a stage was.
#[derive(Clone, PartialEq, Debug)]
pub struct Busy {
    /// Its name.
    pub stage: String,
    /// The share of their time that its workers spent there, 0 to 1.
    pub share: f64,
    /// The same of the worker with most.
    pub worst_share: f64,
    /// Which that is, as `process.worker`.
    pub worst: String,
}

/// What went from one stage to another.
#[derive(Clone, PartialEq, Debug)]
pub struct Way {
    /// Where it comes from.
    pub from: String,
    /// Where it goes.
    pub to: String,
    /// Batches a second.
    pub per_s: f64,
}

impl Flow {
    /// What came to pass from one answer to the next. A process that began anew in between counts from nothing.
    pub fn between(first: &Graph, then: &Graph, time: Duration) -> Self {
        let seconds = time.as_secs_f64().max(0.001);
        let busy_before: BTreeMap<_, _> = first
            .stages
            .iter()
            .flat_map(|node| node.workers.iter().map(|load| (key(&node.stage, load), load.busy_s)))
            .collect();
        let stages = then.stages.iter().map(|node| {
            let share = |load: &Load| {
                let before = busy_before.get(&key(&node.stage, load)).copied().unwrap_or(0.0);
                let before = if before > load.busy_s { 0.0 } else { before };
                ((load.busy_s - before) / seconds).min(1.0)
            };
            let shares: Vec<f64> = node.workers.iter().map(share).collect();
            let worst = (0..shares.len()).max_by(|left, right| shares[*left].total_cmp(&shares[*right]));
            let name = |at: usize| format!("{}.{}", node.workers[at].process, node.workers[at].worker);
            Busy {
                stage: node.stage.clone(),
                share: shares.iter().sum::<f64>() / shares.len().max(1) as f64,
                worst_share: worst.map_or(0.0, |at| shares[at]),
                worst: worst.map(name).unwrap_or_default(),
            }
        });
        let went: BTreeMap<_, _> =
            first.edges.iter().map(|edge| ((&edge.from, &edge.to), edge.batches)).collect();
        let ways = then.edges.iter().map(|edge| {
            let before = went.get(&(&edge.from, &edge.to)).copied().unwrap_or(0);
            let per_s = per_s(before, edge.batches, time);
            Way { from: edge.from.clone(), to: edge.to.clone(), per_s }
        });
        Self { at: then.as_of.at.clone(), stages: stages.collect(), ways: ways.collect() }
    }

    /// What leaves a stage.
    fn from<'f>(&'f self, stage: &'f str) -> impl Iterator<Item = &'f Way> {
        self.ways.iter().filter(move |way| way.from == stage)
    }
}

fn key<'n>(stage: &'n str, load: &'n Load) -> (&'n str, usize, &'n str) {
    (stage, load.process, &load.worker)
}

/// How fast a count went from one answer to the next. Whoever began anew in between counts from nothing.
pub fn per_s(before: u64, now: u64, time: Duration) -> f64 {
    now.checked_sub(before).unwrap_or(now) as f64 / time.as_secs_f64().max(0.001)
}

/// A share for people.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// What goes in a second, for people.
fn rate(per_s: f64) -> String {
    format!("{per_s:.0}/s")
}

fn table(flow: &Flow, lang: Lang) -> String {
    let mut table = Table::new(&[Align::Left, Align::Right, Align::Left]);
    table.section(Phrase::new(Key::GraphTitle).with("at", &flow.at).say(lang));
    for busy in &flow.stages {
        let worst = Phrase::new(Key::GraphWorst)
            .with("worker", &busy.worst)
            .with("percent", percent(busy.worst_share));
        table.row([busy.stage.clone(), percent(busy.share), worst.say(lang)]);
        for way in flow.from(&busy.stage) {
            table.row([format!("  ─▶ {}", way.to), rate(way.per_s), Key::GraphBatches.say(lang).to_owned()]);
        }
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::graph::{Edge, Node};
    use crate::watch::status::AsOf;

    /// Two stages and a way, after so many seconds of work by two workers, and so many batches.
    fn told(first_s: f64, second_s: f64, batches: u64) -> Graph {
        let load = |process, busy_s| Load { process, worker: "0".to_owned(), busy_s };
        let node = |stage: &str| Node {
            stage: stage.to_owned(),
            workers: vec![load(0, first_s), load(1, second_s)],
        };
        Graph {
            as_of: AsOf { tick: 5, at: "then".to_owned() },
            stages: vec![node("validate"), node("matching")],
            edges: vec![Edge { from: "validate".to_owned(), to: "matching".to_owned(), batches }],
        }
    }

    #[test]
    fn what_is_shown_is_the_difference_of_two_answers() {
        let flow = Flow::between(&told(1.0, 2.0, 100), &told(1.5, 3.5, 300), Duration::from_secs(2));
        assert_eq!(flow.stages[0].share, 0.5);
        assert_eq!((flow.stages[1].worst_share, &*flow.stages[1].worst), (0.75, "1.0"));
        assert_eq!(flow.ways[0].per_s, 100.0);
        // The second process began anew.
        let flow = Flow::between(&told(1.0, 2.0, 100), &told(2.0, 0.5, 60), Duration::from_secs(1));
        assert_eq!((flow.stages[0].share, flow.ways[0].per_s), (0.75, 60.0));
    }

    #[test]
    fn every_form_names_every_stage_and_way() {
        let flow = Flow::between(&told(0.0, 0.0, 0), &told(0.25, 0.5, 7), Duration::from_secs(1));
        for lang in [Lang::En, Lang::Ko] {
            let (table, dot, svg) = (table(&flow, lang), dot::draw(&flow, lang), svg::draw(&flow, lang));
            for said in [&table, &dot, &svg] {
                for part in ["validate", "matching", "7/s", "37.5 %", "50.0 %"] {
                    assert!(said.contains(part), "{part}: {said}");
                }
            }
            assert!(dot.contains("\"validate\" -> \"matching\""), "{dot}");
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
        }
    }
}
