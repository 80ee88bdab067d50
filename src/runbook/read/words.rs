//! The words of other tools, each with ours. Never accepts one of them.

use crate::text::Vocabulary;

/// At the top of a runbook.
pub(super) const RUNBOOK: Vocabulary = Vocabulary {
    foreign: &[
        ("name", "write `runbook: NAME`, the file's stem, and `title:` for people"),
        ("id", "write `runbook: NAME`, the file's stem"),
        ("hosts", "write `hosts:` on each step, or on a block around them"),
        ("tasks", "write `steps:`"),
        ("jobs", "write `steps:`"),
        ("plays", "write `steps:`"),
        ("sequence", "write `steps:`"),
        ("commands", "write `steps:`"),
        ("stages", "write `steps:`"),
        ("handlers", "write a step with `when:` after the one that it answers to"),
        ("vars", "write `parameters:`, each with a `type` and a `default`"),
        ("variables", "write `parameters:`, each with a `type` and a `default`"),
        ("inputs", "write `parameters:`"),
        ("options", "write `parameters:`"),
        ("params", "write `parameters:`"),
        ("env", "write `env:` on each step, or on a block around them"),
        ("become", "write `become: USER` on each step, or on a block around them"),
        ("timeout", "write `timeout:` on each step, or on a block around them"),
        ("author", "write `owner:`"),
        ("team", "write `owner:`"),
        ("tags", "leave it out, or keep it as `x-tags:`"),
        ("version", "leave it out: the file's digest is on record, and git has its history"),
        ("on", "runbooks are started by people: leave it out"),
        ("schedule", "runbooks are started by people: leave it out"),
        ("reviewed_at", "write `reviewed: YYYY-MM-DD`"),
        ("last_reviewed", "write `reviewed: YYYY-MM-DD`"),
        ("url", "write `links: {name: \"https://…\"}`"),
        ("approvers", "write `gate: {approvals: 1, from: [GROUP]}` on the step or block that needs it"),
        ("gate", "write it on the step or block that needs it"),
    ],
};

