//! Sources, places in them, and diagnostics with carets; the only room that knows the YAML crates. Never knows what a text means.

mod source;

pub use source::{Source, Span, Spanned};
