//! Where in a file a name, a filter or a value stands that is wrong: what a caret marks. Never decides what is wrong.

use super::template::check_places;
use crate::text::{Source, Span, Spanned};

/// The place of a name in a template or expression: the word itself, in a template within its braces; the whole text where it is not found.
pub(super) fn of_name(source: &Source, text: &Spanned<String>, name: &str, is_template: bool) -> Span {
    let written = source.text().get(text.span.start..text.span.end).unwrap_or("");
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let is_whole = |at: usize| {
        let (before, after) = (written[..at].chars().last(), written[at + name.len()..].chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let is_inside = |at: usize| {
        let opened = written[..at].rfind(['{', '%']).filter(|open| written[..*open].ends_with('{'));
        let closed = written[..at].rfind('}');
        !is_template || opened.is_some_and(|open| closed.is_none_or(|closed| closed < open))
    };
    let found = written.match_indices(name).map(|(at, _)| at).find(|at| is_whole(*at) && is_inside(*at));
    found.map_or(text.span, |at| Span { start: text.span.start + at, end: text.span.start + at + name.len() })
}

/// The value of a command that has no safe form where it stands; the whole command where it is not one alone.
pub(super) fn of_unsafe_value(source: &Source, text: &Spanned<String>) -> Span {
    let values = values_in(&text.value);
    let is_unsafe = |index: &usize| check_places(&with_one_value(&text.value, &values, *index)).is_err();
    let Some(index) = (0..values.len()).find(is_unsafe) else { return text.span };
    let snippet = &text.value[values[index].0..values[index].1];
    let nth = values[..index].iter().filter(|(start, end)| text.value[*start..*end] == *snippet).count();
    let written = source.text().get(text.span.start..text.span.end).unwrap_or("");
    let found = written.match_indices(snippet).nth(nth);
    found.map_or(text.span, |(at, _)| Span { start: text.span.start + at, end: text.span.start + at + snippet.len() })
}

/// Where `{{ … }}` stand in a text.
fn values_in(text: &str) -> Vec<(usize, usize)> {
    let mut values = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("{{").map(|start| at + start) {
        let Some(end) = text[start..].find("}}").map(|end| start + end + 2) else { break };
        values.push((start, end));
        at = end;
    }
    values
}

/// The text with a plain word in place of each value but one.
fn with_one_value(text: &str, values: &[(usize, usize)], kept: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (index, (start, end)) in values.iter().enumerate() {
        out.push_str(&text[at..*start]);
        out.push_str(if index == kept { &text[*start..*end] } else { "0" });
        at = *end;
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> (Source, Spanned<String>) {
        let span = Span { start: 5, end: 5 + text.len() };
        (Source::new("a.yaml", &format!("run: {text}")), Spanned { value: text.to_owned(), span })
    }

    #[test]
    fn a_name_is_marked_where_it_is_used_and_not_where_it_is_a_part_of_a_word() {
        let (source, text) = whole("move --leader x.leader {{ old_leader }} {{ leader.stdout }}");
        let span = of_name(&source, &text, "leader", true);
        assert_eq!(&source.text()[span.start..], "leader.stdout }}");
        let (source, text) = whole("rooms > 1 and room > 2");
        assert_eq!(&source.text()[of_name(&source, &text, "room", false).start..], "room > 2");
        assert_eq!(of_name(&source, &text, "door", false), text.span);
    }

    #[test]
    fn of_several_values_the_one_that_has_no_safe_form_is_marked() {
        let (source, text) = whole("echo {{ a }} && echo `x {{ a }}` {{ b }}");
        let span = of_unsafe_value(&source, &text);
        assert_eq!(&source.text()[span.start..], "{{ a }}` {{ b }}");
    }
}
