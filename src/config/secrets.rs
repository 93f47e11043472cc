//! Secrets stand somewhere else: a config only says where.

use std::path::Path;

use crate::error::{Domain, Error, Result};
use crate::texts::{Key, Phrase};

const ENV: &str = "env:";
const FILE: &str = "file:";

/// Whether `text` says where something stands.
pub fn is_reference(text: &str) -> bool {
    text.starts_with(ENV) || text.starts_with(FILE)
}

/// What `text` says, or what stands where it says: `env:NAME` or `file:PATH`, without a newline at its end.
///
/// # Errors
/// Exit 3 where it is not there.
pub fn resolve(text: &str) -> Result<String> {
    let missing = |cause: &dyn std::fmt::Display| {
        let what = Phrase::new(Key::SecretMissing).with("name", text);
        Error::unreachable(Domain::Config, what).cause(cause).help(Key::SecretMissingHelp)
    };
    if let Some(name) = text.strip_prefix(ENV) {
        return std::env::var(name).map_err(|error| missing(&error));
    }
    if let Some(path) = text.strip_prefix(FILE) {
        let found = std::fs::read_to_string(path).map_err(|error| missing(&error))?;
        return Ok(found.trim_end_matches(['\n', '\r']).to_owned());
    }
    Ok(text.to_owned())
}

/// Says the path of a reference to a file from `folder`.
pub(super) fn path_from(text: &mut String, folder: &Path) {
    if let Some(path) = text.strip_prefix(FILE) {
        *text = format!("{FILE}{}", folder.join(path).display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_referred_to_is_found() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("password"), "s3cret\r\n").unwrap();
        let mut text = "file:password".to_owned();
        path_from(&mut text, temp.path());
        assert_eq!(resolve(&text).unwrap(), "s3cret");
        assert_eq!(resolve("plain").unwrap(), "plain");
        assert_eq!(resolve("env:CARGO_PKG_NAME").unwrap(), "gyre");
        for missing in ["env:GYRE_TEST_NO_SUCH", "file:/none/such"] {
            let error = resolve(missing).unwrap_err();
            assert!(error.may_retry() && error.to_string().contains(missing), "{error}");
        }
    }
}
