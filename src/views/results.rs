//! A run as one JSON object, for programs. Field names are a promise: see `docs/commands.md`.

use serde::Serialize;

use super::estimate::WouldTake;
use super::steps::steps;
use super::symptoms::{SymptomJson, symptoms};
use crate::base::{HostName, StepId, Timestamp};
use crate::engine::{Certainty, Foreseen, Held, HostResult, Life, State, held};
use crate::plan::Program;

/// What `exec --output json` ends with.
#[derive(Debug, Serialize)]
pub struct RunJson {
    pub run: String,
    pub runbook: String,
    /// `recovered`, `no_action`, `escalated`, `failed`, `rolled_back`, `stopped`, `denied`, or `null` while the run can be resumed.
    pub verdict: Option<&'static str>,
    pub exit_status: u8,
    pub steps: Vec<StepJson>,
    pub symptoms: Vec<SymptomJson>,
    /// What it has taken and not given back.
    pub held: Vec<HeldJson>,
    /// Of a dry run that came to its end: how long the run would take; `null` of other runs.
    pub would_take: Option<WouldTake>,
}

/// One step of it.
#[derive(Debug, Serialize)]
pub struct StepJson {
    pub id: String,
    pub number: String,
    pub name: String,
    /// In few words, where there is something to say.
    pub says: Option<String>,
    /// Of a dry run: `would_run`, `would_skip` or `cannot_know`; `null` where it would be refused, and of other runs.
    pub foreseen: Option<Foreseen>,
    pub hosts: Vec<HostJson>,
}

/// One selected host of a step.
#[derive(Debug, Serialize)]
pub struct HostJson {
    pub host: String,
    /// `ok`, `skipped`, `failed`, `unreachable`, `unknown`, `not_started`.
    pub result: HostResult,
    pub exit_code: Option<i32>,
    pub attempts: u32,
    pub why: Option<String>,
    /// The same on this host.
    pub foreseen: Option<Foreseen>,
}

/// Something that a run holds.
#[derive(Debug, Serialize)]
pub struct HeldJson {
    pub name: String,
    pub host: HostName,
    /// `held`, or `may_be_held` where nobody can say whether it was taken.
    pub certainty: &'static str,
    pub since: Timestamp,
    /// The step that would give it back.
    pub release: StepId,
    /// What gives it back, with whose rights and by which shell; `null` where that was never rendered.
    pub command: Option<String>,
    pub r#become: Option<String>,
    pub shell: Option<String>,
    /// What to type.
    pub next: String,
}

/// All that a run with this short id holds.
pub fn held_json(all: &[Held], short: &str) -> Vec<HeldJson> {
    let one = |held: &Held| HeldJson {
        name: held.name.clone(),
        host: held.host.clone(),
        certainty: match held.certainty {
            Certainty::Held => "held",
            Certainty::MayBeHeld => "may_be_held",
        },
        since: held.since,
        release: held.release.clone(),
        command: held.command.as_ref().map(|command| command.script.as_str().map_or_else(|| command.script.to_string(), str::to_owned)),
        r#become: held.command.as_ref().and_then(|command| command.r#become.clone()),
        shell: held.command.as_ref().map(|command| command.shell.clone()),
        next: format!("runbook release {short}"),
    };
    all.iter().map(one).collect()
}

/// The object for a run that ends with this exit status; of a dry run with how long the run would take.
pub fn run_json(program: &Program, state: &State, exit_status: u8, would_take: Option<WouldTake>) -> RunJson {
    let verdict = match state.life {
        Life::Closed(verdict) => Some(verdict.as_str()),
        Life::Unborn | Life::Running | Life::Interrupted(_) => None,
    };
    let run = state.opened.as_ref().map_or_else(String::new, |(_, opened)| opened.run.to_string());
    let steps = steps(program, state).into_iter().map(|step| StepJson {
        id: step.id.to_string(),
        number: step.number,
        name: step.name,
        says: step.phrase,
        foreseen: step.foreseen,
        hosts: step
            .hosts
            .into_iter()
            .map(|host| HostJson {
                host: host.host.to_string(),
                result: host.result.unwrap_or(HostResult::NotStarted),
                exit_code: host.exit_code,
                attempts: host.attempts,
                why: host.why,
                foreseen: host.foreseen,
            })
            .collect(),
    });
    let short = state.opened.as_ref().map_or_else(String::new, |(_, opened)| opened.run.short());
    let held = held_json(&held(state), &short);
    RunJson {
        run,
        runbook: program.runbook.name.value.clone(),
        verdict,
        exit_status,
        steps: steps.collect(),
        symptoms: symptoms(program, state),
        held,
        would_take,
    }
}
