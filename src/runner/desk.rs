//! The desk of a real run: writes and signs requests, takes in what others sign, signs the end. Never decides who must agree.

use std::collections::BTreeSet;

use super::ports::{GateTrouble, Gatekeeper};
use crate::approval::{
    Approval, Bench, Counted, Denial, Kind, Opening, Refusal, Request, Seal, judge_approval, judge_denial, kind_of, namespace,
};
use crate::base::{Digest, GateNo, Person, StepId, Timestamp};
use crate::effects::{KeyAtHand, SshKeygen, sign};
use crate::engine::{GateAnswer, GateState, GivenApproval, State};
use crate::event::{Event, GateAsks, Head, RunOpened, Stage, Verdict};
use crate::journal::{Document, Dropped, FolderError, Follower, RunFolder};
use crate::plan::{Asked, DEFAULT_EXPIRY, Program, asked, stage_lines};

/// Documents that are refused by name before the rest is passed over: a flood must not fill the record.
const MAX_REFUSALS: usize = 100;

/// Documents that are judged at one look: a flood must not keep the run from its expiry, or from a wish to stop.
const MAX_AT_ONCE: usize = 100;

/// Bytes that are read at one look, beside one whole document: the same, for large ones.
const MAX_BYTES_AT_ONCE: u64 = 16 << 20;

/// Says what in the team's library differs from what the run was opened with; `None` where nothing does.
pub type Drift<'a> = Box<dyn Fn() -> Option<String> + Send + Sync + 'a>;

/// One runner's desk.
pub struct Desk<'a> {
    folder: RunFolder,
    person: Person,
    key: Option<KeyAtHand>,
    drift: Drift<'a>,
    judged: BTreeSet<Dropped>,
    refusals: usize,
    /// That the inbox cannot be read was said.
    told: bool,
}

impl<'a> Desk<'a> {
    /// The desk of this person in this run's folder.
    pub fn new(folder: RunFolder, person: Person, key: Option<KeyAtHand>, drift: Drift<'a>) -> Self {
        Self { folder, person, key, drift, judged: BTreeSet::new(), refusals: 0, told: false }
    }

    fn key(&self) -> Result<&KeyAtHand, GateTrouble> {
        self.key.as_ref().ok_or_else(|| GateTrouble {
            why: format!(
                "{} has no key at hand, and a request must be signed. Give one with --key, or load it into the agent",
                self.person
            ),
        })
    }

    fn keep(&self, name: &str, text: &str, kind: Kind, domain: &str) -> Result<Digest, GateTrouble> {
        let trouble = |why: String| GateTrouble { why };
        let signature = sign(&self.key()?.key, &namespace(kind, domain), text.as_bytes()).map_err(|error| trouble(error.to_string()))?;
        self.folder.keep_document(name, text.as_bytes(), &signature).map_err(|error| trouble(error.to_string()))
    }

    /// What lies in the inbox and was not judged, as much as one look takes. One that is not judged at this look is there at the next.
    fn fresh(&self) -> Result<Vec<Dropped>, FolderError> {
        let mut bytes = 0u64;
        let mut fresh = self.folder.inbox()?;
        fresh.retain(|dropped| !self.judged.contains(dropped));
        let room = |dropped: &Dropped| {
            bytes < MAX_BYTES_AT_ONCE && {
                bytes = bytes.saturating_add(dropped.length());
                true
            }
        };
        Ok(fresh.into_iter().take(MAX_AT_ONCE).take_while(room).collect())
    }

    /// An inbox that cannot be read is said once, and looked at again: nothing in it counts meanwhile.
    fn unreadable(&mut self, error: &FolderError) -> Vec<Event> {
        let first = !std::mem::replace(&mut self.told, true);
        let text = format!("nothing in the inbox is looked at: {error}");
        first.then(|| Event::NoteAdded { person: self.person.clone(), text }).into_iter().collect()
    }

