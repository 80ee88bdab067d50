//! Names of steps out of headings and sentences. Never longer than a line of a page.

use super::blocks::plain;

/// Characters of a step's name; a longer sentence is its reason rather than its name.
const LONGEST_NAME: usize = 80;

/// The name of the step with this number of so many, and its lead, where that is not in the name.
pub(super) fn named(title: &str, lead: Option<String>, steps: usize, count: usize) -> (String, Option<String>) {
    match (title, lead) {
        ("", Some(lead)) => (lead, None),
        ("", None) => (format!("Step {count}"), None),
        (title, lead) if steps == 1 => (title.to_owned(), lead),
        (title, Some(lead)) if lead.to_lowercase().starts_with(&title.to_lowercase()) => (lead, None),
        (title, Some(lead)) if title.chars().count() + lead.chars().count() < LONGEST_NAME => (format!("{title}: {lead}"), None),
        (title, lead) => (format!("{title} ({count})"), lead),
    }
}

/// The sentence before a command, where it is short enough for a name, and the rest of the prose as the reason.
pub(super) fn lead_of(prose: &mut Vec<String>) -> (Option<String>, String) {
    let mut prose = std::mem::take(prose);
    let lead = prose.last().and_then(|last| short(last).filter(|lead| lead.chars().count() + 2 >= plain(last).chars().count()));
    if lead.is_some() {
        prose.pop();
    }
    (lead, joined(&prose))
}

/// The first sentence of a text as a name.
pub(super) fn short(text: &str) -> Option<String> {
    let line = plain(text.lines().next().unwrap_or(""));
    let line = unnumbered(&line).trim_start_matches("[ ] ").trim_start_matches("[x] ");
    let sentence = line.split_inclusive(['.', '!', '?']).next().filter(|first| first.len() > 12).unwrap_or(line);
    let name = sentence.trim().trim_end_matches(['.', ':', ';', ',']).trim();
    if name.chars().count() <= LONGEST_NAME {
        return Some(name.to_owned()).filter(|name| !name.is_empty());
    }
    let cut: String = name.chars().take(LONGEST_NAME - 1).collect();
    Some(format!("{}…", cut.rsplit_once(' ').map_or(cut.as_str(), |(whole, _)| whole)))
}

/// `3. Restart`, `Step 3: Restart` and `3) Restart` are `Restart`.
pub(super) fn unnumbered(title: &str) -> &str {
    let rest = title.trim();
    let rest = rest.strip_prefix("Step ").or_else(|| rest.strip_prefix("step ")).unwrap_or(rest);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let after = &rest[digits..];
    match after.strip_prefix([')', ':', ' ']) {
        Some(name) if digits > 0 => name.trim_start_matches([')', ':', '-', '–', '—', ' ']),
        Some(_) | None => title.trim(),
    }
}

pub(super) fn joined(texts: &[String]) -> String {
    let filled: Vec<&str> = texts.iter().map(|text| text.trim_end()).filter(|text| !text.is_empty()).collect();
    filled.join("\n\n")
}
