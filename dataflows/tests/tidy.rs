//! The house's own test: what a reader relies on to find the way around, checked against the sources as text.
//!
//! It reads the files of the whole repository, so it looks after every crate, and it needs no build of them. Words
//! that no file may contain are put together here from halves, for this file is read too.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "reads the sources of the house")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this is several rooms: give them doors.
const FILE_LINES_MAX: usize = 600;
/// A function of the program longer than this does several things.
const FUNCTION_LINES_MAX: usize = 60;
/// A test may spell out a table or a history.
const TEST_FUNCTION_LINES_MAX: usize = 100;
/// Half of the pure half's functions are at most this long: they are read more often than written.
const FUNCTION_LINES_MEDIAN_MAX: usize = 15;
/// Files that may be longer, and why: `("path", lines, "reason")`. An entry that is no longer needed fails.
const LONGER: &[(&str, usize, &str)] = &[];

/// One hand-written file of the house.
struct File {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("dataflows/ lies in the house").to_path_buf()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every hand-written text file, sorted by path: no build, no lock file, no licence, no data.
fn files() -> Vec<File> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<File>) {
        for entry in fs::read_dir(folder).expect("a folder of the house can be read") {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            let data = ["jsonl", "lock", "gz", "zst", "csv", "png"].iter().any(|end| name.ends_with(end));
            if name == ".git" || name == "target" || name == "LICENSE" || data {
                continue;
            } else if path.is_dir() {
                walk(&path, root, found);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
                found.push(File { path, text });
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &root(), &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(
        found.iter().any(|file| file.path == "dataflows/tests/tidy.rs"),
        "the walk finds at least this file"
    );
    found
}

fn rust_files() -> impl Iterator<Item = File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs"))
}

/// Fails with one line per finding.
fn nothing(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n  {}\n", findings.join("\n  "));
}

// --- sizes ----------------------------------------------------------------------------------------------------------

/// A function of a source text.
struct Function {
    name: String,
    line: usize,
    lines: usize,
    in_tests: bool,
}

/// The functions of a rustfmt'd file: from `fn` to the brace at the same indentation.
fn functions(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let tests_from = lines.iter().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(lines.len());
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let mut words = line.trim_start();
        while let Some(rest) = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async ", "unsafe "]
            .iter()
            .find_map(|word| words.strip_prefix(word))
        {
            words = rest;
        }
        let Some(name) = words.strip_prefix("fn ") else { continue };
        let name = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let closes = |line: &&str| {
            line.len() - line.trim_start().len() == indent && ["}", ");"].contains(&line.trim())
        };
        let one_line = line.ends_with('}') || line.ends_with(';');
        let length =
            if one_line { 1 } else { lines[index..].iter().position(closes).map_or(1, |last| last + 1) };
        found.push(Function { name, line: index + 1, lines: length, in_tests: index > tests_from });
    }
    found
}

#[test]
fn files_are_rooms_not_halls() {
    let mut findings = Vec::new();
    for file in rust_files() {
        let lines = file.text.lines().count();
        let exception = LONGER.iter().find(|(path, _, _)| *path == file.path);
        let max = exception.map_or(FILE_LINES_MAX, |(_, lines, _)| *lines);
        if lines > max {
            findings.push(format!("{}: {lines} lines, at most {max}", file.path));
        }
        if let Some((path, _, reason)) = exception.filter(|_| lines <= FILE_LINES_MAX) {
            findings.push(format!("{path} is not too long any more: its exception ({reason}) can go"));
        }
    }
    nothing("files", &findings);
}

#[test]
fn functions_do_one_thing() {
    let mut findings = Vec::new();
    let mut pure = Vec::new();
    for file in rust_files() {
        let tests_file = file.path.contains("tests/")
            || file.path.ends_with("/tests.rs")
            || file.path.starts_with("benches/");
        for function in functions(&file.text) {
            let in_tests = tests_file || function.in_tests;
            let max = if in_tests { TEST_FUNCTION_LINES_MAX } else { FUNCTION_LINES_MAX };
            if function.lines > max {
                let Function { name, line, lines, .. } = &function;
                findings.push(format!("{}:{line}: fn {name} has {lines} lines, at most {max}", file.path));
            }
            if file.path.starts_with("dataflows/") && !in_tests {
                pure.push(function.lines);
            }
        }
    }
    pure.sort_unstable();
    let median = pure.get(pure.len() / 2).copied().unwrap_or(0);
    if median > FUNCTION_LINES_MEDIAN_MAX {
        findings.push(format!("half of the pure half's functions have {median} lines and more"));
    }
    nothing("functions", &findings);
}

