//! The scanner: one pass over a line that holds one flat object.
//!
//! It accepts what `serde_json` accepts (tests hold the two against each other), except for one thing: a lone
//! surrogate is wrong wherever it stands, in what is passed over too. Nesting costs no stack.

/// A member's value, as far as a known field can want it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Value<'a> {
    /// Not there, or `null`.
    Absent,
    Text(&'a str),
    /// A text with escapes, quotes included; sound.
    Escaped(&'a str),
    Integer(i64),
    Bool(bool),
    /// An array or object as spelt; sound.
    Nested(&'a str),
    /// Sound JSON that no known field takes: a fraction, a number too large.
    Other,
}

/// Undoes the escapes of a quoted text; none where one is wrong.
#[cold]
pub(super) fn unescape(quoted: &str) -> Option<String> {
    serde_json::from_str(quoted).ok()
}

/// What is wrong with the JSON.
pub(super) type Syntax<T> = Result<T, &'static str>;

/// Reads a line as one object, handing over each member: its name (a text, escaped or not) and its value.
/// An error says what is wrong, and at which byte.
#[inline]
pub(super) fn object<'a>(
    line: &'a str,
    mut member: impl FnMut(Value<'a>, Value<'a>) -> Syntax<()>,
) -> Result<(), (&'static str, usize)> {
    let mut reader = Reader { line, bytes: line.as_bytes(), at: 0 };
    reader.object(&mut member).map_err(|what| (what, reader.at))
}

/// Where a line is read.
struct Reader<'a> {
    line: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    fn object(&mut self, member: &mut impl FnMut(Value<'a>, Value<'a>) -> Syntax<()>) -> Syntax<()> {
        self.expect(b'{', "no object")?;
        if self.next() == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                let name = self.name()?;
                let value = self.value()?;
                member(name, value)?;
                match self.next() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break self.at += 1,
                    _ => return Err("neither , nor }"),
                }
            }
        }
        if self.next().is_some() { Err("more than one value") } else { Ok(()) }
    }

    /// The next byte that is no white space; it stays.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at).copied() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other,
            }
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Syntax<()> {
        if self.next() != Some(byte) {
            return Err(otherwise);
        }
        self.at += 1;
        Ok(())
    }

    /// A member's name and the colon.
    #[inline]
    fn name(&mut self) -> Syntax<Value<'a>> {
        self.expect(b'"', "no name")?;
        let name = self.text()?;
        self.expect(b':', "no colon")?;
        Ok(name)
    }

    #[inline]
    fn value(&mut self) -> Syntax<Value<'a>> {
        match self.next() {
            Some(b'"') => {
                self.at += 1;
                self.text()
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Absent),
            Some(b'{' | b'[') => self.nested(),
            _ => Err("no value"),
        }
    }

    #[inline]
    fn word(&mut self, word: &'static str, value: Value<'a>) -> Syntax<Value<'a>> {
        match self.bytes.get(self.at..).filter(|rest| rest.starts_with(word.as_bytes())) {
            Some(_) => {
                self.at += word.len();
                Ok(value)
            }
            None => Err("no value"),
        }
    }

    /// A text, behind its opening quote.
    #[inline]
    fn text(&mut self) -> Syntax<Value<'a>> {
        let start = self.at;
        self.at += plain(&self.bytes[start..]);
        match self.bytes.get(self.at) {
            Some(b'"') => {
                let text = &self.line[start..self.at];
                self.at += 1;
                Ok(Value::Text(text))
            }
            Some(b'\\') => self.escaped(start),
            Some(_) => Err("a control character in a text"),
            None => Err("an endless text"),
        }
    }

    /// The rest of a text that holds an escape.
    #[cold]
    fn escaped(&mut self, start: usize) -> Syntax<Value<'a>> {
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => break self.at += 1,
                // Whatever is escaped does not end the text.
                Some(b'\\') => self.at = self.bytes.len().min(self.at + 2),
                Some(b' '..) => {}
                Some(_) => return Err("a control character in a text"),
                None => return Err("an endless text"),
            }
            self.at += plain(&self.bytes[self.at..]);
        }
        let quoted = &self.line[start - 1..self.at];
        if unescape(quoted).is_none() { Err("a wrong escape before") } else { Ok(Value::Escaped(quoted)) }
    }

    /// A number; an integer where it is spelt as one and fits.
    #[inline]
    fn number(&mut self) -> Syntax<Value<'a>> {
        let negative = self.bytes.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        let start = self.at;
        let mut integer = Some(0i64);
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            let digit = i64::from(digit - b'0');
            integer = integer.and_then(|n| n.checked_mul(10)?.checked_add(digit));
            self.at += 1;
        }
        match self.at - start {
            0 => return Err("no digit"),
            1 => {}
            _ if self.bytes[start] == b'0' => return Err("a leading zero"),
            _ => {}
        }
        if let Some(b'.' | b'e' | b'E') = self.bytes.get(self.at) {
            return self.fraction();
        }
        // No integer that a field takes is negative; what matters is that they stay what they are.
        Ok(match integer {
            Some(integer) if !negative => Value::Integer(integer),
            _ => Value::Other,
        })
    }

    /// The rest of a number that is not spelt as an integer.
    #[cold]
    fn fraction(&mut self) -> Syntax<Value<'a>> {
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Value::Other)
    }

    fn digits(&mut self) -> Syntax<()> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { Err("no digit") } else { Ok(()) }
    }

    /// Passes over an array or object, however deep: what is open is kept in a list, not on the stack.
    #[cold]
    fn nested(&mut self) -> Syntax<Value<'a>> {
        let start = self.at;
        let mut closers = Vec::new();
        loop {
            // Here a value is due.
            match self.next() {
                Some(b'[') => {
                    self.at += 1;
                    closers.push(b']');
                    if self.next() != Some(b']') {
                        continue;
                    }
                }
                Some(b'{') => {
                    self.at += 1;
                    closers.push(b'}');
                    if self.next() != Some(b'}') {
                        self.name()?;
                        continue;
                    }
                }
                _ => {
                    self.value()?;
                }
            }
            // Here a value has ended.
            loop {
                let Some(&closer) = closers.last() else {
                    return Ok(Value::Nested(&self.line[start..self.at]));
                };
                match self.next() {
                    Some(b',') => {
                        self.at += 1;
                        if closer == b'}' {
                            self.name()?;
                        }
                        break;
                    }
                    Some(byte) if byte == closer => {
                        self.at += 1;
                        closers.pop();
                    }
                    _ => return Err("neither , nor an end"),
                }
            }
        }
    }
}

