//! The people of a scenario: what they say to a step, and how they answer gates. Never decides who may.

use std::collections::BTreeMap;

use super::{read_flag, read_person};
use crate::base::{Bytes, Period, Person};
use crate::text::{Node, Reader, Spanned, Value, Vocabulary};

/// What a person says when a step asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A manual step is done, with what it asks back; what a person undid by hand is undone.
    Done {
        facts: BTreeMap<String, Bytes>,
    },
    NotDone,
    /// An option of a choice.
    Option(String),
    /// After a failure.
    Retry,
    Skip,
    Rollback,
    Stop,
    /// Whether what is held is given back after a failure.
    Release,
    Keep,
    /// Nothing: the run waits for a person.
    Silent,
}

/// Somebody who answers gates.
#[derive(Debug, Clone)]
pub struct Approver {
    pub person: Spanned<Person>,
    /// How long that takes after the gate has opened.
    pub after: Period,
    /// Why it is denied, where it is.
    pub denies: Option<String>,
}

/// The one who runs it presses Ctrl-C while a step runs.
#[derive(Debug, Clone)]
pub struct Stop {
    pub at: Spanned<String>,
    pub presses: Presses,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presses {
    /// What runs finishes, and nothing new starts.
    Once,
    /// What runs is ended on its hosts, too.
    Twice,
}

const STOP: Vocabulary = Vocabulary {
    foreign: &[
        ("step", "write `at: STEP`"),
        ("kill", "write `now: true`"),
        ("force", "write `now: true`"),
        ("on", "write `at: STEP`; a run is stopped as a whole"),
    ],
};

const SAID: Vocabulary = Vocabulary { foreign: &[("answers", "write `done: {FACT: VALUE}`"), ("facts", "write `done: {FACT: VALUE}`")] };

const APPROVER: Vocabulary = Vocabulary {
    foreign: &[("person", "write `by: bob@example.com`"), ("who", "write `by: bob@example.com`"), ("deny", "write `denies: WHY`")],
};

/// Steps by id, each with what is said there, in turn.
pub(super) fn read_people(reader: &mut Reader, node: &Node) -> Vec<(Spanned<String>, Vec<Said>)> {
    let Some(mut fields) = reader.fields(node, "`people`", "`people: {look-at-the-dashboard: done}`") else { return Vec::new() };
    let named = fields.rest();
    let turns = |reader: &mut Reader, node: &Node| match &node.value {
        Value::List(items) => items.iter().filter_map(|item| read_said(reader, item)).collect(),
        Value::Scalar(_) | Value::Map(_) => read_said(reader, node).into_iter().collect(),
    };
    named.into_iter().map(|(name, node)| (name, turns(reader, node))).collect()
}

fn read_said(reader: &mut Reader, node: &Node) -> Option<Said> {
    let Value::Map(_) = &node.value else {
        let word = reader.text(node, "what a person says")?;
        return Some(match word.value.as_str() {
            "done" => Said::Done { facts: BTreeMap::new() },
            "not-done" => Said::NotDone,
            "retry" => Said::Retry,
            "skip" => Said::Skip,
            "rollback" => Said::Rollback,
            "stop" => Said::Stop,
            "release" => Said::Release,
            "keep" => Said::Keep,
            "silent" => Said::Silent,
            option => Said::Option(option.to_owned()),
        });
    };
    let mut fields = reader.fields(node, "what a person says", "`done`, or `{done: {FACT: VALUE}}`")?;
    let facts = fields.required("done", "done: {ticket: OPS-1}").and_then(|node| reader.fields(node, "`done`", "`done: {ticket: OPS-1}`"));
    fields.finish(reader, &SAID);
    let named = facts?.rest();
    let facts =
        named.into_iter().filter_map(|(name, node)| Some((name.value, Bytes::from(reader.as_written(node, "a fact")?.value.as_str()))));
    Some(Said::Done { facts: facts.collect() })
}

/// Reads `stops:`.
pub(super) fn read_stop(reader: &mut Reader, node: &Node) -> Option<Stop> {
    let Value::Map(_) = &node.value else {
        return Some(Stop { at: reader.text(node, "`stops`")?, presses: Presses::Once });
    };
    let mut fields = reader.fields(node, "`stops`", "`stops: STEP`, or `stops: {at: STEP, now: true}`")?;
    let at = fields.required("at", "at: restart-it").and_then(|node| reader.text(node, "`at`"));
    let now = fields.optional("now").is_some_and(|node| read_flag(reader, node, "`now`"));
    fields.finish(reader, &STOP);
    Some(Stop { at: at?, presses: if now { Presses::Twice } else { Presses::Once } })
}

/// People in the order in which they look at gates.
pub(super) fn read_approvals(reader: &mut Reader, node: &Node) -> Vec<Approver> {
    let Value::List(items) = &node.value else {
        reader.wrong_shape(node, "`approvals` is a list", "`approvals: [bob@example.com]`, or `approvals: []` where nobody answers");
        return Vec::new();
    };
    items.iter().filter_map(|item| read_approver(reader, item)).collect()
}

fn read_approver(reader: &mut Reader, node: &Node) -> Option<Approver> {
    let Value::Map(_) = &node.value else {
        return Some(Approver { person: read_person(reader, node, "an approver")?, after: Period::default(), denies: None });
    };
    let mut fields = reader.fields(node, "an approver", "`bob@example.com`, or `{by: bob@example.com, after: 10m}`")?;
    let person = fields.required("by", "by: bob@example.com").and_then(|node| read_person(reader, node, "`by`"));
    let after = fields.optional("after").and_then(|node| reader.period(node, "`after`")).map(|after| after.value).unwrap_or_default();
    let denies = fields.optional("denies").and_then(|node| reader.text(node, "`denies`")).map(|text| text.value);
    fields.finish(reader, &APPROVER);
    Some(Approver { person: person?, after, denies })
}
