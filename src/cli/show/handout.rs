//! A runbook as a handout for the day on which the program cannot be used: what to type, where, what to expect, who signs. Made of the plan's own
//! rendering, and never shortens a command.

mod gate;
mod step;
mod words;

use std::collections::BTreeSet;

use crate::base::{Digest, GateNo, HostName};
use crate::event::Verdict;
use crate::plan::origin_words;
use crate::plan::{FlowBlock, Node, Outline, ReleaseWhen, Repeats, Scope, login};
use crate::runbook::{ForEachText, Parameter, Work};
use crate::views::{Inline, Markdown};

/// A longer command stands below the table of the way back, so that the page prints at 80 columns.
const SHORT: usize = 44;

/// What tells a stale copy from a fresh one.
#[derive(Debug, Clone)]
pub struct Edition {
    /// When it was made, `2026-11-24T14:20:00Z`.
    pub made: String,
    /// The runbook's file as people know it.
    pub file: String,
    pub digest: Digest,
    /// The last commit that changed the file, where git knows one.
    pub revision: Option<String>,
    /// Whether the file differs from that commit.
    pub is_changed: bool,
}

/// The handout as it grows.
struct Handout<'o> {
    outline: &'o Outline<'o>,
    /// The values that are known, by frame.
    scopes: &'o [Scope],
    page: Markdown,
    shown: BTreeSet<GateNo>,
    hosts: BTreeSet<HostName>,
    /// Whether the point of no return is passed.
    is_beyond: bool,
    /// The ways back, oldest first.
    back: Vec<step::WayBack>,
    /// What is held: the steps that take and give back.
    held: Vec<(String, String)>,
}

/// The whole handout as Markdown.
pub fn handout(outline: &Outline<'_>, scopes: &[Scope], edition: &Edition) -> String {
    let mut handout = Handout {
        outline,
        scopes,
        page: Markdown::new(),
        shown: BTreeSet::new(),
        hosts: BTreeSet::new(),
        is_beyond: false,
        back: Vec::new(),
        held: Vec::new(),
    };
    handout.head(edition);
    handout.values();
    handout.targets();
    handout.logins();
    handout.page.heading(2, "Steps");
    handout.how_to_read();
    handout.nodes(&outline.program.flow, 3);
    if !outline.program.after_no_return.is_empty() {
        handout.page.heading(2, "Where something fails after the point of no return");
        handout.nodes(&outline.program.after_no_return, 3);
    }
    handout.held();
    handout.way_back();
    handout.end();
    handout.page.finish()
}

impl<'o> Handout<'o> {
    fn head(&mut self, edition: &Edition) {
        let runbook = &self.outline.program.runbook;
        self.page.heading(1, &format!("{}: {}", runbook.name.value, runbook.title));
        let revision = match (&edition.revision, edition.is_changed) {
            (Some(revision), false) => format!(", revision {revision}"),
            (Some(revision), true) => format!(", revision {revision} and changes after it"),
            (None, _) => String::new(),
        };
        self.page.quote(
            Inline::new()
                .strong("For the day on which the program cannot be used.")
                .text(&format!(
                    " Made {} from {}{revision}. This copy is stale where the sum of that file begins otherwise than ",
                    edition.made, edition.file
                ))
                .code(&edition.digest.to_string()[..16])
                .text(": ")
                .code(&format!("sha256sum {}", edition.file)),
        );
        let mut facts = vec![("Owner", runbook.owner.clone().unwrap_or("nobody".to_owned()))];
        facts.push(("Reviewed", runbook.reviewed.as_ref().map_or("never".to_owned(), |date| date.value.clone())));
        facts.extend(runbook.links.iter().map(|(name, link)| (name.as_str(), link.clone())));
        self.page.list(facts.iter().map(|(name, value)| Inline::new().strong(name).text(&format!(": {value}"))));
        if let Some(description) = &runbook.description {
            self.page.prose(description);
        }
    }

    fn values(&mut self) {
        let program = self.outline.program;
        if program.runbook.parameters.is_empty() {
            return;
        }
        self.page.heading(2, "Values");
        let written = program.parameters.written();
        let line = |parameter: &Parameter| {
            let name = &parameter.name.value;
            let said = Inline::new().code(name);
            let said = match written.get(name) {
                Some(value) if value.is_empty() => said.text(" = (nothing)"),
                Some(value) => said.text(" = ").code(&value.to_string()),
                None => said.text(&format!(" = {}", "_".repeat(16))),
            };
            said.text(&parameter.description.as_ref().map_or(String::new(), |about| format!(" · {}", about.trim())))
        };
        self.page.list(program.runbook.parameters.iter().map(line));
        if program.runbook.parameters.iter().any(|parameter| !written.contains_key(&parameter.name.value)) {
            let said = "Fill in what is empty, and write it wherever a command says its name between double braces, as one word: between single quotes where it is not of letters, digits, dots, dashes and slashes alone.";
            self.page.paragraph(said);
        }
        for secret in &program.runbook.secrets {
            let said = Inline::new().text("The secret ").code(&secret.name.value).text(" is on no paper: it comes from ");
            self.page.paragraph(said.code(&origin_words(&secret.origin)));
        }
        for rule in &program.runbook.rules {
            self.page.paragraph(
                Inline::new().text("It must hold that ").code(rule.require.value.trim()).text(&format!(": {}", rule.message.trim())),
            );
        }
    }

