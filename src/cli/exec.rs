//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn exec(_context: &Context, _args: &super::args::ExecArgs) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
