//! The command line: one file a verb. Composes the rooms; holds no rule of its own.

mod args;
mod context;
mod failure;

pub use args::Cli;
pub use failure::{Exit, Failure};

use std::process::ExitCode;

use args::Verb;
use context::Context;

/// Carries out what the command line asks and says how it ended.
pub fn run(cli: Cli) -> ExitCode {
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
    }
}
