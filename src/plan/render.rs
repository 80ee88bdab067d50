//! Renders a step into a stage when it is reached: from here on it is final. Pure: the same program, scope and hosts give the same bytes.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use super::evidence::{evidence_need, says_enough};
use super::made;
use super::program::{Program, ProgramStep, Road, Role};
use super::template::{self, Scope, TemplateError};
use super::text::action_digest;
use crate::base::{Bytes, Digest, GateNo, HostName, Period};
use crate::event::{
    Action, AnswerAsked, Attempts, Command, Effect, Mode, OnFailure, Parse, Place, Retry, Stage, StageWork, Until, Verdict, WOULD_RUN,
};
use crate::library::{Inventory, Selector};
use crate::runbook::{Conclusion, HostCount, Parameter, ParameterKind, Work};
use crate::text::Spanned;

/// How long a step may take when nothing is said: long enough for a slow restart, short enough for a night.
pub const DEFAULT_TIMEOUT: Period = Period::from_secs(600);
/// How long to wait between looks or attempts when nothing is said.
pub(in crate::plan) const DEFAULT_EVERY: Period = Period::from_secs(2);
/// Hosts at work at once in one step: what one small machine can connect to and record without delay.
const IN_FLIGHT: NonZeroU16 = NonZeroU16::new(50).expect("fifty is not zero");
/// Bytes of each stream that are stored at the head, and as many at the tail, when nothing is said.
pub const DEFAULT_MAX_OUTPUT: u64 = 32 << 20;

