//! The text form of what will be done: what is displayed is what is hashed, signed and executed. Never shortens anything.
//!
//! One step is a line that begins with `step`; each group of hosts that get the same commands follows as lines that begin with
//! `  on`, then the commands' lines: `  | ` for the difference that they make, `  ? ` for the look of `done_when`, `  $ ` for the command itself, `  ~ ` for its way back. `  > ` is
//! what a person is told, `  - ` what there is to choose, `  < ` what must be given back, `  = ` a conclusion, `  * ` what a
//! capture keeps, `  ! ` what evidence is needed first. Every line is ASCII by `base::ascii`.

use crate::base::{Digest, ascii};
use crate::event::{Action, Artifact, ArtifactSource, Command, Effect, EvidenceNeed, Stage, StageWork};

/// The text form of a stage, one element a line, without newlines.
pub fn stage_lines(stage: &Stage) -> Vec<String> {
    let mut lines = vec![step_line(stage)];
    match &stage.work {
        StageWork::Commands { actions, .. } => lines.extend(action_lines(stage, actions)),
        StageWork::Skip { why, actions } => {
            lines.push(format!("  (passed over: nothing of it runs. {})", ascii(why.as_bytes())));
            lines.extend(action_lines(stage, actions));
        }
        StageWork::Withheld { says, actions } => {
            lines.push(format!("  ({})", ascii(says.as_bytes())));
            lines.extend(action_lines(stage, actions));
        }
        StageWork::Manual { instructions, answers, undo } => {
            lines.extend(marked(">", instructions.as_bytes()));
            lines.extend(answers.iter().map(|answer| format!("  < {}, {}", answer.name, ascii(answer.expects.as_bytes()))));
            lines.extend(undo.iter().flat_map(|undo| marked("~", undo.as_bytes())));
        }
        StageWork::Choose { question, options } => {
            lines.extend(marked(">", question.as_bytes()));
            lines.extend(options.iter().map(|(name, why)| {
                let why = why.as_ref().map_or(String::new(), |why| format!(": {}", ascii(why.trim().as_bytes())));
                format!("  - {name}{why}")
            }));
        }
        StageWork::Wait { period } => lines.push(format!("  wait {period}")),
        StageWork::Conclude { sentence, .. } => lines.extend(marked("=", sentence.as_bytes())),
    }
    lines
}

/// SHA-256 over `runbook-action-v1` and the lines that say this action alone, each ended by a newline.
pub fn action_digest(stage: &Stage, action: &Action) -> Digest {
    let mut text = format!("runbook-action-v1\n{}\n{}\n", step_line(stage), on_line(action));
    for line in command_lines(stage, action) {
        text.push_str(&line);
        text.push('\n');
    }
    Digest::of(text.as_bytes())
}

fn step_line(stage: &Stage) -> String {
    let name = ascii(stage.name.as_bytes());
    match stage.effect {
        Effect::Read => format!("step {} {} \"{name}\" read", stage.number, stage.step),
        Effect::Idempotent | Effect::Once | Effect::Destructive => {
            format!("step {} {} \"{name}\" {}, {}", stage.number, stage.step, stage.effect, stage.attempts)
        }
    }
}

fn on_line(action: &Action) -> String {
    let place =
        action.place.as_ref().map_or("(not reached yet)".to_owned(), |place| format!("{} {}", ascii(place.login.as_bytes()), place.key));
    let user = action.command.r#become.as_ref().map_or(String::new(), |user| format!(", as {}", ascii(user.as_bytes())));
    let environment = ascii(action.environment.as_bytes());
    format!("  on {} = {place}, {environment}{user}, {}, timeout {}", action.host, ascii(action.command.shell.as_bytes()), action.timeout)
}

fn action_lines(stage: &Stage, actions: &[Action]) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, action) in actions.iter().enumerate() {
        lines.push(on_line(action));
        let commands = command_lines(stage, action);
        if actions.get(index + 1).is_none_or(|next| command_lines(stage, next) != commands) {
            lines.extend(commands);
        }
    }
    lines
}

fn command_lines(stage: &Stage, action: &Action) -> Vec<String> {
    let lines = |mark: &'static str, command: &Command| {
        let script = command.script.as_slice();
        marked(mark, script.strip_suffix(b"\n").unwrap_or(script))
    };
    let mut all: Vec<String> =
        evidence_line(&stage.evidence).into_iter().chain(kept_lines(action).into_iter().map(|line| format!("  * {line}"))).collect();
    all.extend(action.shows.iter().flat_map(|shows| marked("|", shows.as_slice())));
    all.extend(action.done_when.iter().flat_map(|look| lines("?", look)));
    all.extend(lines("$", &action.command));
    all.extend(action.undo.iter().flat_map(|undo| lines("~", undo)));
    all
}

fn evidence_line(need: &EvidenceNeed) -> Option<String> {
    match need {
        EvidenceNeed::NotAsked => None,
        EvidenceNeed::From(captures) => {
            let captures: Vec<&str> = captures.iter().map(crate::base::StepId::as_str).collect();
            Some(format!("  ! only after evidence of the same host from {}", captures.join(", ")))
        }
        EvidenceNeed::Waived { reason } => Some(format!("  ! without evidence, waived: {}", ascii(reason.as_bytes()))),
    }
}

/// What a capture keeps, a line an artifact; nothing for any other action.
pub fn kept_lines(action: &Action) -> Vec<String> {
    action.keeps.iter().map(kept_line).collect()
}

fn kept_line(artifact: &Artifact) -> String {
    let source = match &artifact.source {
        ArtifactSource::Command(command) => format!("the output of {}", ascii(command.as_slice())),
        ArtifactSource::File(path) | ArtifactSource::Files(path) => ascii(path.as_slice()),
    };
    let last = artifact.last.map_or(String::new(), |last| format!(", its last {last} bytes"));
    format!("keep {} = {source}{last}, at most {} bytes", artifact.name, artifact.most)
}

fn marked(mark: &str, text: &[u8]) -> Vec<String> {
    text.split(|&byte| byte == b'\n').map(|line| format!("  {mark} {}", ascii(line))).collect()
}
