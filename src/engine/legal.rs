//! Which events may follow: the rules that hold even when the program that wrote a journal did not keep them.

use super::evidence::{has_whole, lacks};
use super::fold::Illegal;
use super::held::held;
use super::progress::{Progress, completed, undoing};
use super::state::{BlockState, GateAnswer, GateState, Life, Phase, State, StepState};
use crate::base::{Digest, GateNo, HostName, Person, StepId, Timestamp};
use crate::event::{
    Action, Answer, Attempts, Command, Effect, Ended, Event, GateAsks, Judgement, KeptArtifact, Part, RunMode, RunOpened, Stage, StageWork,
};
use crate::plan::{action_digest, floor};

type Verdict = Result<(), Illegal>;

fn refuse<T>(why: impl Into<String>) -> Result<T, Illegal> {
    Err(Illegal { why: why.into() })
}

fn unless(holds: bool, why: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { refuse(why()) }
}

/// Whether an event may follow this state; at this time, where that is known yet.
pub fn check(state: &State, at: Option<Timestamp>, event: &Event) -> Verdict {
    life(state, event)?;
    match event {
        Event::RunOpened(_)
        | Event::HostReached { .. }
        | Event::HostUnreachable { .. }
        | Event::ApprovalRefused { .. }
        | Event::NoteAdded { .. }
        | Event::RunInterrupted { .. } => Ok(()),
        Event::StagePrepared { stage } => prepared(state, stage),
        Event::TurnsPlanned { block, turns } => {
            unless(!state.blocks.contains_key(block) && !turns.is_empty(), || format!("the turns of {block} are planned already, or none"))
        }
        Event::TurnsReordered { block, order } => reordered(state, block, order),
        Event::LookRepeated { block, turn, step } => repeated_look(state, block, *turn, step),
        Event::CallBegan { block, .. } => unless(!state.blocks.contains_key(block), || format!("the call {block} has begun already")),
        Event::StepSkipped { step, .. } => skipped(state, step),
        Event::StepRefused { step, .. } => untouched(state, step),
        Event::GateOpened { gate, asks } => gate_opened(state, *gate, asks),
        Event::ApprovalGiven { gate, person, key, instead_of, .. } => approval(state, *gate, (person, key, instead_of.as_deref()), at),
        Event::ApprovalDenied { gate, person, key, .. } => answer(state, *gate, person, key).map(|_| ()),
        Event::GateExpired { gate } => awaited(state, *gate).map(|_| ()),
        Event::ActionStarted { step, host, part, attempt, action, sends, gate } => {
            started(state, step, host, *part, *attempt)?;
            may_run(state, (step, host, *part), *action, *sends, *gate)
        }
        Event::ActionReattached { step, host, part, attempt } => {
            let orphaned = phase(state, step, host, *part, *attempt) == Some(&Phase::Orphaned);
            unless(orphaned, || format!("attempt {attempt} of {step} on {host} is not waiting to be asked about"))
        }
        Event::EvidenceKept { step, host, attempt, artifacts, .. } => kept(state, (step, host, *attempt), artifacts),
        Event::ActionEnded { step, host, part, attempt, ended } => {
            let running = phase(state, step, host, *part, *attempt) == Some(&Phase::Running);
            unless(running, || format!("attempt {attempt} of {step} on {host} is not running"))?;
            captured(state, (step, host, *attempt), *part, ended)
        }
        Event::WaitBegan { step, .. } => {
            let waits = stage(state, step)?.0.wait_until.is_none();
            unless(waits, || format!("{step} waits already"))
        }
        Event::RollbackBegan { step } => unless(state.rollback.is_none(), || format!("the rollback after {step} has begun already")),
        Event::RunConcluded { step, .. } => {
            let concludes = matches!(stage(state, step)?.1.work, StageWork::Conclude { .. });
            unless(concludes && state.concluded.is_none(), || format!("{step} does not conclude this run"))
        }
        Event::ReleaseBegan { .. } => unless(!state.is_anything_running(), || "something is still running".to_owned()),
        Event::ReleasedByHand { step, hosts, .. } => {
            let all = held(state);
            let is_held = |host: &HostName| all.iter().any(|held| held.release == *step && held.host == *host);
            unless(hosts.iter().all(is_held), || format!("{step} gives back nothing that is held on these hosts"))
        }
        Event::PersonAnswered { step, answer, .. } => answered(state, step, answer),
        Event::RunResumed { epoch, .. } => unless(*epoch == state.epoch + 1, || format!("expected epoch {}, got {epoch}", state.epoch + 1)),
        Event::RunClosed { .. } => unless(!state.is_anything_running(), || "something is still running".to_owned()),
    }
}

