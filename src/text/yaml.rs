//! YAML with places: with `meaning` beside it the only file that names the YAML crates. Reads a text twice: one crate decides what it means, the other says where;
//! where they disagree the text is refused. Never accepts what two readers could take for two things.

mod meaning;
mod remedies;

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError};

use super::decode::refuse_hidden;
use super::{Diagnostics, MAX_FILE_BYTES, Source, Span};
use crate::base::is_plain;
use meaning::{guess_kinds, settle_kinds};

/// Levels of lists and maps: a block within a block takes two, so that this is fifteen blocks deep.
pub const MAX_DEPTH: usize = 32;

/// After this many problems the rest of the file is not looked at: it is something else, and each message costs time.
const MAX_PROBLEMS: usize = 200;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub span: Span,
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    /// Keys and values in the order written; keys are scalars and different.
    Map(Vec<(Node, Node)>),
}

/// A single value.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// As written, unquoted and unescaped.
    pub text: String,
    pub kind: ScalarKind,
    /// In quotes, or a block scalar.
    pub quoted: bool,
}

/// What YAML 1.2 takes a scalar for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    Text,
    Null,
    Bool,
    Int,
    Float,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// From 1.
    pub line: usize,
    pub span: Span,
    /// Without `#` and the spaces around.
    pub text: String,
}

/// A text that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub root: Node,
    pub comments: Vec<Comment>,
}

/// What becomes of a value with a tag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tags {
    Refused,
    /// The value is not read: nothing stands in its place.
    Blanked,
}

/// Reads a text. Adds what is wrong with it; `None` where nothing can be made of it.
pub fn parse(source: &Source, diagnostics: &mut Diagnostics) -> Option<Document> {
    parse_with(source, Tags::Refused, diagnostics)
}

/// Reads a text that another tool owns, as [`parse`] does, but single values with a tag (`!vault`) become nothing.
pub fn parse_lenient(source: &Source, diagnostics: &mut Diagnostics) -> Option<Document> {
    parse_with(source, Tags::Blanked, diagnostics)
}

fn parse_with(source: &Source, tags: Tags, diagnostics: &mut Diagnostics) -> Option<Document> {
    if source.text().len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes, expected at most {MAX_FILE_BYTES} (1 MiB)", source.text().len());
        diagnostics.error("RB002", source, Span::default(), message).help("split it into several runbooks");
        return None;
    }
    let hidden = refuse_hidden(source, diagnostics);
    let mut builder = Builder { tags, ..Builder::new(source) };
    if let Err(error) = builder.build() {
        let line = error.marker().line();
        let is_told = builder.diagnostics.iter().any(|diagnostic| diagnostic.position().0 == line);
        if !hidden && !is_told {
            explain(source, &error, diagnostics);
        }
        diagnostics.extend(builder.diagnostics);
        return None;
    }
    let refused = hidden || builder.diagnostics.has_errors();
    diagnostics.extend(builder.diagnostics);
    let Some(mut root) = builder.root else {
        if !refused {
            let help = "write what belongs there, or remove the file: an empty one means nothing";
            diagnostics.error("RB008", source, Span::default(), "the file is empty").help(help);
        }
        return None;
    };
    if refused {
        guess_kinds(&mut root);
    } else {
        settle_kinds(source, &mut root, diagnostics)?;
    }
    Some(Document { root, comments: builder.comments })
}

/// The comments of a text that was read before; none where it cannot be read.
pub fn comments(source: &Source) -> Vec<Comment> {
    let mut builder = Builder::new(source);
    match builder.build() {
        Ok(()) => builder.comments,
        Err(_) => Vec::new(),
    }
}

/// The sentence for a text that is no YAML.
fn explain(source: &Source, error: &ScanError, diagnostics: &mut Diagnostics) {
    let text = source.text();
    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    let at = if at == text.len() && at > 0 { text.trim_end().len() } else { at };
    let (line, _) = source.position(at);
    let written = text.lines().nth(line - 1).unwrap_or("");
    let indent = &written[..written.len() - written.trim_start().len()];
    let line_start = text[..at.min(text.len())].rfind('\n').map_or(0, |newline| newline + 1);
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        let message = format!("more than {MAX_DEPTH} levels of lists and maps");
        diagnostics.error("RB007", source, Span { start: at, end: at }, message).help("put inner blocks into steps of their own");
        return;
    }
    if let Some(tab) = tab_in_indentation(text, line_start, indent) {
        let span = Span { start: tab, end: tab + 1 };
        diagnostics.error("RB010", source, span, "a tab in the indentation").help("indent with spaces: YAML forbids tabs there");
        return;
    }
    let (message, help) = remedies::explained(&error.info(), written);
    diagnostics.error("RB004", source, Span { start: at, end: at }, message).label("the reader stopped here").help(help);
}

