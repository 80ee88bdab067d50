//! `runbook show`: a runbook as a page to read. Shows what is written; what would run is `plan`'s to say.

mod json;
mod page;

use super::args::Output;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::opening::sound_runbook;

/// `runbook show NAME`
pub fn show(context: &Context, name: &str) -> Result<Exit, Failure> {
    let library = context.library()?;
    let runbook = sound_runbook(context, &library, name)?;
    match context.output {
        Output::Text => context.print(&page::page(&runbook)),
        Output::Json => context.print_json(&json::show_json(&runbook)),
    }
    Ok(Exit::Ok)
}
