//! Judges every action again under the approvals and the policy of its time, without the engine. Never assumes that what was recorded was allowed.

use std::collections::{BTreeMap, BTreeSet};

use crate::approval::{Bench, Counted, Request, judge_approval};
use crate::base::{Digest, GateNo, HostName, Person, StepId, filled, filled_slots, with_substitutes};
use crate::event::{
    Action, Attempts, Effect, Ended, Entry, Event, EvidenceNeed, GateAsks, Head, Judgement, KeptArtifact, Part, Rules, RunMode, RunOpened,
    Stage,
};
use crate::library::Roster;
use crate::plan::{action_digest, stage_lines};

use super::evidence::{Evidence, Options};
use super::report::{Findings, Severity, Wrong};

/// What a step of this effect needs in this environment, besides the requester. What the policy does not name has production's floor, and
/// without that, everything that may change something needs one.
fn floor(rules: &Rules, environment: &str, effect: Effect) -> u32 {
    let named = |environment: &str| rules.floors.get(environment).and_then(|floors| floors.get(&effect)).copied();
    named(environment).or_else(|| named("production")).unwrap_or(match effect {
        Effect::Read => 0,
        Effect::Idempotent | Effect::Once | Effect::Destructive => 1,
    })
}

/// The fewest people who must agree, whatever the policy says.
fn own_floor(stage: &Stage) -> u32 {
    match &stage.evidence {
        EvidenceNeed::NotAsked | EvidenceNeed::From(_) => 0,
        EvidenceNeed::Waived { .. } => 2,
    }
}

type AttemptKey = (StepId, HostName, Part, u32);

struct Court<'a> {
    evidence: &'a Evidence<'a>,
    options: &'a Options<'a>,
    opened: &'a RunOpened,
    roster: Roster,
    stages: BTreeMap<StepId, (u64, &'a Stage)>,
    gates: BTreeMap<GateNo, Gate<'a>>,
    /// Starts of each action since its stage was prepared.
    starts: BTreeMap<(StepId, HostName), u32>,
    begun: BTreeSet<AttemptKey>,
    /// Attempts of captures that kept all that they were to keep, and the hosts where one of those ended well.
    whole: BTreeSet<(StepId, HostName, u32)>,
    captured: BTreeSet<(StepId, HostName)>,
    /// What was begun as it was approved, and has a way back.
    undoable: BTreeMap<(StepId, HostName, Digest), &'a Action>,
    /// Who runs, or ran, this.
    runners: BTreeSet<Person>,
    judged: u32,
}

struct Gate<'a> {
    line: u64,
    asks: &'a GateAsks,
    request: Option<Request>,
    counted: Vec<Counted>,
    denied: bool,
}

pub(super) fn check(evidence: &Evidence<'_>, options: &Options<'_>) -> Findings {
    let mut findings = Findings::default();
    let roster = if evidence.is_signed() { evidence.roster(options) } else { Ok(Roster::default()) };
    let (Some(opened), Ok(roster)) = (evidence.opened(), roster) else {
        findings.short = true;
        findings.fact("not judged: the first line or allowed_signers cannot be used".to_owned());
        return findings;
    };
    if let (true, Err(what)) = (evidence.is_signed(), rules_as_written(evidence, options, opened, &mut findings)) {
        findings.problem(Severity::Tampered, Some(1), what);
    }
    let runners = BTreeSet::from([opened.requester.clone()]);
    let (stages, gates, starts, begun) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let (undoable, whole, captured) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    let mut court =
        Court { evidence, options, opened, roster, stages, gates, starts, begun, whole, captured, undoable, runners, judged: 0 };
    for entry in &evidence.reading.entries {
        if let Err(Wrong { severity, what }) = court.entry(entry) {
            findings.problem(severity, Some(entry.seq), what);
        }
    }
    match opened.mode {
        RunMode::Real => {}
        RunMode::DryRun => findings.fact("a dry run: only looks were allowed".to_owned()),
        RunMode::Drill => findings.fact("a drill: nothing real was touched, and approvals are not judged".to_owned()),
        RunMode::LiveDrill => findings.fact(format!("a drill on the hosts of {}", opened.hosts_from.as_deref().unwrap_or("nobody"))),
    }
    findings.fact(format!("{} actions judged", court.judged));
    findings
}

