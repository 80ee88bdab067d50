//! What a dry run foresees: whether a withheld step is done already, its answer for each host, and whether the run would fail. Starts nothing
//! but looks.

use std::collections::BTreeSet;

use super::decide::Directive;
use super::leaf::{Table, next_attempt, running, table};
use super::permit::Begin;
use super::progress::{HostResult, Progress, progress, settled_results};
use super::state::{LeftOut, State, StepState};
use super::walk::{Standing, Walk};
use crate::base::{HostName, StepId};
use crate::event::{Action, CANNOT_KNOW, Effect, EvidenceNeed, Part, Stage, StageWork, WOULD_RUN};
use crate::plan::{ProgramStep, Reached, Role};

/// What a dry run says of a step, or of a step on one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Foreseen {
    WouldRun,
    /// Its condition does not hold, or its work is in place.
    WouldSkip,
    /// It rests on what a withheld step would have found or brought about, or on what a person chooses.
    CannotKnow,
}

/// Where changes were withheld.
#[derive(Debug, Default)]
struct Unmade {
    hosts: BTreeSet<HostName>,
    /// Something might have been changed on any host: a person would have done it, or it could not be rendered.
    anywhere: bool,
}

impl Unmade {
    /// What was withheld before a step was reached. What is in place is no change, unless a change before it could undo that.
    fn before(state: &State, known: &StepState) -> Self {
        let mut unmade = Self::default();
        for id in state.withheld.iter().take(known.withheld_before) {
            let Some((stage, step)) = state.steps.get(id).and_then(|step| Some((step.stage.as_ref()?, step))) else { continue };
            let StageWork::Withheld { actions, .. } = &stage.work else { continue };
            if stage.effect == Effect::Read {
                continue;
            }
            unmade.anywhere |= actions.is_empty();
            let changes = |action: &&Action| !is_in_place(stage, action, step) || unmade.is_on(&action.host);
            let hosts: Vec<HostName> = actions.iter().filter(changes).map(|action| action.host.clone()).collect();
            unmade.hosts.extend(hosts);
        }
        unmade
    }

    fn is_on(&self, host: &HostName) -> bool {
        self.anywhere || self.hosts.contains(host)
    }

    fn is_any(&self) -> bool {
        self.anywhere || !self.hosts.is_empty()
    }
}

fn is_in_place(stage: &Stage, action: &Action, known: &StepState) -> bool {
    action.done_when.is_some() && progress(stage, action, known) == Progress::Settled(HostResult::Skipped)
}

/// What a dry run says of a withheld step, host by host; `None` while it still looks whether the step is done there already.
///
/// # Errors
/// Of a host: the bad result of that look. The step itself would not begin there.
pub fn foreseen(state: &State, known: &StepState) -> Vec<(HostName, Result<Option<Foreseen>, HostResult>)> {
    let Some(stage) = &known.stage else { return Vec::new() };
    let StageWork::Withheld { says, actions } = &stage.work else { return Vec::new() };
    let looks = says == WOULD_RUN && actions.iter().any(|action| action.done_when.is_some());
    let unmade = if looks { Unmade::before(state, known) } else { Unmade::default() };
    let is_refused = actions.iter().any(|action| evidence_is_lost(state, stage, &action.host)); // on one host is on none
    let of = |action: &Action| match says.as_str() {
        CANNOT_KNOW => Ok(Some(Foreseen::CannotKnow)),
        WOULD_RUN if is_refused => Err(HostResult::Failed),
        WOULD_RUN if action.done_when.is_some() => looked(progress(stage, action, known), unmade.is_on(&action.host)),
        _ => Ok(Some(Foreseen::WouldRun)),
    };
    actions.iter().map(|action| (action.host.clone(), of(action))).collect()
}

