//! Reads the words that steps and blocks share. Never accepts one that the action would not heed.

use super::super::{EvidenceText, HostCount, InDrill, RetryText, UntilText};
use super::kinds::{FITS, Kind};
use super::names::{Names, is_identifier};
use super::words;
use crate::event::{Effect, OnFailure, Parse};
use crate::text::{Fields, Node, Reader, Scalar, Span, Spanned, Value, did_you_mean};

/// More hosts than an inventory may hold can never be matched.
const MAX_HOSTS: u32 = 10_000;

/// A step that needs more attempts is not repaired by one more.
pub(super) const MAX_ATTEMPTS: u32 = 100;

/// A delay is multiplied by this at most; more is a slip.
const MAX_BACKOFF: u32 = 10;

/// Stored at the head and again at the tail of each stream, on each host: more fills the operator's disk.
const MAX_OUTPUT: u64 = 1 << 30;

#[derive(Debug, Default)]
pub(super) struct Common {
    pub(super) why: Option<String>,
    pub(super) hosts: Option<Spanned<String>>,
    pub(super) expect_hosts: Option<Spanned<HostCount>>,
    pub(super) when: Option<Spanned<String>>,
    pub(super) effect: Option<Spanned<Effect>>,
    pub(super) r#become: Option<Spanned<String>>,
    pub(super) env: Vec<(Spanned<String>, Spanned<String>)>,
    pub(super) cwd: Option<Spanned<String>>,
    pub(super) timeout: Option<Spanned<String>>,
    pub(super) retry: Option<RetryText>,
    pub(super) register: Option<Spanned<String>>,
    pub(super) parse: Option<Spanned<Parse>>,
    pub(super) expect: Option<Spanned<String>>,
    pub(super) until: Option<UntilText>,
    pub(super) done_when: Option<Spanned<String>>,
    pub(super) on_failure: Option<Spanned<OnFailure>>,
    pub(super) max_output: Option<Spanned<u64>>,
    pub(super) max_failures: Option<Spanned<u32>>,
    pub(super) undo: Option<Spanned<String>>,
    pub(super) evidence: Option<EvidenceText>,
    pub(super) evidence_span: Option<Span>,
    pub(super) in_drill: Option<Spanned<InDrill>>,
    pub(super) no_return: Option<Span>,
}

/// Takes the common words. `kind` is `None` where the step's action is unclear: then nothing is a misfit.
pub(super) fn read(reader: &mut Reader, fields: &mut Fields<'_>, kind: Option<Kind>, names: &mut Names) -> Common {
    let mut common = Common {
        why: fields.optional("why").and_then(|node| reader.text(node, "`why`")).map(|why| why.value),
        when: fields.optional("when").and_then(|node| reader.as_written(node, "`when`")),
        ..Common::default()
    };
    for (word, _) in FITS {
        let Some((key, node)) = fields.entry(word) else { continue };
        match kind.filter(|kind| !kind.heeds(word)) {
            Some(kind) => misfit(reader, key, word, kind.word()),
            None => take(reader, &mut common, word, (key, node), names),
        }
    }
    if let (Some(effect), Some(Kind::Check)) = (&common.effect, kind)
        && effect.value != Effect::Read
    {
        let message = format!("a `check` only looks; its effect cannot be `{}`", effect.value);
        reader.error("RB119", effect.span, message).label("expected read").help("write `run:` in place of `check:`, or remove `effect:`");
    }
    common
}

