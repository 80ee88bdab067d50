//! Reads steps and blocks: their action, and whether the other words fit it. Never hands a block's words down; that is the plan's.

use super::super::{Gate, Step, Work};
use super::common::{self, Common};
use super::kinds::Kind;
use super::names::Names;
use super::{actions, gates, misplaced, words};
use crate::base::StepId;
use crate::event::Effect;
use crate::text::{Fields, Node, Reader, Span, Spanned, Value};

/// What the blocks around a step give it.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub(super) hosts: bool,
    pub(super) gate: Option<Span>,
}

pub(super) fn read(reader: &mut Reader, node: &Node, word: &str, names: &mut Names) -> Vec<Step> {
    read_list(reader, (node, word), names, Around { hosts: false, gate: None })
}

/// The steps below a word such as `steps`.
pub(super) fn read_list(reader: &mut Reader, (node, word): (&Node, &str), names: &mut Names, around: Around) -> Vec<Step> {
    let Some(items) = reader.list(node, word, "`- name: …` and an action for each step; each begins with a dash") else {
        return Vec::new();
    };
    items.iter().filter_map(|item| read_step(reader, item, names, around)).collect()
}

fn read_step(reader: &mut Reader, node: &Node, names: &mut Names, around: Around) -> Option<Step> {
    let mut fields = reader.fields(node, "a step", "`- name: …` and an action such as `check: uptime`")?;
    let name = fields.required("name", "name: What it does").and_then(|node| reader.text(node, "`name`"));
    let id = read_id(reader, &mut fields, name.as_ref());
    let action = find_action(reader, &mut fields, name.as_ref());
    let kind = action.map(|(kind, _, _)| kind);
    let gate = read_gate(reader, &mut fields, kind, around.gate);
    let mut common = common::read(reader, &mut fields, kind, names);
    let around = Around { hosts: around.hosts || fields.contains("hosts"), gate: gate.as_ref().map(|gate| gate.span).or(around.gate) };
    let work = action.and_then(|(kind, _, node)| actions::read(reader, &mut fields, (kind, node), &mut common, names, around));
    let at = name.as_ref().map_or(fields.span(), |name| name.span);
    if let Some((kind, key, _)) = action {
        let around = Around { hosts: around.hosts || fields.means("hosts", &words::STEP), ..around };
        check_fit(reader, kind, key, &common, around);
    }
    misplaced::refuse(reader, &mut fields);
    fields.finish(reader, &words::STEP);
    Some(assemble(id?, name?, gate, common, work?, Span { start: node.span.start, end: node.span.end.max(at.end) }))
}

fn assemble(id: StepId, name: Spanned<String>, gate: Option<Gate>, common: Common, work: Work, span: Span) -> Step {
    Step {
        id,
        name,
        why: common.why,
        hosts: common.hosts,
        expect_hosts: common.expect_hosts,
        when: common.when,
        gate,
        effect: common.effect,
        r#become: common.r#become,
        env: common.env,
        cwd: common.cwd,
        timeout: common.timeout,
        retry: common.retry,
        register: common.register,
        parse: common.parse,
        expect: common.expect,
        until: common.until,
        done_when: common.done_when,
        on_failure: common.on_failure,
        max_output: common.max_output,
        max_failures: common.max_failures,
        undo: common.undo,
        evidence: common.evidence,
        in_drill: common.in_drill,
        no_return: common.no_return,
        work,
        span,
    }
}

fn read_id(reader: &mut Reader, fields: &mut Fields<'_>, name: Option<&Spanned<String>>) -> Option<StepId> {
    let Some(node) = fields.optional("id") else {
        let name = name?;
        let slug = StepId::slug(&name.value);
        if slug.is_none() {
            let message = "no id can be made of this name";
            reader
                .error("RB115", name.span, message)
                .label("no letter or digit in it")
                .help("add `id:` with lower-case letters, digits and dashes");
        }
        return slug;
    };
    let written = reader.text(node, "`id`")?;
    let id = written.value.parse::<StepId>().ok().filter(StepId::is_written);
    if id.is_none() {
        let slug = StepId::slug(&written.value).map_or("restart-the-server".to_owned(), |slug| slug.to_string());
        let message = format!("`{}` cannot be a step's id", written.value);
        let help = format!("write lower-case letters, digits and single dashes, at most 100: `id: {slug}`");
        reader.error("RB115", written.span, message).label("no id").help(help);
    }
    id
}

