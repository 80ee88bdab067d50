//! The shape of a step: its action and the words that all steps share. Which of them fit an action is the reader's own table.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::super::read::kinds::{FITS, Kind};
use super::actions::{Artifact, Choice, Conclude, Put, Wait};
use super::blocks::{ForEach, ReleaseWhen, Rolling};
use super::parameters::{Parameter, identifiers, value_names};
use crate::text::{BytesValue, LibraryFile, PeriodTemplate, PeriodValue, SlugValue, TextValue, WrittenValue, one_of};

/// A step: a name, exactly one action, and what else is to be said of it.
#[derive(JsonSchema)]
#[schemars(extend("oneOf" = actions(), "allOf" = fits(), "dependencies" = json!({ "acquire": ["release"], "release": ["acquire"], "release_when": ["acquire"] })))]
pub(super) struct Step {
    /// What it does, in a line; its id is made of it: `name: Restart the server`.
    #[schemars(regex(pattern = "[A-Za-z0-9]"))]
    name: TextValue,
    /// Its name for the command line and the record, where that of `name:` will not do: `id: restart-db-2`.
    id: Option<SlugValue>,
    /// Prose beside the step, for the person who reads it at night: `why: A restart destroys this; the output is kept.`
    why: Option<TextValue>,
    /// Action: a command of POSIX sh that changes something: `run: systemctl restart {{ unit }}`.
    run: Option<TextValue>,
    /// Action: a file of the library's scripts/, sent as it is: `script: purge-logs.sh`.
    script: Option<LibraryFile>,
    /// Action: a command that only looks: `check: psql -XAtc 'select 1'`.
    check: Option<TextValue>,
    /// Action: keeps evidence as named artifacts: `capture: {server.log: {file: /var/log/app.log, last: 50MB}}`.
    #[schemars(extend("minProperties" = 1, "propertyNames" = json!({ "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*$" })))]
    capture: Option<BTreeMap<String, Artifact>>,
    /// Action: writes a file and keeps the old one: `put: {to: /etc/motd, content: "Under repair", mode: "0644"}`.
    put: Option<Put>,
    /// Action: restarts the host and waits until it has started anew: `reboot: true`.
    #[schemars(extend("const" = true))]
    reboot: Option<bool>,
    /// Action: a person does it: `manual: Set the status page to "degraded".`
    manual: Option<TextValue>,
    /// Action: a person picks one of `options:`: `choose: Is the old primary coming back?`
    choose: Option<TextValue>,
    /// Action: lets time pass, or waits until a command exits with 0: `wait: 30s`, or `wait: {until: pg_isready, within: 2m}`.
    wait: Option<Wait>,
    /// Action: another runbook of this library: `call: restart-db`.
    call: Option<SlugValue>,
    /// Action: ends the run with a verdict and a sentence: `conclude: {no_action: "It recovered by itself"}`.
    conclude: Option<Conclude>,
    /// Action: a block of steps, for which the words on it count: `steps: [{name: One, run: a}, {name: Two, run: b}]`.
    #[schemars(length(min = 1))]
    steps: Option<Vec<Step>>,
    /// Another shell for `run:`, `check:` or `script:` than sh: `shell: bash`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9/._][A-Za-z0-9/._-]*$"))]
    shell: Option<TextValue>,
    /// The typed facts that a person gives back after `manual:`: `answers: {ticket: {type: string}}`.
    #[schemars(extend("propertyNames" = identifiers(), "allOf" = json!([{ "additionalProperties": { "properties": { "default": false, "required": false } } }])))]
    answers: Option<BTreeMap<String, Parameter>>,
    /// What a person chooses among, each with steps of its own: `options: {retry: {steps: […]}, skip: {}}`.
    #[schemars(extend("minProperties" = 2, "maxProperties" = 9))]
    options: Option<BTreeMap<String, Choice>>,
    /// Values for the parameters of a called runbook: `with: {unit: postgresql}`.
    #[schemars(extend("propertyNames" = identifiers()))]
    with: Option<BTreeMap<String, WrittenValue>>,
    /// On a block: what runs where a step of it has failed: `rescue: [{name: Say so, manual: Tell the channel.}]`.
    #[schemars(length(min = 1))]
    rescue: Option<Vec<Step>>,
    /// On a block: what runs in the end, however it went: `always: [{name: Clean up, run: rm -f /tmp/x}]`.
    #[schemars(length(min = 1))]
    always: Option<Vec<Step>>,
    /// On a block: the whole of it on one batch of hosts after another: `rolling: {serial: [1, 25%], pause: 2m}`.
    rolling: Option<Rolling>,
    /// On a block: the whole of it once for each, which its steps call `item`: `for_each: [a, b]`, or `for_each: "{{ found.value }}"`.
    for_each: Option<ForEach>,
    /// On a block: a command that takes what the block needs: `acquire: lockctl take deploys`.
    acquire: Option<TextValue>,
    /// On a block: the command that gives it back: `release: lockctl give deploys`.
    release: Option<TextValue>,
    /// On a block: when it is given back, `always` unless said: `release_when: success`.
    release_when: Option<ReleaseWhen>,
    /// On a block: a wish to stop waits until the block is over: `uninterruptible: true`.
    uninterruptible: Option<bool>,
    /// Where, a selector of hosts, groups and targets: `hosts: "web & !web-1"`; `local` is the operator's own machine.
    hosts: Option<TextValue>,
    /// How many hosts the selector must name, or nothing is done: `expect_hosts: 1`, or `expect_hosts: {min: 2, max: 5}`.
    expect_hosts: Option<HostCount>,
    /// An expression; where it is false the step is left out: `when: disk.value > 90`.
    when: Option<WrittenValue>,
    /// People who must agree before anything behind it runs: `gate: {approvals: 1, from: [dba, sre]}`.
    gate: Option<Gate>,
    /// The author's promise about doing it twice: `effect: idempotent`.
    effect: Option<Effect>,
    /// The user who runs it, through `sudo -n`: `become: postgres`.
    #[schemars(rename = "become", regex(pattern = r"\{\{|^[A-Za-z0-9_.@$+][A-Za-z0-9_.@$+-]*$"), extend("not" = json!({ "enum": ["true", "yes"] })))]
    user: Option<TextValue>,
    /// Variables of its environment; the only way of a secret into a step: `env: {PGUSER: postgres}`.
    #[schemars(extend("propertyNames" = identifiers()))]
    env: Option<BTreeMap<String, WrittenValue>>,
    /// The folder that it runs in: `cwd: /srv/app`.
    cwd: Option<TextValue>,
    /// How long one attempt may take on one host: `timeout: 90s`.
    #[schemars(extend("not" = json!({ "pattern": r"^[^{1-9]*$" })))]
    timeout: Option<PeriodTemplate>,
    /// How often a failed attempt is repeated, for effects `read` and `idempotent` only: `retry: {attempts: 3, delay: 5s}`.
    retry: Option<Retry>,
    /// The name of its result for later steps: `register: disk`.
    #[schemars(extend("allOf" = json!([value_names()])))]
    register: Option<TextValue>,
    /// What `value` is made of its output: `parse: int`, or `parse: {regex: "used=(?P<used>[0-9]+)"}`.
    parse: Option<Parse>,
    /// An expression over the result that must hold, in place of exit status 0: `expect: stdout == "1"`.
    expect: Option<WrittenValue>,
    /// On a `check:`: it is repeated until it holds: `until: {within: 2m, every: 5s, healthy: 3}`.
    until: Option<Until>,
    /// A command that exits with 0 when the work is in place already; the step is then skipped: `done_when: test -e /etc/done`.
    done_when: Option<TextValue>,
    /// What happens where it fails; a person is asked unless said: `on_failure: stop`.
    on_failure: Option<OnFailure>,
    /// How much of each stream is stored from its head, and as much from its tail: `max_output: 50MB`.
    max_output: Option<BytesValue>,
    /// How many hosts may fail before the step has failed: `max_failures: 1`.
    #[schemars(range(min = 0, max = 10000))]
    max_failures: Option<u32>,
    /// The way back, run newest first by a rollback: `undo: lbctl enable {{ host }}`.
    undo: Option<TextValue>,
    /// On a `destructive` step: the capture that must have been kept before: `evidence: save-the-logs`.
    evidence: Option<Evidence>,
    /// What a rehearsal does with the step: `in_drill: skip`.
    in_drill: Option<InDrill>,
    /// Once this has begun nothing is rolled back any more: `point_of_no_return: true`.
    point_of_no_return: Option<bool>,
}

