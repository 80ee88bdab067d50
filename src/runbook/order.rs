//! The order in which a runbook's words are written, for `runbook fmt`. Accepts no word.

use crate::text::{Order, Within};

/// A whole runbook.
pub static RUNBOOK_ORDER: Order = Order {
    keys: &[
        "runbook",
        "title",
        "description",
        "owner",
        "reviewed",
        "links",
        "parameters",
        "secrets",
        "targets",
        "rules",
        "symptoms",
        "steps",
        "after_no_return",
    ],
    within: &[
        ("parameters", Within::Each(&PARAMETER)),
        ("symptoms", Within::Each(&STEP)),
        ("steps", Within::Each(&STEP)),
        ("after_no_return", Within::Each(&STEP)),
    ],
    apart: false,
};

/// A step or a block: what and where, when and with whose leave, the action, how, and the steps within.
static STEP: Order = Order {
    keys: &[
        "id",
        "name",
        "why",
        "hosts",
        "expect_hosts",
        "when",
        "gate",
        "run",
        "script",
        "check",
        "capture",
        "put",
        "reboot",
        "manual",
        "choose",
        "options",
        "wait",
        "call",
        "conclude",
        "with",
        "shell",
        "effect",
        "become",
        "env",
        "cwd",
        "timeout",
        "retry",
        "register",
        "parse",
        "expect",
        "until",
        "done_when",
        "undo",
        "evidence",
        "answers",
        "on_failure",
        "max_failures",
        "max_output",
        "in_drill",
        "point_of_no_return",
        "uninterruptible",
        "rolling",
        "for_each",
        "release_when",
        "acquire",
        "steps",
        "rescue",
        "always",
        "release",
    ],
    within: &[
        ("gate", Within::Itself(&GATE)),
        ("retry", Within::Itself(&RETRY)),
        ("until", Within::Itself(&UNTIL)),
        ("steps", Within::Each(&STEP)),
        ("rescue", Within::Each(&STEP)),
        ("always", Within::Each(&STEP)),
        ("options", Within::Each(&OPTION)),
    ],
    apart: true,
};

static OPTION: Order = Order { keys: &["why", "steps"], within: &[("steps", Within::Each(&STEP))], apart: false };

static GATE: Order = Order { keys: &["approvals", "from", "instead", "expires", "ask"], within: &[], apart: false };

static RETRY: Order = Order { keys: &["attempts", "delay", "backoff"], within: &[], apart: false };

static UNTIL: Order = Order { keys: &["within", "every", "healthy"], within: &[], apart: false };

static PARAMETER: Order =
    Order { keys: &["type", "values", "required", "default", "pattern", "min", "max", "description"], within: &[], apart: false };
