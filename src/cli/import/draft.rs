//! A page or playbook of others becomes the draft of a runbook: printed, or written where nothing is yet, with a report of what it does not say.

use std::path::Path;

use serde::Serialize;

use crate::base::StepId;
use crate::cli::args::Output;
use crate::cli::context::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::writing::{MODELINE, ProblemJson, Written, problems_json, write_new};
use crate::draft::{Draft, Kind, LeftOut, NAMELESS, from_markdown, from_playbook, kind_of};
use crate::runbook::read;
use crate::text::{Colour, Source};
use crate::views::{Line, Page, Tone};

/// What became of a file.
struct Outcome {
    from: &'static str,
    source: String,
    draft: Draft,
    text: String,
}

#[derive(Serialize)]
struct DraftJson<'a> {
    /// `markdown` or `ansible`.
    from: &'static str,
    source: &'a str,
    name: &'a str,
    /// Where it was written; `null` where it was not.
    file: Option<String>,
    draft: &'a str,
    steps: Vec<StepJson<'a>>,
    not_mapped: Vec<LeftOutJson<'a>>,
    /// What lint says of what was written; empty where nothing was.
    problems: Vec<ProblemJson>,
}

#[derive(Serialize)]
struct StepJson<'a> {
    name: &'a str,
    action: &'static str,
    /// Of the source, from 1.
    line: usize,
}

#[derive(Serialize)]
struct LeftOutJson<'a> {
    /// Of the source, from 1.
    line: usize,
    what: &'a str,
    text: &'a str,
}

/// Makes the draft of a file and prints it, or writes it under a name.
///
/// # Errors
/// Where nothing in the file can be a step, or the name is taken.
pub(super) fn import(context: &Context, file: &Path, source: &Source, write: Option<&str>) -> Result<Exit, Failure> {
    let outcome = convert(file, source, write)?;
    let written = write.map(|name| write_new(context, name, &outcome.text)).transpose()?;
    match context.output {
        Output::Json => context.print_json(&json(&outcome, written.as_ref())),
        Output::Text => match &written {
            None => {
                context.write_out(&outcome.text);
                let hint = format!("next:  runbook import {} --write {}\n", file.display(), outcome.draft.name);
                context.talk(&format!("{}{hint}", report(&outcome).render(crate::views::Colour::Never, None)));
            }
            Some(written) => {
                context.print(&report(&outcome));
                written.say(context);
            }
        },
    }
    Ok(Exit::Ok)
}

fn convert(file: &Path, source: &Source, write: Option<&str>) -> Result<Outcome, Failure> {
    let stem = file.file_stem().map_or_else(|| "draft".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let shown = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let name = write.map_or_else(|| stem_name(&stem), |name| name.strip_suffix(".yaml").unwrap_or(name).to_owned());
    let (mut draft, from) = match kind_of(source) {
        Kind::Markdown => (from_markdown(source, &stem), "markdown"),
        Kind::Playbook => (from_playbook(source, &stem).map_err(|problems| Failure::usage(problems.render(Colour::Plain)))?, "ansible"),
        Kind::Runbook => {
            let help = "put it into the library's folder, and look at it with `runbook lint`";
            return Err(Failure::usage(format!("{} is a runbook already: {help}", file.display())));
        }
        Kind::OtherYaml => {
            let expected = "expected a signed document, a Markdown page, or an Ansible playbook, which is a list of plays or tasks";
            return Err(Failure::usage(format!("{} is YAML of another kind: {expected}", file.display())));
        }
    };
    if draft.steps().next().is_none() {
        return Err(nothing(file, &draft));
    }
    draft.name = name;
    let text = format!("{MODELINE}{}", draft.text(&shown));
    if let (None, problems) = read(&Source::new(&format!("{}.yaml", draft.name), &text), &draft.name) {
        let problems = problems.render(Colour::Plain);
        return Err(Failure::usage(format!("the draft does not read, which is a fault of this program:\n{problems}")));
    }
    Ok(Outcome { from, source: file.display().to_string(), draft, text })
}

fn stem_name(stem: &str) -> String {
    StepId::slug(stem).map_or_else(|| "draft".to_owned(), |slug| slug.to_string())
}

fn nothing(file: &Path, draft: &Draft) -> Failure {
    let mut message = format!(
        "nothing in {} could become a step. Expected blocks of commands after ```sh, lists of what people do, or tasks with shell or command",
        file.display()
    );
    for LeftOut { line, what, .. } in draft.left_out() {
        message.push_str(&format!("\n  line {line}: {what}"));
    }
    Failure::usage(message)
}

fn json<'a>(outcome: &'a Outcome, written: Option<&Written>) -> DraftJson<'a> {
    let Outcome { from, source, draft, text } = outcome;
    let steps = draft.steps().map(|step| StepJson { name: &step.name, action: step.action.word(), line: step.line }).collect();
    let left_out = draft.left_out().into_iter();
    DraftJson {
        from,
        source,
        name: &draft.name,
        file: written.map(|written| written.file.clone()),
        draft: text,
        steps,
        not_mapped: left_out.map(|LeftOut { line, what, text }| LeftOutJson { line: *line, what, text }).collect(),
        problems: written.map_or(Vec::new(), |written| problems_json(&written.problems)),
    }
}

/// What was made of which line, and what was not.
fn report(outcome: &Outcome) -> Page {
    const AFTER_LINE: usize = 13;
    const AFTER_ACTION: usize = 21;
    let (steps, left_out) = (outcome.draft.steps().count(), outcome.draft.left_out());
    let mut page = Page::new();
    let of = if outcome.from == "markdown" { "Markdown" } else { "Ansible" };
    let counted =
        format!("{} ({of}): {steps} {}, {} not mapped", outcome.source, if steps == 1 { "step" } else { "steps" }, left_out.len());
    page.push(Line::new().with(Tone::Strong, counted));
    for step in outcome.draft.steps() {
        let line = Line::new().with(Tone::Quiet, format!("  line {}", step.line)).column(AFTER_LINE);
        page.push(line.plain(step.action.word()).column(AFTER_ACTION).plain(step.name.clone()));
    }
    for LeftOut { line, what, .. } in left_out {
        let said = Line::new().with(Tone::Quiet, format!("  line {line}")).column(AFTER_LINE);
        page.push(said.with(Tone::Waits, "not mapped: ").plain(what.clone()));
    }
    if outcome.text.contains(&format!(" {NAMELESS}\n")) {
        page.push(Line::new().with(Tone::Waits, format!("it names no hosts: write them in place of {NAMELESS}, once, under `targets:`")));
    }
    page
}