fn actions() -> Value {
    one_of(&Kind::ALL.map(Kind::word))
}

/// Words that belong to some actions only, beside those of the reader's table.
const BELONGS: [(&str, &[Kind]); 12] = [
    ("shell", &[Kind::Run, Kind::Script, Kind::Check]),
    ("answers", &[Kind::Manual]),
    ("options", &[Kind::Choose]),
    ("with", &[Kind::Call]),
    ("rescue", &[Kind::Block]),
    ("always", &[Kind::Block]),
    ("rolling", &[Kind::Block]),
    ("for_each", &[Kind::Block]),
    ("acquire", &[Kind::Block]),
    ("release", &[Kind::Block]),
    ("release_when", &[Kind::Block]),
    ("uninterruptible", &[Kind::Block]),
];

/// For each action the words that it would not heed, and what some words ask of others.
fn fits() -> Value {
    let mut rules: Vec<Value> = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Wait).map(|kind| refused_on(kind, json!({}))).collect();
    rules.push(refused_on(Kind::Wait, json!({ "type": "string" })));
    rules.push(refused_on(Kind::WaitUntil, json!({ "type": "object" })));
    rules.push(json!({ "if": { "required": ["choose"] }, "then": { "required": ["options"] } }));
    rules.push(json!({ "if": { "required": ["check"] }, "then": { "properties": { "effect": { "const": "read" } } } }));
    rules.push(json!({ "if": { "required": ["evidence"] }, "then": { "properties": { "effect": { "const": "destructive" } }, "required": ["effect"] } }));
    rules.push(json!({ "if": { "required": ["undo"] }, "then": { "properties": { "effect": { "not": { "const": "read" } } } } }));
    rules.push(json!({ "if": { "required": ["manual", "register"] }, "then": { "required": ["answers"] } }));
    let repeats = json!({ "properties": { "effect": { "enum": ["read", "idempotent"] } }, "required": ["effect"] });
    let again =
        json!({ "anyOf": [{ "type": "integer", "minimum": 2 }, { "type": "object", "properties": { "attempts": { "minimum": 2 } } }] });
    rules.extend(
        ["run", "script"]
            .map(|action| json!({ "if": { "required": [action, "retry"], "properties": { "retry": again } }, "then": repeats })),
    );
    rules.push(json!({ "not": { "required": ["until", "retry"] } }));
    rules.push(json!({ "not": { "required": ["rolling", "for_each"] } }));
    Value::Array(rules)
}

