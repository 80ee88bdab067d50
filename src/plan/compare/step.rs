//! What differs between a step and its other revision, word by word. Its hosts and its gate are compared elsewhere.

use similar::{ChangeTag, TextDiff};

use super::placed::Placed;
use super::{How, StepChange, Verbs, Weight};
use crate::event::{Effect, Parse};
use crate::runbook::{EvidenceText, ForEachText, InDrill, ReleaseWhen, RetryText, RollingText, Serial, Step, UntilText, Work};
use crate::text::Spanned;

/// Comparing takes as many steps as the product of both sides, and nobody reads more.
const MAX_LINES: usize = 3_000;
/// A value longer than this is shown below its sentence.
const INLINE: usize = 60;

/// All that differs in a step itself.
pub fn changes(one: &Placed<'_>, other: &Placed<'_>) -> Vec<StepChange> {
    let mut changes: Vec<StepChange> = Vec::new();
    changes.extend(renamed(one.written, other.written));
    changes.extend(work(one, other));
    changes.extend(effect(one.written, other.written));
    for (word, loosens, value) in WORDS {
        changes.extend(compared(word, value(one), value(other), loosens));
    }
    changes.extend(environment(one, other));
    changes
}

fn renamed(one: &Step, other: &Step) -> Option<StepChange> {
    let differs = one.name.value != other.name.value || one.id != other.id;
    let (name, id) = (&one.name.value, &one.id);
    differs.then(|| StepChange::new(Weight::Different, "step", How::Renamed, |verbs| format!("{} what was \"{name}\" ({id})", verbs.is)))
}

fn work(one: &Placed<'_>, other: &Placed<'_>) -> Option<StepChange> {
    let (was, is) = (word_of(&one.written.work), word_of(&other.written.work));
    let (before, now) = (one.work_lines(), other.work_lines());
    if was != is {
        let changed =
            StepChange::new(Weight::Different, "action", How::Changed, |verbs| format!("{} now `{is}`, before `{was}`", verbs.is));
        return Some(changed.with_lines(different(&before, &now)));
    }
    let details = |work: &Work| match work {
        Work::Put(put) => (put.mode.as_ref().map(text), put.owner.as_ref().map(text)),
        Work::Run { shell, .. } | Work::Check { shell, .. } | Work::Script { shell, .. } => (shell.as_ref().map(text), None),
        Work::Conclude { conclusion, .. } => (Some(format!("{conclusion:?}")), None),
        Work::Manual { answers, .. } => (Some(super::top::parameters_in_short(answers)), None),
        Work::Capture { .. } | Work::Reboot | Work::Choose { .. } | Work::Wait { .. } | Work::Call { .. } | Work::Block(_) => (None, None),
    };
    let (was, is) = (details(&one.written.work), details(&other.written.work));
    if before != now {
        let changed = StepChange::new(Weight::Different, "command", How::Changed, |verbs| format!("{} something else now", verbs.does));
        return Some(changed.with_lines(different(&before, &now)));
    }
    let say = |details: (Option<String>, Option<String>)| [details.0, details.1].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let (was, is) = (say(was), say(is));
    (was != is).then(|| {
        StepChange::new(Weight::Different, "command", How::Changed, |verbs| {
            format!("{} it another way now: {is}, before {was}", verbs.does)
        })
    })
}

/// The word of an action.
fn word_of(work: &Work) -> &'static str {
    match work {
        Work::Run { .. } => "run",
        Work::Script { .. } => "script",
        Work::Check { .. } => "check",
        Work::Capture { .. } => "capture",
        Work::Put(_) => "put",
        Work::Reboot => "reboot",
        Work::Manual { .. } => "manual",
        Work::Choose { .. } => "choose",
        Work::Wait { .. } => "wait",
        Work::Call { .. } => "call",
        Work::Conclude { .. } => "conclude",
        Work::Block(_) => "steps",
    }
}

fn effect(one: &Step, other: &Step) -> Option<StepChange> {
    let (was, is) = (one.effect()?, other.effect()?);
    let (weight, how) = match is.cmp(&was) {
        std::cmp::Ordering::Less => (Weight::Dangerous, How::Weaker),
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Greater => (Weight::Different, How::Stronger),
    };
    let why = match (is, how) {
        (Effect::Read, _) => ": it passes no gate and runs in a dry run, too",
        (Effect::Idempotent, How::Weaker) => ": it may now be started twice",
        (Effect::Idempotent | Effect::Once | Effect::Destructive, _) => "",
    };
    Some(StepChange::new(weight, "effect", how, |verbs| format!("now {} `effect: {is}`, before `{was}`{why}", verbs.has)))
}

