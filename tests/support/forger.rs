//! Whoever wants a gate to open without a second person: documents written by hand, signed by the real `ssh-keygen`, dropped where anybody can drop them.

use std::path::PathBuf;

use runbook::approval::{Approval, Request};
use runbook::base::{Digest, Person, Timestamp};
use runbook::effects::{SigningKey, fingerprint_of, sign};
use runbook::journal::RunFolder;
use serde_json::Value;

use crate::lab::{Lab, Waiting, until};

/// Where approvals are signed.
pub const APPROVE: &str = "runbook-approve-v1@example.com";

/// An open gate, seen by somebody who writes by hand.
pub struct Forger<'a> {
    lab: &'a Lab,
    pub request: Request,
    pub folder: PathBuf,
}

impl<'a> Forger<'a> {
    /// At this gate.
    pub fn at(lab: &'a Lab, waiting: &Waiting) -> Self {
        let text = std::fs::read_to_string(&waiting.request).unwrap();
        Self { lab, request: Request::parse(&text).unwrap(), folder: lab.path("store/runs").join(&waiting.run) }
    }

    /// What this person would sign with the key of this name, were nothing changed.
    pub fn approval(&self, name: &str, key: &str) -> Approval {
        let now = Timestamp::from_micros(jiff::Timestamp::now().as_microsecond());
        let person: Person = format!("{name}@example.com").parse().unwrap();
        let fingerprint = fingerprint_of(&self.lab.path(key)).unwrap();
        Approval::for_request(&self.request, person, fingerprint, self.request.body.journal, now)
    }

    /// A signature by the key of this name.
    pub fn sign(&self, key: &str, namespace: &str, text: &str) -> String {
        sign(&SigningKey::File(self.lab.path(key)), namespace, text.as_bytes()).unwrap()
    }

    /// Drops a text with a signature over it, and gives what the record says of it: the event's kind, and why.
    pub fn offer(&self, approval: &Approval, key: &str) -> (String, String) {
        let text = approval.render();
        self.offer_signed(&text, &self.sign(key, APPROVE, &text))
    }

    /// Drops a text with any signature.
    pub fn offer_signed(&self, text: &str, signature: &str) -> (String, String) {
        let before = answers(&self.folder, text).len();
        let name = format!("offer-{}", std::fs::read_dir(self.folder.join("inbox")).unwrap().count());
        RunFolder::open(&self.folder).unwrap().drop_document(&name, text.as_bytes(), signature).unwrap();
        until("an answer on record", || answers(&self.folder, text).get(before).cloned())
    }
}

/// What the record says of a document, each time that it was offered.
fn answers(folder: &std::path::Path, text: &str) -> Vec<(String, String)> {
    let digest = Digest::of(text.as_bytes()).to_string();
    let about = |event: &Value| event["document"].as_str() == Some(&digest);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events(folder).iter().filter(|event| about(event)).map(|event| (word(&event["kind"]), word(&event["why"]))).collect()
}

/// The events of a run's journal, as far as whole lines lie there.
pub fn events(folder: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("journal.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).map(|line| line["event"].clone()).collect()
}

/// How often an event of this kind is on record.
pub fn count(folder: &std::path::Path, kind: &str) -> usize {
    events(folder).iter().filter(|event| event["kind"] == kind).count()
}