fn take(reader: &mut Reader, common: &mut Common, word: &str, (key, node): (Span, &Node), names: &mut Names) {
    match word {
        "hosts" => common.hosts = read_hosts(reader, node),
        "expect_hosts" => common.expect_hosts = read_count(reader, node),
        "effect" => common.effect = choose(reader, node, "effect", &EFFECTS),
        "become" => common.r#become = read_become(reader, node),
        "env" => common.env = read_env(reader, node),
        "cwd" => common.cwd = reader.text(node, "`cwd`"),
        "timeout" => common.timeout = reader.period_text(node, "`timeout`"),
        "retry" => common.retry = read_retry(reader, node),
        "register" => common.register = read_register(reader, node, names),
        "parse" => common.parse = read_parse(reader, node),
        "expect" => common.expect = reader.as_written(node, "`expect`"),
        "until" => common.until = read_until(reader, node),
        "done_when" => common.done_when = reader.text(node, "`done_when`"),
        "on_failure" => common.on_failure = choose(reader, node, "on_failure", &FAILURES),
        "max_output" => common.max_output = read_output(reader, node),
        "max_failures" => common.max_failures = reader.whole(node, "`max_failures`", 0, MAX_HOSTS),
        "undo" => common.undo = reader.text(node, "`undo`"),
        "evidence" => (common.evidence, common.evidence_span) = (read_evidence(reader, node), Some(key)),
        "in_drill" => common.in_drill = choose(reader, node, "in_drill", &[("run", InDrill::Run), ("skip", InDrill::Skip)]),
        "point_of_no_return" => common.no_return = read_flag(reader, node, "point_of_no_return").then_some(key),
        _ => {} // only the words of FITS come here
    }
}

pub(super) fn misfit(reader: &mut Reader, key: Span, word: &str, action: &str) {
    let what = if action == "steps" { "a block".to_owned() } else { format!("`{action}`") };
    let help = match (word, action) {
        ("until", "run") => "put a step with `check:` and this `until:` after it; `retry:` repeats a command that failed",
        ("until", "wait") => "write `wait: {until: COMMAND, within: 2m}`, or `check:` with `until: {within: 2m}`",
        ("undo" | "evidence", "check" | "capture" | "wait") => "it changes nothing: remove it, or write it on the step that does",
        ("hosts" | "timeout" | "become" | "env" | "cwd", "call") => {
            "the called runbook says so for its steps; give it as a parameter: `with: {…}`"
        }
        ("undo", "put") => "a put undoes itself: the old file is kept; remove it",
        ("undo", "steps") => "write `undo:` on the steps within",
        ("evidence", _) => "write it on the step that destroys information",
        ("effect", "put") => "a put is idempotent: remove it",
        ("retry", "steps") => "a block is never repeated; write `retry:` on the steps within",
        ("effect", "steps") => "write `effect:` on the steps within",
        ("done_when", "check") => "a check changes nothing: remove `done_when:`, or use `when:`",
        ("hosts", "wait") => "time passes everywhere: remove it",
        ("effect", "wait") => "waiting changes nothing: remove it",
        ("timeout", "manual") => "a person takes the time it takes: remove it",
        (_, "steps") => "write it on the steps within",
        (_, "manual") => "say it to the person in the instructions",
        _ => "remove it",
    };
    reader.error("RB119", key, format!("`{word}` does not fit {what}")).label("would not be heeded").help(help);
}

fn read_hosts(reader: &mut Reader, node: &Node) -> Option<Spanned<String>> {
    if let Value::List(items) = &node.value {
        let words: Vec<&str> = items.iter().filter_map(scalar_text).collect();
        let help = format!("write one text, with commas for a union: `hosts: \"{}\"`", words.join(", "));
        reader.error("RB117", node.span, "`hosts` is one selector, got a list").label("a list").help(help);
        return None;
    }
    reader.text(node, "`hosts`")
}

pub(super) fn scalar_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(Scalar { text, .. }) => Some(text),
        Value::List(_) | Value::Map(_) => None,
    }
}

fn read_count(reader: &mut Reader, node: &Node) -> Option<Spanned<HostCount>> {
    if !matches!(node.value, Value::Map(_)) {
        let number = reader.whole(node, "`expect_hosts`", 1, MAX_HOSTS)?;
        return Some(Spanned { value: HostCount { min: number.value, max: number.value }, span: number.span });
    }
    let mut fields = reader.fields(node, "`expect_hosts`", "")?;
    let [min, max] = ["min", "max"].map(|key| fields.optional(key).map(|node| reader.whole(node, &format!("`{key}`"), 1, MAX_HOSTS)));
    fields.finish(reader, &words::PLAIN);
    let (min, max) = match (min, max) {
        (None, None) => {
            let help = "write `expect_hosts: 1` or `expect_hosts: {min: 2, max: 5}`";
            reader.error("RB117", node.span, "`expect_hosts` says no number").label("how many?").help(help);
            return None;
        }
        (min, max) => (min.map_or(Some(1), |min| Some(min?.value))?, max.map_or(Some(MAX_HOSTS), |max| Some(max?.value))?),
    };
    if min > max {
        let message = format!("no number is at least {min} and at most {max}");
        reader.error("RB117", node.span, message).label("`min` is above `max`").help("swap them");
    }
    Some(Spanned { value: HostCount { min, max }, span: node.span })
}

