//! Hosts that other tools know: where they lie is told by `hosts_from:`, and each kind of source has a file below. Reads and runs nothing itself.

mod ansible;
mod ini;
mod listing;
mod ranges;
mod ssh_config;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::base::HostName;
use crate::text::{Diagnostics, Node, Source, Span, Spanned, Value, decode, parse_lenient};

/// What a library asks of the world outside its folder. The command line answers.
pub trait Elsewhere {
    /// A file's bytes, at most one more than a file may have.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn read(&self, path: &Path) -> Result<Vec<u8>, String>;

    /// The names in a folder, sorted.
    ///
    /// # Errors
    /// Why it cannot be listed, in words.
    fn list(&self, folder: &Path) -> Result<Vec<String>, String>;

    /// What a program prints when it is called with `--list`.
    ///
    /// # Errors
    /// Why it was not called, or how it failed, in words; what it said itself follows on lines of its own.
    fn ask(&self, program: &Path) -> Result<Vec<u8>, String>;

    /// The operator's home folder, where it is known.
    fn home(&self) -> Option<PathBuf>;
}

/// Nothing lies elsewhere: what a library is read with that takes no hosts from other tools.
pub struct Nowhere;

impl Elsewhere for Nowhere {
    fn read(&self, _: &Path) -> Result<Vec<u8>, String> {
        Err("this reader looks at the inventory alone".to_owned())
    }

    fn list(&self, _: &Path) -> Result<Vec<String>, String> {
        Err("this reader looks at the inventory alone".to_owned())
    }

    fn ask(&self, _: &Path) -> Result<Vec<u8>, String> {
        Err("this reader looks at the inventory alone".to_owned())
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }
}

/// What a source can say of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    Address,
    Port,
    User,
    Environment,
    /// `local` or `ssh`.
    Connection,
}

impl Word {
    pub(super) const ALL: [Word; 5] = [Word::Address, Word::Port, Word::User, Word::Environment, Word::Connection];

    /// The word of `team/inventory.yaml`.
    pub(super) fn ours(self) -> &'static str {
        match self {
            Word::Address => "address",
            Word::Port => "port",
            Word::User => "user",
            Word::Environment => "environment",
            Word::Connection => "connection",
        }
    }
}

/// A host that a source names, what it says of it already checked.
#[derive(Debug, Clone)]
pub(super) struct Imported {
    pub(super) name: HostName,
    /// Where it is named.
    pub(super) source: Source,
    pub(super) words: BTreeMap<Word, Spanned<String>>,
    pub(super) groups: BTreeSet<String>,
}

/// Whether the inventory itself says a word of a host: then nobody else's counts, nor is looked at.
pub(super) type Said<'a> = &'a dyn Fn(&str, Word) -> bool;

/// The hosts of one entry of `hosts_from:`. What is wrong with the source is told with places in it, or at `at` in the inventory.
pub(super) fn take(
    entry: &Spanned<String>,
    inventory: &Source,
    folder: &Path,
    (elsewhere, said): (&dyn Elsewhere, Said<'_>),
    found: &mut Diagnostics,
) -> Vec<Imported> {
    let at = At { inventory, span: entry.span, named: &entry.value };
    let Some(path) = located(&entry.value, folder, elsewhere) else {
        at.refuse(found, "there is no home folder here", "write the whole path");
        return Vec::new();
    };
    let bytes = match elsewhere.read(&path) {
        Ok(bytes) => bytes,
        Err(why) => {
            at.refuse(found, &why, "a path is taken from the inventory's own folder on; `~/` is your home");
            return Vec::new();
        }
    };
    let shown = shown(&entry.value, inventory);
    if is_program(&bytes) {
        return match elsewhere.ask(&path) {
            Ok(printed) => from_text(&format!("{shown} --list"), &printed, Road::Listing, &path, (elsewhere, said), found),
            Err(why) => {
                at.refuse(found, &why, "run it by hand with `--list`: it must print Ansible's JSON and end with 0");
                Vec::new()
            }
        };
    }
    let road = if is_ssh_config(&path, &bytes) { Road::SshConfig } else { Road::ByContent };
    from_text(&shown, &bytes, road, &path, (elsewhere, said), found)
}

/// Where the inventory names a source.
struct At<'a> {
    inventory: &'a Source,
    span: Span,
    named: &'a str,
}