/// A tab before the first word of this line, or of the next: the reader may stop at the end of the line before it.
fn tab_in_indentation(text: &str, line_start: usize, indent: &str) -> Option<usize> {
    let here = indent.find('\t').map(|tab| line_start + tab);
    let next = line_start + text[line_start..].find('\n').map_or(text.len() - line_start, |newline| newline + 1);
    let below = text[next..].find(|c: char| c != ' ').filter(|tab| text[next + tab..].starts_with('\t')).map(|tab| next + tab);
    here.or(below)
}

enum Frame {
    List { start: usize, end: usize, items: Vec<Node> },
    Map { start: usize, end: usize, entries: Vec<(Node, Node)>, key: Option<Node> },
}

struct Builder<'a> {
    source: &'a Source,
    tags: Tags,
    stack: Vec<Frame>,
    root: Option<Node>,
    comments: Vec<Comment>,
    documents: usize,
    diagnostics: Diagnostics,
}

impl<'a> Builder<'a> {
    fn new(source: &'a Source) -> Self {
        Self {
            source,
            tags: Tags::Refused,
            stack: Vec::new(),
            root: None,
            comments: Vec::new(),
            documents: 0,
            diagnostics: Diagnostics::new(),
        }
    }

    fn build(&mut self) -> Result<(), ScanError> {
        let source = self.source.clone();
        let options = granit_parser::options! { emit_unresolved_aliases: true, emit_anchor_events: true, flow_nesting_limit: 2 * MAX_DEPTH, max_buffered_comment_events: MAX_FILE_BYTES };
        for next in Parser::new_from_str_with_options(source.text(), options) {
            let (event, place) = next?;
            let span = bytes(&source, &place);
            if let Some(tag) = place.tag_span() {
                if self.tags == Tags::Blanked && matches!(event, Event::Scalar(..)) {
                    self.put(span, Value::Scalar(Scalar { text: String::new(), kind: ScalarKind::Null, quoted: false }));
                    continue;
                }
                self.refuse(bytes(&source, &tag), "a tag", "remove it; quote the value where it must be text");
            }
            self.take(event, span, place.start.line());
            if self.stack.len() > MAX_DEPTH {
                let message = format!("more than {MAX_DEPTH} levels of lists and maps");
                self.diagnostics.error("RB007", &source, span, message).help("put inner blocks into steps of their own");
                return Ok(());
            }
            if self.documents > 1 || self.diagnostics.len() > MAX_PROBLEMS {
                return Ok(());
            }
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, span: Span, line: usize) {
        match event {
            Event::Comment(text, _) => {
                self.comments.push(Comment { line, span, text: text.trim().to_owned() });
            }
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.refuse(span, "a second document in one file", "keep one document a file; remove the `---` line");
                }
            }
            Event::Anchor(..) => self.refuse(span, "an anchor", "write the value out where it is used"),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse(span, "an alias", "write the value out; quote it where it is text that begins with `*`");
                let text = self.source.text().get(span.start..span.end).unwrap_or("*").to_owned();
                self.put(span, Value::Scalar(Scalar { text, kind: ScalarKind::Text, quoted: true })); // it is refused: nothing more is said of it
            }
            Event::Scalar(text, style, ..) => self.scalar(&text, style, span),
            Event::SequenceStart(..) => self.stack.push(Frame::List { start: span.start, end: span.end, items: Vec::new() }),
            Event::MappingStart(..) => self.stack.push(Frame::Map { start: span.start, end: span.end, entries: Vec::new(), key: None }),
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            _ => self.refuse(span, "a construct that this reader does not know", "write it in a simpler way"), // the crate may grow events
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) {
        let quoted = style != ScalarStyle::Plain;
        if style == ScalarStyle::DoubleQuoted
            && let Some(c) = text.chars().find(|&c| !(is_plain(c) || c == '\n' || c == '\t'))
        {
            let message = format!("an escape that stands for a character that cannot be seen: U+{:04X}", c as u32);
            self.diagnostics.error("RB003", self.source, span, message).help("remove it; let the command make it: `printf '\\033[1m'`");
        }
        let text = if !quoted && span.start == span.end { "" } else { text };
        self.put(span, Value::Scalar(Scalar { text: text.to_owned(), kind: ScalarKind::Text, quoted }));
    }

    fn close(&mut self, span: Span) {
        let flow_end = if span.end > span.start { span.end } else { 0 };
        match self.stack.pop() {
            Some(Frame::List { start, end, items }) => {
                let end = items.last().map_or(end, |node| node.span.end).max(flow_end);
                self.put(Span { start, end }, Value::List(items));
            }
            Some(Frame::Map { start, end, entries, .. }) => {
                let start = entries.first().map_or(start, |(key, _)| key.span.start.min(start));
                let end = entries.last().map_or(end, |(key, node)| node.span.end.max(key.span.end)).max(flow_end);
                self.refuse_duplicates(&entries);
                self.put(Span { start, end }, Value::Map(entries));
            }
            None => {}
        }
    }

    fn put(&mut self, span: Span, value: Value) {
        let node = Node { span, value };
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { entries, key, .. }) => match key.take() {
                None => *key = Some(node),
                Some(key) => entries.push((key, node)),
            },
        }
    }

    fn refuse(&mut self, span: Span, what: &str, help: &str) {
        self.diagnostics.error("RB005", self.source, span, format!("{what} is refused")).label(what).help(help);
    }

    fn refuse_duplicates(&mut self, entries: &[(Node, Node)]) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for (key, _) in entries {
            let Value::Scalar(scalar) = &key.value else {
                let template = self.source.text().get(key.span.start..).is_some_and(|text| text.starts_with('{'));
                let help =
                    if template { "a value that begins with `{{` must be quoted: `key: \"{{ name }}\"`" } else { "name it by a word" };
                self.diagnostics.error("RB005", self.source, key.span, "a key that is a list or a map").help(help);
                continue;
            };
            if scalar.text == "<<" && !scalar.quoted {
                let span = key.span;
                self.diagnostics.error("RB005", self.source, span, "a merge key is refused").help("write the keys out");
            }
            if self.diagnostics.len() > MAX_PROBLEMS {
                return;
            }
            if let Some(first) = seen.insert(&scalar.text, key.span) {
                let (line, _) = self.source.position(first.start);
                let message = format!("the key `{}` is written twice", scalar.text);
                let diagnostic = self.diagnostics.error("RB006", self.source, key.span, message);
                diagnostic.label(format!("first on line {line}")).help("keep one of them; which one counts would be a guess");
            }
        }
    }
}

