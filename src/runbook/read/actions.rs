//! Reads what each action says of itself. Never reads a word that all steps share.

use super::super::{ArtifactOrigin, ArtifactText, ChoiceText, Conclusion, PutContent, PutText, UntilText, Work};
use super::common::{Common, MAX_ATTEMPTS, misfit, read_true};
use super::kinds::Kind;
use super::names::{Names, is_identifier, is_name};
use super::steps::{Around, read_list};
use super::{blocks, parameters, words};
use crate::text::{Fields, Node, Reader, Span, Spanned};

/// More ways than fit on a screen are not chosen among at night.
const MAX_OPTIONS: usize = 9;

/// Reads a step's own work, and the words that only its action has.
pub(super) fn read(
    reader: &mut Reader,
    fields: &mut Fields<'_>,
    (kind, node): (Kind, &Node),
    common: &mut Common,
    names: &mut Names,
    around: Around,
) -> Option<Work> {
    let shell = read_shell(reader, fields, kind);
    match kind {
        Kind::Run => Some(Work::Run { command: reader.text(node, "`run`")?, shell }),
        Kind::Check => Some(Work::Check { command: reader.text(node, "`check`")?, shell }),
        Kind::Script => Some(Work::Script { file: read_library_file(reader, node, "`script`")?, shell }),
        Kind::Capture => Some(Work::Capture { artifacts: read_artifacts(reader, node) }),
        Kind::Put => read_put(reader, node).map(|put| Work::Put(Box::new(put))),
        Kind::Reboot => read_true(reader, node, "reboot").then_some(Work::Reboot),
        Kind::Manual => read_manual(reader, fields, node, common),
        Kind::Choose => {
            let options = fields.required("options", "options: {retry: {steps: […]}, skip: {}}");
            let question = reader.text(node, "`choose`");
            let options = options.map(|node| read_options(reader, node, names, around));
            Some(Work::Choose { question: question?, options: options? })
        }
        Kind::Wait => Some(Work::Wait { period: reader.period_text(node, "`wait`")? }),
        Kind::WaitUntil => read_wait_until(reader, node, common),
        Kind::Call => read_call(reader, fields, node),
        Kind::Conclude => read_conclusion(reader, node),
        Kind::Block => Some(Work::Block(Box::new(blocks::read(reader, fields, node, names, around)))),
    }
}

fn read_shell(reader: &mut Reader, fields: &mut Fields<'_>, kind: Kind) -> Option<Spanned<String>> {
    let (key, node) = fields.entry("shell")?;
    if !matches!(kind, Kind::Run | Kind::Check | Kind::Script) {
        misfit(reader, key, "shell", kind.word());
        return None;
    }
    let shell = reader.text(node, "`shell`")?;
    let named =
        shell.value.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'/' | b'.' | b'_' | b'-')) && !shell.value.starts_with('-');
    if !named {
        let message = "`shell` names a shell; the command goes into `run` or `check`";
        reader
            .error("RB117", shell.span, message)
            .label("expected such as bash")
            .help("write `run: COMMAND`, and `shell: bash` only where sh will not do");
    }
    Some(shell)
}

/// A file's path within the library's `scripts/`.
fn read_library_file(reader: &mut Reader, node: &Node, what: &str) -> Option<Spanned<String>> {
    let file = reader.text(node, what)?;
    let inside = file.value.split('/').all(|part| is_name(part) && part != "..");
    if !inside {
        let message = format!("{what} names a file of the library's scripts/, got {:?}", file.value);
        let help = "write a path below runbooks/scripts/, such as `purge-logs.sh`; a command itself is written with `run:`";
        reader.error("RB117", file.span, message).label("expected such as purge-logs.sh").help(help);
        return None;
    }
    Some(file)
}

fn read_artifacts(reader: &mut Reader, node: &Node) -> Vec<ArtifactText> {
    let example = "`capture: {server.log: {file: /var/log/app.log, last: 50MB}}`";
    let Some(mut fields) = reader.fields(node, "`capture`", example) else { return Vec::new() };
    let named = fields.rest();
    if named.is_empty() {
        reader
            .error("RB103", node.span, "`capture` keeps nothing")
            .label("expected at least one artifact")
            .help(format!("write {example}"));
    }
    named.into_iter().filter_map(|(name, node)| read_artifact(reader, name, node)).collect()
}