fn life(state: &State, event: &Event) -> Verdict {
    match (&state.life, event) {
        (Life::Unborn, Event::RunOpened(opened)) => opened_well(opened),
        (Life::Unborn, _) => refuse("a run begins with run_opened"),
        (_, Event::RunOpened(_)) => refuse("a run is opened once"),
        (Life::Running, _) => Ok(()),
        (Life::Interrupted(_), Event::RunResumed { .. } | Event::RunClosed { .. } | Event::NoteAdded { .. }) => Ok(()),
        (Life::Interrupted(_), Event::ReleasedByHand { .. }) => Ok(()),
        (Life::Interrupted(_), _) => refuse("the run is interrupted; it must be resumed first"),
        (Life::Closed(_), Event::NoteAdded { .. }) => refuse("the run is closed"),
        (Life::Closed(_), _) => refuse("the run is closed"),
    }
}

fn opened_well(opened: &RunOpened) -> Verdict {
    let is_elsewhere = opened.mode == RunMode::LiveDrill;
    unless(opened.hosts_from.is_some() == is_elsewhere, || {
        "only a drill on real hosts, and each of them, has hosts from elsewhere".to_owned()
    })?;
    unless(opened.rules.floors.contains_key("production"), || "the rules name no floor for production".to_owned())
}

fn untouched(state: &State, step: &StepId) -> Verdict {
    let Some(step_state) = state.steps.get(step) else { return Ok(()) };
    let begun = step_state.attempts.values().flatten().any(|attempt| attempt.round == step_state.round);
    unless(step_state.left_out.is_none() && !begun, || format!("{step} has begun already"))
}

/// A step is left out before it has begun, or where people have agreed to pass it over.
fn skipped(state: &State, id: &StepId) -> Verdict {
    untouched(state, id)?;
    let Some(Stage { gate: Some(gate), work: StageWork::Skip { .. }, .. }) = state.steps.get(id).and_then(|step| step.stage.as_ref())
    else {
        return Ok(());
    };
    unless(state.is_approved(*gate) && covers(state, *gate, id), || format!("nobody has agreed to pass over {id}"))
}

/// The same turns in another order.
fn reordered(state: &State, block: &StepId, new: &[u32]) -> Verdict {
    let Some(BlockState::Loop { order, .. }) = state.blocks.get(block) else { return refuse(format!("{block} has no turns yet")) };
    let sorted = |turns: &[u32]| {
        let mut turns = turns.to_vec();
        turns.sort_unstable();
        turns
    };
    unless(sorted(new) == sorted(order), || format!("{block} has other turns than these"))
}

/// Only what looks, and asks nobody, is looked at again.
fn repeated_look(state: &State, block: &StepId, turn: u32, id: &StepId) -> Verdict {
    let Some(BlockState::Loop { looked, .. }) = state.blocks.get(block) else { return refuse(format!("{block} has no turns yet")) };
    let stage = state.steps.get(id).and_then(|step| step.stage.as_ref());
    let only_looks = stage.is_none_or(|stage| stage.effect == Effect::Read && stage.gate.is_none());
    unless(only_looks && !looked.contains(&(turn, id.clone())), || format!("{id} is not looked at again before turn {turn} of {block}"))
}

