//! A library, a store and people in a temporary folder, and whole transcripts of the binary. Reads nothing of the one who runs the tests.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The folder of one test.
pub struct Lab {
    folder: TempDir,
    keys: Vec<(String, String)>,
}

impl Lab {
    /// A library with the runbooks of `tests/verbs/library`; nobody has a key yet.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lab = Self { folder, keys: Vec::new() };
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verbs/library"), &lab.library());
        fs::create_dir(lab.path("home")).unwrap();
        lab
    }

    /// The same, and these people have a key each.
    pub fn with_people(people: &[&str]) -> Self {
        let mut lab = Self::new();
        for person in people {
            let key = lab.key(person);
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&key).status().unwrap();
            assert!(made.success());
            let public = fs::read_to_string(key.with_extension("pub")).unwrap().trim().to_owned();
            let listed = Command::new("ssh-keygen").arg("-lf").arg(&key).output().unwrap();
            let print = String::from_utf8(listed.stdout).unwrap().split_whitespace().nth(1).unwrap().to_owned();
            lab.keys.push((print, format!("[key of {person}]")));
            let signers = lab.library().join("team/allowed_signers");
            let line = format!("{person}@example.com namespaces=\"runbook-*@example.com\" {public}\n");
            fs::write(&signers, fs::read_to_string(&signers).unwrap_or_default() + &line).unwrap();
        }
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn library(&self) -> PathBuf {
        self.path("runbooks")
    }

    pub fn key(&self, person: &str) -> PathBuf {
        self.path(person)
    }

    /// Writes a file of the library.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.library().join(name), text).unwrap();
    }

    /// The binary with these words, in the lab's folder, without a terminal.
    pub fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runbook"));
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null());
        for name in ["RUNBOOK_LIBRARY", "RUNBOOK_STORE", "RUNBOOK_AS", "RUNBOOK_KEY", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        command.env("HOME", self.path("home")).env("XDG_STATE_HOME", self.path("state"));
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    /// All that a person would see of a command, without what differs from machine to machine.
    pub fn transcript<S: AsRef<OsStr>>(&self, words: &[S]) -> String {
        let output = self.command(words).output().unwrap();
        let said: Vec<String> = words.iter().map(|word| word.as_ref().to_string_lossy().into_owned()).collect();
        let text = format!(
            "$ runbook {}\n{}--- stderr\n{}--- status {}\n",
            said.join(" "),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
            output.status.code().unwrap()
        );
        self.general(&text)
    }

    /// What a command prints as one JSON object, indented.
    pub fn json<S: AsRef<OsStr>>(&self, words: &[S]) -> String {
        let output = self.command(words).args(["--output", "json"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "expected one object in one line, got {text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        self.general(&format!("{}\n--- status {}\n", serde_json::to_string_pretty(&value).unwrap(), output.status.code().unwrap()))
    }

    fn general(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (print, name) in &self.keys {
            text = text.replace(print, name);
        }
        for folder in [self.folder.path().to_owned(), self.folder.path().canonicalize().unwrap()] {
            text = text.replace(&folder.display().to_string(), "[lab]");
        }
        text
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
