//! Takes the keys of a map one by one and says what is missing, misspelt or of the wrong shape. Never knows what a key is for.

use super::{Diagnostic, Diagnostics, Node, Scalar, ScalarKind, Source, Span, Spanned, Value, did_you_mean, parse_bytes};
use crate::base::{Period, is_plain};

/// As many as an inventory has hosts; longer lists are no work of people.
const MAX_ITEMS: usize = 10_000;

/// Words of other tools, each answered with ours.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary {
    /// A word of another tool and what to write instead.
    pub foreign: &'static [(&'static str, &'static str)],
}

/// A source that is being read and what is wrong with it.
#[derive(Debug)]
pub struct Reader {
    pub source: Source,
    pub diagnostics: Diagnostics,
}

/// The keys of one map, taken one by one.
#[derive(Debug)]
pub struct Fields<'n> {
    what: String,
    span: Span,
    entries: Vec<(Spanned<&'n str>, &'n Node, Taken)>,
    known: Vec<&'static str>,
    /// Keys that must be there and are not, each with a right one: told at the end, when it is known what stands in their place.
    missing: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    No,
}

impl Reader {
    /// A reader of this source that has found nothing yet.
    pub fn new(source: &Source) -> Self {
        Self { source: source.clone(), diagnostics: Diagnostics::new() }
    }

