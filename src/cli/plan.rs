//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn plan(_context: &Context, _name: &str, _parameters: &super::args::ParameterArgs) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
