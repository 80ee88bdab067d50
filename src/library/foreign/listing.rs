//! What an inventory program prints when it is called with `--list`: Ansible's JSON, with every host's variables in `_meta`. Never calls it once a host.

use super::ansible::{Sheet, word_of};
use super::tree::variables;
use super::{entries, entry, text};
use crate::text::{Diagnostics, Node, Source, Span, Value};

/// As many as an inventory has.
const MAX_HOSTS: usize = 10_000;

/// The inventory of a document.
pub(super) fn read(source: &Source, root: &Node, found: &mut Diagnostics) -> Sheet {
    let mut sheet = Sheet::new(source);
    let hostvars = entry(root, "_meta").and_then(|meta| entry(meta, "hostvars"));
    let Some(hostvars) = hostvars else {
        let help = "let it print `\"_meta\": {\"hostvars\": {…}}` as well, as `ansible-inventory --list` does";
        let start = Span { start: 0, end: source.text().find('\n').unwrap_or(source.text().len()) };
        found.error("RB315", source, start, "there is no `_meta` with `hostvars`, so no host's address is known").help(help);
        return sheet;
    };
    for (name, node) in entries(root) {
        let Some(group) = text(name).filter(|name| *name != "_meta") else { continue };
        sheet.group(group, name.span);
        let hosts = if matches!(node.value, Value::List(_)) { Some(node) } else { entry(node, "hosts") };
        for host in names(hosts) {
            let Some(host_name) = text(host) else { continue };
            sheet.host(host_name, group, host.span);
        }
        for child in names(entry(node, "children")) {
            if let Some(child_name) = text(child) {
                sheet.child(group, child_name, child.span);
                sheet.group(child_name, child.span); // a program may leave out groups that are empty
            }
        }
        let vars = entry(node, "vars").map_or(Vec::new(), |vars| variables(source, vars, found));
        for (word, value) in vars {
            sheet.group_word(group, word, value, found);
        }
        if sheet.count() > MAX_HOSTS {
            found.error("RB301", source, name.span, format!("an inventory has at most {MAX_HOSTS} hosts")).help("split it");
            return sheet;
        }
    }
    for (name, node) in entries(hostvars) {
        let Some(host) = text(name).filter(|name| sheet.knows_host(name)) else { continue };
        let vaulted = |value: &Node| entry(value, "__ansible_vault").is_some();
        let plain: Vec<(Node, Node)> =
            entries(node).iter().filter(|(key, value)| text(key).and_then(word_of).is_some() && !vaulted(value)).cloned().collect();
        let plain = Node { span: node.span, value: Value::Map(plain) };
        for (word, value) in variables(source, &plain, found) {
            sheet.host_word(host, word, value, found);
        }
    }
    sheet
}

fn names(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.value) {
        Some(Value::List(items)) => items,
        Some(Value::Scalar(_) | Value::Map(_)) | None => &[],
    }
}
