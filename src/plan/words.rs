//! The words of a step in few words of people. Renders no template.

use crate::event::{OnFailure, Parse};
use crate::runbook::{Block, Conclusion, EvidenceText, ForEachText, HostCount, InDrill, ReleaseWhen, RollingText, Serial, Step, Work};

/// The words of a step that are written, in a line each.
pub fn facts(step: &Step) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(hosts) = &step.hosts {
        let counted = step.expect_hosts.as_ref().map_or(String::new(), |count| format!(", {}", count_words(count.value)));
        facts.push(format!("on {}{counted}", hosts.value));
    }
    facts.extend(step.r#become.as_ref().map(|user| format!("as {}", user.value)));
    facts.extend(step.cwd.as_ref().map(|folder| format!("in {}", folder.value)));
    facts.extend(step.env.iter().map(|(name, value)| format!("with {}={}", name.value, value.value)));
    facts.extend(step.when.as_ref().map(|when| format!("when {}", when.value)));
    facts.extend(work(&step.work));
    facts.extend(judged(step));
    facts.extend(step.retry.as_ref().map(|retry| {
        let delay = retry.delay.as_ref().map_or(String::new(), |delay| format!(", {} between", delay.value));
        let backoff = retry.backoff.as_ref().map_or(String::new(), |backoff| format!(", growing by {}", backoff.value));
        format!("at most {} attempts{delay}{backoff}", retry.attempts.value)
    }));
    facts.extend(step.timeout.as_ref().map(|timeout| format!("for at most {}", timeout.value)));
    facts.extend(step.register.as_ref().map(|name| format!("its result is called {}", name.value)));
    facts.extend(step.parse.as_ref().map(|word| format!("its output is read as {}", parse(&word.value))));
    facts.extend(step.evidence.as_ref().map(evidence));
    facts.extend(step.max_failures.as_ref().map(|count| format!("hosts that may fail: {}", count.value)));
    facts.extend(step.max_output.as_ref().map(|bytes| format!("stores at most {} bytes of each end of its output", bytes.value)));
    facts.extend(step.on_failure.as_ref().map(|word| format!("where it fails: {}", on_failure(word.value))));
    facts.extend(step.in_drill.as_ref().map(|word| match word.value {
        InDrill::Run => "runs in a drill".to_owned(),
        InDrill::Skip => "left out in a drill".to_owned(),
    }));
    facts
}

/// How its result is judged, in a line each.
pub fn judged(step: &Step) -> Vec<String> {
    let mut words: Vec<String> = step.expect.iter().map(|expect| format!("expects {}", expect.value)).collect();
    words.extend(step.until.as_ref().map(|until| {
        let every = until.every.as_ref().map_or(String::new(), |every| format!(", every {}", every.value));
        let healthy = until.healthy.as_ref().map_or(String::new(), |healthy| format!(", {} times in a row", healthy.value));
        format!("until it holds, within {}{every}{healthy}", until.within.value)
    }));
    words
}

/// What an action says beside its lines.
pub fn work(work: &Work) -> Vec<String> {
    match work {
        Work::Run { shell, .. } | Work::Check { shell, .. } | Work::Script { shell, .. } => {
            shell.iter().map(|shell| format!("in the shell {}", shell.value)).collect()
        }
        Work::Put(put) => {
            let mode = put.mode.iter().map(|mode| format!("mode {}", mode.value));
            mode.chain(put.owner.iter().map(|owner| format!("owned by {}", owner.value))).collect()
        }
        Work::Block(block) => block_words(block),
        Work::Capture { .. } | Work::Reboot | Work::Manual { .. } | Work::Choose { .. } => Vec::new(),
        Work::Wait { .. } | Work::Call { .. } | Work::Conclude { .. } => Vec::new(),
    }
}

fn block_words(block: &Block) -> Vec<String> {
    let mut words: Vec<String> = block.rolling.iter().map(rolling).collect();
    words.extend(block.for_each.as_ref().map(|items| format!("once for each item of {}", for_each(items))));
    words.extend(block.bracket.as_ref().map(|bracket| match bracket.release_when {
        ReleaseWhen::Success => "what it takes is given back where all went well, else held".to_owned(),
        ReleaseWhen::Always => "what it takes is given back in any case".to_owned(),
        ReleaseWhen::Ask => "what it takes is given back; a person is asked where something failed".to_owned(),
    }));
    words.extend(block.uninterruptible.then(|| "a stop waits until it is over".to_owned()));
    words
}

fn rolling(rolling: &RollingText) -> String {
    let sizes: Vec<String> = rolling.serial.iter().map(|size| serial(size.value)).collect();
    let pause = rolling.pause.as_ref().map_or(String::new(), |pause| format!(", {} between batches", pause.value));
    let failures = rolling.max_failures.as_ref().map_or(String::new(), |count| format!(", hosts that may fail: {}", count.value));
    let last = rolling.last.as_ref().map_or(String::new(), |last| format!(", {} last", last.value));
    format!("in batches of {}{pause}{failures}{last}", sizes.join(", then "))
}

/// The size of a batch as it is written.
pub fn serial(serial: Serial) -> String {
    match serial {
        Serial::Count(count) => count.to_string(),
        Serial::Percent(percent) => format!("{percent}%"),
    }
}

/// What a block is repeated for, as it is written.
pub fn for_each(items: &ForEachText) -> String {
    match items {
        ForEachText::Template(text) => text.value.trim().to_owned(),
        ForEachText::List(items) => items.iter().map(|item| item.value.as_str()).collect::<Vec<_>>().join(", "),
    }
}

/// The word of a format.
pub fn parse(parse: &Parse) -> String {
    match parse {
        Parse::Json => "json".to_owned(),
        Parse::Lines => "lines".to_owned(),
        Parse::Int => "int".to_owned(),
        Parse::Csv => "csv".to_owned(),
        Parse::Pairs => "pairs".to_owned(),
        Parse::Regex(pattern) => format!("the groups of {pattern}"),
    }
}

/// The word of a conclusion.
pub fn conclusion(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Recovered => "recovered",
        Conclusion::NoAction => "no_action",
        Conclusion::Escalate => "escalate",
    }
}

fn evidence(evidence: &EvidenceText) -> String {
    match evidence {
        EvidenceText::From(ids) => {
            format!("only with evidence of {}", ids.iter().map(|id| id.value.as_str()).collect::<Vec<_>>().join(", "))
        }
        EvidenceText::Waived { reason } => format!("without evidence, since {}", reason.value.trim()),
    }
}

fn on_failure(word: OnFailure) -> &'static str {
    match word {
        OnFailure::Ask => "a person decides",
        OnFailure::Stop => "the run stops",
        OnFailure::Continue => "the run goes on",
        OnFailure::Rollback => "what was done is undone, newest first",
    }
}

fn count_words(count: HostCount) -> String {
    if count.min == count.max { format!("{} of them", count.min) } else { format!("{} to {} of them", count.min, count.max) }
}
