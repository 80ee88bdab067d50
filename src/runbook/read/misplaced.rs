//! Words of the language that stand where they mean nothing, and what else may have been meant. Never accepts one.

use super::kinds::Kind;
use super::words;
use crate::text::{Fields, Reader};

/// The words that only one kind of step has, and where they belong.
const BELONGS: [(&str, &str, &str); 11] = [
    ("options", "`choose`", "write `choose:` with the question; `options:` are the ways to go on"),
    ("answers", "`manual`", "a command's result is named by `register:`; `answers:` are what a person gives back"),
    ("with", "`call`", "templates use parameters as they are, `{{ unit }}`; `with:` gives parameters to a runbook that is called"),
    ("rescue", "a block", IN_A_BLOCK),
    ("always", "a block", IN_A_BLOCK),
    ("rolling", "a block", IN_A_BLOCK),
    ("for_each", "a block", IN_A_BLOCK),
    ("acquire", "a block", IN_A_BLOCK),
    ("release", "a block", IN_A_BLOCK),
    ("release_when", "a block", IN_A_BLOCK),
    ("uninterruptible", "a block", IN_A_BLOCK),
];

const IN_A_BLOCK: &str = "put this step into a block: a `name:`, this word, and below `steps:` the step itself";

/// Refuses the words of another kind of step; those of its own were taken before. Where a step has two actions that is the mistake.
pub(super) fn refuse(reader: &mut Reader, fields: &mut Fields<'_>) {
    let is_torn = Kind::ALL.into_iter().filter(|kind| fields.contains(kind.word())).count() > 1;
    let left: Vec<&str> = fields.left().collect();
    for (word, place, help) in BELONGS.into_iter().filter(|(word, _, _)| left.contains(word)) {
        if let Some((key, _)) = fields.entry(word).filter(|_| !is_torn) {
            reader.error("RB119", key, format!("`{word}` belongs to {place}")).label("would not be heeded").help(help);
        }
    }
}

/// Whether one of the keys is meant as the action of a step that has none: another tool's word, a slip of the finger, a module's name, or a
/// word of another kind of step. What is known to be about something else is none. It is told by itself.
pub(super) fn may_be_an_action(fields: &Fields<'_>) -> bool {
    let is_action = |kind: Kind| fields.means(kind.word(), &words::STEP);
    Kind::ALL.into_iter().any(is_action) || fields.left().any(|word| !is_common(word))
}

/// Words that a step may have beside its action, ours and other tools'.
fn is_common(word: &str) -> bool {
    let ours = super::kinds::FITS.iter().any(|(common, _)| *common == word) || ["why", "when", "gate", "shell"].contains(&word);
    let theirs = words::STEP.foreign.iter().any(|(foreign, _)| *foreign == word.to_lowercase().replace('-', "_"));
    ours || theirs
}