/// Why a step cannot be rendered, in a sentence with its remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A template has no value.
    #[error("{word}: {source}")]
    Template { word: &'static str, source: TemplateError },
    /// A rendered text is not what its word asks for.
    #[error("{word}: {why}")]
    Text { word: &'static str, why: String },
    /// The selector names no host, or the wrong number of them.
    #[error("hosts: {why}")]
    Hosts { why: String },
}

/// The hosts that a step selects, in the inventory's order.
///
/// # Errors
/// A selector that names no known host, no host at all, or another number than `expect_hosts` says.
pub fn hosts_of(program: &Program, step: &ProgramStep, scope: &Scope) -> Result<Vec<HostName>, RenderError> {
    if let (true, Some(batch)) = (step.takes_batch, &step.turn.batch) {
        return Ok(batch.clone());
    }
    let Some(hosts) = &step.step.hosts else { return Ok(Vec::new()) };
    let selected = select(program, step.frame, hosts, scope)?;
    counted(&selected, step.step.expect_hosts.as_ref())?;
    Ok(selected)
}

/// The hosts that a selector, possibly a template, names in a frame of the program; at least one, in the inventory's order.
///
/// # Errors
/// A selector that names no known host, or no host at all.
pub fn select(program: &Program, frame: usize, selector: &Spanned<String>, scope: &Scope) -> Result<Vec<HostName>, RenderError> {
    let text = plain("hosts", selector, scope)?;
    let rendered = |(name, target)| match template::plain(target, scope) {
        Ok(target) => Ok((name, target)),
        Err(source) => Err(RenderError::Template { word: "targets", source }),
    };
    let targets: Vec<(&str, String)> = program.targets(frame).map(rendered).collect::<Result<_, _>>()?;
    let targets: Vec<(&str, &str)> = targets.iter().map(|(name, target)| (*name, target.as_str())).collect();
    let selected = Selector::parse(&text).and_then(|selector| selector.resolve(&program.inventory, &targets));
    let selected = selected.map_err(|error| RenderError::Hosts { why: error.to_string() })?;
    if selected.is_empty() {
        return Err(RenderError::Hosts { why: format!("`{text}` selects no host; expected at least one") });
    }
    Ok(selected)
}

fn counted(selected: &[HostName], expected: Option<&Spanned<HostCount>>) -> Result<(), RenderError> {
    let Some(Spanned { value: HostCount { min, max }, .. }) = expected else { return Ok(()) };
    let count = u32::try_from(selected.len()).unwrap_or(u32::MAX);
    if (*min..=*max).contains(&count) {
        return Ok(());
    }
    let wanted = if min == max { min.to_string() } else { format!("{min} to {max}") };
    let names: Vec<&str> = selected.iter().map(HostName::as_str).collect();
    Err(RenderError::Hosts { why: format!("expected {wanted} hosts (expect_hosts), got {count}: {}", names.join(", ")) })
}

/// Renders a step. `places` says which hosts were reached; an action on another host has no place.
///
/// # Errors
/// See [`RenderError`]; nothing of the step may run then.
pub fn prepare(
    program: &Program,
    step: &ProgramStep,
    scope: &Scope,
    places: &BTreeMap<HostName, Place>,
    gate: Option<GateNo>,
    round: u32,
) -> Result<Stage, RenderError> {
    let retry = retry(step, scope)?;
    let attempts = match (step.effect, &retry) {
        (Effect::Read, _) => Attempts::Free,
        (Effect::Idempotent, Some(retry)) => Attempts::AtMost(retry.attempts),
        (Effect::Idempotent | Effect::Once | Effect::Destructive, _) => Attempts::AtMost(1),
    };
    let mut stage = Stage {
        step: step.id.clone(),
        number: step.number.clone(),
        name: step.step.name.value.clone(),
        why: step.step.why.clone(),
        effect: step.effect,
        gate,
        round,
        attempts,
        work: StageWork::Wait { period: Period::default() },
        register: match &step.role {
            Role::Before { .. } => Some(step.id.to_string()),
            Role::Written | Role::Acquire { .. } | Role::Release { .. } | Role::After { .. } | Role::Symptom { .. } => {
                step.step.register.as_ref().map(|name| name.value.clone())
            }
        },
        evidence: evidence_need(program, step, scope)?,
        releases: match &step.role {
            Role::Acquire { release } => Some(release.at(&step.id.turns())),
            Role::Written | Role::Release { .. } | Role::Before { .. } | Role::After { .. } | Role::Symptom { .. } => None,
        },
        on_failure: step.on_failure,
        in_flight: IN_FLIGHT,
        max_failures: step.step.max_failures.as_ref().map_or(0, |word| word.value),
        max_output: step.step.max_output.as_ref().map_or(DEFAULT_MAX_OUTPUT, |word| word.value),
    };
    stage.work = match step.road {
        Road::Carry => work(program, step, scope, places, retry)?,
        Road::Withhold(says) => withheld(program, step, scope, places, says)?,
    };
    says_enough(program, &stage)?;
    seal(&mut stage);
    Ok(stage)
}

/// What would run must be fit to run; what cannot be known is shown as far as it can be rendered.
fn withheld(
    program: &Program,
    step: &ProgramStep,
    scope: &Scope,
    places: &BTreeMap<HostName, Place>,
    says: &str,
) -> Result<StageWork, RenderError> {
    let actions = match work(program, step, scope, places, None) {
        Err(error) if says == WOULD_RUN => return Err(error),
        Ok(StageWork::Commands { actions, .. }) => actions,
        Ok(StageWork::Manual { .. } | StageWork::Choose { .. } | StageWork::Wait { .. } | StageWork::Conclude { .. }) => Vec::new(),
        Ok(StageWork::Skip { .. } | StageWork::Withheld { .. }) | Err(_) => Vec::new(),
    };
    Ok(StageWork::Withheld { says: says.to_owned(), actions })
}

fn work(
    program: &Program,
    step: &ProgramStep,
    scope: &Scope,
    places: &BTreeMap<HostName, Place>,
    retry: Option<Retry>,
) -> Result<StageWork, RenderError> {
    match &step.step.work {
        Work::Run { command, shell } | Work::Check { command, shell } => {
            commands(program, step, (Body::Text(command), shell.as_ref()), scope, places, retry)
        }
        Work::Script { file, shell } => {
            let missing = || RenderError::Text { word: "script", why: format!("there is no file scripts/{} in this library", file.value) };
            let bytes = program.scripts.get(&file.value).ok_or_else(missing)?;
            commands(program, step, (Body::File(bytes), shell.as_ref()), scope, places, retry)
        }
        Work::Put(put) => Ok(StageWork::Commands {
            actions: made::put(program, step, put, scope, places)?,
            parse: None,
            expect: None,
            until: None,
            retry,
        }),
        Work::Manual { instructions, answers } => Ok(StageWork::Manual {
            instructions: plain("manual", instructions, scope)?,
            answers: answers.iter().map(asked).collect(),
            undo: step.step.undo.as_ref().map(|undo| plain("undo", undo, scope)).transpose()?,
        }),
        Work::Choose { question, options } => Ok(StageWork::Choose {
            question: plain("choose", question, scope)?,
            options: options.iter().map(|option| (option.name.value.clone(), option.why.clone())).collect(),
        }),
        Work::Wait { period } => Ok(StageWork::Wait { period: period_of("wait", period, scope)? }),
        Work::Conclude { conclusion, sentence } => {
            Ok(StageWork::Conclude { verdict: verdict(*conclusion), sentence: plain("conclude", sentence, scope)? })
        }
        Work::Reboot => made::reboot(program, step, scope, places),
        Work::Capture { artifacts } => {
            let actions = made::capture(program, step, artifacts, scope, places)?;
            Ok(StageWork::Commands { actions, parse: None, expect: None, until: None, retry })
        }
        Work::Call { .. } | Work::Block(_) => Err(no_work(step, "a block")),
    }
}

/// What a step's own command is made of.
#[derive(Clone, Copy)]
enum Body<'a> {
    /// A template.
    Text(&'a Spanned<String>),
    /// A file of the library, sent as it is.
    File(&'a Bytes),
}

fn commands(
    program: &Program,
    step: &ProgramStep,
    (body, shell): (Body<'_>, Option<&Spanned<String>>),
    scope: &Scope,
    places: &BTreeMap<HostName, Place>,
    retry: Option<Retry>,
) -> Result<StageWork, RenderError> {
    let shell = shell.map_or("sh", |shell| shell.value.as_str());
    let render = |host: &HostName| action(program, step, (body, shell), scope, (host, places.get(host)));
    let actions = hosts_of(program, step, scope)?.iter().map(render).collect::<Result<_, _>>()?;
    let parse: Option<Parse> = step.step.parse.as_ref().map(|word| word.value.clone());
    let expect = step.step.expect.as_ref().map(|word| word.value.clone());
    Ok(StageWork::Commands { actions, parse, expect, until: until(step, scope)?, retry })
}

fn no_work(step: &ProgramStep, what: &str) -> RenderError {
    RenderError::Text { word: "steps", why: format!("{what} has no work of its own (\"{}\")", step.step.name.value) }
}

fn verdict(conclusion: Conclusion) -> Verdict {
    match conclusion {
        Conclusion::Recovered => Verdict::Recovered,
        Conclusion::NoAction => Verdict::NoAction,
        Conclusion::Escalate => Verdict::Escalated,
    }
}

/// What a person must give back, in words.
fn asked(answer: &Parameter) -> AnswerAsked {
    let expects = match &answer.kind {
        ParameterKind::String => answer.pattern.as_ref().map_or("text".to_owned(), |pattern| format!("text like {}", pattern.value)),
        ParameterKind::Integer => "a whole number".to_owned(),
        ParameterKind::Number => "a number".to_owned(),
        ParameterKind::Boolean => "true or false".to_owned(),
        ParameterKind::Duration => "a duration such as 10m".to_owned(),
        ParameterKind::Bytes => "a size such as 50MB".to_owned(),
        ParameterKind::Enum { values } => format!("one of {}", values.join(", ")),
        ParameterKind::Host => "a host of the inventory".to_owned(),
        ParameterKind::Hosts => "a selector of hosts".to_owned(),
    };
    AnswerAsked { name: answer.name.value.clone(), expects, description: answer.description.clone() }
}

fn action(
    program: &Program,
    step: &ProgramStep,
    (body, shell): (Body<'_>, &str),
    scope: &Scope,
    (host, place): (&HostName, Option<&Place>),
) -> Result<Action, RenderError> {
    let scope = scope.on(host);
    let r#become = step.step.r#become.as_ref().map(|user| user_name(user, &scope)).transpose()?;
    let command = |body: Body<'_>, word: &'static str| -> Result<Command, RenderError> {
        Ok(Command { script: script(program, step, (body, word), &scope, host)?, shell: shell.to_owned(), r#become: r#become.clone() })
    };
    Ok(Action {
        host: host.clone(),
        environment: environment_of(&program.inventory, host),
        place: place.cloned(),
        command: command(body, "run")?,
        done_when: step.step.done_when.as_ref().map(|text| command(Body::Text(text), "done_when")).transpose()?,
        undo: step.step.undo.as_ref().map(|text| command(Body::Text(text), "undo")).transpose()?,
        shows: None,
        keeps: Vec::new(),
        timeout: step.step.timeout.as_ref().map_or(Ok(DEFAULT_TIMEOUT), |text| period_of("timeout", text, &scope))?,
        mode: if step.effect == Effect::Read { Mode::Direct } else { Mode::Claim },
        digest: Digest::ZERO,
    })
}

/// Actions carry the digest of their own lines, which need the whole stage.
fn seal(stage: &mut Stage) {
    let shape = stage.clone();
    let actions = match &mut stage.work {
        StageWork::Commands { actions, .. } | StageWork::Skip { actions, .. } | StageWork::Withheld { actions, .. } => actions,
        StageWork::Manual { .. } | StageWork::Choose { .. } | StageWork::Wait { .. } | StageWork::Conclude { .. } => return,
    };
    for action in actions {
        action.digest = action_digest(&shape, action);
    }
}

pub(in crate::plan) fn environment_of(inventory: &Inventory, host: &HostName) -> String {
    inventory.hosts.get(host).map_or("production", |host| host.environment.as_str()).to_owned()
}

/// Environment, directory and command in one text, so that what is shown is all there is. A text of several lines
/// stops at the first command that fails, as people expect; a file says that itself, and not one byte of it is changed.
fn script(
    program: &Program,
    step: &ProgramStep,
    (body, word): (Body<'_>, &'static str),
    scope: &Scope,
    host: &HostName,
) -> Result<Bytes, RenderError> {
    let mut script = preamble(program, step, scope, host)?;
    let text = match body {
        Body::Text(text) => text,
        Body::File(bytes) => {
            script.extend_from_slice(bytes.as_slice());
            return Ok(Bytes::from(script));
        }
    };
    let body = template::command(&text.value, scope).map_err(|source| RenderError::Template { word, source })?;
    let body = body.trim_ascii_end();
    if body.contains(&b'\n') {
        script.extend_from_slice(b"set -e\n");
    }
    script.extend_from_slice(body);
    script.push(b'\n');
    Ok(Bytes::from(script))
}

/// The lines that go before a step's commands.
pub(in crate::plan) fn preamble(program: &Program, step: &ProgramStep, scope: &Scope, host: &HostName) -> Result<Vec<u8>, RenderError> {
    let mut script = Vec::new();
    for (name, value) in &step.step.env {
        if let Some(secret) = super::secrets::assignment(program, step, (&name.value, &value.value), scope, host)? {
            script.extend_from_slice(secret.as_bytes());
            continue;
        }
        let value = template::plain_bytes(&value.value, scope).map_err(|source| RenderError::Template { word: "env", source })?;
        script.extend(assignment(&name.value, &value, scope)?);
        script.push(b'\n');
    }
    if let Some(cwd) = &step.step.cwd {
        let folder = scope.with([("folder", super::value::text_value(plain("cwd", cwd, scope)?.as_bytes()))]);
        script.extend(
            template::command("cd -- {{ folder }} || exit 1", &folder).map_err(|source| RenderError::Template { word: "cwd", source })?,
        );
        script.push(b'\n');
    }
    Ok(script)
}

fn assignment(name: &str, value: &[u8], scope: &Scope) -> Result<Vec<u8>, RenderError> {
    let scope = scope.with([("value", super::value::text_value(value))]);
    template::command(&format!("export {name}={{{{ value }}}}"), &scope).map_err(|source| RenderError::Template { word: "env", source })
}

pub(in crate::plan) fn plain(word: &'static str, text: &Spanned<String>, scope: &Scope) -> Result<String, RenderError> {
    template::plain(&text.value, scope).map_err(|source| RenderError::Template { word, source })
}

pub(in crate::plan) fn period_of(word: &'static str, text: &Spanned<String>, scope: &Scope) -> Result<Period, RenderError> {
    let text = plain(word, text, scope)?;
    text.trim().parse().map_err(|error: crate::base::ParsePeriodError| RenderError::Text { word, why: error.to_string() })
}

/// A user's name as `useradd` allows it, so that it is never an option of `sudo`.
pub(in crate::plan) fn user_name(text: &Spanned<String>, scope: &Scope) -> Result<String, RenderError> {
    let user = plain("become", text, scope)?;
    let valid = user.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'));
    if valid && user.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return Ok(user);
    }
    Err(RenderError::Text { word: "become", why: format!("expected a user's name, got {user:?}") })
}

fn until(step: &ProgramStep, scope: &Scope) -> Result<Option<Until>, RenderError> {
    let Some(until) = &step.step.until else { return Ok(None) };
    let every = until.every.as_ref().map_or(Ok(DEFAULT_EVERY), |text| period_of("until", text, scope))?;
    let healthy = until.healthy.as_ref().map_or(1, |word| word.value.max(1));
    Ok(Some(Until { within: period_of("until", &until.within, scope)?, every, healthy }))
}

fn retry(step: &ProgramStep, scope: &Scope) -> Result<Option<Retry>, RenderError> {
    let Some(retry) = &step.step.retry else { return Ok(None) };
    let delay = retry.delay.as_ref().map_or(Ok(DEFAULT_EVERY), |text| period_of("retry", text, scope))?;
    Ok(Some(Retry { attempts: retry.attempts.value, delay, backoff: retry.backoff.as_ref().map_or(1, |word| word.value) }))
}

/// What a failed step leads to when nobody can be asked.
pub fn on_failure_unattended(on_failure: OnFailure) -> OnFailure {
    match on_failure {
        OnFailure::Ask | OnFailure::Stop => OnFailure::Stop,
        OnFailure::Continue => OnFailure::Continue,
        OnFailure::Rollback => OnFailure::Rollback,
    }
}
