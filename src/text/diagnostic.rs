//! Problems in a text, each with its place, and how they are shown. Never sends a control or bidi character to a reader.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::{Source, Span};
use crate::base::{escaped, printable};

/// More than this of one line is not shown: a line may be a megabyte long.
const MAX_EXCERPT: usize = 240;

/// How much of a long line is shown before the place.
const BEFORE_PLACE: usize = 80;

/// More problems than this are not read by anybody, and each costs a walk through its file.
const MAX_SHOWN: usize = 200;

/// Columns that a rendered line may take; snippets are cut there, whatever the terminal, so that logs are the same everywhere.
const WIDTH: usize = 140;

/// Whether the text can be worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can; somebody should look.
    Warning,
}

/// Whether a rendering carries ANSI colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Plain,
    Styled,
}

/// One problem: what, where, what was expected, and what to do.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable: `RB101`.
    pub code: &'static str,
    pub message: String,
    pub source: Source,
    pub span: Span,
    /// Shown at the caret; may be empty.
    pub label: String,
    /// What to do next.
    pub help: Option<String>,
}

/// Problems of one or several texts.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostic {
    /// A problem of this severity at this place.
    pub fn new(severity: Severity, code: &'static str, source: &Source, span: Span, message: impl Into<String>) -> Self {
        Self { severity, code, message: message.into(), source: source.clone(), span, label: String::new(), help: None }
    }

    /// Says this at the caret.
    pub fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = label.into();
        self
    }

    /// Says what to do.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Line and column, both from 1.
    pub fn position(&self) -> (usize, usize) {
        self.source.position(self.span.start)
    }

    /// The problem with its line and a caret, without a newline at the end.
    pub fn render(&self, colour: Colour) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let (line, column) = self.position();
        let (excerpt, marked) = excerpt(&self.source, self.span);
        let written = self.source.text().lines().nth(line - 1).unwrap_or("");
        let verbatim = excerpt.get(..marked.start).is_some_and(|before| written.starts_with(before));
        let label = escaped(self.label.as_bytes());
        let annotation = AnnotationKind::Primary.span(marked).label((!label.is_empty()).then_some(label));
        let path = escaped(self.source.name().as_bytes());
        let snippet = Snippet::source(excerpt).line_start(line).annotation(annotation);
        let title = level.primary_title(escaped(self.message.as_bytes())).id(self.code);
        let mut group = if verbatim {
            title.element(snippet.path(path))
        } else {
            // the column in what is shown is not the column in the file: say the true one
            title.element(Origin::path(path).line(line).char_column(column)).element(snippet)
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(printable(help.as_bytes())));
        }
        let renderer = match colour {
            Colour::Plain => Renderer::plain(),
            Colour::Styled => Renderer::styled(),
        };
        renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH).render(&[group])
    }
}

/// The line of a place, made safe, and the place within it. What spans several lines is marked to the end of the first.
fn excerpt(source: &Source, span: Span) -> (String, Range<usize>) {
    let text = source.text();
    let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let start = boundary(span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let line_end = if text[start..line_end].ends_with('\r') { line_end - 1 } else { line_end };
    let end = boundary(span.end).clamp(start, line_end);
    let from = if start - line_start > MAX_EXCERPT - BEFORE_PLACE { boundary(start - BEFORE_PLACE) } else { line_start };
    let until = boundary(from + MAX_EXCERPT).clamp(start, line_end);
    let end = end.min(until);
    let safe = |range: Range<usize>| printable(&text.as_bytes()[range]);
    let mut shown = if from > line_start { "... ".to_owned() } else { String::new() };
    shown.push_str(&safe(from..start));
    let marked_from = shown.len();
    shown.push_str(&safe(start..end));
    let marked_until = shown.len();
    shown.push_str(&safe(end..until));
    if until < line_end {
        shown.push_str(" ...");
    }
    (shown, marked_from..marked_until)
}

impl Diagnostics {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one more.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Takes in an error, to be given its label and help.
    pub fn error(&mut self, code: &'static str, source: &Source, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Diagnostic::new(Severity::Error, code, source, span, message))
    }

    /// Takes in a warning, to be given its label and help.
    pub fn warning(&mut self, code: &'static str, source: &Source, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Diagnostic::new(Severity::Warning, code, source, span, message))
    }

    fn add(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        let at = self.list.len();
        self.list.push(diagnostic);
        &mut self.list[at]
    }

    /// Takes in all of another collection.
    pub fn extend(&mut self, other: Diagnostics) {
        self.list.extend(other.list);
    }

    /// Whether anything forbids to go on.
    pub fn has_errors(&self) -> bool {
        self.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// In the order found; see [`Diagnostics::sorted`].
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// By file and place, as people read.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.list.iter().collect();
        sorted.sort_by_key(|diagnostic| (diagnostic.source.name(), diagnostic.span.start, diagnostic.severity, diagnostic.code));
        sorted
    }

    /// Only the errors, or only the warnings.
    pub fn only(&self, severity: Severity) -> Diagnostics {
        Self { list: self.list.iter().filter(|diagnostic| diagnostic.severity == severity).cloned().collect() }
    }

    /// All of them by place, an empty line between; empty where there are none. Of very many only the first are shown, and how many more there are.
    pub fn render(&self, colour: Colour) -> String {
        let mut rendered: Vec<String> = self.sorted().iter().take(MAX_SHOWN).map(|diagnostic| diagnostic.render(colour)).collect();
        if self.list.len() > MAX_SHOWN {
            rendered.push(format!("and {} more problems", self.list.len() - MAX_SHOWN));
        }
        rendered.join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_line_a_caret_and_what_to_do() {
        let source = Source::new("runbooks/a.yaml", "one: 1\ntwo: zwei\n");
        let mut diagnostic = Diagnostic::new(Severity::Error, "RB999", &source, Span { start: 12, end: 16 }, "two is no number");
        diagnostic.label("expected a number").help("write `two: 2`");
        insta::assert_snapshot!(diagnostic.render(Colour::Plain));
    }

    #[test]
    fn hostile_bytes_are_shown_not_sent_and_the_column_stays_true() {
        let source = Source::new("a\u{1b}[2J.yaml", "\u{202e}run: \u{1b}[31mx\r\n");
        let diagnostic = Diagnostic::new(Severity::Warning, "RB999", &source, Span { start: 8, end: 9 }, "bad \u{1b}]0;x\u{7}");
        let text = diagnostic.render(Colour::Plain);
        assert!(text.chars().all(|c| c == '\n' || crate::base::is_plain(c)), "{text:?}");
        assert!(text.contains(":1:7"), "{text}");
    }

    #[test]
    fn any_place_in_any_line_can_be_shown() {
        let long = format!("{}é{}", "x".repeat(5000), "y".repeat(5000));
        let source = Source::new("long", &long);
        for (start, end) in [(0, 0), (5000, 5001), (5001, 9999), (usize::MAX - 1, usize::MAX), (10_002, 10_002), (7, 3)] {
            let text = Diagnostic::new(Severity::Error, "RB999", &source, Span { start, end }, "m").render(Colour::Plain);
            assert!(text.len() < 2000, "{text}");
        }
    }
}
