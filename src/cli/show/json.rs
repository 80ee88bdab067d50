//! A runbook as one JSON object, for programs. Field names are a promise: see `docs/commands.md`.

use serde::Serialize;

use super::page::kind;
use crate::base::{Period, StepId};
use crate::cli::secrets::{SecretJson, secrets_json};
use crate::event::Effect;
use crate::runbook::{Gate, Parameter, PutContent, PutText, Runbook, Step, Work};

/// What `show --output json` prints.
#[derive(Serialize)]
pub struct ShowJson<'r> {
    name: &'r str,
    title: &'r str,
    description: Option<&'r str>,
    owner: Option<&'r str>,
    /// `YYYY-MM-DD`.
    reviewed: Option<&'r str>,
    links: Vec<LinkJson<'r>>,
    parameters: Vec<ParameterJson<'r>>,
    secrets: Vec<SecretJson<'r>>,
    targets: Vec<TargetJson<'r>>,
    steps: Vec<StepJson<'r>>,
}

#[derive(Serialize)]
struct LinkJson<'r> {
    name: &'r str,
    link: &'r str,
}

#[derive(Serialize)]
struct TargetJson<'r> {
    name: &'r str,
    hosts: &'r str,
}

#[derive(Serialize)]
struct ParameterJson<'r> {
    name: &'r str,
    #[serde(rename = "type")]
    kind: String,
    /// As written; `null` where a value is required.
    default: Option<&'r str>,
    pattern: Option<&'r str>,
    min: Option<&'r str>,
    max: Option<&'r str>,
    description: Option<&'r str>,
}

/// A step or a block; templates and expressions as written.
#[derive(Serialize)]
struct StepJson<'r> {
    id: &'r StepId,
    number: String,
    name: &'r str,
    why: Option<&'r str>,
    /// `null` for a block.
    effect: Option<Effect>,
    hosts: Option<&'r str>,
    when: Option<&'r str>,
    gate: Option<GateJson<'r>>,
    r#become: Option<&'r str>,
    timeout: Option<&'r str>,
    expect: Option<&'r str>,
    register: Option<&'r str>,
    done_when: Option<&'r str>,
    command: Option<&'r str>,
    /// A file of `scripts/`.
    script: Option<&'r str>,
    put: Option<PutJson<'r>>,
    reboot: bool,
    manual: Option<&'r str>,
    wait: Option<&'r str>,
    steps: Vec<StepJson<'r>>,
}

/// One of `content`, `file` and `template` is there.
#[derive(Serialize)]
struct PutJson<'r> {
    to: &'r str,
    content: Option<&'r str>,
    file: Option<&'r str>,
    template: Option<&'r str>,
    mode: Option<&'r str>,
    owner: Option<&'r str>,
}

#[derive(Serialize)]
struct GateJson<'r> {
    approvals: u32,
    from: Vec<Vec<&'r str>>,
    instead: Option<InsteadJson<'r>>,
    expires_ms: Option<Period>,
    ask: Option<&'r str>,
}

#[derive(Serialize)]
struct InsteadJson<'r> {
    of: &'r str,
    by: &'r str,
    after_ms: Period,
}

/// The object of a runbook.
pub fn show_json(runbook: &Runbook) -> ShowJson<'_> {
    ShowJson {
        name: &runbook.name.value,
        title: &runbook.title,
        description: runbook.description.as_deref(),
        owner: runbook.owner.as_deref(),
        reviewed: runbook.reviewed.as_ref().map(|date| date.value.as_str()),
        links: runbook.links.iter().map(|(name, link)| LinkJson { name, link }).collect(),
        parameters: runbook.parameters.iter().map(parameter).collect(),
        secrets: secrets_json(runbook),
        targets: runbook.targets.iter().map(|(name, hosts)| TargetJson { name: &name.value, hosts: &hosts.value }).collect(),
        steps: steps(&runbook.steps, ""),
    }
}

fn parameter(parameter: &Parameter) -> ParameterJson<'_> {
    ParameterJson {
        name: &parameter.name.value,
        kind: kind(&parameter.kind),
        default: parameter.default.as_ref().map(|text| text.value.as_str()),
        pattern: parameter.pattern.as_ref().map(|text| text.value.as_str()),
        min: parameter.min.as_ref().map(|text| text.value.as_str()),
        max: parameter.max.as_ref().map(|text| text.value.as_str()),
        description: parameter.description.as_deref(),
    }
}

fn steps<'r>(list: impl IntoIterator<Item = &'r Step>, prefix: &str) -> Vec<StepJson<'r>> {
    list.into_iter().enumerate().map(|(index, step)| one(step, format!("{prefix}{}", index + 1))).collect()
}

fn one(step: &Step, number: String) -> StepJson<'_> {
    let (mut command, mut manual, mut wait) = (None, None, None);
    let (mut script, mut put_file, reboot) = (None, None, matches!(step.work, Work::Reboot));
    match &step.work {
        Work::Run { command: text, .. } | Work::Check { command: text, .. } => command = Some(text.value.as_str()),
        Work::Manual { instructions, .. } => manual = Some(instructions.value.as_str()),
        Work::Wait { period } => wait = Some(period.value.as_str()),
        Work::Script { file, .. } => script = Some(file.value.as_str()),
        Work::Put(text) => put_file = Some(put(text)),
        Work::Capture { .. } | Work::Reboot | Work::Choose { .. } => {}
        Work::Call { .. } | Work::Conclude { .. } | Work::Block(_) => {}
    }
    StepJson {
        id: &step.id,
        name: &step.name.value,
        why: step.why.as_deref(),
        effect: step.effect(),
        hosts: written(&step.hosts),
        when: written(&step.when),
        gate: step.gate.as_ref().map(gate),
        r#become: written(&step.r#become),
        timeout: written(&step.timeout),
        expect: written(&step.expect),
        register: written(&step.register),
        done_when: written(&step.done_when),
        command,
        script,
        put: put_file,
        reboot,
        manual,
        wait,
        steps: steps(step.children(), &format!("{number}.")),
        number,
    }
}

fn put(put: &PutText) -> PutJson<'_> {
    let (content, file, template) = match &put.content {
        PutContent::Content(text) => (Some(text.value.as_str()), None, None),
        PutContent::File(file) => (None, Some(file.value.as_str()), None),
        PutContent::Template(file) => (None, None, Some(file.value.as_str())),
    };
    PutJson { to: &put.to.value, content, file, template, mode: written(&put.mode), owner: written(&put.owner) }
}

fn written(word: &Option<crate::text::Spanned<String>>) -> Option<&str> {
    word.as_ref().map(|word| word.value.as_str())
}

fn gate(gate: &Gate) -> GateJson<'_> {
    GateJson {
        approvals: gate.approvals.value,
        from: gate.from.iter().map(|list| list.iter().map(|name| name.value.as_str()).collect()).collect(),
        instead: gate.instead.as_ref().map(|instead| InsteadJson {
            of: &instead.of.value,
            by: &instead.by.value,
            after_ms: instead.after.value,
        }),
        expires_ms: gate.expires.as_ref().map(|expires| expires.value),
        ask: gate.ask.as_deref(),
    }
}
