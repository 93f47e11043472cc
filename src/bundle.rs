//! `gyre bundle`: what somebody needs who is to help with a run, in one file, without secrets and without records.
//!
//! ```text
//! a run that answers ─▶ status, graph, health, figures ─┐
//! its config ─────────▶ the same without secrets ───────┼─▶ gyre-bundle.tar.gz
//! this machine ───────▶ version, system ────────────────┘
//! ```
//! What cannot be had is told inside it: a bundle is asked for where something is wrong.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use toml::{Table, Value};

use crate::cli::BundleArgs;
use crate::client;
use crate::config::secrets;
use crate::error::{Domain, Error, Result, unreadable};
use crate::remote;
use crate::texts::{Key, Lang, Phrase};

/// What a run is asked, and where the answers go.
const ASKED: [(&str, &str); 6] = [
    ("/v1/status", "status.json"),
    ("/v1/graph", "graph.json"),
    ("/livez?verbose", "livez.txt"),
    ("/startupz?verbose", "startupz.txt"),
    ("/readyz?verbose", "readyz.txt"),
    ("/metrics", "metrics.txt"),
];
/// What stands for what is not told.
const HIDDEN: &str = "…";
/// Settings whose names have one of these in them may be secrets, or tell who somebody is.
const SECRET: [&str; 9] =
    ["password", "passphrase", "secret", "token", "key", "credential", "user", "url", "jaas"];

/// Makes the file, and says what is in it.
///
/// # Errors
/// Exit 2 for an address that is none or a config that is none; exit 3 where the file cannot be written.
pub fn make(args: &BundleArgs, lang: Lang) -> Result<String> {
    let mut parts = vec![("version.txt".to_owned(), version().into_bytes())];
    let mut missing = String::new();
    for (path, name) in ASKED {
        match client::ask(&args.http_addr, path) {
            Ok((_, answer)) => parts.push((name.to_owned(), answer)),
            Err(error) if error.may_retry() => missing += &format!("{name}: {}\n", error.render(lang)),
            Err(error) => return Err(error),
        }
    }
    if let Some(path) = &args.config {
        parts.push(("config.toml".to_owned(), config(path)?.into_bytes()));
    }
    if !missing.is_empty() {
        parts.push(("missing.txt".to_owned(), missing.into_bytes()));
    }
    write(&args.output, &parts).map_err(|error| {
        let what = Phrase::new(Key::OutputUnwritable).with("path", args.output.display());
        Error::unreachable(Domain::Output, what).cause(error).help(Key::OutputUnwritableHelp)
    })?;
    let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
    let said =
        Phrase::new(Key::BundleMade).with("path", args.output.display()).with("parts", names.join(", "));
    Ok(said.say(lang) + "\n")
}

/// What runs, and on what; not the machine's name.
fn version() -> String {
    let system = rustix::system::uname();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    format!(
        "gyre {}\nfeatures: {}\nsystem: {} {} {}\ncores: {cores}\n{}\n",
        env!("CARGO_PKG_VERSION"),
        remote::built_in(),
        system.sysname().to_string_lossy(),
        system.release().to_string_lossy(),
        system.machine().to_string_lossy(),
        memory.lines().next().unwrap_or_default(),
    )
}

/// A config without its secrets and comments.
fn config(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        let what = Phrase::new(Key::BundleConfig).with("path", path.display());
        Error::usage(Domain::Config, what).cause(error.message()).help(Key::BundleConfigHelp)
    })?;
    table.iter_mut().for_each(|(name, value)| hide(name, value));
    Ok(table.to_string())
}

/// Takes secrets out of a setting, and of those below it.
fn hide(name: &str, value: &mut Value) {
    let name = name.to_ascii_lowercase();
    match value {
        Value::Table(table) => table.iter_mut().for_each(|(name, value)| hide(name, value)),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(&name, item)),
        Value::String(says) if secrets::is_reference(says) => {}
        value if SECRET.iter().any(|secret| name.contains(secret)) => *value = HIDDEN.into(),
        // Whatever its name is: who connects there, and with what.
        Value::String(says) if says.contains('@') => *value = HIDDEN.into(),
        _ => {}
    }
}

fn write(path: &Path, parts: &[(String, Vec<u8>)]) -> io::Result<()> {
    let mut archive = tar::Builder::new(GzEncoder::new(File::create(path)?, Compression::default()));
    for (name, bytes) in parts {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, Path::new("gyre-bundle").join(name), &bytes[..])?;
    }
    archive.into_inner()?.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_out_and_references_stay_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gyre.toml");
        let text = "# hunter0\n[time]\ntick_ms = 50\n[sinks.postgres]\nurl = \"postgresql://gyre:hunter1@db/gyre\"\n\
            password = \"env:PGPASSWORD\"\n[source.kafka]\nbrokers = \"a:9092\"\n[source.kafka.client]\n\
            \"sasl.username\" = \"hunter2\"\n\"sasl.password\" = \"file:secret\"\n\"ssl.key.pem\" = \"hunter3\"\n\
            list = [\"x:hunter4@y\", \"z\"]\n";
        fs::write(&path, text).unwrap();
        let said = config(&path).unwrap();
        assert!(!said.contains("hunter"), "{said}");
        for part in ["tick_ms = 50", "a:9092", "env:PGPASSWORD", "file:secret", "\"z\""] {
            assert!(said.contains(part), "{part}: {said}");
        }
        fs::write(&path, "a = [").unwrap();
        assert_eq!(config(&path).unwrap_err().exit(), crate::error::Exit::Usage);
    }
}