fn rules_as_written(evidence: &Evidence<'_>, options: &Options<'_>, opened: &RunOpened, findings: &mut Findings) -> Result<(), String> {
    let Some(rules_of) = options.rules_of else {
        findings.fact("the policy's rules as the journal says them; inputs/policy.yaml was not read".to_owned());
        return Ok(());
    };
    let bytes = evidence.folder.input("policy.yaml").map_err(|error| error.to_string())?;
    let written = rules_of(&bytes).map_err(|why| format!("inputs/policy.yaml cannot be used: {why}"))?;
    if written == opened.rules { Ok(()) } else { Err("the rules in the journal are not those of inputs/policy.yaml".to_owned()) }
}

impl<'a> Court<'a> {
    fn entry(&mut self, entry: &'a Entry) -> Result<(), Wrong> {
        match &entry.event {
            Event::RunOpened(_) if entry.seq == 1 => Ok(()),
            Event::RunOpened(_) => Err("a run is opened within another".to_owned().into()),
            Event::StagePrepared { stage } => Ok(self.prepared(entry, stage)?),
            Event::GateOpened { gate, asks } => Ok(self.gate_opened(entry, *gate, asks)?),
            Event::ApprovalGiven { gate, document, .. } => self.approved(entry, *gate, document),
            Event::ApprovalDenied { gate, .. } => Ok(self.denied(*gate)?),
            Event::GateExpired { gate } => {
                self.gates.remove(gate);
                Ok(())
            }
            Event::ActionStarted { step, host, part, attempt, action, sends, gate } => {
                self.judged += 1;
                self.started(&(step.clone(), host.clone(), *part, *attempt), action, sends, *gate)
                    .map_err(|why| format!("{step} on {host}, attempt {attempt}: {why}").into())
            }
            Event::ActionReattached { step, host, part, attempt } => Ok(self.had_begun(&(step.clone(), host.clone(), *part, *attempt))?),
            Event::EvidenceKept { step, host, attempt, artifacts, .. } => Ok(self.kept(step, host, *attempt, artifacts)?),
            Event::ActionEnded { step, host, part, attempt, ended } => {
                self.had_begun(&(step.clone(), host.clone(), *part, *attempt))?;
                Ok(self.ended((step, host, *attempt), *part, ended)?)
            }
            Event::RunResumed { person, .. } => {
                self.resumed(person);
                Ok(())
            }
            Event::HostReached { .. } | Event::HostUnreachable { .. } | Event::StepSkipped { .. } | Event::StepRefused { .. } => Ok(()),
            Event::ApprovalRefused { .. } | Event::WaitBegan { .. } | Event::PersonAnswered { .. } | Event::NoteAdded { .. } => Ok(()),
            Event::RunInterrupted { .. } | Event::RunClosed { .. } => Ok(()),
            Event::TurnsPlanned { .. } | Event::TurnsReordered { .. } | Event::LookRepeated { .. } | Event::CallBegan { .. } => Ok(()),
            Event::RollbackBegan { .. } | Event::RunConcluded { .. } | Event::ReleaseBegan { .. } | Event::ReleasedByHand { .. } => Ok(()),
        }
    }

    fn prepared(&mut self, entry: &Entry, stage: &'a Stage) -> Result<(), String> {
        self.stages.insert(stage.step.clone(), (entry.seq, stage));
        self.starts.retain(|(step, _), _| *step != stage.step);
        let wrong = actions_of(stage).iter().find(|action| action_digest(stage, action) != action.digest);
        wrong.map_or(Ok(()), |action| Err(format!("{} on {}: its digest is not that of its lines", stage.step, action.host)))
    }

    fn gate_opened(&mut self, entry: &Entry, gate: GateNo, asks: &'a GateAsks) -> Result<(), String> {
        let document = self.evidence.signed_document(&asks.request).and_then(|(text, _)| Request::parse(text).ok());
        let mut plan = Vec::new();
        for step in &asks.covers {
            let (_, stage) = self.stages.get(step).ok_or_else(|| format!("gate {gate} covers {step}, which was not prepared"))?;
            plan.extend(stage_lines(stage));
        }
        let as_planned =
            document.as_ref().is_none_or(|request| request.body.plan == plan && request.body.requester == self.opened.requester);
        self.gates.insert(gate, Gate { line: entry.seq, asks, request: document, counted: Vec::new(), denied: false });
        if as_planned { Ok(()) } else { Err(format!("the request for gate {gate} does not show the steps that it covers")) }
    }

