//! Addresses for processes that a test starts.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// An address that nobody has, and that the system gives to nobody who connects.
pub fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        // Some take the ports behind it too.
        let step = NEXT.fetch_add(8, Ordering::Relaxed);
        let port = 10_000 + (std::process::id() as u16).wrapping_mul(37).wrapping_add(step) % 20_000;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}
