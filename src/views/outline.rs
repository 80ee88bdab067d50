//! A plan before the run, for people and for programs. Contacts nobody; the JSON field names are a promise: see `docs/commands.md`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::page::{Line, Page, Tone};
use crate::base::{Bytes, Digest, GateNo, Period, Person, StepId, from_ascii, mark};
use crate::event::{Action, Artifact, Effect, EvidenceNeed, Mode, Stage, StageWork};
use crate::plan::{
    FlowBlock, Outline, OutlinedGate, OutlinedStep, Shape, Substitutes, Who, kept_lines, origin_words, secrets_in_use, stage_lines, words,
};

/// What `plan` prints. `requester` is who would run it, where that is known.
pub fn outline_page(outline: &Outline<'_>, requester: Option<&Person>) -> Page {
    let runbook = &outline.program.runbook;
    let mut page = Page::new();
    page.push(Line::new().with(Tone::Strong, format!("{} · {}", runbook.name.value, runbook.title)));
    page.push(Line::new().with(Tone::Quiet, parameters_line(outline)));
    page.lines
        .extend(secrets(outline).into_iter().map(|(name, from)| Line::new().with(Tone::Quiet, format!("{} from {from}", mark(&name)))));
    let mut shown: Vec<GateNo> = Vec::new();
    let mut blocks = outline.program.blocks();
    for step in &outline.steps {
        page.push(Line::new());
        let begins =
            |block: &&FlowBlock| outline.program.steps.get(block.before).is_some_and(|first| first.id.base() == step.step.id.base());
        let (begun, later): (Vec<&FlowBlock>, _) = blocks.into_iter().partition(begins);
        blocks = later;
        page.lines.extend(begun.into_iter().flat_map(block_lines));
        if let Some(gate) = outline.gates.iter().find(|gate| Some(gate.number) == step.gate && !shown.contains(&gate.number)) {
            shown.push(gate.number);
            page.lines.extend(gate_lines(gate));
        }
        page.lines.extend(step_lines(step));
    }
    page.push(Line::new());
    page.lines.extend(read_lines(outline));
    if requester.is_none() && !outline.gates.is_empty() {
        page.push(Line::new());
        page.push(Line::new().with(Tone::Waits, "It is not known who runs this, so nobody is left out of the gates: say --as PERSON"));
    }
    page
}

fn parameters_line(outline: &Outline<'_>) -> String {
    let written: Vec<String> = outline.program.parameters.written().iter().map(|(name, value)| format!("{name}={value}")).collect();
    if written.is_empty() { "no parameters".to_owned() } else { format!("with {}", written.join(" ")) }
}

/// The secrets that steps are given, each with its origin in words.
fn secrets(outline: &Outline<'_>) -> Vec<(String, String)> {
    let used = secrets_in_use(outline.program);
    used.into_iter().map(|given| (given.secret.name.value.clone(), origin_words(&given.secret.origin))).collect()
}

fn gate_lines(gate: &OutlinedGate<'_>) -> Vec<Line> {
    let covers: Vec<&str> = gate.covers.iter().map(StepId::as_str).collect();
    let head = format!("gate {} before {}, open for {}", gate.number, covers.join(", "), gate.expires);
    let mut lines = vec![Line::new().with(Tone::Waits, head)];
    match &gate.who {
        Who::Slots(asked) => {
            lines.extend(asked.slots.iter().map(|slot| Line::new().plain(format!("  approved by {}", one_of(slot)))));
            lines.extend(asked.instead.iter().map(|instead| {
                let (by, of, after) = (one_of(&instead.by), &instead.of, instead.after);
                Line::new().plain(format!("  after {after} also by {by}, in the place of {of}"))
            }));
        }
        Who::WhenReached => {
            lines.push(Line::new().plain("  approved by as many as the policy asks for its hosts, which are not known yet"))
        }
        Who::Nobody(error) => lines.push(Line::new().with(Tone::Bad, format!("  nobody can approve it: {error}"))),
    }
    if let Some(ask) = gate.gate.asks.as_ref().and_then(|asks| asks.ask.as_ref()) {
        lines.push(Line::new().plain(format!("  asked: {}", ask.trim())));
    }
    lines
}

