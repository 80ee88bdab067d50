//! Which secrets a step is given, and how its script asks for them: by name, in words that are shown, hashed and approved. Never holds a value.

use std::collections::BTreeSet;

use super::names::templates_of;
use super::program::{Program, ProgramStep};
use super::quote::bare;
use super::render::{RenderError, select};
use super::template::{Scope, names_in_expression, names_in_template};
use crate::base::{HostName, ascii, mark};
use crate::runbook::{Runbook, Secret, SecretOrigin, Step};
use crate::text::{Diagnostics, Source, Span, Spanned};

/// A secret that a step is given, and the runbook that names it.
#[derive(Debug, Clone, Copy)]
pub struct SecretUse<'p> {
    /// Which of the program's frames says where it comes from: two runbooks may mean two things by one name.
    pub frame: usize,
    pub secret: &'p Secret,
}

/// The secrets that a step is given, each once, in the order of its `env`.
pub fn secrets_of<'p>(program: &'p Program, step: &ProgramStep) -> Vec<SecretUse<'p>> {
    let mut seen = BTreeSet::new();
    let given = step.step.env.iter().filter_map(|(_, value)| secret_alone(&program.frames[step.frame].runbook, &value.value));
    given.filter(|secret| seen.insert(secret.name.value.as_str())).map(|secret| SecretUse { frame: step.frame, secret }).collect()
}

/// Every secret that some step of the program is given.
pub fn secrets_in_use(program: &Program) -> Vec<SecretUse<'_>> {
    let mut seen = BTreeSet::new();
    let all = program.steps.iter().flat_map(|step| secrets_of(program, step));
    all.filter(|given| seen.insert((given.frame, given.secret.name.value.as_str()))).collect()
}

/// The shell variable by which a script asks for a secret. It is set in the step's own shell alone, and never exported.
pub fn secret_variable(name: &str) -> String {
    format!("rb_secret_{name}")
}

/// Where a secret comes from, in words: `env PGPASSWORD`.
pub fn origin_words(origin: &SecretOrigin) -> String {
    match origin {
        SecretOrigin::Env(name) => format!("env {}", name.value),
        SecretOrigin::File(path) => format!("file {}", path.value),
        SecretOrigin::Command(words) => {
            let mut line = Vec::new();
            for word in words {
                line.push(b' ');
                bare(word.value.as_bytes(), &mut line);
            }
            format!("command{}", String::from_utf8_lossy(&line))
        }
        SecretOrigin::Prompt => "a prompt".to_owned(),
        SecretOrigin::OnHost { hosts, file } => format!("file {} on {}", file.value, hosts.value),
    }
}

/// The secret that a value of `env` is, the whole of it.
fn secret_alone<'p>(runbook: &'p Runbook, value: &str) -> Option<&'p Secret> {
    let name = value.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    runbook.secrets.iter().find(|secret| secret.name.value == name)
}

/// The line of a script that gives a step a secret; `None` where the value is no secret. What stands behind `#` says to people what
/// the variable holds: it is part of the script, so it is hashed and approved with it.
pub(super) fn assignment(
    program: &Program,
    step: &ProgramStep,
    (name, value): (&str, &str),
    scope: &Scope,
    host: &HostName,
) -> Result<Option<String>, RenderError> {
    let Some(secret) = secret_alone(&program.frames[step.frame].runbook, value) else { return Ok(None) };
    if let SecretOrigin::OnHost { hosts, .. } = &secret.origin
        && !select(program, step.frame, hosts, scope)?.contains(host)
    {
        let why = format!("the secret `{}` lies on {} and not on {host}", secret.name.value, hosts.value);
        return Err(RenderError::Text { word: "env", why });
    }
    let (variable, mark) = (secret_variable(&secret.name.value), mark(&secret.name.value));
    let from = ascii(origin_words(&secret.origin).as_bytes());
    Ok(Some(format!("export {name}=\"${variable}\" # {mark} from {from}\n")))
}

/// Every use of a secret but as the whole of a value of `env`: RB516. Secrets that nobody is given: RB517.
pub(super) fn misuses(program: &Program) -> Diagnostics {
    let mut found = Diagnostics::new();
    let (mut judged, mut named_wrongly) = (BTreeSet::new(), BTreeSet::new());
    let heads = program.blocks().into_iter().map(|block| &block.head);
    for step in program.steps.iter().chain(heads) {
        let runbook = &program.frames[step.frame].runbook;
        for (place, secret) in misused(runbook, &step.step) {
            named_wrongly.insert(secret);
            if judged.insert((step.frame, place.start, secret)) {
                refuse(&mut found, &runbook.source, place, secret);
            }
        }
    }
    let runbook = &program.runbook;
    for text in texts_at_the_top(runbook) {
        let names = names_in_template(&text.value).unwrap_or_default();
        named(runbook, &names).into_iter().for_each(|secret| refuse(&mut found, &runbook.source, text.span, secret));
    }
    origins(runbook, &mut found);
    unused(program, &named_wrongly, &mut found);
    found
}