    /// Adds an error, to be given its label and help.
    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.error(code, &self.source, span, message)
    }

    /// Adds a warning, to be given its label and help.
    pub fn warning(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.warning(code, &self.source, span, message)
    }

    /// The line of a place, from 1.
    pub fn line(&self, span: Span) -> usize {
        self.source.position(span.start).0
    }

    /// The keys of a map; an error and `None` where the node is something else. `what` reads as in "a step"; `example` shows a right one.
    pub fn fields<'n>(&mut self, node: &'n Node, what: impl Into<String>, example: &str) -> Option<Fields<'n>> {
        let what = what.into();
        let Value::Map(entries) = &node.value else {
            self.wrong_shape(node, &format!("{what} is a map of keys"), example);
            return None;
        };
        let mut named = Vec::new();
        for (key, value) in entries {
            match &key.value {
                Value::Scalar(scalar) => named.push((Spanned { value: scalar.text.as_str(), span: key.span }, value, Taken::No)),
                Value::List(_) | Value::Map(_) => {} // refused when the text was read
            }
        }
        Some(Fields { what, span: first_line(&self.source, node.span), entries: named, known: Vec::new(), missing: Vec::new() })
    }

    /// The items of a list; an error and `None` where the node is something else or the list is empty.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> Option<&'n [Node]> {
        match &node.value {
            Value::List(items) if items.len() > MAX_ITEMS => {
                let message = format!("{what} has {} items, expected at most {MAX_ITEMS}", items.len());
                self.error("RB103", first_line(&self.source.clone(), node.span), message).help("split it");
                None
            }
            Value::List(items) if !items.is_empty() => Some(items),
            Value::List(_) => {
                self.error("RB103", node.span, format!("{what} is empty")).label("expected at least one").help(format!("write {example}"));
                None
            }
            Value::Scalar(_) | Value::Map(_) => {
                self.wrong_shape(node, &format!("{what} is a list"), example);
                None
            }
        }
    }

    /// A text. What YAML reads as a number, a truth or nothing is refused with the fix.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        let scalar = self.scalar(node, what)?;
        if scalar.kind == ScalarKind::Text {
            return self.not_blank(scalar, node.span, what);
        }
        let kind = said(scalar.kind);
        let message = format!("{what} is text, got {kind}");
        let help = match scalar.kind {
            ScalarKind::Null => "write the text after the colon, or below it after `|`".to_owned(),
            ScalarKind::Text | ScalarKind::Bool | ScalarKind::Int | ScalarKind::Float => format!("quote it: \"{}\"", scalar.text),
        };
        self.error("RB103", node.span, message).label(format!("YAML reads this as {kind}")).help(help);
        None
    }

    /// Any single value as it was written: a text, a number, `true`.
    pub fn as_written(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        let scalar = self.scalar(node, what)?;
        if scalar.kind == ScalarKind::Null {
            let help = "write a value, or \"\" for the empty text";
            self.error("RB103", node.span, format!("{what} has no value")).label("nothing here").help(help);
            return None;
        }
        Some(Spanned { value: scalar.text.clone(), span: node.span })
    }

    /// A whole number within bounds, both included, in decimal digits.
    pub fn whole(&mut self, node: &Node, what: &str, least: u32, most: u32) -> Option<Spanned<u32>> {
        let scalar = self.scalar(node, what)?;
        let digits = scalar.kind == ScalarKind::Int && scalar.text.bytes().all(|c| c.is_ascii_digit());
        match scalar.text.parse::<u32>() {
            Ok(value) if digits && (least..=most).contains(&value) => Some(Spanned { value, span: node.span }),
            Ok(_) | Err(_) => {
                let message = format!("{what} is a whole number from {least} to {most}, got {:?}", scalar.text);
                let help = match scalar.text.parse::<u32>() {
                    Ok(_) if scalar.quoted => format!("remove the quotes: {}", scalar.text),
                    Ok(_) | Err(_) if scalar.text.ends_with('%') => "write a number; a share is not known here".to_owned(),
                    Ok(_) if digits => format!("write a number from {least} to {most}"),
                    Ok(_) | Err(_) => format!("write digits alone, such as {}", least.max(1)),
                };
                self.error("RB103", node.span, message).label(format!("expected {least} to {most}")).help(help);
                None
            }
        }
    }

    /// A length of time above zero.
    pub fn period(&mut self, node: &Node, what: &str) -> Option<Spanned<Period>> {
        let written = self.as_written(node, what)?;
        match written.value.parse::<Period>() {
            Ok(value) if value.as_millis() > 0 => Some(Spanned { value, span: node.span }),
            Ok(_) | Err(_) => {
                self.not_a_period(&written, what);
                None
            }
        }
    }

    /// A length of time above zero, or a template that will give one.
    pub fn period_text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        let written = self.as_written(node, what)?;
        if written.value.contains("{{") {
            return Some(written);
        }
        self.period(node, what).map(|_| written)
    }

    /// An amount of bytes above zero.
    pub fn bytes(&mut self, node: &Node, what: &str) -> Option<Spanned<u64>> {
        let written = self.as_written(node, what)?;
        match parse_bytes(&written.value) {
            Some(value) if value > 0 => Some(Spanned { value, span: node.span }),
            Some(_) | None => {
                let message = format!("{what} is an amount with its unit, got {:?}", written.value);
                let help = match is_bare(&written.value) {
                    true => format!("say the unit: {0}KB, {0}MB or {0}GB", written.value),
                    false => "write a number and its unit, such as 64KiB or 50MB".to_owned(),
                };
                self.error("RB103", node.span, message).label("expected such as 64KiB or 50MB").help(help);
                None
            }
        }
    }

    /// Says that a node has another shape than it must have.
    pub fn wrong_shape(&mut self, node: &Node, expected: &str, example: &str) {
        let got = match &node.value {
            Value::Scalar(scalar) => said(scalar.kind),
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        };
        let span = first_line(&self.source, node.span);
        self.error("RB103", span, format!("{expected}, got {got}")).label(format!("this is {got}")).help(format!("write {example}"));
    }

    fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Scalar> {
        match &node.value {
            Value::Scalar(scalar) => Some(scalar),
            Value::Map(_) if self.source.text().get(node.span.start..).is_some_and(|text| text.starts_with("{{")) => None, // already refused
            Value::List(_) | Value::Map(_) => {
                self.wrong_shape(node, &format!("{what} is a single value"), "one text in its place");
                None
            }
        }
    }

    fn not_blank(&mut self, scalar: &Scalar, span: Span, what: &str) -> Option<Spanned<String>> {
        if scalar.text.trim().is_empty() {
            let help = "write the text after the colon, or below it after `|`; remove the key where there is nothing to say";
            self.error("RB103", span, format!("{what} is empty")).label("expected a text").help(help);
            return None;
        }
        Some(Spanned { value: scalar.text.clone(), span })
    }

    fn not_a_period(&mut self, written: &Spanned<String>, what: &str) {
        let message = format!("{what} is a length of time above zero, got {:?}", written.value);
        let help = if is_bare(&written.value) {
            format!("say the unit: {0}s, {0}m or {0}h", written.value)
        } else {
            "write a number above zero and its unit, such as 90s, 10m or 1h30m".to_owned()
        };
        self.error("RB103", written.span, message).label("expected a number with its unit").help(help);
    }
}

