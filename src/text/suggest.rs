//! Finds the word that was probably meant. Never changes what was written.

use strsim::damerau_levenshtein;

/// Words longer than this are no typing errors; it bounds the work for hostile input.
const MAX_WORD: usize = 64;

/// The candidate nearest to `word`, where it is near enough to be what was meant: same but for case and dashes, or about one letter in three off.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_WORD {
        return None;
    }
    let plain = folded(word);
    let allowed = (plain.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_WORD)
        .map(|candidate| (damerau_levenshtein(&plain, &folded(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood_and_another_word_is_not() {
        let words = ["timeout", "hosts", "expect_hosts"];
        assert_eq!(did_you_mean("timout", words), Some("timeout"));
        assert_eq!(did_you_mean("Expect-Hosts", words), Some("expect_hosts"));
        assert_eq!(did_you_mean("banana", words), None);
        assert_eq!(did_you_mean("x", ["y"]), None);
    }
}
