//! The one address at which a process can be asked: a thread of its own, and bounded in all that it takes.
//!
//! ```text
//! std::net bind (before anything else begins) ─▶ thread "http" ─▶ at most 64 connections ─▶ GET ─▶ answer ─▶ Watch
//! ```
//! There is neither TLS nor a token yet, so it listens on this machine alone, and answers only who calls it by a name of
//! this machine: a page in somebody's browser cannot have another name resolved to it.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener as AsyncListener, TcpStream};
use tokio::sync::Semaphore;

use super::Watch;
use super::health::{self, Probe};
use super::v1::{self, Problem, Refusal};
use crate::error::{Domain, Error, Result};
use crate::texts::{Key, Lang, Phrase};

/// Connections at a time; more are closed as they come.
const CONNECTIONS_MAX: usize = 64;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// How long a request's head may take to come.
const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a connection may last, whatever it does.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a listener that the system gives no connection is left alone.
const PAUSE: Duration = Duration::from_millis(100);

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// An address that is bound, and not served yet.
pub struct Listener {
    socket: TcpListener,
    /// Where it really is: a port 0 was made a free one.
    pub at: SocketAddr,
}

impl Listener {
    /// Binds an address of this machine.
    ///
    /// # Errors
    /// Exit 2 for what is no such address; exit 3 where it cannot be had.
    pub fn open(addr: &str) -> Result<Self> {
        let at = address(addr)?;
        let busy = |error: io::Error| {
            let what = Phrase::new(Key::HttpBusy).with("addr", addr);
            Error::unreachable(Domain::Output, what).cause(error).help(Key::HttpBusyHelp)
        };
        let socket = TcpListener::bind(at).map_err(busy)?;
        socket.set_nonblocking(true).map_err(busy)?;
        let at = socket.local_addr().map_err(busy)?;
        Ok(Self { socket, at })
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// Exit 3 where the system gives no thread.
    pub fn serve(self, watch: Arc<Watch>, lang: Lang) -> Result<()> {
        let fail = |error: io::Error| {
            let what = Phrase::new(Key::HttpBusy).with("addr", self.at);
            Error::unreachable(Domain::Output, what).cause(error)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fail)?;
        let (socket, at) = (self.socket, self.at);
        let serve = move || {
            runtime.block_on(async move {
                if let Ok(socket) = AsyncListener::from_std(socket) {
                    accept(socket, &Asked { watch, lang }).await;
                }
            });
        };
        let started = std::thread::Builder::new().name("http".to_owned()).spawn(serve);
        started.map(drop).map_err(|error| {
            let what = Phrase::new(Key::HttpBusy).with("addr", at);
            Error::unreachable(Domain::Output, what).cause(error)
        })
    }
}

/// An address of this machine, as it is written.
///
/// # Errors
/// Exit 2 for what is none.
pub fn address(addr: &str) -> Result<SocketAddr> {
    let wrong = |key: Key| Error::usage(Domain::Config, Phrase::new(key).with("addr", addr));
    let spelt = addr.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let at: Result<SocketAddr, _> = spelt.as_deref().unwrap_or(addr).parse();
    let at = at.map_err(|_| wrong(Key::HttpAddrBad).help(Key::HttpAddrBadHelp))?;
    if !at.ip().is_loopback() {
        return Err(wrong(Key::HttpAddrOpen).help(Key::HttpAddrOpenHelp));
    }
    Ok(at)
}

/// Who is asked, and in which language people are told.
#[derive(Clone)]
struct Asked {
    watch: Arc<Watch>,
    lang: Lang,
}

async fn accept(socket: AsyncListener, asked: &Asked) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        match socket.accept().await {
            Ok((stream, _)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let asked = asked.clone();
                tokio::spawn(async move {
                    converse(stream, asked).await;
                    drop(place);
                });
            }
            // No descriptor is free, or whoever called is gone: neither is a reason to turn round and round.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn converse(stream: TcpStream, asked: Asked) {
    let service = service_fn(move |request| {
        let response = respond(&asked, &request);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever does not keep to this is gone: nobody here is to be told.
    let _ = tokio::time::timeout(CONNECTION_TIME_MAX, connection).await;
}

/// What is answered.
struct Reply {
    status: StatusCode,
    content: &'static str,
    body: String,
}

impl Reply {
    fn of(is_well: bool, body: String) -> Self {
        let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Self { status, content: TEXT, body }
    }

    /// A problem, with a code that stays.
    fn problem(status: StatusCode, code: &'static str, detail: &str) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let problem = Problem {
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            code,
            detail: detail.to_owned(),
        };
        // Texts and a number can always be written.
        let body = serde_json::to_string(&problem).unwrap_or_default() + "\n";
        Self { status, content: PROBLEM, body }
    }
}

fn respond(asked: &Asked, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).or(uri.host());
    let reply = if !host.is_none_or(is_of_this_machine) {
        Reply::problem(StatusCode::FORBIDDEN, "foreign_host", "ask by an address of this machine")
    } else if !matches!(*request.method(), Method::GET | Method::HEAD) {
        Reply::problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "nothing here can be changed")
    } else {
        answer(asked, uri.path(), uri.query().unwrap_or_default())
    };
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if reply.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// Whether a `Host` names this machine.
fn is_of_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn answer(asked: &Asked, path: &str, query: &str) -> Reply {
    let watch = &asked.watch;
    let probe = |probe: Probe| {
        let checks = watch.health.probe(probe);
        let is_verbose = query.split('&').any(|part| part == "verbose" || part.starts_with("verbose="));
        let passes = checks.iter().all(|check| check.passes);
        Reply::of(passes, health::said(&checks, is_verbose, asked.lang))
    };
    match path {
        "/livez" => probe(Probe::Live),
        "/startupz" => probe(Probe::Startup),
        "/readyz" => probe(Probe::Ready),
        "/metrics" => match watch.metrics() {
            Ok(body) => Reply { status: StatusCode::OK, content: METRICS, body },
            Err(error) => internal(&error),
        },
        path if watch.is_follower() && path.starts_with("/v1/") => Reply::problem(
            StatusCode::MISDIRECTED_REQUEST,
            "ask_process_0",
            "this is one of several processes that keep the books together; the first of them tells how they stand",
        ),
        "/" => Reply::of(true, Key::HttpIndex.say(asked.lang).to_owned() + "\n"),
        _ => match v1::answer(watch, path, query) {
            Some(Ok(body)) => Reply { status: StatusCode::OK, content: JSON, body },
            Some(Err(Refusal::Bad(detail))) => {
                Reply::problem(StatusCode::BAD_REQUEST, "bad_request", &detail)
            }
            Some(Err(Refusal::NotFound(detail))) => {
                Reply::problem(StatusCode::NOT_FOUND, "not_found", &detail)
            }
            Some(Err(Refusal::Bug(error))) => internal(&error),
            None => Reply::problem(
                StatusCode::NOT_FOUND,
                "not_found",
                "nothing is under this path; / lists what is",
            ),
        },
    }
}

fn internal(error: &Error) -> Reply {
    Reply::problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", &error.render(Lang::En))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn only_addresses_of_this_machine_are_taken() {
        for open in ["0.0.0.0:0", "10.0.0.1:80", "[::]:0", "[::ffff:127.0.0.1]:0"] {
            let error = Listener::open(open).err().unwrap();
            assert_eq!(error.exit(), Exit::Usage, "{open}");
            assert!(error.render(Lang::En).contains("TLS"), "{error}");
        }
        for nonsense in ["", "8080", "example.org:80", "127.0.0.1", "127.0.0.1:99999", "localhost"] {
            assert_eq!(Listener::open(nonsense).err().unwrap().exit(), Exit::Usage, "{nonsense}");
        }
        let first = Listener::open("localhost:0").unwrap();
        assert!(first.at.port() > 0);
        let busy = Listener::open(&first.at.to_string()).err().unwrap();
        assert_eq!(busy.exit(), Exit::Unreachable);
    }

    #[test]
    fn hosts_of_this_machine_are_known() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:9", "127.9.9.9", "[::1]:80", "[::1]"] {
            assert!(is_of_this_machine(host), "{host}");
        }
        for host in ["", "example.org", "example.org:8080", "127.0.0.1.example.org", "10.0.0.1:80", "[::2]"] {
            assert!(!is_of_this_machine(host), "{host}");
        }
    }
}
