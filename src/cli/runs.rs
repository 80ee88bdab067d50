//! Stub.

use super::context::Context;
use super::failure::{Exit, Failure};

pub fn runs(_context: &Context, _latest: bool) -> Result<Exit, Failure> {
    Err(Failure::usage("not built yet"))
}
