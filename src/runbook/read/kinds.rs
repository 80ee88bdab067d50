//! The actions by their words, and which common words each heeds. Never reads a value.

use Kind::{Block, Call, Capture, Check, Choose, Conclude, Manual, Put, Reboot, Run, Script, Wait, WaitUntil};

/// The action of a step as its word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::runbook) enum Kind {
    Run,
    Script,
    Check,
    Capture,
    Put,
    Reboot,
    Manual,
    Choose,
    Wait,
    /// `wait: {until: …}`
    WaitUntil,
    Call,
    Conclude,
    Block,
}

impl Kind {
    /// Each word of which a step has exactly one.
    pub(in crate::runbook) const ALL: [Kind; 12] = [Run, Script, Check, Capture, Put, Reboot, Manual, Choose, Wait, Call, Conclude, Block];

    pub(in crate::runbook) fn word(self) -> &'static str {
        match self {
            Run => "run",
            Script => "script",
            Check => "check",
            Capture => "capture",
            Put => "put",
            Reboot => "reboot",
            Manual => "manual",
            Choose => "choose",
            Wait | WaitUntil => "wait",
            Call => "call",
            Conclude => "conclude",
            Block => "steps",
        }
    }

    /// Whether it contacts hosts.
    pub(in crate::runbook) fn needs_hosts(self) -> bool {
        match self {
            Run | Script | Check | Capture | Put | Reboot | WaitUntil => true,
            Manual | Choose | Wait | Call | Conclude | Block => false,
        }
    }

    /// Whether this common word means something on it.
    pub(in crate::runbook) fn heeds(self, word: &str) -> bool {
        FITS.iter().any(|(fit, kinds)| *fit == word && kinds.contains(&self))
    }
}

/// What an action heeds. A word that is not here for an action is refused on it.
pub(in crate::runbook) const FITS: [(&str, &[Kind]); 20] = [
    ("hosts", &[Run, Script, Check, Capture, Put, Reboot, Manual, WaitUntil, Block]),
    ("expect_hosts", &[Run, Script, Check, Capture, Put, Reboot, WaitUntil]),
    ("effect", &[Run, Script, Check, Manual]),
    ("become", &[Run, Script, Check, Capture, Put, Reboot, WaitUntil, Block]),
    ("env", &[Run, Script, Check, Capture, WaitUntil, Block]),
    ("cwd", &[Run, Script, Check, Capture, WaitUntil, Block]),
    ("timeout", &[Run, Script, Check, Capture, Put, Reboot, WaitUntil, Block]),
    ("retry", &[Run, Script, Check, Capture, Put]),
    ("register", &[Run, Script, Check, Manual, Choose, WaitUntil]),
    ("parse", &[Run, Script, Check, WaitUntil]),
    ("expect", &[Run, Script, Check, WaitUntil]),
    ("until", &[Check]),
    ("done_when", &[Run, Script]),
    ("on_failure", &[Run, Script, Check, Capture, Put, Reboot, Manual, WaitUntil, Call, Block]),
    ("max_output", &[Run, Script, Check, WaitUntil]),
    ("max_failures", &[Run, Script, Check, Capture, Put, Reboot, WaitUntil]),
    ("undo", &[Run, Script, Manual]),
    ("evidence", &[Run, Script]),
    ("in_drill", &[Run, Script, Check, Capture, Put, Reboot, Manual, Choose, Wait, WaitUntil, Call, Block]),
    ("point_of_no_return", &[Run, Script, Put, Reboot, Manual, Wait, Call, Block]),
];
