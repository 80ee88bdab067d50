//! A run as one JSON object, for programs. Field names are a promise: see `docs/commands.md`.

use serde::Serialize;

use super::steps::steps;
use super::symptoms::{SymptomJson, symptoms};
use crate::engine::{HostResult, Life, State};
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
}

/// One step of it.
#[derive(Debug, Serialize)]
pub struct StepJson {
    pub id: String,
    pub number: String,
    pub name: String,
    /// In few words, where there is something to say.
    pub says: Option<String>,
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
}

/// The object for a run that ends with this exit status.
pub fn run_json(program: &Program, state: &State, exit_status: u8) -> RunJson {
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
        hosts: step
            .hosts
            .into_iter()
            .map(|host| HostJson {
                host: host.host.to_string(),
                result: host.result.unwrap_or(HostResult::NotStarted),
                exit_code: host.exit_code,
                attempts: host.attempts,
                why: host.why,
            })
            .collect(),
    });
    RunJson {
        run,
        runbook: program.runbook.name.value.clone(),
        verdict,
        exit_status,
        steps: steps.collect(),
        symptoms: symptoms(program, state),
    }
}
