//! What differs at the top of a runbook: parameters, secrets, rules, symptoms, targets and prose. Never looks at a step.

use std::collections::BTreeSet;

use super::step::different;
use super::{Change, How, Weight};
use crate::runbook::{Parameter, ParameterKind, Runbook, Secret, SecretOrigin, Symptom};

/// All that differs there.
pub fn changes(old: &Runbook, new: &Runbook) -> Vec<Change> {
    let mut changes = parameters(old, new);
    changes.extend(named("secret", &secrets(old), &secrets(new), Weight::Different));
    changes.extend(named("symptom", &symptoms(old), &symptoms(new), Weight::Dangerous));
    changes.extend(named("target", &targets(old), &targets(new), Weight::Different));
    changes.extend(rules(old, new));
    changes.extend(prose(old, new));
    changes
}

fn change(weight: Weight, what: &'static str, how: How, sentence: String) -> Change {
    Change { weight, what, how, steps: Vec::new(), sentence, lines: Vec::new() }
}

type Named = Vec<(String, String)>;

/// Things by name: gone, new, or another. `gone` is the weight of one that is gone.
fn named(what: &'static str, old: &Named, new: &Named, gone: Weight) -> Vec<Change> {
    let find = |all: &Named, name: &str| all.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    let names: BTreeSet<&String> = old.iter().chain(new).map(|(name, _)| name).collect();
    let tell = |name: &String| match (find(old, name), find(new, name)) {
        (Some(was), None) => Some(change(gone, what, How::Removed, format!("the {what} `{name}` is gone, before {was}"))),
        (None, Some(is)) => Some(change(Weight::Different, what, How::Added, format!("the {what} `{name}` is new: {is}"))),
        (Some(was), Some(is)) if was != is => {
            Some(change(Weight::Different, what, How::Changed, format!("the {what} `{name}` is now {is}, before {was}")))
        }
        (Some(_), Some(_)) | (None, None) => None,
    };
    names.into_iter().filter_map(tell).collect()
}

fn secrets(runbook: &Runbook) -> Named {
    let origin = |secret: &Secret| match &secret.origin {
        SecretOrigin::Env(name) => format!("the variable {}", name.value),
        SecretOrigin::File(path) => format!("the file {}", path.value),
        SecretOrigin::Command(words) => {
            format!("what `{}` prints", words.iter().map(|word| word.value.as_str()).collect::<Vec<_>>().join(" "))
        }
        SecretOrigin::Prompt => "asked for".to_owned(),
        SecretOrigin::OnHost { hosts, file } => format!("the file {} on {}", file.value, hosts.value),
    };
    runbook.secrets.iter().map(|secret| (secret.name.value.clone(), origin(secret))).collect()
}

fn symptoms(runbook: &Runbook) -> Named {
    let said = |symptom: &Symptom| {
        let expect = symptom.expect.as_ref().map_or(String::new(), |expect| format!(", expecting {}", expect.value));
        let every = symptom.every.as_ref().map_or(String::new(), |every| format!(", every {}", every.value));
        let timeout = symptom.timeout.as_ref().map_or(String::new(), |timeout| format!(", for at most {}", timeout.value));
        format!("`{}` on {}{expect}{every}{timeout}", symptom.check.value.trim(), symptom.hosts.value)
    };
    runbook.symptoms.iter().map(|symptom| (symptom.name.value.clone(), said(symptom))).collect()
}

fn targets(runbook: &Runbook) -> Named {
    runbook.targets.iter().map(|(name, selector)| (name.value.clone(), format!("`{}`", selector.value))).collect()
}

fn rules(old: &Runbook, new: &Runbook) -> Vec<Change> {
    let has = |runbook: &Runbook, text: &str| runbook.rules.iter().any(|rule| rule.require.value.trim() == text.trim());
    let gone = old.rules.iter().filter(|rule| !has(new, &rule.require.value));
    let added = new.rules.iter().filter(|rule| !has(old, &rule.require.value));
    let gone =
        gone.map(|rule| change(Weight::Dangerous, "rule", How::Removed, format!("the rule `{}` is gone", rule.require.value.trim())));
    let added = added.map(|rule| change(Weight::Different, "rule", How::Added, format!("the rule `{}` is new", rule.require.value.trim())));
    gone.chain(added).collect()
}

