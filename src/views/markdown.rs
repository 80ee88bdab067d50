//! Markdown (CommonMark, with the tables and checkboxes of GitHub's) out of texts that may hold anything. The only place that escapes for it;
//! never lets a text become markup, and never writes HTML.

use crate::base::escaped;

/// What is wrapped is wrapped here, so that a page prints at 80 columns.
const WIDTH: usize = 78;

/// A text within a line: plain, strong, or code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inline {
    out: String,
}

/// A document, block by block.
#[derive(Debug, Default)]
pub struct Markdown {
    out: String,
}

impl Inline {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text that is no markup, whatever is in it.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.out += &plain(text);
        self
    }

    /// Adds a text of weight.
    #[must_use]
    pub fn strong(mut self, text: &str) -> Self {
        let text = plain(text.trim());
        self.out += &if text.is_empty() { text } else { format!("**{text}**") };
        self
    }

    /// Adds code, to the character.
    #[must_use]
    pub fn code(mut self, text: &str) -> Self {
        let text = text.split('\n').map(|line| escaped(line.as_bytes())).collect::<Vec<_>>().join(" ");
        let mark = "`".repeat(longest_run(&text, '`') + 1);
        let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
        self.out += &format!("{mark}{pad}{text}{pad}{mark}");
        self
    }
}

impl From<&str> for Inline {
    fn from(text: &str) -> Self {
        Inline::new().text(text)
    }
}

impl Markdown {
    /// An empty document.
    pub fn new() -> Self {
        Self::default()
    }

    /// The document as text.
    pub fn finish(self) -> String {
        format!("{}\n", self.out.trim_end())
    }

    /// A heading; level 1 is the title.
    pub fn heading(&mut self, level: usize, text: &str) {
        self.block(&format!("{} {}\n", "#".repeat(level), plain(&one_line(text))));
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: impl Into<Inline>) {
        self.block(&wrapped(&text.into().out, "", ""));
    }

    /// A paragraph that stands out.
    pub fn quote(&mut self, text: impl Into<Inline>) {
        self.block(&wrapped(&text.into().out, "> ", "> "));
    }

    /// Items of a list.
    pub fn list(&mut self, items: impl IntoIterator<Item = Inline>) {
        self.items("- ", items);
    }

    /// Items to tick off on paper.
    pub fn checks(&mut self, items: impl IntoIterator<Item = Inline>) {
        self.items("- [ ] ", items);
    }

    fn items(&mut self, mark: &str, items: impl IntoIterator<Item = Inline>) {
        let lines: String = items.into_iter().map(|item| wrapped(&item.out, mark, "  ")).collect();
        self.block(&lines);
    }

    /// Code as it stands, between fences longer than any within it.
    pub fn code(&mut self, text: &str) {
        let fence = "`".repeat((longest_run(text, '`') + 1).max(3));
        let lines: String = text.trim_end_matches('\n').split('\n').map(|line| tabs_kept(line) + "\n").collect();
        self.block(&format!("{fence}\n{lines}{fence}\n"));
    }