    /// Names of hosts that depend on a value: those of the inventory stand in the steps.
    fn targets(&mut self) {
        let targets = self.outline.program.runbook.targets.iter().filter(|(_, selector)| selector.value.contains("{{"));
        let said = targets.map(|(name, selector)| Inline::new().code(&name.value).text(" names the hosts ").code(selector.value.trim()));
        let said: Vec<Inline> = said.collect();
        if !said.is_empty() {
            self.page.list(said);
        }
    }

    fn logins(&mut self) {
        let program = self.outline.program;
        let hosts: BTreeSet<HostName> = program.steps.iter().filter_map(|step| self.hosts_of(step)).flatten().collect();
        if hosts.is_empty() {
            return;
        }
        self.page.heading(2, "Hosts");
        let environment = |host: &HostName| program.inventory.hosts.get(host).map_or("", |host| host.environment.as_str());
        let rows: Vec<Vec<Inline>> = hosts
            .iter()
            .map(|host| vec![Inline::new().strong(host.as_str()), way_in(&login(program, host)), Inline::from(environment(host))])
            .collect();
        self.page.table(&["host", "log in", "environment"], &rows);
        self.hosts = hosts;
    }

    fn how_to_read(&mut self) {
        let said = "One step after the other, from top to bottom. A frame holds one script: type it whole into the shell that is named, sh unless another is. \"As\" a user means: through sudo -u USER. Tick a box when the step is over on that host, and write the time in UTC. Where a step does not do what is expected, stop and decide together, unless it says otherwise. Never begin a step twice that says \"once\" without finding out what became of the first time.";
        self.page.paragraph(said);
    }

    fn nodes(&mut self, nodes: &'o [Node], level: usize) {
        for node in nodes {
            match node {
                Node::Step(number) => self.step(&self.outline.steps[*number], level),
                Node::Choice { step, options } => {
                    self.step(&self.outline.steps[*step], level);
                    for (name, nodes) in options {
                        self.page.heading((level + 1).min(6), &format!("If you choose: {name}"));
                        if nodes.is_empty() {
                            self.page.paragraph("Nothing is done.");
                        }
                        self.nodes(nodes, level + 2);
                    }
                }
                Node::Block(block) => self.block(block, level),
            }
        }
    }

    fn block(&mut self, block: &'o FlowBlock, level: usize) {
        self.point_of_no_return(block.head.no_return);
        self.page.heading(level.min(6), &format!("{} {}", block.head.number, block.head.step.name.value));
        if let Some(why) = &block.head.step.why {
            self.page.prose(why);
        }
        if let Some(when) = &block.head.step.when {
            self.page.paragraph(Inline::new().strong("Only where").text(" ").code(when.value.trim()));
        }
        self.repeats(block);
        if block.uninterruptible {
            self.page.paragraph("Once begun, go on to the end of this block: it is not left half done.");
        }
        if let Some(bracket) = &block.bracket {
            self.step(&self.outline.steps[bracket.acquire], level + 1);
        }
        self.nodes(&block.steps, level + 1);
        if !block.rescue.is_empty() {
            self.page.heading((level + 1).min(6), &format!("Where a step of {} failed", block.head.number));
            self.nodes(&block.rescue, level + 2);
        }
        if !block.always.is_empty() {
            self.page.heading((level + 1).min(6), &format!("At the end of {}, however it went", block.head.number));
            self.nodes(&block.always, level + 2);
        }
        if let Some(bracket) = &block.bracket {
            let (take, give) = (&self.outline.steps[bracket.acquire], &self.outline.steps[bracket.release]);
            self.held.push((take.step.number.clone(), give.step.number.clone()));
            self.page.paragraph(match bracket.when {
                ReleaseWhen::Success => "Give it back only where all of this went well; else it stays held until somebody decides.",
                ReleaseWhen::Always => "Give it back now, however it went.",
                ReleaseWhen::Ask => "Where all went well give it back now; else decide together.",
            });
            self.step(give, level + 1);
        }
    }

