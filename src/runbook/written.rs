//! A step's own work as lines, as its author wrote it and in the manner of a plan. Never renders a template.

use super::{ArtifactOrigin, EvidenceText, PutContent, Step, Work};

impl Step {
    /// What the step does, a line each, marked as in a plan: `? ` a look, `$ ` a command, `> ` words to a person, `~ ` the way back, `! ` what evidence is needed first.
    pub fn written_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.evidence.iter().map(needed).collect();
        lines.extend(self.done_when.iter().flat_map(|look| marked("?", &look.value)));
        match &self.work {
            Work::Run { command, .. } | Work::Check { command, .. } => lines.extend(marked("$", &command.value)),
            Work::Script { file, .. } => lines.push(format!("$ scripts/{}", file.value)),
            Work::Capture { artifacts } => lines.extend(artifacts.iter().map(|artifact| {
                let last = artifact.last.as_ref().map_or(String::new(), |last| format!(", its last {} bytes", last.value));
                match &artifact.origin {
                    ArtifactOrigin::Run(command) => format!("keep {} = $ {}{last}", artifact.name.value, command.value.trim()),
                    ArtifactOrigin::File(path) => format!("keep {} = {}{last}", artifact.name.value, path.value),
                }
            })),
            Work::Put(put) => {
                lines.push(format!("write {}", put.to.value));
                match &put.content {
                    PutContent::Content(text) => lines.extend(marked("+", &text.value)),
                    PutContent::File(file) => lines.push(format!("+ scripts/{}", file.value)),
                    PutContent::Template(file) => lines.push(format!("+ scripts/{}, values inserted", file.value)),
                }
            }
            Work::Reboot => lines.push("restart the host, and wait until it has started anew".to_owned()),
            Work::Manual { instructions, answers } => {
                lines.extend(marked(">", &instructions.value));
                lines.extend(answers.iter().map(|answer| format!("< {}", answer.name.value)));
            }
            Work::Choose { question, options } => {
                lines.extend(marked(">", &question.value));
                lines.extend(options.iter().map(|option| match &option.why {
                    Some(why) => format!("- {}: {}", option.name.value, why.trim()),
                    None => format!("- {}", option.name.value),
                }));
            }
            Work::Wait { period } => lines.push(format!("wait {}", period.value)),
            Work::Call { runbook, with } => {
                let with: Vec<String> = with.iter().map(|(name, value)| format!(" {}={}", name.value, value.value)).collect();
                lines.push(format!("call {}{}", runbook.value, with.concat()));
            }
            Work::Conclude { sentence, .. } => lines.extend(marked("=", &sentence.value)),
            Work::Block(block) => {
                if let Some(bracket) = &block.bracket {
                    lines.extend(marked("$", &bracket.acquire.value));
                    lines.extend(marked("~", &bracket.release.value));
                }
            }
        }
        lines.extend(self.undo.iter().flat_map(|undo| marked("~", &undo.value)));
        lines
    }
}

fn needed(evidence: &EvidenceText) -> String {
    match evidence {
        EvidenceText::From(captures) => {
            let captures: Vec<&str> = captures.iter().map(|capture| capture.value.as_str()).collect();
            format!("! only after evidence of the same host from {}", captures.join(", "))
        }
        EvidenceText::Waived { reason } => format!("! without evidence, waived: {}", reason.value.trim()),
    }
}

fn marked(mark: &str, text: &str) -> Vec<String> {
    text.trim_end().lines().map(|line| format!("{mark} {line}")).collect()
}
