//! Where a step runs, in both revisions: selectors as the hosts that they name, where that can be known. Contacts no host.

use std::collections::BTreeSet;

use super::placed::Placed;
use super::{How, StepChange, Weight, list};
use crate::base::HostName;
use crate::library::{Inventory, Selector};
use crate::plan::{Parameters, Scope, plain};
use crate::runbook::{Runbook, Work};

/// More names than this are counted.
const NAMED: usize = 8;

type Side<'a> = (&'a Runbook, &'a Inventory);

/// Hosts that are new to a step, or gone from it.
pub fn changes(one: &Placed<'_>, old: Side<'_>, other: &Placed<'_>, new: Side<'_>) -> Vec<StepChange> {
    let nowhere = |step: &Placed<'_>| {
        matches!(step.written.work, Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } | Work::Choose { .. })
    };
    if !one.acts() || !other.acts() || nowhere(one) || nowhere(other) {
        return Vec::new();
    }
    let text = |step: &Placed<'_>| said(step).as_ref().map_or(String::new(), |hosts| hosts.value.clone());
    let (was, is) = (text(one), text(other));
    match (named(&was, old), named(&is, new)) {
        (Some(was), Some(is)) => by_name(&was, &is),
        (None | Some(_), None | Some(_)) if was == is => Vec::new(),
        (None | Some(_), None | Some(_)) => {
            let said = |verbs: super::Verbs| {
                format!("now {} on `{is}`, before on `{was}`: nobody can know before the run whether that is more", verbs.runs)
            };
            vec![StepChange::new(Weight::Dangerous, "hosts", How::Changed, said)]
        }
    }
}

/// Its own selector or its block's; a person's work is only where it says so itself.
fn said<'s>(step: &'s Placed<'_>) -> &'s Option<crate::text::Spanned<String>> {
    if matches!(step.written.work, Work::Manual { .. }) { &step.written.hosts } else { &step.step.hosts }
}

fn by_name(was: &BTreeSet<HostName>, is: &BTreeSet<HostName>) -> Vec<StepChange> {
    let more: Vec<&str> = is.difference(was).map(HostName::as_str).collect();
    let less: Vec<&str> = was.difference(is).map(HostName::as_str).collect();
    let mut changes = Vec::new();
    if !more.is_empty() {
        let names = in_short(&more);
        changes.push(StepChange::new(Weight::Dangerous, "hosts", How::Weaker, |verbs| format!("now also {} on {names}", verbs.runs)));
    }
    if !less.is_empty() {
        let names = in_short(&less);
        changes.push(StepChange::new(Weight::Different, "hosts", How::Stronger, |verbs| {
            format!("{} not run on {names} any more", verbs.does)
        }));
    }
    changes
}

fn in_short(names: &[&str]) -> String {
    match names.split_at_checked(NAMED) {
        Some((first, rest)) if !rest.is_empty() => format!("{} and {} more hosts", first.join(", "), rest.len()),
        Some(_) | None => list(names.iter().copied()),
    }
}

/// The hosts of a selector, its parameters at their defaults; `None` where results decide, or it names none.
fn named(text: &str, (runbook, inventory): Side<'_>) -> Option<BTreeSet<HostName>> {
    if text.is_empty() {
        return Some(BTreeSet::new());
    }
    let parameters = Parameters::defaults(runbook, inventory);
    let text = plain(text, &Scope::new(parameters.given(), [])).ok()?;
    let targets: Vec<(&str, &str)> =
        runbook.targets.iter().map(|(name, selector)| (name.value.as_str(), selector.value.as_str())).collect();
    let hosts = Selector::parse(&text).and_then(|selector| selector.resolve(inventory, &targets)).ok()?;
    Some(hosts.into_iter().collect())
}