#[test]
fn functions_are_measured_as_rustfmt_lays_them_out() {
    let text = "pub fn a() {}\nimpl X {\n    pub(crate) const fn b(\n        x: u8,\n    ) -> u8 {\n        x\n    }\n}\n\
                trait T {\n    fn c(&self);\n}\n#[cfg(test)]\nmod tests {\n    fn d() {\n    }\n}\n";
    let measured = functions(text);
    let measured: Vec<String> =
        measured.iter().map(|f| format!("{} at {}: {} {}", f.name, f.line, f.lines, f.in_tests)).collect();
    assert_eq!(measured, ["a at 1: 1 false", "b at 3: 5 false", "c at 10: 1 false", "d at 14: 2 true"]);
}

// --- stages ---------------------------------------------------------------------------------------------------------

/// The variants of `enum name` in snake case, in order, from wherever in the pure half the enum stands.
fn variants(name: &str) -> Option<Vec<String>> {
    let open = format!("enum {name} {{");
    let sources =
        rust_files().filter(|file| file.path.starts_with("dataflows/") && file.path.contains("src/"));
    sources.into_iter().find_map(|file| {
        let body = file
            .text
            .lines()
            .skip_while(|line| !line.ends_with(&open))
            .skip(1)
            .take_while(|line| *line != "}");
        let named = body
            .filter_map(|line| line.strip_prefix("    "))
            .filter(|line| line.starts_with(char::is_uppercase));
        let found: Vec<String> = named.map(snake).collect();
        (!found.is_empty()).then_some(found)
    })
}

/// `StakeNotPositive,` as `stake_not_positive`.
fn snake(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars().take_while(|c| c.is_alphanumeric()) {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// A stage by the name of its file, for `match` is a word of Rust's.
fn file_of(stage: &str) -> String {
    if stage == "match" { "matching".into() } else { stage.into() }
}

/// The stages as `enum Stage` has them; none until the graph stands.
fn stages() -> Vec<String> {
    if !root().join("dataflows/src/graph.rs").exists() {
        return Vec::new();
    }
    let stages = variants("Stage").expect("graph.rs stands, so `enum Stage` does");
    stages.iter().map(|stage| file_of(stage)).collect()
}

#[test]
fn stages_mod_lines_and_drawing_have_one_order() {
    let stages = stages();
    let lib = read("dataflows/src/lib.rs");
    let mods = lib.lines().filter_map(|line| line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod "));
    let mods = mods
        .filter_map(|line| line.strip_suffix(';'))
        .filter(|name| stages.iter().any(|stage| stage == name));
    assert_eq!(mods.collect::<Vec<_>>(), stages, "`mod` lines of dataflows/src/lib.rs beside `enum Stage`");

    // In the drawing a stage counts where it is first named.
    let docs = lib.lines().filter_map(|line| line.strip_prefix("//!"));
    let drawing =
        docs.skip_while(|line| !line.contains("```")).skip(1).take_while(|line| !line.contains("```"));
    let drawing = drawing.collect::<Vec<_>>().join("\n");
    let mut drawn: Vec<String> = Vec::new();
    for word in drawing.split(|c: char| !c.is_alphanumeric() && c != '_').map(file_of) {
        if stages.contains(&word) && !drawn.contains(&word) {
            drawn.push(word);
        }
    }
    assert_eq!(drawn, stages, "the drawing at the top of dataflows/src/lib.rs beside `enum Stage`");
}

/// The modules of its own crate that a source names: after `crate::` and `super::`, in braces too.
fn imports(text: &str) -> BTreeSet<String> {
    let code =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (at, door) in code.match_indices("crate::").chain(code.match_indices("super::")) {
        let rest = &code[at + door.len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(items(list).iter().map(|item| first_word(item))),
            None => _ = found.insert(first_word(rest)),
        }
    }
    found.remove("");
    found
}

fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// What stands between the commas of a list of imports, up to its closing brace; inner lists are left out.
fn items(list: &str) -> Vec<String> {
    let (mut depth, mut found) = (0, vec![String::new()]);
    for letter in list.chars() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => found.push(String::new()),
            letter if depth == 0 => found.last_mut().expect("never empty").push(letter),
            _ => {}
        }
    }
    found
}

#[test]
fn only_the_graph_imports_stages() {
    let stages = stages();
    let mut findings = Vec::new();
    for file in rust_files() {
        let Some(path) = file.path.strip_prefix("dataflows/src/") else { continue };
        let room = path.split(['/', '.']).next().unwrap_or_default();
        if room == "graph" || room == "lib" {
            continue;
        }
        for stage in imports(&file.text).iter().filter(|name| *name != room && stages.contains(name)) {
            findings.push(format!(
                "{} imports `{stage}`: what two stages share goes down into domain",
                file.path
            ));
        }
    }
    nothing("stages know nothing of each other", &findings);
}

#[test]
fn imports_are_found_in_every_spelling() {
    let text = "use crate::{\n    ledger::{Posting, x},\n    ops,\n};\n// crate::comment\n\
                fn a() -> super::matching::Row {}\nuse crate::decode;\n";
    assert_eq!(Vec::from_iter(imports(text)), ["decode", "ledger", "matching", "ops"]);
    assert_eq!(snake("StakeNotPositive = 3,"), "stake_not_positive");
}

// --- words ----------------------------------------------------------------------------------------------------------

/// Where one of `words` stands in `files`, as `path:line: word`. A word that begins or ends in a letter is not found
/// inside a longer one; capitals make no difference.
fn places(files: &[File], words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            let line = line.to_lowercase();
            let standing = words.iter().filter(|word| stands_in(&line, word));
            found.extend(standing.map(|word| format!("{}:{}: {word}", file.path, index + 1)));
        }
    }
    found
}

