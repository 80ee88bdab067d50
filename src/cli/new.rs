//! `runbook new`: starts a runbook from a template. Asks at a terminal, takes options elsewhere, and never waits for an answer that nobody can give.

mod templates;

use serde::Serialize;

use super::args::{NewArgs, Output};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::writing::{MODELINE, ProblemJson, Written, check_name, problems_json, write_new};
use crate::base::HostName;
use crate::library::{Inventory, Selector};
use crate::text::did_you_mean;
use crate::views::{Line, Page, Tone};
use templates::{Answers, TEMPLATES, Template};

#[derive(Serialize)]
struct NewJson {
    name: String,
    file: String,
    template: &'static str,
    /// What lint says of it.
    problems: Vec<ProblemJson>,
    /// Commands that are worth typing now.
    next: Vec<String>,
}

#[derive(Serialize)]
struct ListJson {
    templates: Vec<TemplateJson>,
}

#[derive(Serialize)]
struct TemplateJson {
    name: &'static str,
    about: &'static str,
}

/// `runbook new NAME`, `runbook new --list`
pub fn new(context: &Context, args: &NewArgs) -> Result<Exit, Failure> {
    let Some(name) = args.name.as_deref().filter(|_| !args.list) else {
        list(context);
        return Ok(Exit::Ok);
    };
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    check_name(name)?;
    let library = context.library()?; // what is wrong with it is said before anything is asked
    if library.runbook(name).is_ok() {
        let path = library.root().join(format!("{name}.yaml"));
        return Err(Failure::usage(format!(
            "{} is there already, and nothing was changed. Choose another name, or edit that file",
            path.display()
        )));
    }
    let template = args.from.as_deref().map(template_of).transpose()?;
    let (template, answers) = match context.is_attended() {
        true => ask(name, args, template, &library.inventory)?,
        false => take(args, template)?,
    };
    let answers = Answers { name: name.to_owned(), today: today(context), ..answers };
    let written = write_new(context, name, &format!("{MODELINE}{}", template.filled(&answers)))?;
    match context.output {
        Output::Json => context.print_json(&json(template, &written)),
        Output::Text => written.say(context),
    }
    Ok(Exit::Ok)
}

fn json(template: &Template, written: &Written) -> NewJson {
    let next = written.next().into_iter().map(|(command, _)| command).collect();
    NewJson {
        name: written.name.clone(),
        file: written.file.clone(),
        template: template.name,
        problems: problems_json(&written.problems),
        next,
    }
}

fn list(context: &Context) {
    match context.output {
        Output::Json => {
            let templates = TEMPLATES.iter().map(|template| TemplateJson { name: template.name, about: template.about }).collect();
            context.print_json(&ListJson { templates });
        }
        Output::Text => {
            let line = |template: &Template| Line::new().with(Tone::Strong, template.name).column(10).plain(template.about);
            context.print(&Page::from(TEMPLATES.iter().map(line).collect::<Vec<_>>()));
        }
    }
}

fn template_of(name: &str) -> Result<&'static Template, Failure> {
    let found = TEMPLATES.iter().find(|template| template.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
        let meant = did_you_mean(name, names.iter().copied()).map_or_else(String::new, |meant| format!(" Did you mean {meant}?"));
        Failure::usage(format!("there is no template {name:?}.{meant} The templates are: {}", names.join(", ")))
    })
}

/// Without a terminal everything is given, or all that is missing is told at once.
fn take(args: &NewArgs, template: Option<&'static Template>) -> Result<(&'static Template, Answers), Failure> {
    let needs_hosts = template.is_none_or(Template::needs_hosts);
    let missing: Vec<&str> = [
        ("--from TEMPLATE (`runbook new --list` shows them)", template.is_none()),
        ("--title TEXT", args.title.is_none()),
        ("--owner TEAM", args.owner.is_none()),
        ("--hosts HOSTS", needs_hosts && args.hosts.is_none()),
    ]
    .into_iter()
    .filter_map(|(option, missing)| missing.then_some(option))
    .collect();
    let answer = |given: &Option<String>| given.clone().unwrap_or_default();
    match template {
        Some(template) if missing.is_empty() => Ok((
            template,
            Answers { title: answer(&args.title), owner: answer(&args.owner), hosts: answer(&args.hosts), ..Answers::default() },
        )),
        Some(_) | None => {
            let missing = missing.join(", and ");
            Err(Failure::usage(format!("without a terminal nobody can be asked. Missing: {missing}")))
        }
    }
}

/// What was not given is asked for.
fn ask(
    name: &str,
    args: &NewArgs,
    template: Option<&'static Template>,
    inventory: &Inventory,
) -> Result<(&'static Template, Answers), Failure> {
    let title = answer(&args.title, "What is it for, in a line", Some(name.replace('-', " ")), |_| Ok(()))?;
    let owner = answer(&args.owner, "Which team looks after it", None, |_| Ok(()))?;
    let template = match template {
        Some(template) => template,
        None => choose()?,
    };
    let checked = |text: &str| hosts_of(text, inventory).map(|_| ());
    let hosts = match template.needs_hosts() {
        true => answer(&args.hosts, "On which hosts (a host, a group, or such as \"db & !db-1\")", None, checked)?,
        false => String::new(),
    };
    Ok((template, Answers { title, owner, hosts, ..Answers::default() }))
}

fn choose() -> Result<&'static Template, Failure> {
    let changes = dialoguer::Confirm::new().with_prompt("Does it change or restart something").default(false).interact().map_err(gone)?;
    if !changes {
        return template_of("look");
    }
    let fitting: Vec<&Template> = TEMPLATES.iter().filter(|template| template.name != "look").collect();
    let items: Vec<String> = fitting.iter().map(|template| format!("{}: {}", template.name, template.about)).collect();
    let chosen = dialoguer::Select::new().with_prompt("What is it most like").items(&items).default(0).interact().map_err(gone)?;
    template_of(fitting[chosen].name)
}

fn answer(
    given: &Option<String>,
    question: &str,
    default: Option<String>,
    checked: impl Fn(&str) -> Result<(), String>,
) -> Result<String, Failure> {
    if let Some(given) = given {
        return Ok(given.clone());
    }
    let mut input = dialoguer::Input::<String>::new().with_prompt(question).validate_with(|text: &String| checked(text.trim()));
    if let Some(default) = default {
        input = input.default(default);
    }
    Ok(input.interact_text().map_err(gone)?.trim().to_owned())
}

fn gone(error: dialoguer::Error) -> Failure {
    Failure::usage(format!("nothing was written, since nobody answered: {error}"))
}

/// The hosts that a selector names; in words, why it names none.
fn hosts_of(text: &str, inventory: &Inventory) -> Result<Vec<HostName>, String> {
    let selected = Selector::parse(text).and_then(|selector| selector.resolve(inventory, &[]));
    selected.map(|hosts| hosts.into_iter().collect()).map_err(|error| error.to_string())
}

fn today(context: &Context) -> String {
    context.now().to_string().chars().take("YYYY-MM-DD".len()).collect()
}
