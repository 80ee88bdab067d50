//! From a text that was read to pieces with their comments, in the order in which they are to stand. Writes nothing.

use super::{Order, Within};
use crate::text::yaml::{Comment, Document, Node, Scalar, ScalarKind, Value};
use crate::text::{Diagnostics, Source, Span, parse};

/// What cannot be moved safely.
pub(super) struct Unfit {
    pub(super) at: usize,
    pub(super) what: &'static str,
    pub(super) remedy: &'static str,
}

/// Entries of a map or items of a list, and the comments after the last.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) entries: Vec<Entry>,
    /// As [`Entry::above`].
    pub(super) footer: Vec<Option<String>>,
}

/// An entry of a map, or an item of a list.
#[derive(Debug)]
pub(super) struct Entry {
    /// Comments on lines of their own; `None` is an empty line.
    pub(super) above: Vec<Option<String>>,
    /// As written; `None` in a list.
    pub(super) key: Option<String>,
    /// Blanks between the colon and the value.
    pub(super) gap: usize,
    pub(super) piece: Piece,
    /// A comment on the same line, with the blanks before it.
    pub(super) beside: Option<String>,
}

#[derive(Debug)]
pub(super) enum Piece {
    Nothing,
    /// One line, and more that are indented below the key.
    Lines(Vec<String>),
    /// A block scalar: its header, and its lines without their indentation.
    Text {
        header: String,
        lines: Vec<String>,
    },
    Map(Block),
    List(Block),
}

pub(super) fn shape(source: &Source, document: &Document, order: &'static Order) -> Result<Block, Unfit> {
    let mut shaper = Shaper { text: source.text(), comments: &document.comments, next: 0 };
    let Value::Map(entries) = &document.root.value else {
        return Err(Unfit { at: document.root.span.start, what: "a file that is no map", remedy: "Begin it with a key" });
    };
    if shaper.text.lines().any(|line| line.starts_with("---") || line.starts_with("%") || line.starts_with("...")) {
        let what = "a line that begins with `---`, `...` or `%`";
        return Err(Unfit { at: 0, what, remedy: "Remove it: one document a file needs none" });
    }
    if is_flow(shaper.text, document.root.span) {
        return Err(Unfit { at: document.root.span.start, what: "a file in braces", remedy: "Write one key a line" });
    }
    let header = shaper.above(entries.first().map_or(0, |(key, _)| key.span.start));
    let mut block = shaper.map(entries, Keys::Known(order), shaper.text.len())?;
    block.footer.extend(shaper.above(shaper.text.len())); // those with less indentation than the first key
    while block.footer.last().is_some_and(Option::is_none) {
        block.footer.pop();
    }
    if let Some(first) = block.entries.first_mut() {
        first.above.splice(0..0, header);
        trim_start(&mut first.above); // what stands at the top of a file stays there, whichever key comes first
    }
    Ok(block)
}

/// What is known of a map's keys.
#[derive(Clone, Copy)]
enum Keys {
    Known(&'static Order),
    /// Names that the author gives, each with a map of this order.
    Names(&'static Order),
    Unknown,
}

impl Keys {
    fn of(within: Option<Within>) -> Self {
        match within {
            Some(Within::Itself(order)) => Keys::Known(order),
            Some(Within::Each(order)) => Keys::Names(order),
            None => Keys::Unknown,
        }
    }

    fn within(self, key: &str) -> Option<Within> {
        match self {
            Keys::Known(order) => order.within.iter().find(|(name, _)| *name == key).map(|(_, within)| *within),
            Keys::Names(order) => Some(Within::Itself(order)),
            Keys::Unknown => None,
        }
    }
}

struct Shaper<'t> {
    text: &'t str,
    comments: &'t [Comment],
    /// The first comment that has no place yet.
    next: usize,
}

impl Shaper<'_> {
    /// `until` is where the next thing after this map begins.
    fn map(&mut self, entries: &[(Node, Node)], keys: Keys, until: usize) -> Result<Block, Unfit> {
        let mut shaped = Vec::new();
        for (index, (key, value)) in entries.iter().enumerate() {
            let ends = entries.get(index + 1).map_or(until, |(next, _)| next.span.start);
            let written = self.text.get(key.span.start..key.span.end).unwrap_or("");
            let above = self.above(key.span.start);
            let entry = self.value(key.span.end, value, keys.within(written), ends)?;
            shaped.push(Entry { above, key: Some(written.to_owned()), gap: self.gap(entries, index), ..entry });
        }
        let column = entries.first().map_or(0, |(key, _)| self.column(key.span.start));
        let footer = self.footer(column, until);
        if let Keys::Known(order) = keys {
            sort(&mut shaped, order);
        }
        shaped.iter_mut().take(1).for_each(|first| trim_start(&mut first.above));
        Ok(Block { entries: shaped, footer })
    }