impl<'n> Fields<'n> {
    /// Where the map begins.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The value of a key that may be left out.
    pub fn optional(&mut self, key: &'static str) -> Option<&'n Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// The key itself and its value.
    pub fn entry(&mut self, key: &'static str) -> Option<(Span, &'n Node)> {
        self.known.push(key);
        let mut found = None;
        for (name, node, taken) in self.entries.iter_mut().filter(|(name, _, _)| name.value == key) {
            *taken = Taken::Yes; // a second one was refused when the text was read
            found = found.or(Some((name.span, *node)));
        }
        found
    }

    /// Whether the key is there, whatever its value.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _, _)| name.value == key)
    }

    /// Whether a key that nobody took was meant to be this one: another tool's word for it, or a slip of the finger. The end will say so.
    pub fn means(&self, key: &'static str, words: &Vocabulary) -> bool {
        let is_meant = |name: &str| match words.answer(name) {
            Some(ours) => ours.contains(&format!("`{key}:")),
            None => did_you_mean(name, [key]).is_some(),
        };
        self.entries.iter().any(|(name, _, taken)| *taken == Taken::No && is_meant(name.value))
    }

    /// The keys that nobody has taken yet, without those that nobody reads.
    pub fn left(&self) -> impl Iterator<Item = &'n str> {
        self.entries.iter().filter(|(name, _, taken)| *taken == Taken::No && !is_own(name.value)).map(|(name, _, _)| name.value)
    }

    /// The value of a key that must be there; `example` shows a right one. That it is missing is told by [`Fields::finish`].
    pub fn required(&mut self, key: &'static str, example: &str) -> Option<&'n Node> {
        let found = self.optional(key);
        if found.is_none() {
            self.missing.push((key, example.to_owned()));
        }
        found
    }

    /// Takes every key that is left, for maps whose keys are names that the author gives.
    pub fn rest(&mut self) -> Vec<(Spanned<String>, &'n Node)> {
        let open = self.entries.iter_mut().filter(|(_, _, taken)| *taken == Taken::No);
        open.map(|(name, node, taken)| {
            *taken = Taken::Yes;
            (Spanned { value: name.value.to_owned(), span: name.span }, *node)
        })
        .collect()
    }

    /// Says what is missing, unless what stands in its place is told, and refuses what was not taken, except keys that begin with `x-` and
    /// merge keys, which were refused when the text was read.
    pub fn finish(self, reader: &mut Reader, words: &Vocabulary) {
        for (key, example) in self.missing.iter().filter(|(key, _)| !self.means(key, words)) {
            let message = format!("{} has no `{key}`", self.what);
            reader.error("RB102", self.span, message).label(format!("expected `{key}` here")).help(format!("add `{example}`"));
        }
        let is_told = |name: &str| is_own(name) || !name.chars().all(is_plain); // a character that cannot be seen was refused when the text was read
        for (name, _, _) in self.entries.iter().filter(|(name, _, taken)| *taken == Taken::No && !is_told(name.value)) {
            if let Some(ours) = words.answer(name.value) {
                let message = match ours.contains(&format!("`{}:", name.value)) {
                    true => format!("{} has no key `{}`", self.what, name.value),
                    false => format!("`{}` is another tool's word", name.value),
                };
                reader.error("RB101", name.span, message).label("unknown here").help(ours);
            } else {
                self.unknown(reader, name);
            }
        }
    }

    fn unknown(&self, reader: &mut Reader, name: &Spanned<&str>) {
        let message = format!("{} has no key `{}`", self.what, name.value);
        let help = match did_you_mean(name.value, self.known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known here: {}; a key that begins with `x-` is yours", self.known.join(", ")),
        };
        reader.error("RB101", name.span, message).label("unknown key").help(help);
    }
}

