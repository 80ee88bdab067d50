//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn stop(_context: &Context, _run: &str, _now: bool) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
