//! The command line: one file a verb. Composes the rooms; holds no rule of its own.

#![allow(clippy::disallowed_methods, reason = "composes what touches the world")]

mod answer;
mod args;
mod asking;
mod beforehand;
mod completions;
mod context;
mod delivery;
mod demo;
mod diagnosis;
mod diff;
mod doctor;
mod drift;
mod drill;
mod elsewhere;
mod exec;
mod explain;
mod failure;
mod fmt;
mod git;
mod import;
mod kept;
mod last_drills;
mod lint;
mod list;
mod log;
mod new;
mod opening;
mod past;
mod plan;
mod proof;
mod release;
mod request_page;
mod resume;
mod runs;
mod scenarios;
mod schema;
mod secrets;
mod session;
mod shelf;
mod show;
mod signals;
mod since;
mod stop;
mod tail;
mod verify;
mod watching;
mod writing;

pub use args::Cli;
pub use explain::{Example, Explanation, explanations};
pub use failure::{Exit, Failure};

use std::process::ExitCode;

use args::{Asked, Verb};
use context::Context;

/// Carries out what the command line asks and says how it ended.
pub fn run(cli: Cli) -> ExitCode {
    diagnosis::begin();
    let context = Context::new(&cli.common);
    let result = output_fits(cli.common.output, &cli.verb).and_then(|()| dispatch(&context, cli.common.output, cli.verb));
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            context.report(&failure);
            failure.exit.into()
        }
    }
}

/// Annotations and SARIF are about problems in files, so that `lint` alone can write them.
fn output_fits(asked: Asked, verb: &Verb) -> Result<(), Failure> {
    let word = match asked {
        Asked::Text | Asked::Json => return Ok(()),
        Asked::Github => "github",
        Asked::Sarif => "sarif",
    };
    match verb {
        Verb::Lint { explain: None, .. } => Ok(()),
        _ => Err(Failure::usage(format!("`--output {word}` is for `runbook lint` alone: expected text or json"))), // every other verb, whatever comes
    }
}

fn dispatch(context: &Context, asked: Asked, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::List => list::list(context),
        Verb::Show(args) => show::show(context, &args),
        Verb::Lint { explain: Some(code), .. } => explain::explain(context, &code),
        Verb::Lint { names, explain: None, no_shellcheck } => lint::lint(context, asked, &names, no_shellcheck),
        Verb::Fmt { names, check, diff } => fmt::fmt(context, &names, fmt::Manner::of(check, diff)),
        Verb::Plan { name, parameters } => plan::plan(context, &name, &parameters),
        Verb::Diff { first, second } => diff::diff(context, &first, second.as_deref()),
        Verb::Exec(args) => exec::exec(context, &args),
        Verb::Drill(args) => drill::drill(context, &args),
        Verb::Approve(args) => answer::approve(context, &args),
        Verb::Deny { answer, because } => answer::deny(context, &answer, because.as_deref()),
        Verb::New(args) => new::new(context, &args),
        Verb::Import { file, write } => import::import(context, &file, write.as_deref()),
        Verb::Resume(args) => resume::resume(context, &args),
        Verb::Release(args) => release::release(context, &args),
        Verb::Stop { run, now } => stop::stop(context, &run, now),
        Verb::Runs { latest } => runs::runs(context, latest),
        Verb::Log { run, evidence: true, .. } => kept::kept(context, &run),
        Verb::Log { run, output_of, evidence: false } => log::log(context, &run, output_of.as_deref()),
        Verb::Verify { run, level, signers, real } => verify::verify(context, &run, &verify::Wanted { level, real }, signers.as_deref()),
        Verb::Schema { what, write } => schema::schema(context, what, write),
        Verb::Doctor(args) => doctor::doctor(context, &args),
        Verb::Demo { dir } => demo::demo(context, dir.as_deref()),
        Verb::Completions { shell } => completions::completions(shell),
    }
}
