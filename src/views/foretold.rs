//! What a dry run says of each step and each host: would run, would skip, cannot know before. Words only; what is foreseen, the engine says.

use super::steps::{HostSummary, StepLook, StepSummary};
use crate::engine::{Foreseen, HostResult, LeftOut, Life, State, StepState, foreseen, is_after_a_withheld_change};
use crate::event::{CANNOT_KNOW, StageWork};
use crate::plan::{ProgramStep, Reached};

const AFTER_A_CHANGE: &str = "cannot know before: it would be looked at after a change that was not made";

/// The summary of a step of a dry run, with what that says of the real run.
pub(in crate::views) fn foretold(state: &State, step: &ProgramStep, known: &StepState, summary: StepSummary) -> StepSummary {
    let summary = match (&known.left_out, known.stage.as_ref().map(|stage| &stage.work)) {
        (Some(LeftOut::Skipped(why)), _) => {
            StepSummary { phrase: Some(format!("would skip: {why}")), foreseen: Some(Foreseen::WouldSkip), ..summary }
        }
        (Some(LeftOut::Refused(_)), _) => after_a_change(state, known, summary),
        (None, None) => return not_reached(state, step, summary),
        (None, Some(StageWork::Withheld { says, .. })) => withheld(state, known, says, summary),
        (None, Some(StageWork::Commands { .. })) => after_a_change(state, known, would_run(summary)),
        (None, Some(_)) => would_run(summary),
    };
    if_chosen(&step.reached, summary)
}

fn would_run(mut summary: StepSummary) -> StepSummary {
    summary.foreseen = Some(Foreseen::WouldRun);
    summary.hosts.iter_mut().for_each(|host| host.foreseen = summary.foreseen);
    summary
}

/// What is not on the way that a dry run takes, and what it could not come to.
fn not_reached(state: &State, step: &ProgramStep, summary: StepSummary) -> StepSummary {
    let is_over = matches!(state.life, Life::Closed(_));
    let cannot = |phrase: String, summary| StepSummary {
        look: StepLook::Withheld,
        phrase: Some(phrase),
        foreseen: Some(Foreseen::CannotKnow),
        ..summary
    };
    let skipped = step.loops.iter().find_map(|block| state.steps.get(&block.at(&[]))?.left_out.clone());
    match (&step.reached, skipped) {
        (Reached::AfterFailure(_), _) => cannot(step.reached.words().unwrap_or_default(), summary),
        (Reached::Always | Reached::IfChosen(_), Some(LeftOut::Skipped(why))) if is_over => StepSummary {
            look: StepLook::Skipped,
            phrase: Some(format!("would skip: {why}")),
            foreseen: Some(Foreseen::WouldSkip),
            ..summary
        },
        (Reached::Always | Reached::IfChosen(_), _) if is_over => cannot(CANNOT_KNOW.to_owned(), summary),
        (Reached::Always | Reached::IfChosen(_), _) => summary,
    }
}

/// What goes wrong after a change that was not made says nothing of the real run.
fn after_a_change(state: &State, known: &StepState, mut summary: StepSummary) -> StepSummary {
    let is_bad = |host: &HostSummary| host.result.is_some_and(HostResult::is_bad);
    let went_wrong = summary.look == StepLook::Failed || summary.hosts.iter().any(is_bad);
    if !went_wrong || !is_after_a_withheld_change(state, known) {
        return summary;
    }
    for host in summary.hosts.iter_mut().filter(|host| is_bad(host)) {
        (host.result, host.foreseen) = (Some(HostResult::Unknown), Some(Foreseen::CannotKnow));
    }
    if summary.look == StepLook::Failed {
        let now = summary.phrase.map_or(String::new(), |phrase| format!(" (now: {phrase})"));
        summary = StepSummary {
            look: StepLook::Withheld,
            phrase: Some(format!("{AFTER_A_CHANGE}{now}")),
            foreseen: Some(Foreseen::CannotKnow),
            ..summary
        };
    }
    summary
}

