//! Who sits here: given, by git, or by the agent. Never the Unix user, and never a guess between two.

use std::cell::LazyCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ssh_key::{HashAlg, PublicKey};

use crate::base::Person;
use crate::library::Roster;

use super::signing::{SignError, SigningKey, fingerprint_of};

/// What was given on the command line or in the environment.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// `--as`, `RUNBOOK_AS`
    pub person: Option<Person>,
    /// `--key`, `RUNBOOK_KEY`
    pub key: Option<PathBuf>,
    /// The folder whose git configuration counts.
    pub folder: PathBuf,
}

/// A person and the key that this person signs with here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub person: Person,
    /// `None` where no key is at hand: good for runs without gates only.
    pub key: Option<KeyAtHand>,
    /// How it was found, in words for `runbook doctor`.
    pub found: String,
}

/// A key that is at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAtHand {
    pub key: SigningKey,
    /// `SHA256:…`
    pub fingerprint: String,
}

/// Nobody can be told to sit here.
#[derive(Debug, thiserror::Error)]
pub enum WhoError {
    #[error("who are you? Say --as PERSON, set git's user.email to a person of allowed_signers, or put one key of yours into the agent")]
    Nobody,
    #[error("expected a person of allowed_signers, got {person} ({found})")]
    Stranger { person: Person, found: String },
    #[error("the agent holds keys of {}; say which with --as", .people.iter().map(Person::to_string).collect::<Vec<_>>().join(" and "))]
    Several { people: Vec<Person> },
    #[error("the key {path} ({fingerprint}) belongs to {owner}, not to {person}")]
    OtherOwner { path: String, fingerprint: String, owner: Person, person: Person },
    #[error("the key {path} ({fingerprint}) is not in allowed_signers: add it, or give another with --key")]
    UnknownKey { path: String, fingerprint: String },
    #[error(transparent)]
    Unreadable(#[from] SignError),
}

/// Who sits here, in the order that the command line's reference says.
///
/// # Errors
/// See [`WhoError`].
pub fn who_am_i(claimed: &Claimed, roster: &Roster) -> Result<Identity, WhoError> {
    let agent = LazyCell::new(agent_keys);
    let key_file =
        claimed.key.clone().map(|path| (path, "--key")).or_else(|| git_key(&claimed.folder).map(|path| (path, "git's user.signingkey")));
    let (person, found) = match (&claimed.person, &claimed.key) {
        (Some(person), _) => (person.clone(), "--as".to_owned()),
        (None, Some(path)) => (owner_of(path, roster)?, "the owner of --key".to_owned()),
        (None, None) => by_git_or_agent(&claimed.folder, roster, &agent)?,
    };
    if !roster.signers.iter().any(|signer| signer.person == person) {
        return Err(WhoError::Stranger { person, found });
    }
    let (key, how) = match key_file {
        Some((path, how)) => (Some(own_key(&person, path, roster)?), how),
        None => (key_in_agent(&person, roster, &agent), "the agent"),
    };
    let found = if key.is_some() { format!("{person} by {found}, key by {how}") } else { format!("{person} by {found}, no key at hand") };
    Ok(Identity { person, key, found })
}

fn by_git_or_agent(folder: &Path, roster: &Roster, agent: &[PublicKey]) -> Result<(Person, String), WhoError> {
    let known = |person: &Person| roster.signers.iter().any(|signer| signer.person == *person);
    if let Some(person) = git(folder, "user.email").and_then(|email| email.parse().ok()).filter(known) {
        return Ok((person, "git's user.email".to_owned()));
    }
    let held: Vec<String> = agent.iter().map(print_of).collect();
    let mut people: Vec<Person> =
        roster.signers.iter().filter(|signer| held.contains(&signer.fingerprint)).map(|signer| signer.person.clone()).collect();
    people.sort();
    people.dedup();
    match people.pop() {
        None => Err(WhoError::Nobody),
        Some(person) if people.is_empty() => Ok((person, "the one key in the agent".to_owned())),
        Some(person) => Err(WhoError::Several { people: people.into_iter().chain([person]).collect() }),
    }
}

fn owner_of(path: &Path, roster: &Roster) -> Result<Person, WhoError> {
    let fingerprint = fingerprint_of(path)?;
    match roster.signers.iter().find(|signer| signer.fingerprint == fingerprint) {
        Some(signer) => Ok(signer.person.clone()),
        None => Err(WhoError::UnknownKey { path: path.display().to_string(), fingerprint }),
    }
}

fn own_key(person: &Person, path: PathBuf, roster: &Roster) -> Result<KeyAtHand, WhoError> {
    let fingerprint = fingerprint_of(&path)?;
    let owner = owner_of(&path, roster)?;
    if owner == *person {
        Ok(KeyAtHand { key: SigningKey::File(path), fingerprint })
    } else {
        Err(WhoError::OtherOwner { path: path.display().to_string(), fingerprint, owner, person: person.clone() })
    }
}

fn key_in_agent(person: &Person, roster: &Roster, agent: &[PublicKey]) -> Option<KeyAtHand> {
    let own = |key: &&PublicKey| roster.signers.iter().any(|signer| signer.person == *person && signer.fingerprint == print_of(key));
    let key = agent.iter().find(own)?;
    Some(KeyAtHand { key: SigningKey::Agent(key.to_openssh().ok()?), fingerprint: print_of(key) })
}

fn print_of(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// The agent's public keys; none where there is no agent.
fn agent_keys() -> Vec<PublicKey> {
    let listed = said(Command::new("ssh-add").arg("-L")).unwrap_or_default();
    listed.lines().filter_map(|line| PublicKey::from_openssh(line).ok()).collect()
}

fn git(folder: &Path, name: &str) -> Option<String> {
    said(Command::new("git").arg("-C").arg(folder).args(["config", "--get", name])).map(|value| value.trim().to_owned())
}

/// git's signing key where it is a file; `key::…` and OpenPGP ids are none.
fn git_key(folder: &Path) -> Option<PathBuf> {
    let path = said(Command::new("git").arg("-C").arg(folder).args(["config", "--type=path", "--get", "user.signingkey"]))?;
    let path = folder.join(path.trim());
    path.is_file().then_some(path)
}

/// What a command printed, where it was there and succeeded.
fn said(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Signer;

    fn made_key(folder: &Path, name: &str) -> (PathBuf, Signer) {
        let path = folder.join(name);
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&path);
        assert!(command.stdin(Stdio::null()).status().unwrap().success());
        let signer = Signer {
            person: format!("{name}@example.com").parse().unwrap(),
            key: std::fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned(),
            fingerprint: fingerprint_of(&path).unwrap(),
            namespaces: vec!["*".to_owned()],
            valid_after: None,
            valid_before: None,
            line: 1,
        };
        (path, signer)
    }

    #[test]
    fn a_key_says_who_sits_here_and_nobody_uses_the_key_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let ((alice_key, alice), (bob_key, bob)) = (made_key(folder.path(), "alice"), made_key(folder.path(), "bob"));
        let roster = Roster { signers: vec![alice.clone(), bob] };
        let claimed = |person: Option<&str>, key: &Path| Claimed {
            person: person.map(|person| person.parse().unwrap()),
            key: Some(key.to_owned()),
            folder: folder.path().to_owned(),
        };
        let found = who_am_i(&claimed(None, &alice_key), &roster).unwrap();
        assert_eq!((found.person, found.key.map(|key| key.fingerprint)), (alice.person.clone(), Some(alice.fingerprint.clone())));
        assert_eq!(found.found, "alice@example.com by the owner of --key, key by --key");
        let public = who_am_i(&claimed(Some("alice@example.com"), &alice_key.with_extension("pub")), &roster).unwrap();
        assert_eq!(public.person, alice.person);
        assert!(matches!(who_am_i(&claimed(Some("alice@example.com"), &bob_key), &roster), Err(WhoError::OtherOwner { .. })));
        assert!(matches!(who_am_i(&claimed(Some("dave@example.com"), &bob_key), &roster), Err(WhoError::Stranger { .. })));
        let only_alice = Roster { signers: vec![alice] };
        assert!(matches!(who_am_i(&claimed(None, &bob_key), &only_alice), Err(WhoError::UnknownKey { .. })));
    }
}
