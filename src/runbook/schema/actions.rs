//! The shapes of what single actions say of themselves. Never has a word that all steps share.

use schemars::JsonSchema;

use super::step::Step;
use crate::text::{BytesValue, LibraryFile, PathValue, PeriodTemplate, TextValue, WrittenValue, one_of};

/// One artifact: what a command prints, or what a file holds.
#[derive(JsonSchema)]
#[schemars(extend("oneOf" = one_of(&["run", "file"])))]
pub(super) struct Artifact {
    /// A command whose output is kept: `run: "psql -XAc 'select * from pg_stat_activity'"`.
    run: Option<TextValue>,
    /// A file, or files by a pattern of the shell: `file: /var/log/app/*.log`.
    file: Option<PathValue>,
    /// How much of its end is kept: `last: 50MB`.
    last: Option<BytesValue>,
}

/// A file that is written; the old one is kept, and it undoes itself.
#[derive(JsonSchema)]
#[schemars(extend("oneOf" = one_of(&["content", "file", "template"])))]
pub(super) struct Put {
    /// Where, an absolute path: `to: /etc/app.conf`.
    to: PathValue,
    /// What it holds, values inserted: `content: "workers = {{ workers }}"`.
    content: Option<WrittenValue>,
    /// A file of the library's scripts/, as it is: `file: app.conf`.
    file: Option<LibraryFile>,
    /// A file of the library's scripts/, values inserted: `template: app.conf.tmpl`.
    template: Option<LibraryFile>,
    /// Its permissions, octal digits: `mode: "0644"`.
    mode: Option<Mode>,
    /// Whose it is: `owner: app:app`.
    owner: Option<TextValue>,
}

/// Octal digits, quoted or not.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Mode {
    /// Quoted.
    Text(#[schemars(regex(pattern = "^[0-7]{3,4}$"))] String),
    /// As YAML reads it: a decimal number.
    Number(#[schemars(range(min = 100, max = 7777))] u32),
}

/// One way that a person may choose; without steps it does nothing.
#[derive(JsonSchema)]
pub(super) struct Choice {
    /// What speaks for it: `why: The disk is known to be good`.
    why: Option<TextValue>,
    /// What is done then: `steps: [{name: Try again, run: retry-it}]`.
    #[schemars(length(min = 1))]
    steps: Option<Vec<Step>>,
}

/// A length of time, or what is waited for.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Wait {
    For(PeriodTemplate),
    Until(WaitUntil),
}

/// A command that is repeated until it exits with 0.
#[derive(JsonSchema)]
pub(super) struct WaitUntil {
    /// A command that only looks: `until: pg_isready`.
    until: TextValue,
    /// At most this long: `within: 2m`.
    within: PeriodTemplate,
    /// The time between two looks: `every: 5s`.
    every: Option<PeriodTemplate>,
    /// How many times in a row it must hold: `healthy: 3`.
    #[schemars(range(min = 1, max = 100))]
    healthy: Option<u32>,
}

/// How the run ends here: one verdict, with a sentence that says why.
#[derive(JsonSchema)]
#[schemars(extend("oneOf" = one_of(&["recovered", "no_action", "escalate"])))]
pub(super) struct Conclude {
    /// What was wrong is right again: `recovered: "The primary answers"`.
    recovered: Option<TextValue>,
    /// Nothing was to be done: `no_action: "The node is being replaced"`.
    no_action: Option<TextValue>,
    /// Somebody else must go on: `escalate: "The vendor must replace the disk"`.
    escalate: Option<TextValue>,
}