    fn repeats(&mut self, block: &FlowBlock) {
        let said = match &block.repeats {
            Repeats::Once => return,
            Repeats::Called(frame) => {
                let called = &self.outline.program.frames[*frame].runbook;
                Inline::new()
                    .text("These are the steps of the runbook ")
                    .code(&called.name.value)
                    .text(&format!(": {}. Its values are its own.", called.title.trim()))
            }
            Repeats::ForEach(ForEachText::List(items)) => {
                let items: Vec<&str> = items.iter().map(|item| item.value.as_str()).collect();
                Inline::new().text("Do all of it once for each of these, which the commands call item: ").code(&items.join(", "))
            }
            Repeats::ForEach(ForEachText::Template(text)) => {
                Inline::new().text("Do all of it once for each of these, which the commands call item: ").code(text.value.trim())
            }
            Repeats::Rolling { serial, last, max_failures, pause } => {
                let sizes: Vec<String> = serial.iter().map(|size| crate::plan::words::serial(*size)).collect();
                let said = format!(
                    "Do all of it for so many hosts at a time, one batch after the other: {}. Where more than {max_failures} hosts failed, begin no further batch.",
                    sizes.join(", then ")
                );
                let said = Inline::new().text(&said);
                let said = match pause.map(|pause| &self.outline.steps[pause].step.step.work) {
                    Some(Work::Wait { period }) => said.text(&format!(" Between two batches wait {}.", period.value)),
                    Some(_) | None => said,
                };
                match last {
                    Some(last) => said.text(" These go last, alone: ").code(last.value.trim()),
                    None => said,
                }
            }
        };
        self.page.paragraph(said);
    }

    fn point_of_no_return(&mut self, begins: bool) {
        if !begins || self.is_beyond {
            return;
        }
        self.is_beyond = true;
        self.page.rule();
        let after = if self.outline.program.after_no_return.is_empty() {
            " Where something fails from here on, decide together how to go on."
        } else {
            " Where something fails from here on, go to \"Where something fails after the point of no return\"."
        };
        self.page.quote(
            Inline::new()
                .strong("Point of no return.")
                .text(" From here on nothing is undone: the way back at the end of this handout is closed.")
                .text(after),
        );
    }

    fn held(&mut self) {
        if self.held.is_empty() {
            return;
        }
        self.page.heading(2, "What is held");
        self.page.paragraph("Before you leave: whatever was taken is given back, or somebody knows that it is held.");
        let rows: Vec<Vec<Inline>> = self
            .held
            .iter()
            .map(|(take, give)| {
                vec![Inline::from(take.as_str()), Inline::from(" ".repeat(16).as_str()), Inline::from(give.as_str()), Inline::from("")]
            })
            .collect();
        self.page.table(&["taken in", "taken at (UTC)  ", "given back in", "given back at (UTC)"], &rows);
    }

    fn way_back(&mut self) {
        let back = std::mem::take(&mut self.back);
        if back.is_empty() {
            return;
        }
        self.page.heading(2, "The way back, newest first");
        self.page.paragraph(
            "Only what was done is undone, and only before the point of no return. An undo is signed for like the step that it undoes.",
        );
        let is_short = |way: &step::WayBack| !way.command.contains('\n') && way.command.len() <= SHORT;
        let row = |way: &step::WayBack| {
            let command = if is_short(way) { Inline::new().code(&way.command) } else { Inline::from("below") };
            vec![Inline::from(way.number.as_str()), Inline::from(way.hosts.as_str()), command]
        };
        let rows: Vec<Vec<Inline>> = back.iter().rev().map(row).collect();
        self.page.table(&["step", "on", "the way back"], &rows);
        for way in back.iter().rev().filter(|way| !is_short(way)) {
            self.page.paragraph(format!("The way back of {} on {}:", way.number, way.hosts).as_str());
            self.page.code(&way.command);
        }
    }

    fn end(&mut self) {
        self.page.heading(2, "Afterwards");
        self.page.checks([
            Inline::from("What was done, when and by whom is written down: keep this paper with the incident."),
            Inline::from("What the handout got wrong is told to the runbook's owner."),
        ]);
    }

    fn hosts_of(&self, step: &crate::plan::ProgramStep) -> Option<Vec<HostName>> {
        crate::plan::hosts_of(self.outline.program, step, &self.scopes[step.frame]).ok()
    }
}

fn way_in(login: &str) -> Inline {
    if login.starts_with("ssh ") { Inline::new().code(login) } else { Inline::from(login) }
}

/// How a conclusion is said.
fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Recovered => "What was wrong is right again",
        Verdict::NoAction => "Nothing is to be done",
        Verdict::Escalated => "Call for help",
        Verdict::Failed => "It failed",
        Verdict::RolledBack => "What was done is undone",
        Verdict::Stopped => "It was stopped",
        Verdict::Denied => "It was denied",
    }
}