    /// A table. Columns are as wide as their widest cell, so that it can be read as text, too.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<Inline>]) {
        let cell = |inline: &Inline| inline.out.replace('|', "\\|").replace('\n', " ");
        let head: Vec<String> = header.iter().map(|title| cell(&Inline::from(*title))).collect();
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).chain(head.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!(" {cell:width$} |"));
            format!("|{}\n", padded.collect::<String>())
        };
        let rule: String = widths.iter().map(|width| format!("{}|", "-".repeat(width + 2))).collect();
        let body: String = rows.iter().map(|row| line(row)).collect();
        self.block(&format!("{}|{rule}\n{body}", line(&head)));
    }

    /// A line across the page.
    pub fn rule(&mut self) {
        self.block("---\n");
    }

    /// Markdown that an author wrote: its emphasis, lists and code count, its headings and lines across do not, and HTML is text.
    pub fn prose(&mut self, text: &str) {
        let mut out = String::new();
        let mut fence: Option<String> = None;
        for line in text.trim_end().lines() {
            let mark = fence_of(line);
            match (&fence, mark) {
                (None, Some(mark)) => fence = Some(mark),
                (Some(open), Some(mark)) if mark.starts_with(open.as_str()) && line.trim() == mark => fence = None,
                (None, None) => {
                    out += &wrapped_as_written(&author(line));
                    continue;
                }
                (Some(_), _) => {}
            }
            out += &(tabs_kept(line) + "\n");
        }
        out += &fence.map_or(String::new(), |open| open + "\n");
        self.block(&out);
    }

    fn block(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.push_str(text);
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn tabs_kept(line: &str) -> String {
    line.split('\t').map(|part| escaped(part.as_bytes())).collect::<Vec<_>>().join("\t")
}

fn longest_run(text: &str, of: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A text whose every sign stands for itself.
fn plain(text: &str) -> String {
    let text = one_spaced(text);
    let signs: Vec<char> = text.chars().collect();
    let mut out = String::new();
    for (at, sign) in signs.iter().enumerate() {
        let word = |at: Option<usize>| at.and_then(|at| signs.get(at)).is_some_and(|c| c.is_alphanumeric());
        let within_word = word(at.checked_sub(1)) && word(Some(at + 1));
        let run = signs[..at].iter().rev().take_while(|before| *before == sign).count();
        let after = signs[at..].iter().find(|after| *after != sign);
        let is_alone = at > run && signs[at - run - 1] == ' ' && after.is_none_or(|after| *after == ' ');
        let escape = match sign {
            '\\' | '`' | '[' | ']' | '<' | '~' => true,
            '*' => !(signs.get(at + 1) == Some(&' ') && at > 0 && signs[at - 1] == ' '),
            '_' => !within_word && !is_alone, // a line to write on is markup to nobody
            '&' => word(Some(at + 1)) || signs.get(at + 1) == Some(&'#'),
            _ => false, // every other sign is markup at the beginning of a line only
        };
        if escape {
            out.push('\\');
        }
        out.push(*sign);
    }
    out
}

/// Newlines as blanks, and what no page may hold as escapes.
fn one_spaced(text: &str) -> String {
    text.split('\n').map(|line| escaped(line.as_bytes())).collect::<Vec<_>>().join(" ")
}

/// Lines of at most [`WIDTH`] where blanks allow it. A code span is never broken, and no line but an author's own becomes a list or a heading.
fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let mut lines = vec![first.to_owned()];
    for (number, word) in words(text.trim()).into_iter().enumerate() {
        let line = lines.last_mut().expect("it has a first line"); // nothing takes lines away
        if number > 0 && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{rest}{}", harmless_at_the_beginning(&word)));
        } else if number > 0 {
            line.push(' ');
            line.push_str(&word);
        } else {
            line.push_str(&harmless_at_the_beginning(&word));
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A line of an author's Markdown, its indentation and its mark of a list kept.
fn wrapped_as_written(line: &str) -> String {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    if indent.len() > 3 || text.starts_with('|') {
        return format!("{line}\n");
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let mark = match text.as_bytes().get(digits..).unwrap_or_default() {
        [b'-' | b'*' | b'+' | b'>', b' ', ..] if digits == 0 => 2,
        [b'.' | b')', b' ', ..] if digits > 0 => digits + 2,
        _ => 0,
    };
    let (mark, text) = text.split_at(mark);
    if text.is_empty() {
        return "\n".to_owned();
    }
    let rest = if mark.starts_with('>') { mark.to_owned() } else { " ".repeat(mark.len()) };
    wrapped(text, &format!("{indent}{mark}"), &format!("{indent}{rest}"))
}

/// Words, code spans whole.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match words.last_mut() {
            Some(open) if open.chars().filter(|c| *c == '`').count() % 2 == 1 => {
                open.push(' ');
                open.push_str(word);
            }
            Some(_) | None => words.push(word.to_owned()),
        }
    }
    words
}

/// A word that begins no list, heading, quotation, table or line across.
fn harmless_at_the_beginning(word: &str) -> String {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let is_line = !word.is_empty() && (word.bytes().all(|c| c == b'*') || word.bytes().all(|c| c == b'_'));
    match word.as_bytes().get(digits) {
        Some(b'.' | b')') if digits > 0 && digits + 1 == word.len() => format!("{}\\{}", &word[..digits], &word[digits..]),
        Some(b'#' | b'+' | b'-' | b'=' | b'>' | b'|' | b':') if digits == 0 => format!("\\{word}"),
        Some(b'*' | b'_') if is_line => format!("\\{word}"),
        Some(_) | None => word.to_owned(),
    }
}

/// The fence that a line is.
fn fence_of(line: &str) -> Option<String> {
    let line = line.trim_start();
    let sign = line.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
    let run: String = line.chars().take_while(|c| *c == sign).collect();
    (run.len() >= 3).then_some(run)
}

/// A line of an author's Markdown without headings, lines across and HTML.
fn author(line: &str) -> String {
    let line = escaped(line.as_bytes());
    let trimmed = line.trim();
    let signs = trimmed.replace(' ', "");
    if signs.len() > 1 && ["-", "*", "_", "="].iter().any(|sign| signs.replace(sign, "").is_empty()) {
        return format!("\\{trimmed}");
    }
    if trimmed.starts_with('#') {
        return format!("**{}**", without_html(trimmed.trim_start_matches('#').trim()));
    }
    without_html(&line)
}

/// `<` outside of code as a text, and a code mark without its other half as a text.
fn without_html(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['`', '<', '\\']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('\\') {
            out.push('\\');
            let sign: String = after.chars().take(1).filter(char::is_ascii_punctuation).collect();
            out.push_str(&sign);
            rest = &after[sign.len()..];
        } else if let Some(after) = rest.strip_prefix('<') {
            out.push_str("\\<");
            rest = after;
        } else {
            let mark: String = rest.chars().take_while(|c| *c == '`').collect();
            let after = &rest[mark.len()..];
            let end = after.match_indices(&mark).find(|(at, _)| !after[at + mark.len()..].starts_with('`') && !after[..*at].ends_with('`'));
            match end {
                Some((end, _)) => {
                    out.push_str(&rest[..mark.len() * 2 + end]);
                    rest = &after[end + mark.len()..];
                }
                None => {
                    out.push_str(&mark.replace('`', "\\`"));
                    rest = after;
                }
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::{Inline, Markdown};

    /// Signs that mean something in Markdown, more often than by chance.
    fn hostile() -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select("`*_~[]()<>#+-=.!|&\\:/;1a bc\n\t\"".chars().collect::<Vec<_>>()), 0..60)
            .prop_map(|signs| signs.into_iter().collect())
    }

    fn parsed(page: &str) -> Vec<Event<'_>> {
        Parser::new_ext(page, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH).collect()
    }

    /// What a reader sees, blanks aside.
    fn seen(events: &[Event<'_>]) -> String {
        let texts = events.iter().filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(text.to_string()),
            Event::SoftBreak | Event::HardBreak => Some(" ".to_owned()),
            _ => None,
        });
        texts.collect::<String>().split_whitespace().collect()
    }

    fn is_html(event: &Event<'_>) -> bool {
        matches!(event, Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::HtmlBlock))
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(text in hostile(), other in any::<String>()) {
            for text in [text, other] {
                let page = document(|page| page.list([Inline::from(text.as_str())]));
                let events = parsed(&page);
                let is_markup = |event: &Event<'_>| {
                    let plain = matches!(event, Event::Start(Tag::List(_) | Tag::Item | Tag::Paragraph) | Event::End(_) | Event::Text(_) | Event::SoftBreak);
                    !plain
                };
                prop_assert!(!events.iter().any(is_markup), "{page:?}: {events:?}");
                let expected: String = text.split('\n').map(|line| crate::base::escaped(line.as_bytes())).collect::<Vec<_>>().join(" ");
                prop_assert_eq!(seen(&events), expected.split_whitespace().collect::<String>(), "{:?}", page);
            }
        }

        #[test]
        fn no_prose_becomes_html_and_no_code_ends_early(text in hostile()) {
            let page = document(|page| {
                page.prose(&text);
                page.code(&text);
            });
            let events = parsed(&page);
            prop_assert!(!events.iter().any(is_html), "{page:?}: {events:?}");
        }
    }

    fn document(write: impl Fn(&mut Markdown)) -> String {
        let mut markdown = Markdown::new();
        write(&mut markdown);
        markdown.finish()
    }

    #[test]
    fn a_text_never_becomes_markup() {
        let hostile = "<script>alert(1)</script> **b** _i_ pg_is_ready `c` [x](javascript:y) &lt; ~~s~~ a * b\n# no heading\u{202e}";
        insta::assert_snapshot!(document(|page| page.paragraph(hostile)), @r"
        \<script>alert(1)\</script> \*\*b\*\* \_i\_ pg_is_ready \`c\`
        \[x\](javascript:y) \&lt; \~\~s\~\~ a * b # no heading\<U+202E>
        ");
        for begin in ["# x", "- x", "+ x", "1. x", "2) x", "> x", "---", "==="] {
            let page = document(|page| page.paragraph(begin));
            assert!(page.starts_with('\\') || page.as_bytes()[1] == b'\\', "{page}");
            assert_eq!(document(|page| page.quote(begin)), format!("> {page}"));
        }
    }

    #[test]
    fn code_is_kept_to_the_character_and_never_ends_early() {
        assert_eq!(document(|page| page.code("a\n```\n````b\n\tc")), "`````\na\n```\n````b\n\tc\n`````\n");
        assert_eq!(Inline::new().code("a`b").out, "``a`b``");
        assert_eq!(Inline::new().code("`").out, "`` ` ``");
    }

    #[test]
    fn prose_keeps_its_emphasis_and_loses_its_headings_and_html() {
        let prose = "# Title\nDo **not** <b>use</b> `a<b>` it ` <i>\n\n- one\n  1. two\n---\n```\n<x>\n";
        insta::assert_snapshot!(document(|page| page.prose(prose)), @r"
        **Title**
        Do **not** \<b>use\</b> `a<b>` it \` \<i>

        - one
          1. two
        \---
        ```
        <x>
        ```
        ");
    }

    #[test]
    fn long_lines_are_wrapped_and_tables_can_be_read_as_text() {
        let long = "word ".repeat(40);
        assert!(document(|page| page.list([Inline::from(long.as_str())])).lines().all(|line| line.len() <= 78));
        let rows = vec![vec![Inline::from("a|b"), Inline::new().code("x | y")]];
        insta::assert_snapshot!(document(|page| page.table(&["one", "two"], &rows)), @r"
        | one  | two      |
        |------|----------|
        | a\|b | `x \| y` |
        ");
    }
}
