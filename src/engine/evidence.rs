//! Whether what a step would destroy was kept before, of the same host and in this run. Never looks at a file.

use super::progress::{Progress, progress};
use super::state::{LeftOut, Phase, State, StepState};
use crate::base::{HostName, StepId};
use crate::event::{Action, Effect, EvidenceNeed, Judgement, Part, RunOpened, Stage, StageWork, is_whole};

/// Why a stage may not start on a host for want of evidence; `None` where it may.
pub(in crate::engine) fn lacks(state: &State, stage: &Stage, action: &Action) -> Option<String> {
    match &stage.evidence {
        EvidenceNeed::Waived { .. } => None,
        EvidenceNeed::NotAsked => {
            let asks = |opened: &RunOpened| stage.effect == Effect::Destructive && opened.rules.asks_evidence(&action.environment);
            let asked = state.opened.as_ref().is_some_and(|(_, opened)| asks(opened));
            asked.then(|| format!("the policy asks for evidence in {}, and {} names none", action.environment, stage.step))
        }
        EvidenceNeed::From(captures) => captures.iter().find_map(|capture| not_kept(state, capture, &action.host)),
    }
}

/// The sentence that refuses a step of which nothing has begun, where evidence of one of its hosts is missing.
pub(in crate::engine) fn refusal(state: &State, stage: &Stage, known: &StepState) -> Option<String> {
    let StageWork::Commands { actions, .. } = &stage.work else { return None };
    let begun = known.attempts.values().flatten().any(|attempt| attempt.round == stage.round && attempt.part != Part::Undo);
    let mut open = actions.iter().filter(|action| !matches!(progress(stage, action, known), Progress::Settled(_)));
    let why = open.find_map(|action| lacks(state, stage, action)).filter(|_| !begun)?;
    Some(format!(
        "it destroys information, and {why}. Mend that and have the capture tried again (`on_failure: ask` on the capture lets you), or start a new \
         run; where nothing can be kept, write `evidence: {{waive: \"why\"}}`, which two others must approve"
    ))
}

/// Why a capture kept no whole evidence of a host; `None` where it did.
fn not_kept(state: &State, capture: &StepId, host: &HostName) -> Option<String> {
    let known = state.step(capture);
    if known.attempts.get(host).is_some_and(|attempts| attempts.iter().any(|attempt| went_well(&known, host, attempt.number))) {
        return None;
    }
    let why = match &known.left_out {
        Some(LeftOut::Skipped(why)) => format!("it was left out: {why}"),
        Some(LeftOut::Refused(why)) => format!("it was refused: {why}"),
        None => incomplete(&known, host).or_else(|| last_word(&known, host)).unwrap_or_else(|| "it did not run there".to_owned()),
    };
    Some(format!("{capture} kept no whole evidence of {host} ({why})"))
}

/// Which artifacts of the newest attempt that kept anything are missing or not whole.
fn incomplete(known: &StepState, host: &HostName) -> Option<String> {
    let newest = known.evidence.iter().rfind(|((of, _), _)| of == host)?.1;
    let names: Vec<&str> = newest.iter().filter(|kept| kept.trouble.is_some()).map(|kept| kept.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("not as asked: {}; `runbook log RUN --evidence` says why", names.join(", ")))
}

fn went_well(known: &StepState, host: &HostName, number: u32) -> bool {
    let attempts = known.attempts.get(host).map_or(&[][..], Vec::as_slice);
    let met = |phase: &Phase| matches!(phase, Phase::Ended { ended, .. } if ended.judgement == Judgement::Met);
    let ended = attempts.iter().any(|attempt| attempt.part == Part::Main && attempt.number == number && met(&attempt.phase));
    ended && has_whole(known, host, number)
}

/// Whether everything that an attempt of a capture was to keep is on record.
pub(in crate::engine) fn has_whole(known: &StepState, host: &HostName, number: u32) -> bool {
    let stages = known.past.iter().chain(&known.stage);
    let mut actions = stages.flat_map(|stage| stage.work.commands()).filter(|action| action.host == *host);
    let kept = known.evidence.get(&(host.clone(), number));
    kept.is_some_and(|kept| actions.any(|action| !action.keeps.is_empty() && is_whole(&action.keeps, kept)))
}

fn last_word(known: &StepState, host: &HostName) -> Option<String> {
    match &known.attempts.get(host)?.last()?.phase {
        Phase::Ended { ended, .. } => match &ended.judgement {
            Judgement::Missed { why } => Some(why.clone()),
            Judgement::Met => None,
        },
        Phase::Running | Phase::Orphaned | Phase::Lost => None,
    }
}
