//! What a person needs who must do it without the program: how to log in, and every step as far as its text can be known. Reaches no host.

use std::collections::BTreeSet;

use super::expand::call_parameters;
use super::flow::Repeats;
use super::gates::floor;
use super::names_to_render;
use super::outline::{Outline, OutlinedGate, OutlinedStep, Shape, Who, outlined, outlined_gates, template_lines};
use super::program::{Program, ProgramStep};
use super::render::hosts_of;
use super::template::Scope;
use crate::base::HostName;
use crate::event::Effect;
use crate::library::Connection;

/// Every step of a program once, by its number, in which values may be missing: a step that cannot be rendered is there as its template. Where a
/// block rolls over its hosts, the step is there for all of them.
pub fn outline_by_hand<'p>(program: &'p Program, scopes: &[Scope]) -> Outline<'p> {
    let steps: Vec<OutlinedStep> = program.steps.iter().map(|step| as_far_as_known(program, step, &scopes[step.frame])).collect();
    let gates = outlined_gates(program, &steps);
    Outline { program, steps, gates }
}

/// The values that are known in each of the program's frames before the run: its own parameters, and what calls give to others.
pub fn scopes(program: &Program) -> Vec<Scope> {
    let mut scopes = vec![Scope::new(program.parameters.given(), [])];
    scopes.resize(program.frames.len(), Scope::default());
    for block in program.blocks() {
        if let Repeats::Called(frame) = block.repeats {
            let given = call_parameters(program, &block.head, frame, &scopes[block.head.frame]);
            scopes[frame] = given.map_or_else(|_| Scope::default(), |parameters| Scope::new(parameters.given(), []));
        }
    }
    scopes
}

fn as_far_as_known(program: &Program, step: &ProgramStep, scope: &Scope) -> OutlinedStep {
    let mut step = step.clone();
    if step.takes_batch {
        step.turn.batch = hosts_of(program, &step, scope).ok();
    }
    match outlined(program, &step, scope) {
        // a condition of the caller may use a name that means something else in the called runbook
        Ok(OutlinedStep { shape: Shape::LeftOut { .. }, .. }) if step.frame > 0 => templated(program, step, scope),
        Ok(known) => known,
        Err(_) => templated(program, step, scope),
    }
}

fn templated(program: &Program, step: ProgramStep, scope: &Scope) -> OutlinedStep {
    let authored = program.gates.get(&step.gate).is_some_and(|gate| gate.asks.is_some());
    let secret = |name: &String| program.frames[step.frame].runbook.secrets.iter().any(|secret| secret.name.value == *name);
    let is_awaited = |name: &String| !scope.defines(name) && name != "host" && !secret(name);
    let waits: BTreeSet<String> = names_to_render(&step.step).into_iter().filter(is_awaited).collect();
    let gate = (authored || least(program, step.effect) > 0).then_some(step.gate);
    OutlinedStep { gate, shape: Shape::Later { lines: template_lines(&step) }, waits_for: waits.into_iter().collect(), step }
}

/// The most that the policy asks for such a step in any environment: its hosts are not known yet.
fn least(program: &Program, effect: Effect) -> u32 {
    program.policy.rules.floors.values().filter_map(|effects| effects.get(&effect)).copied().max().unwrap_or(0)
}

/// Who may sign on paper, a list for each signature. Names come from the policy; a key is not needed to sign paper.
pub fn signers_on_paper(outline: &Outline<'_>, gate: &OutlinedGate<'_>) -> Vec<Vec<String>> {
    if let Who::Slots(slots) = &gate.who {
        return slots.slots.iter().map(|slot| slot.iter().map(ToString::to_string).collect()).collect();
    }
    let program = outline.program;
    let everyone: Vec<String> = program.policy.rules.people.keys().map(ToString::to_string).collect();
    let people = |name: &str| -> Vec<String> {
        let members = program.policy.rules.people.iter().filter(|(_, groups)| groups.iter().any(|group| group == name));
        let members: Vec<String> = members.map(|(person, _)| person.to_string()).collect();
        if members.is_empty() { vec![name.to_owned()] } else { members }
    };
    let asks = gate.gate.asks.as_ref();
    let from = asks.map_or(&[][..], |asks| asks.from.as_slice());
    let mut slots: Vec<Vec<String>> = from
        .iter()
        .map(|slot| slot.iter().flat_map(|name| people(&name.value)).collect::<BTreeSet<String>>().into_iter().collect())
        .collect();
    let covered = outline.steps.iter().filter(|step| step.gate == Some(gate.number));
    let floor =
        covered.map(|step| step.stage().map_or(least(program, step.step.effect), |stage| floor(&program.policy.rules, stage))).max();
    let wanted = asks.map_or(0, |asks| asks.approvals.value);
    let more = if let [only] = slots.as_slice() { only.clone() } else { everyone.clone() };
    slots.resize(slots.len().max(wanted as usize), more);
    slots.resize(slots.len().max(floor.unwrap_or(0) as usize), everyone);
    slots
}

/// How to log in to a host by hand.
pub fn login(program: &Program, host: &HostName) -> String {
    match program.inventory.hosts.get(host).map(|host| &host.connection) {
        Some(Connection::Local) => "this machine".to_owned(),
        Some(Connection::Ssh { address, port, user }) => {
            let config = program.inventory.ssh_config.as_ref().map_or(String::new(), |file| format!("-F {file} "));
            let port = port.map_or(String::new(), |port| format!("-p {port} "));
            let user = user.as_ref().map_or(String::new(), |user| format!("{user}@"));
            format!("ssh {config}{port}{user}{address}")
        }
        None => "not in the inventory".to_owned(),
    }
}
