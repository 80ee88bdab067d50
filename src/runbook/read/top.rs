//! Reads what stands only at the top of a runbook: secrets, rules and symptoms. Never fetches a secret.

use super::super::{RuleText, Secret, SecretOrigin, Symptom};
use super::common::scalar_text;
use super::names::Names;
use super::words;
use crate::base::StepId;
use crate::text::{Node, Reader, Spanned, Value};

pub(super) fn read_secrets(reader: &mut Reader, node: &Node, names: &mut Names) -> Vec<Secret> {
    let example = "`secrets: {db_password: {env: PGPASSWORD}}`";
    let Some(mut fields) = reader.fields(node, "`secrets`", example) else { return Vec::new() };
    let mut secrets = Vec::new();
    for (name, node) in fields.rest() {
        names.give(reader, &name, "secret");
        secrets.extend(read_secret(reader, name, node));
    }
    secrets
}

fn read_secret(reader: &mut Reader, name: Spanned<String>, node: &Node) -> Option<Secret> {
    let example = "one of `{env: NAME}`, `{file: /path}`, `{command: [pass, show, db]}`, `{prompt: true}`, `{hosts: db, file: /path}`";
    if let Value::Scalar(_) = &node.value {
        let message = format!("the secret `{}` stands in the runbook", name.value);
        let help = format!("whoever reads this file knows it now: change it, and say here where it is kept: {example}");
        reader.error("RB126", node.span, message).label("no secret any more").help(help);
        return None;
    }
    let mut fields = reader.fields(node, format!("the secret `{}`", name.value), example)?;
    let hosts = fields.optional("hosts").map(|node| reader.text(node, "`hosts`"));
    let mut origins = Vec::new();
    if let Some(node) = fields.optional("env") {
        origins.push(reader.text(node, "`env`").map(SecretOrigin::Env));
    }
    if let Some(node) = fields.optional("file") {
        let file = reader.text(node, "`file`");
        origins.push(match &hosts {
            Some(hosts) => hosts.clone().zip(file).map(|(hosts, file)| SecretOrigin::OnHost { hosts, file }),
            None => file.map(SecretOrigin::File),
        });
    }
    if let Some(node) = fields.optional("command") {
        origins.push(read_command(reader, node).map(SecretOrigin::Command));
    }
    if let Some(node) = fields.optional("prompt") {
        origins.push(super::common::read_true(reader, node, "prompt").then_some(SecretOrigin::Prompt));
    }
    let is_unclear = fields.left().next().is_some(); // that is told
    let written = origins.len();
    fields.finish(reader, &words::SECRET);
    let fits = hosts.is_none() || matches!(origins.as_slice(), [Some(SecretOrigin::OnHost { .. }) | None]);
    match (origins.pop(), origins.is_empty() && fits) {
        (Some(origin), true) => origin.map(|origin| Secret { name, origin }),
        (None, _) if is_unclear => None,
        (Some(_), false) | (None, _) => {
            let from = match written {
                0 if hosts.is_some() => "says on which hosts it lies, and not in which `file:`",
                0 => "comes from nowhere",
                _ => "comes from several places",
            };
            let message = format!("the secret `{}` {from}", name.value);
            reader.error("RB126", name.span, message).label("expected one place").help(format!("write {example}"));
            None
        }
    }
}

fn read_command(reader: &mut Reader, node: &Node) -> Option<Vec<Spanned<String>>> {
    if let Some(text) = scalar_text(node) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let help = format!("write the words of it, no shell is between: `command: [{}]`", words.join(", "));
        reader.error("RB126", node.span, "`command` is a list of words").label("one text").help(help);
        return None;
    }
    let items = reader.list(node, "`command`", "`command: [pass, show, db]`")?;
    items.iter().map(|item| reader.as_written(item, "a word of the command")).collect()
}

pub(super) fn read_rules(reader: &mut Reader, node: &Node) -> Vec<RuleText> {
    let example = "`- {require: \"low < high\", message: \"low must be below high\"}`";
    let Some(items) = reader.list(node, "`rules`", example) else { return Vec::new() };
    items.iter().filter_map(|item| read_rule(reader, item, example)).collect()
}

fn read_rule(reader: &mut Reader, node: &Node, example: &str) -> Option<RuleText> {
    let mut fields = reader.fields(node, "a rule", example)?;
    let require = fields.required("require", "require: \"low < high\"").and_then(|node| reader.as_written(node, "`require`"));
    let message = fields.required("message", "message: What is wrong then").and_then(|node| reader.text(node, "`message`"));
    fields.finish(reader, &words::RULE);
    Some(RuleText { require: require?, message: message?.value })
}

pub(super) fn read_symptoms(reader: &mut Reader, node: &Node) -> Vec<Symptom> {
    let example = "`symptoms: {queries answered: {hosts: db, check: \"psql -c 'select 1'\", every: 5s}}`";
    let Some(mut fields) = reader.fields(node, "`symptoms`", example) else { return Vec::new() };
    fields.rest().into_iter().filter_map(|(name, node)| read_symptom(reader, name, node)).collect()
}

fn read_symptom(reader: &mut Reader, name: Spanned<String>, node: &Node) -> Option<Symptom> {
    let id = StepId::slug(&name.value).and_then(|slug| slug.part("symptom"));
    if id.is_none() {
        let message = "no id can be made of this symptom's name";
        reader.error("RB115", name.span, message).label("no letter or digit in it").help("name what people notice: `queries answered`");
    }
    let mut fields = reader.fields(node, format!("the symptom `{}`", name.value), "`{hosts: db, check: COMMAND, every: 5s}`")?;
    let hosts = fields.required("hosts", "hosts: db").and_then(|node| reader.text(node, "`hosts`"));
    let check = fields.required("check", "check: COMMAND").and_then(|node| reader.text(node, "`check`"));
    let expect = fields.optional("expect").and_then(|node| reader.as_written(node, "`expect`"));
    let every = fields.optional("every").and_then(|node| reader.period(node, "`every`"));
    let timeout = fields.optional("timeout").and_then(|node| reader.period(node, "`timeout`"));
    fields.finish(reader, &words::SYMPTOM);
    Some(Symptom { id: id?, name, hosts: hosts?, check: check?, expect, every, timeout })
}