/// Sound JSON without the white space between its tokens.
pub(super) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_text, mut escaped) = (false, false);
    for letter in json.chars() {
        match letter {
            ' ' | '\t' | '\n' | '\r' if !in_text => continue,
            '"' if !escaped => in_text = !in_text,
            _ => {}
        }
        escaped = in_text && letter == '\\' && !escaped;
        out.push(letter);
    }
    out
}

/// How many bytes from here on are a text's own: neither its end, nor an escape, nor a control character. Eight at a
/// time; of what a subtraction borrows, only bytes behind the first find can be wrong.
#[inline]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    let mut len = 0;
    while let Some(eight) = bytes.get(len..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*eight);
        let quote = word ^ (ONES * b'"' as u64);
        let escape = word ^ (ONES * b'\\' as u64);
        let found = (word.wrapping_sub(ONES * b' ' as u64) & !word)
            | (quote.wrapping_sub(ONES) & !quote)
            | (escape.wrapping_sub(ONES) & !escape);
        let found = found & HIGHS;
        if found != 0 {
            return len + (found.trailing_zeros() / 8) as usize;
        }
        len += 8;
    }
    let own = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
    len + bytes[len..].iter().take_while(|byte| own(byte)).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

    use super::*;

    /// An object's members in order, as the library reads them.
    #[derive(Debug)]
    struct Pairs(Vec<(String, serde_json::Value)>);

    impl<'de> Deserialize<'de> for Pairs {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Pushing;
            impl<'de> Visitor<'de> for Pushing {
                type Value = Pairs;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs, M::Error> {
                    let mut pairs = Vec::new();
                    while let Some(pair) = map.next_entry()? {
                        pairs.push(pair);
                    }
                    Ok(Pairs(pairs))
                }
            }
            deserializer.deserialize_map(Pushing)
        }
    }

    /// The members as owned values of the library's, with [`Value::Other`] as an empty array.
    fn scanned(line: &str) -> Option<Vec<(String, serde_json::Value)>> {
        let owned = |value: Value<'_>| match value {
            Value::Absent => serde_json::Value::Null,
            Value::Text(text) => text.into(),
            Value::Escaped(quoted) => unescape(quoted).unwrap().into(),
            Value::Integer(integer) => integer.into(),
            Value::Bool(flag) => flag.into(),
            Value::Nested(_) | Value::Other => serde_json::Value::Array(Vec::new()),
        };
        let mut pairs = Vec::new();
        object(line, |name, value| {
            pairs.push((owned(name).as_str().unwrap().to_owned(), owned(value)));
            Ok(())
        })
        .ok()?;
        Some(pairs)
    }

    fn agree(line: &str) {
        let library = match serde_json::from_str::<Pairs>(line) {
            Ok(Pairs(pairs)) => Some(pairs),
            // Sound JSON; it is the library's limits that end here, where nothing is kept of the value.
            Err(error) if error.to_string().starts_with("number out of range") => return,
            Err(error) if error.to_string().starts_with("recursion limit") => return,
            Err(_) => None,
        };
        let library = library.map(|pairs| {
            let simple = |value: serde_json::Value| match value {
                serde_json::Value::Number(ref n) if n.as_i64().is_some_and(|n| n >= 0) => value,
                serde_json::Value::Number(_) | serde_json::Value::Object(_) | serde_json::Value::Array(_) => {
                    serde_json::Value::Array(Vec::new())
                }
                other => other,
            };
            pairs.into_iter().map(|(name, value)| (name, simple(value))).collect::<Vec<_>>()
        });
        assert_eq!(scanned(line), library, "{line}");
    }

    #[test]
    fn what_the_library_takes_is_taken_and_nothing_else() {
        for value in [
            "0",
            "-0",
            "-1",
            "00",
            "01",
            "-01",
            "1.",
            "1.0",
            ".5",
            "1e5",
            "1E+5",
            "1e-5",
            "1e",
            "1e+",
            "+1",
            "--1",
            "-",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "18446744073709551616",
            "0x1",
            "1_0",
            "1e400",
            "true",
            "True",
            "tru",
            "truee",
            "false",
            "null",
            "nul",
            "NaN",
            "Infinity",
            "",
            " ",
            "\"\"",
            "\"a\\\"b\"",
            "\"\\\\\"",
            "\"\\\"",
            "\"\\u0000\"",
            "\"\\u12\"",
            "\"\\u12G4\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"\\ud83d\\u0041\"",
            "\"\\x\"",
            "\"\\/\\b\\f\\n\\r\\t\"",
            "\"\t\"",
            "\"\u{7f}\"",
            "\"\0\"",
            "\"열두 글자보다 긴 글\"",
            "\"é\\n\"",
            "[]",
            "[",
            "]",
            "[1",
            "[1,]",
            "[,1]",
            "[1,2]",
            "[1 2]",
            "[[],[{}]]",
            "[[}]]",
            "{}",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\"a\":1,\"b\":[{\"c\":null}]}",
            "{\"a\":1]",
            "{1:2}",
            "{\"a\" : [ 1 , 2 ] }",
            "[\"\\ud83d\"]",
            "{\"\\ude00\":1}",
            "[\"\u{1}\"]",
            "'a'",
            "1,",
            "1}",
            "1 1",
            "/**/1",
            "\u{feff}1",
            "\u{a0}1",
        ] {
            for line in [
                format!("{{\"n\":{value}}}"),
                format!(" {{ \"n\" : {value} , \"m\" : 1 }}\r"),
                format!("{{\"n\":1,\"n\":{value}}}"),
                format!("{{{value}:1}}"),
                value.to_owned(),
                format!("{{\"n\":{value}"),
                format!("{{\"n\":1}}{value}"),
            ] {
                agree(&line);
            }
        }
    }

    #[test]
    fn nesting_costs_no_stack() {
        let deep = 1_000_000;
        for (open, inner, close, sound) in
            [("[", "", "]", true), ("{\"a\":", "1", "}", true), ("[", "", "", false), ("[", "", "}", false)]
        {
            let line = format!("{{\"n\":{}{inner}{}}}", open.repeat(deep), close.repeat(deep));
            assert_eq!(scanned(&line).is_some(), sound, "{open}{close}");
        }
    }

    #[test]
    fn own_bytes_end_at_every_place_and_byte() {
        for len in 0..20 {
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'a'; len];
                    text[at] = byte;
                    let ends = byte < b' ' || byte == b'"' || byte == b'\\';
                    assert_eq!(plain(&text), if ends { at } else { len }, "{byte:#x} at {at} of {len}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn the_library_agrees_on_broken_lines(
            mut line in prop::sample::select(vec![
                r#"{"wager_id":"w-1","stake":"10.00","at_ms":1767225600000,"free_round":true,"round":null}"#,
                r#"{ "a\u00e9" : "\ud83d\ude00\\" , "b" : [1.5e+3, {"c":[[]]}, -0], "d":{"e":"f","g":null} }"#,
            ]).prop_map(str::to_owned),
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, "[\\[\\]{}:,\"\\\\u0-9eE.+ \\-tfn\u{1}é]"), 0..4),
        ) {
            for (index, edit, with) in edits {
                let mut chars: Vec<char> = line.chars().collect();
                if chars.is_empty() { break }
                let at = index.index(chars.len());
                let with = with.chars().next().unwrap();
                match edit {
                    0 => chars[at] = with,
                    1 => chars.insert(at, with),
                    _ => { chars.remove(at); }
                }
                line = chars.into_iter().collect();
            }
            agree(&line);
        }
    }
}
