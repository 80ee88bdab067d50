//! Codes of lint, RB2xx: what reads well and goes wrong at night. Only tells; lint judges.

use super::Example::{Runbook, Steps, Top, Words};
use super::{Explanation, code};

pub(super) const HABITS: [Explanation; 19] = [
    code(
        "RB201",
        "read-changes",
        "A step that is called read passes no gate and runs in a dry run, so a command in it that changes something would run unapproved.",
        (Steps, "- name: Is the lock free\n  hosts: local\n  check: rm -f /run/app.lock\n  timeout: 5s"),
        "write `run:` with its effect; the policy's `changing:` teaches lint your own commands",
    ),
    code(
        "RB202",
        "unverified-change",
        "After a change somebody must look whether it helped; a check says so on record.",
        (Steps, "- {name: Restart, hosts: local, run: systemctl restart app, timeout: 1m}"),
        "add a step with `check:` after it, with `until:` where it takes a while",
    ),
    code(
        "RB203",
        "no-timeout",
        "A command that hangs at night holds up the whole run until somebody notices.",
        (Steps, "- {name: Look, hosts: local, check: uptime}"),
        "add `timeout:` to the step or to the block around it, a little longer than it ever took",
    ),
    code(
        "RB204",
        "absurd-timeout",
        "A time-out of more than a day is none: the night is over before it ends.",
        (Steps, "- {name: Look, hosts: local, check: uptime, timeout: 100h}"),
        "write what the step takes at most",
    ),
    code(
        "RB205",
        "matches-opposite",
        "A search for a word inside a text also finds its opposite: `active` is in `inactive`, and a dead service passes for a live one.",
        (Steps, "- name: It runs\n  hosts: local\n  check: systemctl is-active app\n  expect: '\"active\" in stdout'\n  timeout: 5s"),
        "compare the whole text or a whole line: `stdout == \"active\"`, `grep -x active`",
    ),
    code(
        "RB206",
        "not-repeatable",
        "An idempotent step may run twice after a lost connection; this command does something else the second time.",
        (Steps, "- {name: Note it, hosts: local, run: echo x >> /etc/app.conf, effect: idempotent, timeout: 5s}"),
        "remove `effect:`, so that it never runs twice, or write it so that twice equals once",
    ),
    code(
        "RB207",
        "denied-command",
        "The team's policy forbids this command, usually since it once caused an outage.",
        (Steps, "- {name: Which keys, hosts: local, check: \"redis-cli keys '*'\", timeout: 5s}"),
        "use another command; `deny:` in team/policy.yaml says which are forbidden, and why",
    ),
    code(
        "RB208",
        "unused-register",
        "A result that nobody uses is a slip, often a misspelt name further down.",
        (Steps, "- {name: Look, hosts: local, check: uptime, register: load, timeout: 5s}"),
        "use it or remove `register:`; the output is on record in any case",
    ),
    code(
        "RB209",
        "gates-in-a-row",
        "Who is asked five times in a row stops reading; one gate on a block shows everything at once.",
        (Words, "five steps one after another, each with a gate of its own"),
        "put them into a block, `steps:`, with one gate, where they need no look in between",
    ),
    code(
        "RB210",
        "review-overdue",
        "Systems change; a runbook that nobody has read for long is wrong somewhere. The policy's `review:` says how long is long.",
        (Top, "reviewed: 2019-01-01"),
        "read it once more, mend it, and write today's date",
    ),
    code(
        "RB211",
        "bad-allow",
        "An allowance must name a rule and a reason, or the next reader cannot judge it.",
        (Steps, "# runbook: allow RB201\n- {name: x, hosts: local, check: date, timeout: 5s}"),
        "write `# runbook: allow RB201 because …`",
    ),
    code(
        "RB212",
        "unused-parameter",
        "Who gives a value expects that it is used; a parameter that nothing uses misleads.",
        (Top, "parameters: {unit: {type: string}}"),
        "use it, as in `{{ unit }}`, or remove it",
    ),
    code(
        "RB213",
        "raw-template",
        "`| raw` puts a value into a command without quoting: what a host printed could become a command.",
        (
            Runbook,
            "runbook: example\ntitle: T\nparameters: {unit: {type: string}}\nsteps:\n  - {name: x, hosts: local, check: \"systemctl status {{ unit | raw }}\", timeout: 5s}",
        ),
        "remove `| raw`: every value becomes one word of the shell",
    ),
    code(
        "RB214",
        "shell-syntax",
        "A command that its shell cannot read fails at the worst time: when the steps before it have run. `sh` is judged as POSIX has it, `shell: bash` as bash; other shells are not judged.",
        (Steps, "- name: Look\n  hosts: local\n  check: if test -e /run/app; then uptime\n  timeout: 5s"),
        "mend it; where bash reads it and sh does not, write `shell: bash`",
    ),
    code(
        "RB215",
        "shellcheck",
        "ShellCheck knows the traps of the shell; it is asked where it is installed, and its number (SC2086) leads to its own explanation.",
        (Words, "`rm $file`: the name of a file may have blanks (SC2086)"),
        "do as it says; `--no-shellcheck` does not ask it",
    ),
    code(
        "RB216",
        "gate-too-late",
        "A gate that stands after the change asks people about what has already happened. Here a gate stands on steps that only look, or on a lighter step than the destructive one before it, and that one has none.",
        (
            Steps,
            "- {name: Fail over, hosts: local, run: pg_ctlcluster 15 main promote, timeout: 1m}\n- {name: It answers, hosts: local, check: pg_isready, timeout: 5s, gate: {approvals: 1}}",
        ),
        "move `gate:` to the step that changes something, or put both into a block with the gate",
    ),
    code(
        "RB217",
        "mixed-environments",
        "A runbook that changes staging and production in one go takes a slip in the one to the other, and each needs its own people. `local` does not count.",
        (
            Steps,
            "- {name: Restart, hosts: \"web-1, ci-1\", run: systemctl restart nginx, timeout: 1m}\n- {name: Up, hosts: web-1, check: pgrep nginx, timeout: 5s}",
        ),
        "write a runbook for each, or one with a parameter of type `hosts`",
    ),
    code(
        "RB218",
        "no-evidence",
        "What a destructive step removes cannot be asked any more why the outage happened; a capture keeps it on record.",
        (Steps, "- {name: Make room, hosts: local, run: rm -r /var/old, effect: destructive, timeout: 1m}"),
        "add a step with `capture:` on the same hosts before it, and name it by `evidence:`; or waive it with a reason: `evidence: {waive: …}`",
    ),
    code(
        "RB219",
        "endless-timeout",
        "A time-out of more than thirty days is a slip of the finger or a wrong unit, and the step hangs for ever.",
        (Steps, "- {name: Look, hosts: local, check: uptime, timeout: 10000000000s}"),
        "write what the step takes at most",
    ),
];
