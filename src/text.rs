//! Sources, places in them, and diagnostics with carets; the only room that knows the YAML crates. Never knows what a text means.

mod decode;
mod diagnostic;
mod fields;
mod format;
mod measure;
mod schema;
mod source;
mod suggest;
mod yaml;

pub(crate) use decode::refuse_hidden;
pub use decode::{MAX_FILE_BYTES, decode};
pub use diagnostic::{Colour, Diagnostic, Diagnostics, Severity};
pub use fields::{Fields, Reader, Vocabulary};
pub use format::{FormatError, Order, Within, format};
pub use measure::parse_bytes;
pub use schema::{BytesValue, LibraryFile, PathValue, PeriodTemplate, PeriodValue, SlugValue, TextValue, WrittenValue, one_of, schema_of};
pub use source::{Source, Span, Spanned};
pub use suggest::did_you_mean;
pub use yaml::{Comment, Document, MAX_DEPTH, Node, Scalar, ScalarKind, Value, comments, parse, parse_lenient};
