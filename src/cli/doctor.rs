//! `runbook doctor`: is everything ready to run, and if not, what to do. Changes nothing but a probe file in the store, which it removes.

mod library;
mod machine;
mod secrets;

use serde::Serialize;

use super::args::Output;
use super::context::Context;
use super::failure::{Exit, Failure};
use crate::views::{Line, Page, Tone};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    /// It works; somebody should look.
    Warn,
    /// It does not work.
    Bad,
}

/// One check.
#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at, in a word.
    check: &'static str,
    status: Status,
    says: String,
    /// What to do, where something is to be done.
    remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, says: says.into(), remedy: None }
    }

    fn warn(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, status: Status::Warn, says: says.into(), remedy: Some(remedy.into()) }
    }

    fn bad(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, status: Status::Bad, says: says.into(), remedy: Some(remedy.into()) }
    }
}

#[derive(Serialize)]
struct DoctorJson<'a> {
    checks: &'a [Finding],
    ok: usize,
    warnings: usize,
    bad: usize,
}

/// `runbook doctor`
pub fn doctor(context: &Context) -> Result<Exit, Failure> {
    let mut findings = machine::programs();
    findings.extend(library::findings(context));
    findings.extend(secrets::findings(context));
    findings.extend(machine::store(context));
    let count = |status: Status| findings.iter().filter(|finding| finding.status == status).count();
    let (ok, warnings, bad) = (count(Status::Ok), count(Status::Warn), count(Status::Bad));
    match context.output {
        Output::Json => context.print_json(&DoctorJson { checks: &findings, ok, warnings, bad }),
        Output::Text => context.print(&page(&findings, (ok, warnings, bad))),
    }
    Ok(if bad == 0 { Exit::Ok } else { Exit::Failed })
}

fn page(findings: &[Finding], (ok, warnings, bad): (usize, usize, usize)) -> Page {
    const SAYS: usize = 19; // after the longest status and the longest name of a check
    let mut page = Page::new();
    for finding in findings {
        let (tone, word) = match finding.status {
            Status::Ok => (Tone::Good, "ok"),
            Status::Warn => (Tone::Waits, "warn"),
            Status::Bad => (Tone::Bad, "bad"),
        };
        page.push(Line::new().with(tone, word).column(6).with(Tone::Strong, finding.check).column(SAYS).plain(finding.says.clone()));
        let remedy = finding.remedy.iter().flat_map(|remedy| remedy.lines());
        page.lines.extend(remedy.map(|line| Line::new().column(SAYS).with(Tone::Quiet, line)));
    }
    page.push(Line::new());
    let verdict = if bad == 0 { "ready" } else { "not ready" };
    let tone = if bad == 0 { Tone::Good } else { Tone::Bad };
    page.push(Line::new().with(tone, verdict).plain(format!(": {ok} ok, {warnings} to look at, {bad} bad")));
    page
}
