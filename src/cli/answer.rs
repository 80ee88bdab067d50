//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn approve(_context: &Context, _args: &super::args::AnswerArgs) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}

pub fn deny(_context: &Context, _args: &super::args::AnswerArgs, _because: Option<&str>) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
