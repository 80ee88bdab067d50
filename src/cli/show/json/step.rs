//! A step as one JSON object: every word that is written, templates and expressions as they stand. Field names are a promise.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::steps::Called;
use super::{ParameterJson, parameter};
use crate::base::{Period, StepId};
use crate::event::{Effect, OnFailure};
use crate::plan::words::{conclusion, for_each, parse, serial};
use crate::runbook::{
    ArtifactOrigin, ArtifactText, Block, EvidenceText, Gate, InDrill, PutContent, PutText, ReleaseWhen, RollingText, Step, Work,
};
use crate::text::Spanned;

/// A step or a block; templates and expressions as written.
#[derive(Serialize)]
pub struct StepJson<'r> {
    id: &'r StepId,
    number: String,
    name: &'r str,
    why: Option<&'r str>,
    /// The word of its action: `run`, `check`, … or `steps`.
    action: &'static str,
    /// `null` for a block and for a call.
    effect: Option<Effect>,
    hosts: Option<&'r str>,
    expect_hosts: Option<CountJson>,
    when: Option<&'r str>,
    gate: Option<GateJson<'r>>,
    r#become: Option<&'r str>,
    env: BTreeMap<&'r str, &'r str>,
    cwd: Option<&'r str>,
    shell: Option<&'r str>,
    timeout: Option<&'r str>,
    retry: Option<RetryJson<'r>>,
    expect: Option<&'r str>,
    until: Option<UntilJson<'r>>,
    register: Option<&'r str>,
    parse: Option<String>,
    done_when: Option<&'r str>,
    undo: Option<&'r str>,
    evidence: Option<EvidenceJson<'r>>,
    on_failure: Option<OnFailure>,
    max_failures: Option<u32>,
    max_output_bytes: Option<u64>,
    /// `run` or `skip`.
    in_drill: Option<&'static str>,
    point_of_no_return: bool,
    command: Option<&'r str>,
    script: Option<&'r str>,
    capture: Vec<ArtifactJson<'r>>,
    put: Option<PutJson<'r>>,
    reboot: bool,
    manual: Option<&'r str>,
    answers: Vec<ParameterJson<'r>>,
    choose: Option<&'r str>,
    options: Vec<OptionJson<'r>>,
    wait: Option<&'r str>,
    call: Option<CallJson<'r>>,
    conclude: Option<ConclusionJson<'r>>,
    block: Option<BlockJson<'r>>,
    /// Of a block, or of a called runbook where those are asked for.
    steps: Vec<StepJson<'r>>,
    rescue: Vec<StepJson<'r>>,
    always: Vec<StepJson<'r>>,
}

#[derive(Serialize)]
struct CountJson {
    min: u32,
    max: u32,
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

#[derive(Serialize)]
struct RetryJson<'r> {
    attempts: u32,
    delay: Option<&'r str>,
    backoff: Option<u32>,
}

#[derive(Serialize)]
struct UntilJson<'r> {
    within: &'r str,
    every: Option<&'r str>,
    healthy: Option<u32>,
}

#[derive(Serialize)]
struct EvidenceJson<'r> {
    /// Ids of captures.
    from: Vec<&'r str>,
    /// Why none is kept.
    waived: Option<&'r str>,
}

#[derive(Serialize)]
struct ArtifactJson<'r> {
    name: &'r str,
    run: Option<&'r str>,
    file: Option<&'r str>,
    last_bytes: Option<u64>,
}

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
struct OptionJson<'r> {
    name: &'r str,
    why: Option<&'r str>,
    steps: Vec<StepJson<'r>>,
}

#[derive(Serialize)]
struct CallJson<'r> {
    runbook: &'r str,
    with: BTreeMap<&'r str, &'r str>,
}

#[derive(Serialize)]
struct ConclusionJson<'r> {
    verdict: &'static str,
    sentence: &'r str,
}

