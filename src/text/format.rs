//! Writes a YAML text anew in the house's style, comments kept. Never changes what it means: where it is not sure it refuses.

mod shape;
mod write;

use super::yaml::{Document, Node, Value};
use super::{Diagnostics, Source, parse};
use shape::Unfit;

/// In which order the keys of a map stand, and those of maps within it. Keys that are not named stay behind the one before them.
#[derive(Debug)]
pub struct Order {
    pub keys: &'static [&'static str],
    pub within: &'static [(&'static str, Within)],
    /// Whether an empty line parts the items of a list of such maps.
    pub apart: bool,
}

/// What a key's value is.
#[derive(Debug, Clone, Copy)]
pub enum Within {
    /// A map of this order.
    Itself(&'static Order),
    /// A list or map of them.
    Each(&'static Order),
}

/// Why a text is not formatted.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It cannot be read.
    #[error("{}", .0.render(super::Colour::Plain))]
    Unreadable(Diagnostics),
    /// Something in it has a form that this formatter does not move safely.
    #[error("{file}:{line}: {what}: the file is left as it is. {remedy}")]
    Unfit { file: String, line: usize, what: &'static str, remedy: &'static str },
    /// The formatted text would mean something else; a fault of the formatter.
    #[error("{file}: the formatted text would not mean the same, so the file is left as it is. Please report it, with the file")]
    Changed { file: String },
}

/// The text in the house's style.
///
/// # Errors
/// See [`FormatError`]; the text that comes back always means what the source means, and has all of its comments.
pub fn format(source: &Source, order: &'static Order) -> Result<String, FormatError> {
    let before = read(source)?;
    let line = |at: usize| source.position(at).0;
    let unfit = |Unfit { at, what, remedy }| FormatError::Unfit { file: source.name().to_owned(), line: line(at), what, remedy };
    let root = shape::shape(source, &before, order).map_err(unfit)?;
    let text = write::write(&root);
    let changed = || FormatError::Changed { file: source.name().to_owned() };
    let after = read(&Source::new(source.name(), &text)).map_err(|_| changed())?;
    if same(&before.root, &after.root) && comments(&before) == comments(&after) { Ok(text) } else { Err(changed()) }
}

fn read(source: &Source) -> Result<Document, FormatError> {
    let mut diagnostics = Diagnostics::new();
    match parse(source, &mut diagnostics) {
        Some(document) if !diagnostics.has_errors() => Ok(document),
        Some(_) | None => Err(FormatError::Unreadable(diagnostics)),
    }
}

/// Whether two nodes mean the same; the order of keys means nothing to a reader of the language where [`Order`] moves them.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Scalar(one), Value::Scalar(other)) => one.text == other.text && one.kind == other.kind,
        (Value::List(one), Value::List(other)) => one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other)),
        (Value::Map(one), Value::Map(other)) => {
            let value_of = |key: &Node| other.iter().find(|(other, _)| same(key, other)).map(|(_, value)| value);
            one.len() == other.len() && one.iter().all(|(key, value)| value_of(key).is_some_and(|other| same(value, other)))
        }
        (Value::Scalar(_) | Value::List(_) | Value::Map(_), _) => false,
    }
}

fn comments(document: &Document) -> Vec<&str> {
    let mut texts: Vec<&str> = document.comments.iter().map(|comment| comment.text.as_str()).collect();
    texts.sort_unstable();
    texts
}
