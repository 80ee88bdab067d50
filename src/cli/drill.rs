//! `runbook drill`: rehearses scenarios, compares, shows what differs, and keeps each drill's journal apart from all runs. Contacts nobody.

mod from;
mod hosts;
mod junit;
mod live;
mod pages;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::args::{DrillArgs, Output};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::opening::sound_runbook;
use crate::base::{Bytes, Digest, Period};
use crate::drill::{
    AS_EXPECTED, Cast, Difference, Pace, Rehearsal, Row, Scenario, Unused, compare, in_order, no_longer_met, read_scenario, unused,
    value_for, verdict,
};
use crate::journal::{DrillLine, Store};
use crate::library::Library;
use crate::runbook::Runbook;
use crate::text::Source;
use crate::views::{Line, StepLook, steps, timeline_line};

/// How a run ends that ends well.
const GOOD: [&str; 2] = ["recovered", "no_action"];

/// What came of all that was asked.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    drills: Vec<Drilled>,
    sweeps: Vec<Swept>,
}

/// One scenario.
#[derive(Debug, Serialize)]
struct Drilled {
    runbook: String,
    scenario: String,
    title: String,
    ok: bool,
    verdict: String,
    /// The other inventory whose hosts it ran on; `None` where hosts were played.
    hosts_from: Option<String>,
    /// By the drill's own clock.
    took_ms: u64,
    differences: Vec<Difference>,
    /// What of the scenario never mattered.
    unused: Vec<Unused>,
    /// The drill's folder in the store, where it was kept.
    drill: Option<String>,
    #[serde(skip)]
    timeline: Vec<Line>,
}

/// What becomes of a runbook when each of its steps fails in turn.
#[derive(Debug, Serialize)]
struct Swept {
    runbook: String,
    /// The scenario that goes well without the failures.
    scenario: String,
    verdict: String,
    /// Whether it ends well without the failures.
    goes_well: bool,
    /// Steps that failed where it does not.
    why: Vec<String>,
    rows: Vec<Row>,
    /// Commands that no rule knew, and whose answers could not be guessed.
    unanswered: Vec<String>,
}

/// `runbook drill`
pub fn drill(context: &Context, args: &DrillArgs) -> Result<Exit, Failure> {
    if args.live_people && context.output == Output::Json {
        return Err(Failure::usage("--live-people asks at the terminal, and --output json leaves it to a program: take one of them"));
    }
    if args.hosts_from.is_none() && !args.parameters.parameters.is_empty() {
        return Err(Failure::usage("-p goes with --hosts-from: a scenario says its parameters itself, under `parameters:`"));
    }
    let library = context.library()?;
    let store = context.store().ok();
    let mut stage = Theatre { context, args, library: &library, store: store.as_ref() };
    let mut report = Report { ok: true, drills: Vec::new(), sweeps: Vec::new() };
    if args.all {
        super::scenarios::homeless(&library, &library.names()?)
            .map_err(|found| Failure::usage(found.render(context.diagnostics_colour())))?;
    }
    match (&args.from, &args.name) {
        (Some(run), _) => report.drills.push(stage.past(run)?),
        (None, Some(name)) => stage.runbook(name.strip_suffix(".yaml").unwrap_or(name), &mut report)?,
        (None, None) => library.names()?.iter().try_for_each(|name| stage.runbook(name, &mut report))?,
    }
    report.ok = report.drills.iter().all(|drilled| drilled.ok) && report.sweeps.iter().all(|swept| swept.goes_well);
    if let Some(file) = &args.junit {
        write_junit(file, &report)?;
    }
    match context.output {
        Output::Json => context.print_json(&report),
        Output::Text => context.print(&pages::page(&report, context.quiet)),
    }
    Ok(if report.ok { Exit::Ok } else { Exit::Failed })
}

fn write_junit(file: &Path, report: &Report) -> Result<(), Failure> {
    std::fs::write(file, junit::xml(report)).map_err(|error| Failure::usage(format!("{} cannot be written: {error}", file.display())))
}

/// Where drills are played.
struct Theatre<'a> {
    context: &'a Context,
    args: &'a DrillArgs,
    library: &'a Library,
    store: Option<&'a Store>,
}