/// What only blocks have.
#[derive(Serialize)]
struct BlockJson<'r> {
    rolling: Option<RollingJson<'r>>,
    /// A template, or the items with commas between.
    for_each: Option<String>,
    acquire: Option<&'r str>,
    release: Option<&'r str>,
    release_when: Option<ReleaseWhen>,
    uninterruptible: bool,
}

#[derive(Serialize)]
struct RollingJson<'r> {
    serial: Vec<String>,
    pause: Option<&'r str>,
    max_failures: Option<u32>,
    last: Option<&'r str>,
}

/// The steps of a list, numbered.
pub fn steps<'r>(list: &'r [Step], prefix: &str, called: &Called<'r>) -> Vec<StepJson<'r>> {
    list.iter().enumerate().map(|(index, step)| one(step, format!("{prefix}{}", index + 1), called)).collect()
}

fn one<'r>(step: &'r Step, number: String, called: &Called<'r>) -> StepJson<'r> {
    let mut json = common(step, number.clone());
    match &step.work {
        Work::Run { command: text, shell } => (json.action, json.command, json.shell) = ("run", Some(text_of(text)), written(shell)),
        Work::Check { command: text, shell } => (json.action, json.command, json.shell) = ("check", Some(text_of(text)), written(shell)),
        Work::Script { file, shell } => (json.action, json.script, json.shell) = ("script", Some(text_of(file)), written(shell)),
        Work::Capture { artifacts } => (json.action, json.capture) = ("capture", artifacts.iter().map(artifact).collect()),
        Work::Put(text) => (json.action, json.put) = ("put", Some(put(text))),
        Work::Reboot => json.action = "reboot",
        Work::Manual { instructions, answers } => {
            (json.action, json.manual) = ("manual", Some(text_of(instructions)));
            json.answers = answers.iter().map(parameter).collect();
        }
        Work::Choose { question, options } => {
            (json.action, json.choose) = ("choose", Some(text_of(question)));
            let option = |(index, option): (usize, &'r crate::runbook::ChoiceText)| OptionJson {
                name: &option.name.value,
                why: option.why.as_deref(),
                steps: steps(&option.steps, &format!("{number}.{}.", index + 1), called),
            };
            json.options = options.iter().enumerate().map(option).collect();
        }
        Work::Wait { period } => (json.action, json.wait) = ("wait", Some(text_of(period))),
        Work::Call { runbook, with } => {
            json.action = "call";
            let with = with.iter().map(|(name, value)| (name.value.as_str(), value.value.as_str())).collect();
            json.call = Some(CallJson { runbook: &runbook.value, with });
            // a runbook that calls itself is refused before it runs; its object must end all the same
            let known = called.runbooks.get(&runbook.value).filter(|_| number.matches('.').count() < 20);
            json.steps = known.map_or(Vec::new(), |runbook| steps(&runbook.steps, &format!("{number}."), called));
        }
        Work::Conclude { conclusion: end, sentence } => {
            (json.action, json.conclude) = ("conclude", Some(ConclusionJson { verdict: conclusion(*end), sentence: &sentence.value }));
        }
        Work::Block(within) => {
            (json.action, json.block) = ("steps", Some(block(within)));
            json.steps = steps(&within.steps, &format!("{number}."), called);
            json.rescue = steps(&within.rescue, &format!("{number}.rescue."), called);
            json.always = steps(&within.always, &format!("{number}.always."), called);
        }
    }
    json
}