fn prepared(state: &State, stage: &Stage) -> Verdict {
    let known = state.steps.get(&stage.step);
    let round = known.map_or(0, |step| step.round) + 1;
    unless(stage.round == round, || format!("expected round {round} of {}, got {}", stage.step, stage.round))?;
    unless(known.is_none_or(|step| step.stage.is_none() && step.left_out.is_none()), || format!("{} is prepared already", stage.step))?;
    let actions = stage.work.actions();
    for (index, action) in actions.iter().enumerate() {
        unless(actions[..index].iter().all(|other| other.host != action.host), || {
            format!("{} is named twice in {}", action.host, stage.step)
        })?;
        unless(action.digest == action_digest(stage, action), || {
            format!("the digest of {} on {} is not that of its text", stage.step, action.host)
        })?;
    }
    let most = match stage.attempts {
        Attempts::Free => stage.effect == Effect::Read,
        Attempts::AtMost(most) => most >= 1 && (most == 1 || stage.effect <= Effect::Idempotent),
    };
    unless(most, || format!("{} may not be attempted {}", stage.step, stage.attempts))
}

fn gate_opened(state: &State, gate: GateNo, asks: &GateAsks) -> Verdict {
    let is_free = |open: &GateState| match open.answer {
        GateAnswer::Withdrawn | GateAnswer::Expired => true,
        // in a loop it is asked once for each turn: what another turn was answered, or waits for, is for that turn alone
        GateAnswer::Approved | GateAnswer::Awaited => !asks.covers.iter().any(|step| open.asks.covers.contains(step)),
        GateAnswer::Denied { .. } => false,
    };
    unless(state.gates.get(&gate).is_none_or(is_free), || format!("gate {gate} is open already"))?;
    for step in &asks.covers {
        let (_, stage) = stage(state, step)?;
        unless(stage.gate == Some(gate), || format!("{step} does not stand behind gate {gate}"))?;
        let floor = floor_of(state, stage);
        unless(asks.slots.len() >= floor as usize, || format!("gate {gate} asks fewer people than the policy's {floor}"))?;
    }
    let standing_in = asks.instead.iter().flat_map(|instead| &instead.by);
    unless(asks.slots.iter().flatten().chain(standing_in).all(|person| !state.runners.contains(person)), || {
        format!("gate {gate} asks the one who runs it")
    })
}

fn floor_of(state: &State, stage: &Stage) -> u32 {
    state.opened.as_ref().map_or(u32::MAX, |(_, opened)| floor(&opened.rules, stage))
}

fn awaited(state: &State, gate: GateNo) -> Result<&GateState, Illegal> {
    match state.gates.get(&gate) {
        Some(open) if open.answer == GateAnswer::Awaited => Ok(open),
        Some(_) | None => refuse(format!("gate {gate} awaits no answer")),
    }
}

fn answer<'a>(state: &'a State, gate: GateNo, person: &Person, key: &str) -> Result<&'a GateState, Illegal> {
    let open = awaited(state, gate)?;
    let runner =
        state.runners.contains(person) || state.opened.as_ref().is_some_and(|(_, opened)| opened.requester_key.as_deref() == Some(key));
    unless(!runner, || format!("{person} runs it and cannot answer gate {gate}"))?;
    Ok(open)
}

fn approval(state: &State, gate: GateNo, (person, key, instead_of): (&Person, &str, Option<&str>), at: Option<Timestamp>) -> Verdict {
    let open = answer(state, gate, person, key)?;
    match instead_of {
        None => unless(open.asks.slots.iter().any(|slot| slot.contains(person)), || format!("gate {gate} does not ask {person}"))?,
        Some(of) => stands_in(open, gate, (person, of), at)?,
    }
    let fresh = open.approvals.iter().all(|given| given.person != *person && given.key != key);
    unless(fresh, || format!("{person} or their key has approved gate {gate} already"))
}

fn stands_in(open: &GateState, gate: GateNo, (person, of): (&Person, &str), at: Option<Timestamp>) -> Verdict {
    let instead = open.asks.instead.as_ref().filter(|instead| instead.of == of && instead.by.contains(person));
    let Some(instead) = instead else { return refuse(format!("gate {gate} does not ask {person} in the place of {of}")) };
    let early = at.is_some_and(|at| at < instead.from);
    unless(!early, || format!("{person} stands in for {of} at gate {gate} from {} on, and not before", instead.from.to_seconds()))
}

