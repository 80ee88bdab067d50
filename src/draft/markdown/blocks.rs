//! Markdown as a list of blocks with their lines. The only file that names the Markdown crate; knows nothing of runbooks.

use std::iter::Peekable;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, OffsetIter, Options, Parser, Tag, TagEnd};

use crate::draft::command::dedented;

/// Lists within lists; deeper ones are kept as text.
const MAX_DEPTH: usize = 16;

/// A block, with its line from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) line: usize,
    pub(super) kind: BlockKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// The level, and the text without its marks.
    Heading(u8, String),
    /// As it stands in the source.
    Prose(String),
    /// The language, lower-case, empty where none is said.
    Code {
        language: String,
        text: String,
    },
    List {
        ordered: bool,
        items: Vec<Vec<Block>>,
        text: String,
    },
    /// The `key: value` lines before a page.
    Head(String),
    /// What it is, and how it stands in the source.
    Other(&'static str, String),
}

/// The blocks of a text.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS | Options::ENABLE_TASKLISTS;
    let mut cutter = Cutter { text, events: Parser::new_ext(text, options).into_offset_iter().peekable() };
    cutter.blocks(0)
}

/// A line of Markdown without its marks.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::new();
    for event in Parser::new(text) {
        match event {
            Event::Text(piece) | Event::Code(piece) => out.push_str(&piece),
            Event::SoftBreak | Event::HardBreak => out.push(' '),
            _ => {} // marks, and what has no text
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Cutter<'t> {
    text: &'t str,
    events: Peekable<OffsetIter<'t>>,
}

impl Cutter<'_> {
    /// Blocks until the end of what encloses them.
    fn blocks(&mut self, depth: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        while let Some((event, range)) = self.events.next() {
            match event {
                Event::End(_) => break,
                Event::Start(tag) => self.block(tag, range, depth, &mut blocks),
                Event::Rule | Event::TaskListMarker(_) => {}
                Event::Html(_) => blocks.push(self.other("HTML", range)),
                _ => {
                    let kind = BlockKind::Prose(self.inline(range.clone())); // words of a tight list's item
                    blocks.push(self.at(range.start, kind));
                }
            }
        }
        blocks
    }

    fn block(&mut self, tag: Tag<'_>, range: Range<usize>, depth: usize, blocks: &mut Vec<Block>) {
        match tag {
            Tag::BlockQuote(_) => blocks.extend(self.blocks(depth)),
            Tag::List(first) if depth < MAX_DEPTH => {
                let kind = self.list(first.is_some(), range.clone(), depth);
                blocks.push(self.at(range.start, kind));
            }
            Tag::Heading { level, .. } => {
                self.skip();
                let heading = plain(&self.text[range.clone()]);
                blocks.push(self.at(range.start, BlockKind::Heading(level as u8, heading)));
            }
            Tag::CodeBlock(kind) => {
                let text = self.skip();
                blocks.push(self.at(range.start, BlockKind::Code { language: language(&kind), text }));
            }
            Tag::Paragraph => {
                self.skip();
                let kind = BlockKind::Prose(unquoted(&self.text[range.clone()]));
                blocks.push(self.at(range.start, kind));
            }
            Tag::MetadataBlock(_) => {
                let text = self.skip();
                blocks.push(self.at(range.start, BlockKind::Head(text)));
            }
            Tag::Table(_) => self.skip_as("a table", range, blocks),
            Tag::HtmlBlock => self.skip_as("HTML", range, blocks),
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. } | Tag::Subscript | Tag::Superscript => {
                self.skip();
                let kind = BlockKind::Prose(self.inline(range.clone()));
                blocks.push(self.at(range.start, kind));
            }
            _ => self.skip_as("a construct that is not known here", range, blocks), // the crate may grow tags
        }
    }

    fn list(&mut self, ordered: bool, range: Range<usize>, depth: usize) -> BlockKind {
        let mut items = Vec::new();
        while let Some((event, _)) = self.events.next() {
            match event {
                Event::End(TagEnd::List(_)) => break,
                Event::Start(Tag::Item) => items.push(self.blocks(depth + 1)),
                _ => {} // a list has items only
            }
        }
        BlockKind::List { ordered, items, text: dedented(&self.text[range]) }
    }

    /// The rest of a run of words that stands in no paragraph of its own.
    fn inline(&mut self, first: Range<usize>) -> String {
        let mut end = first.end;
        while let Some((event, range)) = self.events.peek() {
            match event {
                Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::HardBreak | Event::InlineHtml(_) => {
                    end = end.max(range.end);
                    self.events.next();
                }
                Event::Start(Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. }) => {
                    end = end.max(range.end);
                    self.events.next();
                    self.skip();
                }
                _ => break, // a block begins, or the item ends
            }
        }
        unquoted(&self.text[first.start..end])
    }

    /// To the end of what has begun; gives the text in it.
    fn skip(&mut self) -> String {
        let (mut text, mut depth) = (String::new(), 1_usize);
        for (event, _) in self.events.by_ref() {
            match event {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                Event::Text(piece) => text.push_str(&piece),
                _ => {} // only the text of code and of heads is asked for
            }
            if depth == 0 {
                break;
            }
        }
        text
    }

    fn skip_as(&mut self, what: &'static str, range: Range<usize>, blocks: &mut Vec<Block>) {
        self.skip();
        blocks.push(self.other(what, range));
    }

    fn other(&self, what: &'static str, range: Range<usize>) -> Block {
        let start = range.start;
        self.at(start, BlockKind::Other(what, dedented(&self.text[range])))
    }

    fn at(&self, start: usize, kind: BlockKind) -> Block {
        Block { line: self.text[..start].matches('\n').count() + 1, kind }
    }
}

/// The first word after the fence, without what renderers add: `sh {title="x"}`, `{.bash}`.
fn language(kind: &CodeBlockKind<'_>) -> String {
    match kind {
        CodeBlockKind::Indented => String::new(),
        CodeBlockKind::Fenced(info) => {
            let word = info.trim_start_matches(['{', '.']).split(|c: char| c.is_whitespace() || matches!(c, ',' | '{' | '}' | ':')).next();
            word.unwrap_or("").to_lowercase()
        }
    }
}

/// Lines without the marks of a quotation, and without what the indentation of a list adds.
fn unquoted(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("> ").trim_start_matches('>').trim());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_is_cut_into_blocks_with_their_lines() {
        let page = "---\nowner: db\n---\n# A `b`\n\nSome\n**prose**.\n\n> Careful\n> now\n\n```Bash title=x\nls\n```\n\n1. Do *this*:\n\n   ```sh\n   a\n   ```\n2. then `that`\n   - and more\n\n| a |\n|---|\n";
        insta::assert_debug_snapshot!(blocks(page));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_cutter_panic(text in "(?s)([-#>*`~|\\[\\]()<a é0-9.\t]|\n|\n    |```|1\\. |<b>|---\n){0,60}") {
            blocks(&text);
        }
    }
}
