//! A runbook as one JSON object, for programs. Field names are a promise: see `docs/commands.md`.

mod step;

use serde::Serialize;

use super::page::kind;
use super::steps::Called;
use crate::base::{Period, StepId};
use crate::cli::secrets::{SecretJson, secrets_json};
use crate::runbook::{Parameter, RuleText, Runbook, Symptom};
use step::{StepJson, steps};

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
    rules: Vec<RuleJson<'r>>,
    symptoms: Vec<SymptomJson<'r>>,
    targets: Vec<TargetJson<'r>>,
    steps: Vec<StepJson<'r>>,
    /// What is done where a step has failed after the point of no return.
    after_no_return: Vec<StepJson<'r>>,
}

#[derive(Serialize)]
struct RuleJson<'r> {
    require: &'r str,
    message: &'r str,
}

#[derive(Serialize)]
struct SymptomJson<'r> {
    id: &'r StepId,
    name: &'r str,
    hosts: &'r str,
    check: &'r str,
    expect: Option<&'r str>,
    every_ms: Option<Period>,
    timeout_ms: Option<Period>,
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

/// The object of a runbook, with the steps of those that it calls where they are given.
pub fn show_json<'r>(runbook: &'r Runbook, called: &Called<'r>) -> ShowJson<'r> {
    ShowJson {
        name: &runbook.name.value,
        title: &runbook.title,
        description: runbook.description.as_deref(),
        owner: runbook.owner.as_deref(),
        reviewed: runbook.reviewed.as_ref().map(|date| date.value.as_str()),
        links: runbook.links.iter().map(|(name, link)| LinkJson { name, link }).collect(),
        parameters: runbook.parameters.iter().map(parameter).collect(),
        secrets: secrets_json(runbook),
        rules: runbook.rules.iter().map(rule).collect(),
        symptoms: runbook.symptoms.iter().map(symptom).collect(),
        targets: runbook.targets.iter().map(|(name, hosts)| TargetJson { name: &name.value, hosts: &hosts.value }).collect(),
        steps: steps(&runbook.steps, "", called),
        after_no_return: steps(&runbook.after_no_return, &format!("{}.", runbook.steps.len() + 1), called),
    }
}

fn rule(rule: &RuleText) -> RuleJson<'_> {
    RuleJson { require: &rule.require.value, message: &rule.message }
}

fn symptom(symptom: &Symptom) -> SymptomJson<'_> {
    SymptomJson {
        id: &symptom.id,
        name: &symptom.name.value,
        hosts: &symptom.hosts.value,
        check: &symptom.check.value,
        expect: symptom.expect.as_ref().map(|expect| expect.value.as_str()),
        every_ms: symptom.every.as_ref().map(|every| every.value),
        timeout_ms: symptom.timeout.as_ref().map(|timeout| timeout.value),
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
