//! Keeps secrets out of what is stored and told: streams before they are hashed, and what hosts and people say before it is recorded.
//! Never changes what was decided, rendered or approved: that names secrets, and holds none.

use std::sync::Arc;

use serde_json::Value;

use crate::base::{Bytes, Redacting, Redactor};
use crate::effects::OutputSink;
use crate::event::{Answer, Ended, Event, Interruption, Judgement, KeptArtifact, Outcome, Reading};

/// A sink that is given no secret: all output of an attempt passes here, whatever becomes of it behind.
pub(super) struct Hiding<S> {
    sink: S,
    /// `None` where the sink hides secrets in it by itself.
    out: Option<Redacting>,
    err: Redacting,
}

impl<S: OutputSink> Hiding<S> {
    /// Before this sink.
    pub fn before(sink: S, redactor: &Arc<Redactor>) -> Self {
        Self { sink, out: Some(Redacting::new(Arc::clone(redactor))), err: Redacting::new(Arc::clone(redactor)) }
    }

    /// Before a sink that takes its standard output apart, and hides secrets in what it finds there.
    pub fn of_errors(sink: S, redactor: &Arc<Redactor>) -> Self {
        Self { sink, out: None, err: Redacting::new(Arc::clone(redactor)) }
    }

    /// The streams have ended: what was held back is given on.
    pub fn end(mut self) -> S {
        let sink = &mut self.sink;
        if let Some(out) = &mut self.out {
            out.end(|bytes| sink.stdout(bytes));
        }
        self.err.end(|bytes| sink.stderr(bytes));
        self.sink
    }
}

impl<S: OutputSink> OutputSink for Hiding<S> {
    fn stdout(&mut self, bytes: &[u8]) {
        let sink = &mut self.sink;
        match &mut self.out {
            Some(out) => out.feed(bytes, |bytes| sink.stdout(bytes)),
            None => sink.stdout(bytes),
        }
    }

    fn stderr(&mut self, bytes: &[u8]) {
        let sink = &mut self.sink;
        self.err.feed(bytes, |bytes| sink.stderr(bytes));
    }
}

/// An event whose foreign words hold no secret.
pub(super) fn event(hide: &Redactor, event: Event) -> Event {
    let text = |words: String| hide.text(&words);
    match event {
        Event::HostUnreachable { host, why } => Event::HostUnreachable { host, why: text(why) },
        Event::StepSkipped { step, why } => Event::StepSkipped { step, why: text(why) },
        Event::StepRefused { step, why } => Event::StepRefused { step, why: text(why) },
        Event::ApprovalRefused { gate, document, why } => Event::ApprovalRefused { gate, document, why: text(why) },
        Event::ActionEnded { step, host, part, attempt, ended } => {
            Event::ActionEnded { step, host, part, attempt, ended: Box::new(self::ended(hide, *ended)) }
        }
        Event::EvidenceKept { step, host, attempt, manifest, artifacts } => {
            let told = |kept: KeptArtifact| KeptArtifact { trouble: kept.trouble.map(|why| hide.text(&why)), ..kept };
            Event::EvidenceKept { step, host, attempt, manifest, artifacts: artifacts.into_iter().map(told).collect() }
        }
        Event::ReleasedByHand { step, hosts, person, remark } => Event::ReleasedByHand { step, hosts, person, remark: text(remark) },
        Event::PersonAnswered { step, person, answer } => Event::PersonAnswered { step, person, answer: self::answer(hide, answer) },
        Event::NoteAdded { person, text: note } => Event::NoteAdded { person, text: text(note) },
        Event::RunInterrupted { why: Interruption::NeedsPerson { step, why } } => {
            Event::RunInterrupted { why: Interruption::NeedsPerson { step, why: text(why) } }
        }
        // what was rendered, decided or signed: secrets stand there by their names
        Event::RunOpened(_)
        | Event::HostReached { .. }
        | Event::StagePrepared { .. }
        | Event::TurnsPlanned { .. }
        | Event::TurnsReordered { .. }
        | Event::LookRepeated { .. }
        | Event::CallBegan { .. }
        | Event::GateOpened { .. }
        | Event::ApprovalGiven { .. }
        | Event::ApprovalDenied { .. }
        | Event::GateExpired { .. }
        | Event::ActionStarted { .. }
        | Event::ActionReattached { .. }
        | Event::WaitBegan { .. }
        | Event::RollbackBegan { .. }
        | Event::RunConcluded { .. }
        | Event::ReleaseBegan { .. }
        | Event::RunInterrupted { .. }
        | Event::RunResumed { .. }
        | Event::RunClosed { .. } => event,
    }
}

