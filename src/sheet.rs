//! Rows for spreadsheets: CSV that none of them takes for more than text and numbers.

use crate::error::{Error, Result};

/// A header and rows, as RFC 4180 has them.
///
/// # Errors
/// None that anybody could mend.
pub fn sheet(names: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(names).map_err(Error::bug)?;
    for row in rows {
        writer.write_record(row).map_err(Error::bug)?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::bug(error.to_string()))?;
    String::from_utf8(bytes).map_err(Error::bug)
}

/// Text that a spreadsheet would take for a formula says that it is text.
pub fn unarmed(says: &str) -> String {
    let is_armed = says.starts_with(['=', '+', '-', '@', '\t', '\r']) && says != "-";
    if is_armed { format!("'{says}") } else { says.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text() {
        assert_eq!(
            ["=1+1", "+1", "-1", "@x", "-", "a=b"].map(unarmed),
            ["'=1+1", "'+1", "'-1", "'@x", "-", "a=b"]
        );
        assert_eq!(
            sheet(&["a", "b"], [vec!["x,y".to_owned(), "\"".to_owned()]]).unwrap(),
            "a,b\n\"x,y\",\"\"\"\"\n"
        );
    }
}
