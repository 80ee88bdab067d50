//! Who is who: the keys of people, as a strict reading of OpenSSH's `allowed_signers`. Never reads a file itself.

use crate::base::Person;

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
