//! The people of a drill: who answers gates and questions as the scenario says. They sign nothing: a drill's approvals count nowhere else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::answers::Then;
use super::scenario::{Approver, Said};
use crate::base::{Bytes, Digest, GateNo, Person, StepId, Timestamp};
use crate::effects::BoxFuture;
use crate::engine::{GateAnswer, GateState, Question, State, Way};
use crate::event::{Answer, AnswerAsked, Event, GateAsks, Head, Stage, Verdict, played_key};
use crate::plan::{Asked, DEFAULT_EXPIRY, Program, asked, check_fact};
use crate::runner::{Asker, GateTrouble, Gatekeeper, Watcher};

/// Real people in the place of those of a scenario: what they rehearse is themselves.
pub trait LivePeople: Send + Sync {
    /// The one who is asked about steps.
    fn asker<'a>(&'a self, program: &'a Program) -> Box<dyn Asker + 'a>;

    /// Who answers this gate now, and why not where it is denied; `None` where nobody does yet.
    fn gate(&self, gate: GateNo, open: &GateState, state: &State) -> Option<(Person, Option<String>)>;

    /// What they see meanwhile.
    fn watcher(&self) -> Box<dyn Watcher + '_>;
}

/// Answers gates by a list of people, or as whoever is asked first; or asks real ones.
pub(super) struct ScriptedGates<'a> {
    pub approvals: Option<Vec<Approver>>,
    pub live: Option<&'a dyn LivePeople>,
}

impl ScriptedGates<'_> {
    /// Who answers this gate now, and why not where it is denied.
    fn answer(&self, gate: GateNo, open: &GateState, state: &State, now: Timestamp) -> Option<Event> {
        let everyone = || open.asks.slots.iter().flatten().map(|person| (person.clone(), None)).collect();
        let listed = |approvers: &Vec<Approver>| {
            let ready = approvers.iter().filter(|approver| now >= open.asks.issued.after(approver.after));
            ready.map(|approver| (approver.person.value.clone(), approver.denies.clone())).collect()
        };
        let people: Vec<(Person, Option<String>)> = match self.live {
            Some(live) => live.gate(gate, open, state).into_iter().collect(),
            None => self.approvals.as_ref().map_or_else(everyone, listed),
        };
        people.into_iter().find_map(|(person, denies)| {
            let (key, document) = (played_key(&person), Digest::ZERO);
            let given = |instead_of| match denies.clone() {
                Some(sentence) => Event::ApprovalDenied { gate, person: person.clone(), key: key.clone(), document, sentence },
                None => Event::ApprovalGiven { gate, person: person.clone(), key: key.clone(), document, instead_of },
            };
            let stand_in = open.asks.instead.as_ref().filter(|instead| now >= instead.from).map(|instead| instead.of.clone());
            [None, stand_in].into_iter().map(given).find(|event| state.allows(event).is_ok())
        })
    }
}

impl Gatekeeper for ScriptedGates<'_> {
    fn open(
        &mut self,
        (gate, covers): (GateNo, &[StepId]),
        program: &Program,
        state: &State,
        head: Head,
        now: Timestamp,
    ) -> Result<GateAsks, GateTrouble> {
        let stages: Vec<&Stage> = covers.iter().filter_map(|step| state.steps.get(step)?.stage.as_ref()).collect();
        let trouble = |why: String| GateTrouble { why };
        let known = program.gates.get(&gate).ok_or_else(|| trouble(format!("there is no gate {gate}")))?;
        let Asked { slots, instead } = asked(program, known, &stages).map_err(|error| trouble(error.to_string()))?;
        let expiry = known.asks.as_ref().and_then(|asks| asks.expires.as_ref()).map_or(DEFAULT_EXPIRY, |expires| expires.value);
        Ok(GateAsks {
            request: Digest::ZERO,
            nonce: format!("{:032}", head.seq),
            check: "DRILL0".to_owned(),
            journal: head,
            issued: now,
            expires: now.after(expiry),
            slots,
            instead: instead.map(|instead| instead.for_request(now)),
            covers: covers.to_vec(),
        })
    }

    fn arrived(&mut self, _program: &Program, state: &State, now: Timestamp) -> Vec<Event> {
        let open = state.gates.iter().find(|(_, gate)| gate.answer == GateAnswer::Awaited);
        open.and_then(|(gate, open)| self.answer(*gate, open, state, now)).into_iter().collect()
    }

    fn seal(&mut self, _state: &State, _verdict: Verdict, _head: Head, _now: Timestamp) -> Result<Option<Digest>, GateTrouble> {
        Ok(None)
    }
}

/// Who tries again and again stops after this many times: a step that a sweep makes fail never ends well, and no person is so patient.
const MOST_RETRIES: usize = 100;

