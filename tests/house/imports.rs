//! The table of rooms in `docs/architecture.md`, and what a file really imports. Judges neither.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{SourceFile, is_word};

/// What a room may take from another.
#[derive(Debug, PartialEq, Eq)]
pub enum Allowed {
    Everything,
    Only(BTreeSet<String>),
}

impl Allowed {
    /// Whether this name may be imported.
    pub fn allows(&self, name: &str) -> bool {
        match self {
            Allowed::Everything => true,
            Allowed::Only(names) => names.contains(name),
        }
    }
}

/// `crate::ROOM::NAME` in a file, at this byte. The name is empty where the room itself is imported.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub room: String,
    pub name: String,
    pub at: usize,
}

/// The table under `## Rooms`: by room, what it may import. `all` is every other room of the table.
pub fn read_table(page: &str) -> BTreeMap<String, BTreeMap<String, Allowed>> {
    let part = page.split("\n## ").find(|part| part.starts_with("Rooms")).expect("a part `## Rooms`");
    let rows: Vec<(String, &str)> = part
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
            let [room, _, imports] = cells.as_slice() else { return None };
            Some((room.strip_prefix('`')?.strip_suffix('`')?.to_owned(), *imports))
        })
        .collect();
    let all: Vec<String> = rows.iter().map(|(room, _)| room.clone()).collect();
    rows.into_iter().map(|(room, imports)| (room.clone(), read_cell(&room, imports, &all))).collect()
}

fn read_cell(room: &str, cell: &str, all: &[String]) -> BTreeMap<String, Allowed> {
    match cell {
        "—" => BTreeMap::new(),
        "all" => all.iter().filter(|other| *other != room).map(|other| (other.clone(), Allowed::Everything)).collect(),
        list => split_outside_brackets(list).into_iter().map(|entry| read_entry(&entry)).collect(),
    }
}

/// `plan`, or ``engine (`Permit`, `Task`)``.
fn read_entry(entry: &str) -> (String, Allowed) {
    match entry.split_once('(') {
        None => (entry.trim().to_owned(), Allowed::Everything),
        Some((room, names)) => {
            let names = names.trim_end_matches(')').split(',').map(|name| name.trim().trim_matches('`').to_owned());
            (room.trim().to_owned(), Allowed::Only(names.collect()))
        }
    }
}

fn split_outside_brackets(list: &str) -> Vec<String> {
    let (mut entries, mut depth) = (vec![String::new()], 0_usize);
    for character in list.chars() {
        match character {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match entries.last_mut() {
            Some(entry) if character != ',' || depth > 0 => entry.push(character),
            Some(_) | None => entries.push(String::new()),
        }
    }
    entries.into_iter().map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect()
}

/// Every `crate::…` of the file outside tests: in `use`, in a path, in a visibility.
pub fn imports_of(file: &SourceFile) -> Vec<Import> {
    let starts = file.finds("crate::").filter(|at| at.checked_sub(1).is_none_or(|before| !is_word(file.code.as_bytes()[before])));
    starts.flat_map(|at| leaves(&file.code[at + "crate::".len()..], at)).collect()
}

/// The rooms and names behind `crate::`, groups opened.
fn leaves(path: &str, at: usize) -> Vec<Import> {
    let (rooms, rest) = group(path);
    match rooms {
        Some(inside) => split_outside_brackets(inside).iter().flat_map(|entry| leaves(entry, at)).collect(),
        None => {
            let room = word(rest);
            let names = rest[room.len()..].strip_prefix("::").map_or(Vec::new(), |path| match group(path) {
                (Some(inside), _) => split_outside_brackets(inside).iter().map(|entry| word(entry).to_owned()).collect(),
                (None, path) => vec![word(path).to_owned()],
            });
            let names = if names.is_empty() { vec![String::new()] } else { names };
            names.into_iter().map(|name| Import { room: room.to_owned(), name, at }).collect()
        }
    }
}

/// The inside of `{…}` where the path begins with one, and the path without leading blanks.
fn group(path: &str) -> (Option<&str>, &str) {
    let path = path.trim_start();
    let Some(inside) = path.strip_prefix('{') else { return (None, path) };
    let mut depth = 1_usize;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return (Some(&inside[..at]), path),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    (None, path)
}

fn word(text: &str) -> &str {
    let end = text.bytes().position(|byte| !is_word(byte)).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouped_and_nested_imports_are_seen_one_by_one() {
        let found: Vec<(String, String)> = leaves("{base::Digest, engine::{Permit, fold::State}, event}", 0)
            .into_iter()
            .map(|import| (import.room, import.name))
            .collect();
        let expected = [("base", "Digest"), ("engine", "Permit"), ("engine", "fold"), ("event", "")];
        assert_eq!(found, expected.map(|(room, name)| (room.to_owned(), name.to_owned())));
    }

    #[test]
    fn a_table_may_allow_single_names() {
        let table = read_table(
            "# A\n\n## Rooms\n\n| room | holds | may import |\n|---|---|---|\n| `a` | x | — |\n| `b` | y | a (`One`, `Two`) |\n| `c` | z | all |\n",
        );
        assert!(table["a"].is_empty());
        assert!(table["b"]["a"].allows("Two") && !table["b"]["a"].allows("Three"));
        assert_eq!(table["c"].keys().collect::<Vec<_>>(), ["a", "b"]);
    }
}
