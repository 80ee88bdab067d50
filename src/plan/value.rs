//! The values that templates see: parameters, registered results, durations that compare as durations. Never renders anything.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{DynObject, Object, ObjectRepr, Serde, Value};

use crate::base::{Bytes, HostName, Period};
use crate::event::{Outcome, Reading};

/// A parameter's value, checked against its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    Text(Bytes),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Duration(Period),
}

impl Given {
    /// As templates see it.
    pub(in crate::plan) fn to_value(&self) -> Value {
        match self {
            Given::Text(bytes) => text_value(bytes.as_slice()),
            Given::Integer(number) => Value::from(*number),
            Given::Number(number) => Value::from(*number),
            Given::Boolean(flag) => Value::from(*flag),
            Given::Duration(period) => Value::from_object(Duration(*period)),
        }
    }
}

/// A duration: shown as `2m`, compared with other durations by its length.
#[derive(Debug)]
pub(in crate::plan) struct Duration(pub Period);

impl Object for Duration {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str() == Some("seconds")).then(|| Value::from(self.0.as_millis() as f64 / 1000.0))
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Duration>().map(|other| self.0.cmp(&other.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A value that the author wants inserted as it is (`| raw`).
#[derive(Debug)]
pub(in crate::plan) struct Raw(pub Vec<u8>);

impl Object for Raw {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// What a step that registered its result found on each host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Registered {
    pub hosts: BTreeMap<HostName, RegisteredHost>,
    /// What a person gave back, or chose.
    pub facts: BTreeMap<String, Given>,
    /// The step did not run: its condition did not hold.
    pub is_left_out: bool,
}

/// What one host answered.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredHost {
    pub ok: bool,
    pub outcome: Option<Outcome>,
    pub reading: Option<Reading>,
}

impl Registered {
    /// Takes in the same step's result of another turn of a loop: what it says of a host is the newer.
    pub fn take_in(&mut self, other: Registered) {
        self.hosts.extend(other.hosts);
        self.facts.extend(other.facts);
    }

    pub(in crate::plan) fn to_value(&self) -> Value {
        let named = |wanted: bool| self.hosts.iter().filter(move |(_, host)| host.ok == wanted).map(|(name, _)| Value::from(name.as_str()));
        let mut fields: Vec<(&str, Value)> = vec![
            ("hosts", Value::from_pairs(self.hosts.iter().map(|(name, host)| (name.as_str(), Value::from_pairs(host_fields(host)))))),
            ("ok", named(true).collect()),
            ("failed", named(false).collect()),
        ];
        if !self.facts.is_empty() {
            fields.clear(); // a person's answers: only the facts
        }
        fields.push(("skipped", Value::from(self.is_left_out)));
        fields.extend(self.facts.iter().map(|(name, given)| (name.as_str(), given.to_value())));
        if let (1, Some(only)) = (self.hosts.len(), self.hosts.values().next()) {
            fields.extend(host_fields(only));
        }
        Value::from_pairs(fields)
    }
}

fn host_fields(host: &RegisteredHost) -> Vec<(&'static str, Value)> {
    let mut fields = Vec::new();
    if let Some(Outcome::Exited { code }) = host.outcome {
        fields.push(("exit_code", Value::from(code)));
    }
    if let Some(reading) = &host.reading {
        fields.extend(output_fields(reading.stdout.as_slice(), reading.stderr.as_slice()));
        if let Some(value) = &reading.value {
            fields.push(("value", Value::from(Serde(value))));
        }
    }
    fields
}

/// `stdout` and `stderr` without their trailing newlines, as in `$(…)`, and `lines`.
pub(in crate::plan) fn output_fields(stdout: &[u8], stderr: &[u8]) -> Vec<(&'static str, Value)> {
    let lines = trimmed(stdout).split(|&byte| byte == b'\n').filter(|_| !trimmed(stdout).is_empty()).map(text_value);
    vec![("stdout", text_value(trimmed(stdout))), ("stderr", text_value(trimmed(stderr))), ("lines", lines.collect())]
}

/// Text where it is UTF-8, bytes where it is not.
pub(in crate::plan) fn text_value(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::from(text),
        Err(_) => Value::from_bytes(bytes.to_vec()),
    }
}

pub(in crate::plan) fn trimmed(output: &[u8]) -> &[u8] {
    let end = output.iter().rposition(|&byte| byte != b'\n').map_or(0, |last| last + 1);
    &output[..end]
}
