//! Detached OpenSSH signatures (SSHSIG). Never takes a key from anywhere but the roster, and never says yes where something is unclear.

use ssh_key::{Algorithm, EcdsaCurve, HashAlg, PublicKey, SshSig};

use crate::base::{Person, Timestamp};
use crate::library::{Roster, Signer};

/// Bytes of an armoured signature: the largest keys give about 2 KiB.
const MAX_ARMOURED: usize = 64 << 10;
/// In a hardware key's signature, the flags stand this many bytes before the end, and a counter follows (OpenSSH, PROTOCOL.u2f).
const FLAGS_FROM_END: usize = 5;
/// The flag that says that a person touched the key.
const TOUCHED: u8 = 0x01;

/// Verifies with the key types that are not compiled in: hardware keys, RSA and the larger curves. `effects` has one that asks `ssh-keygen`.
pub trait OtherKeys {
    /// Whether `signature` (armoured) over `text` in this namespace is by this signer's key.
    ///
    /// # Errors
    /// A sentence, where it cannot be found out.
    fn verify(&self, signer: &Signer, namespace: &str, text: &[u8], signature: &str) -> Result<bool, String>;
}

/// A signature does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("it is no OpenSSH signature: {why}")]
    NotASignature { why: String },
    #[error("it was made for {got}, expected {expected}: another kind of document, or another team's")]
    Namespace { expected: String, got: String },
    #[error("its key {fingerprint} is not in allowed_signers")]
    UnknownKey { fingerprint: String },
    #[error("its key {fingerprint} belongs to {owner}, not to {claimed}")]
    OtherPerson { fingerprint: String, owner: Person, claimed: Person },
    #[error("its key {fingerprint} is not valid at {at} (allowed_signers, line {line})")]
    NotValidThen { fingerprint: String, at: String, line: usize },
    #[error("its key {fingerprint} may not sign in {namespace} (allowed_signers, line {line})")]
    NotAllowed { fingerprint: String, namespace: String, line: usize },
    #[error("its hardware key {fingerprint} was not touched")]
    NotTouched { fingerprint: String },
    #[error("it does not fit the text: the document was changed after it was signed")]
    Mismatch,
    #[error("it could not be checked: {why}")]
    Unchecked { why: String },
}

/// Whether `armoured` is this person's signature over `text` in exactly this namespace, by a key of the roster that was valid at `at`.
/// Gives the key's fingerprint.
///
/// # Errors
/// See [`SignatureError`].
pub fn verify(
    roster: &Roster,
    person: &Person,
    namespace: &str,
    text: &[u8],
    armoured: &str,
    at: Timestamp,
    other: &dyn OtherKeys,
) -> Result<String, SignatureError> {
    let signature = parse(armoured)?;
    if signature.namespace() != namespace {
        return Err(SignatureError::Namespace { expected: namespace.to_owned(), got: signature.namespace().chars().take(80).collect() });
    }
    let fingerprint = signature.public_key().fingerprint(HashAlg::Sha256).to_string();
    let signer = roster.signers.iter().find(|signer| signer.fingerprint == fingerprint);
    let signer = signer.ok_or_else(|| SignatureError::UnknownKey { fingerprint: fingerprint.clone() })?;
    allowed(signer, person, namespace, at)?;
    let key = PublicKey::from_openssh(&signer.key).map_err(|error| SignatureError::Unchecked { why: error.to_string() })?;
    if key.key_data() != signature.public_key() {
        return Err(SignatureError::UnknownKey { fingerprint });
    }
    touched(&signature, &fingerprint)?;
    let good = match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 } => key.verify(namespace, text, &signature).is_ok(),
        _ => other.verify(signer, namespace, text, armoured).map_err(|why| SignatureError::Unchecked { why })?, // the crate's enum, not ours
    };
    if good { Ok(fingerprint) } else { Err(SignatureError::Mismatch) }
}

fn parse(armoured: &str) -> Result<SshSig, SignatureError> {
    if armoured.len() > MAX_ARMOURED {
        return Err(SignatureError::NotASignature { why: format!("expected at most {MAX_ARMOURED} bytes, got {}", armoured.len()) });
    }
    SshSig::from_pem(armoured.trim_end()).map_err(|error| SignatureError::NotASignature { why: error.to_string() })
}

fn allowed(signer: &Signer, person: &Person, namespace: &str, at: Timestamp) -> Result<(), SignatureError> {
    let (fingerprint, line) = (signer.fingerprint.clone(), signer.line);
    if signer.person != *person {
        return Err(SignatureError::OtherPerson { fingerprint, owner: signer.person.clone(), claimed: person.clone() });
    }
    let seconds = at.as_micros().div_euclid(1_000_000);
    if signer.valid_after.is_some_and(|after| seconds < after) || signer.valid_before.is_some_and(|before| seconds >= before) {
        return Err(SignatureError::NotValidThen { fingerprint, at: at.to_seconds(), line });
    }
    if !signer.namespaces.iter().any(|pattern| fits(pattern.as_bytes(), namespace.as_bytes())) {
        return Err(SignatureError::NotAllowed { fingerprint, namespace: namespace.to_owned(), line });
    }
    Ok(())
}

/// OpenSSH's patterns: `*` is any characters, `?` is one. Patterns are short and the team's own, so plain backtracking is enough.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| fits(rest, &text[skip..])),
        ([b'?', pattern @ ..], [_, text @ ..]) => fits(pattern, text),
        ([one, pattern @ ..], [other, text @ ..]) => one == other && fits(pattern, text),
        ([], [_, ..]) | ([_, ..], []) => false,
    }
}

/// A hardware key can be told to sign without a touch; whoever holds the machine could then sign alone.
fn touched(signature: &SshSig, fingerprint: &str) -> Result<(), SignatureError> {
    let bytes = signature.signature_bytes();
    let flags = bytes.len().checked_sub(FLAGS_FROM_END).map(|at| bytes[at]);
    match signature.algorithm() {
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 if flags.is_none_or(|flags| flags & TOUCHED == 0) => {
            Err(SignatureError::NotTouched { fingerprint: fingerprint.to_owned() })
        }
        _ => Ok(()), // the crate's enum, not ours: only hardware keys have flags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_openssh_reads_them() {
        for (pattern, text, fit) in [
            ("runbook-*@example.com", "runbook-approve-v1@example.com", true),
            ("runbook-*@example.com", "runbook-approve-v1@example.org", false),
            ("git", "runbook-approve-v1@example.com", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), fit, "{pattern} {text}");
        }
    }
}
