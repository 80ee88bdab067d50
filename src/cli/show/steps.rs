//! The steps of a runbook as people read them: each with its gate, its words and its own work as written. Renders no template.

use std::collections::BTreeMap;

use super::page::{gate_words, parameter};
use crate::event::Effect;
use crate::plan::words::{conclusion, facts};
use crate::runbook::{Runbook, Step, Work};
use crate::views::{Line, Page, Tone};

/// Runbooks that steps call; empty where only the calls themselves are shown.
pub struct Called<'r> {
    pub runbooks: &'r BTreeMap<String, Runbook>,
}

impl Called<'_> {
    /// All steps of a list, each with those within it.
    pub fn steps(&self, page: &mut Page, steps: &[Step], prefix: &str, indent: &str) {
        for (index, step) in steps.iter().enumerate() {
            self.step(page, step, &format!("{prefix}{}", index + 1), indent);
        }
    }

    fn step(&self, page: &mut Page, step: &Step, number: &str, indent: &str) {
        let deeper = format!("{indent}  ");
        page.push(Line::new());
        if step.no_return.is_some() {
            page.push(Line::new().with(Tone::Bad, format!("{indent}── point of no return: from here on nothing is rolled back ──")));
        }
        page.lines.extend(step_lines(step, number, indent));
        match &step.work {
            Work::Block(block) => {
                self.steps(page, &block.steps, &format!("{number}."), &deeper);
                self.part(page, "where a step of it failed", &block.rescue, &format!("{number}.rescue."), indent);
                self.part(page, "in the end, however it went", &block.always, &format!("{number}.always."), indent);
            }
            Work::Choose { options, .. } => {
                for (index, option) in options.iter().enumerate() {
                    self.part(
                        page,
                        &format!("if {} is chosen", option.name.value),
                        &option.steps,
                        &format!("{number}.{}.", index + 1),
                        indent,
                    );
                }
            }
            Work::Call { runbook, .. } => {
                // a runbook that calls itself is refused before it runs; its page must end all the same
                if let Some(called) = self.runbooks.get(&runbook.value).filter(|_| indent.len() < 40) {
                    self.steps(page, &called.steps, &format!("{number}."), &deeper);
                    let after = format!("{number}.{}.", called.steps.len() + 1);
                    self.part(page, "after its point of no return, where a step failed", &called.after_no_return, &after, indent);
                }
            }
            Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot => {}
            Work::Manual { .. } | Work::Wait { .. } | Work::Conclude { .. } => {}
        }
    }

    fn part(&self, page: &mut Page, title: &str, steps: &[Step], prefix: &str, indent: &str) {
        if steps.is_empty() {
            return;
        }
        page.push(Line::new());
        page.push(Line::new().with(Tone::Strong, format!("{indent}   {title}")));
        self.steps(page, steps, prefix, &format!("{indent}  "));
    }
}

fn step_lines(step: &Step, number: &str, indent: &str) -> Vec<Line> {
    let (say, tail) = (format!("{indent}   "), tail(step));
    let mut lines =
        vec![Line::new().plain(format!("{indent}{number} ")).with(Tone::Strong, step.name.value.clone()).with(Tone::Quiet, tail)];
    let prose = step.why.iter().flat_map(|why| why.trim_end().lines());
    lines.extend(prose.map(|line| Line::new().plain(format!("{say}{line}"))));
    lines.extend(step.gate.iter().flat_map(gate_words).map(|words| Line::new().with(Tone::Waits, format!("{say}{words}"))));
    lines.extend(facts(step).into_iter().map(|fact| Line::new().with(Tone::Quiet, format!("{say}{fact}"))));
    if let Work::Manual { answers, .. } = &step.work {
        lines.extend(answers.iter().map(|answer| Line::new().with(Tone::Quiet, format!("{say}asks for {}", parameter(answer)))));
    }
    lines.extend(step.written_lines().into_iter().map(|line| Line::new().with(Tone::Command, format!("{say}{line}"))));
    lines
}

/// What is said beside the name: the effect, or how it ends the run.
fn tail(step: &Step) -> String {
    if let Work::Conclude { conclusion: end, .. } = &step.work {
        return format!(" · ends the run: {}", conclusion(*end));
    }
    step.effect().map_or(String::new(), |effect| format!(" · {effect}{}", promise(effect)))
}

fn promise(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => ", only looks",
        Effect::Idempotent => ", may be repeated",
        Effect::Once => ", never started twice",
        Effect::Destructive => ", never started twice, destroys information",
    }
}
