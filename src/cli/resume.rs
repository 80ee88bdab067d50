//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn resume(_context: &Context, _args: &super::args::ResumeArgs) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