/// On a step or a block.
pub(super) const STEP: Vocabulary = Vocabulary {
    foreign: &[
        ("command", "write `run:`, or `check:` where it only looks"),
        ("cmd", "write `run:`, or `check:` where it only looks"),
        ("exec", "write `run:`, or `check:` where it only looks"),
        ("raw", "write `run:`"),
        ("timeout_minutes", "write `timeout: 10m`"),
        ("timeout_seconds", "write `timeout: 90s`"),
        ("timeout_in_minutes", "write `timeout: 10m`"),
        ("become_user", "write `become: USER`"),
        ("sudo", "write `become: root`"),
        ("user", "write `become: USER`; the log-in's own user is the inventory's"),
        ("remote_user", "set `user:` in the inventory"),
        ("environment", "write `env: {NAME: value}`; a host's environment is the inventory's"),
        ("environ", "write `env: {NAME: value}`"),
        ("chdir", "write `cwd: /path`"),
        ("dir", "write `cwd: /path`"),
        ("working_directory", "write `cwd: /path`"),
        ("on_error", "write `on_failure: ask`, `stop` or `continue`"),
        ("onfailure", "write `on_failure: ask`, `stop` or `continue`"),
        ("ignore_errors", "write `on_failure: continue`"),
        ("continue_on_error", "write `on_failure: continue`"),
        ("failed_when", "write `expect:` with what must hold"),
        ("changed_when", "write `effect: idempotent` and `done_when:` with a command that exits 0 when the work is in place"),
        ("creates", "write `done_when: test -e PATH`"),
        ("unless", "write `done_when:` with a command that exits 0 when the work is in place"),
        ("onlyif", "write `when:` with an expression"),
        ("if", "write `when:` with an expression"),
        ("condition", "write `when:` with an expression"),
        ("needs", "steps run in the order written: leave it out"),
        ("depends_on", "steps run in the order written: leave it out"),
        ("approvers", "write `gate: {approvals: 1, from: [GROUP]}`"),
        ("approval", "write `gate: {approvals: 1, from: [GROUP]}`"),
        ("approvals", "write `gate: {approvals: 1, from: [GROUP]}`"),
        ("approve", "write `gate: {approvals: 1, from: [GROUP]}`"),
        ("retries", "write `retry: {attempts: 3, delay: 5s}`"),
        ("attempts", "write `retry: {attempts: 3, delay: 5s}`"),
        ("delay", "write `retry: {attempts: 3, delay: 5s}`, or a step `wait: 5s`"),
        ("pause", "write `wait: 30s`, or `manual:` where a person must look"),
        ("sleep", "write `wait: 30s`"),
        ("output", "write `register: NAME`"),
        ("outputs", "write `register: NAME`"),
        ("save", "write `register: NAME`"),
        ("host", "write `hosts:`"),
        ("target", "write `hosts:`"),
        ("targets", "write `hosts:` here; names for selectors stand at the top under `targets:`"),
        ("delegate_to", "write `hosts:`"),
        ("nodes", "write `hosts:`"),
        ("description", "write `why:`"),
        ("title", "write `name:`"),
        ("desc", "write `why:`"),
        ("block", "write `steps:`"),
        ("tasks", "write `steps:`"),
        ("assert", "write `check:` with `expect:`"),
        ("verify", "write a step with `check:` after this one"),
        ("wait_for", "write `check:` with `until: {within: 2m}`"),
        ("instructions", "write `manual:` with what the person is to do"),
        ("prompt", "write `manual:` with what the person is to do"),
        ("loop", "write a block with `for_each: [a, b]`; its steps use `{{ item }}`"),
        ("with_items", "write a block with `for_each: [a, b]`; its steps use `{{ item }}`"),
        ("serial", "write `rolling: {serial: 1}` on a block, with `hosts:`"),
        ("max_fail_percentage", "write `max_failures: 1`, a number of hosts"),
        ("tags", "leave it out, or keep it as `x-tags:`"),
        ("uses", "write the command itself with `run:`"),
        ("copy", "write `put: {file: NAME, to: /path}`"),
        ("template", "write `put: {template: NAME, to: /path}`"),
        ("service", "write `run: systemctl restart NAME`; modules are not here, commands are"),
        ("systemd", "write `run: systemctl restart NAME`; modules are not here, commands are"),
        ("apt", "write `run: apt-get install -y NAME`; modules are not here, commands are"),
        ("package", "write `run: apt-get install -y NAME`; modules are not here, commands are"),
        ("file", "write `run:` with the command, or `put:` for a file's content"),
        ("lineinfile", "write `put:` for the whole file, or `run:` with the command"),
        ("notify", "write a step with `when:` after this one"),
        ("runs_on", "write `hosts:`"),
        ("fetch", "write `capture: {NAME: {file: /path}}`"),
        ("include", "write `call: RUNBOOK`"),
        ("import_playbook", "write `call: RUNBOOK`"),
        ("rollback", "write `undo:` on the steps, and `on_failure: rollback`"),
        ("finally", "write a block, `steps:`, with `always:`"),
        ("catch", "write a block, `steps:`, with `rescue:`"),
        ("on_error_steps", "write a block, `steps:`, with `rescue:`"),
    ],
};

/// In `gate:`.
pub(super) const GATE: Vocabulary = Vocabulary {
    foreign: &[
        ("approvers", "write `from: [GROUP]`"),
        ("groups", "write `from: [GROUP]`"),
        ("who", "write `from: [GROUP]`"),
        ("by", "write `from: [GROUP]`"),
        ("required", "write `approvals: 1`"),
        ("count", "write `approvals: 1`"),
        ("min", "write `approvals: 1`"),
        ("timeout", "write `expires: 15m`"),
        ("message", "write `ask:`"),
        ("prompt", "write `ask:`"),
        ("question", "write `ask:`"),
    ],
};