/// A step that was never rendered cannot be passed over: nobody could be shown what is left out.
fn answered(state: &State, step: &StepId, answer: &Answer) -> Verdict {
    let known = state.step(step);
    match answer {
        Answer::GoOn => unless(known.stage.is_some(), || format!("{step} was never rendered, and cannot be passed over")),
        Answer::Done { facts, .. } => {
            let Some(Stage { work: StageWork::Manual { answers, .. }, .. }) = &known.stage else {
                return refuse(format!("{step} is not done by a person"));
            };
            let missing = answers.iter().find(|asked| !facts.contains_key(&asked.name));
            missing.map_or(Ok(()), |asked| refuse(format!("{step} asks for `{}`, which was not given back", asked.name)))
        }
        Answer::Chosen { option } => {
            let Some(Stage { work: StageWork::Choose { options, .. }, .. }) = &known.stage else {
                return refuse(format!("nothing is chosen at {step}"));
            };
            unless(options.iter().any(|(name, _)| name == option), || format!("{step} has no option `{option}`"))
        }
        Answer::Undone { .. } => unless(state.rollback.is_some(), || format!("nothing is being undone, so {step} was not")),
        Answer::NotDone { .. } | Answer::Retry | Answer::Stop | Answer::RollBack | Answer::Release | Answer::Keep => Ok(()),
    }
}

fn stage<'a>(state: &'a State, step: &StepId) -> Result<(&'a StepState, &'a Stage), Illegal> {
    let known = state.steps.get(step).filter(|step| step.left_out.is_none());
    match known.and_then(|step| Some((step, step.stage.as_ref()?))) {
        Some(found) => Ok(found),
        None => refuse(format!("{step} is not prepared")),
    }
}

fn phase<'a>(state: &'a State, step: &StepId, host: &HostName, part: Part, number: u32) -> Option<&'a Phase> {
    let attempts = state.steps.get(step)?.attempts.get(host)?;
    attempts.iter().find(|attempt| attempt.part == part && attempt.number == number).map(|attempt| &attempt.phase)
}

/// The attempt is the next one, and there are not too many of them.
fn started(state: &State, id: &StepId, host: &HostName, part: Part, number: u32) -> Verdict {
    let step = state.steps.get(id).ok_or_else(|| Illegal { why: format!("{id} is not prepared") })?;
    let attempts = step.attempts.get(host).map_or(&[][..], Vec::as_slice);
    let open = attempts.iter().any(|attempt| matches!(attempt.phase, Phase::Running | Phase::Orphaned));
    unless(!open, || format!("an attempt of {id} on {host} is still open"))?;
    let next = attempts.iter().filter(|attempt| attempt.part == part).count() as u32 + 1;
    unless(number == next, || format!("expected attempt {next} of {id} on {host}, got {number}"))?;
    if part == Part::Undo {
        return Ok(()); // `undoes` says whether it may
    }
    let (_, stage) = stage(state, id)?;
    let mains = attempts.iter().filter(|attempt| attempt.part == Part::Main && attempt.round == stage.round).count() as u32;
    let room = match (part, stage.attempts) {
        (Part::Look, _) | (Part::Main | Part::Undo, Attempts::Free) => true,
        (Part::Main | Part::Undo, Attempts::AtMost(most)) => mains < most,
    };
    unless(room, || format!("{id} on {host} may run {}", stage.attempts))
}