fn one_of(slot: &[Person]) -> String {
    let names: Vec<&str> = slot.iter().map(Person::as_str).collect();
    match names.as_slice() {
        [only] => (*only).to_owned(),
        several => format!("one of {}", several.join(", ")),
    }
}

/// What a block is beside its steps; nothing where it only groups them.
fn block_lines(block: &FlowBlock) -> Vec<Line> {
    let words = words::work(&block.head.step.work);
    let head = format!("block {} {} \"{}\"", block.head.number, block.head.id, block.head.step.name.value);
    let hosts = block.head.step.hosts.iter().map(|hosts| format!("  over {}", hosts.value));
    let said = hosts.chain(words.iter().map(|word| format!("  {word}"))).map(|line| Line::new().with(Tone::Quiet, line));
    if words.is_empty() { Vec::new() } else { std::iter::once(Line::new().plain(head)).chain(said).collect() }
}

/// The names that a turn of a loop gives.
const OF_A_TURN: [&str; 2] = ["batch", "item"];

fn waits(step: &OutlinedStep) -> Option<Line> {
    let (turn, results): (Vec<&str>, Vec<&str>) = step.waits_for.iter().map(String::as_str).partition(|name| OF_A_TURN.contains(name));
    let results = (!results.is_empty()).then(|| format!("the result of {}", results.join(", ")));
    let turn = (!turn.is_empty()).then(|| format!("the {} of its turn", turn.join(" and ")));
    let what: Vec<String> = results.into_iter().chain(turn).collect();
    (!what.is_empty()).then(|| Line::new().with(Tone::Waits, format!("  waits for {}", what.join(", and "))))
}

fn step_lines(step: &OutlinedStep) -> Vec<Line> {
    let commands = |lines: Vec<String>| -> Vec<Line> { lines.into_iter().map(toned).collect() };
    let mut lines = match &step.shape {
        Shape::Rendered(stage) => commands(stage_lines(stage)),
        Shape::AfterLook { lines, .. } | Shape::Later { lines } => commands(lines.clone()),
        Shape::LeftOut { why } => {
            let head = format!("step {} {} \"{}\"", step.step.number, step.step.id, step.step.step.name.value);
            vec![Line::new().plain(head), Line::new().with(Tone::Quiet, format!("  left out, {why}"))]
        }
    };
    let mut after_head: Vec<Line> = Vec::new();
    if !matches!(step.shape, Shape::LeftOut { .. }) {
        after_head.extend(step.step.whens.iter().map(|when| Line::new().with(Tone::Quiet, format!("  when {}", when.value))));
    }
    after_head.extend(waits(step));
    lines.splice(1..1, after_head);
    if !matches!(step.shape, Shape::LeftOut { .. }) {
        lines.extend(words::judged(&step.step.step).into_iter().map(|word| Line::new().with(Tone::Quiet, format!("  {word}"))));
    }
    lines
}

/// Lines come escaped to ASCII; a page escapes by itself, and twice would show what nobody wrote.
fn toned(line: String) -> Line {
    let tone = super::picture::tone_of(&line);
    let plain = from_ascii(&line).and_then(|bytes| String::from_utf8(bytes).ok());
    Line::new().with(tone, plain.unwrap_or(line))
}

/// Commands that pass no gate, since their author says that they only look.
fn read_lines(outline: &Outline<'_>) -> Vec<Line> {
    let read = |step: &&OutlinedStep| step.step.effect == Effect::Read && step.gate.is_none();
    let mut lines = Vec::new();
    for step in outline.steps.iter().filter(read) {
        let texts: Vec<String> = match &step.shape {
            Shape::Rendered(stage) => actions(stage).iter().map(first_line).collect(),
            Shape::Later { lines } => lines.iter().filter_map(|line| line.strip_prefix("  $ ")).map(str::to_owned).take(1).collect(),
            Shape::AfterLook { .. } | Shape::LeftOut { .. } => Vec::new(),
        };
        let mut texts: Vec<String> = texts.into_iter().map(|text| format!("  {} {}", step.step.number, text)).collect();
        texts.dedup();
        lines.extend(texts.into_iter().map(toned));
    }
    if !lines.is_empty() {
        lines.insert(0, Line::new().with(Tone::Strong, "without a gate, since their author says that they only look"));
    }
    lines
}

