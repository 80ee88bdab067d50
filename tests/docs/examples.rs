//! Examples in documents: found, told apart, read and checked as the program would. Runs none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runbook::base::{Bytes, Person};
use runbook::drill::read_scenario;
use runbook::event::RunMode;
use runbook::library::{Elsewhere, Inventory, Policy, Roster, read_allowed_signers, read_inventory, read_policy, resolve_inventory};
use runbook::plan::{Parameters, Presence, Program, Setting, Shelf, check};
use runbook::runbook::{LintPolicy, PutContent, Runbook, Work, lint, read};
use runbook::text::{Colour, Diagnostics, Severity, Source};

/// What an example is, as its first words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Runbook,
    /// A list of steps.
    Steps,
    /// `parameters:`, `targets:`, `rules:`, … alone.
    Top,
    Policy,
    Inventory,
    /// An inventory that takes hosts from other tools.
    Elsewhere,
    /// A scenario.
    Drill,
}

/// One fenced block of YAML.
pub struct Example {
    pub path: String,
    /// The line of its first word, from 1.
    pub line: usize,
    pub text: String,
    pub kind: Kind,
}

/// Every block that is fenced as YAML.
pub fn examples_in(path: &str, page: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let (mut open, mut indent): (Option<(usize, String)>, usize) = (None, 0);
    for (index, line) in page.lines().enumerate() {
        let line = if open.is_some() { line.get(indent..).unwrap_or_default() } else { line };
        match (&mut open, line) {
            (None, fence) if fence.trim_start() == "```yaml" => {
                indent = fence.len() - "```yaml".len();
                open = Some((index + 2, String::new()));
            }
            (Some(_), "```") => {
                let (line, text) = open.take().expect("it is open");
                let kind = kind_of(&text);
                examples.push(Example { path: path.to_owned(), line, text, kind });
            }
            (Some((_, text)), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "{path}: the last example does not end");
    examples
}

fn kind_of(text: &str) -> Kind {
    let first = text.lines().find(|line| !line.trim_start().starts_with('#')).unwrap_or_default();
    match first.split(':').next().unwrap_or_default() {
        "runbook" => Kind::Runbook,
        "drill" => Kind::Drill,
        "domain" => Kind::Policy,
        "hosts" => Kind::Inventory,
        "hosts_from" => Kind::Elsewhere,
        "parameters" | "targets" | "rules" | "secrets" | "symptoms" => Kind::Top,
        _ => Kind::Steps,
    }
}

/// The team that the guide's own examples describe, with a key for each person.
pub struct Team {
    inventory: Inventory,
    policy: Policy,
    roster: Roster,
    /// The whole runbooks among the examples: others may call them.
    shelf: Shelf,
}

/// Two public keys; nobody has their other halves.
const KEYS: [(&str, &str); 2] = [
    ("alice@example.com", "AAAAC3NzaC1lZDI1NTE5AAAAIG/2AcqcXmm2ANHi7XrU74O8VAb4fHUjb9POO4bmgRn9"),
    ("bob@example.com", "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"),
];

impl Team {
    /// From the examples of a policy and an inventory, of which there is one each.
    pub fn of(examples: &[Example]) -> Self {
        let only = |kind: Kind| {
            let found: Vec<&Example> = examples.iter().filter(|example| example.kind == kind).collect();
            assert_eq!(found.len(), 1, "one example of a {kind:?}");
            Source::new("example.yaml", &found[0].text)
        };
        let policy = sound(read_policy(&only(Kind::Policy)));
        let inventory = sound(read_inventory(&only(Kind::Inventory)));
        let line = |(person, key): &(&str, &str)| format!("{person} namespaces=\"runbook-*@{}\" ssh-ed25519 {key}\n", policy.rules.domain);
        let signers: String = KEYS.iter().map(line).collect();
        let roster = sound(read_allowed_signers(&Source::new("allowed_signers", &signers), &policy.rules.domain, &policy.rules.people));
        let whole = examples.iter().filter(|example| example.kind == Kind::Runbook);
        let read = |example: &Example| read(&source_of(example), name_of(example)).0.map(|runbook| (name_of(example).to_owned(), runbook));
        let shelf = Shelf { runbooks: whole.filter_map(read).collect(), ..Shelf::default() };
        Self { inventory, policy, roster, shelf }
    }
}

fn sound<T>((value, problems): (Option<T>, Diagnostics)) -> T {
    assert!(problems.is_empty(), "{}", problems.render(Colour::Plain));
    value.expect("without a problem it is there")
}

/// A runbook with these steps and nothing else.
pub fn runbook_around(steps: &str) -> String {
    format!("runbook: example\ntitle: An example\nsteps:\n{steps}")
}

/// What the program says against an example, with its place in the document. A whole runbook must be free of warnings, too.
pub fn problems_of(example: &Example, team: &Team) -> Vec<String> {
    let names = "parameters:\n  host_name: {type: host, default: db-primary}\n  mode: {type: string, default: soft}\n";
    let look = "steps:\n  - name: x\n    hosts: local\n    check: date\n";
    let (text, stem) = match example.kind {
        Kind::Drill => return said(read_scenario(&source_of(example), "example").1),
        Kind::Policy => return said(read_policy(&source_of(example)).1),
        Kind::Inventory => return said(read_inventory(&source_of(example)).1),
        Kind::Elsewhere => return said(resolve_inventory(&source_of(example), Path::new("team"), &OneHostEach).1),
        Kind::Runbook => (example.text.clone(), name_of(example)),
        Kind::Steps => (format!("{}{names}", runbook_around(&example.text)), "example"),
        Kind::Top => (format!("runbook: example\ntitle: An example\n{}{look}", example.text), "example"),
    };
    let source = Source::new(&format!("{}:{}", example.path, example.line), &text);
    let (runbook, mut problems) = read(&source, stem);
    if let Some(runbook) = runbook {
        problems.extend(lint(&runbook, &lint_policy(team)));
        let parameters = given(&runbook, team);
        problems.extend(check(&program(runbook, parameters, team)));
    }
    said(if example.kind == Kind::Runbook { problems } else { problems.only(Severity::Error) })
}

fn name_of(example: &Example) -> &str {
    example.text.lines().find_map(|line| line.strip_prefix("runbook: ")).unwrap_or_default()
}

/// A world in which each source names one host.
struct OneHostEach;

impl Elsewhere for OneHostEach {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        Ok(path.file_name().ok_or("a folder")?.as_encoded_bytes().to_vec())
    }

    fn list(&self, _: &Path) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    fn ask(&self, _: &Path) -> Result<Vec<u8>, String> {
        Err("nothing is run by a document".to_owned())
    }

    fn home(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/"))
    }
}

fn said(problems: Diagnostics) -> Vec<String> {
    if problems.is_empty() { Vec::new() } else { vec![problems.render(Colour::Plain)] }
}

fn source_of(example: &Example) -> Source {
    Source::new(&format!("{}:{}", example.path, example.line), &example.text)
}

/// What lint knows of the team; reviews are not asked for.
pub fn lint_policy(Team { policy, .. }: &Team) -> LintPolicy {
    let today = "2026-11-22T03:00:00Z".parse().expect("a time");
    LintPolicy { deny: policy.deny.clone(), changing: policy.changing.clone(), review: None, today }
}

/// The files that an example sends: they are not there, so each holds a line.
fn scripts(runbook: &Runbook) -> BTreeMap<String, Bytes> {
    let of_put = |content: &PutContent| match content {
        PutContent::File(file) | PutContent::Template(file) => Some(file.value.clone()),
        PutContent::Content(_) => None,
    };
    let files = runbook.all_steps().into_iter().filter_map(|step| match &step.work {
        Work::Script { file, .. } => Some(file.value.clone()),
        Work::Put(put) => of_put(&put.content),
        _ => None,
    });
    files.map(|file| (file, Bytes::from("date\n"))).collect()
}

/// What the plan has against a runbook, before any value is given.
pub fn checked(runbook: Runbook, team: &Team) -> Diagnostics {
    let parameters = Parameters::defaults(&runbook, &team.inventory);
    check(&program(runbook, parameters, team))
}

/// What has no default is given.
fn given(runbook: &Runbook, team: &Team) -> Parameters {
    let required = runbook.parameters.iter().filter(|parameter| parameter.default.is_none());
    let given: BTreeMap<String, Bytes> =
        required.map(|parameter| (parameter.name.value.clone(), Bytes::from(b"db-primary".to_vec()))).collect();
    Parameters::resolve(runbook, &given, &team.inventory).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Planned for Alice.
fn program(runbook: Runbook, parameters: Parameters, team: &Team) -> Program {
    let requester: Person = KEYS[0].0.parse().expect("a person");
    let Team { inventory, policy, roster, shelf } = team;
    let (inventory, policy, roster, shelf) = (inventory.clone(), policy.clone(), roster.clone(), shelf.clone());
    let shelf = Shelf { scripts: scripts(&runbook), ..shelf };
    Program::new(
        runbook,
        Setting { inventory, policy, roster, parameters, requester, presence: Presence::Attended, mode: RunMode::Real, shelf },
    )
}