    /// `outside` is the column of what holds the list; a list may stand in the same column, and then a comment there is no longer its own.
    fn list(&mut self, items: &[Node], each: Option<&'static Order>, (outside, until): (usize, usize)) -> Result<Block, Unfit> {
        let mut shaped = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let ends = items.get(index + 1).map_or(until, |next| self.dash(next.span.start));
            let dash = self.dash(item.span.start);
            let mut above = self.above(dash);
            let mut entry = self.value((dash + 1).min(item.span.start), item, each.map(Within::Itself), ends)?;
            if let Piece::Map(block) | Piece::List(block) = &mut entry.piece {
                above.extend(entry.beside.take().map(|comment| Some(comment.trim_start().to_owned())));
                let first = block.entries.first_mut().map(|first| std::mem::take(&mut first.above)).unwrap_or_default();
                above.extend(first.into_iter().filter(Option::is_some)); // the first line of an item has no room above it
            }
            entry.above = above;
            shaped.push(entry);
        }
        let column = items.first().map_or(0, |item| self.column(self.dash(item.span.start)));
        let footer = self.footer(column.max(outside + 1), until);
        shaped.iter_mut().take(1).for_each(|first| trim_start(&mut first.above));
        if each.is_some_and(|order| order.apart) {
            part(&mut shaped);
        }
        Ok(Block { entries: shaped, footer })
    }

    /// What stands behind a key that ends here, or behind the dash of an item.
    fn value(&mut self, key_end: usize, node: &Node, within: Option<Within>, until: usize) -> Result<Entry, Unfit> {
        let span = node.span;
        let (piece, beside) = match &node.value {
            Value::Scalar(scalar) => self.scalar_with_comment(key_end, span, scalar)?,
            Value::List(_) | Value::Map(_) if is_flow(self.text, span) => (self.flow(span), self.beside(span.end)),
            Value::Map(entries) => {
                let beside = self.beside_if_before(key_end, entries.first().map_or(span.start, |(key, _)| key.span.start));
                (Piece::Map(self.map(entries, Keys::of(within), until)?), beside)
            }
            Value::List(items) => {
                let beside = self.beside_if_before(key_end, items.first().map_or(span.start, |item| self.dash(item.span.start)));
                let each = match within {
                    Some(Within::Each(order)) => Some(order),
                    Some(Within::Itself(_)) | None => None,
                };
                let outside = self.indent(key_end);
                (Piece::List(self.list(items, each, (outside, until))?), beside)
            }
        };
        Ok(Entry { above: Vec::new(), key: None, gap: 1, piece, beside })
    }

    fn scalar_with_comment(&mut self, key_end: usize, span: Span, scalar: &Scalar) -> Result<(Piece, Option<String>), Unfit> {
        if let Some(header) = self.block_header(key_end, span.start, scalar) {
            let beside = self.beside(key_end);
            return Ok((self.block_text(&header, span, scalar)?, beside));
        }
        let end = if span.start == span.end { key_end } else { span.end };
        Ok((self.scalar(span, scalar), self.beside(end)))
    }

    fn scalar(&self, span: Span, scalar: &Scalar) -> Piece {
        let written = &self.text[span.start..span.end];
        if written.is_empty() {
            return Piece::Nothing;
        }
        if scalar.quoted && !written.contains('\n') && needs_no_quotes(&scalar.text) {
            return Piece::Lines(vec![scalar.text.clone()]);
        }
        Piece::Lines(
            written.lines().enumerate().map(|(index, line)| if index == 0 { line.trim_end() } else { line.trim() }.to_owned()).collect(),
        )
    }

    /// The header of a block scalar, such as `|-`.
    fn block_header(&self, key_end: usize, start: usize, scalar: &Scalar) -> Option<String> {
        let between = self.text.get(key_end..start.max(key_end))?;
        let line = between.trim_start_matches([':', ' ', '\t']);
        let header: String = line.chars().take_while(|c| matches!(c, '|' | '>' | '+' | '-' | '0'..='9')).collect();
        (scalar.quoted && header.starts_with(['|', '>'])).then_some(header)
    }

    fn block_text(&self, header: &str, span: Span, scalar: &Scalar) -> Result<Piece, Unfit> {
        let refuse = |what| Err(Unfit { at: span.start, what, remedy: "Write it with `|` or `>` alone" });
        if header.contains(|c: char| c.is_ascii_digit()) {
            return refuse("a block with a number in its header");
        }
        if header.contains('+') || scalar.text.trim_end_matches('\n').ends_with([' ', '\t']) {
            return refuse("a block that keeps blanks or empty lines at its end");
        }
        let lines: Vec<String> = if scalar.text.is_empty() {
            Vec::new()
        } else if header.starts_with('|') {
            scalar.text.strip_suffix('\n').unwrap_or(&scalar.text).split('\n').map(str::to_owned).collect()
        } else {
            let line_start = self.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
            let written: Vec<&str> = self.text[line_start..span.end].lines().collect();
            let indent =
                written.iter().find(|line| !line.trim().is_empty()).map_or(0, |line| line.len() - line.trim_start_matches(' ').len());
            written.iter().map(|line| line.get(indent..).unwrap_or("").to_owned()).collect()
        };
        if scalar.text.starts_with([' ', '\t', '\n']) {
            return refuse("a block whose first line begins with a blank or is empty");
        }
        Ok(Piece::Text { header: header.to_owned(), lines })
    }

    /// A list in brackets or a map in braces, as it is written; the comments in it come along.
    fn flow(&mut self, span: Span) -> Piece {
        while self.comments.get(self.next).is_some_and(|comment| span.start <= comment.span.start && comment.span.start < span.end) {
            self.next += 1;
        }
        let written: Vec<&str> = self.text[span.start..span.end].lines().map(str::trim_end).collect();
        let below = written.iter().skip(1).filter(|line| !line.is_empty());
        let indent = below.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
        let lines = written.iter().enumerate().map(|(index, line)| if index == 0 { *line } else { line.get(indent..).unwrap_or("") });
        Piece::Lines(lines.map(str::to_owned).collect())
    }

    /// The comments on lines of their own before this place, with empty lines between them.
    fn above(&mut self, at: usize) -> Vec<Option<String>> {
        let mut lines = Vec::new();
        while let Some(comment) = self.comments.get(self.next).filter(|comment| comment.span.start < at) {
            self.next += 1;
            lines.extend(self.is_after_blank(comment.span.start).then_some(None));
            lines.push(Some(self.raw(comment)));
        }
        lines.extend(self.is_after_blank(at).then_some(None));
        lines
    }

    /// Comments that are indented like what came before: they belong to it, not to what follows.
    fn footer(&mut self, column: usize, until: usize) -> Vec<Option<String>> {
        let mut lines = Vec::new();
        let following = if until < self.text.len() { self.column(until) } else { 0 };
        while let Some(comment) = self.comments.get(self.next).filter(|comment| comment.span.start < until) {
            let own = self.column(comment.span.start);
            if own < column || (until < self.text.len() && own <= following) {
                break;
            }
            self.next += 1;
            lines.extend(self.is_after_blank(comment.span.start).then_some(None));
            lines.push(Some(self.raw(comment)));
        }
        lines
    }

    /// A comment on the line where something ends, with the blanks before it.
    fn beside(&mut self, end: usize) -> Option<String> {
        let comment = self.comments.get(self.next).filter(|comment| comment.span.start >= end)?;
        if self.text[end..comment.span.start].contains('\n') {
            return None;
        }
        self.next += 1;
        let before = &self.text[..comment.span.start];
        let blanks = before.len() - before.trim_end_matches([' ', '\t']).len();
        Some(format!("{}{}", " ".repeat(blanks.max(1)), self.raw(comment)))
    }

    fn beside_if_before(&mut self, end: usize, next: usize) -> Option<String> {
        self.comments.get(self.next).is_some_and(|comment| comment.span.start < next).then(|| self.beside(end)).flatten()
    }

    /// As it is written, the sign included.
    fn raw(&self, comment: &Comment) -> String {
        let start = self.text[..comment.span.end].rfind('\n').map_or(0, |at| at + 1).max(comment.span.start);
        let line = self.text[start..].lines().next().unwrap_or("").trim_end();
        line.to_owned()
    }

    fn column(&self, at: usize) -> usize {
        at - self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The column of the first word of the line that ends here or goes on.
    fn indent(&self, at: usize) -> usize {
        let line_start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        self.text[line_start..].len() - self.text[line_start..].trim_start_matches(' ').len()
    }

    fn is_after_blank(&self, at: usize) -> bool {
        let line_start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let above = self.text[..line_start].trim_end_matches([' ', '\t', '\r']);
        above.strip_suffix('\n').is_some_and(|above| above.trim_end_matches([' ', '\t', '\r']).ends_with('\n'))
    }

    /// The dash of the item that begins here.
    fn dash(&self, item: usize) -> usize {
        let is_dash = |at: &usize| {
            let before = self.text[..*at].chars().next_back().is_none_or(char::is_whitespace);
            before && self.text[at + 1..].chars().next().is_none_or(char::is_whitespace)
        };
        self.text[..item].rmatch_indices('-').map(|(at, _)| at).find(is_dash).unwrap_or(item)
    }

    /// Values that are aligned with those of the line above or below stay so.
    fn gap(&self, entries: &[(Node, Node)], index: usize) -> usize {
        let column = |at: usize| -> Option<usize> {
            let (key, value) = entries.get(at)?;
            let between = self.text.get(key.span.end..value.span.start)?;
            (!between.contains('\n')).then(|| self.column(value.span.start))
        };
        let own = column(index);
        let aligned = own.is_some() && (column(index + 1) == own || index.checked_sub(1).and_then(column) == own);
        let (key, value) = &entries[index];
        let blanks = value.span.start.saturating_sub(key.span.end + 1);
        if aligned { blanks.max(1) } else { 1 }
    }
}

