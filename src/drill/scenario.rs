//! What a scenario says: how hosts answer, what people do, and how the run must end. Never knows the runbook that it rehearses.

mod expected;
mod people;
mod rules;

use std::collections::BTreeMap;

use crate::base::{Bytes, Person, Timestamp};
use crate::text::{Diagnostics, Node, Reader, Source, Spanned, Vocabulary, parse};
pub use expected::{Expected, ExpectedStep, Listed, RESULTS, VERDICTS};
pub use people::{Approver, Presses, Said, Stop};
pub use rules::{Afterwards, Fault, HostScript, Rule};

/// One rehearsal: a file `drills/RUNBOOK/NAME.yaml` of the library.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file's stem.
    pub name: String,
    /// The runbook, which is also the name of the folder.
    pub runbook: Spanned<String>,
    pub title: String,
    pub parameters: BTreeMap<String, (Spanned<String>, Bytes)>,
    /// Who runs it; the first person of the policy unless said.
    pub runs_as: Option<Spanned<Person>>,
    /// The time at which it begins.
    pub begins: Timestamp,
    pub otherwise: Otherwise,
    /// By selector, in the order written: of two rules that match, the later one counts.
    pub hosts: Vec<(Spanned<String>, HostScript)>,
    /// By step, what people say there, in turn.
    pub people: Vec<(Spanned<String>, Vec<Said>)>,
    /// Where the one who runs it stops it.
    pub stops: Option<Stop>,
    /// Who answers gates; `None` where each gate is approved at once by those whom it asks.
    pub approvals: Option<Vec<Approver>>,
    pub expected: Expected,
    pub source: Source,
}

/// What becomes of a command that no rule knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Otherwise {
    /// It is not found, as by a shell, and the drill says that the scenario knows no answer.
    #[default]
    Unknown,
    /// It does what its step expects, as far as that can be guessed.
    AsExpected,
}

/// When a drill begins unless it says so: at night, and always the same, so that two drills can be compared.
const BEGINS: &str = "2026-01-01T04:00:00Z";

/// The scenario that every runbook has.
pub const AS_EXPECTED: &str = "as-expected";

const TOP: Vocabulary = Vocabulary {
    foreign: &[
        ("runbook", "write `drill: NAME`, the runbook that is rehearsed"),
        ("name", "write `title:`; the scenario's name is its file's stem"),
        ("params", "write `parameters:`"),
        ("inventory", "write `hosts:`; their names are those of the library's inventory"),
        ("answers", "write `people: {STEP: done}`"),
        ("approvers", "write `approvals: [bob@example.com]`"),
        ("assert", "write `expect: {verdict: recovered}`"),
        ("expected", "write `expect: {verdict: recovered}`"),
        ("interrupt", "write `stops: STEP`"),
        ("ctrl_c", "write `stops: STEP`"),
        ("default", "write `otherwise: as_expected`"),
    ],
};

impl Scenario {
    /// Where a runbook has no scenario: every host and everybody does what its steps expect, with these parameters, and it goes well.
    pub fn as_expected(runbook: &str, parameters: BTreeMap<String, Bytes>) -> Option<Self> {
        let text = format!(
            "drill: {runbook}\ntitle: Everything goes as the steps expect\notherwise: as_expected\nexpect: {{verdict: recovered}}\n"
        );
        let mut scenario = read_scenario(&Source::new(AS_EXPECTED, &text), AS_EXPECTED).0?;
        scenario.give(parameters);
        Some(scenario)
    }

    /// Gives these parameters, in the place of what the scenario says of them.
    pub fn give(&mut self, parameters: BTreeMap<String, Bytes>) {
        let place = self.runbook.span;
        let placed = |(name, value): (String, Bytes)| (name.clone(), (Spanned { value: name, span: place }, value));
        self.parameters.extend(parameters.into_iter().map(placed));
    }
}

/// Reads a scenario. It is there only where nothing is wrong with it.
pub fn read_scenario(source: &Source, name: &str) -> (Option<Scenario>, Diagnostics) {
    let mut reader = Reader::new(source);
    let scenario = read_document(&mut reader, name);
    let complete = if reader.diagnostics.has_errors() { None } else { scenario };
    (complete, reader.diagnostics)
}