fn stands_in(line: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let grows_left = letter(before.chars().last()) && letter(word.chars().next());
        let grows_right = letter(word.chars().last()) && letter(after.chars().next());
        !grows_left && !grows_right
    })
}

/// Puts words together from their halves.
fn whole(halves: &[(&str, &str)]) -> Vec<String> {
    halves.iter().map(|(a, b)| format!("{a}{b}")).collect()
}

#[test]
fn nothing_is_left_open() {
    let words =
        whole(&[("to", "do!"), ("unimple", "mented!"), ("#[igno", "re"), ("```igno", "re"), ("fix", "me")]);
    nothing("left open", &places(&files(), &words));
}

#[test]
fn the_house_speaks_of_itself_alone() {
    // Neither of papers that are not in it, nor of who wrote it and by what means.
    let papers = [
        ("/wo", "rk/"),
        ("sha", "red/"),
        ("rulin", "gs.md"),
        ("architec", "ture.md"),
        ("sty", "le.md"),
        ("engi", "ne.md"),
        ("doma", "in.md"),
        ("operati", "ons.md"),
        ("issue", " #"),
        ("this iss", "ue"),
    ];
    let makers = [
        ("co-authored", "-by"),
        ("clau", "de"),
        ("anthro", "pic"),
        ("open", "ai"),
        ("chat", "gpt"),
        ("copi", "lot"),
        ("ll", "m"),
        ("language ", "model"),
        ("sub", "agent"),
        ("sub-", "agent"),
        ("ai ag", "ent"),
        ("coding ag", "ent"),
        ("the ag", "ents"),
        ("hel", "pers"),
        ("as inst", "ructed"),
    ];
    nothing("words that do not belong here", &places(&files(), &[whole(&papers), whole(&makers)].concat()));
}

#[test]
fn no_file_says_where_packages_are_fetched_from() {
    let hosts = [
        ("crates", ".io"),
        ("py", "pi.org"),
        ("npm", "js.org"),
        ("npm", "js.com"),
        ("proxy.go", "lang.org"),
        ("maven", ".org"),
        ("deb.deb", "ian.org"),
        ("static.rust", "-lang.org"),
        ("docker", ".io"),
        ("gh", "cr.io"),
    ];
    nothing("a dependency is named by name and version alone", &places(&files(), &whole(&hosts)));
}

#[test]
fn words_are_found_whole() {
    let found =
        |text: &str, word: &str| places(&[File { path: "a".into(), text: text.into() }], &[word.into()]);
    assert_eq!(found("one\na Tree.", "tree"), ["a:2: tree"]);
    assert_eq!(found("trees, street", "tree"), [""; 0]);
    assert_eq!(found("in tree/leaf and trees/leaf", "tree/"), ["a:1: tree/"]);
}

