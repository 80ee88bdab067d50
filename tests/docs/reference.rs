//! The generated pages: commands from the command line's own definitions, lint rules and codes from lint's own tables. Writes no file.

use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};
use runbook::cli::{Example, Explanation, explanations};
use runbook::runbook::RULES;
use runbook::text::Severity;

/// `docs/commands.md`.
pub fn commands() -> String {
    let mut command = runbook::cli::Cli::command();
    command.build();
    let mut page = String::from("# Commands\n\n<!-- Made from the program; see tests/docs.rs. Do not edit. -->\n\n");
    let _ = writeln!(page, "{}", sentence(&command)); // writing to a String cannot fail
    page.push_str("\n| command | what you get |\n|---|---|\n");
    for verb in verbs(&command) {
        let _ = writeln!(page, "| [`{0}`](#{0}) | {1} |", verb.get_name(), cell(&sentence(verb)));
    }
    page.push_str("\n## Everywhere\n\nEvery command takes these.\n\n");
    options(&mut page, command.get_arguments().filter(|argument| argument.is_global_set()));
    if let Some(help) = command.get_after_help() {
        page.push_str("\n## Exit status\n\n");
        exit_statuses(&mut page, &help.to_string());
    }
    for verb in verbs(&command) {
        describe(&mut page, verb);
    }
    page
}

fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

fn sentence(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// One line of the table for each `N words` of the help's list.
fn exit_statuses(page: &mut String, help: &str) {
    let Some((_, list)) = help.split_once("Exit status: ") else { return };
    page.push_str("| status | means |\n|---|---|\n");
    let mut meanings: Vec<(String, String)> = Vec::new();
    for part in list.trim().trim_end_matches('.').split(", ") {
        match (part.split_once(' '), meanings.last_mut()) {
            (Some((number, words)), _) if number.parse::<u8>().is_ok() => meanings.push((number.to_owned(), words.to_owned())),
            (_, Some((_, meaning))) => {
                meaning.push_str(", ");
                meaning.push_str(part);
            }
            (_, None) => {}
        }
    }
    for (number, meaning) in meanings {
        let _ = writeln!(page, "| {number} | {meaning} |");
    }
}

fn describe(page: &mut String, verb: &Command) {
    let _ = writeln!(page, "\n## {}\n\n{}\n", verb.get_name(), sentence(verb));
    let usage = verb.clone().render_usage().to_string();
    let _ = writeln!(page, "```\n{}\n```", usage.trim_start_matches("Usage: "));
    let own: Vec<&Arg> = verb.get_arguments().filter(|argument| !argument.is_global_set() && argument.get_id() != "help").collect();
    if !own.is_empty() {
        page.push('\n');
        options(page, own.into_iter());
    }
    if let Some(help) = verb.get_after_help() {
        let help = help.to_string();
        let examples = help.trim_start_matches("Examples:").trim_start_matches("Example:");
        let lines: Vec<&str> = examples.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let _ = writeln!(page, "\n```\n{}\n```", lines.join("\n"));
    }
}

fn options<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    page.push_str("| option | means |\n|---|---|\n");
    for argument in arguments.filter(|argument| !argument.is_hide_set()) {
        let _ = writeln!(page, "| `{}` | {}{} |", spelling(argument), cell(&help(argument)), variable(argument));
    }
}

fn spelling(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let values: Vec<String> = names.iter().map(|name| format!("<{name}>")).collect();
    let takes = argument.get_action().takes_values();
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    match (flags.is_empty(), takes) {
        (true, _) => values.join(" "),
        (false, true) => format!("{} {}", flags.join(", "), values.join(" ")),
        (false, false) => flags.join(", "),
    }
}

fn help(argument: &Arg) -> String {
    let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> = argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if !choices.is_empty() && argument.get_action().takes_values() {
        let _ = write!(help, ": {}", choices.join(", "));
    }
    help
}

fn variable(argument: &Arg) -> String {
    argument.get_env().map(|name| format!(" (`{}`)", name.to_string_lossy())).unwrap_or_default()
}

/// `docs/lint.md`: a part that people write, then the program's own tables.
pub fn lint() -> String {
    let mut page = include_str!("lint_before.md").to_owned();
    page.push_str("## The rules\n\n| code | name | | why |\n|---|---|---|---|\n");
    for rule in RULES {
        let (code, severity) = (rule.code, severity(rule.severity));
        let _ = writeln!(page, "| [{code}](#{}) | {} | {severity} | {} |", code.to_lowercase(), rule.name, cell(rule.why));
    }
    page.push_str("\n## Every code\n\nRB0xx are of a file as YAML, RB1xx of a runbook's words, RB2xx of lint, RB3xx of the inventory, the policy and selectors, RB4xx of\n");
    page.push_str(
        "`allowed_signers`, RB5xx of a runbook within its library. A code keeps its meaning for ever; one that goes is never used again.\n",
    );
    for explanation in explanations() {
        let Explanation { code, name, meaning, example, kind, fix } = explanation;
        let rule = RULES.iter().find(|rule| rule.code == *code).map_or(String::new(), |rule| format!(", {}", severity(rule.severity)));
        let _ = writeln!(page, "\n### {code}\n\n{name}{rule}. {meaning}\n");
        match kind {
            Example::Words => drop(writeln!(page, "For example: {example}.\n")),
            _ => drop(writeln!(page, "```\n{example}\n```\n")), // all others are text of files
        }
        let _ = writeln!(page, "What to do: {fix}.");
    }
    page
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
