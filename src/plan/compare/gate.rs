//! The gate before a step, in both revisions: gone, weaker, stronger. Knows no policy: its floor is the same for both.

use std::collections::BTreeSet;

use super::placed::Placed;
use super::{How, StepChange, Verbs, Weight, list};
use crate::base::Period;
use crate::plan::DEFAULT_EXPIRY;
use crate::runbook::Gate;

/// What differs in the gate that covers a step.
pub fn changes(one: &Placed<'_>, other: &Placed<'_>) -> Vec<StepChange> {
    if one.written.is_block() {
        return Vec::new(); // told of the steps within
    }
    match (one.gate, other.gate) {
        (None, None) => Vec::new(),
        (Some(was), None) => {
            let was = people(was);
            let said =
                |verbs: Verbs| format!("{} behind no gate of the author's any more, before {was}; the policy alone decides", verbs.is);
            vec![StepChange::new(Weight::Dangerous, "gate", How::Removed, said)]
        }
        (None, Some(is)) => {
            let is = people(is);
            vec![StepChange::new(Weight::Different, "gate", How::Added, |verbs| format!("{} now behind a gate: {is}", verbs.is))]
        }
        (Some(was), Some(is)) => {
            [approvals(was, is), from(was, is), expires(was, is), instead(was, is), ask(was, is)].into_iter().flatten().collect()
        }
    }
}

fn change(how: How, said: impl Fn(Verbs) -> String) -> StepChange {
    let weight = if how == How::Weaker { Weight::Dangerous } else { Weight::Different };
    StepChange::new(weight, "gate", how, said)
}

/// `2 of dba, sre`.
fn people(gate: &Gate) -> String {
    format!("{} of {}", gate.approvals.value, who(gate))
}

fn who(gate: &Gate) -> String {
    let names = |list: &Vec<crate::text::Spanned<String>>| list.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(", ");
    match gate.from.as_slice() {
        [] => "anybody on the roster".to_owned(),
        [only] => names(only),
        several => list(several.iter().map(|slot| format!("one of {}", names(slot))).collect::<Vec<_>>().iter().map(String::as_str)),
    }
}

fn approvals(was: &Gate, is: &Gate) -> Option<StepChange> {
    let (before, now) = (was.approvals.value, is.approvals.value);
    let how = match now.cmp(&before) {
        std::cmp::Ordering::Less => How::Weaker,
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Greater => How::Stronger,
    };
    let s = if now == 1 { "" } else { "s" };
    Some(change(how, |verbs| format!("now {} {now} approval{s}, before {before}", verbs.needs)))
}

fn from(was: &Gate, is: &Gate) -> Option<StepChange> {
    let slots = |gate: &Gate| -> BTreeSet<BTreeSet<String>> {
        gate.from.iter().map(|slot| slot.iter().map(|name| name.value.clone()).collect()).collect()
    };
    let (before, now) = (slots(was), slots(is));
    if before == now {
        return None;
    }
    let all = |slots: &BTreeSet<BTreeSet<String>>| -> BTreeSet<String> { slots.iter().flatten().cloned().collect() };
    let more_people = !before.is_empty() && (now.is_empty() || !all(&now).is_subset(&all(&before)));
    let how = match (more_people || now.len() < before.len(), all(&now).is_subset(&all(&before)) || before.is_empty()) {
        (true, _) => How::Weaker,
        (false, true) => How::Stronger,
        (false, false) => How::Changed,
    };
    let (before, now) = (who(was), who(is));
    Some(change(how, |_| format!("may now be approved by {now}, before by {before}")))
}

fn expires(was: &Gate, is: &Gate) -> Option<StepChange> {
    let open = |gate: &Gate| gate.expires.as_ref().map_or(DEFAULT_EXPIRY, |expires| expires.value);
    let (before, now): (Period, Period) = (open(was), open(is));
    let how = match now.as_millis().cmp(&before.as_millis()) {
        std::cmp::Ordering::Less => How::Stronger,
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Greater => How::Weaker,
    };
    Some(change(how, |_| format!("may now be approved for {now} after it was asked, before for {before}")))
}

fn instead(was: &Gate, is: &Gate) -> Option<StepChange> {
    let said = |gate: &Gate| gate.instead.as_ref().map(|one| format!("{} for {} after {}", one.by.value, one.of.value, one.after.value));
    let how = match (said(was), said(is)) {
        (before, now) if before == now => return None,
        (Some(_), None) => How::Stronger,
        (None | Some(_), Some(_)) | (None, None) => How::Weaker,
    };
    let (before, now) = (said(was).unwrap_or("nobody".to_owned()), said(is).unwrap_or("nobody".to_owned()));
    Some(change(how, |_| format!("may now be approved in place of others by {now}, before by {before}")))
}

fn ask(was: &Gate, is: &Gate) -> Option<StepChange> {
    let differs = was.ask.as_deref().map(str::trim) != is.ask.as_deref().map(str::trim);
    let now = is.ask.as_deref().map_or("nothing".to_owned(), |ask| format!("\"{}\"", ask.trim()));
    differs.then(|| StepChange::new(Weight::Words, "gate", How::Changed, |_| format!("now asks its approvers {now}")))
}
