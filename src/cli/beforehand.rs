//! Answers that are given on the command line, `--answer STEP=…`, before anybody is asked. Checks them against the runbook; asks nobody.

use std::collections::BTreeMap;

use super::args::PersonArgs;
use super::failure::Failure;
use crate::base::{Bytes, StepId};
use crate::event::Answer;
use crate::plan::{Program, ProgramStep, check_fact};
use crate::runbook::Work;
use crate::text::did_you_mean;

const REMARK: &str = "given beforehand with --answer";

/// All answers: `STEP=done`, `STEP=not-done`, `STEP.FACT=value`, `STEP=OPTION` of a choice, `STEP.undo=done`.
///
/// # Errors
/// An answer to no step, one that the step does not take, or a fact that it does not ask for.
pub fn answers(args: &PersonArgs, program: &Program) -> Result<BTreeMap<StepId, Answer>, Failure> {
    let mut answers: BTreeMap<StepId, Answer> = BTreeMap::new();
    let mut facts: Vec<(&ProgramStep, &str, Bytes)> = Vec::new();
    for text in &args.answers {
        let (to, value) = text.split_once('=').ok_or_else(|| Failure::usage(format!("expected --answer STEP=ANSWER, got {text:?}")))?;
        match find(program, to)? {
            To::Step(step) => drop(answers.insert(step.id.clone(), answer(step, value)?)),
            To::Undo(undo) if value == "done" => drop(answers.insert(undo, Answer::Undone { remark: REMARK.to_owned() })),
            To::Undo(_) => return Err(Failure::usage(format!("expected --answer {to}=done, got {value:?}"))),
            To::Fact(step, name) => facts.push((step, name, Bytes::from(value))),
        }
    }
    for (step, name, value) in facts {
        check_fact(program, &step.id, name, &value).map_err(|why| Failure::usage(format!("--answer {}.{name}: {why}", step.id)))?;
        let done = || Answer::Done { remark: REMARK.to_owned(), facts: BTreeMap::new() };
        if let Answer::Done { facts, .. } = answers.entry(step.id.clone()).or_insert_with(done) {
            facts.insert(name.to_owned(), value);
        }
    }
    all_facts(program, &answers)?;
    Ok(answers)
}

enum To<'a> {
    Step(&'a ProgramStep),
    Undo(StepId),
    Fact(&'a ProgramStep, &'a str),
}

fn find<'a>(program: &'a Program, to: &'a str) -> Result<To<'a>, Failure> {
    let of = |id: &str| program.steps.iter().find(|step| step.id.as_str() == id);
    if let Some(step) = of(to) {
        return Ok(To::Step(step));
    }
    match to.rsplit_once('.').and_then(|(step, word)| Some((of(step)?, word))) {
        Some((step, "undo")) => step.id.part("undo").map(To::Undo).ok_or_else(|| Failure::usage(format!("there is no step {to:?}"))),
        Some((step, name)) => Ok(To::Fact(step, name)),
        None => {
            let help = match did_you_mean(to, program.steps.iter().map(|step| step.id.as_str())) {
                Some(meant) => format!("; did you mean {meant}?"),
                None => "; `runbook show` lists the steps".to_owned(),
            };
            Err(Failure::usage(format!("--answer names a step of this runbook, got {to:?}{help}")))
        }
    }
}

fn answer(step: &ProgramStep, value: &str) -> Result<Answer, Failure> {
    let remark = REMARK.to_owned();
    match (&step.step.work, value) {
        (Work::Choose { options, .. }, chosen) => {
            let names: Vec<&str> = options.iter().map(|option| option.name.value.as_str()).collect();
            match names.contains(&chosen) {
                true => Ok(Answer::Chosen { option: chosen.to_owned() }),
                false => Err(Failure::usage(format!("expected --answer {}={}, got {chosen:?}", step.id, names.join("|")))),
            }
        }
        (Work::Manual { .. }, "done") => Ok(Answer::Done { remark, facts: BTreeMap::new() }),
        (Work::Manual { .. }, "not-done") => Ok(Answer::NotDone { remark }),
        (Work::Manual { .. }, other) => Err(Failure::usage(format!("expected --answer {}=done or =not-done, got {other:?}", step.id))),
        (_, _) => Err(Failure::usage(format!("{} asks no person: --answer is for `manual:` and `choose:`", step.id))),
    }
}

/// What is said to be done comes with every fact that it asks for.
fn all_facts(program: &Program, answers: &BTreeMap<StepId, Answer>) -> Result<(), Failure> {
    for (id, answer) in answers {
        let (Answer::Done { facts, .. }, Some(Work::Manual { answers, .. })) = (answer, program.step(id).map(|step| &step.step.work))
        else {
            continue;
        };
        if let Some(missing) = answers.iter().find(|asked| !facts.contains_key(&asked.name.value)) {
            let name = &missing.name.value;
            return Err(Failure::usage(format!("{id} asks for `{name}`: add --answer {id}.{name}=…")));
        }
    }
    Ok(())
}
