//! Signing and verifying through `ssh-keygen -Y`, with the person's agent, file or hardware key. Never sees a private key or a passphrase.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ssh_key::{HashAlg, PrivateKey, PublicKey};

use crate::approval::OtherKeys;
use crate::library::Signer;

/// The key that a person signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SigningKey {
    /// A private key's file, or a `.pub` whose key an agent or a hardware token holds.
    File(PathBuf),
    /// A public key in OpenSSH's form that the agent holds.
    Agent(String),
}

/// Nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("ssh-keygen could not be started: {source}. Install the OpenSSH client")]
    NoSshKeygen { source: io::Error },
    #[error("nothing was signed with {key}: {said}. Is the key there, is it in the agent (`ssh-add -L`), and may you read it?")]
    Refused { key: String, said: String },
    #[error("nothing was signed: a temporary file could not be written: {source}")]
    Temporary { source: io::Error },
}

/// Signs a text in a namespace and gives the armoured signature. A passphrase, a PIN or a touch is asked for by `ssh-keygen` itself.
///
/// # Errors
/// See [`SignError`].
pub fn sign(key: &SigningKey, namespace: &str, text: &[u8]) -> Result<String, SignError> {
    let temporary = |source| SignError::Temporary { source };
    let folder = tempfile::tempdir().map_err(temporary)?;
    let (path, named) = match key {
        SigningKey::File(path) => (path.clone(), path.display().to_string()),
        SigningKey::Agent(public) => {
            let path = folder.path().join("key.pub");
            std::fs::write(&path, format!("{public}\n")).map_err(temporary)?;
            (path, "the agent's key".to_owned())
        }
    };
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "sign", "-n", namespace, "-f"]).arg(&path);
    let output = fed(command, text).map_err(|source| SignError::NoSshKeygen { source })?;
    match String::from_utf8(output.stdout) {
        Ok(signature) if output.status.success() && signature.starts_with("-----BEGIN SSH SIGNATURE-----") => Ok(signature),
        Ok(_) | Err(_) => Err(SignError::Refused { key: named, said: last_words(&output.stderr) }),
    }
}

/// Verifies through `ssh-keygen -Y verify`, for the key types that are not compiled in.
#[derive(Debug, Clone, Copy, Default)]
pub struct SshKeygen;

impl OtherKeys for SshKeygen {
    fn verify(&self, signer: &Signer, namespace: &str, text: &[u8], signature: &str) -> Result<bool, String> {
        let sentence = |error: io::Error| format!("ssh-keygen could not be asked: {error}");
        let folder = tempfile::tempdir().map_err(sentence)?;
        let (allowed, sig) = (folder.path().join("allowed_signers"), folder.path().join("text.sig"));
        let line = format!("{} namespaces=\"{namespace}\" {}\n", signer.person, signer.key);
        std::fs::write(&allowed, line).and_then(|()| std::fs::write(&sig, signature)).map_err(sentence)?;
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "verify", "-n", namespace, "-I", signer.person.as_str()]).arg("-f").arg(&allowed).arg("-s").arg(&sig);
        Ok(fed(command, text).map_err(sentence)?.status.success())
    }
}

/// The fingerprint (`SHA256:…`) of a key's file, private or public.
///
/// # Errors
/// As [`sign`].
pub fn fingerprint_of(path: &Path) -> Result<String, SignError> {
    if let Some(key) = public_key_of(path) {
        return Ok(key.fingerprint(HashAlg::Sha256).to_string());
    }
    let mut command = Command::new("ssh-keygen");
    command.args(["-l", "-E", "sha256", "-f"]).arg(path);
    let output = fed(command, b"").map_err(|source| SignError::NoSshKeygen { source })?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match said.split_whitespace().find(|word| word.starts_with("SHA256:")) {
        Some(fingerprint) if output.status.success() => Ok(fingerprint.to_owned()),
        Some(_) | None => Err(SignError::Refused { key: path.display().to_string(), said: last_words(&output.stderr) }),
    }
}

/// The public key in a file that OpenSSH writes today, a passphrase or none; older forms are left to `ssh-keygen`.
fn public_key_of(path: &Path) -> Option<PublicKey> {
    let text = std::fs::read_to_string(path).ok()?;
    let private = || PrivateKey::from_openssh(&text).ok().map(|key| key.public_key().clone());
    PublicKey::from_openssh(text.trim_end()).ok().or_else(private)
}

/// Runs a command to its end with this standard input.
fn fed(mut command: Command, input: &[u8]) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
    let output = child.wait_with_output()?;
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(output), // it may refuse before it reads; its status says so
    }
}

/// The last line that it printed, made safe to show.
fn last_words(stderr: &[u8]) -> String {
    let line = stderr.split(|&byte| byte == b'\n').rfind(|line| !line.trim_ascii().is_empty()).unwrap_or(b"ssh-keygen gave no reason");
    crate::base::escaped(line.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{SignatureError, verify};
    use crate::base::Timestamp;
    use crate::library::Roster;

    fn key(folder: &Path, kind: &str) -> (SigningKey, Signer) {
        let path = folder.join(kind);
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-C", "", "-f"]).arg(&path).stdin(Stdio::null()).output().unwrap();
        assert!(made.status.success());
        let signer = Signer {
            person: "bob@example.com".parse().unwrap(),
            key: std::fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned(),
            fingerprint: fingerprint_of(&path).unwrap(),
            namespaces: vec!["runbook-*@example.com".to_owned()],
            valid_after: None,
            valid_before: None,
            line: 1,
        };
        (SigningKey::File(path), signer)
    }

    #[test]
    fn what_ssh_keygen_signs_is_verified_whichever_key_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let namespace = "runbook-approve-v1@example.com";
        for kind in ["ed25519", "ecdsa", "rsa"] {
            let (key, signer) = key(folder.path(), kind);
            let (person, fingerprint) = (signer.person.clone(), signer.fingerprint.clone());
            let roster = Roster { signers: vec![signer] };
            let signature = sign(&key, namespace, b"text\n").unwrap();
            let judged = |text: &[u8]| verify(&roster, &person, namespace, text, &signature, Timestamp::from_micros(0), &SshKeygen);
            assert_eq!(judged(b"text\n"), Ok(fingerprint), "{kind}");
            assert_eq!(judged(b"text"), Err(SignatureError::Mismatch), "{kind}");
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_named() {
        let said = sign(&SigningKey::File("/nonexistent/key".into()), "n", b"").unwrap_err().to_string();
        assert!(said.starts_with("nothing was signed with /nonexistent/key: ") && said.contains("ssh-add -L"), "{said}");
    }
}
