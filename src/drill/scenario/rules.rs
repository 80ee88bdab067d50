//! The hosts of a scenario: what each answers to which command. Never answers.

use std::collections::BTreeMap;

use super::read_flag;
use crate::base::Period;
use crate::text::{Node, Reader, Span, Spanned, Value, Vocabulary};

/// How one host, or all hosts of a selector, behave.
#[derive(Debug, Clone, Default)]
pub struct HostScript {
    /// It cannot be reached.
    pub down: bool,
    /// Its files, by path: what captures keep of them, and what `put:` finds there.
    pub files: BTreeMap<String, String>,
    pub rules: Vec<Rule>,
}

/// One answer.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// Where it stands.
    pub at: Span,
    /// Pieces that must all stand in the command's text.
    pub on: Vec<String>,
    /// The whole of the command's text.
    pub is: Option<String>,
    /// It counts once a command with this piece in it has been run on any host.
    pub after: Option<String>,
    /// The same, on this host.
    pub after_here: Option<String>,
    /// It counts while each of these facts has this value; a fact that nobody set has the empty one.
    pub facts: BTreeMap<String, String>,
    /// How often it counts on each host; always unless said.
    pub times: Option<u32>,
    pub says: String,
    pub complains: String,
    pub exits: i32,
    pub takes: Period,
    /// Facts that are so once it has run.
    pub sets: BTreeMap<String, String>,
    pub fault: Option<Fault>,
}

/// What goes wrong around a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is lost before the command starts.
    Before,
    /// The connection is lost while it runs, and it goes on.
    During,
    /// The host loses its memory after it ran.
    After,
    /// It never ends by itself.
    Stalls,
    /// The host has no room for the claim: nothing starts.
    Full,
    /// The runner is killed while it runs.
    Runner(Afterwards),
    /// The host starts anew while it runs, and does not answer for so long.
    Reboots(Period),
}

/// What becomes of a run whose runner is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// Another runner goes on.
    Followed,
    /// Nobody goes on: the drill ends as it was left.
    Left,
}

const WORDS: [(&str, Fault); 6] = [
    ("before", Fault::Before),
    ("during", Fault::During),
    ("after", Fault::After),
    ("stalls", Fault::Stalls),
    ("full", Fault::Full),
    ("runner", Fault::Runner(Afterwards::Followed)),
];

const HOST: Vocabulary = Vocabulary {
    foreign: &[("commands", "write `rules: [{on: uptime, says: up}]`"), ("answers", "write `rules: [{on: uptime, says: up}]`")],
};

const RULE: Vocabulary = Vocabulary {
    foreign: &[
        ("match", "write `on: PIECE OF THE COMMAND`"),
        ("command", "write `on: PIECE OF THE COMMAND`"),
        ("stdout", "write `says: TEXT`"),
        ("output", "write `says: TEXT`"),
        ("stderr", "write `complains: TEXT`"),
        ("exit_code", "write `exits: 1`"),
        ("status", "write `exits: 1`"),
        ("delay", "write `takes: 30s`"),
        ("duration", "write `takes: 30s`"),
        ("fails", "write `exits: 1`, or what goes wrong around it, such as `breaks: during`"),
        ("state", "write `sets: {NAME: VALUE}` where it changes, and `if: {NAME: VALUE}` where it counts"),
        ("resumes", "write `follows: false` where nobody goes on after `breaks: runner`"),
        ("when", "write `if: {NAME: VALUE}`, or `after: PIECE OF A COMMAND`"),
    ],
};

/// Hosts by selector, each with its rules.
pub(super) fn read_hosts(reader: &mut Reader, node: &Node) -> Vec<(Spanned<String>, HostScript)> {
    let example = "`hosts: {db-1: [{on: uptime, says: up}]}`";
    let Some(mut fields) = reader.fields(node, "`hosts`", example) else { return Vec::new() };
    let named = fields.rest();
    named.into_iter().map(|(name, node)| (name, read_host(reader, node))).collect()
}

fn read_host(reader: &mut Reader, node: &Node) -> HostScript {
    if let Value::List(items) = &node.value {
        return HostScript { rules: items.iter().filter_map(|item| read_rule(reader, item)).collect(), ..HostScript::default() };
    }
    let Some(mut fields) = reader.fields(node, "a host", "`[{on: uptime, says: up}]`, or `{down: true}`") else {
        return HostScript::default();
    };
    let down = fields.optional("down").is_some_and(|node| read_flag(reader, node, "`down`"));
    let files = fields.optional("files").map_or(BTreeMap::new(), |node| read_texts(reader, node, "`files`", "`files: {/etc/motd: hello}`"));
    let rules =
        fields.optional("rules").and_then(|node| reader.list(node, "`rules`", "`rules: [{on: uptime, says: up}]`")).unwrap_or_default();
    let rules = rules.iter().filter_map(|item| read_rule(reader, item)).collect();
    fields.finish(reader, &HOST);
    HostScript { down, files, rules }
}

