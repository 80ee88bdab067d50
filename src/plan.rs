//! What will be done, to the byte: parameters, templates and shell quoting, rendered steps, and the text form that is hashed and approved.
//! Never reaches an effect.

mod text;

pub use text::{action_digest, stage_lines};
