//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn import(_context: &Context, _file: &std::path::Path) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
