//! A runbook as people read it: prose first, then parameters, then each step with its gate and its command as written. Renders no template.

use crate::event::Effect;
use crate::runbook::{Gate, HostCount, Parameter, ParameterKind, Runbook, Step};
use crate::views::{Line, Page, Tone};

/// The whole page.
pub fn page(runbook: &Runbook) -> Page {
    let mut page = Page::new();
    page.push(Line::new().with(Tone::Strong, format!("{} · {}", runbook.name.value, runbook.title)));
    let reviewed = runbook.reviewed.as_ref().map_or("never reviewed".to_owned(), |date| format!("reviewed {}", date.value));
    let owner = runbook.owner.as_ref().map_or(String::new(), |owner| format!("owned by {owner}, "));
    page.push(Line::new().with(Tone::Quiet, format!("{owner}{reviewed}")));
    if let Some(description) = &runbook.description {
        page.push(Line::new());
        page.lines.extend(description.trim_end().lines().map(|line| Line::new().plain(line)));
    }
    section(&mut page, "Links", runbook.links.iter().map(|(name, link)| format!("{name}: {link}")).collect());
    section(&mut page, "Parameters", runbook.parameters.iter().map(parameter).collect());
    section(&mut page, "Secrets", runbook.secrets.iter().map(crate::cli::secrets::words).collect());
    section(&mut page, "Targets", runbook.targets.iter().map(|(name, hosts)| format!("{}: {}", name.value, hosts.value)).collect());
    page.push(Line::new());
    page.push(Line::new().with(Tone::Strong, "Steps"));
    steps(&mut page, &runbook.steps, "", "  ");
    page
}

fn section(page: &mut Page, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    page.push(Line::new());
    page.push(Line::new().with(Tone::Strong, title));
    page.lines.extend(lines.into_iter().map(|line| Line::new().plain(format!("  {line}"))));
}

fn parameter(parameter: &Parameter) -> String {
    let default = parameter.default.as_ref().map_or("required".to_owned(), |default| format!("default {}", default.value));
    let mut words = vec![kind(&parameter.kind), default];
    words.extend(parameter.pattern.as_ref().map(|pattern| format!("matches {}", pattern.value)));
    words.extend(parameter.min.as_ref().map(|min| format!("at least {}", min.value)));
    words.extend(parameter.max.as_ref().map(|max| format!("at most {}", max.value)));
    let description = parameter.description.as_ref().map_or(String::new(), |text| format!(" · {}", text.trim()));
    format!("{}: {}{description}", parameter.name.value, words.join(", "))
}

/// The word of a parameter's type.
pub fn kind(kind: &ParameterKind) -> String {
    let word = match kind {
        ParameterKind::String => "string",
        ParameterKind::Integer => "integer",
        ParameterKind::Number => "number",
        ParameterKind::Boolean => "boolean",
        ParameterKind::Duration => "duration",
        ParameterKind::Bytes => "bytes",
        ParameterKind::Enum { values } => return format!("one of {}", values.join(", ")),
        ParameterKind::Host => "host",
        ParameterKind::Hosts => "hosts",
    };
    word.to_owned()
}

fn steps<'r>(page: &mut Page, steps: impl IntoIterator<Item = &'r Step>, prefix: &str, indent: &str) {
    for (index, step) in steps.into_iter().enumerate() {
        let number = format!("{prefix}{}", index + 1);
        page.push(Line::new());
        page.lines.extend(step_lines(step, &number, indent));
        self::steps(page, step.children(), &format!("{number}."), &format!("{indent}  "));
    }
}

fn step_lines(step: &Step, number: &str, indent: &str) -> Vec<Line> {
    let (say, tail) = (format!("{indent}   "), effect_word(step));
    let mut lines =
        vec![Line::new().plain(format!("{indent}{number} ")).with(Tone::Strong, step.name.value.clone()).with(Tone::Quiet, tail)];
    let prose = step.why.iter().flat_map(|why| why.trim_end().lines());
    lines.extend(prose.map(|line| Line::new().plain(format!("{say}{line}"))));
    lines.extend(step.gate.iter().flat_map(gate_words).map(|words| Line::new().with(Tone::Waits, format!("{say}{words}"))));
    lines.extend(facts(step).into_iter().map(|fact| Line::new().with(Tone::Quiet, format!("{say}{fact}"))));
    lines.extend(step.written_lines().into_iter().map(|line| Line::new().with(Tone::Command, format!("{say}{line}"))));
    lines
}

fn effect_word(step: &Step) -> String {
    step.effect().map_or(String::new(), |effect| format!(" · {effect}{}", promise(effect)))
}

fn promise(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => ", only looks",
        Effect::Idempotent => ", may be repeated",
        Effect::Once => ", never started twice",
        Effect::Destructive => ", never started twice, destroys information",
    }
}

/// A gate in sentences.
pub fn gate_words(gate: &Gate) -> Vec<String> {
    let from = match gate.from.as_slice() {
        [] => "of anybody on the roster".to_owned(),
        [only] => format!("of {}", names(only)),
        several => several.iter().map(|list| format!("one of {}", names(list))).collect::<Vec<_>>().join(" and "),
    };
    let people = if gate.approvals.value == 1 { "one other person".to_owned() } else { format!("{} other people", gate.approvals.value) };
    let expires = gate.expires.as_ref().map_or(String::new(), |expires| format!(", within {}", expires.value));
    let mut lines = vec![format!("gate: needs {people} {from}{expires}; the policy may ask more")];
    lines.extend(gate.instead.iter().map(|instead| {
        format!("after {} without an answer {} may sign in the place of {}", instead.after.value, instead.by.value, instead.of.value)
    }));
    lines.extend(gate.ask.iter().map(|ask| format!("asks: {}", ask.trim())));
    lines
}

fn names(list: &[crate::text::Spanned<String>]) -> String {
    list.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(", ")
}

/// The common words that are written, in a line each.
fn facts(step: &Step) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(hosts) = &step.hosts {
        let counted = step.expect_hosts.as_ref().map_or(String::new(), |count| format!(", {}", count_words(count.value)));
        facts.push(format!("on {}{counted}", hosts.value));
    }
    facts.extend(step.r#become.as_ref().map(|user| format!("as {}", user.value)));
    facts.extend(step.cwd.as_ref().map(|folder| format!("in {}", folder.value)));
    facts.extend(step.env.iter().map(|(name, value)| format!("with {}={}", name.value, value.value)));
    facts.extend(step.when.as_ref().map(|when| format!("when {}", when.value)));
    facts.extend(step.expect.as_ref().map(|expect| format!("expects {}", expect.value)));
    facts.extend(step.until.as_ref().map(|until| {
        let every = until.every.as_ref().map_or(String::new(), |every| format!(", every {}", every.value));
        let healthy = until.healthy.as_ref().map_or(String::new(), |healthy| format!(", {} times in a row", healthy.value));
        format!("until it holds, within {}{every}{healthy}", until.within.value)
    }));
    facts.extend(step.retry.as_ref().map(|retry| format!("at most {} attempts", retry.attempts.value)));
    facts.extend(step.timeout.as_ref().map(|timeout| format!("for at most {}", timeout.value)));
    facts.extend(step.register.as_ref().map(|name| format!("its result is called {}", name.value)));
    facts
}

fn count_words(count: HostCount) -> String {
    if count.min == count.max { format!("{} of them", count.min) } else { format!("{} to {} of them", count.min, count.max) }
}
