//! Shell completions, made from the words of the command line. Knows no runbook.

use clap::CommandFactory;

use super::args::Cli;
use super::failure::{Exit, Failure};

/// `runbook completions SHELL`
pub fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    clap_complete::generate(shell, &mut Cli::command(), "runbook", &mut std::io::stdout());
    Ok(Exit::Ok)
}