const EFFECTS: [(&str, Effect); 4] =
    [("read", Effect::Read), ("idempotent", Effect::Idempotent), ("once", Effect::Once), ("destructive", Effect::Destructive)];

const FAILURES: [(&str, OnFailure); 4] =
    [("ask", OnFailure::Ask), ("stop", OnFailure::Stop), ("continue", OnFailure::Continue), ("rollback", OnFailure::Rollback)];

/// `true` or `false`, unquoted.
pub(super) fn read_flag(reader: &mut Reader, node: &Node, key: &str) -> bool {
    match scalar_text(node) {
        Some("true") => true,
        Some("false") => false,
        Some(_) | None => {
            let help = format!("write `{key}: true`, or remove it");
            reader.error("RB117", node.span, format!("`{key}` is true or false")).label("expected true, without quotes").help(help);
            false
        }
    }
}

/// `true` alone: a word that says nothing where it is false.
pub(super) fn read_true(reader: &mut Reader, node: &Node, key: &str) -> bool {
    if scalar_text(node) == Some("false") {
        reader.error("RB117", node.span, format!("`{key}: false` says nothing")).label("expected true").help("remove it, or write `true`");
        return false;
    }
    read_flag(reader, node, key)
}

/// Ids of captures, or `{waive: "reason"}`.
fn read_evidence(reader: &mut Reader, node: &Node) -> Option<EvidenceText> {
    match &node.value {
        Value::Map(_) => {
            let mut fields = reader.fields(node, "`evidence`", "`evidence: save-the-logs`")?;
            let reason = fields.required("waive", "waive: \"why none can be kept\"").and_then(|node| reader.text(node, "`waive`"));
            fields.finish(reader, &words::PLAIN);
            reason.map(|reason| EvidenceText::Waived { reason })
        }
        Value::List(_) => {
            let items = reader.list(node, "`evidence`", "`evidence: [save-the-logs]`")?;
            Some(EvidenceText::From(items.iter().filter_map(|item| reader.text(item, "the id of a capture step")).collect()))
        }
        Value::Scalar(_) => Some(EvidenceText::From(vec![reader.text(node, "`evidence`")?])),
    }
}

pub(super) fn choose<T: Clone>(reader: &mut Reader, node: &Node, key: &str, choices: &[(&str, T)]) -> Option<Spanned<T>> {
    let word = reader.text(node, &format!("`{key}`"))?;
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == word.value) {
        return Some(Spanned { value: value.clone(), span: word.span });
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let help = match did_you_mean(&word.value, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("write one of {}", names.join(", ")),
    };
    reader.error("RB117", word.span, format!("`{key}` cannot be `{}`", word.value)).label("unknown").help(help);
    None
}

fn read_become(reader: &mut Reader, node: &Node) -> Option<Spanned<String>> {
    if matches!(scalar_text(node), Some("true" | "yes")) {
        reader.error("RB117", node.span, "`become` names a user").label("which user?").help("write `become: root`");
        return None;
    }
    let user = reader.text(node, "`become`")?;
    let plain = user.value.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.' | b'@' | b'$' | b'+'));
    if !user.value.contains("{{") && (!plain || user.value.starts_with('-')) {
        let message = format!("{:?} is no user's name", user.value);
        reader
            .error("RB117", user.span, message)
            .label("expected such as postgres")
            .help("write the log-in name of the user, such as `become: root`");
    }
    Some(user)
}