fn first_line(action: &Action) -> String {
    if let Some(first) = kept_lines(action).first() {
        return if action.keeps.len() > 1 { format!("{first} … ({} artifacts)", action.keeps.len()) } else { first.clone() };
    }
    let script = action.command.script.as_slice();
    let lines: Vec<&[u8]> = script.split(|&byte| byte == b'\n').filter(|line| !line.is_empty() && *line != b"set -e").collect();
    let first = lines.first().map_or(String::new(), |line| crate::base::ascii(line));
    if lines.len() > 1 { format!("{first} … ({} lines)", lines.len()) } else { first }
}

fn actions(stage: &Stage) -> &[Action] {
    stage.work.actions()
}

/// What `plan --output json` prints.
#[derive(Debug, Serialize)]
pub struct PlanJson {
    pub runbook: String,
    pub requester: Option<Person>,
    pub parameters: BTreeMap<String, Bytes>,
    /// The secrets that steps are given; never a value.
    pub secrets: Vec<PlanSecretJson>,
    pub steps: Vec<PlanStepJson>,
    pub gates: Vec<PlanGateJson>,
}

/// One secret.
#[derive(Debug, Serialize)]
pub struct PlanSecretJson {
    pub name: String,
    /// In words: `env PGPASSWORD`.
    pub from: String,
}

/// One step of it.
#[derive(Debug, Serialize)]
pub struct PlanStepJson {
    pub id: StepId,
    pub number: String,
    pub name: String,
    pub effect: Effect,
    pub gate: Option<GateNo>,
    /// The hosts, where they are known.
    pub hosts: Vec<String>,
    /// Conditions as written: all must hold.
    pub when: Vec<String>,
    /// Names that earlier steps register.
    pub waits_for: Vec<String>,
    /// Why it would be left out, where that is known.
    pub left_out: Option<String>,
    /// The lines of its template, where it is not rendered yet.
    pub template: Vec<String>,
    /// `"not_asked"`, `{"from": […]}` or `{"waived": {"reason": …}}`; `null` where it is not rendered yet.
    pub evidence: Option<EvidenceNeed>,
    /// What a person is asked to do.
    pub manual: Option<String>,
    pub wait_ms: Option<Period>,
    pub actions: Vec<PlanActionJson>,
}

/// One command on one host.
#[derive(Debug, Serialize)]
pub struct PlanActionJson {
    pub host: String,
    pub environment: String,
    /// The script as text; escaped where it is not UTF-8, and then in `script_base64` to the byte.
    pub command: String,
    pub script_base64: Option<String>,
    pub done_when: Option<String>,
    pub undo: Option<String>,
    /// What a capture keeps.
    pub keeps: Vec<Artifact>,
    pub r#become: Option<String>,
    pub shell: String,
    pub timeout_ms: Period,
    /// `direct`, or `claim` where it is started at most once an attempt.
    pub mode: Mode,
    /// SHA-256 of the script.
    pub sends: Digest,
}

/// One gate.
#[derive(Debug, Serialize)]
pub struct PlanGateJson {
    pub gate: GateNo,
    pub name: String,
    pub covers: Vec<StepId>,
    pub ask: Option<String>,
    pub expires_ms: Period,
    /// One list an approval; `null` where the hosts decide, or nobody can satisfy it.
    pub slots: Option<Vec<Vec<Person>>>,
    pub instead: Option<PlanInsteadJson>,
    /// Why nobody could satisfy it.
    pub problem: Option<String>,
}

/// Who may stand in, and for whom.
#[derive(Debug, Serialize)]
pub struct PlanInsteadJson {
    pub of: String,
    /// Numbers of slots, from 1.
    pub slots: Vec<u32>,
    pub by: Vec<Person>,
    pub after_ms: Period,
}