// --- cases ----------------------------------------------------------------------------------------------------------

/// The text of all wanted rows of one output in all golden cases.
fn wanted(cases: &Path, output: &str) -> String {
    let mut text = String::new();
    for case in fs::read_dir(cases).expect("the cases can be read").flatten() {
        for want in fs::read_dir(case.path().join("want")).into_iter().flatten().flatten() {
            let name = want.file_name().to_string_lossy().into_owned();
            if name.starts_with(output) && name.ends_with(".jsonl") {
                text += &fs::read_to_string(want.path()).expect("wanted rows can be read").replace(": ", ":");
            }
        }
    }
    text
}

#[test]
fn every_cause_and_every_kind_of_anomaly_occurs_in_a_case() {
    let cases = root().join("fixtures/cases");
    if !cases.exists() {
        return; // Nothing to demand before there are any cases; from the first one on, all of it.
    }
    let mut findings = Vec::new();
    for (output, field, name) in [("rejects", "cause", "Cause"), ("anomalies", "kind", "AnomalyKind")] {
        let text = wanted(&cases, output);
        let values = variants(name).unwrap_or_else(|| panic!("`enum {name}` stands somewhere in dataflows/"));
        let missing = values.iter().filter(|value| !text.contains(&format!("\"{field}\":\"{value}\"")));
        findings.extend(missing.map(|value| format!("{field} \"{value}\" is in no want/{output}*.jsonl")));
    }
    nothing("fixtures/cases", &findings);
}

#[test]
fn both_readmes_name_what_there_is() {
    let mut findings = Vec::new();
    for readme in ["README.md", "README.ko.md"] {
        let text = read(readme);
        for name in ["Topic", "Output", "Cause", "AnomalyKind", "CommandKind"] {
            let values =
                variants(name).unwrap_or_else(|| panic!("`enum {name}` stands somewhere in dataflows/"));
            let missing = values.iter().filter(|value| !text.contains(&format!("`{value}`")));
            findings.extend(missing.map(|value| format!("{readme} does not name `{value}` of {name}")));
        }
    }
    nothing("the readmes", &findings);
}

#[test]
fn variants_are_read_from_the_source() {
    let causes = variants("Cause").expect("`enum Cause` stands in domain");
    assert_eq!(causes.first().map(String::as_str), Some("malformed"));
    assert_eq!(causes.last().map(String::as_str), Some("target_mismatch"));
    assert!(variants("NoSuchEnum").is_none());
}

// --- dependencies ---------------------------------------------------------------------------------------------------

/// What is loose in a manifest: the root's table pins every version, a crate only points to it. A workspace without
/// such a table is a crate apart, and pins its versions in place.
fn loose(manifest: &str) -> Vec<String> {
    let has = |section: &str| manifest.lines().any(|line| line == section);
    let apart = has("[workspace]") && !has("[workspace.dependencies]");
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            if section.contains("dependencies.") {
                found.push(format!(
                    "[{section}] is a section of its own: one line each, where all can be seen"
                ));
            }
        } else if section.ends_with("dependencies") && line.starts_with(char::is_alphabetic) {
            let pinned = if apart || section == "workspace.dependencies" {
                line.contains("\"=") || line.contains("path = \"")
            } else {
                line.contains("workspace = true")
            };
            if !pinned {
                found.push(format!("[{section}] {line}"));
            }
        }
    }
    found
}

#[test]
fn every_dependency_is_pinned_once() {
    let mut findings = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        findings.extend(loose(&file.text).iter().map(|line| format!("{}: {line}", file.path)));
    }
    nothing("not pinned by `=` in the root's [workspace.dependencies], or not taken from there", &findings);
}

#[test]
fn loose_dependencies_are_found() {
    let manifest = "[workspace.dependencies]\na = \"1\"\nb = { version = \"=1.0.0\" }\nc = { path = \"c\" }\n\
                    [dev-dependencies]\nd = \"=1.0.0\"\ne.workspace = true\n[dependencies.f]\nversion = \"1\"\n";
    let found = loose(manifest);
    assert_eq!(found.len(), 3, "a, d and f: {found:?}");
    let apart =
        "[dependencies]\na = \"1\"\nb = \"=1.0.0\"\nc = { path = \"c\" }\nd.workspace = true\n[workspace]\n";
    let found = loose(apart);
    assert_eq!(found.len(), 2, "a and d: {found:?}");
}