fn is_flow(text: &str, span: Span) -> bool {
    text[span.start..].starts_with(['{', '[']) && span.end > span.start
}

/// By the order; a key that it does not name stays behind the one before it.
fn sort(entries: &mut [Entry], order: &Order) {
    let mut rank = 0;
    let ranks: Vec<usize> = entries
        .iter()
        .map(|entry| {
            rank = entry.key.as_deref().and_then(|key| order.keys.iter().position(|known| *known == key)).unwrap_or(rank);
            rank
        })
        .collect();
    let mut places: Vec<usize> = (0..entries.len()).collect();
    places.sort_by_key(|place| ranks[*place]);
    let mut sorted = ranks.clone();
    sorted.sort_unstable();
    if sorted != ranks {
        permute(entries, &places);
    }
}

fn permute(entries: &mut [Entry], places: &[usize]) {
    let empty = || Entry { above: Vec::new(), key: None, gap: 1, piece: Piece::Nothing, beside: None };
    let mut taken: Vec<Entry> = entries.iter_mut().map(|entry| std::mem::replace(entry, empty())).collect();
    for (target, place) in entries.iter_mut().zip(places) {
        *target = std::mem::replace(&mut taken[*place], empty());
    }
}

fn trim_start(lines: &mut Vec<Option<String>>) {
    let blank = lines.iter().take_while(|line| line.is_none()).count();
    lines.drain(..blank);
}

/// An empty line before each item but the first, except between items of one line each.
fn part(items: &mut [Entry]) {
    let long = |entry: &Entry| !matches!(&entry.piece, Piece::Lines(lines) if lines.len() == 1) || entry.above.iter().any(Option::is_some);
    for index in 1..items.len() {
        let (before, item) = (long(&items[index - 1]), long(&items[index]));
        let has_blank = items[index].above.first().is_some_and(Option::is_none);
        if (before || item) && !has_blank {
            items[index].above.insert(0, None);
        }
    }
}

/// Whether a text says the same without its quotes, to readers of YAML 1.1, too. Its first letter tells people at once that it is a word.
fn needs_no_quotes(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || b" _./@%+-()".contains(&c))
        && text.trim() == text
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    plain && reads_as(text)
}

fn reads_as(text: &str) -> bool {
    let document = parse(&Source::new("plain", &format!("k: {text}\n")), &mut Diagnostics::new());
    let Some(Document { root: Node { value: Value::Map(entries), .. }, .. }) = document else { return false };
    entries.iter().all(|(_, value)| matches!(&value.value, Value::Scalar(scalar) if scalar.text == text && scalar.kind == ScalarKind::Text))
}
