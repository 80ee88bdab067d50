//! What all of Ansible's inventories have in common: hosts, groups within groups, and the few variables that say how a host is reached.
//! Reads no other variable, and never one that is vaulted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Imported, Said, Word};
use crate::base::HostName;
use crate::library::inventory::{is_address, is_user};
use crate::text::{Diagnostics, Source, Span, Spanned, did_you_mean};

/// The group of everything.
pub(super) const ALL: &str = "all";

/// Connections that are OpenSSH's.
const BY_SSH: [&str; 4] = ["ssh", "smart", "paramiko", "paramiko_ssh"];

type Words = BTreeMap<Word, Spanned<String>>;

/// An inventory as it was read, nothing handed down yet.
pub(super) struct Sheet {
    source: Source,
    hosts: BTreeMap<String, (Span, Words)>,
    groups: BTreeMap<String, Group>,
}

#[derive(Default)]
struct Group {
    span: Span,
    hosts: BTreeSet<String>,
    children: BTreeMap<String, Span>,
    words: Words,
}

/// The variables that are read.
pub(super) fn word_of(variable: &str) -> Option<Word> {
    match variable {
        "ansible_host" | "ansible_ssh_host" => Some(Word::Address),
        "ansible_port" | "ansible_ssh_port" => Some(Word::Port),
        "ansible_user" | "ansible_ssh_user" => Some(Word::User),
        "ansible_connection" => Some(Word::Connection),
        "environment" => Some(Word::Environment),
        _ => None, // every other variable is Ansible's own business
    }
}

impl Sheet {
    pub(super) fn new(source: &Source) -> Self {
        Self { source: source.clone(), hosts: BTreeMap::new(), groups: BTreeMap::new() }
    }

    /// A group is named here.
    pub(super) fn group(&mut self, name: &str, span: Span) {
        self.groups.entry(name.to_owned()).or_insert_with(|| Group { span, ..Group::default() });
    }

    /// A host is named here, in this group.
    pub(super) fn host(&mut self, name: &str, group: &str, span: Span) {
        self.hosts.entry(name.to_owned()).or_insert_with(|| (span, Words::new()));
        self.group(group, span);
        self.groups.entry(group.to_owned()).and_modify(|group| {
            group.hosts.insert(name.to_owned());
        });
    }

    pub(super) fn child(&mut self, parent: &str, child: &str, span: Span) {
        self.group(parent, span);
        self.groups.entry(parent.to_owned()).and_modify(|group| {
            group.children.entry(child.to_owned()).or_insert(span);
        });
    }

    pub(super) fn knows_host(&self, name: &str) -> bool {
        self.hosts.contains_key(name)
    }

    pub(super) fn count(&self) -> usize {
        self.hosts.len()
    }

    /// A host's own variable.
    pub(super) fn host_word(&mut self, host: &str, word: Word, value: Spanned<String>, found: &mut Diagnostics) {
        let source = self.source.clone();
        if let Some((_, words)) = self.hosts.get_mut(host) {
            set(words, word, value, host, &source, found);
        }
    }

    /// A variable of a group's hosts.
    pub(super) fn group_word(&mut self, group: &str, word: Word, value: Spanned<String>, found: &mut Diagnostics) {
        let source = self.source.clone();
        let span = value.span;
        let group_of = self.groups.entry(group.to_owned()).or_insert_with(|| Group { span, ..Group::default() });
        set(&mut group_of.words, word, value, group, &source, found);
    }
}

/// Which of two values in one file counts would be a guess.
fn set(words: &mut Words, word: Word, value: Spanned<String>, of: &str, source: &Source, found: &mut Diagnostics) {
    if let Some(first) = words.get(&word).filter(|first| first.value != value.value) {
        let message = format!("`{of}` has two values for its {}: {:?} and {:?}", word.ours(), first.value, value.value);
        let label = format!("the other is on line {}", source.position(first.span.start).0);
        found.error("RB316", source, value.span, message).label(label).help("keep one of them");
    }
    words.entry(word).or_insert(value);
}

/// The hosts with what their groups say of them.
pub(super) fn settle(sheet: Sheet, said: Said<'_>, found: &mut Diagnostics) -> Vec<Imported> {
    check_children(&sheet, found);
    let above = ancestors(&sheet);
    let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, group) in &sheet.groups {
        for host in &group.hosts {
            let of_host = members.entry(host).or_default();
            of_host.insert(name);
            of_host.extend(above.get(name.as_str()).into_iter().flatten());
            of_host.insert(ALL);
        }
    }
    let left_out = unusable_groups(&sheet, found);
    let open = |host: &str| Word::ALL.into_iter().filter(|word| !said(host, *word)).collect::<Vec<_>>();
    let hosts = sheet.hosts.iter().filter_map(|(name, (span, own))| {
        let groups = members.get(name.as_str()).cloned().unwrap_or_default();
        let words = inherited(&sheet, (name, *span, &open(name)), own, &groups, &above, found);
        host(&sheet, (name, *span), words, groups.into_iter().filter(|group| !left_out.contains(group)), found)
    });
    hosts.collect()
}

fn check_children(sheet: &Sheet, found: &mut Diagnostics) {
    for (parent, group) in &sheet.groups {
        for (child, span) in &group.children {
            if !sheet.groups.contains_key(child) {
                let message = format!("`{child}` is a child of `{parent}`, and there is no such group");
                let help = match did_you_mean(child, sheet.groups.keys().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "add the group, or remove it here".to_owned(),
                };
                found.error("RB316", &sheet.source, *span, message).label("unknown group").help(help);
            }
        }
    }
}