fn refused_on(kind: Kind, value: Value) -> Value {
    let own = BELONGS.iter().filter(|(_, kinds)| !kinds.contains(&kind)).map(|(word, _)| *word);
    let common = FITS.iter().filter(|(word, _)| !kind.heeds(word)).map(|(word, _)| *word);
    let gate = matches!(kind, Kind::Call | Kind::Conclude).then_some("gate");
    let refused: serde_json::Map<String, Value> = own.chain(common).chain(gate).map(|word| (word.to_owned(), json!(false))).collect();
    let mut is = serde_json::Map::new();
    is.insert(kind.word().to_owned(), value);
    json!({ "if": { "required": [kind.word()], "properties": is }, "then": { "properties": refused } })
}

/// How many hosts a selector must name.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum HostCount {
    /// Exactly so many.
    Exactly(#[schemars(range(min = 1, max = 10000))] u32),
    Between(HostRange),
}

/// A least and a greatest number of hosts.
#[derive(JsonSchema)]
#[schemars(extend("anyOf" = one_of(&["min", "max"])))]
struct HostRange {
    /// At least so many: `min: 2`.
    #[schemars(range(min = 1, max = 10000))]
    min: Option<u32>,
    /// At most so many: `max: 5`.
    #[schemars(range(min = 1, max = 10000))]
    max: Option<u32>,
}

