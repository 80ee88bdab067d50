//! The table of lint rules. Every code keeps its meaning for ever; a rule that goes leaves its code unused.

use crate::text::Severity;

/// What a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// `RB2xx`.
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
pub(super) const UNUSED_PARAMETER: Rule = rule(
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

/// All rules, by code.
pub const RULES: [Rule; 13] = [
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
];