    fn approved(&mut self, entry: &Entry, gate: GateNo, document: &Digest) -> Result<(), Wrong> {
        let Event::ApprovalGiven { person, key, instead_of, .. } = &entry.event else { return Ok(()) };
        if !self.evidence.is_signed() {
            return Ok(());
        }
        let open = self.gates.get_mut(&gate).ok_or_else(|| format!("gate {gate} is not open"))?;
        let request = open.request.as_ref().ok_or_else(|| Wrong::missing(format!("the request for gate {gate} is not in approvals/")))?;
        let (text, signature) = self
            .evidence
            .signed_document(document)
            .ok_or_else(|| Wrong::missing(format!("the approval of {person} is not in approvals/")))?;
        let holds = |head: Head| head.seq < entry.seq && self.evidence.reading.holds(head);
        let bench = Bench {
            request,
            roster: &self.roster,
            domain: &self.opened.rules.domain,
            now: entry.at,
            holds: &holds,
            counted: &open.counted,
            other: self.options.other,
        };
        let counted =
            judge_approval(&bench, text, signature).map_err(|refusal| format!("the approval of {person} does not count: {refusal}"))?;
        if counted.person != *person || counted.key != *key || counted.instead_of != *instead_of || self.runners.contains(person) {
            return Err(format!("the approval of {person} is not what the journal says, or {person} runs this").into());
        }
        open.counted.push(counted);
        Ok(())
    }

    fn denied(&mut self, gate: GateNo) -> Result<(), String> {
        self.gates.get_mut(&gate).map(|open| open.denied = true).ok_or_else(|| format!("gate {gate} is not open"))
    }

    /// Who goes on with a run can no longer vouch for it.
    fn resumed(&mut self, person: &Person) {
        self.runners.insert(person.clone());
        self.gates.values_mut().for_each(|gate| gate.counted.retain(|counted| counted.person != *person));
    }

    fn had_begun(&self, attempt: &AttemptKey) -> Result<(), String> {
        if self.begun.contains(attempt) {
            Ok(())
        } else {
            Err(format!("{} on {}: an attempt goes on that was never started", attempt.0, attempt.1))
        }
    }