type Value = fn(&Placed<'_>) -> Option<String>;
type Loosens = fn(Option<&str>, Option<&str>) -> bool;

/// The words that are told as they are written, each with when its change protects less.
const WORDS: [(&str, Loosens, Value); 24] = [
    ("undo", gone, |step| own(&step.written.undo)),
    ("evidence", gone_or_waived, |step| step.written.evidence.as_ref().map(evidence)),
    ("expect_hosts", gone, |step| step.written.expect_hosts.as_ref().map(|count| format!("{} to {}", count.value.min, count.value.max))),
    ("when", gone, |step| if step.written.is_block() || step.whens.is_empty() { None } else { Some(step.whens.join(" and ")) }),
    ("expect", gone, |step| own(&step.written.expect)),
    ("until", never, |step| step.written.until.as_ref().map(until)),
    ("done_when", never, |step| own(&step.written.done_when)),
    ("become", to_root, |step| commands(step).then(|| own(&step.step.r#become)).flatten()),
    ("cwd", never, |step| commands(step).then(|| own(&step.step.cwd)).flatten()),
    ("timeout", never, |step| commands(step).then(|| own(&step.step.timeout)).flatten()),
    ("on_failure", to_continue, |step| {
        (!step.written.is_block()).then(|| step.step.on_failure.as_ref().map(|word| format!("{:?}", word.value).to_lowercase())).flatten()
    }),
    ("retry", never, |step| step.written.retry.as_ref().map(retry)),
    ("register", never, |step| own(&step.written.register)),
    ("parse", never, |step| step.written.parse.as_ref().map(|word| parse(&word.value))),
    ("max_output", never, |step| step.written.max_output.as_ref().map(|bytes| bytes.value.to_string())),
    ("max_failures", more, |step| step.written.max_failures.as_ref().map(|count| count.value.to_string())),
    ("in_drill", never, |step| {
        step.written.in_drill.as_ref().map(|word| if word.value == InDrill::Run { "run" } else { "skip" }.to_owned())
    }),
    ("point_of_no_return", gone, |step| step.written.no_return.map(|_| "true".to_owned())),
    ("rolling", other_batches, |step| block(step)?.rolling.as_ref().map(rolling)),
    ("for_each", never, |step| block(step)?.for_each.as_ref().map(for_each)),
    ("acquire", gone, |step| block(step)?.bracket.as_ref().map(|bracket| bracket.acquire.value.clone())),
    ("release", gone, |step| block(step)?.bracket.as_ref().map(|bracket| bracket.release.value.clone())),
    ("release_when", never, |step| block(step)?.bracket.as_ref().map(|bracket| release_when(bracket.release_when).to_owned())),
    ("uninterruptible", never, |step| block(step)?.uninterruptible.then(|| "true".to_owned())),
];

/// Whether it contacts hosts: the words about commands mean nothing elsewhere.
fn commands(step: &Placed<'_>) -> bool {
    match &step.written.work {
        Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot => true,
        Work::Manual { .. } | Work::Choose { .. } | Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } | Work::Block(_) => false,
    }
}

fn block<'r>(step: &Placed<'r>) -> Option<&'r crate::runbook::Block> {
    match &step.written.work {
        Work::Block(block) => Some(block),
        Work::Run { .. } | Work::Script { .. } | Work::Check { .. } | Work::Capture { .. } | Work::Put(_) | Work::Reboot => None,
        Work::Manual { .. } | Work::Choose { .. } | Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } => None,
    }
}

fn never(_: Option<&str>, _: Option<&str>) -> bool {
    false
}

fn gone(_: Option<&str>, is: Option<&str>) -> bool {
    is.is_none()
}

fn gone_or_waived(_: Option<&str>, is: Option<&str>) -> bool {
    is.is_none_or(|is| is.starts_with("waived"))
}

fn to_root(_: Option<&str>, is: Option<&str>) -> bool {
    is == Some("root")
}

fn to_continue(_: Option<&str>, is: Option<&str>) -> bool {
    is == Some("continue")
}

fn more(was: Option<&str>, is: Option<&str>) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    number(is) > number(was)
}

/// Any other way of rolling may take more hosts at once, or bear more failures.
fn other_batches(was: Option<&str>, _: Option<&str>) -> bool {
    was.is_some()
}

fn compared(word: &'static str, was: Option<String>, is: Option<String>, loosens: Loosens) -> Option<StepChange> {
    if was == is {
        return None;
    }
    let weight = if loosens(was.as_deref(), is.as_deref()) { Weight::Dangerous } else { Weight::Different };
    let long = |value: &Option<String>| value.as_ref().is_some_and(|value| value.contains('\n') || value.len() > INLINE);
    let lines = |value: &Option<String>| value.as_ref().map_or(Vec::new(), |value| value.trim_end().lines().map(str::to_owned).collect());
    let (below, below_lines) = (long(&was) || long(&is), different(&lines(&was), &lines(&is)));
    let shown = |value: &str| if below { String::new() } else { format!(": {}", value.trim_end()) };
    let change = match (&was, &is) {
        (None, Some(is)) => {
            StepChange::new(weight, word, How::Added, |verbs| format!("now {} `{word}{}`, before none", verbs.has, shown(is)))
        }
        (Some(was), None) => {
            let was = if below { String::new() } else { format!(", before `{}`", was.trim_end()) };
            StepChange::new(weight, word, How::Removed, |verbs| format!("{} no `{word}` any more{was}", verbs.has))
        }
        (Some(_), Some(_)) if below => StepChange::new(weight, word, How::Changed, |verbs| format!("now {} another `{word}`", verbs.has)),
        (Some(was), Some(is)) => StepChange::new(weight, word, How::Changed, |verbs| {
            format!("now {} `{word}{}`, before `{}`", verbs.has, shown(is), was.trim_end())
        }),
        (None, None) => return None,
    };
    Some(if below { change.with_lines(below_lines) } else { change })
}