/// A place in bytes. Block scalars are trimmed of the space that follows them.
fn bytes(source: &Source, place: &granit_parser::Span) -> Span {
    let length = source.text().len();
    let start = place.start.byte_offset().unwrap_or(0).min(length);
    let end = place.end.byte_offset().unwrap_or(start).clamp(start, length);
    let slice = source.text().get(start..end).unwrap_or("");
    Span { start, end: start + slice.trim_end().len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{Colour, decode};

    fn read(text: &str) -> (Option<Document>, Diagnostics) {
        let mut diagnostics = Diagnostics::new();
        let document = parse(&Source::new("a.yaml", text), &mut diagnostics);
        (document, diagnostics)
    }

    fn codes(text: &str) -> Vec<&'static str> {
        read(text).1.sorted().iter().map(|diagnostic| diagnostic.code).collect()
    }

    #[test]
    fn scalars_keep_their_text_their_kind_and_their_place() {
        let text = "a: NO\nb: 0755\nc: true\nd:\ne: 5\nf: 1.5\ng: \"5\"\nh: |\n  one\n  two\ni: last\n";
        let (document, diagnostics) = read(text);
        assert!(diagnostics.is_empty(), "{}", diagnostics.render(Colour::Plain));
        let Value::Map(entries) = document.unwrap().root.value else { panic!("no map") };
        let seen: Vec<String> = entries
            .iter()
            .map(|(_, node)| match &node.value {
                Value::Scalar(scalar) => format!("{:?} {:?} {:?}", scalar.kind, scalar.text, &text[node.span.start..node.span.end]),
                Value::List(_) | Value::Map(_) => "?".into(),
            })
            .collect();
        insta::assert_debug_snapshot!(seen);
    }

    #[test]
    fn what_two_readers_could_take_for_two_things_is_refused() {
        assert_eq!(codes("a: &x 1\nb: *x\nc: *y\n"), ["RB005", "RB005", "RB005"]);
        assert_eq!(codes("a: !sh x\nb: !!str 5\n"), ["RB005", "RB005"]);
        assert_eq!(codes("a: 1\na: 2\n"), ["RB006"]);
        assert_eq!(codes("<<: {a: 1}\n"), ["RB005"]);
        assert_eq!(codes("a: 1\n---\nb: 2\n"), ["RB005"]);
        assert_eq!(codes("a: {{ x }}\n"), ["RB005"]);
        assert_eq!(codes(""), ["RB008"]);
        assert_eq!(codes("# only\n"), ["RB008"]);
        assert_eq!(codes("a:\n\t- b\n"), ["RB010"]);
        assert_eq!(codes("a: x: y\n"), ["RB004"]);
        assert_eq!(codes("a: \"\\e[31m\"\n"), ["RB003"]);
        assert_eq!(codes("a: x\u{202e}y\nb: \u{a0}z\n"), ["RB003", "RB003"]);
        assert_eq!(codes("a: x\ry\n"), ["RB003"]);
        assert_eq!(codes(&"[".repeat(300)), ["RB007"]);
        assert_eq!(codes(&"- ".repeat(200_000)), ["RB007"]);
    }

    #[test]
    fn a_value_with_a_tag_is_nothing_to_a_lenient_reader() {
        let source = Source::new("a.yaml", "a: !vault |\n  $ANSIBLE_VAULT;1.1\n  6162\nb: x\nc: !unsafe 'y'\n");
        let mut diagnostics = Diagnostics::new();
        let Some(Document { root: Node { value: Value::Map(entries), .. }, .. }) = parse_lenient(&source, &mut diagnostics) else {
            panic!("{}", diagnostics.render(Colour::Plain))
        };
        let texts = entries.iter().map(|(_, node)| match &node.value {
            Value::Scalar(scalar) => scalar.text.as_str(),
            Value::List(_) | Value::Map(_) => "?",
        });
        assert_eq!(texts.collect::<Vec<_>>(), ["", "x", ""]);
    }

    #[test]
    fn ordinary_yaml_is_read_as_it_stands() {
        for text in [
            "---\na: 1\n...\n",
            "%YAML 1.2\n---\na: 1\n",
            "a: |+\n  x\n\n\nb: >-\n  one\n  two\n\n  three\n",
            "a: one\n  two\n  three\nb: \"x \\\n  y\"\nc: 'it''s'\n",
            "a: {b: [1, 2,\n  3], c: d}\n",
            "a:\n- b\n- c: d\n  e: f\n",
            "a: |\n  # no comment\n    indented\n  \tx\n# comment\nb: é ß 東京\n",
            "a: |2\n   x\n",
            "a: \"\\u00e9\\t\\n\"\n",
            "? a\n: b\n",
            "a: 0x10\nb: .inf\nc: 1e3\nd: 2026-11-01\ne: 12:30\nf: on\ng: ~\nh: 0o7\ni: +5\n",
            "b: -0\n",
            "\"a\": b\n",
            "a: b # c\n\n\n",
            "a: |\n  x\r\n",
        ] {
            let (document, diagnostics) = read(text);
            assert!(document.is_some() && diagnostics.is_empty(), "{text}\n{}", diagnostics.render(Colour::Plain));
        }
    }

    #[test]
    fn windows_line_ends_and_comments_are_read() {
        let (document, diagnostics) = read("# runbook: allow RB201 because x\r\na: 1 # two\r\nb: |\r\n  x\r\n  # no comment\r\n");
        assert!(diagnostics.is_empty(), "{}", diagnostics.render(Colour::Plain));
        let comments = document.unwrap().comments;
        let seen: Vec<(usize, &str)> = comments.iter().map(|comment| (comment.line, comment.text.as_str())).collect();
        assert_eq!(seen, [(1, "runbook: allow RB201 because x"), (2, "two")]);
    }

    #[test]
    fn of_a_large_file_full_of_problems_only_the_first_are_told() {
        for line in ["# x\n", "a: 1\n", "- {a: 1, a: 2}\n", "- *x\n", "- !x y\n", "- \"\\0\"\n", "\u{7}\n", "- - - a\n"] {
            let (_, diagnostics) = read(&line.repeat(MAX_FILE_BYTES / 8 / line.len()));
            assert!(diagnostics.len() <= MAX_PROBLEMS + 1, "{line:?}: {}", diagnostics.len());
            diagnostics.render(Colour::Plain);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(?s)([-:#&*!|>'\"%@`{}\\[\\], \n\ta-c0-9é\u{202e}]|: |- |\n  ){0,120}") {
            let (_, diagnostics) = read(&text);
            diagnostics.render(Colour::Plain);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            match decode("a.yaml", &bytes) {
                Ok(source) => { parse(&source, &mut Diagnostics::new()); }
                Err(diagnostics) => { diagnostics.render(Colour::Plain); }
            }
        }
    }
}