fn read_rule(reader: &mut Reader, node: &Node) -> Option<Rule> {
    let mut fields = reader.fields(node, "a rule", "`{on: uptime, says: up}`")?;
    let at = fields.span();
    let is = fields.optional("is").and_then(|node| reader.as_written(node, "`is`")).map(|text| text.value);
    let on = match &is {
        Some(_) => fields.optional("on"),
        None => fields.required("on", "on: uptime"),
    };
    let on = on.map_or(Vec::new(), |node| read_pieces(reader, node));
    let text = |reader: &mut Reader, node: &Node, what: &str| reader.as_written(node, what).map(|text| text.value);
    let after = fields.optional("after").and_then(|node| text(reader, node, "`after`"));
    let after_here = fields.optional("after_here").and_then(|node| text(reader, node, "`after_here`"));
    let facts = fields.optional("if").map_or(BTreeMap::new(), |node| read_texts(reader, node, "`if`", "`if: {leader: db-2}`"));
    let times = fields.optional("times").and_then(|node| reader.whole(node, "`times`", 1, 10_000)).map(|times| times.value);
    let says = fields.optional("says").and_then(|node| text(reader, node, "`says`")).unwrap_or_default();
    let complains = fields.optional("complains").and_then(|node| text(reader, node, "`complains`")).unwrap_or_default();
    let exits = fields.optional("exits").and_then(|node| reader.whole(node, "`exits`", 0, 255)).map_or(0, |code| code.value);
    let takes = fields.optional("takes").and_then(|node| reader.period(node, "`takes`")).map(|takes| takes.value).unwrap_or_default();
    let sets = fields.optional("sets").map_or(BTreeMap::new(), |node| read_texts(reader, node, "`sets`", "`sets: {leader: db-2}`"));
    let fault = fields.optional("breaks").and_then(|node| read_fault(reader, node));
    let fault = read_follower(reader, fields.entry("follows"), fault);
    let reboots = fields.optional("reboots").and_then(|node| reader.period(node, "`reboots`")).map(|down| Fault::Reboots(down.value));
    let ends = fields.optional("newline").is_none_or(|node| read_flag(reader, node, "`newline`"));
    fields.finish(reader, &RULE);
    let with_newline = |text: String| if ends { with_newline(text) } else { text };
    let exits = i32::try_from(exits).unwrap_or(1);
    Some(Rule {
        at,
        on,
        is,
        after,
        after_here,
        facts,
        times,
        says: with_newline(says),
        complains: with_newline(complains),
        exits,
        takes,
        sets,
        fault: fault.or(reboots),
    })
}

/// What a program prints ends its last line.
fn with_newline(text: String) -> String {
    if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" }
}

fn read_pieces(reader: &mut Reader, node: &Node) -> Vec<String> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(|item| Some(reader.as_written(item, "a piece")?.value)).collect(),
        Value::Scalar(_) | Value::Map(_) => reader.as_written(node, "`on`").map(|text| text.value).into_iter().collect(),
    }
}

fn read_texts(reader: &mut Reader, node: &Node, what: &str, example: &str) -> BTreeMap<String, String> {
    let Some(mut fields) = reader.fields(node, what, example) else { return BTreeMap::new() };
    let named = fields.rest();
    named.into_iter().filter_map(|(name, node)| Some((name.value, reader.as_written(node, "a value")?.value))).collect()
}

/// Whether somebody goes on after a killed runner; nobody can follow one who was not killed.
fn read_follower(reader: &mut Reader, follows: Option<(Span, &Node)>, fault: Option<Fault>) -> Option<Fault> {
    let Some((place, node)) = follows else { return fault };
    if !matches!(fault, Some(Fault::Runner(_))) {
        let help = "write `breaks: runner` beside it, or remove it";
        reader.error("RB601", place, "`follows` stands only beside `breaks: runner`").label("nobody is killed here").help(help);
        return fault;
    }
    Some(Fault::Runner(if read_flag(reader, node, "`follows`") { Afterwards::Followed } else { Afterwards::Left }))
}

fn read_fault(reader: &mut Reader, node: &Node) -> Option<Fault> {
    let word = reader.text(node, "`breaks`")?;
    let known = WORDS.iter().find(|(name, _)| *name == word.value).map(|(_, fault)| *fault);
    if known.is_none() {
        let message = format!("`breaks` cannot be {:?}", word.value);
        let help = "before, during, after: when the connection is lost; stalls: it never ends; full: no room on the host; runner: the runner is killed meanwhile";
        reader.error("RB601", word.span, message).label("expected before, during, after, stalls, full or runner").help(help);
    }
    known
}