    fn judge(
        &mut self,
        document: &Document,
        open: (GateNo, &GateState),
        program: &Program,
        state: &State,
        now: Timestamp,
    ) -> Option<Event> {
        let text = String::from_utf8_lossy(&document.text).into_owned();
        match self.count(&text, document, open, program, state, now) {
            Ok(event) => Some(event),
            Err(_) if self.refusals >= MAX_REFUSALS => None,
            Err(why) => {
                self.refusals += 1;
                Some(Event::ApprovalRefused { gate: Some(open.0), document: document.digest(), why })
            }
        }
    }

    fn count(
        &self,
        text: &str,
        document: &Document,
        (gate, open): (GateNo, &GateState),
        program: &Program,
        state: &State,
        now: Timestamp,
    ) -> Result<Event, String> {
        readable(text)?; // before anything is looked up for it: a flood costs little
        let request = self.request(open, state)?;
        let heads = self.heads()?;
        let holds = |head: Head| heads.contains(&head);
        let counted: Vec<Counted> = open
            .approvals
            .iter()
            .cloned()
            .map(|GivenApproval { person, key, document, instead_of }| Counted { person, key, document, instead_of })
            .collect();
        let domain = &program.policy.rules.domain;
        let bench = Bench { request: &request, roster: &program.roster, domain, now, holds: &holds, counted: &counted, other: &SshKeygen };
        let signature = document.signature.as_deref().unwrap_or_default();
        let kept = |counted: &Counted, kind: &str| {
            let name = format!("gate-{gate}.{kind}.{}.{}", counted.person.as_str().replace(['@', '+'], "-"), short(&counted.document));
            self.folder.keep_document(&name, document.text.as_slice(), signature).map_err(|error| error.to_string())
        };
        match kind_of(text) {
            Some(Kind::Denial) => {
                let (counted, sentence) = judge_denial(&bench, text, signature).map_err(|refusal| refusal.to_string())?;
                let document = kept(&counted, "denial")?;
                Ok(Event::ApprovalDenied { gate, person: counted.person, key: counted.key, document, sentence })
            }
            Some(Kind::Approval | Kind::Request | Kind::Seal) | None => {
                let counted = judge_approval(&bench, text, signature).map_err(|refusal| refusal.to_string())?;
                refuse_runners(state, &counted)?;
                self.unmoved()?;
                let document = kept(&counted, "approval")?;
                let Counted { person, key, instead_of, .. } = counted;
                Ok(Event::ApprovalGiven { gate, person, key, document, instead_of })
            }
        }
    }

    /// Nobody approves by files that were replaced meanwhile.
    fn unmoved(&self) -> Result<(), String> {
        (self.drift)().map_or(Ok(()), |changed| Err(format!("{changed} since this run was opened; start a new run")))
    }

    /// Our own request, from our own folder; it must show what would run.
    fn request(&self, open: &GateState, state: &State) -> Result<Request, String> {
        let documents = self.folder.documents().map_err(|error| error.to_string())?;
        let ours = documents.iter().find(|document| document.digest() == open.asks.request);
        let text =
            ours.and_then(|document| std::str::from_utf8(&document.text).ok()).ok_or("our own request is missing from approvals/")?;
        let request = Request::parse(text).map_err(|error| error.to_string())?;
        let stages = open.asks.covers.iter().filter_map(|step| state.steps.get(step)?.stage.as_ref());
        if request.body.plan == stages.flat_map(stage_lines).collect::<Vec<_>>() {
            Ok(request)
        } else {
            Err("our own request does not show what would run: the record was changed".to_owned())
        }
    }

    fn heads(&self) -> Result<Vec<Head>, String> {
        let mut follower = Follower::open(&self.folder.journal()).map_err(|error| error.to_string())?;
        let entries = follower.poll().map_err(|error| error.to_string())?;
        Ok(entries.iter().map(crate::event::Entry::head).collect())
    }
}

/// It is a document at all.
fn readable(text: &str) -> Result<(), String> {
    let read = match kind_of(text) {
        Some(Kind::Denial) => Denial::parse(text).map(|_| ()),
        Some(Kind::Approval | Kind::Request | Kind::Seal) | None => Approval::parse(text).map(|_| ()),
    };
    read.map_err(|error| Refusal::from(error).to_string())
}

