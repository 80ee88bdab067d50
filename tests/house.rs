//! The fences of the house: who imports whom, how long things get, and which doors to the world are open. Judges text; runs nothing.

#[path = "house/imports.rs"]
mod imports;
#[path = "house/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use imports::{Allowed, imports_of, read_table};
use source::{SourceFile, files_below, is_word, item_end};

/// What fits on a screen with its beginning.
const LONGEST_FUNCTION: usize = 60;
/// What one can hold in one's head is about 400; this is where the house stops arguing.
const LONGEST_FILE: usize = 500;

/// The files that may allow themselves a door to the world (see `.clippy.toml`), and none besides.
const DOORS: [&str; 7] =
    ["src/audit.rs", "src/cli.rs", "src/drill/simulated.rs", "src/effects.rs", "src/journal.rs", "src/lib.rs", "src/library/folder.rs"];

fn sources() -> Vec<SourceFile> {
    files_below(&["src"])
}

fn all_files() -> Vec<SourceFile> {
    files_below(&["src", "tests"])
}

fn table() -> BTreeMap<String, BTreeMap<String, Allowed>> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md")).unwrap();
    read_table(&page)
}

fn nothing(findings: &[String], advice: &str) {
    assert!(findings.is_empty(), "{advice}\n  {}\n", findings.join("\n  "));
}

#[test]
fn a_room_imports_only_what_the_table_of_rooms_allows_it() {
    let table = table();
    let mut findings = Vec::new();
    for file in sources() {
        let Some(room) = file.room() else { continue };
        let allowed = table.get(room).unwrap_or_else(|| panic!("the room `{room}` is not in the table of docs/architecture.md"));
        for import in imports_of(&file).into_iter().filter(|import| import.room != room) {
            let place = file.place(import.at);
            match allowed.get(&import.room) {
                None => findings.push(format!("{place}: `{room}` may not import `{}`", import.room)),
                Some(names) if !names.allows(&import.name) => {
                    findings.push(format!("{place}: `{room}` may not import `{}::{}`", import.room, import.name));
                }
                Some(_) => {}
            }
        }
    }
    nothing(&findings, "the table in docs/architecture.md says who may import whom; change the code, or the design first:");
}

#[test]
fn the_table_of_rooms_has_every_room_and_no_other() {
    let rooms: BTreeSet<String> = sources().iter().filter_map(|file| file.room().map(str::to_owned)).collect();
    assert_eq!(table().into_keys().collect::<BTreeSet<_>>(), rooms);
}

#[test]
fn an_allowance_that_nobody_uses_is_taken_back() {
    let mut used: BTreeSet<(String, String)> = BTreeSet::new();
    for file in sources() {
        let Some(room) = file.room() else { continue };
        used.extend(imports_of(&file).into_iter().map(|import| (room.to_owned(), import.room)));
    }
    let mut findings = Vec::new();
    for (room, allowed) in table().into_iter().filter(|(room, _)| room != "cli") {
        let unused = allowed.keys().filter(|other| !used.contains(&(room.clone(), (*other).clone())));
        findings.extend(unused.map(|other| format!("`{room}` does not import `{other}`")));
    }
    nothing(&findings, "docs/architecture.md allows more than is needed:");
}

#[test]
fn no_two_rooms_import_each_other_even_by_a_detour() {
    let table = table();
    for room in table.keys() {
        let mut reached: BTreeSet<&String> = BTreeSet::new();
        let mut open: Vec<&String> = table[room].keys().collect();
        while let Some(next) = open.pop() {
            assert_ne!(next, room, "`{room}` can reach itself: data flows one way");
            if reached.insert(next) {
                open.extend(table[next].keys());
            }
        }
    }
}

#[test]
fn no_path_climbs_out_of_its_room() {
    let mut findings = Vec::new();
    for file in sources().iter().filter(|file| file.room().is_some()) {
        let depth = file.path.components().count() - 1; // `src/engine.rs` is one below the root
        let climb = "super::".repeat(depth);
        findings.extend(file.finds(&climb).map(|at| format!("{}: write `crate::ROOM::…`", file.place(at))));
    }
    nothing(&findings, "imports between rooms are written so that the fence sees them:");
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let mut findings = Vec::new();
    for file in all_files() {
        for (at, _) in file.code.match_indices("fn ") {
            let before = at.checked_sub(1).map(|at| file.code.as_bytes()[at]);
            let named = file.code.as_bytes().get(at + 3).copied().is_some_and(is_word);
            if before.is_some_and(is_word) || !named {
                continue;
            }
            let lines = file.line(item_end(&file.code, at) - 1) - file.line(at) + 1;
            if lines > LONGEST_FUNCTION {
                findings.push(format!("{}: {lines} lines", file.place(at)));
            }
        }
    }
    nothing(&findings, "a function has at most 60 lines; name a part of it:");
}

