//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn list(_context: &Context) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
