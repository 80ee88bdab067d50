//! A page of lines of toned pieces, and its two renderers: plain text and coloured text. Escapes every piece; knows no events.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::base::escaped;

/// What a piece of text means; a renderer decides how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// Of less weight.
    Quiet,
    Strong,
    Good,
    Bad,
    /// Waits for a person, or is not certain.
    Waits,
    /// Something to type, or a command that runs.
    Command,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    pieces: Vec<(Tone, Vec<u8>)>,
}

/// Lines from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    pub lines: Vec<Line>,
}

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Never,
    Ansi,
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a piece; hostile bytes are escaped when it is rendered.
    #[must_use]
    pub fn with(mut self, tone: Tone, text: impl Into<Vec<u8>>) -> Self {
        self.pieces.push((tone, text.into()));
        self
    }

    /// Adds a plain piece.
    #[must_use]
    pub fn plain(self, text: impl Into<Vec<u8>>) -> Self {
        self.with(Tone::Plain, text)
    }

    /// Adds blanks until the line is this wide, and one at least.
    #[must_use]
    pub fn column(self, column: usize) -> Self {
        let width = self.width();
        let blanks = column.saturating_sub(width).max(1);
        self.plain(" ".repeat(blanks))
    }

    /// The same line further to the right.
    #[must_use]
    pub fn indented(mut self, columns: usize) -> Self {
        self.pieces.insert(0, (Tone::Plain, " ".repeat(columns).into_bytes()));
        self
    }

    /// How many columns the rendered line takes.
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| escaped(text).width()).sum()
    }

    /// The line as text. With a limit, what is longer is cut and marked with `…`.
    pub fn render(&self, colour: Colour, limit: Option<usize>) -> String {
        let mut out = String::new();
        let mut left = limit.unwrap_or(usize::MAX);
        for (tone, text) in &self.pieces {
            let text = fit(&escaped(text), left);
            left = left.saturating_sub(text.width());
            match (colour, code(*tone)) {
                (Colour::Ansi, Some(code)) => out.push_str(&format!("\x1b[{code}m{text}\x1b[0m")),
                (Colour::Ansi, None) | (Colour::Never, _) => out.push_str(&text),
            }
            if left == 0 {
                break;
            }
        }
        out.trim_end().to_owned()
    }
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line.
    pub fn push(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// The page as text, each line ended by a newline.
    pub fn render(&self, colour: Colour, limit: Option<usize>) -> String {
        self.lines.iter().map(|line| line.render(colour, limit) + "\n").collect()
    }
}

impl From<Vec<Line>> for Page {
    fn from(lines: Vec<Line>) -> Self {
        Self { lines }
    }
}

/// The text, cut to this many columns with `…` at the end where it was longer.
pub fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut left = columns.saturating_sub(1);
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// SGR parameters (ECMA-48, 8.3.117).
fn code(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Quiet => Some("2"),
        Tone::Strong => Some("1"),
        Tone::Good => Some("32"),
        Tone::Bad => Some("1;31"),
        Tone::Waits => Some("33"),
        Tone::Command => Some("36"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_bytes_never_reach_a_terminal_and_lines_are_cut_to_its_width() {
        let line = Line::new().with(Tone::Bad, "a\x1b]52;c;x\x07").plain("\n\u{202e}b");
        assert_eq!(line.render(Colour::Never, None), "a<U+001B>]52;c;x<U+0007><U+000A><U+202E>b");
        assert_eq!(line.render(Colour::Never, Some(5)), "a<U+…");
        assert_eq!(line.render(Colour::Ansi, Some(1)), "\x1b[1;31m…\x1b[0m");
    }
}
