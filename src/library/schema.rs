//! The JSON Schemas of the inventory and of the policy, for editors: types that mirror what their readers take, word for word. Never decides
//! what is accepted: the readers do, and a test compares the two.

#![allow(dead_code, reason = "the types are shapes only; nothing of them is ever made")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::inventory::RESERVED;
use crate::text::{TextValue, WrittenValue, schema_of};

/// The schema of `team/inventory.yaml`.
pub fn inventory_schema() -> Value {
    schema_of::<Inventory>("inventory")
}

/// The schema of `team/policy.yaml`.
pub fn policy_schema() -> Value {
    schema_of::<Policy>("policy")
}

/// Letters, digits, dots, dashes and underscores.
const WORD: &str = "^[A-Za-z0-9_][A-Za-z0-9._-]*$";

/// A log-in name that `ssh` cannot take for an option.
const USER: &str = r"^[A-Za-z0-9._@+\\$][A-Za-z0-9._@+\\$-]*$";

fn words() -> Value {
    json!({ "pattern": WORD })
}

/// Names of hosts or groups: no words that selectors use for something else, but for these.
fn names(allowed: &[&str]) -> Value {
    let taken: Vec<&str> = RESERVED.into_iter().filter(|name| !allowed.contains(name)).collect();
    json!({ "pattern": WORD, "not": { "enum": taken } })
}

/// A team's hosts and groups.
#[derive(JsonSchema)]
struct Inventory {
    /// Hosts by the names that runbooks use: `hosts: {db-1: {address: 10.0.0.5}}`.
    #[schemars(extend("propertyNames" = names(&["local"]), "allOf" = json!([{ "properties": { "local": { "properties": this_machine("local") } } }])))]
    hosts: Option<BTreeMap<String, Host>>,
    /// Groups by name: their hosts, and what is said of all of them: `groups: {db: {hosts: [db-1, db-2], user: postgres}}`.
    #[schemars(extend("propertyNames" = names(&[])))]
    groups: Option<BTreeMap<String, Group>>,
    /// Hosts that other tools know, beside these: files of Ansible or OpenSSH, and scripts that print JSON: `hosts_from: [hosts.ini, ~/.ssh/config]`.
    #[schemars(length(min = 1, max = 32), extend("uniqueItems" = true))]
    hosts_from: Option<Vec<TextValue>>,
    /// The operator's OpenSSH: `ssh: {config: ~/.ssh/config}`.
    ssh: Option<Ssh>,
}

/// What does not fit this machine: how to reach it.
fn this_machine(connection: &str) -> Value {
    json!({ "connection": { "const": connection }, "address": false, "user": false, "port": false })
}

/// A machine.
#[derive(JsonSchema)]
#[schemars(extend("anyOf" = json!([{ "properties": { "connection": { "const": "ssh" } } }, { "properties": this_machine("local") }])))]
struct Host {
    /// Where it is, the host's name unless said: `address: 10.0.0.5`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9._:%\[\]][A-Za-z0-9._:%\[\]-]*$"))]
    address: Option<WrittenValue>,
    /// `local` for this machine; `ssh` unless said: `connection: local`.
    connection: Option<Connection>,
    /// The groups that it is in: `groups: [db]`.
    #[schemars(length(min = 1), extend("items" = names(&[])))]
    groups: Option<Vec<TextValue>>,
    /// The user who logs in: `user: ops`.
    #[schemars(regex(pattern = USER))]
    user: Option<TextValue>,
    /// The port of its SSH server: `port: 2222`.
    #[schemars(range(min = 1, max = 65535))]
    port: Option<u32>,
    /// Which part of the policy counts, `production` unless said: `environment: staging`.
    #[schemars(regex(pattern = WORD))]
    environment: Option<TextValue>,
    /// The folder on the host under which claims lie: `spool: /var/tmp/runbook`.
    #[schemars(regex(pattern = "^/"))]
    spool: Option<TextValue>,
}

/// How a host is reached.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Connection {
    /// By the operator's own OpenSSH.
    Ssh,
    /// It is this machine.
    Local,
}

