//! Codes of a runbook within its library, RB5xx: names, selectors, templates, gates. Only tells; the plan judges.

use super::Example::{Runbook, Steps, Words};
use super::{Explanation, code};

pub(super) const WITHIN: [Explanation; 15] = [
    code(
        "RB501",
        "template",
        "A template or an expression is not well-formed.",
        (Steps, "- {name: x, hosts: local, check: \"echo {{ host\", timeout: 5s}"),
        "mend it at its place: `{{ name }}`, and expressions without braces",
    ),
    code(
        "RB502",
        "no-safe-place",
        "A value stands where no quoting makes it safe: in backticks, within `${…}`, in a text that a second shell reads.",
        (Steps, "- {name: x, hosts: local, check: \"sh -c 'echo {{ host }}'\", timeout: 5s}"),
        "do as the message says; mostly the value can be passed as an argument or by `env:`",
    ),
    code(
        "RB503",
        "unknown-name",
        "A name is no parameter and no result of a step before.",
        (Steps, "- {name: x, hosts: local, check: \"echo {{ nobody }}\", timeout: 5s}"),
        "define it under `parameters:`, or `register:` it in a step before",
    ),
    code(
        "RB504",
        "behind-same-gate",
        "A step needs what is found out behind the same gate, so that it could not be shown to who approves it.",
        (
            Steps,
            "- name: b\n  hosts: local\n  timeout: 5s\n  gate: {approvals: 1}\n  steps:\n    - {name: x, check: date, register: day}\n    - {name: y, run: \"echo {{ day.stdout }}\"}\n    - {name: z, check: date}",
        ),
        "give the step a gate of its own, or find it out before the gate",
    ),
    code(
        "RB505",
        "no-host",
        "A selector names no host, which is always refused.",
        (Steps, "- {name: x, hosts: \"web-1 & !web-1\", check: uptime, timeout: 5s}"),
        "look at team/inventory.yaml",
    ),
    code(
        "RB506",
        "unfillable-gate",
        "A gate that asks more people than the library has stops the run at night, until it expires.",
        (Words, "`gate: {approvals: 3}` in a team of two"),
        "ask fewer people, or give more of them a key in team/allowed_signers",
    ),
    code(
        "RB508",
        "default-not-here",
        "A parameter's default is no host of this library.",
        (
            Runbook,
            "runbook: example\ntitle: T\nparameters: {where: {type: host, default: nowhere}}\nsteps:\n  - {name: x, hosts: \"{{ where }}\", check: uptime, timeout: 5s}",
        ),
        "write a default that this library knows, or none",
    ),
    code(
        "RB510",
        "broken-call",
        "A called runbook is not there, cannot be read, or calls this one again.",
        (Steps, "- {name: x, call: nowhere}"),
        "call a runbook of this library that does not call this one",
    ),
    code(
        "RB511",
        "call-parameters",
        "A call gives a parameter that the called runbook does not have, or leaves out one that it requires.",
        (Words, "`with: {hots: db-1}` for a runbook with the parameter `hosts`"),
        "write under `with:` what the called runbook asks for",
    ),
    code(
        "RB512",
        "missing-file",
        "A step sends a file of the library's scripts/ that is not there.",
        (Words, "`script: nowhere.sh` in a library without scripts/nowhere.sh"),
        "put the file into scripts/, or write the name of one that is there",
    ),
    code(
        "RB513",
        "wrong-shebang",
        "The first line of a script names another shell than the one that the step runs it with.",
        (Words, "a file that begins with `#!/bin/bash`, sent without `shell: bash`"),
        "write `shell:` with the shell of the first line, or change that line",
    ),
    code(
        "RB515",
        "evidence-required",
        "The policy asks for evidence before information is destroyed, and this step names none.",
        (Words, "`effect: destructive` without `evidence:`, where the policy says `evidence: required`"),
        "keep it by `capture:` before the step and name that capture, or waive it: `evidence: {waive: \"why\"}`, which asks two people",
    ),
    code(
        "RB516",
        "shown-secret",
        "A secret stands where it would be shown, recorded or sent on a command line. It reaches a step only as the whole of a value of `env:`.",
        (Words, "`run: mysql -p{{ db_password }}`"),
        "give it by `env: {NAME: \"{{ secret }}\"}` alone, and let the command read that variable",
    ),
    code(
        "RB517",
        "unused-secret",
        "A secret that no step is given would be fetched for nothing.",
        (Words, "`secrets: {db_password: {env: PGPASSWORD}}` and no step with it in `env:`"),
        "remove it, or name it in a step's `env:`",
    ),
    code(
        "RB518",
        "evidence-of-others",
        "The capture that a destructive step names keeps nothing of a host on which it runs, or does not stand where it could.",
        (
            Steps,
            "- {name: Keep, hosts: web-1, capture: {a.txt: {run: date}}, timeout: 5s}\n- {name: x, hosts: db-primary, run: a, effect: destructive, evidence: keep, timeout: 5s}",
        ),
        "give the capture the same `hosts:`, or name one more; it stands before the step, in the same loops or in none",
    ),
];
