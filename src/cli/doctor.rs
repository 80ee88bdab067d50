//! `runbook doctor`: is everything ready to run, and if not, what to do. Changes nothing but a probe file in the store, which it removes.
//! Contacts hosts only where runbooks are named, or all are asked for.

mod hosts;
mod library;
mod links;
mod machine;
mod people;
mod questions;
mod ready;
mod road;
mod secrets;
mod trouble;
mod wants;

use serde::Serialize;

use super::args::{DoctorArgs, Output};
use super::context::Context;
use super::failure::{Exit, Failure};
use crate::base::HostName;
use crate::views::{Line, Page, Tone};
use wants::Use;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
    /// What it is about, where that is one of them; of several steps the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<HostName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, status: Status::Ok, says: says.into(), remedy: None, host: None, runbook: None, step: None }
    }

    fn warn(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: Status::Warn, remedy: Some(remedy.into()), ..Self::ok(check, says) }
    }

    fn bad(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status: Status::Bad, remedy: Some(remedy.into()), ..Self::ok(check, says) }
    }

    /// The same about a host.
    fn on(self, host: &HostName) -> Self {
        Self { host: Some(host.clone()), ..self }
    }

    /// The same about a step.
    fn of(self, used: Option<&Use>) -> Self {
        Self { runbook: used.map(|used| used.runbook.clone()), step: used.map(|used| used.step.clone()), ..self }
    }

    /// The same where it does not matter much who sits here.
    fn without_operator(self) -> Self {
        let status = if ["who am I", "signing"].contains(&self.check) { self.status.min(Status::Warn) } else { self.status };
        Self { status, ..self }
    }

    /// The same about a runbook.
    fn of_runbook(self, runbook: &str) -> Self {
        Self { runbook: Some(runbook.to_owned()), ..self }
    }
}

#[derive(Serialize)]
struct DoctorJson<'a> {
    checks: &'a [Finding],
    ok: usize,
    warnings: usize,
    bad: usize,
}

/// `runbook doctor [NAME… | --all]`
pub fn doctor(context: &Context, args: &DoctorArgs) -> Result<Exit, Failure> {
    let ready = ready::findings(context, args)?;
    let mut findings = machine::programs();
    let of_library = library::findings(context);
    // A cron job that looks at hosts signs nothing: who is not named need not be there.
    let lenient = (args.all || !args.names.is_empty()) && !context.is_told_who();
    findings.extend(of_library.into_iter().map(|finding| if lenient { finding.without_operator() } else { finding }));
    findings.extend(secrets::findings(context));
    findings.extend(machine::store(context));
    findings.extend(ready);
    let count = |status: Status| findings.iter().filter(|finding| finding.status == status).count();
    let (ok, warnings, bad) = (count(Status::Ok), count(Status::Warn), count(Status::Bad));
    match context.output {
        Output::Json => context.print_json(&DoctorJson { checks: &findings, ok, warnings, bad }),
        Output::Text => context.print(&page(&findings, (ok, warnings, bad))),
    }
    Ok(if bad == 0 { Exit::Ok } else { Exit::Failed })
}

/// Columns of a status, and of a check's name after it.
const NAME: usize = 6;
const SAYS: usize = 19;

fn page(findings: &[Finding], (ok, warnings, bad): (usize, usize, usize)) -> Page {
    let mut page = Page::new();
    for finding in findings.iter().filter(|finding| finding.host.is_none()) {
        page.push(stated(finding.status).column(NAME).with(Tone::Strong, finding.check).column(SAYS).plain(finding.says.clone()));
        page.lines.extend(to_do(finding));
    }
    hosts_on(&mut page, findings);
    page.push(Line::new());
    let verdict = if bad == 0 { "ready" } else { "not ready" };
    let tone = if bad == 0 { Tone::Good } else { Tone::Bad };
    page.push(Line::new().with(tone, verdict).plain(format!(": {ok} ok, {warnings} to look at, {bad} bad")));
    page
}

/// A line for each host that is well, and below each other one what is to be done about it.
fn hosts_on(page: &mut Page, findings: &[Finding]) {
    let about: Vec<(&HostName, &Finding)> = findings.iter().filter_map(|finding| Some((finding.host.as_ref()?, finding))).collect();
    let widest = about.iter().map(|(host, _)| host.as_str().len()).max().unwrap_or(0);
    if !about.is_empty() {
        page.push(Line::new());
    }
    for alike in alike(&about) {
        let (host, findings) = &alike[0];
        let worst = findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok);
        if worst == Status::Ok {
            let line = stated(worst).column(NAME).with(Tone::Strong, host.as_str());
            page.push(line.column(SAYS.max(NAME + widest + 2)).plain(findings[0].says.clone()));
        } else {
            let hosts: Vec<&str> = alike.iter().map(|(host, _)| host.as_str()).collect();
            page.push(stated(worst).column(NAME).with(Tone::Strong, hosts.join(", ")));
            findings.iter().for_each(|finding| exception(page, finding));
        }
    }
}

/// A host, and all that was found of it.
type OfHost<'a> = (&'a HostName, Vec<&'a Finding>);

/// Hosts of which the same is to be said stand together, where the first of them would stand; those that are well have a line each.
fn alike<'a>(about: &[(&'a HostName, &'a Finding)]) -> Vec<Vec<OfHost<'a>>> {
    let mut groups: Vec<Vec<OfHost<'a>>> = Vec::new();
    let said = |findings: &[&'a Finding]| -> Vec<(&'a str, &'a str)> {
        findings.iter().filter(|finding| finding.status != Status::Ok).map(|finding| (finding.check, finding.says.as_str())).collect()
    };
    for of_host in about.chunk_by(|(one, _), (other, _)| one == other) {
        let findings: Vec<&Finding> = of_host.iter().map(|(_, finding)| *finding).collect();
        let same = said(&findings);
        match groups.iter_mut().find(|group| !same.is_empty() && said(&group[0].1) == same) {
            Some(group) => group.push((of_host[0].0, findings)),
            None => groups.push(vec![(of_host[0].0, findings)]),
        }
    }
    groups
}

fn exception(page: &mut Page, finding: &Finding) {
    page.push(Line::new().column(NAME + 2).plain(finding.check).column(SAYS).plain(finding.says.clone()));
    page.lines.extend(to_do(finding));
}

fn stated(status: Status) -> Line {
    let (tone, word) = match status {
        Status::Ok => (Tone::Good, "ok"),
        Status::Warn => (Tone::Waits, "warn"),
        Status::Bad => (Tone::Bad, "bad"),
    };
    Line::new().with(tone, word)
}

fn to_do(finding: &Finding) -> impl Iterator<Item = Line> {
    let remedy = finding.remedy.iter().flat_map(|remedy| remedy.lines());
    remedy.map(|line| Line::new().column(SAYS).with(Tone::Quiet, line))
}
