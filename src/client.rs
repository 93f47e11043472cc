//! Asks a run what it answers over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::error::{Domain, Error, Result};
use crate::texts::{Key, Phrase};
use crate::watch::listener;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer: a page of rows, each with its raw record, may be long.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// What is answered under a path.
///
/// # Errors
/// Exit 2 for an address that is none, and where nothing of that name is there; exit 3 where nobody answers, or nobody that
/// is known.
pub fn get(addr: &str, path: &str) -> Result<Vec<u8>> {
    match ask(addr, path)? {
        (StatusCode::OK, body) => Ok(body),
        (
            status @ (StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::MISDIRECTED_REQUEST),
            body,
        ) => Err(refused(addr, status, &body)),
        (status, _) => Err(stranger(addr, status)),
    }
}

/// The same, whatever the answer's status is.
///
/// # Errors
/// Exit 2 for an address that is none; exit 3 where nobody answers.
pub fn ask(addr: &str, path: &str) -> Result<(StatusCode, Vec<u8>)> {
    let at = listener::address(addr)?;
    let away = |cause: String| {
        let what = Phrase::new(Key::StatusAway).with("addr", at);
        Error::unreachable(Domain::Input, what).cause(cause).help(Key::StatusAwayHelp)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| away(error.to_string()))?;
    let answered = runtime.block_on(async { tokio::time::timeout(PATIENCE, converse(at, path)).await });
    match answered {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(away(error.to_string())),
        Err(late) => Err(away(late.to_string())),
    }
}

/// An answer, as it is meant.
///
/// # Errors
/// Exit 3 for what another than this version of gyre answers.
pub fn read<T: DeserializeOwned>(addr: &str, answer: &[u8]) -> Result<T> {
    serde_json::from_slice(answer).map_err(|error| stranger(addr, error))
}

/// The question was not to be answered: whoever was asked says why.
fn refused(addr: &str, status: StatusCode, problem: &[u8]) -> Error {
    let problem: Option<serde_json::Value> = serde_json::from_slice(problem).ok();
    let said = |field: &str| problem.as_ref().and_then(|problem| problem.get(field)?.as_str());
    match (said("code"), said("detail")) {
        (Some("not_found"), _) => Error::usage(Domain::Input, Key::ListNone).help(Key::ListNoneHelp),
        (Some(_), Some(detail)) => {
            Error::usage(Domain::Input, Phrase::new(Key::ListRefused).with("detail", detail))
        }
        _ => stranger(addr, status),
    }
}

fn stranger(addr: &str, cause: impl std::fmt::Display) -> Error {
    let what = Phrase::new(Key::StatusStranger).with("addr", addr);
    Error::unreachable(Domain::Input, what).cause(cause).help(Key::StatusAwayHelp)
}

async fn converse(
    at: SocketAddr,
    path: &str,
) -> Result<(StatusCode, Vec<u8>), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(at).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the runtime.
    tokio::spawn(connection);
    let request = Request::get(path).header(HOST, at.to_string()).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?.to_bytes();
    Ok((status, body.to_vec()))
}
