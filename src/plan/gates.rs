//! How many people must agree, and who they may be: the author's wish raised to the policy's floor. Never counts an approval.

use std::collections::BTreeSet;

use super::program::{Program, ProgramGate};
use crate::base::{Period, Person, Timestamp, could_be_filled};
use crate::event::{Instead, Rules, Stage, StageWork};

/// How long a request stays open when nothing is said: long enough to wake a colleague, short enough to still know what was asked.
pub const DEFAULT_EXPIRY: Period = Period::from_secs(15 * 60);

/// Nobody could satisfy a gate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// A group or person that the policy and the roster do not know.
    #[error("the gate on \"{gate}\" asks for `{name}`, which is neither a group of policy.yaml nor a person of allowed_signers")]
    Unknown { gate: String, name: String },
    /// Too few different people.
    #[error(
        "the gate on \"{gate}\" needs {needed} different people besides {requester}, and those who have a key that counts are too few: {eligible}. Add people, or ask somebody else to run it"
    )]
    Unfillable { gate: String, needed: usize, requester: Person, eligible: String },
}

/// Who must agree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// One slot an approval: each lists who may fill it; empty where nobody is asked.
    pub slots: Vec<Vec<Person>>,
    pub instead: Option<Substitutes>,
}

/// Who may fill some of the slots when a while has gone by without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substitutes {
    /// The group or person whose place it is.
    pub of: String,
    /// Numbers of slots, from 1.
    pub slots: Vec<u32>,
    /// Never empty, and never the requester.
    pub by: Vec<Person>,
    /// Counted from when the request is issued.
    pub after: Period,
}

impl Substitutes {
    /// The same for a request that was issued then.
    pub fn for_request(&self, issued: Timestamp) -> Instead {
        Instead { of: self.of.clone(), slots: self.slots.clone(), by: self.by.clone(), from: issued.after(self.after) }
    }
}

/// Who must agree to what a gate over these stages covers.
///
/// # Errors
/// See [`GateError`].
pub fn asked(program: &Program, gate: &ProgramGate, stages: &[&Stage]) -> Result<Asked, GateError> {
    let floor = stages.iter().map(|stage| floor(&program.policy.rules, stage)).max().unwrap_or(0) as usize;
    let mut slots = authored(program, gate)?;
    let instead = substitutes(program, gate, slots.len())?;
    while slots.len() < floor {
        slots.push(everyone(program));
    }
    for slot in &mut slots {
        slot.retain(|person| *person != program.requester);
    }
    let mut in_the_end = slots.clone();
    for (number, slot) in (1..).zip(&mut in_the_end) {
        let standing_in = instead.iter().filter(|instead| instead.slots.contains(&number)).flat_map(|instead| &instead.by);
        slot.extend(standing_in.cloned());
    }
    if could_be_filled(&in_the_end) {
        return Ok(Asked { slots, instead });
    }
    let eligible: BTreeSet<&str> = in_the_end.iter().flatten().map(Person::as_str).collect();
    let eligible = if eligible.is_empty() { "nobody".to_owned() } else { eligible.into_iter().collect::<Vec<_>>().join(", ") };
    Err(GateError::Unfillable { gate: gate.name.clone(), needed: slots.len(), requester: program.requester.clone(), eligible })
}

/// The number of people that the policy asks for a stage, over all environments that it touches; at least two where evidence is waived.
pub fn floor(rules: &Rules, stage: &Stage) -> u32 {
    let actions = match &stage.work {
        StageWork::Commands { actions, .. } | StageWork::Skip { actions, .. } => actions,
        StageWork::Manual { .. } | StageWork::Choose { .. } | StageWork::Wait { .. } | StageWork::Conclude { .. } => return 0,
        StageWork::Withheld { .. } => return 0,
    };
    let floors = &rules.floors;
    let of =
        |environment: &str| floors.get(environment).or_else(|| floors.get("production")).and_then(|effects| effects.get(&stage.effect));
    let asked = actions.iter().filter_map(|action| of(&action.environment)).copied().max().unwrap_or(0);
    asked.max(stage.evidence.floor())
}

/// Who may stand in; nobody where all who could are asked anyway, or run it themselves.
fn substitutes(program: &Program, gate: &ProgramGate, slots: usize) -> Result<Option<Substitutes>, GateError> {
    let Some((asks, instead)) = gate.asks.as_ref().and_then(|asks| Some((asks, asks.instead.as_ref()?))) else { return Ok(None) };
    let regular = people(program, gate, &instead.of.value)?;
    let mut by = people(program, gate, &instead.by.value)?;
    by.retain(|person| !regular.contains(person) && *person != program.requester);
    by.sort();
    let names_them = |index: usize| match asks.from.as_slice() {
        [only] => Some(only), // one list serves every slot
        several => several.get(index),
    };
    let is_theirs = |index: &usize| names_them(*index).is_some_and(|list| list.iter().any(|name| name.value == instead.of.value));
    let numbers = (0..slots).filter(is_theirs).filter_map(|index| u32::try_from(index + 1).ok()).collect();
    let found = Substitutes { of: instead.of.value.clone(), slots: numbers, by, after: instead.after.value };
    Ok((!found.by.is_empty() && !found.slots.is_empty()).then_some(found))
}

fn authored(program: &Program, gate: &ProgramGate) -> Result<Vec<Vec<Person>>, GateError> {
    let Some(asks) = &gate.asks else { return Ok(Vec::new()) };
    let lists = asks.from.iter().map(|list| list.iter().map(|name| people(program, gate, &name.value)).collect::<Result<Vec<_>, _>>());
    let mut slots: Vec<Vec<Person>> = lists
        .map(|list| list.map(|names| names.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect()))
        .collect::<Result<_, _>>()?;
    let wanted = asks.approvals.value as usize;
    let more = match slots.as_slice() {
        [only] => only.clone(),
        _ => everyone(program),
    };
    while slots.len() < wanted {
        slots.push(more.clone());
    }
    Ok(slots)
}

fn people(program: &Program, gate: &ProgramGate, name: &str) -> Result<Vec<Person>, GateError> {
    let rules = &program.policy.rules;
    let members: Vec<Person> =
        rules.people.iter().filter(|(_, groups)| groups.iter().any(|group| group == name)).map(|(person, _)| person.clone()).collect();
    let known = |person: &Person| program.roster.signers.iter().any(|signer| signer.person == *person);
    if !members.is_empty() {
        return Ok(members.into_iter().filter(known).collect());
    }
    match name.parse::<Person>() {
        Ok(person) if known(&person) => Ok(vec![person]),
        _ => Err(GateError::Unknown { gate: gate.name.clone(), name: name.to_owned() }),
    }
}

fn everyone(program: &Program) -> Vec<Person> {
    program.roster.signers.iter().map(|signer| signer.person.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}