/// An outcome whose sentence holds no secret.
pub(super) fn outcome(hide: &Redactor, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::NeverStarted { cause, why } => Outcome::NeverStarted { cause, why: hide.text(&why) },
        Outcome::Unknown { why } => Outcome::Unknown { why: hide.text(&why) },
        Outcome::Exited { .. } | Outcome::Signalled { .. } => outcome,
    }
}

fn ended(hide: &Redactor, ended: Ended) -> Ended {
    let judgement = match ended.judgement {
        Judgement::Met => Judgement::Met,
        Judgement::Missed { why } => Judgement::Missed { why: hide.text(&why) },
    };
    let reading = ended.reading.map(|reading| Reading {
        stdout: bytes(hide, &reading.stdout),
        stderr: bytes(hide, &reading.stderr),
        value: reading.value.map(|value| self::value(hide, value)),
    });
    Ended { outcome: outcome(hide, ended.outcome), judgement, reading, ..ended }
}

fn answer(hide: &Redactor, answer: Answer) -> Answer {
    match answer {
        Answer::Done { remark, facts } => {
            let facts = facts.into_iter().map(|(name, fact)| (name, bytes(hide, &fact))).collect();
            Answer::Done { remark: hide.text(&remark), facts }
        }
        Answer::NotDone { remark } => Answer::NotDone { remark: hide.text(&remark) },
        Answer::Undone { remark } => Answer::Undone { remark: hide.text(&remark) },
        Answer::Chosen { .. } | Answer::Retry | Answer::GoOn | Answer::Stop => answer,
        Answer::RollBack | Answer::Release | Answer::Keep => answer,
    }
}

fn bytes(hide: &Redactor, bytes: &Bytes) -> Bytes {
    Bytes::from(hide.bytes(bytes.as_slice()))
}

/// What `parse` took out of a text may be a form that the text itself did not show, such as `\u0070` in JSON.
fn value(hide: &Redactor, value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(hide.text(&text)),
        Value::Array(items) => items.into_iter().map(|item| self::value(hide, item)).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, field)| (hide.text(&name), self::value(hide, field))).collect(),
        Value::Number(number) => match hide.text(&number.to_string()) {
            shown if shown == number.to_string() => Value::Number(number),
            shown => Value::String(shown),
        },
        Value::Null | Value::Bool(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::Period;
    use crate::event::{NotStarted, Part, Stream};

    #[test]
    fn what_a_host_or_a_person_says_is_recorded_without_the_secret() {
        let hide = Redactor::new([("db", &b"hunter2!"[..]), ("pin", b"4711")]).unwrap();
        let reading = Reading {
            stdout: "it is hunter2!".into(),
            stderr: "aHVudGVyMiE=".into(),
            value: Some(json!({"hunter2!": ["x hunter2! y", 4711, 47, null], "code": -47110})),
        };
        let ended = Ended {
            outcome: Outcome::NeverStarted { cause: NotStarted::Refused, why: "sudo said hunter2!".to_owned() },
            stdout: Stream::empty(),
            stderr: Stream::empty(),
            took_ms: Period::default(),
            judgement: Judgement::Missed { why: "expected JSON, got \"hunter2!\"".to_owned() },
            reading: Some(reading),
        };
        let (step, host) = ("do".parse().unwrap(), "db-1".parse().unwrap());
        let event_of = |ended| Event::ActionEnded { step, host, part: Part::Main, attempt: 1, ended: Box::new(ended) };
        let shown = serde_json::to_value(event(&hide, event_of(ended))).unwrap()["ended"].clone();
        assert_eq!(shown["outcome"]["why"], "sudo said [secret:db]");
        assert_eq!(shown["judgement"]["why"], "expected JSON, got \"[secret:db]\"");
        assert_eq!((&shown["reading"]["stdout"], &shown["reading"]["stderr"]), (&json!("it is [secret:db]"), &json!("[secret:db]")));
        let value = json!({"[secret:db]": ["x [secret:db] y", "[secret:pin]", 47, null], "code": "-[secret:pin]0"});
        assert_eq!(shown["reading"]["value"], value);
        let facts = [("pin".to_owned(), Bytes::from("4711"))].into();
        match answer(&hide, Answer::Done { remark: "hunter2! it is".to_owned(), facts }) {
            Answer::Done { remark, facts } => {
                assert_eq!((remark.as_str(), &facts["pin"]), ("[secret:db] it is", &Bytes::from("[secret:pin]")))
            }
            other => panic!("{other:?}"),
        }
    }
}
