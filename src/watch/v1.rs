//! The read API under `/v1`, and its description, which is made from the code that answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};

use super::Watch;
use super::graph::Graph;
use super::standing::{Asked, List, Row};
use super::status::{AsOf, Status, as_of};
use crate::error::Error;

/// Rows of a page where nothing is said.
const LIMIT: usize = 100;
/// Rows of a page at most.
pub const LIMIT_MAX: usize = 1_000;

/// What is wrong with a request, as RFC 9457 has it.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct Problem {
    /// Always `about:blank`: the code says more.
    pub r#type: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The status.
    pub status: u16,
    /// What it is, in a word that stays: `bad_request`, `not_found`, `method_not_allowed`, `foreign_host`,
    /// `ask_process_0`, `internal`.
    pub code: &'static str,
    /// The same for people.
    pub detail: String,
}

/// Some of the rows that stand.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema, Debug)]
pub struct Rows {
    /// What all of them are true at.
    pub as_of: AsOf,
    /// How many stand in all, whatever was asked.
    pub standing: u64,
    /// How many of them can be asked for here; the sinks have all.
    pub kept: u64,
    /// In order of their keys: the rows of the output, each with its `ref`.
    pub items: Vec<Value>,
    /// The `cursor` of the next page; `null` on the last one. It holds the tick of the first page and a place: a later page
    /// is true at its own `as_of`, and what came or went in between before that place is not shown again.
    pub next: Option<String>,
}

/// One row that stands.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema, Debug)]
pub struct One {
    /// What it is true at.
    pub as_of: AsOf,
    /// The row of the output, with its `ref`.
    pub item: Value,
}

/// Why nothing is answered.
#[derive(Debug)]
pub enum Refusal {
    /// The question is not understood.
    Bad(String),
    /// It is not there.
    NotFound(String),
    /// Gyre contradicts itself.
    Bug(Error),
}

/// The description of all of it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gyre",
        description = "How the books of a run stand. Everything is read; nothing can be changed."
    ),
    paths(status, graph, anomalies, anomaly, quarantine, quarantined),
    components(schemas(Problem))
)]
struct Api;

/// How things stand: are the books right, how fresh are they, what is wrong.
#[utoipa::path(
    get,
    path = "/v1/status",
    responses(
        (status = 200, description = "How things stand, true at the tick `as_of`", body = Status),
        (status = 403, description = "Asked by a name that is not this machine's", body = Problem, content_type = "application/problem+json"),
        (status = 405, description = "Nothing can be changed", body = Problem, content_type = "application/problem+json"),
    )
)]
fn status(watch: &Watch) -> Status {
    Status::now(watch)
}

/// The stages: how busy they are, and what goes from one to the next.
#[utoipa::path(
    get,
    path = "/v1/graph",
    responses(
        (status = 200, description = "Sums since the start of each process; rates are the difference of two answers", body = Graph),
    )
)]
fn graph(watch: &Watch) -> Graph {
    Graph::now(watch)
}

/// Anomalies that stand.
#[utoipa::path(
    get,
    path = "/v1/anomalies",
    params(
        ("kind" = Option<String>, Query, description = "Of this kind alone", pattern = "^[a-z_]+$"),
        ("severity" = Option<String>, Query, description = "Of this severity alone: `low`, `medium`, `high`", pattern = "^[a-z_]+$"),
        ("limit" = Option<u16>, Query, description = "So many at most; 100 where nothing is said", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "Where the page before this one ended: its `next`", pattern = "^[0-9]{1,19}-([0-9a-f]{2})*$"),
    ),
    responses(
        (status = 200, description = "A page, true at the tick `as_of`", body = Rows),
        (status = 400, description = "The question is not understood", body = Problem, content_type = "application/problem+json"),
    )
)]
fn anomalies(watch: &Watch, query: &str) -> Result<Rows, Refusal> {
    page(watch, List::Anomalies, query)
}

/// One anomaly.
#[utoipa::path(
    get,
    path = "/v1/anomalies/{ref}",
    params(("ref" = String, Path, description = "Its `ref` in the list")),
    responses(
        (status = 200, description = "The anomaly, true at the tick `as_of`", body = One),
        (status = 404, description = "It does not stand", body = Problem, content_type = "application/problem+json"),
    )
)]
fn anomaly(watch: &Watch, id: &str) -> Result<One, Refusal> {
    one(watch, List::Anomalies, id)
}

/// Records in quarantine.
#[utoipa::path(
    get,
    path = "/v1/quarantine",
    params(
        ("topic" = Option<String>, Query, description = "Of this topic alone", pattern = "^[a-z_]+$"),
        ("cause" = Option<String>, Query, description = "Of this cause alone", pattern = "^[a-z_]+$"),
        ("limit" = Option<u16>, Query, description = "So many at most; 100 where nothing is said", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "Where the page before this one ended: its `next`", pattern = "^[0-9]{1,19}-([0-9a-f]{2})*$"),
    ),
    responses(
        (status = 200, description = "A page, true at the tick `as_of`", body = Rows),
        (status = 400, description = "The question is not understood", body = Problem, content_type = "application/problem+json"),
    )
)]
fn quarantine(watch: &Watch, query: &str) -> Result<Rows, Refusal> {
    page(watch, List::Quarantine, query)
}

