//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn verify(
    _context: &Context,
    _run: &str,
    _level: Option<super::args::LevelArg>,
    _signers: Option<&std::path::Path>,
) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