fn read_artifact(reader: &mut Reader, name: Spanned<String>, node: &Node) -> Option<ArtifactText> {
    if !is_name(&name.value) || name.value == "manifest.json" {
        let message = format!("`{}` cannot name an artifact", name.value);
        let help = "use letters, digits, dots, dashes and underscores: it becomes a file's name; `manifest.json` is taken";
        reader.error("RB117", name.span, message).label("expected such as server.log").help(help);
    }
    let mut fields = reader.fields(node, format!("the artifact `{}`", name.value), "`{run: COMMAND}` or `{file: /path, last: 50MB}`")?;
    let run = fields.entry("run");
    let file = fields.entry("file");
    let last = fields.optional("last").and_then(|node| reader.bytes(node, "`last`"));
    let is_unclear = fields.left().next().is_some(); // that is told
    fields.finish(reader, &words::ARTIFACT);
    let origin = match (run, file) {
        (Some((_, node)), None) => ArtifactOrigin::Run(reader.text(node, "`run`")?),
        (None, None) if is_unclear => return None,
        (None, Some((_, node))) => ArtifactOrigin::File(absolute(reader, node, "`file`")?),
        (Some((key, _)), Some(_)) => {
            return one_of(reader, key, "an artifact is what a command prints or what a file holds, not both", ARTIFACT);
        }
        (None, None) => return one_of(reader, name.span, "this artifact says neither `run:` nor `file:`", ARTIFACT),
    };
    Some(ArtifactText { name, origin, last })
}

const ARTIFACT: &str = "write `{file: /var/log/app.log, last: 50MB}` or `{run: COMMAND}`";

const PUT: &str = "write `content: |` with the text below, or `file: NAME` or `template: NAME` of runbooks/scripts/";

fn one_of<T>(reader: &mut Reader, span: Span, message: &str, help: &str) -> Option<T> {
    reader.error("RB117", span, message).label("expected one").help(help);
    None
}

/// An absolute path, or a template that will give one.
fn absolute(reader: &mut Reader, node: &Node, what: &str) -> Option<Spanned<String>> {
    let path = reader.text(node, what)?;
    if !path.value.starts_with('/') && !path.value.starts_with("{{") {
        let message = format!("{what} is an absolute path, got {:?}", path.value);
        reader.error("RB117", path.span, message).label("expected such as /etc/app.conf").help("begin it with a slash");
        return None;
    }
    Some(path)
}

fn read_put(reader: &mut Reader, node: &Node) -> Option<PutText> {
    let mut fields = reader.fields(node, "`put`", "`put: {to: /etc/motd, content: \"…\"}`")?;
    let to = fields.required("to", "to: /etc/app.conf").and_then(|node| absolute(reader, node, "`to`"));
    let given: Vec<_> = ["content", "file", "template"].into_iter().filter_map(|word| Some((word, fields.entry(word)?))).collect();
    let mode = fields.optional("mode").and_then(|node| read_mode(reader, node));
    let owner = fields.optional("owner").and_then(|node| reader.text(node, "`owner`"));
    let is_unclear = fields.left().next().is_some(); // that is told
    fields.finish(reader, &words::PUT);
    let content = match given.as_slice() {
        [("content", (_, node))] => PutContent::Content(reader.as_written(node, "`content`")?),
        [("file", (_, node))] => PutContent::File(read_library_file(reader, node, "`file`")?),
        [(_, (_, node))] => PutContent::Template(read_library_file(reader, node, "`template`")?),
        [] if is_unclear => return None,
        [] => return one_of(reader, node.span, "`put` says none of `content:`, `file:` and `template:`", PUT),
        [_, (_, (key, _)), ..] => return one_of(reader, *key, "`put` writes one of `content:`, `file:` and `template:`", PUT),
    };
    Some(PutText { content, to: to?, mode, owner })
}

fn read_mode(reader: &mut Reader, node: &Node) -> Option<Spanned<String>> {
    let mode = reader.as_written(node, "`mode`")?;
    let octal = (3..=4).contains(&mode.value.len()) && mode.value.bytes().all(|c| (b'0'..=b'7').contains(&c));
    if !octal {
        let message = format!("`mode` is three or four octal digits, got {:?}", mode.value);
        reader.error("RB117", mode.span, message).label("expected such as 0644").help("write such as `mode: \"0644\"`");
        return None;
    }
    Some(mode)
}

fn read_manual(reader: &mut Reader, fields: &mut Fields<'_>, node: &Node, common: &Common) -> Option<Work> {
    let answers = fields.optional("answers").map_or(Vec::new(), |node| parameters::read_answers(reader, node));
    for answer in answers.iter().filter(|answer| answer.default.is_some()) {
        let help = "remove `default:`: what nobody gave back is no fact";
        reader.error("RB123", answer.name.span, "an answer has no default: a person must give it").label("has a default").help(help);
    }
    if let (Some(register), true) = (&common.register, answers.is_empty()) {
        let help = "add `answers: {NAME: {type: string}}`, or remove `register:`";
        reader.error("RB119", register.span, "this `manual` gives back nothing to register").label("nothing to register").help(help);
    }
    Some(Work::Manual { instructions: reader.text(node, "`manual`")?, answers })
}

