//! The shape of what a verification says. Never a bare "OK": each level on its own.

use serde::Serialize;

use crate::base::RunId;
use crate::event::Head;

/// What is proven, each resting on the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Each line can be read and says an event.
    Parsed,
    /// Each line follows the one before.
    Chain,
    /// Inputs, documents and output lie there as the journal names them.
    Files,
    /// Each document is signed by whom it names.
    Signatures,
    /// Each action was approved as the policy of its time asked.
    Authority,
    /// Somebody else's signature or memory says how long the journal was.
    Anchored,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something is missing or unreadable, as a broken disk makes it.
    Damaged,
    /// Something contradicts itself, as only a hand makes it.
    Tampered,
}

/// The first thing that is wrong at a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub severity: Severity,
    /// The journal's line that it is about, from 1.
    pub line: Option<u64>,
    pub what: String,
}

/// One level's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LevelReport {
    pub level: Level,
    pub reached: bool,
    pub facts: Vec<String>,
    pub problem: Option<Problem>,
}

/// The answer as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing contradicts the record. What is not reached is said at its level.
    Proven,
    Tampered,
    Damaged,
}

/// What a record proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `None` where the record does not say.
    pub run: Option<RunId>,
    /// The newest line that is right.
    pub head: Head,
    pub status: Status,
    pub levels: Vec<LevelReport>,
}

impl Report {
    pub(super) fn about(run: Option<RunId>, head: Head) -> Self {
        Self { run, head, status: Status::Proven, levels: Vec::new() }
    }

    /// The report where there is no journal to judge.
    pub(super) fn without_record(problem: Problem) -> Self {
        let mut report = Self::about(None, Head::START);
        report.add(Level::Parsed, Findings { problem: Some(problem), ..Findings::default() });
        for level in [Level::Chain, Level::Files, Level::Signatures, Level::Authority, Level::Anchored] {
            report.add(level, Findings::not_judged());
        }
        report
    }

    pub(super) fn add(&mut self, level: Level, findings: Findings) {
        let worst = findings.problem.as_ref().map(|problem| problem.severity);
        self.status = match (self.status, worst) {
            (Status::Tampered, _) | (_, Some(Severity::Tampered)) => Status::Tampered,
            (Status::Damaged, _) | (_, Some(Severity::Damaged)) => Status::Damaged,
            (Status::Proven, None) => Status::Proven,
        };
        let reached = findings.problem.is_none() && !findings.short;
        self.levels.push(LevelReport { level, reached, facts: findings.facts, problem: findings.problem });
    }

    /// The first problem of all levels.
    pub fn problem(&self) -> Option<&Problem> {
        self.levels.iter().find_map(|level| level.problem.as_ref())
    }

    /// The answer at one level.
    pub fn level(&self, level: Level) -> Option<&LevelReport> {
        self.levels.iter().find(|report| report.level == level)
    }
}

/// What is wrong with one line. A sentence alone is tampering; what is missing is said to be damaged.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) severity: Severity,
    pub(super) what: String,
}

impl Wrong {
    pub(super) fn missing(what: String) -> Self {
        Self { severity: Severity::Damaged, what }
    }
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Self { severity: Severity::Tampered, what }
    }
}

/// What a level finds while it is judged.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) facts: Vec<String>,
    pub(super) problem: Option<Problem>,
    /// Not reached, without anything being wrong.
    pub(super) short: bool,
}

impl Findings {
    pub(super) fn not_judged() -> Self {
        Self { facts: vec!["not judged: the record is broken".to_owned()], problem: None, short: true }
    }

    pub(super) fn fact(&mut self, fact: String) {
        self.facts.push(fact);
    }

    /// Keeps the first problem; a later one that is worse counts for the status only through its own level.
    pub(super) fn problem(&mut self, severity: Severity, line: Option<u64>, what: String) {
        self.problem.get_or_insert(Problem { severity, line, what });
    }

    pub(super) fn is_sound(&self) -> bool {
        self.problem.is_none()
    }
}