/// In a parameter.
pub(super) const PARAMETER: Vocabulary = Vocabulary {
    foreign: &[
        ("regex", "write `pattern:`"),
        ("help", "write `description:`"),
        ("choices", "write `type: enum` and `values: [a, b]`"),
        ("options", "write `type: enum` and `values: [a, b]`"),
        ("enum", "write `type: enum` and `values: [a, b]`"),
        ("minimum", "write `min:`"),
        ("maximum", "write `max:`"),
        ("value", "write `default:`"),
        ("optional", "give it a `default:`"),
    ],
};

/// In `until:` and `retry:`.
pub(super) const REPEAT: Vocabulary = Vocabulary {
    foreign: &[
        ("timeout", "write `within: 2m`"),
        ("interval", "write `every: 5s`"),
        ("delay_seconds", "write `delay: 5s`"),
        ("count", "write `attempts: 3`"),
        ("retries", "write `attempts: 3`"),
        ("times", "write `attempts: 3`, or `healthy: 3`"),
        ("max", "write `attempts: 3`"),
    ],
};

/// Where no other tool's word is likely.
pub(super) const PLAIN: Vocabulary = Vocabulary { foreign: &[] };

/// In `capture:`, for each artifact.
pub(super) const ARTIFACT: Vocabulary = Vocabulary {
    foreign: &[
        ("path", "write `file: /path`"),
        ("files", "write `file: /path/*.log`"),
        ("command", "write `run: COMMAND`"),
        ("tail", "write `last: 50MB`"),
        ("max", "write `last: 50MB`"),
        ("limit", "write `last: 50MB`"),
    ],
};

/// In `put:`.
pub(super) const PUT: Vocabulary = Vocabulary {
    foreign: &[
        ("dest", "write `to: /path`"),
        ("path", "write `to: /path`"),
        ("src", "write `file: NAME`, a file of runbooks/scripts/"),
        ("source", "write `file: NAME`, a file of runbooks/scripts/"),
        ("text", "write `content: |`"),
        ("group", "write `owner: user:group`"),
        ("backup", "leave it out: the old file is always kept"),
    ],
};

/// In `conclude:`.
pub(super) const CONCLUDE: Vocabulary = Vocabulary {
    foreign: &[
        ("verdict", "write such as `conclude: {no_action: \"why\"}`"),
        ("message", "write such as `conclude: {no_action: \"why\"}`"),
        ("ok", "write `recovered: \"why\"`"),
        ("success", "write `recovered: \"why\"`"),
        ("failed", "write `escalate: \"why\"`"),
        ("escalated", "write `escalate: \"why\"`"),
    ],
};

/// In `rolling:`.
pub(super) const ROLLING: Vocabulary = Vocabulary {
    foreign: &[
        ("batch", "write `serial: 1`"),
        ("batch_size", "write `serial: 1`"),
        ("max_unavailable", "write `serial: 1`"),
        ("max_fail_percentage", "write `max_failures: 1`, a number of hosts"),
        ("delay", "write `pause: 2m`"),
        ("wait", "write `pause: 2m`"),
    ],
};

/// In a secret.
pub(super) const SECRET: Vocabulary = Vocabulary {
    foreign: &[
        ("value", "a secret never stands in a runbook: write `env:`, `file:`, `command:` or `prompt: true`"),
        ("variable", "write `env: NAME`"),
        ("path", "write `file: /path`"),
        ("exec", "write `command: [pass, show, db]`"),
        ("vault", "write `command: [vault, kv, get, …]`"),
    ],
};

/// In a rule.
pub(super) const RULE: Vocabulary = Vocabulary {
    foreign: &[
        ("that", "write `require:`"),
        ("expr", "write `require:`"),
        ("assert", "write `require:`"),
        ("when", "write `require:` with what must hold"),
        ("error", "write `message:`"),
        ("fail_msg", "write `message:`"),
        ("msg", "write `message:`"),
    ],
};

/// In a symptom.
pub(super) const SYMPTOM: Vocabulary = Vocabulary {
    foreign: &[
        ("run", "write `check:`: a symptom is only looked at"),
        ("command", "write `check:`"),
        ("interval", "write `every: 5s`"),
        ("host", "write `hosts:`"),
    ],
};
