//! Ansible's inventories in INI: sections of hosts, of variables and of children. Refuses what Ansible would guess about.

use super::ansible::{Sheet, word_of};
use super::ranges::expand;
use crate::text::{Diagnostics, Source, Span, Spanned};

/// As many as an inventory has.
const MAX_HOSTS: usize = 10_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hosts,
    Vars,
    Children,
}

/// The inventory of a text.
pub(super) fn read(source: &Source, found: &mut Diagnostics) -> Sheet {
    let mut sheet = Sheet::new(source);
    let (mut group, mut kind) = ("ungrouped".to_owned(), Kind::Hosts);
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let at = start;
        start += line.len();
        let trimmed = line.trim();
        let span = Span { start: at + (line.len() - line.trim_start().len()), end: at + line.trim_end().len() };
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if trimmed.starts_with('[') {
            if let Some((name, of)) = section(source, trimmed, span, found) {
                sheet.group(&name, span);
                (group, kind) = (name, of);
            }
            continue;
        }
        match kind {
            Kind::Hosts => hosts(&mut sheet, &group, source, trimmed, span, found),
            Kind::Children => {
                let words = words(trimmed, span.start);
                words.iter().take(1).for_each(|child| sheet.child(&group, &child.value, child.span));
            }
            Kind::Vars => match trimmed.split_once('=') {
                Some((name, value)) => {
                    if let Some(word) = word_of(name.trim()) {
                        let value = Spanned { value: unquoted(value.trim()).to_owned(), span };
                        sheet.group_word(&group, word, value, found);
                    }
                }
                None => wrong(source, span, "a variable is `name=value`", "write such as `ansible_user=ops`", found),
            },
        }
        if sheet.count() > MAX_HOSTS {
            found.error("RB301", source, span, format!("an inventory has at most {MAX_HOSTS} hosts")).help("split it");
            return sheet;
        }
    }
    sheet
}

/// `[web]`, `[web:vars]`, `[web:children]`.
fn section(source: &Source, line: &str, span: Span, found: &mut Diagnostics) -> Option<(String, Kind)> {
    let inner = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .filter(|(_, after)| after.trim().is_empty() || after.trim_start().starts_with('#'));
    let Some((inner, _)) = inner else {
        wrong(source, span, "a section is `[name]` on a line of its own", "close the bracket", found);
        return None;
    };
    let (name, kind) = match inner.trim().split_once(':') {
        None => (inner.trim(), Kind::Hosts),
        Some((name, "vars")) => (name, Kind::Vars),
        Some((name, "children")) => (name, Kind::Children),
        Some((name, "hosts")) => (name, Kind::Hosts),
        Some((_, other)) => {
            wrong(source, span, &format!("no section is called `{other}`"), "write [name], [name:vars] or [name:children]", found);
            return None;
        }
    };
    Some((name.to_owned(), kind))
}

/// `web[01:20]:2222 ansible_user=ops  # a remark`
fn hosts(sheet: &mut Sheet, group: &str, source: &Source, line: &str, span: Span, found: &mut Diagnostics) {
    let words = words(line, span.start);
    let Some((pattern, variables)) = words.split_first() else { return };
    let (names, port) = with_port(&pattern.value);
    let names = match expand(names) {
        Ok(names) => names,
        Err(why) => return wrong(source, pattern.span, &why, "write the hosts out, or mend the range", found),
    };
    let mut said = Vec::new();
    for variable in variables {
        match variable.value.split_once('=') {
            Some((name, value)) => said.extend(word_of(name).map(|word| (word, Spanned { value: value.to_owned(), span: variable.span }))),
            None => wrong(source, variable.span, "what follows a host is `name=value`", "quote a value with blanks: name=\"a b\"", found),
        }
    }
    let port = port.map(|port| (super::Word::Port, Spanned { value: port.to_owned(), span: pattern.span }));
    for name in names {
        sheet.host(&name, group, pattern.span);
        for (word, value) in said.iter().chain(&port) {
            sheet.host_word(&name, *word, value.clone(), found);
        }
    }
}

/// The port after the last colon that stands in no range.
fn with_port(pattern: &str) -> (&str, Option<&str>) {
    match pattern.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit()) && !name.contains(':') => (name, Some(port)),
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) && name.ends_with(']') => (name, Some(port)),
        Some(_) | None => (pattern, None),
    }
}

/// Words as a shell would cut them, with their places; `#` begins a remark.
fn words(line: &str, start: usize) -> Vec<Spanned<String>> {
    let mut words = Vec::new();
    let mut current: Option<(usize, String)> = None;
    let mut quote: Option<char> = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                current.get_or_insert_with(|| (at, String::new()));
            }
            (None, '#') if current.is_none() => break,
            (None, c) if c.is_whitespace() && !is_within_braces(&line[..at]) => {
                words.extend(current.take().map(|(from, word)| (from, at, word)))
            }
            (Some(_) | None, c) => current.get_or_insert_with(|| (at, String::new())).1.push(c),
        }
        if c == '#' && quote.is_none() && current.is_none() {
            break;
        }
    }
    words.extend(current.map(|(from, word)| (from, line.len(), word)));
    words.into_iter().map(|(from, to, value)| Spanned { value, span: Span { start: start + from, end: start + to } }).collect()
}

/// Within a template that has blanks, `{{ ip }}`: one word, to be refused as one.
fn is_within_braces(before: &str) -> bool {
    before.matches("{{").count() > before.matches("}}").count()
}

fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

fn wrong(source: &Source, span: Span, message: &str, help: &str, found: &mut Diagnostics) {
    found.error("RB315", source, span, message).help(help);
}
