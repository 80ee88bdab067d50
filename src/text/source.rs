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

    /// Where a part of a scalar's value stands in the text: to the letter where the scalar is a block or bare, else as near as can be told.
    pub fn place_in_value(&self, span: Span, value: &str, part: (usize, usize)) -> Span {
        let (Some(before), Some(piece)) = (value.get(..part.0), value.get(part.0..part.1.max(part.0))) else { return span };
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = value[line_start..].lines().next().unwrap_or("");
        let row = before.matches('\n').count();
        let written = self.text.get(span.start..span.end).unwrap_or("");
        let written_row: usize = written.split_inclusive('\n').take(row).map(str::len).sum();
        let at = match written[written_row..].lines().next().and_then(|written_line| written_line.find(line)) {
            Some(at) if !line.is_empty() => written_row + at,
            Some(_) | None => match written.find(line) {
                Some(at) if !line.is_empty() => at,
                Some(_) | None if !piece.is_empty() && written.matches(piece).count() == 1 => return self.find_within(span, piece),
                Some(_) | None => return span,
            },
        };
        let start = (span.start + at + part.0 - line_start).min(span.end);
        Span { start, end: (start + piece.lines().next().unwrap_or("").len()).min(span.end.max(start)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_value_is_found_where_it_was_written() {
        let found = |written: &str, value: &str, piece: &str| {
            let text = format!("run: {written}\n");
            let source = Source::new("a", &text);
            let at = value.find(piece).unwrap();
            let place = source.place_in_value(Span { start: 5, end: 5 + written.len() }, value, (at, at + piece.len()));
            (place.start, text[place.start..place.end].to_owned())
        };
        assert_eq!(found("a; fi", "a; fi", "fi"), (8, "fi".to_owned()));
        assert_eq!(found("one fi\n      fi two", "one fi\nfi two\n", "fi two"), (18, "fi two".to_owned()));
        assert_eq!(found("'it''s; fi'", "it's; fi", "fi"), (13, "fi".to_owned()));
        assert_eq!(found("\"a \\\" fi fi\"", "a \" fi fi", "fi"), (5, "\"a \\\" fi fi\"".to_owned()));
    }
}