/// Where a step asks for a secret and none may stand, with its name.
fn misused<'s>(runbook: &'s Runbook, step: &'s Step) -> Vec<(Span, &'s str)> {
    let is_env = |text: &Spanned<String>| step.env.iter().any(|(_, value)| std::ptr::eq(value, text));
    let templates = templates_of(step).into_iter().map(|(text, _)| text);
    let templates = templates.filter(|text| !(is_env(text) && secret_alone(runbook, &text.value).is_some()));
    let templates = templates.map(|text| (text.span, names_in_template(&text.value)));
    let expressions = step.when.iter().chain(&step.expect).map(|text| (text.span, names_in_expression(&text.value)));
    let ask = step.gate.iter().filter_map(|gate| Some((gate.span, gate.ask.as_ref()?)));
    let prose = step.why.iter().map(|why| (step.span, why)).chain(ask).map(|(place, text)| (place, names_in_template(text)));
    let asked = templates.chain(expressions).chain(prose).map(|(place, names)| (place, names.unwrap_or_default()));
    asked.flat_map(|(place, names)| named(runbook, &names).into_iter().map(move |secret| (place, secret))).collect()
}

fn named<'p>(runbook: &'p Runbook, names: &BTreeSet<String>) -> Vec<&'p str> {
    let secrets = runbook.secrets.iter().map(|secret| secret.name.value.as_str());
    secrets.filter(|name| names.contains(*name)).collect()
}

fn texts_at_the_top(runbook: &Runbook) -> Vec<&Spanned<String>> {
    let symptoms = runbook.symptoms.iter().flat_map(|symptom| [&symptom.hosts, &symptom.check]);
    runbook.targets.iter().map(|(_, selector)| selector).chain(symptoms).collect()
}

fn refuse(found: &mut Diagnostics, source: &Source, place: Span, secret: &str) {
    let variable: String = secret.to_ascii_uppercase();
    found
        .error("RB516", source, source.find_within(place, secret), format!("the secret `{secret}` would be shown here"))
        .label("on record, on a command line, or on a screen")
        .help(format!(
            "a secret reaches a step only as the whole of a variable: write `env: {{{variable}: \"{{{{ {secret} }}}}\"}}` and \
             use \"${variable}\" in the command"
        ));
}

/// A secret's origin is taken as it is written.
fn origins(runbook: &Runbook, found: &mut Diagnostics) {
    for secret in &runbook.secrets {
        let texts: Vec<&Spanned<String>> = match &secret.origin {
            SecretOrigin::Env(text) | SecretOrigin::File(text) => vec![text],
            SecretOrigin::Command(words) => words.iter().collect(),
            SecretOrigin::Prompt => Vec::new(),
            SecretOrigin::OnHost { hosts, file } => vec![hosts, file],
        };
        for text in texts.into_iter().filter(|text| text.value.contains("{{")) {
            let message = format!("the origin of the secret `{}` holds a template", secret.name.value);
            found.error("RB516", &runbook.source, text.span, message).help("write it out: it is taken as it stands");
        }
    }
}

fn unused(program: &Program, named_wrongly: &BTreeSet<&str>, found: &mut Diagnostics) {
    let heads = program.blocks().into_iter().map(|block| &block.head);
    let used: BTreeSet<&str> = program
        .steps
        .iter()
        .chain(heads)
        .filter(|step| step.frame == 0)
        .flat_map(|step| secrets_of(program, step))
        .map(|given| given.secret.name.value.as_str())
        .collect();
    let is_idle = |secret: &&Secret| !used.contains(secret.name.value.as_str()) && !named_wrongly.contains(secret.name.value.as_str());
    for secret in program.runbook.secrets.iter().filter(is_idle) {
        let (name, span): (&str, Span) = (&secret.name.value, secret.name.span);
        let message = format!("the secret `{name}` is given to no step");
        found.warning("RB517", &program.runbook.source, span, message).help("remove it, or name it in a step's env:");
    }
}

#[cfg(test)]
mod tests;