fn read_options(reader: &mut Reader, node: &Node, names: &mut Names, around: Around) -> Vec<ChoiceText> {
    let Some(mut fields) = reader.fields(node, "`options`", "`options: {retry: {steps: […]}, skip: {}}`") else { return Vec::new() };
    let named = fields.rest();
    if named.len() < 2 || named.len() > MAX_OPTIONS {
        let message = format!("a person chooses among 2 to {MAX_OPTIONS} options, got {}", named.len());
        let help = "one way alone is a step or `manual:`; a way that does nothing is written `skip: {}`";
        reader.error("RB117", node.span, message).label("among which?").help(help);
    }
    named.into_iter().filter_map(|(name, node)| read_option(reader, name, node, names, around)).collect()
}

fn read_option(reader: &mut Reader, name: Spanned<String>, node: &Node, names: &mut Names, around: Around) -> Option<ChoiceText> {
    if !is_name(&name.value) {
        let message = format!("`{}` cannot name an option", name.value);
        reader.error("RB117", name.span, message).label("expected such as fail-over").help("use letters, digits, dashes and underscores");
    }
    let mut fields = reader.fields(node, format!("the option `{}`", name.value), "`{steps: […]}`, or `{}` for doing nothing")?;
    let why = fields.optional("why").and_then(|node| reader.text(node, "`why`")).map(|why| why.value);
    let steps = fields.optional("steps").map_or(Vec::new(), |node| read_list(reader, (node, "`steps`"), names, around));
    fields.finish(reader, &words::PLAIN);
    Some(ChoiceText { name, why, steps })
}

/// `wait: {until: COMMAND, within: 2m}` is a check that is repeated until it holds.
fn read_wait_until(reader: &mut Reader, node: &Node, common: &mut Common) -> Option<Work> {
    let mut fields = reader.fields(node, "`wait`", "`wait: 30s`, or `wait: {until: COMMAND, within: 2m}`")?;
    let command = fields.required("until", "until: COMMAND").and_then(|node| reader.text(node, "`until`"));
    let within = fields.required("within", "within: 2m").and_then(|node| reader.period_text(node, "`within`"));
    let every = fields.optional("every").and_then(|node| reader.period_text(node, "`every`"));
    let healthy = fields.optional("healthy").and_then(|node| reader.whole(node, "`healthy`", 1, MAX_ATTEMPTS));
    fields.finish(reader, &words::REPEAT);
    common.until = Some(UntilText { within: within?, every, healthy });
    Some(Work::Check { command: command?, shell: None })
}

fn read_call(reader: &mut Reader, fields: &mut Fields<'_>, node: &Node) -> Option<Work> {
    let runbook = reader.text(node, "`call`")?;
    if !runbook.value.parse::<crate::base::StepId>().is_ok_and(|name| name.is_written()) {
        let message = format!("`call` names a runbook of this library, got {:?}", runbook.value);
        reader.error("RB117", runbook.span, message).label("expected such as restart-db").help("write the file's name without .yaml");
    }
    let mut with = Vec::new();
    if let Some(node) = fields.optional("with")
        && let Some(mut given) = reader.fields(node, "`with`", "`with: {unit: postgresql}`")
    {
        for (name, node) in given.rest() {
            if !is_identifier(&name.value) {
                reader.error("RB117", name.span, format!("`{}` cannot name a parameter", name.value)).label("no parameter");
            } else if let Some(value) = reader.as_written(node, "a parameter's value") {
                with.push((name, value));
            }
        }
    }
    Some(Work::Call { runbook, with })
}

fn read_conclusion(reader: &mut Reader, node: &Node) -> Option<Work> {
    const CONCLUSIONS: [(&str, Conclusion); 3] =
        [("recovered", Conclusion::Recovered), ("no_action", Conclusion::NoAction), ("escalate", Conclusion::Escalate)];
    let example = "`conclude: {no_action: \"The node is being replaced; nothing to do\"}`";
    let mut fields = reader.fields(node, "`conclude`", example)?;
    let found: Vec<_> =
        CONCLUSIONS.into_iter().filter_map(|(word, conclusion)| fields.entry(word).map(|(_, node)| (conclusion, node))).collect();
    let is_unclear = fields.left().next().is_some(); // that is told
    fields.finish(reader, &words::CONCLUDE);
    match found.as_slice() {
        [(conclusion, node)] => Some(Work::Conclude { conclusion: *conclusion, sentence: reader.text(node, "the conclusion's sentence")? }),
        [] if is_unclear => None,
        [] | [..] => {
            let message = format!("`conclude` has one verdict (recovered, no_action or escalate), got {}", found.len());
            reader.error("RB117", node.span, message).label("expected one").help(format!("write {example}"));
            None
        }
    }
}
