//! Whoever can reach the port can do no harm.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::gyre::{Job, ask};

#[test]
fn whatever_is_sent_it_goes_on() {
    let job = Job::new();
    let mut running = job.start();
    let at = running.at;
    let of = |request: &str| ask(at, request).status;
    let long = "x".repeat(100_000);
    assert_eq!(of("GET /metrics HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"), 403);
    assert_eq!(of("POST /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), 405);
    assert_eq!(of("GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), 404);
    assert!(matches!(of(&format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nx: {long}\r\n\r\n")), 0 | 431));
    assert!(matches!(of(&format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n")), 0 | 414 | 431));
    let many = "a: b\r\n".repeat(500);
    assert!(matches!(of(&format!("GET /livez HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")), 0 | 431));
    assert!(matches!(of("\0\u{1}garbage\r\n\r\n"), 0 | 400));
    let problem = running.get("/nothing");
    assert!(problem.head.contains("content-type: application/problem+json"), "{}", problem.head);
    assert!(problem.body.contains("\"code\":\"not_found\""), "{}", problem.body);
    // More who say nothing than there are places for: they are let go, and the next is heard.
    let silent: Vec<TcpStream> = (0..200).filter_map(|_| TcpStream::connect(at).ok()).collect();
    let mut slow = TcpStream::connect(at).expect("it listens");
    let _ = slow.write_all(b"GET /livez HTTP/1.1\r\nHo");
    std::thread::sleep(Duration::from_millis(200));
    running.wait_until(|running| running.get("/livez").status == 200);
    drop((silent, slow));
    let body = "y".repeat(1_000_000);
    let posted =
        format!("POST /v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{body}");
    let mut stream = TcpStream::connect(at).expect("it listens");
    let _ = stream.write_all(posted.as_bytes());
    running.wait_until(|running| running.get("/livez").status == 200);
    assert_eq!(running.end(), Some(0));
}
