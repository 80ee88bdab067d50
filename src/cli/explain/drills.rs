//! Codes of scenarios: RB6xx. Only tells; the drill judges.

use super::Example::Words;
use super::{Explanation, code};

pub(super) const DRILLS: [Explanation; 2] = [
    code(
        "RB601",
        "scenario-word",
        "A scenario has a value that cannot be what it is meant to be: a verdict, a result, a fault, a time.",
        (Words, "expect: {verdict: succeeded}"),
        "write one of the words that the message names",
    ),
    code(
        "RB602",
        "scenario-does-not-fit",
        "A scenario names a step, a parameter, a host or a person that its runbook or the team does not have.",
        (Words, "expect: {verdict: recovered, steps: {restrat-it: ok}}"),
        "name what is there; a step is named by its id, which is made of its name",
    ),
];