/// The words that all actions share; those of its own are added.
fn common(step: &Step, number: String) -> StepJson<'_> {
    StepJson {
        id: &step.id,
        number,
        name: &step.name.value,
        why: step.why.as_deref(),
        action: "",
        effect: step.effect(),
        hosts: written(&step.hosts),
        expect_hosts: step.expect_hosts.as_ref().map(|count| CountJson { min: count.value.min, max: count.value.max }),
        when: written(&step.when),
        gate: step.gate.as_ref().map(gate),
        r#become: written(&step.r#become),
        env: step.env.iter().map(|(name, value)| (name.value.as_str(), value.value.as_str())).collect(),
        cwd: written(&step.cwd),
        shell: None,
        timeout: written(&step.timeout),
        retry: step.retry.as_ref().map(|retry| RetryJson {
            attempts: retry.attempts.value,
            delay: written(&retry.delay),
            backoff: retry.backoff.as_ref().map(|backoff| backoff.value),
        }),
        expect: written(&step.expect),
        until: step.until.as_ref().map(|until| UntilJson {
            within: &until.within.value,
            every: written(&until.every),
            healthy: until.healthy.as_ref().map(|healthy| healthy.value),
        }),
        register: written(&step.register),
        parse: step.parse.as_ref().map(|word| parse(&word.value)),
        done_when: written(&step.done_when),
        undo: written(&step.undo),
        evidence: step.evidence.as_ref().map(evidence),
        on_failure: step.on_failure.as_ref().map(|word| word.value),
        max_failures: step.max_failures.as_ref().map(|count| count.value),
        max_output_bytes: step.max_output.as_ref().map(|bytes| bytes.value),
        in_drill: step.in_drill.as_ref().map(|word| if word.value == InDrill::Run { "run" } else { "skip" }),
        point_of_no_return: step.no_return.is_some(),
        command: None,
        script: None,
        capture: Vec::new(),
        put: None,
        reboot: matches!(step.work, Work::Reboot),
        manual: None,
        answers: Vec::new(),
        choose: None,
        options: Vec::new(),
        wait: None,
        call: None,
        conclude: None,
        block: None,
        steps: Vec::new(),
        rescue: Vec::new(),
        always: Vec::new(),
    }
}

fn text_of(word: &Spanned<String>) -> &str {
    &word.value
}

fn written(word: &Option<Spanned<String>>) -> Option<&str> {
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

fn evidence(evidence: &EvidenceText) -> EvidenceJson<'_> {
    match evidence {
        EvidenceText::From(ids) => EvidenceJson { from: ids.iter().map(|id| id.value.as_str()).collect(), waived: None },
        EvidenceText::Waived { reason } => EvidenceJson { from: Vec::new(), waived: Some(&reason.value) },
    }
}

fn artifact(artifact: &ArtifactText) -> ArtifactJson<'_> {
    let (run, file) = match &artifact.origin {
        ArtifactOrigin::Run(command) => (Some(command.value.as_str()), None),
        ArtifactOrigin::File(path) => (None, Some(path.value.as_str())),
    };
    ArtifactJson { name: &artifact.name.value, run, file, last_bytes: artifact.last.as_ref().map(|last| last.value) }
}

fn put(put: &PutText) -> PutJson<'_> {
    let (content, file, template) = match &put.content {
        PutContent::Content(text) => (Some(text.value.as_str()), None, None),
        PutContent::File(file) => (None, Some(file.value.as_str()), None),
        PutContent::Template(file) => (None, None, Some(file.value.as_str())),
    };
    PutJson { to: &put.to.value, content, file, template, mode: written(&put.mode), owner: written(&put.owner) }
}

fn block(block: &Block) -> BlockJson<'_> {
    let bracket = block.bracket.as_ref();
    BlockJson {
        rolling: block.rolling.as_ref().map(rolling),
        for_each: block.for_each.as_ref().map(for_each),
        acquire: bracket.map(|bracket| bracket.acquire.value.as_str()),
        release: bracket.map(|bracket| bracket.release.value.as_str()),
        release_when: bracket.map(|bracket| bracket.release_when),
        uninterruptible: block.uninterruptible,
    }
}

fn rolling(rolling: &RollingText) -> RollingJson<'_> {
    RollingJson {
        serial: rolling.serial.iter().map(|size| serial(size.value)).collect(),
        pause: written(&rolling.pause),
        max_failures: rolling.max_failures.as_ref().map(|count| count.value),
        last: written(&rolling.last),
    }
}
