//! The JSON Schema of a scenario, for editors: types that mirror what its reader takes, word for word. Never decides what is accepted: the
//! reader does, and a test compares the two.

#![allow(dead_code, reason = "the types are shapes only; nothing of them is ever made")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::scenario::{RESULTS, VERDICTS};
use crate::text::{PeriodValue, TextValue, WrittenValue, schema_of};

/// The schema of `drills/RUNBOOK/NAME.yaml`.
pub fn scenario_schema() -> Value {
    schema_of::<Scenario>("scenario")
}

/// A person's address.
const PERSON: &str = "@";

/// A step that may have one thing of its own beside it, and no second one.
fn one_alone() -> Value {
    json!({ "minProperties": 1, "maxProperties": 1 })
}

/// Nobody can follow a runner that was not killed.
fn follows_who_was_killed() -> Value {
    json!({ "follows": { "required": ["breaks"], "properties": { "breaks": { "const": "runner" } } } })
}

/// One rehearsal of a runbook: what each host answers, what people say, and how it must end.
#[derive(JsonSchema)]
struct Scenario {
    /// The runbook that is rehearsed, which is also the folder's name: `drill: restart-db`.
    drill: TextValue,
    /// What happens, in a sentence: `title: The server comes back as a standby`.
    title: TextValue,
    /// Values for the runbook, as `-p` gives them: `parameters: {unit: postgresql}`.
    parameters: Option<BTreeMap<String, WrittenValue>>,
    /// Who runs it, the first person of the policy unless said: `runs_as: alice@example.com`.
    #[schemars(regex(pattern = PERSON))]
    runs_as: Option<TextValue>,
    /// When it begins, in UTC; the same night for every drill unless said: `begins: 2026-11-24T04:00:00Z`.
    #[schemars(regex(pattern = r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}[Tt ][0-9:.,]+ ?([Zz]|[+-][0-9:]+)"))]
    begins: Option<TextValue>,
    /// What becomes of a command that no rule knows, and of a person who is not named: `otherwise: as_expected`.
    otherwise: Option<Otherwise>,
    /// How hosts answer, by selector; of several rules that match, the last one counts: `hosts: {db-1: [{on: uptime, says: up}]}`.
    hosts: Option<BTreeMap<String, Host>>,
    /// What people say at a step, in turn: `people: {look-at-the-dashboard: done}`.
    people: Option<BTreeMap<String, Turns>>,
    /// The step during which the one who runs it presses Ctrl-C: `stops: restart-it`.
    stops: Option<Stops>,
    /// Who answers gates; everybody who is asked, at once, unless said: `approvals: [bob@example.com]`, and `[]` for nobody.
    approvals: Option<Vec<Approval>>,
    /// What must come of it: `expect: {verdict: recovered}`.
    expect: Expect,
}

/// What becomes of what nobody wrote.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Otherwise {
    /// No such command is found, and the drill says so.
    Unknown,
    /// It is as its step expects, as far as that can be guessed.
    AsExpected,
}

/// How a host behaves.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Host {
    Rules(Vec<Rule>),
    More(HostWithFiles),
}

/// A host with more than rules.
#[derive(JsonSchema)]
struct HostWithFiles {
    /// It cannot be reached: `down: true`.
    down: Option<bool>,
    /// Its files: what captures keep, what `put:` finds, what secrets are read from: `files: {/etc/motd: hello}`.
    files: Option<BTreeMap<String, WrittenValue>>,
    /// Its answers: `rules: [{on: uptime, says: up}]`.
    #[schemars(length(min = 1))]
    rules: Option<Vec<Rule>>,
}

/// One answer.
#[derive(JsonSchema)]
#[schemars(extend("anyOf" = crate::text::one_of(&["on", "is"]), "dependencies" = follows_who_was_killed()))]
struct Rule {
    /// A piece of the command's text, or pieces that must all be in it: `on: systemctl restart`.
    on: Option<Pieces>,
    /// The whole of the command's text: `is: uptime`.
    is: Option<WrittenValue>,
    /// It counts once a command with this piece has gone well on any host: `after: systemctl restart`.
    after: Option<WrittenValue>,
    /// It counts once a command with this piece has gone well on this host: `after_here: systemctl restart`.
    after_here: Option<WrittenValue>,
    /// It counts while facts have these values: `if: {leader: db-2}`.
    r#if: Option<BTreeMap<String, WrittenValue>>,
    /// How often it counts on a host: `times: 1`.
    #[schemars(range(min = 1, max = 10000))]
    times: Option<u32>,
    /// What the command prints: `says: up`.
    says: Option<WrittenValue>,
    /// What it prints on standard error: `complains: no such unit`.
    complains: Option<WrittenValue>,
    /// Its exit status, 0 unless said: `exits: 1`.
    #[schemars(range(min = 0, max = 255))]
    exits: Option<u32>,
    /// How long it takes: `takes: 30s`.
    takes: Option<PeriodValue>,
    /// What it makes so, once it has run: `sets: {leader: db-2}`.
    sets: Option<BTreeMap<String, WrittenValue>>,
    /// What goes wrong around it: `breaks: during`.
    breaks: Option<Break>,
    /// Whether another runner goes on after `breaks: runner`, as one does unless said: `follows: false`.
    follows: Option<bool>,
    /// The host starts anew, and is gone for so long: `reboots: 40s`.
    reboots: Option<PeriodValue>,
    /// Whether what it prints ends its last line, as it does unless said: `newline: false`.
    newline: Option<bool>,
}

