//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn lint(_context: &Context, _names: &[String], _explain: Option<&str>) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