#[test]
fn no_file_is_longer_than_one_can_hold_in_ones_head() {
    let long = |file: &SourceFile| {
        let lines = file.raw.lines().count();
        (lines > LONGEST_FILE).then(|| format!("{}: {lines} lines", file.path.display()))
    };
    nothing(&all_files().iter().filter_map(long).collect::<Vec<_>>(), "a file has at most 500 lines; give a part of it its own name:");
}

#[test]
fn every_file_says_what_it_owns() {
    let silent = |file: &&SourceFile| !file.raw.starts_with("//! ") || file.raw.starts_with("//! Stub");
    let findings: Vec<String> = all_files().iter().filter(silent).map(|file| file.place(0)).collect();
    nothing(&findings, "a file opens with a `//!` sentence: what it owns, and what it must never do:");
}

#[test]
fn what_must_not_stand_in_the_program_does_not() {
    let refused = [
        (".unwrap()", "handle it, or `expect` with the proof on the spot"),
        ("use super::*", "imports are the map: name them"),
        ("dbg!", "remove it"),
        ("todo!", "write it"),
        ("unimplemented!", "write it"),
        ("anyhow", "a `thiserror` enum for each room"),
        ("Box<dyn Error", "a `thiserror` enum for each room"),
        ("Box<dyn std::error::Error", "a `thiserror` enum for each room"),
    ];
    let mut findings = Vec::new();
    for file in sources() {
        for (words, advice) in refused {
            findings.extend(file.finds(words).map(|at| format!("{}: `{words}`: {advice}", file.place(at))));
        }
    }
    nothing(&findings, "outside tests these are refused:");
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let mut findings = Vec::new();
    for file in all_files() {
        for mark in marks {
            findings.extend(file.raw.match_indices(mark).map(|(at, _)| file.place(at)));
        }
    }
    nothing(&findings, "do it, or write it down where people plan:");
}

#[test]
fn a_result_that_is_dropped_says_why() {
    let mut findings = Vec::new();
    for file in sources() {
        let lines: Vec<&str> = file.raw.lines().collect();
        for at in file.finds("let _ =") {
            let line = file.line(at) - 1;
            let several = lines[..line].iter().rev().take_while(|above| above.trim().starts_with("let _ =")).count();
            let first = line - several; // one reason serves several in a row
            let above = first.checked_sub(1).is_some_and(|above| lines[above].trim().starts_with("//"));
            if !above && !lines[first..=line].iter().any(|line| line.contains("//")) {
                findings.push(file.place(at));
            }
        }
    }
    nothing(&findings, "say on the line why nobody needs to know:");
}

#[test]
fn every_exception_from_a_lint_has_its_reason() {
    let mut findings = Vec::new();
    for file in sources() {
        for at in file.finds("allow(").chain(file.finds("expect(")) {
            let attribute = file.code[..at].trim_end().ends_with('[');
            let end = file.raw[at..].find(']').map_or(file.raw.len(), |end| at + end);
            if attribute && !file.raw[at..end].contains("reason = \"") {
                findings.push(file.place(at));
            }
        }
    }
    nothing(&findings, "write `reason = \"…\"`:");
}

#[test]
fn every_crate_is_used_and_has_its_reason() {
    let read = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (manifest, reasons) = (read("Cargo.toml"), read("docs/decisions/0009-crates-beyond-the-table.md"));
    let files = all_files();
    let mut findings = Vec::new();
    for (section, only_tests) in [("[dependencies]", false), ("[dev-dependencies]", true)] {
        let (_, part) = manifest.split_once(section).expect("the section");
        let lines = part.lines().skip(1).take_while(|line| !line.starts_with('['));
        for name in lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name) {
            let path = format!("{}::", name.replace('-', "_"));
            let derived = format!("use {}", path.trim_end_matches("::"));
            let serves = |file: &&SourceFile| file.code.contains(&path) || file.code.contains(&derived);
            if !files.iter().filter(|file| only_tests || !file.is_test).any(|file| serves(&file)) {
                findings.push(format!("nothing uses `{name}`"));
            }
            let known = reasons.split(|sign: char| !sign.is_alphanumeric() && sign != '-' && sign != '_').any(|word| word == name);
            if !known {
                findings.push(format!("`{name}` has no line in docs/decisions/0009-crates-beyond-the-table.md"));
            }
        }
    }
    nothing(&findings, "one crate a need, and a reason for each:");
}

#[test]
fn doors_to_the_world_are_where_the_house_has_them() {
    let open = |file: &SourceFile| file.finds("clippy::disallowed_methods").next().is_some();
    let doors: BTreeSet<String> = sources().iter().filter(|file| open(file)).map(|file| file.path.display().to_string()).collect();
    assert_eq!(doors, DOORS.map(str::to_owned).into());
}
