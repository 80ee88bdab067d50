//! A text with its name, and places within it. Never reads a file.

use std::sync::Arc;

/// A text and the name that people know it by, such as `runbooks/restart-db.yaml`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

/// A range of bytes of a source's text, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl Source {
    /// A source of this name and text.
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column (in characters), both from 1, of a byte.
    pub fn position(&self, at: usize) -> (usize, usize) {
        let at = (0..=at.min(self.text.len())).rev().find(|&at| self.text.is_char_boundary(at)).unwrap_or(0);
        let before = &self.text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The first place of `needle` within a span, or the whole span where it is not found to the letter (a folded or escaped scalar).
    pub fn find_within(&self, span: Span, needle: &str) -> Span {
        let slice = self.text.get(span.start..span.end).unwrap_or("");
        match slice.find(needle) {
            Some(at) if !needle.is_empty() => Span { start: span.start + at, end: span.start + at + needle.len() },
            _ => span,
        }
    }
}
