//! What can be known to be wrong with the targets of a runbook, and of those that it calls, before it runs. Resolves none that a template names.

use std::collections::BTreeSet;

use super::places;
use super::program::Program;
use super::remedies::{Written, remedy, sentence};
use super::template::{check_plain, names_in_template};
use crate::library::{Fault, Selector};
use crate::runbook::Runbook;
use crate::text::Diagnostics;

/// Adds the problems of the targets of each runbook that is used, once. The codes are RB320, RB501 and RB503.
pub(super) fn check(program: &Program, found: &mut Diagnostics) {
    let mut seen = BTreeSet::new();
    for (number, frame) in program.frames.iter().enumerate() {
        if seen.insert(frame.runbook.name.value.as_str()) {
            names(&frame.runbook, found);
            selectors(program, number, found);
        }
    }
}

/// A target is the same wherever it is used, so it may use parameters alone.
fn names(runbook: &Runbook, found: &mut Diagnostics) {
    for (_, selector) in &runbook.targets {
        if let Err(error) = check_plain(&selector.value) {
            let (label, help) = remedy(&selector.value, &error, Written::Template);
            found.error("RB501", &runbook.source, selector.span, sentence(&error, Written::Template)).label(label).help(help);
            continue;
        }
        let names = names_in_template(&selector.value).unwrap_or_default();
        for name in names.iter().filter(|name| !runbook.parameters.iter().any(|parameter| parameter.name.value == **name)) {
            let message = format!("`{name}` is no parameter of this runbook");
            let help = "a target can use parameters alone; what an earlier step found stands in the step's own `hosts:`";
            let span = places::of_name(&runbook.source, selector, name, true);
            found.error("RB503", &runbook.source, span, message).label("no parameter").help(help);
        }
    }
}

/// Each is told where it is wrong itself; of targets in a circle the first.
fn selectors(program: &Program, frame: usize, found: &mut Diagnostics) {
    let runbook = &program.frames[frame].runbook;
    let targets: Vec<_> = program.targets(frame).collect();
    let mut is_circle_told = false;
    for (_, selector) in runbook.targets.iter().filter(|(_, selector)| !selector.value.contains("{{")) {
        let resolved = Selector::parse(&selector.value).and_then(|parsed| parsed.resolve(&program.inventory, &targets));
        let Err(error) = resolved else { continue };
        let is_told = error.fault == Fault::OfTarget || (error.fault == Fault::Circle && is_circle_told);
        is_circle_told |= error.fault == Fault::Circle;
        if !is_told {
            found.push(error.diagnostic(&runbook.source, selector.span));
        }
    }
}
