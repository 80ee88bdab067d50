//! What a loop repeats and what a called runbook is given: made when the loop or the call is reached, final from then on.

use std::collections::{BTreeMap, BTreeSet};

use super::flow::{FlowBlock, Repeats};
use super::params::Parameters;
use super::program::{Program, ProgramStep};
use super::render::{RenderError, select};
use super::template::{self, Scope, names_in_template};
use crate::base::{Bytes, HostName};
use crate::event::LoopTurn;
use crate::runbook::{ForEachText, Serial, Work};
use crate::text::Spanned;

/// More turns are a program of their own; each is shown and recorded by itself.
const MAX_TURNS: usize = 1000;

/// The turns of a loop, in the order in which they are to run; none where there is nothing to repeat it for.
///
/// # Errors
/// A value that is no list, a selector that names no host, or too many turns.
pub fn turns_of(program: &Program, block: &FlowBlock, head: &ProgramStep, scope: &Scope) -> Result<Vec<LoopTurn>, RenderError> {
    let turns = match &block.repeats {
        Repeats::Once | Repeats::Called(_) => Vec::new(),
        Repeats::ForEach(ForEachText::List(items)) => items.iter().map(|item| LoopTurn::Item(item.value.clone().into())).collect(),
        Repeats::ForEach(ForEachText::Template(text)) => {
            let items = template::list(&text.value, scope).map_err(|source| RenderError::Template { word: "for_each", source })?;
            items.into_iter().map(LoopTurn::Item).collect()
        }
        Repeats::Rolling { serial, last, .. } => batches(program, head, serial, last.as_ref(), scope)?,
    };
    match turns.len() {
        many if many > MAX_TURNS => {
            Err(RenderError::Text { word: "for_each", why: format!("expected at most {MAX_TURNS} turns, got {many}") })
        }
        _ => Ok(turns),
    }
}

/// The hosts of the block in batches: first as `serial` says, then what goes last, alone.
fn batches(
    program: &Program,
    head: &ProgramStep,
    serial: &[Serial],
    last: Option<&Spanned<String>>,
    scope: &Scope,
) -> Result<Vec<LoopTurn>, RenderError> {
    let all = super::render::hosts_of(program, head, scope)?;
    let last: BTreeSet<HostName> = match last {
        Some(last) => select(program, head.frame, last, scope)?.into_iter().collect(),
        None => BTreeSet::new(),
    };
    let (end, mut rest): (Vec<HostName>, Vec<HostName>) = all.iter().cloned().partition(|host| last.contains(host));
    let mut sizes = serial.iter().copied().chain(serial.last().copied().into_iter().cycle());
    let mut turns = Vec::new();
    while !rest.is_empty() {
        let size = batch_size(sizes.next().unwrap_or(Serial::Count(1)), all.len()).min(rest.len());
        let later = rest.split_off(size);
        turns.push(LoopTurn::Batch(std::mem::replace(&mut rest, later)));
    }
    if !end.is_empty() {
        turns.push(LoopTurn::Batch(end));
    }
    Ok(turns)
}

fn batch_size(serial: Serial, all: usize) -> usize {
    match serial {
        Serial::Count(count) => (count as usize).max(1),
        Serial::Percent(percent) => (all * percent as usize / 100).max(1),
    }
}

/// The steps before a rolling block whose looks decide what goes last: they are looked at again before each batch.
pub fn looks_for_last<'p>(program: &'p Program, head: &ProgramStep, last: &Spanned<String>) -> Vec<&'p ProgramStep> {
    let names = names_in_template(&last.value).unwrap_or_default();
    let decides = |step: &&ProgramStep| {
        let named = step.step.register.as_ref().is_some_and(|name| names.contains(&name.value));
        let is_within = step.loops.iter().any(|block| block.as_str() == head.id.base());
        named && step.frame == head.frame && !is_within && step.effect == crate::event::Effect::Read
    };
    program.steps.iter().filter(decides).collect()
}

/// The parameters of a called runbook: what the caller gives, rendered, and the called runbook's defaults.
///
/// # Errors
/// A template without a value, or all that the called runbook refuses of what it is given.
pub fn call_parameters(program: &Program, head: &ProgramStep, frame: usize, scope: &Scope) -> Result<Parameters, RenderError> {
    let Work::Call { with, .. } = &head.step.work else { return Ok(Parameters::default()) };
    let mut given: BTreeMap<String, Bytes> = BTreeMap::new();
    for (name, value) in with {
        let text = template::plain_bytes(&value.value, scope).map_err(|source| RenderError::Template { word: "with", source })?;
        given.insert(name.value.clone(), Bytes::from(text));
    }
    let runbook = &program.frames[frame].runbook;
    let text = |why: Vec<String>| RenderError::Text { word: "call", why: format!("{}: {}", runbook.name.value, why.join("; ")) };
    let parameters = Parameters::resolve(runbook, &given, &program.inventory)
        .map_err(|problems| text(problems.iter().map(ToString::to_string).collect()))?;
    parameters.keep_rules(runbook).map_err(text)?;
    Ok(parameters)
}
