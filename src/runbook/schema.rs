//! The JSON Schema of a runbook, for editors: made of types that mirror what the reader takes, word for word. Never decides what is accepted:
//! the reader does, and a test compares the two.

#![allow(dead_code, reason = "the types are shapes only; nothing of them is ever made")]

mod actions;
mod blocks;
mod parameters;
mod step;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use crate::text::{PeriodValue, SlugValue, TextValue, WrittenValue, schema_of};
use parameters::{Parameter, Secret, target_names, value_names};
use step::Step;

/// The schema of a runbook's file.
pub fn schema() -> Value {
    schema_of::<Runbook>("runbook")
}

/// A runbook: one file of the library.
#[derive(JsonSchema)]
struct Runbook {
    /// The runbook's name, equal to the file's stem: `runbook: restart-db` in restart-db.yaml.
    runbook: SlugValue,
    /// What it is for, in a line: `title: Restart a wedged PostgreSQL primary`.
    title: TextValue,
    /// When to use it and when not, as Markdown: `description: Use when the primary accepts connections and answers nothing.`
    description: Option<TextValue>,
    /// The team that keeps it: `owner: database`.
    owner: Option<TextValue>,
    /// The day on which somebody last read it as a whole; lint warns when that is long ago: `reviewed: 2026-11-01`.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    reviewed: Option<TextValue>,
    /// Named addresses for the one who runs it: `links: {dashboard: "https://grafana.example.com/d/db"}`.
    #[schemars(extend("allOf" = json!([{ "additionalProperties": { "not": { "pattern": r"\{\{" } } }])))]
    links: Option<BTreeMap<String, TextValue>>,
    /// Values that are given when it is run, by `-p name=value`: `parameters: {unit: {type: string, default: postgresql}}`.
    #[schemars(extend("propertyNames" = value_names()))]
    parameters: Option<BTreeMap<String, Parameter>>,
    /// Values that no record, report or command line ever holds; they reach a step only through `env:`: `secrets: {db_password: {env: PGPASSWORD}}`.
    #[schemars(extend("propertyNames" = value_names()))]
    secrets: Option<BTreeMap<String, Secret>>,
    /// Conditions across parameters, each with what is said where it does not hold: `rules: [{require: "low < high", message: "low must be below high"}]`.
    #[schemars(length(min = 1))]
    rules: Option<Vec<Rule>>,
    /// What people notice, looked at before, during and after a run: `symptoms: {queries answered: {hosts: db, check: "psql -c 'select 1'", every: 5s}}`.
    #[schemars(extend("propertyNames" = json!({ "pattern": "[A-Za-z0-9]" })))]
    symptoms: Option<BTreeMap<String, Symptom>>,
    /// Names for selectors, so that steps say `primary` and the inventory's names stand in one place: `targets: {primary: db-primary}`.
    #[schemars(extend("propertyNames" = target_names()))]
    targets: Option<BTreeMap<String, TextValue>>,
    /// What is done, one after another; each has a name and one action: `steps: [{name: Look, hosts: web, check: uptime}]`.
    #[schemars(length(min = 1))]
    steps: Vec<Step>,
    /// What is done where a step has failed after the point of no return: `after_no_return: [{name: Call the vendor, manual: Call them.}]`.
    #[schemars(length(min = 1))]
    after_no_return: Option<Vec<Step>>,
}

/// A condition across parameters.
#[derive(JsonSchema)]
struct Rule {
    /// An expression over parameters that must hold: `require: "low < high"`.
    require: WrittenValue,
    /// What is said where it does not hold: `message: low must be below high`.
    message: TextValue,
}

/// What people notice, such as queries that are not answered.
#[derive(JsonSchema)]
struct Symptom {
    /// Where it is looked at, a selector: `hosts: primary`.
    hosts: TextValue,
    /// A command that only looks; the symptom is cleared where it exits with 0: `check: psql -XAtc 'select 1'`.
    check: TextValue,
    /// An expression over what the look printed, in place of exit status 0: `expect: stdout == "1"`.
    expect: Option<WrittenValue>,
    /// How often it is looked at: `every: 5s`.
    every: Option<PeriodValue>,
    /// How long one look may take: `timeout: 10s`.
    timeout: Option<PeriodValue>,
}
