//! The folder of a demonstration: a library, two people with throw-away keys, a store. Never touches a folder that has something in it.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::road::Road;
use super::service::Service;
use crate::cli::failure::Failure;
use crate::plan::{Given, Scope, command};

/// The domain of the throw-away people (RFC 2606 keeps it for examples).
const DOMAIN: &str = "example.com";

const POLICY: &str = "domain: example.com\npeople:\n  alice@example.com: {groups: [dba]}\n  bob@example.com: {groups: [sre]}\n\
                      environments:\n  production:\n    once: {approvals: 1}\n";

/// The folder.
pub(super) struct Scene {
    /// Absolute and without links, as a target's spool must be.
    pub(super) root: PathBuf,
}

impl Scene {
    /// A new folder, or one that is named and empty.
    pub(super) fn make(dir: Option<&Path>) -> Result<Self, Failure> {
        let root = match dir {
            Some(dir) => named(dir)?,
            None => tempfile::Builder::new().prefix("runbook-demo-").tempdir().map_err(cannot("a temporary folder"))?.keep(),
        };
        let root = root.canonicalize().map_err(cannot("its folder"))?;
        let scene = Self { root };
        for folder in ["runbooks/team", "people", "service/requests", "ssh"] {
            fs::create_dir_all(scene.root.join(folder)).map_err(cannot(folder))?;
        }
        for person in ["alice", "bob"] {
            make_key(&scene.key(person))?;
        }
        Ok(scene)
    }

    pub(super) fn library(&self) -> PathBuf {
        self.root.join("runbooks")
    }

    pub(super) fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// A person's private key.
    pub(super) fn key(&self, person: &str) -> PathBuf {
        self.root.join("people").join(person)
    }

    /// Everything that a team's folder has, with one runbook for the one service.
    pub(super) fn write_library(&self, road: &Road) -> Result<(), Failure> {
        let mut signers = String::new();
        for person in ["alice", "bob"] {
            let public = fs::read_to_string(self.key(person).with_extension("pub")).map_err(cannot("a key"))?;
            signers.push_str(&format!("{person}@{DOMAIN} namespaces=\"runbook-*@{DOMAIN}\" {}\n", public.trim()));
        }
        self.write("runbooks/team/policy.yaml", POLICY)?;
        self.write("runbooks/team/allowed_signers", &signers)?;
        self.write("runbooks/team/inventory.yaml", &road.inventory(&self.root))?;
        self.write("runbooks/restart-db.yaml", &Service::runbook(&self.root))
    }

    /// Writes a file of the scene.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        fs::write(self.root.join(name), text).map_err(cannot(name))
    }
}

fn named(dir: &Path) -> Result<PathBuf, Failure> {
    fs::create_dir_all(dir).map_err(cannot("its folder"))?;
    let mut entries = fs::read_dir(dir).map_err(cannot("its folder"))?;
    match entries.next() {
        None => Ok(dir.to_owned()),
        Some(_) => Err(Failure::usage(format!("{} has something in it: name a new folder by --dir", dir.display()))),
    }
}

/// A key without a passphrase: it is good for nothing but this demonstration.
pub(super) fn make_key(path: &Path) -> Result<(), Failure> {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path);
    let output = keygen.stdin(Stdio::null()).output().map_err(|error| {
        Failure::usage(format!("ssh-keygen could not be started: {error}. Install the OpenSSH client; `runbook doctor` says what else"))
    })?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Failure::usage(format!("ssh-keygen made no key: {}", crate::base::escaped(output.stderr.trim_ascii())))),
    }
}

/// What could not be made, for `map_err`.
pub(super) fn cannot(what: &str) -> impl Fn(io::Error) -> Failure {
    let what = what.to_owned();
    move |error| Failure::usage(format!("the demonstration cannot make {what}: {error}"))
}

/// A path as one word of a shell, quoted as a step's values are.
pub(super) fn quoted(path: &Path) -> String {
    let (name, value) = ("path".to_owned(), Given::Text(path.as_os_str().as_bytes().to_vec().into()));
    let word = command("{{ path }}", &Scope::new([(&name, &value)], []));
    word.map_or_else(|_| path.display().to_string(), |word| crate::base::printable(&word))
}