/// Environment variables, one by one, and the prose.
fn environment(one: &Placed<'_>, other: &Placed<'_>) -> Vec<StepChange> {
    let mut changes = Vec::new();
    let of = |step: &Placed<'_>, name: &str| step.step.env.iter().find(|(own, _)| own.value == name).map(|(_, value)| value.value.clone());
    let names: std::collections::BTreeSet<&str> = one.step.env.iter().chain(&other.step.env).map(|(name, _)| name.value.as_str()).collect();
    for name in names.into_iter().filter(|_| commands(one)) {
        let (was, is) = (of(one, name), of(other, name));
        if was != is {
            let say = |value: Option<String>| value.map_or("none".to_owned(), |value| format!("`{name}={value}`"));
            let (was, is) = (say(was), say(is));
            changes.push(StepChange::new(Weight::Different, "env", How::Changed, |verbs: Verbs| {
                format!("now {} in `env` {is}, before {was}", verbs.has)
            }));
        }
    }
    let prose = |step: &Step| step.why.as_deref().map(|why| why.trim().to_owned());
    if prose(one.written) != prose(other.written) {
        let lines = |step: &Step| prose(step).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
        let change = StepChange::new(Weight::Words, "why", How::Changed, |verbs| format!("now {} another `why`", verbs.has));
        changes.push(change.with_lines(different(&lines(one.written), &lines(other.written))));
    }
    changes
}

/// Lines that differ, with one line around them.
pub fn different(before: &[String], now: &[String]) -> Vec<String> {
    if before.len() + now.len() > MAX_LINES {
        return vec![format!("- {} lines", before.len()), format!("+ {} lines", now.len())];
    }
    let (before, now): (Vec<&str>, Vec<&str>) = (before.iter().map(String::as_str).collect(), now.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&before, &now);
    let mut lines = Vec::new();
    for (number, group) in diff.grouped_ops(1).iter().enumerate() {
        lines.extend((number > 0).then(|| "  …".to_owned()));
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Delete => "- ",
                ChangeTag::Insert => "+ ",
                ChangeTag::Equal => "  ",
            };
            lines.push(format!("{mark}{}", change.value()));
        }
    }
    lines
}

fn text(word: &Spanned<String>) -> String {
    word.value.clone()
}

fn own(word: &Option<Spanned<String>>) -> Option<String> {
    word.as_ref().map(text)
}

fn evidence(evidence: &EvidenceText) -> String {
    match evidence {
        EvidenceText::From(ids) => ids.iter().map(|id| id.value.as_str()).collect::<Vec<_>>().join(", "),
        EvidenceText::Waived { reason } => format!("waived, since {}", reason.value),
    }
}

fn until(until: &UntilText) -> String {
    let every = until.every.as_ref().map_or(String::new(), |every| format!(", every {}", every.value));
    let healthy = until.healthy.as_ref().map_or(String::new(), |healthy| format!(", {} times in a row", healthy.value));
    format!("within {}{every}{healthy}", until.within.value)
}

fn retry(retry: &RetryText) -> String {
    let delay = retry.delay.as_ref().map_or(String::new(), |delay| format!(", {} between", delay.value));
    let backoff = retry.backoff.as_ref().map_or(String::new(), |backoff| format!(", growing by {}", backoff.value));
    format!("{} attempts{delay}{backoff}", retry.attempts.value)
}

fn parse(parse: &Parse) -> String {
    match parse {
        Parse::Json => "json".to_owned(),
        Parse::Lines => "lines".to_owned(),
        Parse::Int => "int".to_owned(),
        Parse::Csv => "csv".to_owned(),
        Parse::Pairs => "pairs".to_owned(),
        Parse::Regex(pattern) => pattern.clone(),
    }
}

fn rolling(rolling: &RollingText) -> String {
    let size = |serial: &Spanned<Serial>| match serial.value {
        Serial::Count(count) => count.to_string(),
        Serial::Percent(percent) => format!("{percent}%"),
    };
    let sizes: Vec<String> = rolling.serial.iter().map(size).collect();
    let pause = rolling.pause.as_ref().map_or(String::new(), |pause| format!(", pause {}", pause.value));
    let failures = rolling.max_failures.as_ref().map_or(0, |count| count.value);
    let last = rolling.last.as_ref().map_or(String::new(), |last| format!(", last {}", last.value));
    format!("{} at a time{pause}, {failures} may fail{last}", sizes.join(", then "))
}

fn for_each(items: &ForEachText) -> String {
    match items {
        ForEachText::Template(text) => text.value.trim().to_owned(),
        ForEachText::List(items) => items.iter().map(|item| item.value.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn release_when(when: ReleaseWhen) -> &'static str {
    match when {
        ReleaseWhen::Success => "success",
        ReleaseWhen::Always => "always",
        ReleaseWhen::Ask => "ask",
    }
}
