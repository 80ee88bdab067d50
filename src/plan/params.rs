//! The values of a run's parameters: given or default, checked against what the runbook asks. Never prompts.

use std::collections::BTreeMap;

use regex::bytes::Regex;

use super::program::{Program, ProgramStep};
use super::template::{Scope, holds};
use super::value::Given;
use crate::base::{Bytes, HostName, Period, StepId};
use crate::library::Inventory;
use crate::runbook::{Parameter, ParameterKind, Runbook, Work};
use crate::text::{Spanned, parse_bytes};

/// Every parameter of a runbook with its value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    values: BTreeMap<String, (Bytes, Given)>,
}

/// Why a parameter has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// It is required and was not given.
    #[error("parameter `{name}` is missing: give it as -p {name}=…{hint}")]
    Missing { name: String, hint: String },
    /// Its text is not what the runbook asks.
    #[error("parameter `{name}`: {why}")]
    Invalid { name: String, why: String },
    /// The runbook has no such parameter.
    #[error("there is no parameter `{name}`; this runbook has: {known}")]
    Unknown { name: String, known: String },
}

impl Parameters {
    /// Takes what was given, fills in defaults and checks all.
    ///
    /// # Errors
    /// All problems at once.
    pub fn resolve(runbook: &Runbook, given: &BTreeMap<String, Bytes>, inventory: &Inventory) -> Result<Self, Vec<ParameterError>> {
        let mut problems: Vec<ParameterError> =
            given.keys().filter(|name| !is_known(runbook, name)).map(|name| unknown(runbook, name)).collect();
        let mut values = BTreeMap::new();
        for parameter in &runbook.parameters {
            match value(parameter, given, inventory) {
                Ok(value) => {
                    values.insert(parameter.name.value.clone(), value);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(Self { values }) } else { Err(problems) }
    }

    /// Whether the values keep the rules of the runbook across parameters.
    ///
    /// # Errors
    /// The message of each rule that does not hold, or why it cannot be judged.
    pub fn keep_rules(&self, runbook: &Runbook) -> Result<(), Vec<String>> {
        let scope = Scope::new(self.given(), []);
        let broken: Vec<String> = runbook
            .rules
            .iter()
            .filter_map(|rule| match holds(&rule.require.value, &scope) {
                Ok(true) => None,
                Ok(false) => Some(format!("{} (required: {})", rule.message.trim(), rule.require.value)),
                Err(error) => Some(format!("the rule `{}` cannot be judged: {error}", rule.require.value)),
            })
            .collect();
        if broken.is_empty() { Ok(()) } else { Err(broken) }
    }

    /// The same, but what is missing stays missing: enough for a page that is printed before its day.
    ///
    /// # Errors
    /// All problems at once.
    pub fn resolve_what_is_there(
        runbook: &Runbook,
        given: &BTreeMap<String, Bytes>,
        inventory: &Inventory,
    ) -> Result<Self, Vec<ParameterError>> {
        let mut there = runbook.clone();
        there.parameters.retain(|parameter| parameter.default.is_some() || given.contains_key(&parameter.name.value));
        let unknown = given.keys().filter(|name| !is_known(runbook, name)).map(|name| unknown(runbook, name));
        let unknown: Vec<ParameterError> = unknown.collect();
        if unknown.is_empty() { Self::resolve(&there, given, inventory) } else { Err(unknown) }
    }

    /// The defaults alone, as far as they are there and good: enough to look at a runbook without running it.
    pub fn defaults(runbook: &Runbook, inventory: &Inventory) -> Self {
        let good = |parameter: &Parameter| Some((parameter.name.value.clone(), value(parameter, &BTreeMap::new(), inventory).ok()?));
        Self { values: runbook.parameters.iter().filter_map(good).collect() }
    }

    /// Names and values, as templates see them.
    pub fn given(&self) -> impl Iterator<Item = (&String, &Given)> {
        self.values.iter().map(|(name, (_, given))| (name, given))
    }

    /// Names and values as they were written: what the record keeps.
    pub fn written(&self) -> BTreeMap<String, Bytes> {
        self.values.iter().map(|(name, (text, _))| (name.clone(), text.clone())).collect()
    }
}

/// Checks one text against a parameter, for a prompt that asks again.
///
/// # Errors
/// A sentence that says what was expected.
pub fn check(parameter: &Parameter, text: &Bytes, inventory: &Inventory) -> Result<Given, String> {
    let may_be_left_out = parameter.default.as_ref().is_some_and(|default| default.value.is_empty());
    if text.is_empty() && may_be_left_out && matches!(parameter.kind, ParameterKind::Host | ParameterKind::Hosts) {
        return Ok(Given::Text(text.clone()));
    }
    let given = typed(&parameter.kind, text, inventory)?;
    if let Some(pattern) = &parameter.pattern {
        let whole = Regex::new(&format!("^(?s-u:{})$", pattern.value)).or_else(|_| Regex::new(&format!("^(?:{})$", pattern.value)));
        let regex = whole.map_err(|error| format!("its pattern is not a regular expression: {error}"))?;
        if regex.find(text.as_slice()).is_none_or(|found| found.len() != text.len()) {
            return Err(format!("expected text that matches `{}` as a whole, got \"{text}\"", pattern.value));
        }
    }
    within(parameter, &given)?;
    Ok(given)
}

/// Whether what a person gives back is what the step asks for.
///
/// # Errors
/// A sentence that says what was expected.
pub fn check_fact(program: &Program, step: &StepId, name: &str, text: &Bytes) -> Result<(), String> {
    let asked = match program.step(step).map(|step| &step.step.work) {
        Some(Work::Manual { answers, .. }) => answers.iter().find(|asked| asked.name.value == name),
        Some(_) | None => None,
    };
    match asked {
        Some(asked) => check(asked, text, &program.inventory).map(|_| ()),
        None => Err(format!("{step} asks for no `{name}`")),
    }
}

/// What a person gave back, by the types that the step asks for. It was checked when it was given; what no longer fits is left out.
pub fn typed_facts(program: &Program, step: &ProgramStep, facts: &BTreeMap<String, Bytes>) -> BTreeMap<String, Given> {
    let Work::Manual { answers, .. } = &step.step.work else { return BTreeMap::new() };
    let typed = |(name, text): (&String, &Bytes)| {
        let asked = answers.iter().find(|asked| asked.name.value == *name)?;
        Some((name.clone(), check(asked, text, &program.inventory).ok()?))
    };
    facts.iter().filter_map(typed).collect()
}

fn is_known(runbook: &Runbook, name: &str) -> bool {
    runbook.parameters.iter().any(|parameter| parameter.name.value == name)
}

fn unknown(runbook: &Runbook, name: &str) -> ParameterError {
    let known: Vec<&str> = runbook.parameters.iter().map(|parameter| parameter.name.value.as_str()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    ParameterError::Unknown { name: name.to_owned(), known }
}

fn value(parameter: &Parameter, given: &BTreeMap<String, Bytes>, inventory: &Inventory) -> Result<(Bytes, Given), ParameterError> {
    let name = parameter.name.value.clone();
    let default = || parameter.default.as_ref().map(|default| Bytes::from(default.value.as_str()));
    let Some(text) = given.get(&name).cloned().or_else(default) else {
        let hint = parameter.description.as_ref().map_or(String::new(), |description| format!(" ({})", description.trim()));
        return Err(ParameterError::Missing { name, hint });
    };
    match check(parameter, &text, inventory) {
        Ok(given) => Ok((text, given)),
        Err(why) => Err(ParameterError::Invalid { name, why }),
    }
}

fn typed(kind: &ParameterKind, text: &Bytes, inventory: &Inventory) -> Result<Given, String> {
    if text.as_slice().contains(&0) {
        return Err("no value can hold a NUL byte".to_owned());
    }
    let expected = |what: &str| format!("expected {what}, got \"{text}\"");
    let utf8 = || text.as_str().map(str::trim).ok_or_else(|| expected("UTF-8 text"));
    match kind {
        ParameterKind::String => Ok(Given::Text(text.clone())),
        ParameterKind::Integer => utf8()?.parse().map(Given::Integer).map_err(|_| expected("a whole number")),
        ParameterKind::Number => number(utf8()?).ok_or_else(|| expected("a number")),
        ParameterKind::Boolean => match utf8()? {
            "true" => Ok(Given::Boolean(true)),
            "false" => Ok(Given::Boolean(false)),
            _ => Err(expected("true or false")),
        },
        ParameterKind::Duration => utf8()?.parse().map(Given::Duration).map_err(|error: crate::base::ParsePeriodError| error.to_string()),
        ParameterKind::Bytes => Ok(Given::Integer(
            parse_bytes(utf8()?).and_then(|size| i64::try_from(size).ok()).ok_or_else(|| expected("a size such as 50MB"))?,
        )),
        ParameterKind::Enum { values } if values.iter().any(|value| Some(value.as_str()) == text.as_str()) => Ok(Given::Text(text.clone())),
        ParameterKind::Enum { values } => Err(expected(&format!("one of {}", values.join(", ")))),
        ParameterKind::Host => match utf8()?.parse::<HostName>() {
            Ok(host) if inventory.hosts.contains_key(&host) => Ok(Given::Text(text.clone())),
            _ => Err(expected("the name of a host in the inventory")),
        },
        ParameterKind::Hosts => utf8().map(|_| Given::Text(text.clone())),
    }
}

fn number(text: &str) -> Option<Given> {
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Given::Number)
}

fn within(parameter: &Parameter, given: &Given) -> Result<(), String> {
    let size = |given: &Given| match given {
        Given::Integer(number) => Some(*number as f64),
        Given::Number(number) => Some(*number),
        Given::Duration(period) => Some(period.as_millis() as f64),
        Given::Text(text) => text.as_str().map(|text| text.chars().count() as f64),
        Given::Boolean(_) => None,
    };
    let limit = |written: &str| match given {
        Given::Text(_) => written.trim().parse().ok(),
        Given::Duration(_) => written.parse::<Period>().ok().map(|period| period.as_millis() as f64),
        Given::Integer(_) | Given::Number(_) | Given::Boolean(_) => {
            parse_bytes(written).map(|size| size as f64).or(written.trim().parse().ok())
        }
    };
    let exceeds = |edge: &Option<Spanned<String>>, beyond: fn(f64, f64) -> bool| {
        let edge = edge.as_ref()?;
        beyond(size(given)?, limit(&edge.value)?).then(|| edge.value.clone())
    };
    if let Some(least) = exceeds(&parameter.min, |size, limit| size < limit) {
        return Err(format!("expected at least {least}"));
    }
    if let Some(most) = exceeds(&parameter.max, |size, limit| size > limit) {
        return Err(format!("expected at most {most}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::read;
    use crate::text::Source;

    #[test]
    fn a_host_may_be_left_out_where_that_is_its_default_and_only_there() {
        let step = "steps:\n  - {name: Look, hosts: local, check: uptime, timeout: 5s}\n";
        let resolved = |parameter: &str, given: &str| {
            let source = Source::new("x.yaml", &format!("runbook: x\ntitle: X\nparameters:\n  except: {parameter}\n{step}"));
            let (runbook, _) = read(&source, "x");
            let given = BTreeMap::from([("except".to_owned(), Bytes::from(given))]);
            Parameters::resolve(&runbook.unwrap(), &given, &Inventory::default()).is_ok()
        };
        assert!(resolved("{type: host, default: \"\"}", "") && resolved("{type: hosts, default: \"\"}", ""));
        assert!(!resolved("{type: host}", "") && !resolved("{type: host, default: \"\"}", "nobody"));
    }
}
