//! The binary: reads the command line and hands it to the library. Holds nothing.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    runbook::cli::run(runbook::cli::Cli::parse())
}