fn read_env(reader: &mut Reader, node: &Node) -> Vec<(Spanned<String>, Spanned<String>)> {
    let Some(mut fields) = reader.fields(node, "`env`", "`env: {PGUSER: postgres}`") else { return Vec::new() };
    let mut variables = Vec::new();
    for (name, node) in fields.rest() {
        if !is_identifier(&name.value) {
            let message = format!("`{}` cannot name an environment variable", name.value);
            let help = "use letters, digits and underscores, not beginning with a digit";
            reader.error("RB117", name.span, message).label("expected such as PGUSER").help(help);
        } else if let Some(value) = reader.as_written(node, "a variable") {
            variables.push((name, value));
        }
    }
    variables
}

fn read_retry(reader: &mut Reader, node: &Node) -> Option<RetryText> {
    if matches!(node.value, Value::Scalar(_)) {
        let attempts = reader.whole(node, "`retry`", 1, MAX_ATTEMPTS)?;
        return Some(RetryText { attempts, delay: None, backoff: None });
    }
    let mut fields = reader.fields(node, "`retry`", "`retry: {attempts: 3, delay: 5s}`")?;
    let attempts = fields.required("attempts", "attempts: 3").and_then(|node| reader.whole(node, "`attempts`", 1, MAX_ATTEMPTS));
    let delay = fields.optional("delay").and_then(|node| reader.period_text(node, "`delay`"));
    let backoff = fields.optional("backoff").and_then(|node| reader.whole(node, "`backoff`", 1, MAX_BACKOFF));
    fields.finish(reader, &words::REPEAT);
    Some(RetryText { attempts: attempts?, delay, backoff })
}

fn read_until(reader: &mut Reader, node: &Node) -> Option<UntilText> {
    if let Value::Scalar(Scalar { text, .. }) = &node.value {
        let help = "write the condition as `expect:`, and here how long: `until: {within: 2m, every: 5s}`";
        reader.error("RB117", node.span, format!("`until` says how long, got {text:?}")).label("expected a map").help(help);
        return None;
    }
    let mut fields = reader.fields(node, "`until`", "`until: {within: 2m, every: 5s}`")?;
    let within = fields.required("within", "within: 2m").and_then(|node| reader.period_text(node, "`within`"));
    let every = fields.optional("every").and_then(|node| reader.period_text(node, "`every`"));
    let healthy = fields.optional("healthy").and_then(|node| reader.whole(node, "`healthy`", 1, MAX_ATTEMPTS));
    fields.finish(reader, &words::REPEAT);
    Some(UntilText { within: within?, every, healthy })
}

fn read_register(reader: &mut Reader, node: &Node, names: &mut Names) -> Option<Spanned<String>> {
    let name = reader.text(node, "`register`")?;
    names.give(reader, &name, "register");
    Some(name)
}

fn read_parse(reader: &mut Reader, node: &Node) -> Option<Spanned<Parse>> {
    if matches!(node.value, Value::Map(_)) {
        let mut fields = reader.fields(node, "`parse`", "`parse: {regex: \"…\"}`")?;
        let pattern = fields.required("regex", "regex: \"used=(?P<used>[0-9]+)\"").and_then(|node| reader.text(node, "`regex`"));
        fields.finish(reader, &words::PLAIN);
        let pattern = pattern?;
        if let Err(error) = regex::Regex::new(&pattern.value) {
            let why = error.to_string().lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            let help = super::parameters::remedy_for_pattern(&why);
            reader.error("RB124", pattern.span, format!("the pattern cannot be used: {why}")).label("no pattern").help(help);
        }
        return Some(Spanned { value: Parse::Regex(pattern.value), span: pattern.span });
    }
    const CHOICES: [(&str, Parse); 5] =
        [("json", Parse::Json), ("lines", Parse::Lines), ("int", Parse::Int), ("csv", Parse::Csv), ("pairs", Parse::Pairs)];
    choose(reader, node, "parse", &CHOICES)
}

fn read_output(reader: &mut Reader, node: &Node) -> Option<Spanned<u64>> {
    let bytes = reader.bytes(node, "`max_output`")?;
    if bytes.value > MAX_OUTPUT {
        reader
            .error("RB117", bytes.span, "`max_output` is above 1 GiB")
            .label("at most 1GiB")
            .help("write large output into a file on the host");
        return None;
    }
    Some(bytes)
}
