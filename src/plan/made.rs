//! Actions whose commands the plan itself makes, not an author: for `put:`, `reboot:` and `capture:`, run by `sh`. Never runs one.

use std::collections::BTreeMap;

use super::looks::Found;
use super::program::{Program, ProgramStep, Role};
use super::render::{DEFAULT_EVERY, DEFAULT_TIMEOUT, RenderError, environment_of, hosts_of, period_of, user_name};
use super::template::{self, Scope};
use super::{capture, put, reboot};
use crate::base::{Bytes, Digest, HostName};
use crate::event::{Action, Artifact, Command, Effect, Mode, Place, StageWork, Until};
use crate::runbook::{ArtifactText, PutText};

/// What the plan itself makes for a host, run by `sh`.
#[derive(Debug)]
pub(in crate::plan) struct Made {
    pub command: Bytes,
    pub undo: Option<Bytes>,
    pub shows: Option<Bytes>,
    pub keeps: Vec<Artifact>,
}

impl Made {
    /// A command that says why nothing is done.
    pub fn refusal(why: &str, scope: &Scope) -> Result<Self, RenderError> {
        let scope = scope.with([("why", super::value::text_value(why.as_bytes()))]);
        let command = template::command("printf '%s\\n' {{ why }} >&2; exit 1\n", &scope);
        let command = command.map_err(|source| RenderError::Template { word: "put", source })?;
        Ok(Self { command: Bytes::from(command), undo: None, shows: None, keeps: Vec::new() })
    }
}

/// `put:`: the look before, or the writing.
pub(in crate::plan) fn put(
    program: &Program,
    step: &ProgramStep,
    put: &PutText,
    scope: &Scope,
    places: &BTreeMap<HostName, Place>,
) -> Result<Vec<Action>, RenderError> {
    let actions = actions(program, step, scope, places, &|host, scope| match &step.role {
        Role::Before { .. } => put::look(put, scope),
        Role::Written | Role::Acquire { .. } | Role::Release { .. } | Role::After { .. } | Role::Symptom { .. } => {
            put::write(program, step, put, (host, scope))
        }
    })?;
    after_looks(step, scope)?;
    Ok(actions)
}

/// `capture:`: what a host is to send.
pub(in crate::plan) fn capture(
    program: &Program,
    step: &ProgramStep,
    artifacts: &[ArtifactText],
    scope: &Scope,
    places: &BTreeMap<HostName, Place>,
) -> Result<Vec<Action>, RenderError> {
    actions(program, step, scope, places, &|host, scope| capture::capture(program, step, artifacts, (host, scope)))
}

/// A restart: the look before, the wish, or the wait, in which each look is short and `timeout:` is for all of them together.
pub(in crate::plan) fn reboot(
    program: &Program,
    step: &ProgramStep,
    scope: &Scope,
    places: &BTreeMap<HostName, Place>,
) -> Result<StageWork, RenderError> {
    let within = step.step.timeout.as_ref().map_or(Ok(DEFAULT_TIMEOUT), |text| period_of("timeout", text, scope))?;
    let mut actions = actions(program, step, scope, places, &|host, scope| match &step.role {
        Role::Before { .. } => reboot::look(program, host, scope),
        Role::After { .. } => reboot::back(host, within, scope),
        Role::Written | Role::Acquire { .. } | Role::Release { .. } | Role::Symptom { .. } => reboot::ask(host, scope),
    })?;
    let (limit, until) = match &step.role {
        Role::After { .. } => (reboot::LOOKING, Some(Until { within, every: DEFAULT_EVERY, healthy: 1 })),
        Role::Before { .. } | Role::Written | Role::Acquire { .. } | Role::Release { .. } | Role::Symptom { .. } => (reboot::ASKING, None),
    };
    actions.iter_mut().for_each(|action| action.timeout = limit);
    after_looks(step, scope)?;
    Ok(StageWork::Commands { actions, parse: None, expect: None, until, retry: None })
}

/// One action a host, of what the plan itself makes for it.
fn actions(
    program: &Program,
    step: &ProgramStep,
    scope: &Scope,
    places: &BTreeMap<HostName, Place>,
    make: &dyn Fn(&HostName, &Scope) -> Result<Made, RenderError>,
) -> Result<Vec<Action>, RenderError> {
    let action = |host: &HostName| {
        let scope = scope.on(host);
        let r#become = step.step.r#become.as_ref().map(|user| user_name(user, &scope)).transpose()?;
        let command = |script: Bytes| Command { script, shell: "sh".to_owned(), r#become: r#become.clone() };
        let Made { command: main, undo, shows, keeps } = make(host, &scope)?;
        Ok(Action {
            host: host.clone(),
            environment: environment_of(&program.inventory, host),
            place: places.get(host).cloned(),
            command: command(main),
            done_when: None,
            undo: undo.map(command),
            shows,
            keeps,
            timeout: step.step.timeout.as_ref().map_or(Ok(DEFAULT_TIMEOUT), |text| period_of("timeout", text, &scope))?,
            mode: if step.effect == Effect::Read { Mode::Direct } else { Mode::Claim },
            digest: Digest::ZERO,
        })
    };
    hosts_of(program, step, scope)?.iter().map(action).collect()
}

/// Where more hosts refuse the look than may fail, nothing is asked for or done.
fn after_looks(step: &ProgramStep, scope: &Scope) -> Result<(), RenderError> {
    let Some(looks) = scope.looks() else { return Ok(()) };
    let refused = looks.found.iter().filter_map(|(host, found)| match found {
        Found::Refused(why) => Some(format!("{host}: {why}")),
        Found::Said(_) => None,
    });
    let refused: Vec<String> = refused.collect();
    match refused.len() > step.step.max_failures.as_ref().map_or(0, |word| word.value as usize) {
        true => Err(RenderError::Text { word: "looked before", why: refused.join("; ") }),
        false => Ok(()),
    }
}