/// The one action of a step, the place of its word, and its value.
fn find_action<'n>(reader: &mut Reader, fields: &mut Fields<'n>, name: Option<&Spanned<String>>) -> Option<(Kind, Span, &'n Node)> {
    let found: Vec<_> = Kind::ALL.into_iter().filter_map(|kind| fields.entry(kind.word()).map(|(span, node)| (kind, span, node))).collect();
    let at = name.map_or(fields.span(), |name| name.span);
    match found.as_slice() {
        [(Kind::Wait, span, node)] if matches!(node.value, Value::Map(_)) => Some((Kind::WaitUntil, *span, *node)),
        [one] => Some(*one),
        [] => {
            if !misplaced::may_be_an_action(fields) {
                let message = "this step has no action";
                let help = "add one of `run:`, `check:`, `manual:`, …, or `steps:` for a block; docs/language.md has them all";
                reader.error("RB116", at, message).label("does nothing").help(help);
            }
            None
        }
        [first, second, ..] => {
            let (one, other) = (first.0.word(), second.0.word());
            let message = format!("this step has two actions, `{one}` and `{other}`");
            let label = format!("`{one}` is on line {}", reader.line(first.1));
            reader.error("RB116", second.1, message).label(label).help("make two steps of it: each is recorded and approved by itself");
            None
        }
    }
}

fn read_gate(reader: &mut Reader, fields: &mut Fields<'_>, kind: Option<Kind>, outer: Option<Span>) -> Option<Gate> {
    let (key, node) = fields.entry("gate")?;
    let gate = gates::read(reader, node);
    if matches!(kind, Some(Kind::Call | Kind::Conclude)) {
        let (message, help) = match kind {
            Some(Kind::Call) => ("a called runbook has its own gates", "write the gate in the called runbook, or on the step before"),
            Some(_) | None => {
                ("`gate` does not fit `conclude`: it does nothing that somebody could agree to", "write the gate on the step before")
            }
        };
        reader.error("RB119", key, message).label("would not be heeded").help(help);
    }
    if let Some(outer) = outer {
        let label = format!("the outer gate is on line {}", reader.line(outer));
        let help = "keep one of them: the block's covers all of its steps; to ask again later, end the block and put this step after it";
        reader.error("RB131", key, "a gate within a gated block").label(label).help(help);
    }
    gate.map(|gate| Gate { span: key, ..gate })
}

/// Words that do not fit the action, and words that do not fit each other.
fn check_fit(reader: &mut Reader, kind: Kind, key: Span, common: &Common, around: Around) {
    if kind.needs_hosts() && !around.hosts {
        let message = format!("this `{}` does not say where", kind.word());
        let help = "add `hosts:` with a host or group, or `hosts: local` for the operator's machine; a block around it may say it, too";
        reader.error("RB118", key, message).label("on which hosts?").help(help);
    }
    let effect = common.effect.as_ref().map(|effect| effect.value);
    if let Some(retry) = &common.retry
        && retry.attempts.value > 1
        && matches!(kind, Kind::Run | Kind::Script)
        && !matches!(effect, Some(Effect::Read | Effect::Idempotent))
    {
        let promised = effect.unwrap_or(Effect::Once);
        let message = format!("`retry` would repeat a step whose effect is `{promised}`");
        let help = "write `effect: idempotent` where running it twice equals running it once, or remove `retry:`";
        reader.error("RB119", retry.attempts.span, message).label("must not happen twice").help(help);
    }
    if let (Some(until), Some(retry)) = (&common.until, &common.retry) {
        let help = "keep `until:`; it repeats the look until it holds";
        let label = format!("`until` is on line {}", reader.line(until.within.span));
        reader.error("RB119", retry.attempts.span, "both `retry` and `until` repeat this step").label(label).help(help);
    }
    if let Some(span) = common.evidence_span
        && effect != Some(Effect::Destructive)
    {
        let help = "add `effect: destructive` where the step destroys information, or remove `evidence:`";
        reader.error("RB119", span, "`evidence` belongs to a step whose effect is `destructive`").label("nothing is destroyed").help(help);
    }
    if let (Some(undo), Some(Effect::Read)) = (&common.undo, effect) {
        reader.error("RB119", undo.span, "a step that changes nothing has nothing to undo").label("nothing to undo").help("remove `undo:`");
    }
}
