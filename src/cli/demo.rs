//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn demo(_context: &Context, _dir: Option<&std::path::Path>) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