/// Whoever has run it, first or later, does not count.
fn refuse_runners(state: &State, counted: &Counted) -> Result<(), String> {
    match state.runners.contains(&counted.person) {
        true => Err(format!("{} runs this and cannot approve it as well: another person must", counted.person)),
        false => Ok(()),
    }
}

fn short(digest: &Digest) -> String {
    digest.to_string()[..8].to_owned()
}

fn opened(state: &State) -> Result<&RunOpened, GateTrouble> {
    state.opened.as_ref().map(|(_, opened)| opened).ok_or_else(|| GateTrouble { why: "the run was never opened".to_owned() })
}

/// 32 characters by chance: 160 bits of the operating system's randomness, as two ULIDs' random parts.
fn nonce() -> String {
    let random = || ulid::Ulid::generate().to_string()[10..].to_owned();
    format!("{}{}", random(), random())
}

impl Gatekeeper for Desk<'_> {
    fn open(
        &mut self,
        (gate, covers): (GateNo, &[StepId]),
        program: &Program,
        state: &State,
        head: Head,
        now: Timestamp,
    ) -> Result<GateAsks, GateTrouble> {
        let wanted = program.gates.get(&gate).ok_or_else(|| GateTrouble { why: format!("there is no gate {gate}") })?;
        let stages: Vec<&Stage> = covers.iter().filter_map(|step| state.steps.get(step)?.stage.as_ref()).collect();
        let Asked { slots, instead } = asked(program, wanted, &stages).map_err(|error| GateTrouble { why: error.to_string() })?;
        let mut opened = opened(state)?.clone();
        opened.requester = self.person.clone();
        opened.requester_key = Some(self.key()?.fingerprint.clone());
        let asks = wanted.asks.as_ref();
        let issued = now.whole_seconds();
        let expires = issued.after(asks.and_then(|asks| asks.expires.as_ref()).map_or(DEFAULT_EXPIRY, |expires| expires.value));
        let instead = instead.map(|instead| instead.for_request(issued));
        let nonce = nonce();
        let opening = Opening {
            opened: &opened,
            gate,
            name: &wanted.name,
            round: stages.iter().map(|stage| stage.round).max().unwrap_or(1),
            journal: head,
            nonce: &nonce,
            issued,
            expires,
            slots: slots.clone(),
            instead,
            ask: asks.and_then(|asks| asks.ask.as_deref()),
            stages: &stages,
        };
        let request = Request::open(opening).ok_or_else(|| GateTrouble { why: "a request needs a key".to_owned() })?;
        let name = format!("gate-{gate}.request.{}", short(&request.digest()));
        let digest = self.keep(&name, &request.render(), Kind::Request, &program.policy.rules.domain)?;
        let (check, instead) = (request.check(), request.body.instead);
        Ok(GateAsks { request: digest, check, nonce, journal: head, issued, expires, slots, instead, covers: covers.to_vec() })
    }

    fn arrived(&mut self, program: &Program, state: &State, now: Timestamp) -> Vec<Event> {
        let open = state.gates.iter().find(|(_, open)| open.answer == GateAnswer::Awaited);
        let Some((gate, open)) = open else { return Vec::new() };
        let fresh = match self.fresh() {
            Ok(fresh) => fresh,
            Err(error) => return self.unreadable(&error),
        };
        let first = fresh.into_iter().find_map(|dropped| {
            let document = self.folder.dropped(&dropped);
            self.judged.insert(dropped); // only what is looked at: the rest is there the next time
            self.judge(&document?, (*gate, open), program, state, now)
        });
        first.into_iter().collect()
    }

    fn seal(&mut self, state: &State, verdict: Verdict, head: Head, now: Timestamp) -> Result<Option<Digest>, GateTrouble> {
        let Some(key) = &self.key else { return Ok(None) };
        let opened = opened(state)?;
        let (person, person_key) = (self.person.clone(), key.fingerprint.clone());
        let seal = Seal { run: opened.run.clone(), verdict, journal: head, person, person_key, issued: now.whole_seconds() };
        self.keep("seal", &seal.render(), Kind::Seal, &opened.rules.domain).map(Some)
    }
}
