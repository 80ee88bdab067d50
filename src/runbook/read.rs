//! Reads a runbook's file: everything that can be checked without an inventory, all problems at once. Never renders a template.

mod actions;
mod blocks;
mod common;
mod gates;
pub(super) mod kinds;
mod misplaced;
pub(super) mod names;
mod parameters;
mod steps;
mod top;
mod words;

use std::collections::HashMap;

use super::{EvidenceText, Runbook, Work};
use crate::base::StepId;
use crate::event::Effect;
use crate::text::{Diagnostics, Fields, Node, Reader, Source, Span, Spanned, did_you_mean, parse};
pub use names::is_taken;
use names::{Names, is_name};

/// A runbook of more steps is a program; each is one entry on a page that a tired person reads.
const MAX_STEPS: usize = 1000;

/// Reads `source`, the file `STEM.yaml`. The runbook is there only where nothing is wrong with it; warnings may come with it.
pub fn read(source: &Source, stem: &str) -> (Option<Runbook>, Diagnostics) {
    let mut reader = Reader::new(source);
    let runbook = read_document(&mut reader, stem);
    let complete = if reader.diagnostics.has_errors() { None } else { runbook };
    (complete, reader.diagnostics)
}

fn read_document(reader: &mut Reader, stem: &str) -> Option<Runbook> {
    let document = parse(&reader.source.clone(), &mut reader.diagnostics)?;
    let mut fields = reader.fields(
        &document.root,
        "a runbook",
        "`runbook: NAME`, `title: …` and `steps:`; `runbook import FILE` makes a draft of a playbook or of a page",
    )?;
    let name = read_name(reader, &mut fields, stem);
    let title = fields.required("title", "title: What it is for, in a line").and_then(|node| reader.text(node, "`title`"));
    let [description, owner] = ["description", "owner"].map(|key| {
        let node = fields.optional(key)?;
        Some(reader.text(node, &format!("`{key}`"))?.value)
    });
    let reviewed = fields.optional("reviewed").and_then(|node| read_date(reader, node));
    let links = fields.optional("links").map_or(Vec::new(), |node| read_links(reader, node));
    let mut names = Names::default();
    let parameters = fields.optional("parameters").map_or(Vec::new(), |node| parameters::read(reader, node, &mut names));
    let secrets = fields.optional("secrets").map_or(Vec::new(), |node| top::read_secrets(reader, node, &mut names));
    let rules = fields.optional("rules").map_or(Vec::new(), |node| top::read_rules(reader, node));
    let symptoms = fields.optional("symptoms").map_or(Vec::new(), |node| top::read_symptoms(reader, node));
    let targets = fields.optional("targets").map_or(Vec::new(), |node| read_targets(reader, node));
    let steps = fields
        .required("steps", "steps: [{name: Look, hosts: local, check: uptime}]")
        .map_or(Vec::new(), |node| steps::read(reader, node, "`steps`", &mut names));
    let after_no_return =
        fields.optional("after_no_return").map_or(Vec::new(), |node| steps::read(reader, node, "`after_no_return`", &mut names));
    fields.finish(reader, &words::RUNBOOK);
    let runbook = Runbook {
        source: reader.source.clone(),
        name: name?,
        title: title?.value,
        description,
        owner,
        reviewed,
        links,
        parameters,
        secrets,
        targets,
        rules,
        symptoms,
        steps,
        after_no_return,
    };
    check_steps(reader, &runbook);
    check_evidence(reader, &runbook);
    check_no_return(reader, &runbook);
    Some(runbook)
}

fn read_name(reader: &mut Reader, fields: &mut Fields<'_>, stem: &str) -> Option<Spanned<String>> {
    let node = fields.required("runbook", &format!("runbook: {stem}"))?;
    let name = reader.text(node, "`runbook`")?;
    if !name.value.parse::<StepId>().is_ok_and(|name| name.is_written()) {
        let message = format!("`{}` cannot be a runbook's name", name.value);
        let help = match StepId::slug(&name.value) {
            Some(slug) => format!("write lower-case letters, digits and single dashes: `{slug}`, and name the file `{slug}.yaml`"),
            None => "write lower-case letters, digits and single dashes, and name the file after it".to_owned(),
        };
        reader.error("RB110", name.span, message).label("expected such as restart-db").help(help);
    } else if name.value != stem {
        let message = format!("the runbook `{}` is in the file `{stem}.yaml`", name.value);
        let help = format!("write `runbook: {stem}`, or rename the file to {}.yaml", name.value);
        reader.error("RB110", name.span, message).label(format!("expected `{stem}`")).help(help);
    }
    Some(name)
}

