//! The read API under `/v1`, and its description, which is made from the code that answers.

use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::Watch;
use super::status::Status;
use crate::error::{Error, Result};

/// What is wrong with a request, as RFC 9457 has it.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct Problem {
    /// Always `about:blank`: the code says more.
    pub r#type: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The status.
    pub status: u16,
    /// What it is, in a word that stays: `not_found`, `method_not_allowed`, `foreign_host`, `internal`.
    pub code: &'static str,
    /// The same for people.
    pub detail: String,
}

/// The description of all of it.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gyre",
        description = "How the books of a run stand. Everything is read; nothing can be changed."
    ),
    paths(status),
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

/// What is answered under a path of the API; nothing where there is no such path.
///
/// # Errors
/// Where an answer cannot be written as JSON.
pub fn answer(watch: &Watch, path: &str) -> Option<Result<String>> {
    let written = match path {
        "/v1/status" => serde_json::to_string(&status(watch)),
        "/v1/openapi.json" => Api::openapi().to_pretty_json(),
        _ => return None,
    };
    Some(written.map(|text| text + "\n").map_err(Error::bug))
}
