//! What request, approval and denial say alike: which run, which gate, which files, which plan. Never shortens the plan.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Digest, GateNo, HostName, Person, RunId, Timestamp, ascii};
use crate::event::{Effect, Head, Instead, Stage};
use crate::plan::stage_lines;

use super::document::{Lines, ParseDocumentError, quoted, seconds, sha256, unescaped, unquoted};

/// The common part of a document about a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    pub run: RunId,
    pub gate: GateNo,
    /// The name of the step or block that the gate stands on.
    pub name: String,
    /// From 2 on, where a person had it tried again.
    pub round: Option<u32>,
    pub requester: Person,
    /// `SHA256:…`
    pub requester_key: String,
    pub runbook: String,
    pub runbook_digest: Digest,
    pub revision: Option<String>,
    /// In a drill the inventory whose hosts it runs on.
    pub hosts_from: Option<String>,
    pub inventory: Digest,
    pub policy: Digest,
    pub signers: Digest,
    /// The head of the journal that the signer saw.
    pub journal: Head,
    /// 32 characters by chance.
    pub nonce: String,
    /// When this document was written; whole seconds.
    pub issued: Timestamp,
    /// When the request ends; whole seconds.
    pub expires: Timestamp,
    pub slots: Vec<Vec<Person>>,
    /// Who may fill some of them in the place of others, from a time on; whole seconds.
    pub instead: Option<Instead>,
    /// The question of the gate, shown to both.
    pub ask: Option<String>,
    pub covers: Covers,
    /// The lines of `plan::stage_lines` of each covered stage.
    pub plan: Vec<String>,
}

/// The size of what a gate covers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Covers {
    pub steps: u32,
    pub hosts: u32,
    /// Actions, or steps without one, by effect.
    pub effects: BTreeMap<Effect, u32>,
}

impl Covers {
    /// Counts what these stages do.
    pub fn of(stages: &[&Stage]) -> Self {
        let mut hosts: BTreeSet<&HostName> = BTreeSet::new();
        let mut effects = BTreeMap::new();
        for stage in stages {
            let actions = stage.work.actions();
            hosts.extend(actions.iter().map(|action| &action.host));
            let count = effects.entry(stage.effect).or_insert(0u32);
            *count = count.saturating_add(bounded(actions.len().max(1)));
        }
        Self { steps: bounded(stages.len()), hosts: bounded(hosts.len()), effects }
    }

    fn render(&self) -> String {
        let effects: Vec<String> = self.effects.iter().map(|(effect, count)| format!("{effect}={count}")).collect();
        format!("{} steps, {} hosts, {}", self.steps, self.hosts, if effects.is_empty() { "nothing".to_owned() } else { effects.join(" ") })
    }

    fn parse(text: &str) -> Option<Self> {
        let (steps, rest) = text.split_once(" steps, ")?;
        let (hosts, rest) = rest.split_once(" hosts, ")?;
        let words = rest.split(' ').filter(|word| *word != "nothing");
        let effects = words.map(|word| word.split_once('=').and_then(|(name, count)| Some((effect(name)?, count.parse().ok()?))));
        Some(Self { steps: steps.parse().ok()?, hosts: hosts.parse().ok()?, effects: effects.collect::<Option<_>>()? })
    }
}

