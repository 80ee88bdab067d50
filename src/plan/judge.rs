//! Whether a result is what its step expects, and what later steps may use of it. Pure; never runs anything.

use minijinja::value::{Serde, Value};
use regex::bytes::Regex;
use serde_json::{Map, Value as Json, json};

use super::template::{Scope, holds, names_in_expression};
use super::value::{output_fields, text_value, trimmed};
use crate::base::{Bytes, HostName, Period};
use crate::event::{Judgement, Outcome, Parse, Reading, Signaller, Stage, StageWork};

/// How much of each stream expressions and later steps may see: more belongs into a file, not into a decision.
pub const READING_LIMIT: usize = 64 << 10;

/// What a command printed, as far as expressions may see it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// At most [`READING_LIMIT`] bytes and one more where there was more.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Judges one attempt.
pub fn judge(stage: &Stage, host: &HostName, outcome: &Outcome, seen: &Seen, took: Period, scope: &Scope) -> (Judgement, Option<Reading>) {
    let code = match outcome {
        Outcome::Exited { code } => *code,
        Outcome::Signalled { .. } | Outcome::NeverStarted { .. } | Outcome::Unknown { .. } => return (missed(said(outcome)), None),
    };
    let StageWork::Commands { parse, expect, .. } = &stage.work else { return (missed(said(outcome)), None) };
    let reads = parse.is_some() || expect.is_some() || stage.register.is_some();
    if reads && let Some(why) = too_long(seen) {
        return (missed(why), None);
    }
    let value = match parse.as_ref().map(|parse| parsed(parse, &seen.stdout)).transpose() {
        Ok(value) => value,
        Err(why) => return (missed(why), None),
    };
    let judgement = match expect {
        None if code == 0 => Judgement::Met,
        None => missed(said(outcome)),
        Some(expression) => expected(expression, &result_scope(scope, host, code, seen, value.as_ref(), took, expression), code),
    };
    let reading = stage.register.is_some().then(|| Reading {
        stdout: Bytes::from(seen.stdout.clone()),
        stderr: Bytes::from(seen.stderr.clone()),
        value,
    });
    (judgement, reading)
}

/// An outcome as a sentence.
pub fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { code } => format!("exit status {code}"),
        Outcome::Signalled { signal, by: Signaller::Host } => format!("ended by signal {signal}"),
        Outcome::Signalled { signal, by: Signaller::Timeout } => format!("timed out; ended by signal {signal}, nothing of it is left"),
        Outcome::Signalled { signal, by: Signaller::Stop } => format!("stopped; ended by signal {signal}, nothing of it is left"),
        Outcome::NeverStarted { why, .. } => format!("never started: {why}"),
        Outcome::Unknown { why } => format!("outcome unknown: {why}"),
    }
}

fn missed(why: String) -> Judgement {
    Judgement::Missed { why }
}

fn too_long(seen: &Seen) -> Option<String> {
    let (name, _) = [("stdout", &seen.stdout), ("stderr", &seen.stderr)].into_iter().find(|(_, bytes)| bytes.len() > READING_LIMIT)?;
    Some(format!(
        "{name} is longer than the {} KiB that expect, parse and register may see; let the command print less, or leave those words",
        READING_LIMIT >> 10
    ))
}

fn expected(expression: &str, scope: &Scope, code: i32) -> Judgement {
    match holds(expression, scope) {
        Ok(true) => Judgement::Met,
        Ok(false) => missed(format!("expected {expression}; exit status {code}")),
        Err(error) => missed(format!("expect: {error}")),
    }
}

