//! What evidence a step needs, and whether a capture kept all that it was to keep. Never looks at a file.

use super::judge::said;
use super::program::{Program, ProgramStep};
use super::render::RenderError;
use super::template::{self, Scope};
use crate::base::StepId;
use crate::event::{Action, Effect, EvidenceNeed, Judgement, KeptArtifact, Outcome, Stage, StageWork, WOULD_RUN};
use crate::runbook::EvidenceText;

/// What must have been kept before this step starts.
///
/// # Errors
/// A reason without a value, or a capture that this step cannot see.
pub fn evidence_need(program: &Program, step: &ProgramStep, scope: &Scope) -> Result<EvidenceNeed, RenderError> {
    match &step.step.evidence {
        None => Ok(EvidenceNeed::NotAsked),
        Some(EvidenceText::Waived { reason }) => {
            let reason = template::plain(&reason.value, scope).map_err(|source| RenderError::Template { word: "evidence", source })?;
            Ok(EvidenceNeed::Waived { reason })
        }
        Some(EvidenceText::From(named)) => {
            let turns = step.id.turns();
            let found = named.iter().map(|name| {
                let capture = named_capture(program, step, &name.value).map_err(|why| RenderError::Text { word: "evidence", why })?;
                Ok(capture.id.at(&turns[..capture.loops.len().min(turns.len())]))
            });
            found.collect::<Result<_, _>>().map(EvidenceNeed::From)
        }
    }
}

/// The capture that a step's `evidence:` names: of the same runbook, and in no loop that is not around the step as well.
///
/// # Errors
/// A sentence that says why it is none.
pub fn named_capture<'p>(program: &'p Program, step: &ProgramStep, name: &str) -> Result<&'p ProgramStep, String> {
    let none = || format!("`{name}` is no capture of this runbook");
    let id: StepId = name.parse().map_err(|_| none())?;
    let id = match &program.frames[step.frame].call {
        Some(call) => id.within(&call.step).ok_or_else(none)?,
        None => id,
    };
    let capture = program.step(&id).ok_or_else(none)?;
    if step.loops.starts_with(&capture.loops) {
        return Ok(capture);
    }
    Err(format!("`{name}` stands in another loop, and keeps something else in each of its turns"))
}

/// Hosts on which a destructive step says nothing of evidence although the policy asks for it.
///
/// # Errors
/// The sentence that refuses the step.
pub fn says_enough(program: &Program, stage: &Stage) -> Result<(), RenderError> {
    let actions = match &stage.work {
        StageWork::Commands { actions, .. } => actions,
        StageWork::Withheld { says, actions } if says == WOULD_RUN => actions,
        StageWork::Withheld { .. } | StageWork::Skip { .. } | StageWork::Manual { .. } => return Ok(()),
        StageWork::Choose { .. } | StageWork::Wait { .. } | StageWork::Conclude { .. } => return Ok(()),
    };
    if stage.effect != Effect::Destructive || stage.evidence != EvidenceNeed::NotAsked {
        return Ok(());
    }
    match actions.iter().find(|action| program.policy.rules.asks_evidence(&action.environment)) {
        None => Ok(()),
        Some(Action { host, environment, .. }) => Err(RenderError::Text {
            word: "evidence",
            why: format!("the policy asks for it in {environment}, where {host} is: add a capture and `evidence: ITS-ID`"),
        }),
    }
}

/// Whether a capture went well: it ended by itself, and everything that it was to keep is there.
pub fn judge_capture(outcome: &Outcome, kept: &[KeptArtifact]) -> Judgement {
    let missed = |why: String| Judgement::Missed { why };
    let troubles: Vec<String> =
        kept.iter().filter_map(|artifact| Some(format!("{}: {}", artifact.name, artifact.trouble.as_ref()?))).collect();
    match outcome {
        Outcome::Exited { .. } if !troubles.is_empty() => missed(troubles.join("; ")),
        Outcome::Exited { code: 0 } if !kept.is_empty() => Judgement::Met,
        Outcome::Exited { .. } | Outcome::Signalled { .. } | Outcome::NeverStarted { .. } | Outcome::Unknown { .. } => {
            missed(said(outcome))
        }
    }
}
