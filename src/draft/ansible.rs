//! The draft of a runbook from an Ansible playbook: its commands and pauses become steps, what other modules do is left to people, and marked.
//! Follows no role, no included file and no variable of another file.

mod arguments;
mod jinja;
mod task;

use std::collections::BTreeSet;

use super::sheet::{Draft, Entry, LeftOut, Parameter};
use crate::base::StepId;
use crate::text::{Diagnostics, Node, Scalar, ScalarKind, Source, Value, parse_lenient};
use jinja::is_identifier;

/// What tasks take from the play and the blocks around them.
#[derive(Clone, Default)]
struct Around {
    hosts: Option<String>,
    r#become: Option<String>,
    environment: Vec<(String, String)>,
    when: Vec<String>,
}

/// A draft being written.
struct Writer<'s> {
    source: &'s Source,
    draft: Draft,
    registered: BTreeSet<String>,
    delegation: Delegation,
}

/// Whether the task that is being read runs on another host than the one that it is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delegation {
    Yes,
    No,
}

/// The draft of a playbook, or of a file of tasks. `stem` names it where no play has a name.
///
/// # Errors
/// Where the file is not YAML that can be read strictly, with places.
pub fn from_playbook(source: &Source, stem: &str) -> Result<Draft, Diagnostics> {
    let mut problems = Diagnostics::new();
    let document = parse_lenient(source, &mut problems);
    let Some(document) = document.filter(|_| !problems.has_errors()) else { return Err(problems) };
    let mut writer = Writer { source, draft: Draft::default(), registered: BTreeSet::new(), delegation: Delegation::No };
    for item in items(&document.root) {
        match is_play(item) {
            true => writer.play(item),
            false => writer.task(item, &Around::default()),
        }
    }
    let mut draft = writer.draft;
    if draft.title.is_empty() {
        draft.title = stem.replace(['-', '_'], " ");
    }
    draft.name = StepId::slug(stem).map_or_else(|| "draft".to_owned(), |slug| slug.to_string());
    draft.settle_ids();
    Ok(draft)
}

fn is_play(node: &Node) -> bool {
    ["hosts", "tasks", "roles", "import_playbook", "ansible.builtin.import_playbook"].iter().any(|key| get(node, key).is_some())
}

impl Writer<'_> {
    fn line(&self, node: &Node) -> usize {
        self.source.position(node.span.start).0
    }

    fn left_out(&mut self, node: &Node, what: impl Into<String>) {
        let left_out = LeftOut::new(self.line(node), what, self.text_of(node));
        self.draft.entries.push(Entry::LeftOut(left_out));
    }

    /// As it stands in the source.
    fn text_of(&self, node: &Node) -> String {
        let text = self.source.text().get(node.span.start..node.span.end).unwrap_or("");
        let column = self.source.position(node.span.start).1;
        super::command::dedented(&format!("{}{text}", " ".repeat(column - 1)))
    }

    fn play(&mut self, play: &Node) {
        let mut around = Around::default();
        for (key, value) in entries(play) {
            match text(key).unwrap_or("") {
                "name" if self.draft.title.is_empty() => self.draft.title = text(value).unwrap_or("").trim().to_owned(),
                "vars" => self.vars(value),
                "vars_prompt" => self.prompts(value),
                "environment" => around.environment = self.environment(value),
                "become" | "become_user" | "hosts" | "tasks" | "pre_tasks" | "post_tasks" | "handlers" | "name" => {}
                "gather_facts" | "tags" | "any_errors_fatal" | "strategy" | "order" | "become_method" => {}
                "serial" => self.left_out(
                    key,
                    format!("serial: {}: hosts go one batch after another; write a block with `rolling:`", self.text_of(value)),
                ),
                "roles" => self.left_out(value, "roles: their tasks stand in other files; import each by itself"),
                other => self.left_out(value, format!("{other} of the play")),
            }
        }
        around.r#become = user_of(play, None);
        around.hosts = get(play, "hosts").and_then(|hosts| self.selector(hosts));
        for part in ["pre_tasks", "tasks", "post_tasks"] {
            get(play, part).map_or(&[][..], items).iter().for_each(|task| self.task(task, &around));
        }
        for handler in get(play, "handlers").map_or(&[][..], items) {
            self.left_out(handler, "a handler: Ansible runs it only when it is notified; here it is a step at the end");
            self.task(handler, &around);
        }
    }

    /// `web:&prod:!web-3`, as ours.
    fn selector(&mut self, node: &Node) -> Option<String> {
        let listed: Vec<String> = items(node).iter().filter_map(text).map(str::to_owned).collect();
        let written = if listed.is_empty() { text(node)?.to_owned() } else { listed.join(",") };
        if written.contains("{{") {
            let line = self.line(node);
            let (rendered, left_out) = self.rendered(&written, line);
            self.draft.entries.extend(left_out.into_iter().map(Entry::LeftOut));
            return Some(rendered);
        }
        let selector = selector_of(&written);
        if selector.is_none() {
            self.left_out(node, "a pattern of hosts that we do not have");
        }
        selector
    }

    fn vars(&mut self, node: &Node) {
        for (key, value) in entries(node) {
            let name = text(key).unwrap_or("").to_owned();
            match text(value) {
                _ if !is_identifier(&name) => {
                    self.left_out(key, format!("the variable `{name}`: a name that expressions use for something else"))
                }
                None => self.left_out(value, format!("the variable `{name}`: a list or a map is no parameter")),
                Some("") => self.left_out(key, format!("the variable `{name}`: it is empty, or vaulted, which is never read")),
                Some(default) if default.contains("{{") || default.contains("{%") => {
                    self.left_out(value, format!("the value of `{name}`: a default is not rendered here"));
                    self.parameter(&name, None, "a variable of the playbook");
                }
                Some(default) => self.parameter(&name, Some(default), "a variable of the playbook"),
            }
        }
    }

    fn prompts(&mut self, node: &Node) {
        for prompt in items(node) {
            let name = get(prompt, "name").and_then(text).filter(|name| is_identifier(name)).map(str::to_owned);
            let about = get(prompt, "prompt").and_then(text).unwrap_or("asked for by the playbook").to_owned();
            let default = get(prompt, "default").and_then(text).map(str::to_owned);
            match name {
                Some(name) => self.parameter(&name, default.as_deref(), &about),
                None => self.left_out(prompt, "a prompt"),
            }
        }
    }

    fn parameter(&mut self, name: &str, default: Option<&str>, description: &str) {
        if !self.draft.parameters.iter().any(|known| known.name == name) && !self.registered.contains(name) {
            let (name, default) = (name.to_owned(), default.map(str::to_owned));
            self.draft.parameters.push(Parameter { name, default, description: description.to_owned() });
        }
    }

    fn environment(&mut self, node: &Node) -> Vec<(String, String)> {
        let mut names = Vec::new();
        for (key, value) in entries(node) {
            match (text(key), text(value)) {
                (Some(name), Some(value)) if !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') => {
                    let line = self.line(key);
                    let (rendered, left_out) = self.rendered(value, line);
                    self.draft.entries.extend(left_out.into_iter().map(Entry::LeftOut));
                    names.push((name.to_owned(), rendered));
                }
                _ => self.left_out(key, "a variable of the environment"), // no name, or a value that is none
            }
        }
        names
    }
}

