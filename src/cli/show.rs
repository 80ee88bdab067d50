//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn show(_context: &Context, _name: &str) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
