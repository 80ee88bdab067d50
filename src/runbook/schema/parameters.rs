//! The shapes of parameters, answers and secrets. Never checks a default against its own rules; the reader does.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::super::read::names::TAKEN;
use crate::text::{TextValue, WrittenValue, one_of};

/// Names that environments, and the parameters of other runbooks, take.
pub(super) fn identifiers() -> Value {
    json!({ "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" })
}

/// Names that expressions take, where they mean nothing else there.
pub(super) fn value_names() -> Value {
    json!({ "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "not": { "enum": TAKEN } })
}

/// Names that selectors take; some have a meaning of their own.
pub(super) fn target_names() -> Value {
    json!({ "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*$", "not": { "enum": ["all", "local"] } })
}

/// A value that is given when the runbook is run.
#[derive(JsonSchema)]
#[schemars(extend("allOf" = kinds_and_their_words()))]
pub(super) struct Parameter {
    /// What the value must be: `type: duration`.
    #[schemars(rename = "type")]
    kind: ParameterType,
    /// The value where none is given; without a default the parameter is required: `default: 2m`.
    default: Option<WrittenValue>,
    /// Whether it must be given, where you like to say it: `required: true`.
    required: Option<bool>,
    /// The values of an enum: `values: [soft, hard]`.
    #[schemars(length(min = 1))]
    values: Option<Vec<WrittenValue>>,
    /// A regular expression that the whole text must match: `pattern: "[a-z0-9@._-]+"`.
    pattern: Option<TextValue>,
    /// The least value, of numbers, durations and bytes: `min: 100MB`.
    min: Option<WrittenValue>,
    /// The greatest value, of numbers, durations and bytes: `max: 10m`.
    max: Option<WrittenValue>,
    /// What it is, shown to the one who is asked for it: `description: The systemd unit`.
    description: Option<TextValue>,
}

/// What a parameter's text must be.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum ParameterType {
    /// Any text, or what `pattern:` matches.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A length of time with its unit: `90s`, `10m`, `1h30m`.
    Duration,
    /// An amount with its unit: `50MB`, `64KiB`.
    Bytes,
    /// One of `values:`.
    Enum,
    /// The name of one host of the inventory.
    Host,
    /// A selector: `"web & !web-1"`.
    Hosts,
}

fn kinds_and_their_words() -> Value {
    let is = |kinds: &[&str]| json!({ "properties": { "type": { "enum": kinds } }, "required": ["type"] });
    let text = json!({ "type": "string" });
    json!([
        { "if": is(&["enum"]), "then": { "required": ["values"] }, "else": { "properties": { "values": false } } },
        { "if": is(&["string"]), "else": { "properties": { "pattern": false } } },
        { "if": is(&["integer", "number", "duration", "bytes"]), "else": { "properties": { "min": false, "max": false } } },
        { "if": is(&["boolean"]), "then": { "properties": { "default": { "enum": [true, false] } } } },
        { "if": is(&["duration", "bytes"]), "then": { "properties": { "default": text, "min": text, "max": text } } },
        { "if": { "required": ["default"] }, "then": { "properties": { "required": { "const": false } } } },
        { "if": { "required": ["required"], "properties": { "required": { "const": false } } }, "then": { "required": ["default"] } },
    ])
}

/// Where a secret is fetched when it is first needed; it never stands in a runbook.
#[derive(JsonSchema)]
#[schemars(extend("oneOf" = one_of(&["env", "file", "command", "prompt"]), "dependencies" = json!({ "hosts": ["file"] })))]
pub(super) struct Secret {
    /// A variable of the operator's environment: `env: PGPASSWORD`.
    env: Option<TextValue>,
    /// A file on the operator's machine, or with `hosts:` on those hosts: `file: /etc/app/secret`.
    file: Option<TextValue>,
    /// A command on the operator's machine that prints it, word by word: `command: [pass, show, db]`.
    #[schemars(length(min = 1))]
    command: Option<Vec<WrittenValue>>,
    /// Asked for at the terminal: `prompt: true`.
    #[schemars(extend("const" = true))]
    prompt: Option<bool>,
    /// The hosts that have the `file:`, which then never leaves them: `hosts: primary`.
    hosts: Option<TextValue>,
}
