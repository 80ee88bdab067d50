//! `hosts_from:`: hosts that other tools know, beside those of the inventory. What the inventory says wins; of two others neither does.

use std::collections::BTreeMap;
use std::path::Path;

use super::{HostSource, MAX_HOSTS, Settings, Written, read_names_of_sources};
use crate::base::HostName;
use crate::library::foreign::{Elsewhere, Imported, Word, take};
use crate::text::{Node, Reader, Span, Spanned};

/// More sources than this are one source too many.
const MAX_SOURCES: usize = 32;

/// Adds the hosts of all sources to those that are written, and says how many each had.
pub(super) fn take_in(
    reader: &mut Reader,
    node: &Node,
    hosts: &mut Vec<Written>,
    folder: &Path,
    elsewhere: &dyn Elsewhere,
) -> Vec<HostSource> {
    let entries = read_names_of_sources(reader, node);
    if let Some(extra) = entries.get(MAX_SOURCES) {
        reader.error("RB301", extra.span, format!("hosts come from at most {MAX_SOURCES} sources")).help("put some of them into one file");
        return Vec::new();
    }
    let own: BTreeMap<&str, &Written> = hosts.iter().map(|host| (host.name.value.as_str(), host)).collect();
    let mut sources = Vec::new();
    let mut taken: BTreeMap<HostName, (Span, Imported)> = BTreeMap::new();
    for entry in &entries {
        let source = reader.source.clone();
        let said = |host: &str, word| own.get(host).is_some_and(|own| says(own, word));
        let imported = take(entry, &source, folder, (elsewhere, &said), &mut reader.diagnostics);
        sources.push(HostSource { name: entry.value.clone(), hosts: imported.len() });
        for host in imported {
            add(reader, &mut taken, entry.span, host);
        }
    }
    if taken.len() > MAX_HOSTS {
        let message = format!("an inventory has at most {MAX_HOSTS} hosts, and {} come from elsewhere", taken.len());
        reader.error("RB301", node.span, message).help("give each team an inventory of its own");
        return sources;
    }
    let mut by_name: BTreeMap<HostName, usize> = BTreeMap::new();
    by_name.extend(hosts.iter().enumerate().map(|(at, host)| (host.name.value.clone(), at)));
    for (name, (span, imported)) in taken {
        match by_name.get(&name).and_then(|at| hosts.get_mut(*at)) {
            Some(host) => join(host, span, imported),
            None => {
                let mut host = nothing_said(name, span);
                join(&mut host, span, imported);
                hosts.push(host);
            }
        }
    }
    sources
}

/// A host that several sources name is the same host where they agree.
fn add(reader: &mut Reader, taken: &mut BTreeMap<HostName, (Span, Imported)>, span: Span, host: Imported) {
    let Some((_, first)) = taken.get_mut(&host.name) else {
        taken.insert(host.name.clone(), (span, host));
        return;
    };
    for (word, value) in &host.words {
        let Some(other) = first.words.get(word).filter(|other| other.value != value.value) else { continue };
        let message =
            format!("two sources say another {} of the host `{}`: {:?} and {:?}", word.ours(), host.name, other.value, value.value);
        let place = format!("{}:{}", first.source.name(), first.source.position(other.span.start).0);
        let help = format!("say it in {}, which wins: `hosts: {{{}: {{{}: …}}}}`", reader.source.name(), host.name, word.ours());
        reader.diagnostics.error("RB318", &host.source, value.span, message).label(format!("the other is {place}")).help(help);
    }
    for (word, value) in host.words {
        first.words.entry(word).or_insert(value);
    }
    first.groups.extend(host.groups);
}

fn says(own: &Written, word: Word) -> bool {
    match word {
        Word::Address => own.address.is_some() || own.local,
        Word::Port => own.settings.port.is_some() || own.local,
        Word::User => own.settings.user.is_some() || own.local,
        Word::Environment => own.settings.environment.is_some(),
        Word::Connection => own.local || own.remote,
    }
}

fn nothing_said(name: HostName, span: Span) -> Written {
    Written {
        name: Spanned { value: name, span },
        address: None,
        local: false,
        remote: false,
        groups: Vec::new(),
        settings: Settings::default(),
        imported: BTreeMap::new(),
    }
}

fn join(host: &mut Written, span: Span, imported: Imported) {
    for group in imported.groups {
        if host.groups.iter().all(|known| known.value != group) {
            host.groups.push(Spanned { value: group, span });
        }
    }
    let is_local = imported.words.get(&Word::Connection).is_some_and(|connection| connection.value == "local");
    host.local |= is_local && !host.remote;
    host.imported = imported.words.into_iter().map(|(word, value)| (word, value.value)).collect();
}