impl At<'_> {
    fn refuse(&self, found: &mut Diagnostics, why: &str, help: &str) {
        let (why, said) = why.split_once('\n').unwrap_or((why, ""));
        let help = if said.is_empty() { help.to_owned() } else { format!("{said}\n{help}") };
        let message = format!("no hosts could be taken from {}: {why}", self.named);
        found.error("RB309", self.inventory, self.span, message).label("named here").help(help);
    }
}

/// How a text is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Road {
    /// What a program printed.
    Listing,
    SshConfig,
    ByContent,
}

fn from_text(
    name: &str,
    bytes: &[u8],
    road: Road,
    path: &Path,
    (elsewhere, said): (&dyn Elsewhere, Said<'_>),
    found: &mut Diagnostics,
) -> Vec<Imported> {
    let source = match decode(name, bytes) {
        Ok(source) => source,
        Err(problems) => {
            found.extend(problems);
            return Vec::new();
        }
    };
    if source.text().trim_start().starts_with("$ANSIBLE_VAULT") {
        let help = "put the hosts' names and addresses into a file of their own: no vault is opened here";
        found.error("RB315", &source, first_line(&source), "this file is encrypted by Ansible's vault").help(help);
        return Vec::new();
    }
    if road == Road::SshConfig {
        return ssh_config::read(&source, path, elsewhere, found);
    }
    if road == Road::ByContent && !looks_like_yaml(source.text()) {
        return ansible::settle(ini::read(&source, found), said, found);
    }
    let Some(document) = parse_lenient(&source, found) else { return Vec::new() };
    if road == Road::Listing || entry(&document.root, "_meta").is_some() {
        return ansible::settle(listing::read(&source, &document.root, found), said, found);
    }
    ansible::settle(tree::read(&source, &document.root, found), said, found)
}

fn first_line(source: &Source) -> Span {
    Span { start: 0, end: source.text().find('\n').unwrap_or(source.text().len()) }
}

/// `~/x` is in the home folder, what is not absolute in the inventory's own.
fn located(written: &str, folder: &Path, elsewhere: &dyn Elsewhere) -> Option<PathBuf> {
    match written.strip_prefix("~/") {
        Some(rest) => Some(elsewhere.home()?.join(rest)),
        None => Some(folder.join(written.strip_prefix("./").unwrap_or(written))),
    }
}

/// As people know it: beside the inventory, or as it was written.
fn shown(written: &str, inventory: &Source) -> String {
    let is_beside = !written.starts_with(['/', '~']);
    match inventory.name().rsplit_once('/').filter(|_| is_beside) {
        Some((folder, _)) => format!("{folder}/{}", written.trim_start_matches("./")),
        None => written.to_owned(),
    }
}

/// A script says so in its first two bytes, a compiled program in its first four. A flag on a file that says nothing makes no program of it.
fn is_program(bytes: &[u8]) -> bool {
    bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"\xcf\xfa\xed\xfe")
}

/// In a folder `.ssh`, named as one, or with a line `Host …` and no section.
fn is_ssh_config(path: &Path, bytes: &[u8]) -> bool {
    let by_name = path.file_name().is_some_and(|name| name == "ssh_config") || path.parent().is_some_and(|folder| folder.ends_with(".ssh"));
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(str::trim);
    let by_line = lines.clone().any(|line| line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("host ")))
        && !lines.any(|line| line.starts_with('['));
    by_name || by_line
}

fn looks_like_yaml(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', ';'])).unwrap_or("");
    let is_key = |line: &str| {
        line.split_once(':').is_some_and(|(key, rest)| !key.contains([' ', '[', '=']) && (rest.is_empty() || rest.starts_with(' ')))
    };
    first == "---" || first.starts_with('{') || is_key(first)
}

/// The entries of a map; none where it is none.
fn entries(node: &Node) -> &[(Node, Node)] {
    match &node.value {
        Value::Map(entries) => entries,
        Value::Scalar(_) | Value::List(_) => &[],
    }
}

fn entry<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    entries(node).iter().find(|(name, _)| text(name) == Some(key)).map(|(_, value)| value)
}

/// The text of a scalar, whatever its kind.
fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(scalar) => Some(&scalar.text),
        Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests;
