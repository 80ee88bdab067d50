//! What can be known to be wrong with a step's evidence before it runs: none where the policy asks for it, or none of the hosts that it destroys.

use std::collections::BTreeSet;

use super::evidence::named_capture;
use super::program::{Program, ProgramStep};
use crate::base::HostName;
use crate::event::Effect;
use crate::library::Selector;
use crate::runbook::EvidenceText;
use crate::text::{Diagnostics, Source};

/// Adds the problems of one step. The codes are RB515 and RB518.
pub(super) fn check(program: &Program, step: &ProgramStep, found: &mut Diagnostics) {
    let source = &program.frames[step.frame].runbook.source;
    match &step.step.evidence {
        Some(EvidenceText::Waived { .. }) => {}
        Some(EvidenceText::From(named)) => named.iter().for_each(|name| match named_capture(program, step, &name.value) {
            Err(why) => {
                let help = "name a capture that stands before this step, in the same loops or in none";
                found.error("RB518", source, name.span, why).label("no evidence comes from there").help(help);
            }
            Ok(capture) => of_same_hosts(program, (step, capture), name.span, source, found),
        }),
        None if step.effect == Effect::Destructive => required(program, step, source, found),
        None => {}
    }
}

/// Every host that is destroyed on is one of which the capture keeps something.
fn of_same_hosts(
    program: &Program,
    (step, capture): (&ProgramStep, &ProgramStep),
    span: crate::text::Span,
    source: &Source,
    found: &mut Diagnostics,
) {
    let (Some(destroyed), Some(kept)) = (known_hosts(program, step), known_hosts(program, capture)) else { return };
    if let Some(host) = destroyed.difference(&kept).next() {
        let message = format!("`{}` keeps nothing of {host}, on which this step runs", capture.id);
        found
            .error("RB518", source, span, message)
            .label(format!("no evidence of {host}"))
            .help("give the capture the same `hosts:`, or name one more capture");
    }
}

fn required(program: &Program, step: &ProgramStep, source: &Source, found: &mut Diagnostics) {
    let rules = &program.policy.rules;
    let environment = |host: &HostName| program.inventory.hosts.get(host).map_or("production", |host| host.environment.as_str());
    let all: BTreeSet<HostName> = program.inventory.hosts.keys().cloned().collect();
    let hosts = known_hosts(program, step).unwrap_or(all);
    let Some(environment) = hosts.iter().map(environment).find(|environment| rules.asks_evidence(environment)) else { return };
    found
        .error("RB515", source, step.step.name.span, format!("the policy asks for evidence before information is destroyed in {environment}"))
        .label("says nothing of evidence")
        .help("add a step with `capture:` on the same hosts before it, and `evidence: ITS-ID` here; or `evidence: {waive: \"why\"}`, which two others approve");
}

/// The hosts of a step, where they are known before it runs.
fn known_hosts(program: &Program, step: &ProgramStep) -> Option<BTreeSet<HostName>> {
    let hosts = step.step.hosts.as_ref().filter(|hosts| !hosts.value.contains("{{"))?;
    let targets: Vec<_> = program.targets(step.frame).collect();
    let is_known = targets.iter().all(|(_, selector)| !selector.contains("{{"));
    let selected = Selector::parse(&hosts.value).and_then(|selector| selector.resolve(&program.inventory, &targets));
    selected.ok().filter(|_| is_known).map(|hosts| hosts.into_iter().collect())
}
