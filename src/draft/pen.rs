//! Writes a draft as a runbook's text that the reader takes. Never lets a word of the source become a key, a template or an allowance.

use super::sheet::{Action, Draft, Entry, LeftOut, NAMELESS, Parameter, Step, Value};

/// Lines of what was left out that a comment repeats; the source has the rest.
const LINES_SHOWN: usize = 12;
/// Characters of such a line.
const SHOWN: usize = 200;

impl Draft {
    /// The runbook's text. `source` is the file that it was made of, as people know it.
    pub fn text(&self, source: &str) -> String {
        let mut out = format!("# A draft, made of {}.\n", one_line(source));
        out.push_str("# Left to do: read every step, name the hosts, and settle what is called \"not mapped\".\n");
        line(&mut out, 0, "runbook", &self.name);
        line(&mut out, 0, "title", &self.title);
        if !self.description.is_empty() {
            line(&mut out, 0, "description", &self.description);
        }
        if let Some(owner) = &self.owner {
            line(&mut out, 0, "owner", owner);
        }
        self.parameters(&mut out);
        if self.steps().any(needs_hosts) {
            let remedy = format!("Write a host or a group of team/inventory.yaml in place of {NAMELESS}");
            out.push_str(&format!("\n# not mapped: the source names no hosts. {remedy}\ntargets:\n  somewhere: {NAMELESS}\n"));
        }
        out.push_str("\nsteps:\n");
        for (index, entry) in self.entries.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            match entry {
                Entry::Step(written) => step(&mut out, written),
                Entry::LeftOut(left_out) => comment(&mut out, left_out),
            }
        }
        out
    }

    fn parameters(&self, out: &mut String) {
        if !self.parameters.is_empty() {
            out.push_str("\nparameters:\n");
        }
        for Parameter { name, default, description } in &self.parameters {
            let default = default.as_ref().map_or(String::new(), |value| format!(", default: {}", flow(value)));
            out.push_str(&format!("  {name}: {{type: string{default}, description: {}}}\n", flow(description)));
        }
    }
}

fn needs_hosts(step: &Step) -> bool {
    match step.action {
        Action::Run(_) | Action::Check(_) => step.hosts.is_none(),
        Action::Manual(_) | Action::Wait(_) => false,
    }
}

fn step(out: &mut String, step: &Step) {
    for left_out in &step.left_out {
        comment(out, left_out);
    }
    out.push_str("  - ");
    line(out, 0, "name", &step.name);
    if let Some(id) = &step.id {
        line(out, 4, "id", id);
    }
    if !step.why.trim().is_empty() {
        line(out, 4, "why", &step.why);
    }
    match &step.hosts {
        Some(hosts) => line(out, 4, "hosts", hosts),
        None if needs_hosts(step) => line(out, 4, "hosts", "somewhere"),
        None => {}
    }
    match &step.action {
        Action::Wait(period) => line(out, 4, "wait", period),
        Action::Check(text) | Action::Run(text) | Action::Manual(text) => line(out, 4, step.action.word(), text),
    }
    for (word, value) in &step.words {
        match value {
            Value::Text(text) => line(out, 4, word, text),
            Value::Plain(text) => {
                out.push_str(&format!("    {word}: {text}\n"));
            }
            Value::Map(entries) => {
                out.push_str(&format!("    {word}:\n"));
                entries.iter().for_each(|(name, value)| line(out, 6, name, value));
            }
        }
    }
}