fn read_document(reader: &mut Reader, name: &str) -> Option<Scenario> {
    let document = parse(&reader.source.clone(), &mut reader.diagnostics)?;
    let smallest = "drill: restart-db\ntitle: It goes well\nexpect: {verdict: recovered}";
    let mut fields = reader.fields(&document.root, "a scenario", &format!("at least\n{smallest}"))?;
    let runbook = fields.required("drill", "drill: restart-db").and_then(|node| reader.text(node, "`drill`"));
    let title = fields.required("title", "title: The standby is behind").and_then(|node| reader.text(node, "`title`"));
    let parameters = fields.optional("parameters").map_or(BTreeMap::new(), |node| read_parameters(reader, node));
    let runs_as = fields.optional("runs_as").and_then(|node| read_person(reader, node, "`runs_as`"));
    let begins = fields.optional("begins").and_then(|node| read_begin(reader, node));
    let otherwise = fields.optional("otherwise").map_or_else(Otherwise::default, |node| read_otherwise(reader, node));
    let hosts = fields.optional("hosts").map_or(Vec::new(), |node| rules::read_hosts(reader, node));
    let people = fields.optional("people").map_or(Vec::new(), |node| people::read_people(reader, node));
    let approvals = fields.optional("approvals").map(|node| people::read_approvals(reader, node));
    let stops = fields.optional("stops").and_then(|node| people::read_stop(reader, node));
    let expected = fields.required("expect", "expect: {verdict: recovered}").and_then(|node| expected::read_expected(reader, node));
    fields.finish(reader, &TOP);
    Some(Scenario {
        name: name.to_owned(),
        runbook: runbook?,
        title: title?.value,
        parameters,
        runs_as,
        begins: begins.or_else(|| BEGINS.parse().ok())?,
        otherwise,
        hosts,
        people,
        approvals,
        stops,
        expected: expected?,
        source: reader.source.clone(),
    })
}

fn read_parameters(reader: &mut Reader, node: &Node) -> BTreeMap<String, (Spanned<String>, Bytes)> {
    let Some(mut fields) = reader.fields(node, "`parameters`", "`parameters: {unit: postgresql}`") else { return BTreeMap::new() };
    let named = fields.rest();
    let read = |(name, node): (Spanned<String>, &Node)| {
        let value = reader.as_written(node, &format!("`{}`", name.value))?;
        Some((name.value.clone(), (name, Bytes::from(value.value.as_str()))))
    };
    named.into_iter().filter_map(read).collect()
}

/// A person by address.
pub(in crate::drill) fn read_person(reader: &mut Reader, node: &Node, what: &str) -> Option<Spanned<Person>> {
    let text = reader.text(node, what)?;
    match text.value.parse::<Person>() {
        Ok(value) => Some(Spanned { value, span: text.span }),
        Err(error) => {
            reader
                .error("RB601", text.span, error.to_string())
                .label("expected a person")
                .help("write the address that stands in the policy");
            None
        }
    }
}

fn read_flag(reader: &mut Reader, node: &Node, what: &str) -> bool {
    match reader.as_written(node, what).map(|text| text.value).as_deref() {
        Some("true") => true,
        Some("false") | None => false,
        Some(_) => {
            let message = format!("{what} is true or false");
            reader.error("RB103", node.span, message).label("expected true or false").help("write true or false, or remove it");
            false
        }
    }
}

fn read_begin(reader: &mut Reader, node: &Node) -> Option<Timestamp> {
    let text = reader.as_written(node, "`begins`")?;
    let parsed = text.value.parse().ok();
    if parsed.is_none() {
        let message = format!("`begins` is a time, got {:?}", text.value);
        reader.error("RB601", text.span, message).label("expected a time in UTC").help("write such as `begins: 2026-11-24T04:00:00Z`");
    }
    parsed
}

fn read_otherwise(reader: &mut Reader, node: &Node) -> Otherwise {
    let Some(word) = reader.text(node, "`otherwise`") else { return Otherwise::default() };
    match word.value.as_str() {
        "unknown" => Otherwise::Unknown,
        "as_expected" => Otherwise::AsExpected,
        other => {
            let message = format!("`otherwise` cannot be {other:?}");
            let help =
                "`as_expected` answers what no rule knows as its step expects; `unknown`, which counts unless said, finds no such command";
            reader.error("RB601", word.span, message).label("expected as_expected or unknown").help(help);
            Otherwise::default()
        }
    }
}