/// People who must agree before anything behind it runs; the policy can only add to it.
#[derive(JsonSchema)]
struct Gate {
    /// How many people besides the one who runs it: `approvals: 2`.
    #[schemars(range(min = 1, max = 20))]
    approvals: Option<u32>,
    /// Who may approve, groups or people; a list of lists asks one of each: `from: [dba, sre]`, or `from: [[dba], [ic]]`.
    from: Option<From>,
    /// Who may sign for whom when those do not answer in time: `instead: {of: dba, by: ic, after: 10m}`.
    instead: Option<Instead>,
    /// How long the request stays open, 15 minutes unless said: `expires: 30m`.
    expires: Option<PeriodValue>,
    /// A question that the approver reads: `ask: Is the standby caught up?`
    ask: Option<TextValue>,
}

/// Who may approve.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum From {
    /// Anyone of these.
    Any(#[schemars(length(min = 1), extend("uniqueItems" = true))] Vec<TextValue>),
    /// One of each, different people.
    Each(#[schemars(length(min = 1))] Vec<Vec<TextValue>>),
}

/// A substitute for people who do not answer.
#[derive(JsonSchema)]
struct Instead {
    /// A group or person of `from:`: `of: dba`.
    of: TextValue,
    /// The group or person who may sign in their place: `by: ic`.
    by: TextValue,
    /// After how long, counted from the request: `after: 10m`.
    after: PeriodValue,
}

/// The author's promise about doing it twice.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Effect {
    /// It changes nothing: it also runs in a dry run, and may be repeated.
    Read,
    /// Twice is as good as once: it may be repeated, up to `retry.attempts`.
    Idempotent,
    /// It must not happen twice: it is never started twice.
    Once,
    /// As `once`, and it destroys information: keep evidence before it.
    Destructive,
}

/// How often a failed attempt is repeated.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Retry {
    /// So many attempts.
    Attempts(#[schemars(range(min = 1, max = 100))] u32),
    Spaced(SpacedRetry),
}

/// Attempts with time between them.
#[derive(JsonSchema)]
struct SpacedRetry {
    /// How many attempts at most: `attempts: 3`.
    #[schemars(range(min = 1, max = 100))]
    attempts: u32,
    /// The time between two of them: `delay: 5s`.
    delay: Option<PeriodTemplate>,
    /// By what the delay grows each time: `backoff: 2`.
    #[schemars(range(min = 1, max = 10))]
    backoff: Option<u32>,
}

/// What `value` is made of the output.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Parse {
    Format(Format),
    Regex(Pattern),
}

/// A format that output is read as.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Format {
    /// JSON.
    Json,
    /// A list of lines.
    Lines,
    /// A whole number.
    Int,
    /// A list of maps, by the header line.
    Csv,
    /// A map of `key=value`, `key: value` or `key value`.
    Pairs,
}

/// A pattern whose groups are the value.
#[derive(JsonSchema)]
struct Pattern {
    /// Its named groups as a map, or its first group: `regex: "used=(?P<used>[0-9]+)"`.
    regex: TextValue,
}

/// How long and how often a look is repeated until it holds.
#[derive(JsonSchema)]
struct Until {
    /// At most this long: `within: 2m`.
    within: PeriodTemplate,
    /// The time between two looks: `every: 5s`.
    every: Option<PeriodTemplate>,
    /// How many times in a row it must hold: `healthy: 3`.
    #[schemars(range(min = 1, max = 100))]
    healthy: Option<u32>,
}

/// What happens where a step fails.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum OnFailure {
    /// A person decides at the terminal; without one it is `stop`.
    Ask,
    /// The run stops.
    Stop,
    /// The run goes on.
    Continue,
    /// The `undo:` of what was done runs, newest first.
    Rollback,
}

/// What must have been kept before information is destroyed.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Evidence {
    /// The id of a capture.
    From(TextValue),
    /// Ids of captures.
    FromEach(#[schemars(length(min = 1))] Vec<TextValue>),
    Waived(Waiver),
}

/// No evidence, and why.
#[derive(JsonSchema)]
struct Waiver {
    /// Why none can be kept; such a step asks two people: `waive: the disk is gone`.
    waive: TextValue,
}

/// What a rehearsal does with a step.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum InDrill {
    /// It runs, on simulated hosts.
    Run,
    /// It is left out.
    Skip,
}