/// Whether what the step would destroy could not be kept: captures are looks, and were made.
fn evidence_is_lost(state: &State, stage: &Stage, host: &HostName) -> bool {
    let EvidenceNeed::From(captures) = &stage.evidence else { return false };
    captures.iter().any(|capture| {
        let known = state.step(capture);
        let results = known.stage.as_ref().map(|stage| settled_results(stage, &known)).unwrap_or_default();
        let is_lost = results.iter().any(|(at, result)| at == host && result.is_bad());
        is_lost && !is_after_a_withheld_change(state, &known)
    })
}

/// What the look whether a step is done already says, unless a change that was not made might have made it say something else.
fn looked(look: Progress, is_stale: bool) -> Result<Option<Foreseen>, HostResult> {
    match look {
        Progress::Next(Part::Look) | Progress::NotBefore(..) | Progress::Running | Progress::Orphaned(..) => Ok(None),
        Progress::Next(_) | Progress::Settled(_) if is_stale => Ok(Some(Foreseen::CannotKnow)),
        Progress::Next(_) => Ok(Some(Foreseen::WouldRun)),
        Progress::Settled(result) if result.is_bad() => Err(result),
        Progress::Settled(_) => Ok(Some(Foreseen::WouldSkip)),
    }
}

/// Whether a change was withheld before a step was reached, on whatever host: what is changed on one is looked at from another.
pub fn is_after_a_withheld_change(state: &State, known: &StepState) -> bool {
    known.withheld_before > 0 && Unmade::before(state, known).is_any()
}

fn has_failed(state: &State, known: &StepState) -> bool {
    match (&known.left_out, &known.stage) {
        (Some(LeftOut::Skipped(_)), _) | (None, None) => false,
        (Some(LeftOut::Refused(_)), _) => true,
        (None, Some(stage)) => {
            let ran = settled_results(stage, known).iter().filter(|(_, result)| result.is_bad()).count();
            let looked = foreseen(state, known).iter().filter(|(_, answer)| answer.is_err()).count();
            ran + looked > stage.max_failures as usize
        }
    }
}

impl Walk<'_> {
    /// Of a withheld step its `done_when` is looked at where that can be known: a look is no change.
    pub fn looks_whether_done(&self, step: &ProgramStep, (stage, actions, known): (&Stage, &[Action], &StepState)) -> Standing {
        if !matches!(&stage.work, StageWork::Withheld { says, .. } if says == WOULD_RUN) {
            return Standing::Settled;
        }
        let table: Table<'_> = table(stage, actions, known, &self.left_out_hosts(step));
        let at_work = running(&table);
        let room = usize::from(stage.in_flight.get()).saturating_sub(at_work);
        let looks = table.iter().filter(|(_, progress)| *progress == Progress::Next(Part::Look)).take(room);
        let looks: Vec<Directive> = looks
            .map(|(action, _)| self.start(stage, action, (Part::Look, next_attempt(known, action, Part::Look)), Begin::Start))
            .collect();
        if looks.is_empty() && at_work == 0 { Standing::Settled } else { Standing::Open(looks) }
    }

    /// Whether a dry run has found that the run would fail: something went wrong on the way that would be taken, nobody goes on without it, and
    /// no change that was not made could have mended it.
    pub fn would_fail(&self) -> bool {
        self.is_dry() && self.state.steps.iter().any(|(id, known)| self.fails_the_run(id, known))
    }

    fn fails_the_run(&self, id: &StepId, known: &StepState) -> bool {
        let heads = || self.program.blocks().into_iter().map(|block| &block.head).find(|head| head.id.base() == id.base());
        let Some(step) = self.program.step(id).or_else(heads) else { return false };
        let is_on_the_way = step.reached == Reached::Always && !step.is_answered;
        let counts = match &step.role {
            Role::Written | Role::Acquire { .. } | Role::Release { .. } | Role::After { .. } => true,
            Role::Before { .. } | Role::Symptom { .. } => false, // the one is told by its step, the other ends nothing
        };
        let is_unknown = known.withheld_before > 0 && self.program.step(id).is_none(); // over what it repeats, or with what it calls
        is_on_the_way && counts && !is_unknown && has_failed(self.state, known) && !is_after_a_withheld_change(self.state, known)
    }
}
