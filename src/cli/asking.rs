//! Questions to the person at the terminal while a run goes on. No answer is never a yes.

use std::io::{BufRead, Write};

use super::watching::Region;
use crate::base::printable;
use crate::effects::BoxFuture;
use crate::engine::{Question, State};
use crate::event::Answer;
use crate::runner::Asker;

/// The terminal that the runner was started from.
pub struct Terminal {
    region: Region,
}

impl Terminal {
    /// Asks below what a live picture shows in this region.
    pub fn new(region: Region) -> Self {
        Self { region }
    }
}

impl Asker for Terminal {
    fn ask<'a>(&'a mut self, question: &'a Question, state: &'a State) -> BoxFuture<'a, Option<Answer>> {
        self.region.leave();
        let (text, parse) = words(question, state);
        Box::pin(async move {
            loop {
                let shown = text.clone();
                let line = tokio::task::spawn_blocking(move || line(&shown)).await.ok().flatten()?;
                if let Some(answer) = parse(line.trim()) {
                    return Some(answer);
                }
            }
        })
    }
}

type Parse = fn(&str) -> Option<Answer>;

fn words(question: &Question, state: &State) -> (String, Parse) {
    match question {
        Question::Manual { instructions, .. } => (format!("\n{}\n\ndone? (done, or not and why) ", instructions.trim_end()), manual),
        Question::AfterFailure { step } => {
            let name = state.steps.get(step).and_then(|step| step.stage.as_ref()).map_or(step.as_str(), |stage| stage.name.as_str());
            match state.may_be_skipped(step) {
                true => (format!("\n\"{name}\" failed. How to go on? (retry, skip, stop) "), after_failure),
                false => {
                    (format!("\n\"{name}\" failed. How to go on? (retry, which asks for approval again, or stop) "), after_gated_failure)
                }
            }
        }
    }
}

fn manual(line: &str) -> Option<Answer> {
    let (word, remark) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    match word.to_ascii_lowercase().as_str() {
        "done" | "yes" => Some(Answer::Done { remark: remark.trim().to_owned() }),
        "not" | "no" => Some(Answer::NotDone { remark: remark.trim().to_owned() }),
        _ => None,
    }
}

fn after_failure(line: &str) -> Option<Answer> {
    match line.to_ascii_lowercase().as_str() {
        "retry" => Some(Answer::Retry),
        "skip" => Some(Answer::GoOn),
        "stop" => Some(Answer::Stop),
        _ => None,
    }
}

/// What stands behind a gate is not skipped.
fn after_gated_failure(line: &str) -> Option<Answer> {
    after_failure(line).filter(|answer| *answer != Answer::GoOn)
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
