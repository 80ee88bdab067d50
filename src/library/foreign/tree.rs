//! Ansible's inventories in YAML: groups within groups, each with hosts, variables and children. Reads no group_vars and no host_vars.

use super::ansible::{ALL, Sheet, word_of};
use super::ranges::expand;
use super::{entries, entry, text};
use crate::text::{Diagnostics, Node, Source, Span, Spanned, Value};

/// As many as an inventory has.
const MAX_HOSTS: usize = 10_000;

/// The inventory of a document.
pub(super) fn read(source: &Source, root: &Node, found: &mut Diagnostics) -> Sheet {
    let mut sheet = Sheet::new(source);
    if let Some(plugin) = entry(root, "plugin") {
        let help =
            "call the plugin by a script of three lines: `#!/bin/sh`, `exec ansible-inventory -i THIS-FILE --list`, and name that script";
        found.error("RB315", source, plugin.span, "this configures a plugin of Ansible, and names no host").help(help);
        return sheet;
    }
    if !matches!(root.value, Value::Map(_)) {
        let help = "write such as `all: {hosts: {web-1: {}}}`, or [web] and a host a line";
        found.error("RB315", source, first_line(source, root.span), "this is no inventory of Ansible").label("expected groups").help(help);
        return sheet;
    }
    let mut tree = Tree { source, sheet: &mut sheet, found };
    for (name, node) in entries(root) {
        if let Some(group) = text(name) {
            if group != ALL {
                tree.sheet.child(ALL, group, name.span);
            }
            tree.group(group, name.span, node);
        }
    }
    sheet
}

struct Tree<'a> {
    source: &'a Source,
    sheet: &'a mut Sheet,
    found: &'a mut Diagnostics,
}

impl Tree<'_> {
    fn group(&mut self, name: &str, span: Span, node: &Node) {
        self.sheet.group(name, span);
        self.expect_map(node, "a group");
        for (key, value) in entries(node) {
            match text(key) {
                Some("hosts") => self.hosts(name, value),
                Some("vars") => {
                    self.expect_map(value, "`vars`");
                    for (word, value) in variables(self.source, value, self.found) {
                        self.sheet.group_word(name, word, value, self.found);
                    }
                }
                Some("children") => self.children(name, value),
                Some(other) => {
                    let message = format!("a group has no key `{other}`");
                    let help = "a group has `hosts:`, `vars:` and `children:`; a host goes below `hosts:`";
                    self.found.error("RB315", self.source, key.span, message).label("unknown key").help(help);
                }
                None => {}
            }
        }
    }

    fn hosts(&mut self, group: &str, node: &Node) {
        self.expect_map(node, "`hosts`");
        for (name, node) in entries(node) {
            let names = match expand(text(name).unwrap_or("")) {
                Ok(names) => names,
                Err(why) => {
                    self.found.error("RB315", self.source, name.span, why).help("write the hosts out, or mend the range");
                    continue;
                }
            };
            self.expect_map(node, "a host");
            let words = variables(self.source, node, self.found);
            for host in names {
                self.sheet.host(&host, group, name.span);
                for (word, value) in &words {
                    self.sheet.host_word(&host, *word, value.clone(), self.found);
                }
            }
            if self.sheet.count() > MAX_HOSTS {
                self.found.error("RB301", self.source, name.span, format!("an inventory has at most {MAX_HOSTS} hosts")).help("split it");
                return;
            }
        }
    }

    fn children(&mut self, parent: &str, node: &Node) {
        self.expect_map(node, "`children`");
        for (name, node) in entries(node) {
            if let Some(child) = text(name) {
                self.sheet.child(parent, child, name.span);
                self.group(child, name.span, node);
            }
        }
    }

    /// A map, or nothing at all.
    fn expect_map(&mut self, node: &Node, what: &str) {
        let is_nothing = text(node).is_some_and(str::is_empty);
        if !is_nothing && !matches!(node.value, Value::Map(_)) {
            let help = "each name is followed by a colon, and stands on a line of its own";
            self.found
                .error("RB315", self.source, first_line(self.source, node.span), format!("{what} is a map of names here"))
                .label("no map")
                .help(help);
        }
    }
}

/// The variables that are read. A vaulted one is nothing, and that is told where it matters.
pub(super) fn variables(source: &Source, node: &Node, found: &mut Diagnostics) -> Vec<(super::Word, Spanned<String>)> {
    let mut words = Vec::new();
    for (name, value) in entries(node) {
        let Some((variable, word)) = text(name).and_then(|name| Some((name, word_of(name)?))) else { continue };
        match text(value) {
            Some(text) => words.push((word, Spanned { value: text.to_owned(), span: value.span })),
            None => {
                let message = format!("`{variable}` is one word, and this is a list or a map");
                found.error("RB315", source, first_line(source, value.span), message).help("rename the variable, or write one word");
            }
        }
    }
    words
}

fn first_line(source: &Source, span: Span) -> Span {
    let slice = source.text().get(span.start..span.end).unwrap_or("");
    Span { start: span.start, end: span.start + slice.find('\n').unwrap_or(slice.len()) }
}