fn read_date(reader: &mut Reader, node: &Node) -> Option<Spanned<String>> {
    let date = reader.as_written(node, "`reviewed`")?;
    let well_formed = date.value.len() == 10 && date.value.parse::<jiff::civil::Date>().is_ok();
    if !well_formed {
        let message = format!("`reviewed` is a date, got {:?}", date.value);
        reader.error("RB111", date.span, message).label("expected YYYY-MM-DD").help("write such as `reviewed: 2026-11-01`");
    }
    Some(date)
}

fn read_links(reader: &mut Reader, node: &Node) -> Vec<(String, String)> {
    let example = "`links: {dashboard: \"https://…\"}`";
    let Some(mut fields) = reader.fields(node, "`links`", example) else { return Vec::new() };
    let named = fields.rest();
    let mut links = Vec::new();
    for (name, node) in named {
        let Some(link) = reader.text(node, "a link") else { continue };
        if link.value.contains("{{") {
            let help = "write an address without values, or let a step say it: `manual: \"Look at https://…\"` is a template";
            reader.error("RB117", link.span, "a link is shown as it is: no value is inserted").label("not rendered").help(help);
        }
        links.push((name.value, link.value));
    }
    links
}

fn read_targets(reader: &mut Reader, node: &Node) -> Vec<(Spanned<String>, Spanned<String>)> {
    let example = "`targets: {primary: db-primary}`";
    let Some(mut fields) = reader.fields(node, "`targets`", example) else { return Vec::new() };
    let mut targets = Vec::new();
    for (name, node) in fields.rest() {
        if !is_name(&name.value) || name.value == "all" || name.value == "local" {
            let message = format!("`{}` cannot name a target", name.value);
            let help = "use letters, digits, dots, dashes and underscores; `all` and `local` are taken";
            reader.error("RB112", name.span, message).label("no target's name").help(help);
        } else if let Some(selector) = reader.text(node, "a target's selector") {
            targets.push((name, selector));
        }
    }
    targets
}

/// What can only be seen over all steps: how many there are, and that each id is there once.
fn check_steps(reader: &mut Reader, runbook: &Runbook) {
    let all = runbook.all_steps();
    if let Some(extra) = all.get(MAX_STEPS) {
        let message = format!("a runbook has at most {MAX_STEPS} steps, this one has {}", all.len());
        reader.error("RB113", extra.name.span, message).label("the first step too many").help("split it into several runbooks");
    }
    let mut seen: HashMap<&StepId, Span> = HashMap::new();
    for step in all {
        if let Some(first) = seen.get(&step.id) {
            let message = format!("two steps have the id `{}`", step.id);
            let label = format!("the other is on line {}", reader.line(*first));
            let help = format!("name one of them differently, or give it an id of its own: `id: {}-2`", step.id);
            reader.error("RB114", step.name.span, message).label(label).help(help);
        } else {
            seen.insert(&step.id, step.name.span);
        }
    }
}

/// What `evidence:` names is a capture that stands before it.
fn check_evidence(reader: &mut Reader, runbook: &Runbook) {
    let mut captures: Vec<&str> = Vec::new();
    for step in runbook.all_steps() {
        if matches!(step.work, Work::Capture { .. }) {
            captures.push(step.id.as_str());
        }
        let destroys = step.effect.as_ref().is_some_and(|effect| effect.value == Effect::Destructive); // otherwise that is told
        let Some(EvidenceText::From(named)) = step.evidence.as_ref().filter(|_| destroys) else { continue };
        for name in named.iter().filter(|name| !captures.contains(&name.value.as_str())) {
            let message = format!("`{}` is no capture before this step", name.value);
            let help = match did_you_mean(&name.value, captures.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "add a step with `capture:` before it, and write its id here".to_owned(),
            };
            reader.error("RB127", name.span, message).label("no evidence comes from there").help(help);
        }
    }
}

