//! What is written of a record and read again.

use proptest::prelude::*;

use super::strategies::records;
use super::*;

fn canonical(record: &Record<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    record.canonical(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_record_written_is_read_as_itself(record in records()) {
        let mut line = Vec::new();
        record.wire(&mut line);
        let currencies = Currencies::default();
        let mut unknown = UnknownFields::default();
        let read = decode(record.topic(), &line, &currencies, &mut unknown);
        prop_assert_eq!(read.as_ref(), Ok(&record));
        prop_assert!(unknown.is_empty());
        prop_assert_eq!(canonical(&read.unwrap()), canonical(&record));
    }

    #[test]
    fn neither_order_nor_space_nor_unknown_fields_matter(record in records(), seed in any::<prop::sample::Index>()) {
        let mut line = Vec::new();
        record.wire(&mut line);
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&line).unwrap();
        let mut members: Vec<String> = object
            .iter()
            .map(|(name, value)| format!("\t{} :\r{value} ", serde_json::Value::from(name.as_str())))
            .collect();
        members.push(r#" "unheard" : [ { "wager_id" : null } ]"#.to_owned());
        let turn = seed.index(members.len());
        members.rotate_left(turn);
        let line = format!(" {{{}}}\n", members.join(","));
        let mut unknown = UnknownFields::default();
        let read = decode(record.topic(), line.as_bytes(), &Currencies::default(), &mut unknown);
        prop_assert_eq!(read.as_ref(), Ok(&record));
        prop_assert_eq!(unknown.iter().collect::<Vec<_>>(), [("unheard", 1)]);
    }

    #[test]
    fn canonical_content_is_what_the_library_would_write(record in records()) {
        let content = canonical(&record);
        let mut names = Vec::new();
        let text = std::str::from_utf8(&content).unwrap();
        json::object(text, |name, _| {
            names.push(name);
            Ok(())
        }).unwrap();
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&content).unwrap();
        prop_assert_eq!(names.len(), object.len());
        let again: Vec<String> = names
            .iter()
            .map(|name| {
                let json::Value::Text(name) = name else { panic!("a plain name") };
                format!("\"{name}\":{}", object[*name])
            })
            .collect();
        prop_assert_eq!(format!("{{{}}}", again.join(",")), text);
    }
}