fn result_scope(scope: &Scope, host: &HostName, code: i32, seen: &Seen, value: Option<&Json>, took: Period, expression: &str) -> Scope {
    let mut fields = output_fields(&seen.stdout, &seen.stderr);
    fields.push(("exit_code", Value::from(code)));
    fields.push(("seconds", Value::from(took.as_millis() as f64 / 1000.0)));
    fields.push(("host", Value::from(host.as_str())));
    if let Some(value) = value {
        fields.push(("value", Value::from(Serde(value))));
    }
    let asks_json = names_in_expression(expression).is_ok_and(|names| names.contains("json"));
    if asks_json && let Ok(json) = serde_json::from_slice::<Json>(&seen.stdout) {
        fields.push(("json", Value::from(Serde(json))));
    }
    scope.with(fields)
}

fn parsed(parse: &Parse, stdout: &[u8]) -> Result<Json, String> {
    let text = || std::str::from_utf8(trimmed(stdout)).map_err(|_| "parse: expected UTF-8 text".to_owned());
    let shown = || text_value(trimmed(stdout)).to_string().chars().take(80).collect::<String>();
    match parse {
        Parse::Json => serde_json::from_slice(stdout).map_err(|error| format!("parse: expected JSON: {error}")),
        Parse::Lines => Ok(text()?.lines().map(Json::from).collect()),
        Parse::Int => {
            text()?.trim().parse::<i64>().map(Json::from).map_err(|_| format!("parse: expected a whole number, got {:?}", shown()))
        }
        Parse::Csv => csv(text()?),
        Parse::Pairs => pairs(text()?),
        Parse::Regex(pattern) => regex(pattern, trimmed(stdout)),
    }
}

/// `a,b` lines under a header line become a list of maps. Quoted fields follow RFC 4180; newlines within them are not supported.
fn csv(text: &str) -> Result<Json, String> {
    let mut lines = text.lines();
    let header = lines.next().map(fields).transpose()?.unwrap_or_default();
    let row = |(index, line): (usize, &str)| {
        let fields = fields(line)?;
        if fields.len() != header.len() {
            return Err(format!("parse: expected {} fields in line {} as in the header, got {}", header.len(), index + 2, fields.len()));
        }
        Ok(Json::Object(header.iter().cloned().zip(fields.into_iter().map(Json::from)).collect()))
    };
    lines.enumerate().map(row).collect::<Result<Vec<_>, _>>().map(Json::from)
}

fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let last = fields.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                fields[last].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields[last].push(other),
        }
    }
    if quoted { Err(format!("parse: a quote is not closed in {line:?}")) } else { Ok(fields) }
}

/// `key=value`, `key: value` or `key value` lines; or, where no line has two parts, keys and values in turn, as `redis-cli` prints them.
fn pairs(text: &str) -> Result<Json, String> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let split = |line: &str| {
        let at = line.find('=').or_else(|| line.find(": ")).or_else(|| line.find(char::is_whitespace))?;
        Some((line[..at].trim().to_owned(), Json::from(line[at + 1..].trim())))
    };
    let in_lines: Option<Map<String, Json>> = lines.iter().map(|line| split(line)).collect();
    if let Some(map) = in_lines {
        return Ok(Json::Object(map));
    }
    if !lines.len().is_multiple_of(2) {
        return Err("parse: expected pairs, got an odd number of lines".to_owned());
    }
    Ok(Json::Object(lines.chunks_exact(2).map(|pair| (pair[0].to_owned(), Json::from(pair[1]))).collect()))
}

fn regex(pattern: &str, stdout: &[u8]) -> Result<Json, String> {
    let regex = Regex::new(pattern).map_err(|error| format!("parse: not a regular expression: {error}"))?;
    let found = regex.captures(stdout).ok_or_else(|| format!("parse: the output does not match `{pattern}`"))?;
    let group = |index: usize| found.get(index).map(|group| String::from_utf8_lossy(group.as_bytes()).into_owned());
    let named: Map<String, Json> = regex
        .capture_names()
        .enumerate()
        .filter_map(|(index, name)| Some((name?.to_owned(), group(index).map_or(Json::Null, Json::from))))
        .collect();
    Ok(if named.is_empty() { json!(group(1).or_else(|| group(0))) } else { Json::Object(named) })
}
