//! The names of things, each its own type. Never looks anything up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A name was not of the form that its kind asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {got:?}")]
pub struct ParseIdError {
    expected: &'static str,
    got: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(ParseIdError { expected: $expected, got: text.chars().take(80).collect() })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// A run's id: a ULID, 26 characters of Crockford's base 32 (<https://github.com/ulid/spec>), safe as a folder's name.
    RunId, "a run id of 26 characters", |text| text.len() == 26
        && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'A'..=b'H' | b'J' | b'K' | b'M' | b'N' | b'P'..=b'T' | b'V'..=b'Z'))
);
name!(
    /// A step's id within its run, safe as a folder's name; at most 120 characters. An author writes a slug: lower-case letters, digits and
    /// single dashes. What the plan makes of it joins slugs by dots (`deploy.restart`, a step of a called runbook; `pause-agents.release`),
    /// and a step that is run several times adds which time: `restart@2`, and `restart@2.1` where a loop is within another.
    StepId, "a step id of lower-case letters, digits and dashes", |text| text.len() <= 120 && is_step_id(text)
);
name!(
    /// A host's name in the inventory: letters, digits, dots, dashes and underscores, not beginning with a dot or a dash; safe as a file's name.
    HostName, "a host name of letters, digits, dots, dashes and underscores", |text| (1..=100).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_'))
        && !text.starts_with(['.', '-'])
);
name!(
    /// A person, named as in `allowed_signers`: an e-mail address in printable ASCII without patterns or spaces.
    Person, "a person such as alice@example.com", |text| text.len() <= 200
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b'+' | b'@'))
        && text.split('@').count() == 2 && !text.starts_with(['@', '-', '.']) && !text.ends_with('@')
);

fn is_step_id(text: &str) -> bool {
    let (base, turns) = text.split_once('@').map_or((text, None), |(base, turns)| (base, Some(turns)));
    let is_number = |part: &str| !part.is_empty() && part.len() <= 9 && !part.starts_with('0') && part.bytes().all(|c| c.is_ascii_digit());
    base.split('.').all(is_slug) && turns.is_none_or(|turns| turns.split('.').all(is_number))
}

fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.split('-').all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

impl RunId {
    /// Four characters of the time and four of the chance, as people say it: `01J9-K7QM`.
    pub fn short(&self) -> String {
        format!("{}-{}", &self.0[..4], &self.0[22..])
    }

    /// Whether a person who typed `text` may mean this run: the whole id, its short form, or a beginning of at least four characters.
    pub fn answers_to(&self, text: &str) -> bool {
        let text = text.to_ascii_uppercase();
        self.short() == text || (text.len() >= 4 && self.0.starts_with(&text))
    }
}

impl StepId {
    /// The slug of a step's name: runs of other characters become one dash. `None` where nothing is left.
    pub fn slug(name: &str) -> Option<Self> {
        let lower: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
        let mut slug = lower.split_whitespace().collect::<Vec<_>>().join("-");
        slug.truncate(100);
        slug.trim_end_matches('-').parse().ok()
    }

    /// Whether an author may have written it: one slug of at most 100 characters.
    pub fn is_written(&self) -> bool {
        self.0.len() <= 100 && is_slug(&self.0)
    }

    /// What the plan makes of this step beside it: `pause-agents.release`. `None` where the id would be too long.
    pub fn part(&self, word: &str) -> Option<Self> {
        format!("{}.{word}", self.base()).parse().ok()
    }

    /// The step within a called runbook, seen from the caller. `None` where the id would be too long.
    pub fn within(&self, call: &StepId) -> Option<Self> {
        format!("{}.{}", call.base(), self.0).parse().ok()
    }

    /// The id without the turns of loops.
    pub fn base(&self) -> &str {
        self.0.split('@').next().unwrap_or(&self.0)
    }

    /// Which turn of each loop around it, outermost first, each from 1; empty where no loop is.
    pub fn turns(&self) -> Vec<u32> {
        let turns = self.0.split_once('@').map_or("", |(_, turns)| turns);
        turns.split('.').filter_map(|turn| turn.parse().ok()).collect()
    }

    /// The same step in these turns of the loops around it.
    pub fn at(&self, turns: &[u32]) -> Self {
        let words: Vec<String> = turns.iter().map(u32::to_string).collect();
        Self(if words.is_empty() { self.base().to_owned() } else { format!("{}@{}", self.base(), words.join(".")) })
    }
}

impl HostName {
    /// The operator's own machine.
    pub fn local() -> Self {
        Self("local".to_owned())
    }
}

/// A gate's number within a run, in the order of the runbook, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GateNo(pub u32);

impl fmt::Display for GateNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_become_paths_cannot_leave_their_folder() {
        for text in ["..", ".", "a/b", "-rf", "", "a b", "a\n"] {
            assert!(text.parse::<HostName>().is_err(), "{text:?}");
            assert!(text.parse::<StepId>().is_err(), "{text:?}");
        }
        assert!("db-primary.example.com".parse::<HostName>().is_ok());
    }

    #[test]
    fn a_step_of_a_loop_or_a_call_keeps_the_id_that_its_author_wrote() {
        let step: StepId = "restart".parse().unwrap();
        let call: StepId = "deploy".parse().unwrap();
        let within = step.within(&call).unwrap().at(&[2, 1]);
        assert_eq!((within.as_str(), within.base(), within.turns()), ("deploy.restart@2.1", "deploy.restart", vec![2, 1]));
        assert_eq!(step.part("release").unwrap().at(&[3]).to_string().parse::<StepId>().unwrap().turns(), [3]);
        assert!(step.is_written() && !within.is_written());
        for text in ["a@", "a@0", "a@x", "a@1@2", ".a", "a..b", "a.", "@1", "a@1."] {
            assert!(text.parse::<StepId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_step_is_named_by_the_slug_of_its_name() {
        assert_eq!(StepId::slug("Restart the server (now!)").unwrap().as_str(), "restart-the-server-now");
        assert_eq!(StepId::slug("…"), None);
    }

    #[test]
    fn a_run_answers_to_its_short_form() {
        let run: RunId = "01J9ABCDEFGHJKMNPQRSTVK7QM".parse().unwrap();
        assert_eq!(run.short(), "01J9-K7QM");
        assert!(run.answers_to("01j9-k7qm") && run.answers_to("01J9AB") && !run.answers_to("01J"));
    }
}