fn withheld(state: &State, known: &StepState, says: &str, mut summary: StepSummary) -> StepSummary {
    let answers = foreseen(state, known);
    let is_over = matches!(state.life, Life::Closed(_) | Life::Interrupted(_));
    if !is_over && answers.iter().any(|(_, answer)| *answer == Ok(None)) {
        return StepSummary { look: StepLook::Underway, phrase: None, ..summary };
    }
    for host in &mut summary.hosts {
        let answer = answers.iter().find(|(name, _)| *name == host.host).map_or(Ok(None), |(_, answer)| *answer);
        let (result, foreseen) = match answer {
            Ok(Some(Foreseen::WouldSkip)) => (HostResult::Skipped, Some(Foreseen::WouldSkip)),
            Ok(answer) => (HostResult::NotStarted, Some(answer.unwrap_or(Foreseen::CannotKnow))),
            Err(result) => (result, None),
        };
        (host.result, host.foreseen, host.exit_code) = (Some(result), foreseen, None);
        host.why = host.why.take().filter(|_| answer.is_err());
    }
    let all = |wanted: Foreseen| !summary.hosts.is_empty() && summary.hosts.iter().all(|host| host.foreseen == Some(wanted));
    let max_failures = known.stage.as_ref().map_or(0, |stage| stage.max_failures as usize);
    let bad = summary.hosts.iter().filter(|host| host.foreseen.is_none()).count();
    let (look, foreseen) = match says {
        _ if bad > max_failures => (StepLook::Failed, None),
        _ if all(Foreseen::WouldSkip) => (StepLook::Skipped, Some(Foreseen::WouldSkip)),
        CANNOT_KNOW => (StepLook::Withheld, Some(Foreseen::CannotKnow)),
        _ if all(Foreseen::CannotKnow) => (StepLook::Withheld, Some(Foreseen::CannotKnow)),
        _ => (StepLook::Withheld, Some(Foreseen::WouldRun)),
    };
    let phrase = Some(host_by_host(says, &summary.hosts));
    StepSummary { look, phrase, foreseen, ..summary }
}

/// `would run on web-1; would skip web-2 (already in place)`, or what holds of all of them.
fn host_by_host(says: &str, hosts: &[HostSummary]) -> String {
    let of = |wanted: Option<Foreseen>| hosts.iter().filter(|host| host.foreseen == wanted).collect::<Vec<_>>();
    let (run, skip, unknown) = (of(Some(Foreseen::WouldRun)), of(Some(Foreseen::WouldSkip)), of(Some(Foreseen::CannotKnow)));
    let bad = of(None);
    match (run.len(), skip.len(), unknown.len(), bad.len()) {
        (_, 0, 0, 0) => says.to_owned(),
        (_, _, _, 0) if says == CANNOT_KNOW => says.to_owned(),
        (0, _, 0, 0) => "would skip: already in place".to_owned(),
        (0, 0, _, 0) => AFTER_A_CHANGE.replace("it would be", "whether it is done already would be"),
        _ => {
            let wrong = |host: &&HostSummary| host.why.clone().or(host.result.map(|result| result.as_str().to_owned())).unwrap_or_default();
            let parts = [
                (!run.is_empty()).then(|| format!("{says} on {}", named(&run))),
                (!skip.is_empty()).then(|| format!("would skip {} (already in place)", named(&skip))),
                (!unknown.is_empty()).then(|| format!("{CANNOT_KNOW} on {}", named(&unknown))),
                bad.first().map(|first| format!("whether it is done already cannot be looked at on {}: {}", named(&bad), wrong(first))),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
        }
    }
}

fn named(hosts: &[&HostSummary]) -> String {
    match hosts {
        few if few.len() <= 2 => few.iter().map(|host| host.host.as_str()).collect::<Vec<_>>().join(", "),
        many => format!("{} hosts", many.len()),
    }
}

/// Which option a person would choose is not known before.
fn if_chosen(reached: &Reached, mut summary: StepSummary) -> StepSummary {
    let Some(when) = reached.words() else { return summary };
    let hosts = summary.hosts.iter_mut().map(|host| &mut host.foreseen);
    for foreseen in hosts.chain([&mut summary.foreseen]).filter(|foreseen| **foreseen == Some(Foreseen::WouldRun)) {
        *foreseen = Some(Foreseen::CannotKnow);
    }
    summary.phrase = Some(summary.phrase.map_or(when.clone(), |phrase| format!("{when}: {phrase}")));
    summary
}