/// Ours has `,` for `:`, and `&` before what restricts.
fn selector_of(pattern: &str) -> Option<String> {
    let parts: Vec<&str> = pattern.split([':', ',']).map(str::trim).filter(|part| !part.is_empty()).collect();
    let name = |part: &str| match part {
        "localhost" | "127.0.0.1" => Some("local".to_owned()),
        "*" => Some("all".to_owned()),
        part => part.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_')).then(|| part.to_owned()),
    };
    let with = |sign: char| parts.iter().filter_map(|part| part.strip_prefix(sign)).map(name).collect::<Option<Vec<_>>>();
    let (and, not) = (with('&')?, with('!')?);
    let any: Vec<String> = parts.iter().filter(|part| !part.starts_with(['&', '!'])).map(|part| name(part)).collect::<Option<_>>()?;
    let restricted = !and.is_empty() || !not.is_empty();
    let mut selector = match any.as_slice() {
        [] => return None,
        [one] => one.clone(),
        several if restricted => format!("({})", several.join(", ")),
        several => several.join(", "),
    };
    and.iter().for_each(|name| selector.push_str(&format!(" & {name}")));
    not.iter().for_each(|name| selector.push_str(&format!(" & !{name}")));
    Some(selector)
}

/// Whom `become` and `become_user` ask for, or who is asked for around.
fn user_of(node: &Node, around: Option<&str>) -> Option<String> {
    let user = get(node, "become_user").and_then(text).map(str::to_owned);
    match get(node, "become").map(is_true) {
        Some(true) => user.or_else(|| around.map(str::to_owned)).or_else(|| Some("root".to_owned())),
        Some(false) => None,
        None if around.is_some() => user.or_else(|| around.map(str::to_owned)),
        None => None,
    }
}

/// As Ansible's YAML 1.1 has it.
fn is_true(node: &Node) -> bool {
    text(node).is_some_and(|text| matches!(text.to_lowercase().as_str(), "true" | "yes" | "on" | "1"))
}

fn is_false(node: &Node) -> bool {
    text(node).is_some_and(|text| matches!(text.to_lowercase().as_str(), "false" | "no" | "off" | "0"))
}

fn entries(node: &Node) -> &[(Node, Node)] {
    match &node.value {
        Value::Map(entries) => entries,
        Value::Scalar(_) | Value::List(_) => &[],
    }
}

fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        Value::Scalar(_) | Value::Map(_) => &[],
    }
}

fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    entries(node).iter().find(|(name, _)| text(name) == Some(key)).map(|(_, value)| value)
}

/// The text of a scalar; nothing is the empty text.
fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(Scalar { kind: ScalarKind::Null, .. }) => Some(""),
        Value::Scalar(scalar) => Some(&scalar.text),
        Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests;