/// The groups above each group, by however many steps.
fn ancestors(sheet: &Sheet) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut parents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (parent, group) in &sheet.groups {
        for child in group.children.keys() {
            parents.entry(child).or_default().insert(parent);
        }
    }
    let above = |group: &str| {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<&str> = parents.get(group).into_iter().flatten().copied().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(parents.get(next).into_iter().flatten());
            }
        }
        seen
    };
    sheet.groups.keys().map(|name| (name.as_str(), above(name))).collect()
}

/// Groups whose names selectors could not use.
fn unusable_groups<'s>(sheet: &'s Sheet, found: &mut Diagnostics) -> BTreeSet<&'s str> {
    let mut left_out: BTreeSet<&str> = BTreeSet::from([ALL, "ungrouped"]);
    for (name, group) in sheet.groups.iter().filter(|(name, _)| *name != ALL && *name != "ungrouped") {
        let is_reserved = matches!(name.as_str(), "local" | "none");
        if is_reserved || name.parse::<HostName>().is_err() || sheet.knows_host(name) {
            let why = if sheet.knows_host(name) { "a host has this name" } else { "selectors could not name it" };
            let message = format!("the group `{name}` is left out: {why}");
            found
                .warning("RB317", &sheet.source, group.span, message)
                .help("its hosts are taken all the same; name them, or another group");
            left_out.insert(name);
        }
    }
    left_out
}

/// A host's own words, and of its groups' those of the nearest; only the words that are left open.
fn inherited(
    sheet: &Sheet,
    (name, span, open): (&str, Span, &[Word]),
    own: &Words,
    groups: &BTreeSet<&str>,
    above: &BTreeMap<&str, BTreeSet<&str>>,
    found: &mut Diagnostics,
) -> Words {
    let mut words = own.clone();
    words.retain(|word, _| open.contains(word));
    for word in open.iter().copied().filter(|word| !own.contains_key(word)) {
        let said: Vec<(&str, &Spanned<String>)> =
            groups.iter().filter_map(|group| Some((*group, sheet.groups.get(*group)?.words.get(&word)?))).collect();
        let is_above = |group: &str| {
            said.iter().any(|(other, _)| *other != group && (group == ALL || above.get(other).is_some_and(|above| above.contains(group))))
        };
        let nearest: Vec<&(&str, &Spanned<String>)> = said.iter().filter(|(group, _)| !is_above(group)).collect();
        let Some((first, value)) = nearest.first() else { continue };
        if let Some((second, other)) = nearest.iter().find(|(_, other)| other.value != value.value) {
            let message = format!("two groups of the host `{name}` give it another {}", word.ours());
            let label = format!("`{first}` says {}, `{second}` says {}", value.value, other.value);
            found.error("RB308", &sheet.source, span, message).label(label).help("say it of the host itself, or in team/inventory.yaml");
        }
        words.insert(word, (*value).clone());
    }
    words
}

/// The host, its words checked; `None` where it cannot be one of ours.
fn host<'g>(
    sheet: &Sheet,
    (name, span): (&str, Span),
    mut words: Words,
    groups: impl Iterator<Item = &'g str>,
    found: &mut Diagnostics,
) -> Option<Imported> {
    let source = &sheet.source;
    if name == HostName::local().as_str() {
        let message = "the host `local` is left out: that is always the operator's own machine";
        found.warning("RB317", source, span, message).help("give it another name");
        return None;
    }
    let Some(host) = name.parse::<HostName>().ok().filter(|_| !matches!(name, "all" | "none")) else {
        let help = "use letters, digits, dots, dashes and underscores; the rest goes into `ansible_host`";
        found.error("RB302", source, span, format!("{name:?} cannot name a host")).label("no host's name").help(help);
        return None;
    };
    let connection = words.remove(&Word::Connection);
    match connection.as_ref().map(|connection| connection.value.as_str()) {
        Some("local") => words.retain(|word, _| *word == Word::Environment),
        Some(other) if !BY_SSH.contains(&other) => {
            let message = format!("the host `{name}` is left out: it is reached by {other}, and we know SSH and local");
            found.warning("RB317", source, span, message).help("a step of people (`manual:`) can do what must be done there");
            return None;
        }
        Some(_) | None => {}
    }
    words.retain(|word, value| is_sound(*word, value, name, source, found));
    let local = connection.filter(|connection| connection.value == "local");
    words.extend(local.map(|connection| (Word::Connection, connection)));
    Some(Imported { name: host, source: source.clone(), words, groups: groups.map(str::to_owned).collect() })
}

fn is_sound(word: Word, value: &Spanned<String>, host: &str, source: &Source, found: &mut Diagnostics) -> bool {
    let text = value.value.as_str();
    let sound = match word {
        Word::Address => is_address(text),
        Word::User => is_user(text),
        Word::Port => text.parse::<u16>().is_ok_and(|port| port > 0),
        Word::Environment => text.parse::<HostName>().is_ok(),
        Word::Connection => true,
    };
    if !sound {
        let message = format!("{text:?} cannot be the {} of `{host}`", word.ours());
        let help = match (text.is_empty(), text.contains("{{")) {
            (true, _) => format!("it is empty, or vaulted, which is never read: write `{}:` in team/inventory.yaml", word.ours()),
            (_, true) => format!("templates of Ansible are not rendered here: write `{}:` in team/inventory.yaml", word.ours()),
            (false, false) => "write it plainly, or say it in team/inventory.yaml, which wins".to_owned(),
        };
        found.error("RB303", source, value.span, message).help(help);
    }
    sound
}
