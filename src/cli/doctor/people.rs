//! Whether enough people could sign for what runbooks ask, with keys that are valid today. Signs nothing.

use super::Finding;
use super::wants::{Use, use_of};
use crate::base::Timestamp;
use crate::library::{Library, Roster, Signer};
use crate::plan::{GateError, Program, ProgramGate, Who, asked, outline};

/// Keys that end sooner are told.
const SOON: i64 = 30 * 86_400;

/// The roster as it counts at this time.
pub(super) fn valid_today(library: &Library, now: Timestamp) -> Roster {
    let namespace = format!("runbook-approve-v1@{}", library.policy.rules.domain);
    let may_sign = |signer: &&Signer| signer.may_sign(&namespace, seconds(now));
    Roster { signers: library.roster.signers.iter().filter(may_sign).cloned().collect() }
}

fn seconds(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(1_000_000)
}

/// Each gate that nobody could pass, of programs made with the roster of today.
pub(super) fn gates(programs: &[Program]) -> Vec<Finding> {
    let mut gates = 0;
    let mut found = Vec::new();
    for program in programs {
        let (count, unfillable) = judged(program);
        gates += count;
        found.extend(unfillable.into_iter().map(|(used, error)| {
            let remedy =
                "put a key that is valid today, of one more of them, into team/allowed_signers, or ask fewer, or others, in `gate:` and team/policy.yaml";
            Finding::bad("gates", error.to_string(), remedy).of(Some(&used))
        }));
    }
    if found.is_empty() && gates > 0 {
        found.push(Finding::ok("gates", format!("{gates} can be passed by people whose key is valid today")));
    }
    found
}

/// How many gates a program has, and those that nobody could pass: as the outline says, or as they are written where there is none.
fn judged(program: &Program) -> (usize, Vec<(Use, GateError)>) {
    let Ok(outline) = outline(program) else {
        let authored: Vec<&ProgramGate> = program.gates.values().filter(|gate| gate.asks.is_some()).collect();
        let errors = authored.iter().filter_map(|gate| Some((used_by(program, gate)?, asked(program, gate, &[]).err()?)));
        return (authored.len(), errors.collect());
    };
    let count = outline.gates.len();
    let errors = outline.gates.into_iter().filter_map(|outlined| match outlined.who {
        Who::Nobody(error) => Some((used_by(program, outlined.gate)?, error)),
        Who::Slots(_) | Who::WhenReached => None,
    });
    (count, errors.collect())
}

fn used_by(program: &Program, gate: &ProgramGate) -> Option<Use> {
    gate.covers.first().and_then(|step| program.step(step)).map(|step| use_of(program, step))
}

/// Keys that end soon, and people who have none that is valid.
pub(super) fn keys(library: &Library, today: &Roster, now: Timestamp) -> Vec<Finding> {
    let line = "put a key that lasts longer into team/allowed_signers, on a line of its own beside this one";
    let ends = |signer: &&Signer| signer.valid_before.filter(|end| end.saturating_sub(seconds(now)) <= SOON);
    let mut found: Vec<Finding> = today
        .signers
        .iter()
        .filter_map(|signer| {
            let end = Timestamp::from_micros(ends(&signer)?.saturating_mul(1_000_000)).to_seconds();
            Some(Finding::warn(
                "keys",
                format!("{} of {} ends on {}", signer.fingerprint, signer.person, end.get(..10).unwrap_or(&end)),
                line,
            ))
        })
        .collect();
    let none = library.roster.people().into_iter().filter(|person| today.find(person).is_empty());
    found.extend(none.map(|person| Finding::warn("keys", format!("{person} has no key that is valid today for approvals"), line)));
    if found.is_empty() && !today.signers.is_empty() {
        found.push(Finding::ok("keys", "none ends within 30 days"));
    }
    found
}
