//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn log(_context: &Context, _run: &str, _output_of: Option<&str>) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