fn parameters(old: &Runbook, new: &Runbook) -> Vec<Change> {
    let find = |runbook: &Runbook, name: &str| runbook.parameters.iter().find(|parameter| parameter.name.value == name).cloned();
    let mut changes = Vec::new();
    for was in old.parameters.iter().filter(|was| find(new, &was.name.value).is_none()) {
        changes.push(change(Weight::Different, "parameter", How::Removed, format!("the parameter `{}` is gone", was.name.value)));
    }
    for is in &new.parameters {
        let name = &is.name.value;
        match find(old, name) {
            None => {
                let said = format!("the parameter `{name}` is new: {}", in_short(is));
                changes.push(change(Weight::Different, "parameter", How::Added, said));
            }
            Some(was) => changes.extend(parameter(&was, is)),
        }
    }
    changes
}

fn parameter(was: &Parameter, is: &Parameter) -> Vec<Change> {
    let name = &is.name.value;
    let value = |word: &Option<crate::text::Spanned<String>>| word.as_ref().map(|word| word.value.clone());
    let mut changes = Vec::new();
    if was.kind != is.kind {
        let said = format!("the parameter `{name}` is now {}, before {}", kind(&is.kind), kind(&was.kind));
        changes.push(change(Weight::Different, "parameter", How::Changed, said));
    }
    match (value(&was.default), value(&is.default)) {
        (Some(before), None) => {
            let said = format!("the parameter `{name}` is now required, before its default was `{before}`");
            changes.push(change(Weight::Different, "parameter", How::Stronger, said));
        }
        (before, Some(now)) if before.as_ref() != Some(&now) => {
            let before = before.map_or("it was required".to_owned(), |before| format!("`{before}`"));
            changes.push(change(
                Weight::Different,
                "parameter",
                How::Changed,
                format!("the parameter `{name}` now has the default `{now}`, before {before}"),
            ));
        }
        (None | Some(_), None | Some(_)) => {}
    }
    let bounds = [("pattern", &was.pattern, &is.pattern), ("min", &was.min, &is.min), ("max", &was.max, &is.max)];
    for (word, was, is) in bounds.into_iter().filter(|(_, was, is)| value(was) != value(is)) {
        let weight = if is.is_none() { Weight::Dangerous } else { Weight::Different };
        let say = |word: Option<String>| word.map_or("none".to_owned(), |word| format!("`{word}`"));
        let how = if is.is_none() { How::Weaker } else { How::Changed };
        changes.push(change(
            weight,
            "parameter",
            how,
            format!("the parameter `{name}` now has as `{word}` {}, before {}", say(value(is)), say(value(was))),
        ));
    }
    changes
}

/// Typed facts in a line each, for comparing.
pub fn parameters_in_short(parameters: &[Parameter]) -> String {
    parameters.iter().map(|parameter| format!("{}: {}", parameter.name.value, in_short(parameter))).collect::<Vec<_>>().join("; ")
}

fn in_short(parameter: &Parameter) -> String {
    let default = parameter.default.as_ref().map_or("required".to_owned(), |default| format!("default `{}`", default.value));
    format!("{}, {default}", kind(&parameter.kind))
}

fn kind(kind: &ParameterKind) -> String {
    match kind {
        ParameterKind::String => "a text".to_owned(),
        ParameterKind::Integer => "a whole number".to_owned(),
        ParameterKind::Number => "a number".to_owned(),
        ParameterKind::Boolean => "true or false".to_owned(),
        ParameterKind::Duration => "a duration".to_owned(),
        ParameterKind::Bytes => "an amount of bytes".to_owned(),
        ParameterKind::Enum { values } => format!("one of {}", values.join(", ")),
        ParameterKind::Host => "a host".to_owned(),
        ParameterKind::Hosts => "a selector".to_owned(),
    }
}

fn prose(old: &Runbook, new: &Runbook) -> Vec<Change> {
    let trimmed = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
    let links = |runbook: &Runbook| runbook.links.iter().map(|(name, link)| format!("{name}: {link}")).collect::<Vec<_>>().join("\n");
    let reviewed = |runbook: &Runbook| runbook.reviewed.as_ref().map_or(String::new(), |date| date.value.clone());
    let texts = [
        ("title", old.title.clone(), new.title.clone()),
        ("description", trimmed(&old.description), trimmed(&new.description)),
        ("owner", trimmed(&old.owner), trimmed(&new.owner)),
        ("reviewed", reviewed(old), reviewed(new)),
        ("links", links(old), links(new)),
    ];
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let tell = |(word, was, is): (&'static str, String, String)| Change {
        lines: different(&lines(&was), &lines(&is)),
        ..change(Weight::Words, word, How::Changed, format!("the runbook has another `{word}`"))
    };
    texts.into_iter().filter(|(_, was, is)| was != is).map(tell).collect()
}