/// Hosts that belong together.
#[derive(JsonSchema)]
struct Group {
    /// Its hosts: `hosts: [db-1, db-2]`.
    #[schemars(length(min = 1))]
    hosts: Option<Vec<TextValue>>,
    /// The user who logs in on each that does not say it: `user: postgres`.
    #[schemars(regex(pattern = USER))]
    user: Option<TextValue>,
    /// The port of each that does not say it: `port: 2222`.
    #[schemars(range(min = 1, max = 65535))]
    port: Option<u32>,
    /// The environment of each that does not say it: `environment: staging`.
    #[schemars(regex(pattern = WORD))]
    environment: Option<TextValue>,
    /// The folder for claims on each that does not say it: `spool: /var/tmp/runbook`.
    #[schemars(regex(pattern = "^/"))]
    spool: Option<TextValue>,
}

/// The operator's OpenSSH.
#[derive(JsonSchema)]
struct Ssh {
    /// Its configuration file: `config: ~/.ssh/config`.
    #[schemars(regex(pattern = "^[^-]"))]
    config: TextValue,
}

/// The least that a gate must ask, and who may be asked.
#[derive(JsonSchema)]
struct Policy {
    /// What ends the namespaces of signatures: `domain: example.com`.
    #[schemars(regex(pattern = "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))]
    domain: TextValue,
    /// People as in allowed_signers, with their groups: `people: {alice@example.com: {groups: [dba]}}`.
    #[schemars(extend("propertyNames" = json!({ "pattern": "@" })))]
    people: BTreeMap<String, Member>,
    /// For each environment and effect how many people must agree: `environments: {production: {once: {approvals: 1}}}`.
    #[schemars(extend("propertyNames" = words()))]
    environments: Option<BTreeMap<String, Environment>>,
    /// When lint asks for a new look at a runbook: `review: 180d`.
    #[schemars(regex(pattern = "^[0-9]+ *[a-z]"))]
    review: Option<TextValue>,
    /// Commands that lint refuses, and why: `deny: [{command: redis-cli keys, why: it blocks the server}]`.
    #[schemars(length(min = 1))]
    deny: Option<Vec<Denied>>,
    /// Commands that lint shall know as changing something: `changing: [haproxyctl disable]`.
    #[schemars(length(min = 1))]
    changing: Option<Vec<TextValue>>,
    /// What must have been rehearsed before it runs for real: `drills: {within: 30d, unchanged: true}`.
    drills: Option<Drills>,
}

/// A person.
#[derive(JsonSchema)]
struct Member {
    /// The groups that gates name: `groups: [dba, ic]`.
    #[schemars(length(min = 1), extend("items" = words(), "uniqueItems" = true))]
    groups: Option<Vec<TextValue>>,
}

/// Evidence is asked only of what destroys information.
fn no_evidence_elsewhere() -> Value {
    let none = json!({ "properties": { "evidence": false } });
    json!([{ "properties": { "read": none, "idempotent": none, "once": none } }])
}

/// How many people each effect asks.
#[derive(JsonSchema)]
#[schemars(extend("allOf" = no_evidence_elsewhere()))]
struct Environment {
    /// For what changes nothing: `read: {approvals: 0}`.
    read: Option<Floor>,
    /// For what may be repeated: `idempotent: {approvals: 1}`.
    idempotent: Option<Floor>,
    /// For what must not happen twice: `once: {approvals: 1}`.
    once: Option<Floor>,
    /// For what destroys information: `destructive: {approvals: 2}`.
    destructive: Option<Floor>,
}

/// What an effect asks.
#[derive(JsonSchema)]
struct Floor {
    /// People besides the one who runs it: `approvals: 2`.
    #[schemars(range(min = 0, max = 20))]
    approvals: u32,
    /// That a capture is kept before information is destroyed: `evidence: required`.
    evidence: Option<Duty>,
}

/// What is asked of a runbook before it runs for real.
#[derive(JsonSchema)]
#[schemars(extend("minProperties" = 1))]
struct Drills {
    /// Its last drill is at most so long ago: `within: 30d`.
    #[schemars(regex(pattern = "^[0-9]+ *[a-z]"))]
    within: Option<TextValue>,
    /// It was drilled as it is now: `unchanged: true`.
    unchanged: Option<bool>,
}

/// What is never left out.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Duty {
    /// A destructive step says which evidence it has, or why there is none.
    Required,
    /// It need not.
    Optional,
}

/// A command that is never to be used.
#[derive(JsonSchema)]
struct Denied {
    /// How it begins: `command: redis-cli keys`.
    command: TextValue,
    /// What is wrong with it: `why: it blocks the server while it looks at every key`.
    why: TextValue,
}