/// One record in quarantine.
#[utoipa::path(
    get,
    path = "/v1/quarantine/{ref}",
    params(("ref" = String, Path, description = "Its `ref` in the list")),
    responses(
        (status = 200, description = "The record with the history of its verdicts, true at the tick `as_of`", body = One),
        (status = 404, description = "It does not stand", body = Problem, content_type = "application/problem+json"),
    )
)]
fn quarantined(watch: &Watch, id: &str) -> Result<One, Refusal> {
    one(watch, List::Quarantine, id)
}

/// What is answered under a path of the API; nothing where there is no such path.
pub fn answer(watch: &Watch, path: &str, query: &str) -> Option<Result<String, Refusal>> {
    let answer = match path {
        "/v1/status" => write(&status(watch)),
        "/v1/graph" => write(&graph(watch)),
        "/v1/openapi.json" => Api::openapi().to_pretty_json().map_err(bug),
        "/v1/anomalies" => anomalies(watch, query).and_then(|rows| write(&rows)),
        "/v1/quarantine" => quarantine(watch, query).and_then(|rows| write(&rows)),
        _ => match (path.strip_prefix("/v1/anomalies/"), path.strip_prefix("/v1/quarantine/")) {
            (Some(id), _) => anomaly(watch, id).and_then(|one| write(&one)),
            (_, Some(id)) => quarantined(watch, id).and_then(|one| write(&one)),
            (None, None) => return None,
        },
    };
    Some(answer.map(|text| text + "\n"))
}

fn bug(error: serde_json::Error) -> Refusal {
    Refusal::Bug(Error::bug(error))
}

fn write(answer: &impl Serialize) -> Result<String, Refusal> {
    serde_json::to_string(answer).map_err(bug)
}

fn page(watch: &Watch, list: List, query: &str) -> Result<Rows, Refusal> {
    let (asked, first_tick) = asked(list, query)?;
    let page = watch.standing.page(list, &asked);
    let first_tick = first_tick.unwrap_or(page.tick);
    Ok(Rows {
        as_of: as_of(page.tick),
        standing: page.standing,
        kept: page.kept,
        items: page.rows.iter().map(item).collect::<Result<_, _>>()?,
        next: page.next.map(|key| format!("{first_tick}-{}", spell(&key))),
    })
}

fn one(watch: &Watch, list: List, id: &str) -> Result<One, Refusal> {
    let (tick, row) = watch.standing.find(list, id);
    let none =
        || Refusal::NotFound("nothing of this ref stands; it may have been mended or withdrawn".to_owned());
    Ok(One { as_of: as_of(tick), item: item(&row.ok_or_else(none)?)? })
}

fn item(row: &Row) -> Result<Value, Refusal> {
    let mut item: Value = serde_json::from_str(&row.text).map_err(bug)?;
    item.as_object_mut()
        .into_iter()
        .for_each(|fields| drop(fields.insert("ref".to_owned(), (*row.id).into())));
    Ok(item)
}

/// What a query asks for, and the tick of the first page.
fn asked(list: List, query: &str) -> Result<(Asked, Option<u64>), Refusal> {
    let mut asked = Asked { limit: LIMIT, ..Asked::default() };
    let mut first_tick = None;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let bad = || Refusal::Bad(format!("`{part}` is not understood; /v1/openapi.json says what is"));
        let (name, value) = part.split_once('=').ok_or_else(bad)?;
        match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                asked.limit = limit.ok_or_else(bad)?;
            }
            "cursor" => {
                let (tick, key) = value.split_once('-').ok_or_else(bad)?;
                first_tick = Some(tick.parse().map_err(|_| bad())?);
                asked.after = Some(read(key).ok_or_else(bad)?);
            }
            _ => {
                let filter = list.filters().iter().find(|filter| **filter == name).ok_or_else(bad)?;
                let fits = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
                let is_name = !value.is_empty() && value.bytes().all(fits);
                is_name.then(|| asked.filters.push((filter, value.to_owned()))).ok_or_else(bad)?;
            }
        }
    }
    Ok((asked, first_tick))
}

/// Bytes as hexadecimal digits.
fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of hexadecimal digits.
fn read(digits: &str) -> Option<Box<[u8]>> {
    let digits = digits.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    (digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit))
        .then(|| digits.chunks(2).map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_understood_or_refused() {
        let (sound, tick) =
            asked(List::Quarantine, "topic=wagers&cause=malformed&limit=5&cursor=70-0061ff").unwrap();
        assert_eq!(sound.filters, [("topic", "wagers".to_owned()), ("cause", "malformed".to_owned())]);
        assert_eq!((sound.limit, sound.after.as_deref(), tick), (5, Some(&[0, 0x61, 0xff][..]), Some(70)));
        assert_eq!(asked(List::Anomalies, "").unwrap().0.limit, LIMIT);
        for wrong in [
            "kind",
            "topic=wagers",
            "nonsense=1",
            "limit=0",
            "limit=1001",
            "limit=x",
            "limit=-1",
            "cursor=7",
            "cursor=x-00",
            "cursor=7-0",
            "cursor=7-zz",
            "cursor=7-+1",
            "kind=",
            "kind=%61",
            "kind=Velocity",
        ] {
            assert!(matches!(asked(List::Anomalies, wrong), Err(Refusal::Bad(_))), "{wrong}");
        }
    }
}
