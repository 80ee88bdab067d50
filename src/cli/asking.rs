//! Questions to the person at the terminal while a run goes on. No answer is never a yes.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use super::watching::Region;
use crate::base::{Bytes, StepId, printable};
use crate::effects::BoxFuture;
use crate::engine::{Question, State, Way};
use crate::event::{Answer, AnswerAsked};
use crate::plan::{Program, check_fact};
use crate::runner::Asker;

/// The terminal that the runner was started from.
pub struct Terminal<'a> {
    region: Region,
    program: &'a Program,
}

impl<'a> Terminal<'a> {
    /// Asks below what a live picture shows in this region.
    pub fn new(region: Region, program: &'a Program) -> Self {
        Self { region, program }
    }

    async fn one(&self, text: String, parse: impl Fn(&str) -> Option<Answer>) -> Option<Answer> {
        loop {
            let line = read(text.clone()).await?;
            if let Some(answer) = parse(line.trim()) {
                return Some(answer);
            }
        }
    }

    async fn manual(&self, step: &StepId, instructions: &str, answers: &[AnswerAsked]) -> Option<Answer> {
        let text = format!("\n{}\n\ndone? (done, or not and why) ", instructions.trim_end());
        let Answer::Done { remark, .. } = self.one(text, manual).await? else { return Some(Answer::NotDone { remark: String::new() }) };
        let mut facts = BTreeMap::new();
        for asked in answers {
            facts.insert(asked.name.clone(), self.fact(step, asked).await?);
        }
        Some(Answer::Done { remark, facts })
    }

    async fn fact(&self, step: &StepId, asked: &AnswerAsked) -> Option<Bytes> {
        let about = asked.description.as_ref().map_or(String::new(), |about| format!(" {}", about.trim()));
        let mut text = format!("{}:{about} ({}) ", asked.name, asked.expects);
        loop {
            let value = Bytes::from(read(text.clone()).await?.trim_end_matches(['\n', '\r']));
            match check_fact(self.program, step, &asked.name, &value) {
                Ok(()) => return Some(value),
                Err(why) => text = format!("{why}\n{}: ", asked.name),
            }
        }
    }
}

impl Asker for Terminal<'_> {
    fn ask<'a>(&'a mut self, question: &'a Question, state: &'a State) -> BoxFuture<'a, Option<Answer>> {
        self.region.leave();
        let name = |step: &StepId| {
            let stage = state.steps.get(step).and_then(|step| step.stage.as_ref());
            stage.map_or_else(|| step.to_string(), |stage| stage.name.clone())
        };
        let name = name(question.step());
        Box::pin(async move {
            match question {
                Question::Manual { step, instructions, answers } => self.manual(step, instructions, answers).await,
                Question::Choose { question, options, .. } => self.one(choice(question, options), |line| chosen(options, line)).await,
                Question::AfterFailure { step, ways } => {
                    let gated = state.steps.get(step).and_then(|step| step.stage.as_ref()).is_some_and(|stage| stage.gate.is_some());
                    self.one(after_failure(&name, ways, gated), |line| way(ways, line)).await
                }
                Question::UndoManual { instructions, .. } => {
                    let text = format!("\nundo \"{name}\":\n{}\n\nundone? (done, or stop) ", instructions.trim_end());
                    self.one(text, undone).await
                }
                Question::AfterFailedUndo { .. } => {
                    let text = format!("\n\"{name}\" could not be undone. How to go on? (retry, done where it is undone by hand, stop) ");
                    self.one(text, undone).await
                }
                Question::Release { .. } => {
                    self.one(format!("\n\"{name}\": do it now, although the block failed? (yes, no) "), release).await
                }
            }
        })
    }
}

fn manual(line: &str) -> Option<Answer> {
    let (word, remark) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match word.to_ascii_lowercase().as_str() {
        "done" | "yes" => Some(Answer::Done { remark: remark.trim().to_owned(), facts: BTreeMap::new() }),
        "not" | "no" => Some(Answer::NotDone { remark: remark.trim().to_owned() }),
        _ => None,
    }
}

fn choice(question: &str, options: &[(String, Option<String>)]) -> String {
    let lines: Vec<String> = options
        .iter()
        .map(|(name, why)| match why {
            Some(why) => format!("  {name}: {}", why.trim()),
            None => format!("  {name}"),
        })
        .collect();
    let names: Vec<&str> = options.iter().map(|(name, _)| name.as_str()).collect();
    format!("\n{}\n{}\n\nwhich? ({}) ", question.trim_end(), lines.join("\n"), names.join(", "))
}

fn chosen(options: &[(String, Option<String>)], line: &str) -> Option<Answer> {
    options.iter().find(|(name, _)| name == line).map(|(name, _)| Answer::Chosen { option: name.clone() })
}

fn after_failure(name: &str, ways: &[Way], gated: bool) -> String {
    let words: Vec<&str> = ways
        .iter()
        .map(|way| match (way, gated) {
            (Way::Retry, true) => "retry, which asks for approval again",
            (Way::Retry, false) => "retry",
            (Way::GoOn, true) => "skip, which asks for approval, too",
            (Way::GoOn, false) => "skip",
            (Way::RollBack, _) => "rollback, which undoes what has completed",
            (Way::Stop, _) => "stop",
        })
        .collect();
    format!("\n\"{name}\" failed. How to go on? ({}) ", words.join("; "))
}

fn way(ways: &[Way], line: &str) -> Option<Answer> {
    let (way, answer) = match line.to_ascii_lowercase().as_str() {
        "retry" => (Way::Retry, Answer::Retry),
        "skip" => (Way::GoOn, Answer::GoOn),
        "rollback" | "roll back" => (Way::RollBack, Answer::RollBack),
        "stop" => (Way::Stop, Answer::Stop),
        _ => return None,
    };
    ways.contains(&way).then_some(answer)
}

fn undone(line: &str) -> Option<Answer> {
    let (word, remark) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match word.to_ascii_lowercase().as_str() {
        "done" => Some(Answer::Undone { remark: remark.trim().to_owned() }),
        "retry" => Some(Answer::Retry),
        "stop" => Some(Answer::Stop),
        _ => None,
    }
}

fn release(line: &str) -> Option<Answer> {
    match line.to_ascii_lowercase().as_str() {
        "yes" => Some(Answer::Release),
        "no" => Some(Answer::Keep),
        _ => None,
    }
}

/// Asks, and reads one line without holding up the run.
async fn read(text: String) -> Option<String> {
    tokio::task::spawn_blocking(move || line(&text)).await.ok().flatten()
}

/// One line from standard input; `None` at its end.
fn line(question: &str) -> Option<String> {
    let mut out = std::io::stdout().lock();
    out.write_all(printable(question.as_bytes()).as_bytes()).and_then(|()| out.flush()).ok()?;
    let mut line = String::new();
    match std::io::stdin().lock().read_line(&mut line) {
        Ok(read) if read > 0 => Some(line),
        Ok(_) | Err(_) => None,
    }
}