/// The same for programs.
pub fn plan_json(outline: &Outline<'_>, requester: Option<&Person>) -> PlanJson {
    PlanJson {
        runbook: outline.program.runbook.name.value.clone(),
        requester: requester.cloned(),
        parameters: outline.program.parameters.written(),
        secrets: secrets(outline).into_iter().map(|(name, from)| PlanSecretJson { name, from }).collect(),
        steps: outline.steps.iter().map(step_json).collect(),
        gates: outline.gates.iter().map(gate_json).collect(),
    }
}

fn step_json(step: &OutlinedStep) -> PlanStepJson {
    let stage = step.stage();
    let hosts = stage.map_or(&[][..], actions).iter().map(|action| action.host.to_string()).collect();
    let actions = stage.filter(|_| !matches!(step.shape, Shape::AfterLook { .. })).map_or(&[][..], actions);
    let (manual, wait_ms) = match stage.map(|stage| &stage.work) {
        Some(StageWork::Manual { instructions, .. }) => (Some(instructions.clone()), None),
        Some(StageWork::Wait { period }) => (None, Some(*period)),
        Some(StageWork::Choose { question, .. }) => (Some(question.clone()), None),
        Some(StageWork::Commands { .. } | StageWork::Skip { .. } | StageWork::Conclude { .. } | StageWork::Withheld { .. }) | None => {
            (None, None)
        }
    };
    let (left_out, template) = match &step.shape {
        Shape::Rendered(_) => (None, Vec::new()),
        Shape::LeftOut { why } => (Some(why.clone()), Vec::new()),
        Shape::AfterLook { lines, .. } | Shape::Later { lines } => (None, lines.clone()),
    };
    PlanStepJson {
        id: step.step.id.clone(),
        number: step.step.number.clone(),
        name: step.step.step.name.value.clone(),
        effect: step.step.effect,
        gate: step.gate,
        hosts,
        when: step.step.whens.iter().map(|when| when.value.clone()).collect(),
        waits_for: step.waits_for.clone(),
        left_out,
        template,
        evidence: stage.map(|stage| stage.evidence.clone()),
        manual,
        wait_ms,
        actions: actions.iter().map(action_json).collect(),
    }
}

fn action_json(action: &Action) -> PlanActionJson {
    let command = &action.command;
    let text = |script: &Bytes| script.as_str().map_or_else(|| script.to_string(), str::to_owned);
    PlanActionJson {
        host: action.host.to_string(),
        environment: action.environment.clone(),
        command: text(&command.script),
        script_base64: command.script.as_str().is_none().then(|| STANDARD.encode(command.script.as_slice())),
        done_when: action.done_when.as_ref().map(|look| text(&look.script)),
        undo: action.undo.as_ref().map(|undo| text(&undo.script)),
        keeps: action.keeps.clone(),
        r#become: command.r#become.clone(),
        shell: command.shell.clone(),
        timeout_ms: action.timeout,
        mode: action.mode,
        sends: command.sends(),
    }
}

fn instead_json(instead: &Substitutes) -> PlanInsteadJson {
    PlanInsteadJson { of: instead.of.clone(), slots: instead.slots.clone(), by: instead.by.clone(), after_ms: instead.after }
}

fn gate_json(gate: &OutlinedGate<'_>) -> PlanGateJson {
    let (asked, problem) = match &gate.who {
        Who::Slots(asked) => (Some(asked), None),
        Who::WhenReached => (None, None),
        Who::Nobody(error) => (None, Some(error.to_string())),
    };
    PlanGateJson {
        gate: gate.number,
        name: gate.gate.name.clone(),
        covers: gate.covers.clone(),
        ask: gate.gate.asks.as_ref().and_then(|asks| asks.ask.clone()),
        expires_ms: gate.expires,
        slots: asked.map(|asked| asked.slots.clone()),
        instead: asked.and_then(|asked| asked.instead.as_ref()).map(instead_json),
        problem,
    }
}