impl Vocabulary {
    /// What to write in place of another tool's word.
    fn answer(&self, word: &str) -> Option<&'static str> {
        let word = word.to_lowercase().replace('-', "_");
        self.foreign.iter().find(|(foreign, _)| *foreign == word).map(|(_, ours)| *ours)
    }
}

/// Keys that nobody reads, or that were refused before.
fn is_own(key: &str) -> bool {
    key.starts_with("x-") || key == "<<"
}

/// A number without its unit, not zero.
fn is_bare(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_digit()) && text.bytes().any(|c| c != b'0')
}

/// The part of a place on its first line: what a caret can mark.
fn first_line(source: &Source, span: Span) -> Span {
    let slice = source.text().get(span.start..span.end).unwrap_or("");
    let length = slice.find('\n').unwrap_or(slice.len());
    Span { start: span.start, end: span.start + slice[..length].trim_end().len() }
}

fn said(kind: ScalarKind) -> &'static str {
    match kind {
        ScalarKind::Text => "a text",
        ScalarKind::Null => "nothing",
        ScalarKind::Bool => "true or false",
        ScalarKind::Int | ScalarKind::Float => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Colour, parse};

    const WORDS: Vocabulary = Vocabulary { foreign: &[("timeout_minutes", "write `timeout: 10m`")] };

    fn problems(text: &str) -> String {
        let source = Source::new("a.yaml", text);
        let mut reader = Reader::new(&source);
        let document = parse(&source, &mut reader.diagnostics).unwrap();
        let mut fields = reader.fields(&document.root, "a step", "`name: x`").unwrap();
        if let Some(node) = fields.optional("run") {
            reader.text(node, "`run`");
        }
        if let Some(node) = fields.required("timeout", "timeout: 10m") {
            reader.period_text(node, "`timeout`");
        }
        fields.finish(&mut reader, &WORDS);
        let messages = reader.diagnostics.sorted();
        messages.iter().map(|d| format!("{} {}: {}\n", d.code, d.message, d.help.as_deref().unwrap_or(""))).collect()
    }

    #[test]
    fn every_key_that_is_not_ours_is_answered() {
        insta::assert_snapshot!(problems("timout: 5s\ntimeout-minutes: 10\nx-mine: 1\nbanana: 2\n"));
    }

    #[test]
    fn what_yaml_reads_as_no_text_is_refused_with_the_fix() {
        insta::assert_snapshot!(problems("run: true\ntimeout: 5\n"));
    }

    #[test]
    fn a_problem_at_the_end_of_a_file_has_a_place() {
        let source = Source::new("a.yaml", "run:");
        let mut reader = Reader::new(&source);
        let document = parse(&source, &mut reader.diagnostics).unwrap();
        let mut fields = reader.fields(&document.root, "a step", "").unwrap();
        let node = fields.optional("run").unwrap();
        assert_eq!(reader.text(node, "`run`"), None);
        assert!(reader.diagnostics.render(Colour::Plain).contains("a.yaml:1:"));
    }
}