/// What is started is what was prepared, in a place that was proven, behind its gate.
/// Evidence is of a capture that is at work, and of what that was to keep; once.
fn kept(state: &State, (id, host, attempt): (&StepId, &HostName, u32), artifacts: &[KeptArtifact]) -> Verdict {
    let running = phase(state, id, host, Part::Main, attempt) == Some(&Phase::Running);
    unless(running, || format!("attempt {attempt} of {id} on {host} is not running"))?;
    let (known, stage) = stage(state, id)?;
    let keeps = stage.work.commands().iter().find(|action| action.host == *host).map_or(&[][..], |action| action.keeps.as_slice());
    let same = !keeps.is_empty() && keeps.iter().map(|keep| &keep.name).eq(artifacts.iter().map(|kept| &kept.name));
    unless(same && !known.evidence.contains_key(&(host.clone(), attempt)), || {
        format!("{id} on {host} was to keep other evidence, or has kept it already")
    })
}

/// A capture went well only where all that it was to keep is on record.
fn captured(state: &State, (id, host, attempt): (&StepId, &HostName, u32), part: Part, ended: &Ended) -> Verdict {
    let (known, stage) = match (part, stage(state, id)) {
        (Part::Main, Ok(found)) => found,
        (Part::Look | Part::Main | Part::Undo, _) => return Ok(()),
    };
    let captures = stage.work.commands().iter().any(|action| action.host == *host && !action.keeps.is_empty());
    unless(!captures || ended.judgement != Judgement::Met || has_whole(known, host, attempt), || {
        format!("{id} on {host} went well, and its evidence is not on record")
    })
}

fn may_run(state: &State, (id, host, part): (&StepId, &HostName, Part), digest: Digest, sends: Digest, gate: Option<GateNo>) -> Verdict {
    if part == Part::Undo {
        return undoes(state, (id, host), digest, sends, gate);
    }
    let (_, stage) = stage(state, id)?;
    let looks = part == Part::Look || !matches!(stage.work, StageWork::Withheld { .. });
    unless(looks, || format!("{id} is withheld, and only whether it is done already is looked at"))?;
    let Some(action) = stage.work.startable().iter().find(|action| action.host == *host) else {
        return refuse(format!("{id} does not name {host}"));
    };
    unless(action.digest == digest, || format!("{id} on {host} is not what was prepared"))?;
    unless(action.part(part).map(Command::sends) == Some(sends), || format!("{id} on {host} sends other bytes than were prepared"))?;
    unless(action.place.is_some(), || format!("{host} was not reached"))?;
    unless(stage.gate == gate, || format!("{id} stands behind another gate"))?;
    let needs_gate = stage.gate.is_some() || floor_of(state, stage) > 0;
    let real = state.opened.as_ref().is_some_and(|(_, opened)| opened.mode != RunMode::DryRun);
    let real = real || stage.effect == Effect::Read || part == Part::Look;
    unless(real, || format!("{id} changes something, and this is a dry run"))?;
    let covered = stage.gate.is_some_and(|gate| state.is_approved(gate) && covers(state, gate, id));
    unless(!needs_gate || covered, || format!("{id} on {host} is not approved"))?;
    let lacking = if part == Part::Main { lacks(state, stage, action) } else { None };
    lacking.map_or(Ok(()), refuse)
}

fn covers(state: &State, gate: GateNo, step: &StepId) -> bool {
    state.gates.get(&gate).is_some_and(|gate| gate.asks.covers.contains(step))
}

/// An undo was approved together with what it undoes: it may run once that has gone well, and not again once it has gone well itself.
fn undoes(state: &State, (id, host): (&StepId, &HostName), digest: Digest, sends: Digest, gate: Option<GateNo>) -> Verdict {
    unless(state.rollback.is_some(), || format!("nothing is being undone, and {id} must not be"))?;
    let known = state.step(id);
    let of_action = |(_, action): &(&Stage, &Action)| action.host == *host && action.digest == digest;
    let Some((stage, action)) = completed(&known).into_iter().find(of_action) else {
        return refuse(format!("{id} on {host} did not go well, and is not undone"));
    };
    unless(action.part(Part::Undo).map(Command::sends) == Some(sends) && stage.gate == gate, || {
        format!("the undo of {id} on {host} is not what was prepared")
    })?;
    unless(undoing(action, &known) == Progress::Next(Part::Undo), || format!("{id} on {host} is undone already, or its undo has begun"))
}
