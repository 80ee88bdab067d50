//! Who is who: the keys of people, as a strict reading of OpenSSH's `allowed_signers`. Never reads a file itself.

use std::collections::BTreeSet;

use crate::base::Person;

/// What people sign, each a namespace of its own: `@` and the policy's domain follow.
pub const NAMESPACES: [&str; 5] = ["runbook-request-v1", "runbook-approve-v1", "runbook-deny-v1", "runbook-seal-v1", "runbook-decide-v1"];

/// People and their keys; no key belongs to two people.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    pub signers: Vec<Signer>,
}

/// One line of `allowed_signers`.
#[derive(Debug, Clone)]
pub struct Signer {
    pub person: Person,
    /// The public key in OpenSSH's form: `ssh-ed25519 AAAA…`, without a comment.
    pub key: String,
    /// As `ssh-keygen -l` prints it: `SHA256:…`.
    pub fingerprint: String,
    /// Namespace patterns (`runbook-*@example.com`).
    pub namespaces: Vec<String>,
    /// In seconds since 1970, UTC, where the line limits it.
    pub valid_after: Option<i64>,
    pub valid_before: Option<i64>,
    /// Line number from 1.
    pub line: usize,
}

impl Roster {
    /// The keys of a person, in the order of the file; none where the person is not on the roster.
    pub fn find(&self, person: &Person) -> Vec<&Signer> {
        self.signers.iter().filter(|signer| signer.person == *person).collect()
    }

    /// Everybody with a key, each once, by name.
    pub fn people(&self) -> BTreeSet<&Person> {
        self.signers.iter().map(|signer| &signer.person).collect()
    }

    /// Whose key has this fingerprint (`SHA256:…`).
    pub fn owner(&self, fingerprint: &str) -> Option<&Signer> {
        self.signers.iter().find(|signer| signer.fingerprint == fingerprint)
    }
}

impl Signer {
    /// Whether the key may sign in this namespace at this time, in seconds since 1970, UTC. As in `ssh-keygen`, both ends are included.
    pub fn may_sign(&self, namespace: &str, at: i64) -> bool {
        let named = self.namespaces.iter().any(|pattern| namespace_matches(pattern, namespace));
        named && self.valid_after.is_none_or(|after| at >= after) && self.valid_before.is_none_or(|before| at <= before)
    }
}

/// Whether an OpenSSH pattern covers a namespace: `*` is any text, `?` any one character (PATTERNS in ssh_config(5)).
pub fn namespace_matches(pattern: &str, namespace: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), namespace.as_bytes());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&c) if c == b'?' || c == text[read] => (at, read) = (at + 1, read + 1),
            Some(_) | None => match star {
                Some((star_at, from)) => {
                    star = Some((star_at, from + 1));
                    (at, read) = (star_at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_openssh_says_it_covers() {
        for (pattern, namespace, covered) in [
            ("runbook-*@example.com", "runbook-approve-v1@example.com", true),
            ("runbook-*@example.com", "runbook-approve-v1@example.com.evil.org", false),
            ("*", "git", true),
            ("runbook-?eal-v1@example.com", "runbook-seal-v1@example.com", true),
            ("git", "gitx", false),
            ("*a*b", "xaxxb", true),
            ("", "git", false),
        ] {
            assert_eq!(namespace_matches(pattern, namespace), covered, "{pattern} {namespace}");
        }
    }
}
