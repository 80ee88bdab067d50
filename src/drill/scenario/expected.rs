//! How a drill must end, as the scenario says it. Never compares.

use crate::base::Period;
use crate::text::{Node, Reader, Spanned, Value, Vocabulary, did_you_mean};

/// What must come of a drill; only what is said is compared.
#[derive(Debug, Clone)]
pub struct Expected {
    pub verdict: Spanned<String>,
    /// A piece of the sentence that the run ends with.
    pub says: Option<Spanned<String>>,
    pub steps: Vec<(Spanned<String>, ExpectedStep)>,
    /// Steps that run in this order, each with its host where that is said; others may run between them.
    pub order: Option<Vec<Listed>>,
    /// What is undone, in this order, and nothing else.
    pub undone: Option<Vec<Spanned<String>>>,
    /// What is still held in the end, and nothing else; each with a piece of the command that would give it back, where that is said.
    pub held: Option<Vec<Listed>>,
    /// Pieces that each stand in a line of the timeline.
    pub record: Vec<Spanned<String>>,
    /// Pieces of commands that are never sent.
    pub never: Vec<Spanned<String>>,
    /// How long it takes at most.
    pub within: Option<Spanned<Period>>,
}

/// What must become of a step.
#[derive(Debug, Clone)]
pub enum ExpectedStep {
    /// On every host, or of a step without hosts.
    All(Spanned<String>),
    /// By host.
    Hosts(Vec<(Spanned<String>, Spanned<String>)>),
}

/// A step of a list, alone or with something of it: `STEP`, `{STEP: HOST}`, or `{STEP: PIECE}`.
#[derive(Debug, Clone)]
pub struct Listed {
    pub step: Spanned<String>,
    pub of_it: Option<Spanned<String>>,
}

/// How a run may stand in the end.
pub const VERDICTS: [&str; 11] = [
    "recovered",
    "no_action",
    "escalated",
    "failed",
    "rolled_back",
    "stopped",
    "denied",
    "needs_person",
    "held",
    "gate_expired",
    "interrupted",
];

/// What may become of a step on a host, and of one without.
pub const RESULTS: [&str; 7] = ["ok", "skipped", "failed", "unreachable", "unknown", "not_started", "concluded"];

const EXPECT: Vocabulary = Vocabulary {
    foreign: &[
        ("result", "write `verdict: recovered`"),
        ("outcome", "write `verdict: recovered`"),
        ("exit_status", "write `verdict: recovered`"),
        ("sentence", "write `says: PIECE OF THE SENTENCE`"),
        ("time", "write `within: 30m`"),
        ("duration", "write `within: 30m`"),
        ("log", "write `record: [PIECE OF A LINE]`"),
        ("timeline", "write `record: [PIECE OF A LINE]`"),
        ("not", "write `never: [PIECE OF A COMMAND]`"),
    ],
};

/// Reads `expect:`.
pub(super) fn read_expected(reader: &mut Reader, node: &Node) -> Option<Expected> {
    let mut fields = reader.fields(node, "`expect`", "`expect: {verdict: recovered}`")?;
    let verdict = fields.required("verdict", "verdict: recovered").and_then(|node| read_word(reader, node, "`verdict`", &VERDICTS));
    let says = fields.optional("says").and_then(|node| reader.as_written(node, "`says`"));
    let steps = fields.optional("steps").map_or(Vec::new(), |node| read_steps(reader, node));
    let mut names = |key: &'static str, reader: &mut Reader| fields.optional(key).map(|node| read_names(reader, node, key));
    let undone = names("undone", reader);
    let (never, record) = (names("never", reader).unwrap_or_default(), names("record", reader).unwrap_or_default());
    let order = fields.optional("order").map(|node| read_listed(reader, node, "order", "a host", "{restart-it: web-1}"));
    let gives_back = "a piece of what gives it back";
    let held = fields.optional("held").map(|node| read_listed(reader, node, "held", gives_back, "{allocation-off: curl -X PUT}"));
    let within = fields.optional("within").and_then(|node| reader.period(node, "`within`"));
    fields.finish(reader, &EXPECT);
    Some(Expected { verdict: verdict?, says, steps, order, undone, held, record, never, within })
}

fn read_steps(reader: &mut Reader, node: &Node) -> Vec<(Spanned<String>, ExpectedStep)> {
    let Some(mut fields) = reader.fields(node, "`steps`", "`steps: {restart-it: ok}`") else { return Vec::new() };
    let named = fields.rest();
    named.into_iter().filter_map(|(name, node)| Some((name, read_step(reader, node)?))).collect()
}

fn read_step(reader: &mut Reader, node: &Node) -> Option<ExpectedStep> {
    if !matches!(node.value, Value::Map(_)) {
        return read_word(reader, node, "a step's result", &RESULTS).map(ExpectedStep::All);
    }
    let mut fields = reader.fields(node, "a step's results", "`{db-1: ok, db-2: failed}`")?;
    let named = fields.rest();
    let hosts = named.into_iter().filter_map(|(name, node)| Some((name, read_word(reader, node, "a host's result", &RESULTS)?)));
    Some(ExpectedStep::Hosts(hosts.collect()))
}

fn read_word(reader: &mut Reader, node: &Node, what: &str, words: &[&str]) -> Option<Spanned<String>> {
    let word = reader.text(node, what)?;
    if words.contains(&word.value.as_str()) {
        return Some(word);
    }
    let help = match did_you_mean(&word.value, words.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("one of {}", words.join(", ")),
    };
    reader.error("RB601", word.span, format!("{what} cannot be {:?}", word.value)).label("unknown here").help(help);
    None
}

fn read_names(reader: &mut Reader, node: &Node, key: &str) -> Vec<Spanned<String>> {
    items(reader, node, key).iter().filter_map(|item| reader.as_written(item, "a name")).collect()
}

/// Steps, some of them with something of theirs.
fn read_listed(reader: &mut Reader, node: &Node, key: &str, of_it: &str, example: &str) -> Vec<Listed> {
    items(reader, node, key).iter().filter_map(|item| read_one(reader, item, of_it, example)).collect()
}

fn read_one(reader: &mut Reader, item: &Node, of_it: &str, example: &str) -> Option<Listed> {
    let Value::Map(_) = &item.value else {
        return Some(Listed { step: reader.as_written(item, "a step")?, of_it: None });
    };
    let mut fields = reader.fields(item, "a step", example)?;
    let place = fields.span();
    let [(step, node)]: [(Spanned<String>, &Node); 1] = match fields.rest().try_into() {
        Ok(one) => one,
        Err(others) => {
            let message = format!("expected one step with {of_it}, got {}", others.len());
            let span = others.get(1).map_or(place, |(second, _)| second.span);
            reader.error("RB601", span, message).label(format!("expected such as `{example}`")).help("write an item for each step");
            return None;
        }
    };
    Some(Listed { step, of_it: Some(reader.as_written(node, of_it)?) })
}

/// A list that may have nothing in it.
fn items<'n>(reader: &mut Reader, node: &'n Node, key: &str) -> &'n [Node] {
    let Value::List(items) = &node.value else {
        reader.wrong_shape(node, &format!("`{key}` is a list"), &format!("`{key}: []` where there is nothing"));
        return &[];
    };
    items
}