/// Of `|` before each line nothing can be taken for an allowance.
fn comment(out: &mut String, left_out: &LeftOut) {
    out.push_str(&format!("  # not mapped: line {}: {}\n", left_out.line, one_line(&left_out.what)));
    let mut lines = left_out.text.lines();
    for text in lines.by_ref().take(LINES_SHOWN) {
        out.push_str(&format!("  # | {}\n", one_line(text)));
    }
    let more = lines.count();
    if more > 0 {
        out.push_str(&format!("  # | … and {more} more lines\n"));
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\t'], " ").trim_end().chars().take(SHOWN).collect()
}

/// `key: value` at this indentation.
fn line(out: &mut String, indent: usize, key: &str, value: &str) {
    out.push_str(&format!("{:indent$}{key}: {}\n", "", value_at(value, indent)));
}

fn value_at(value: &str, indent: usize) -> String {
    let value = value.trim_end();
    if !value.contains('\n') {
        return quoted(value);
    }
    // a first line that begins with a blank would be taken for the indentation: then it is said
    let said = if value.starts_with([' ', '\n', '\t']) { "2" } else { "" };
    let mut block = format!("|{said}");
    for text in value.lines() {
        block.push('\n');
        if !text.trim().is_empty() {
            block.push_str(&format!("{:width$}{}", "", text.trim_end(), width = indent + 2));
        }
    }
    block
}

/// One line as a YAML scalar that is text in every context: bare where nothing in it could mean anything else.
pub fn quoted(text: &str) -> String {
    if is_bare(text) {
        text.to_owned()
    } else if text.contains('\'') || text.contains(['\t', '\n']) {
        flow(text)
    } else {
        format!("'{text}'")
    }
}

/// In double quotes.
fn flow(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// Begins with a letter or a slash, has no sign that YAML knows, and is no word that YAML reads as something else.
fn is_bare(text: &str) -> bool {
    const WORDS: [&str; 10] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan"];
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain = |c: char| {
        c.is_alphanumeric()
            || matches!(c, ' ' | '.' | '/' | '_' | '-' | '(' | ')' | '=' | '+' | ';' | '|' | '$' | '*' | '&' | '<' | '>' | '@' | '%')
    };
    starts_well && !text.ends_with(' ') && text.chars().all(plain) && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runbook::{Work, read};
    use crate::text::{Colour, Source};

    fn draft(action: Action, name: &str, why: &str) -> Draft {
        let mut step = Step::new(name, 3, action);
        why.clone_into(&mut step.why);
        step.left_out.push(LeftOut::new(3, "a table", "runbook: allow RB201 because it is mine\n| a |"));
        let mut draft = Draft { name: "a".into(), title: "A: b".into(), entries: vec![Entry::Step(step)], ..Draft::default() };
        draft.settle_ids();
        draft
    }

    #[test]
    fn what_was_left_out_is_a_comment_that_allows_nothing() {
        let text = draft(Action::Check("uptime".into()), "Look", "").text("a.md");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn prose_of_blanks_alone_is_none() {
        let text = draft(Action::Check("uptime".into()), "Look", " ").text("a.md");
        assert!(read(&Source::new("a.yaml", &text), "a").0.is_some_and(|runbook| runbook.steps[0].why.is_none()), "{text}");
    }

    #[test]
    fn a_text_that_begins_with_a_blank_keeps_it() {
        let text = draft(Action::Run("  a\nb".into()), "Do", "").text("a.md");
        let runbook = read(&Source::new("a.yaml", &text), "a").0.unwrap();
        let Work::Run { command, .. } = &runbook.steps[0].work else { panic!("no run") };
        assert_eq!(command.value, "  a\nb\n");
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_as_it_was(command in "[ -~éß]{0,3}[!-~][ -~]{0,40}(\n[ -~]{0,20}){0,3}", name in "[ -~é]{0,30}[!-~]", why in "[ -~]{0,20}") {
            let text = draft(Action::Run(command.clone()), &name, &why).text("a.md");
            let (runbook, problems) = read(&Source::new("a.yaml", &text), "a");
            let runbook = runbook.unwrap_or_else(|| panic!("{}\n{text}", problems.render(Colour::Plain)));
            let Work::Run { command: written, .. } = &runbook.steps[0].work else { panic!("no run") };
            let expected: Vec<&str> = command.trim_end().lines().map(|line| if command.trim_end().contains('\n') { line.trim_end() } else { line }).collect();
            prop_assert_eq!(written.value.trim_end().lines().collect::<Vec<_>>(), expected);
            prop_assert_eq!(runbook.steps[0].name.value.as_str(), name.trim_end());
        }
    }
}