/// One piece or several.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Pieces {
    One(WrittenValue),
    All(Vec<WrittenValue>),
}

/// What goes wrong around a command.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Break {
    /// The connection is lost before it starts.
    Before,
    /// The connection is lost while it runs, and it goes on.
    During,
    /// The host forgets it afterwards.
    After,
    /// It never ends.
    Stalls,
    /// The host has no room for the claim.
    Full,
    /// The runner is killed meanwhile.
    Runner,
}

/// What is said at a step, once or in turn.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Turns {
    Word(TextValue),
    Done(Done),
    InTurn(Vec<Said>),
}

/// `done`, `not-done`, an option's name, `retry`, `skip`, `rollback`, `stop`, `release`, `keep`, `silent`; or what is asked back.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Said {
    Word(TextValue),
    Done(Done),
}

/// It is done, and this is asked back.
#[derive(JsonSchema)]
struct Done {
    /// What the step asks back: `done: {ticket: OPS-1}`.
    done: BTreeMap<String, WrittenValue>,
}

/// A step, or how a run is stopped there.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Stops {
    At(TextValue),
    How(Stop),
}

/// How a run is stopped.
#[derive(JsonSchema)]
struct Stop {
    /// The step: `at: restart-it`.
    at: TextValue,
    /// Whether it is pressed twice, so that what runs is ended on its hosts, too: `now: true`.
    now: Option<bool>,
}

/// Somebody who answers gates.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Approval {
    Person(#[schemars(regex(pattern = PERSON))] String),
    Approver(Approver),
}

/// Somebody who answers later, or otherwise.
#[derive(JsonSchema)]
struct Approver {
    /// Who: `by: bob@example.com`.
    #[schemars(regex(pattern = PERSON))]
    by: TextValue,
    /// How long after the gate has opened: `after: 10m`.
    after: Option<PeriodValue>,
    /// Why it is denied: `denies: not tonight`.
    denies: Option<TextValue>,
}

/// What must come of a drill; only what is said is compared.
#[derive(JsonSchema)]
struct Expect {
    /// How the run ends: `verdict: recovered`.
    #[schemars(extend("enum" = json!(VERDICTS)))]
    verdict: TextValue,
    /// A piece of the last sentence: `says: all members answer`.
    says: Option<WrittenValue>,
    /// Results by step, or by step and host: `steps: {restart-it: {web-1: ok, web-2: failed}}`.
    steps: Option<BTreeMap<String, Results>>,
    /// Steps that run in this order, each with its host where that is said: `order: [look, {restart-it: web-1}]`.
    order: Option<Vec<OneStep>>,
    /// All that is undone, in order: `undone: [stop-it]`.
    undone: Option<Vec<WrittenValue>>,
    /// All that is held in the end, each with a piece of the command that would give it back where that is said: `held: [{silence: amtool silence expire}]`.
    held: Option<Vec<OneStep>>,
    /// Pieces that each stand in a line of the timeline: `record: [as a substitute]`.
    record: Option<Vec<WrittenValue>>,
    /// Pieces of commands that are never sent: `never: [systemctl stop]`.
    never: Option<Vec<WrittenValue>>,
    /// How long it may take, by the drill's clock: `within: 10m`.
    within: Option<PeriodValue>,
}

/// A result, or one for each host.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Results {
    All(#[schemars(extend("enum" = json!(RESULTS)))] String),
    ByHost(#[schemars(extend("additionalProperties" = json!({ "type": "string", "enum": RESULTS })))] BTreeMap<String, String>),
}

/// A step, alone or with one thing of it.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OneStep {
    Alone(WrittenValue),
    With(#[schemars(extend("allOf" = json!([one_alone()])))] BTreeMap<String, WrittenValue>),
}
