//! A connection that breaks where it hurts: between us and PostgreSQL, around a commit.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What becomes of the next commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It goes through.
    Passes,
    /// The server never hears of it.
    Unheard,
    /// The server does it, and its answer is lost.
    Unanswered,
}

/// Forwards to a server what comes to `address`.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    fates: Arc<Mutex<Vec<Fate>>>,
    commits: Arc<AtomicU64>,
}

/// How PostgreSQL is asked to commit.
const COMMIT: &[u8] = b"COMMIT\0";

impl Proxy {
    /// Listens for a server's clients; `fates` are those of their commits, the last of them first.
    pub fn new(server: SocketAddr, fates: Vec<Fate>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            fates: Arc::new(Mutex::new(fates)),
            commits: Arc::default(),
        };
        let (fates, commits) = (Arc::clone(&proxy.fates), Arc::clone(&proxy.commits));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let (fates, commits) = (Arc::clone(&fates), Arc::clone(&commits));
                thread::spawn(move || forward(client, server, &fates, &commits));
            }
        });
        proxy
    }

    /// How many commits were asked for.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }
}

fn forward(mut client: TcpStream, mut server: TcpStream, fates: &Mutex<Vec<Fate>>, commits: &AtomicU64) {
    let (mut back_from, mut back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let back = thread::spawn(move || {
        let _ = std::io::copy(&mut back_from, &mut back_to);
        let _ = back_to.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 64 << 10];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let piece = &buffer[..length];
        let mut fate = Fate::Passes;
        if piece.windows(COMMIT.len()).any(|window| window == COMMIT) {
            commits.fetch_add(1, Ordering::SeqCst);
            fate = fates.lock().unwrap().pop().unwrap_or(Fate::Passes);
        }
        match fate {
            Fate::Passes if server.write_all(piece).is_ok() => {}
            Fate::Unanswered => {
                // The client hears nothing any more, and then that nobody is there.
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.write_all(piece);
                thread::sleep(std::time::Duration::from_millis(100));
                break;
            }
            Fate::Passes | Fate::Unheard => break,
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    let _ = back.join();
}
