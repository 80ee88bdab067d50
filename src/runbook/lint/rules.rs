//! The table of lint rules. Every code keeps its meaning for ever; a rule that goes leaves its code unused.

use crate::text::Severity;

/// What a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// `RB2xx`, and `RB5xx` where only the library can say it.
    pub code: &'static str,
    /// Two or three words, as in `allow RB201 because …` lists.
    pub name: &'static str,
    pub severity: Severity,
    /// One sentence: why it is there.
    pub why: &'static str,
}

const fn rule(code: &'static str, name: &'static str, severity: Severity, why: &'static str) -> Rule {
    Rule { code, name, severity, why }
}

pub(super) const READ_CHANGES: Rule = rule(
    "RB201",
    "read-changes",
    Severity::Error,
    "A step that is called read passes no gate and runs in a dry run, so a command in it that changes something would run unapproved.",
);
pub(super) const UNVERIFIED: Rule = rule(
    "RB202",
    "unverified-change",
    Severity::Warning,
    "After a change somebody must look whether it helped; a check says so on record.",
);
pub(super) const NO_TIMEOUT: Rule =
    rule("RB203", "no-timeout", Severity::Warning, "A command that hangs at night holds up the whole run until somebody notices.");
pub(super) const ABSURD_TIMEOUT: Rule =
    rule("RB204", "absurd-timeout", Severity::Warning, "A time-out of more than a day is none: the night is over before it ends.");
pub(super) const OPPOSITE: Rule = rule(
    "RB205",
    "matches-opposite",
    Severity::Warning,
    "A search for a word inside a text also finds its opposite: `active` is in `inactive`, and a dead service passes for a live one.",
);
pub(super) const NOT_REPEATABLE: Rule = rule(
    "RB206",
    "not-repeatable",
    Severity::Warning,
    "An idempotent step may run twice after a lost connection; this command does something else the second time.",
);
pub(super) const DENIED: Rule =
    rule("RB207", "denied-command", Severity::Error, "The team's policy forbids this command, usually since it once caused an outage.");
pub(super) const UNUSED_REGISTER: Rule =
    rule("RB208", "unused-register", Severity::Warning, "A result that nobody uses is a slip, often a misspelt name further down.");
pub(super) const GATES_IN_A_ROW: Rule = rule(
    "RB209",
    "gates-in-a-row",
    Severity::Warning,
    "Who is asked five times in a row stops reading; one gate on a block shows everything at once.",
);
pub(super) const REVIEW_OVERDUE: Rule =
    rule("RB210", "review-overdue", Severity::Warning, "Systems change; a runbook that nobody has read for long is wrong somewhere.");
pub(super) const BAD_ALLOW: Rule =
    rule("RB211", "bad-allow", Severity::Warning, "An allowance must name a rule and a reason, or the next reader cannot judge it.");
/// The rule for a parameter that nothing uses; who reads templates can apply it.
pub const UNUSED_PARAMETER: Rule = rule(
    "RB212",
    "unused-parameter",
    Severity::Warning,
    "Who gives a value expects that it is used; a parameter that nothing uses misleads.",
);
pub(super) const RAW: Rule = rule(
    "RB213",
    "raw-template",
    Severity::Error,
    "`| raw` puts a value into a command without quoting: what a host printed could become a command.",
);

pub(super) const SHELL_SYNTAX: Rule = rule(
    "RB214",
    "shell-syntax",
    Severity::Error,
    "A command that its shell cannot read fails at the worst time: when the steps before it have run.",
);
/// The rule for what `shellcheck` says, where it is installed.
pub const SHELLCHECK: Rule = rule(
    "RB215",
    "shellcheck",
    Severity::Warning,
    "ShellCheck knows the traps of the shell; it is asked where it is installed, and its number (SC2086) leads to its own explanation.",
);
pub(super) const GATE_TOO_LATE: Rule =
    rule("RB216", "gate-too-late", Severity::Warning, "A gate that stands after the change asks people about what has already happened.");
/// The rule for a runbook that changes hosts of several environments; only who knows the inventory can apply it.
pub const MIXED_ENVIRONMENTS: Rule = rule(
    "RB217",
    "mixed-environments",
    Severity::Warning,
    "A runbook that changes staging and production in one go takes a slip in the one to the other, and each needs its own people.",
);
pub(super) const NO_EVIDENCE: Rule = rule(
    "RB218",
    "no-evidence",
    Severity::Warning,
    "What a destructive step removes cannot be asked any more why the outage happened; a capture keeps it on record.",
);
pub(super) const ENDLESS_TIMEOUT: Rule = rule(
    "RB219",
    "endless-timeout",
    Severity::Error,
    "A time-out of more than thirty days is a slip of the finger or a wrong unit, and the step hangs for ever.",
);
/// The rule for a gate that nobody could fill; only who knows the people can apply it.
pub const UNFILLABLE_GATE: Rule = rule(
    "RB506",
    "unfillable-gate",
    Severity::Warning,
    "A gate that asks more people than the library has stops the run at night, until it expires.",
);

/// All rules, by code.
pub const RULES: [Rule; 20] = [
    READ_CHANGES,
    UNVERIFIED,
    NO_TIMEOUT,
    ABSURD_TIMEOUT,
    OPPOSITE,
    NOT_REPEATABLE,
    DENIED,
    UNUSED_REGISTER,
    GATES_IN_A_ROW,
    REVIEW_OVERDUE,
    BAD_ALLOW,
    UNUSED_PARAMETER,
    RAW,
    SHELL_SYNTAX,
    SHELLCHECK,
    GATE_TOO_LATE,
    MIXED_ENVIRONMENTS,
    NO_EVIDENCE,
    ENDLESS_TIMEOUT,
    UNFILLABLE_GATE,
];