fn bounded(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn effect(name: &str) -> Option<Effect> {
    [Effect::Read, Effect::Idempotent, Effect::Once, Effect::Destructive].into_iter().find(|effect| effect.to_string() == name)
}

/// The plan's lines of these stages, in this order: what is displayed, hashed, signed and executed.
pub fn plan_of(stages: &[&Stage]) -> Vec<String> {
    stages.iter().flat_map(|stage| stage_lines(stage)).collect()
}

impl Body {
    /// `run`, `gate`, and `round` where there is one.
    pub(super) fn render_subject(&self) -> String {
        let round = self.round.map_or(String::new(), |round| format!("round: {round}\n"));
        format!("run: {}\ngate: {} {}\n{round}", self.run, self.gate, quoted(Some(&self.name)))
    }

    /// All from `requester` to the last line of the plan.
    pub(super) fn render_rest(&self) -> String {
        let drill = self.hosts_from.as_ref().map_or(String::new(), |name| format!("drill: on the hosts of {}\n", quoted(Some(name))));
        let mut text = format!(
            "requester: {}\nrequester-key: {}\nrunbook: {} sha256:{}\nrevision: {}\n{drill}inventory: sha256:{}\npolicy: sha256:{}\nsigners: sha256:{}\n\
             journal: {} {}\nnonce: {}\nissued: {}\nexpires: {}\n",
            self.requester,
            self.requester_key,
            ascii(self.runbook.as_bytes()),
            self.runbook_digest,
            quoted(self.revision.as_deref()),
            self.inventory,
            self.policy,
            self.signers,
            self.journal.seq,
            self.journal.sum,
            self.nonce,
            self.issued.to_seconds(),
            self.expires.to_seconds(),
        );
        for slot in &self.slots {
            let people: String = slot.iter().map(|person| format!(" {person}")).collect();
            text.push_str(&format!("needs: one of{people}\n"));
        }
        text.push_str(&self.instead.as_ref().map_or(String::new(), render_instead));
        text.push_str(&format!("ask: {}\ncovers: {}\n", quoted(self.ask.as_deref()), self.covers.render()));
        self.plan.iter().for_each(|line| text.push_str(&format!("| {line}\n")));
        text
    }

    /// Reads `run`, `gate` and `round`.
    pub(super) fn parse_subject(lines: &mut Lines<'_>) -> Result<Subject, ParseDocumentError> {
        let run = lines.parsed("run", "a run id")?;
        let (gate, name) = lines.read("gate", "a number and a name between quotation marks", |text| {
            let (number, name) = text.split_once(' ')?;
            Some((GateNo(number.parse().ok()?), unquoted(name)??))
        })?;
        let round = lines.optional("round").and_then(|round| round.parse().ok());
        Ok(Subject { run, gate, name, round })
    }

    /// Reads all that [`Body::render_rest`] writes.
    pub(super) fn parse_rest(subject: Subject, lines: &mut Lines<'_>) -> Result<Self, ParseDocumentError> {
        let Subject { run, gate, name, round } = subject;
        let requester = lines.parsed("requester", "a person")?;
        let requester_key = lines.read("requester-key", "a fingerprint", fingerprint)?;
        let (runbook, runbook_digest) = lines.read("runbook", "a name and sha256:…", |text| {
            let (name, digest) = text.rsplit_once(' ')?;
            Some((unescaped(name)?, sha256(digest)?))
        })?;
        let revision = lines.read("revision", "a revision between quotation marks, or -", unquoted)?;
        let hosts_from =
            lines.optional("drill").and_then(|words| unquoted(words.strip_prefix("on the hosts of ").unwrap_or_default()).flatten());
        let [inventory, policy, signers] = ["inventory", "policy", "signers"].map(|key| lines.read(key, "sha256:…", sha256));
        let journal = journal(lines)?;
        let nonce = lines.read("nonce", "characters without spaces", plain_word)?;
        let issued = lines.read("issued", "a time in UTC", seconds)?;
        let expires = lines.read("expires", "a time in UTC", seconds)?;
        let mut slots = Vec::new();
        while let Some(slot) = lines.optional("needs") {
            slots.push(slot.split(' ').skip(2).filter_map(|person| person.parse().ok()).collect());
        }
        let instead = lines.optional("instead").and_then(parse_instead);
        let ask = lines.read("ask", "a question between quotation marks, or -", unquoted)?;
        let covers = lines.read("covers", "steps, hosts and effects", Covers::parse)?;
        let (inventory, policy, signers) = (inventory?, policy?, signers?);
        let plan = lines.plan();
        Ok(Self {
            run,
            gate,
            name,
            round,
            requester,
            requester_key,
            runbook,
            runbook_digest,
            revision,
            hosts_from,
            inventory,
            policy,
            signers,
            journal,
            nonce,
            issued,
            expires,
            slots,
            instead,
            ask,
            covers,
            plan,
        })
    }
}

/// `instead: of dba in 1,2 from 2026-11-22T03:22:09Z one of carol@example.com`
fn render_instead(instead: &Instead) -> String {
    let slots: Vec<String> = instead.slots.iter().map(u32::to_string).collect();
    let people: String = instead.by.iter().map(|person| format!(" {person}")).collect();
    format!("instead: of {} in {} from {} one of{people}\n", ascii(instead.of.as_bytes()), slots.join(","), instead.from.to_seconds())
}

/// Reads what [`render_instead`] writes; what else it makes of other texts is not what they say, which is seen when it is written again.
fn parse_instead(text: &str) -> Option<Instead> {
    let words: Vec<&str> = text.split(' ').collect();
    let ["of", of, "in", slots, "from", from, "one", "of", by @ ..] = words.as_slice() else { return None };
    Some(Instead {
        of: unescaped(of)?,
        slots: slots.split(',').map(|slot| slot.parse().ok()).collect::<Option<_>>()?,
        by: by.iter().map(|person| person.parse().ok()).collect::<Option<_>>()?,
        from: seconds(from)?,
    })
}

/// What a document is about.
pub(super) struct Subject {
    run: RunId,
    gate: GateNo,
    name: String,
    round: Option<u32>,
}

/// Reads `journal: <seq> <sum>`.
pub(super) fn journal(lines: &mut Lines<'_>) -> Result<Head, ParseDocumentError> {
    lines.read("journal", "a line number and a sum", |text| {
        let (seq, sum) = text.split_once(' ')?;
        Some(Head { seq: seq.parse().ok()?, sum: sum.parse().ok()? })
    })
}

/// Reads a fingerprint as `ssh-keygen -l` prints it.
pub(super) fn fingerprint(text: &str) -> Option<String> {
    plain_word(text).filter(|text| text.starts_with("SHA256:"))
}

fn plain_word(text: &str) -> Option<String> {
    (!text.is_empty() && text.bytes().all(|c| c.is_ascii_graphic())).then(|| text.to_owned())
}