/// Steps for after the point of no return need such a point, and one alone.
fn check_no_return(reader: &mut Reader, runbook: &Runbook) {
    let points: Vec<Span> = runbook.all_steps().iter().filter_map(|step| step.no_return).collect();
    if let [first, second, ..] = points.as_slice() {
        let label = format!("the other is on line {}", reader.line(*first));
        let help = "keep the first: from there on nothing is rolled back";
        reader.error("RB128", *second, "a second point of no return").label(label).help(help);
    }
    if let (true, Some(step)) = (points.is_empty(), runbook.after_no_return.first()) {
        let help = "add `point_of_no_return: true` to the step from which on there is no way back";
        reader.error("RB128", step.name.span, "`after_no_return` without a point of no return").label("never reached").help(help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Colour;

    fn problems(text: &str) -> Vec<String> {
        let (runbook, diagnostics) = read(&Source::new("runbooks/a.yaml", text), "a");
        assert_eq!(runbook.is_none(), diagnostics.has_errors());
        diagnostics.sorted().iter().map(|problem| format!("{}:{} {}", problem.position().0, problem.code, problem.message)).collect()
    }

    fn step_problems(step: &str) -> Vec<String> {
        problems(&format!("runbook: a\ntitle: A\nsteps:\n  - {}\n", step.replace('\n', "\n    ")))
    }

    #[test]
    fn the_example_of_the_language_is_accepted() {
        let text = include_str!("../../tests/malformed/accepted/restart-db.yaml");
        let (runbook, diagnostics) = read(&Source::new("restart-db.yaml", text), "restart-db");
        assert!(diagnostics.is_empty(), "{}", diagnostics.render(Colour::Plain));
        let runbook = runbook.unwrap();
        assert_eq!(
            runbook.steps.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(),
            ["save-what-a-restart-would-destroy", "restart-the-server", "the-primary-answers"]
        );
        assert_eq!(runbook.steps[1].effect(), Some(Effect::Once));
        let gate = runbook.steps[1].gate.as_ref().unwrap();
        assert_eq!((gate.approvals.value, gate.from.len(), gate.from[0].len()), (1, 1, 2));
        let span = runbook.steps[1].name.span;
        assert_eq!(&text[span.start..span.end], "Restart the server");
    }

    #[test]
    fn a_list_of_lists_asks_for_one_of_each() {
        let text = "runbook: a\ntitle: A\nsteps:\n  - name: x\n    manual: y\n    gate: {from: [[dba], [ic, sre]]}\n";
        let runbook = read(&Source::new("a", text), "a").0.unwrap();
        let gate = runbook.steps[0].gate.as_ref().unwrap();
        assert_eq!((gate.approvals.value, gate.from.len()), (2, 2));
    }

    #[test]
    fn a_block_keeps_its_words_for_the_plan_to_hand_down() {
        let text = "runbook: a\ntitle: A\nsteps:\n  - name: x\n    hosts: db\n    steps:\n      - name: y\n        run: |\n          one\n          two\n";
        let runbook = read(&Source::new("a", text), "a").0.unwrap();
        let inner = &runbook.steps[0].children()[0];
        assert_eq!((runbook.steps[0].hosts.is_some(), inner.hosts.is_none()), (true, true));
        let Work::Run { command, .. } = &inner.work else { panic!("no run") };
        assert_eq!(command.value, "one\ntwo\n");
        assert_eq!(&text[command.span.start..command.span.end], "one\n          two");
    }

    #[test]
    fn a_command_that_may_not_happen_twice_is_not_retried() {
        let step = "name: x\nhosts: db\nrun: y\nretry: 3";
        assert_eq!(step_problems(step), ["7:RB119 `retry` would repeat a step whose effect is `once`"]);
        assert!(step_problems(&format!("{step}\neffect: idempotent")).is_empty());
        assert!(step_problems("name: x\nhosts: db\nrun: y\nretry: 1").is_empty());
    }

    #[test]
    fn no_step_runs_without_a_place_and_a_person_needs_none() {
        assert_eq!(step_problems("name: x\nrun: y"), ["5:RB118 this `run` does not say where"]);
        assert!(step_problems("name: x\nmanual: y").is_empty());
        assert!(step_problems("name: x\nwait: 5s").is_empty());
    }

    #[test]
    fn a_thousand_steps_are_read_and_one_more_is_refused() {
        let head = "runbook: a\ntitle: A\nsteps:\n";
        let steps: String = (0..1000).map(|n| format!("  - {{name: s{n}, wait: 1s}}\n")).collect();
        assert!(problems(&format!("{head}{steps}")).is_empty());
        let one_more = format!("{head}{steps}  - {{name: last, wait: 1s}}\n");
        assert_eq!(problems(&one_more), ["1004:RB113 a runbook has at most 1000 steps, this one has 1001"]);
    }
}