impl Theatre<'_> {
    fn runbook(&mut self, name: &str, report: &mut Report) -> Result<(), Failure> {
        let runbook = sound_runbook(self.context, self.library, name)?;
        let mut scenarios = self.scenarios(name)?;
        if let Some(wanted) = &self.args.scenario {
            let known: Vec<String> = scenarios.iter().map(|scenario| scenario.name.clone()).collect();
            scenarios.retain(|scenario| scenario.name == *wanted);
            if scenarios.is_empty() {
                let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
                return Err(Failure::usage(format!("{name} has no scenario {wanted:?}: {known}")));
            }
        }
        if let Some(hosts_from) = &self.args.hosts_from {
            let scenario = match self.args.scenario {
                Some(_) => scenarios.remove(0),
                None => self.as_expected(runbook.name.value.as_str(), BTreeMap::new())?,
            };
            report.drills.push(self.on_hosts_of(hosts_from, scenario, &runbook)?);
            return Ok(());
        }
        for scenario in &scenarios {
            report.drills.push(self.scenario(scenario.clone(), &runbook)?);
        }
        if self.args.sweep || (scenarios.is_empty() && !self.args.all) {
            report.sweeps.push(self.sweep(scenarios, &runbook)?);
        }
        Ok(())
    }

    /// What a run met, once more.
    fn past(&self, run: &str) -> Result<Drilled, Failure> {
        let made = from::scenario(self.context, run)?;
        let name = self.args.write.clone().unwrap_or_else(|| format!("run-{}", made.run.short()).to_lowercase());
        let (scenario, problems) = read_scenario(&Source::new(&format!("{name}.yaml"), &made.text), &name);
        let Some(scenario) = scenario else {
            return Err(Failure::usage(problems.render(self.context.diagnostics_colour())));
        };
        made.remarks.iter().for_each(|remark| self.context.talk(&format!("note: {remark}\n")));
        let runbook = sound_runbook(self.context, self.library, &scenario.runbook.value)?;
        if let Some(name) = &self.args.write {
            from::write(self.context, self.library, &runbook.name.value, name, &made.text)?;
        }
        self.scenario(scenario, &runbook)
    }

    /// All scenarios of a runbook; all that is wrong with any is told at once.
    fn scenarios(&self, name: &str) -> Result<Vec<Scenario>, Failure> {
        let (scenarios, found) = super::scenarios::scenarios(self.library, name)?;
        match found.has_errors() {
            true => Err(Failure::usage(found.render(self.context.diagnostics_colour()))),
            false => Ok(scenarios),
        }
    }

    fn cast(&self, scenario: Scenario, runbook: &Runbook) -> Result<Cast, Failure> {
        let cast = super::scenarios::cast(self.library, runbook, scenario)?;
        cast.map_err(|problems| Failure::usage(problems.render(self.context.diagnostics_colour())))
    }

    fn scenario(&self, scenario: Scenario, runbook: &Runbook) -> Result<Drilled, Failure> {
        let cast = self.cast(scenario, runbook)?;
        let pace = if self.args.real_time { Pace::Real } else { Pace::Simulated };
        let rehearsal = match self.args.live_people {
            true => cast.rehearse_with(
                &live::AtTheTerminal { context: self.context, program: cast.program(), gone: false.into() },
                self.args.seed,
                pace,
            ),
            false => cast.rehearse(self.args.seed, None, pace),
        };
        let rehearsal = rehearsal.map_err(no_runtime)?;
        let mut drilled = self.compared(&cast, &rehearsal, None);
        drilled.drill = self.keep(&drilled, runbook, &rehearsal);
        Ok(drilled)
    }

    fn compared(&self, cast: &Cast, rehearsal: &Rehearsal, hosts_from: Option<&str>) -> Drilled {
        let differences = compare(cast, rehearsal);
        Drilled {
            runbook: cast.program().runbook.name.value.clone(),
            scenario: cast.scenario.name.clone(),
            title: cast.scenario.title.clone(),
            ok: differences.is_empty(),
            verdict: verdict(&rehearsal.state),
            hosts_from: hosts_from.map(str::to_owned),
            took_ms: rehearsal.took.as_millis(),
            differences,
            unused: if self.args.from.is_some() { no_longer_met(cast, rehearsal) } else { unused(cast, rehearsal) },
            drill: None,
            timeline: if self.args.log { rehearsal.entries.iter().map(timeline_line).collect() } else { Vec::new() },
        }
    }

    fn sweep(&self, scenarios: Vec<Scenario>, runbook: &Runbook) -> Result<Swept, Failure> {
        let cast = match self.longest_that_goes_well(scenarios, runbook)? {
            Some(cast) => cast,
            None => self.cast(self.all_as_expected(runbook)?, runbook)?,
        };
        let sweep = cast.sweep(self.args.seed).map_err(no_runtime)?;
        let verdict = verdict(&sweep.well.state);
        let goes_well = GOOD.contains(&verdict.as_str());
        let failed = steps(cast.program(), &sweep.well.state).into_iter().filter(|step| step.look == StepLook::Failed);
        let why = failed.map(|step| format!("{}: {}", step.id, step.phrase.unwrap_or_default()));
        Ok(Swept {
            runbook: runbook.name.value.clone(),
            scenario: cast.scenario.name.clone(),
            verdict,
            goes_well,
            why: if goes_well { Vec::new() } else { why.collect() },
            rows: sweep.rows,
            unanswered: sweep.well.unanswered.iter().map(|one| format!("{}: {}", one.step, one.command.trim())).collect(),
        })
    }

    /// Of the scenarios that end well the one in which most steps run; of several such the first.
    fn longest_that_goes_well(&self, scenarios: Vec<Scenario>, runbook: &Runbook) -> Result<Option<Cast>, Failure> {
        let mut longest: Option<(usize, Cast)> = None;
        for scenario in scenarios.into_iter().filter(|scenario| GOOD.contains(&scenario.expected.verdict.value.as_str())) {
            let cast = self.cast(scenario, runbook)?;
            let steps = in_order(&cast.rehearse(self.args.seed, None, Pace::Simulated).map_err(no_runtime)?.entries).len();
            if longest.as_ref().is_none_or(|(most, _)| steps > *most) {
                longest = Some((steps, cast));
            }
        }
        Ok(longest.map(|(_, cast)| cast))
    }

    /// The scenario in which everything goes as the steps expect.
    fn all_as_expected(&self, runbook: &Runbook) -> Result<Scenario, Failure> {
        let needed = runbook.parameters.iter().filter(|parameter| parameter.default.is_none());
        let values = needed.filter_map(|parameter| Some((parameter.name.value.clone(), value_for(parameter, &self.library.inventory)?)));
        self.as_expected(&runbook.name.value, values.collect())
    }

    fn as_expected(&self, runbook: &str, parameters: BTreeMap<String, Bytes>) -> Result<Scenario, Failure> {
        Scenario::as_expected(runbook, parameters).ok_or_else(|| Failure::usage(format!("{runbook} cannot be drilled without a scenario")))
    }

    /// What is remembered of a drill whose folder has this name.
    fn line(&self, drilled: &Drilled, runbook: &Runbook, drill: String) -> DrillLine {
        DrillLine {
            at: self.context.now(),
            drill,
            person: None,
            runbook: drilled.runbook.clone(),
            revision: Digest::of(runbook.source.text().as_bytes()),
            scenario: drilled.scenario.clone(),
            hosts_from: drilled.hosts_from.clone(),
            passed: drilled.ok,
            verdict: drilled.verdict.clone(),
            took_ms: drilled.took_ms,
        }
    }

    /// Keeps the journal, where there is a store; a drill counts without one.
    fn keep(&self, drilled: &Drilled, runbook: &Runbook, rehearsal: &Rehearsal) -> Option<String> {
        let store = self.store.filter(|_| drilled.scenario != AS_EXPECTED)?;
        let line = self.line(drilled, runbook, ulid::Ulid::generate().to_string());
        match store.keep_drill(&line, &rehearsal.journal) {
            Ok(()) => Some(line.drill),
            Err(error) => {
                self.context.talk(&format!("warning: the drill is not kept: {error}\n"));
                None
            }
        }
    }
}

fn no_runtime(error: std::io::Error) -> Failure {
    Failure::usage(format!("this machine gives no runtime for a drill: {error}"))
}

/// A length of time in whole seconds from one second on.
fn in_words(millis: u64) -> String {
    match millis {
        0..1000 => Period::from_millis(millis).to_string(),
        _ => Period::from_secs(millis / 1000).to_string(),
    }
}