    fn action(&self, step: &StepId, host: &HostName) -> Option<&'a Action> {
        actions_of(self.stages.get(step)?.1).iter().find(|action| action.host == *host)
    }

    /// Evidence is what its capture was to keep.
    fn kept(&mut self, step: &StepId, host: &HostName, attempt: u32, artifacts: &[KeptArtifact]) -> Result<(), String> {
        self.had_begun(&(step.clone(), host.clone(), Part::Main, attempt))?;
        let keeps = self.action(step, host).map_or(&[][..], |action| action.keeps.as_slice());
        let as_asked = !keeps.is_empty() && keeps.iter().map(|keep| &keep.name).eq(artifacts.iter().map(|kept| &kept.name));
        if as_asked && artifacts.iter().all(|kept| kept.trouble.is_none()) {
            self.whole.insert((step.clone(), host.clone(), attempt));
        }
        if as_asked { Ok(()) } else { Err(format!("{step} on {host} was to keep other evidence")) }
    }

    fn ended(&mut self, (step, host, attempt): (&StepId, &HostName, u32), part: Part, ended: &Ended) -> Result<(), String> {
        let captures = self.action(step, host).is_some_and(|action| !action.keeps.is_empty());
        if part != Part::Main || !captures || ended.judgement != Judgement::Met {
            return Ok(());
        }
        if !self.whole.contains(&(step.clone(), host.clone(), attempt)) {
            return Err(format!("{step} on {host} is said to have gone well, and its evidence is not on record"));
        }
        self.captured.insert((step.clone(), host.clone()));
        Ok(())
    }

    /// What destroys information starts only where what it needs was kept before.
    fn preserved(&self, stage: &Stage, action: &Action) -> Result<(), String> {
        match &stage.evidence {
            EvidenceNeed::Waived { .. } => Ok(()),
            EvidenceNeed::NotAsked if stage.effect == Effect::Destructive && self.opened.rules.asks_evidence(&action.environment) => {
                Err(format!("the policy asks for evidence in {}, and it names none", action.environment))
            }
            EvidenceNeed::NotAsked => Ok(()),
            EvidenceNeed::From(captures) => {
                let missing = captures.iter().find(|capture| !self.captured.contains(&((*capture).clone(), action.host.clone())));
                missing.map_or(Ok(()), |capture| Err(format!("it was started before {capture} had kept the evidence of {}", action.host)))
            }
        }
    }

    fn started(&mut self, attempt: &AttemptKey, digest: &Digest, sends: &Digest, gate: Option<GateNo>) -> Result<(), String> {
        let (step, host, part, _) = attempt;
        if !self.begun.insert(attempt.clone()) {
            return Err("this attempt was started before".to_owned());
        }
        if *part == Part::Undo {
            return self.undone(attempt, digest, sends);
        }
        let (line, stage) = *self.stages.get(step).ok_or("it was never prepared")?;
        let action = actions_of(stage).iter().find(|action| action.host == *host).ok_or("its step does not name this host")?;
        if *digest != action.digest {
            return Err("it is not the action that was prepared".to_owned());
        }
        if action.place.is_none() {
            return Err("its host had not been reached".to_owned());
        }
        if action.part(*part).map(|command| command.sends()) != Some(*sends) {
            return Err("the bytes that were sent are not those of the plan".to_owned());
        }
        self.counted_starts(attempt, stage)?;
        if *part == Part::Main {
            self.preserved(stage, action)?;
        }
        match self.opened.mode {
            RunMode::Drill => Ok(()),
            RunMode::DryRun if *part == Part::Main && stage.effect != Effect::Read => Err("a dry run ran it".to_owned()),
            RunMode::DryRun => Ok(()),
            RunMode::Real | RunMode::LiveDrill => {
                self.allowed(line, stage, action, gate)?;
                if *part == Part::Main {
                    self.undoable.insert((step.clone(), host.clone(), action.digest), action);
                }
                Ok(())
            }
        }
    }

    /// The way back was approved together with what it undoes: it may run where that was begun, as often as people want it tried.
    fn undone(&self, (step, host, ..): &AttemptKey, digest: &Digest, sends: &Digest) -> Result<(), String> {
        let action = self.undoable.get(&(step.clone(), host.clone(), *digest)).ok_or("it undoes what was never begun")?;
        match action.undo.as_ref().map(|undo| undo.sends()) == Some(*sends) {
            true => Ok(()),
            false => Err("the bytes that were sent are not those of the plan".to_owned()),
        }
    }

    fn counted_starts(&mut self, (step, host, part, _): &AttemptKey, stage: &Stage) -> Result<(), String> {
        if *part == Part::Look {
            return Ok(()); // a look may be repeated: it changes nothing
        }
        let starts = self.starts.entry((step.clone(), host.clone())).or_insert(0);
        *starts += 1;
        match stage.attempts {
            Attempts::AtMost(most) if *starts > most => Err(format!("it was started {starts} times, {} was approved", stage.attempts)),
            Attempts::Free if stage.effect != Effect::Read => {
                Err("a step that changes something must say how often it may start".to_owned())
            }
            Attempts::AtMost(_) | Attempts::Free => Ok(()),
        }
    }

    fn allowed(&self, line: u64, stage: &Stage, action: &Action, gate: Option<GateNo>) -> Result<(), String> {
        let floor = floor(&self.opened.rules, &action.environment, stage.effect).max(own_floor(stage));
        if gate != stage.gate {
            return Err("it was started under another gate than its step has".to_owned());
        }
        let Some(gate) = gate else {
            let missing =
                format!("the policy asks {floor} other people for {} in {}, and nobody was asked", stage.effect, action.environment);
            return if floor == 0 { Ok(()) } else { Err(missing) };
        };
        let open = self.gates.get(&gate).ok_or_else(|| format!("gate {gate} was not open"))?;
        if open.denied {
            return Err(format!("gate {gate} was denied"));
        }
        if open.line < line || !open.asks.covers.contains(&stage.step) {
            return Err(format!("gate {gate} was not asked about it as it was prepared"));
        }
        let people: BTreeSet<Person> = open.counted.iter().map(|counted| counted.person.clone()).collect();
        let standing_in = open.counted.iter().filter(|counted| counted.instead_of.is_some());
        let substitutes: BTreeSet<Person> = standing_in.map(|counted| counted.person.clone()).collect();
        let numbers = open.asks.instead.as_ref().map_or(&[][..], |instead| &instead.slots);
        let slots = with_substitutes(&open.asks.slots, numbers, &substitutes);
        if !filled(&slots, &people) {
            return Err(format!("gate {gate} had {} of {} approvals", filled_slots(&slots, &people), slots.len()));
        }
        let enough = u32::try_from(people.len()).unwrap_or(u32::MAX) >= floor;
        if enough { Ok(()) } else { Err(format!("{} people approved, the policy asks {floor}", people.len())) }
    }
}

fn actions_of(stage: &Stage) -> &[Action] {
    stage.work.actions()
}
