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
mod doctor;
mod drift;
mod elsewhere;
mod exec;
mod failure;
mod import;
mod lint;
mod list;
mod log;
mod new;
mod opening;
mod past;
mod plan;
mod proof;
mod request_page;
mod resume;
mod runs;
mod secrets;
mod session;
mod shelf;
mod show;
mod signals;
mod stop;
mod tail;
mod verify;
mod watching;
mod writing;

pub use args::Cli;
pub use failure::{Exit, Failure};

use std::process::ExitCode;

use args::Verb;
use context::Context;

/// Carries out what the command line asks and says how it ended.
pub fn run(cli: Cli) -> ExitCode {
    diagnosis::begin();
    let context = Context::new(&cli.common);
    let result = dispatch(&context, cli.verb);
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            context.report(&failure);
            failure.exit.into()
        }
    }
}

fn dispatch(context: &Context, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::List => list::list(context),
        Verb::Show { name } => show::show(context, &name),
        Verb::Lint { names, explain } => lint::lint(context, &names, explain.as_deref()),
        Verb::Plan { name, parameters } => plan::plan(context, &name, &parameters),
        Verb::Exec(args) => exec::exec(context, &args),
        Verb::Approve(args) => answer::approve(context, &args),
        Verb::Deny { answer, because } => answer::deny(context, &answer, because.as_deref()),
        Verb::New(args) => new::new(context, &args),
        Verb::Import { file, write } => import::import(context, &file, write.as_deref()),
        Verb::Resume(args) => resume::resume(context, &args),
        Verb::Stop { run, now } => stop::stop(context, &run, now),
        Verb::Runs { latest } => runs::runs(context, latest),
        Verb::Log { run, output_of } => log::log(context, &run, output_of.as_deref()),
        Verb::Verify { run, level, signers } => verify::verify(context, &run, level, signers.as_deref()),
        Verb::Doctor => doctor::doctor(context),
        Verb::Demo { dir } => demo::demo(context, dir.as_deref()),
        Verb::Completions { shell } => completions::completions(shell),
    }
}