/// How often people answered at a step, by how many answers fit the question. Shared by all runners of a drill.
pub(super) type Turns = Arc<Mutex<BTreeMap<(String, usize), usize>>>;

/// Answers questions by step, in turn; the last answer of a step is given again.
pub(super) struct ScriptedPeople<'a> {
    pub program: &'a Program,
    pub said: BTreeMap<String, Vec<Said>>,
    /// What nobody said is said as the step expects.
    pub as_expected: bool,
    /// What nobody said after a failure.
    pub then: Then,
    pub turns: Turns,
}

impl ScriptedPeople<'_> {
    /// Whether the scenario says what people say at this step.
    pub fn speaks_at(&self, step: &StepId) -> bool {
        self.said.contains_key(step.as_str()) || self.said.contains_key(step.base())
    }

    fn next(&self, step: &StepId, fits: impl Fn(&Said) -> bool) -> Option<Said> {
        let name = if self.said.contains_key(step.as_str()) { step.as_str() } else { step.base() };
        let said: Vec<&Said> = self.said.get(name)?.iter().filter(|said| fits(said)).collect();
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.entry((name.to_owned(), said.len())).or_default();
        let answer = said.get(*turn).or_else(|| said.last()).map(|said| (*said).clone());
        *turn += 1;
        if answer == Some(Said::Retry) && *turn > MOST_RETRIES { Some(Said::Stop) } else { answer }
    }

    fn answer(&self, question: &Question) -> Option<Answer> {
        let remark = String::new;
        match question {
            Question::Manual { step, answers, .. } => {
                let said = self.next(step, |said| matches!(said, Said::Done { .. } | Said::NotDone | Said::Silent));
                match said.or_else(|| self.as_expected.then(|| Said::Done { facts: self.facts(step, answers) }))? {
                    Said::Done { facts } => Some(Answer::Done { remark: remark(), facts }),
                    Said::NotDone => Some(Answer::NotDone { remark: remark() }),
                    _ => None,
                }
            }
            Question::Choose { step, options, .. } => {
                let said = self.next(step, |said| matches!(said, Said::Option(_) | Said::Silent));
                let first = || self.as_expected.then(|| options.first().map(|(name, _)| Said::Option(name.clone()))).flatten();
                match said.or_else(first)? {
                    Said::Option(option) => Some(Answer::Chosen { option }),
                    _ => None,
                }
            }
            Question::AfterFailure { step, ways } => {
                let said = self.next(step, |said| matches!(said, Said::Retry | Said::Skip | Said::Rollback | Said::Stop));
                let answer = match said {
                    Some(Said::Retry) => (Way::Retry, Answer::Retry),
                    Some(Said::Skip) => (Way::GoOn, Answer::GoOn),
                    Some(Said::Rollback) => (Way::RollBack, Answer::RollBack),
                    None if self.then == Then::RollBack => (Way::RollBack, Answer::RollBack),
                    Some(_) | None => (Way::Stop, Answer::Stop),
                };
                Some(if ways.contains(&answer.0) { answer.1 } else { Answer::Stop })
            }
            Question::UndoManual { step, .. } | Question::AfterFailedUndo { step } => {
                let said = self.next(step, |said| matches!(said, Said::Done { .. } | Said::Retry | Said::Stop));
                match said {
                    Some(Said::Done { .. }) => Some(Answer::Undone { remark: remark() }),
                    Some(Said::Retry) => Some(Answer::Retry),
                    Some(_) => Some(Answer::Stop),
                    None => self.as_expected.then(|| Answer::Undone { remark: remark() }),
                }
            }
            Question::Release { step } => match self.next(step, |said| matches!(said, Said::Release | Said::Keep)) {
                Some(Said::Keep) => Some(Answer::Keep),
                Some(_) => Some(Answer::Release),
                None => Some(Answer::Keep), // no answer is never a yes
            },
        }
    }

    /// A value that each fact takes.
    fn facts(&self, step: &StepId, asked: &[AnswerAsked]) -> BTreeMap<String, Bytes> {
        let tries = ["1", "yes", "true", "5m", "50MB", "https://example.com/1", "OPS-1", "local"];
        let fact = |asked: &AnswerAsked| {
            let listed: Vec<&str> = asked.expects.strip_prefix("one of ").map_or(Vec::new(), |words| words.split(", ").collect());
            let mut all = listed.into_iter().chain(tries).map(Bytes::from);
            Some((asked.name.clone(), all.find(|text| check_fact(self.program, step, &asked.name, text).is_ok())?))
        };
        asked.iter().filter_map(fact).collect()
    }
}

impl Asker for ScriptedPeople<'_> {
    fn ask<'a>(&'a mut self, question: &'a Question, _state: &'a State) -> BoxFuture<'a, Option<Answer>> {
        let answer = self.answer(question);
        Box::pin(async move { answer })
    }
}
