//! What must hold of every simulated run, however it went: nothing twice that must not be, nothing unrecorded, every host with one result.

use std::collections::BTreeMap;

use runbook::base::{HostName, StepId};
use runbook::engine::{State, held};
use runbook::event::{Effect, Event, Part};

use super::{Ended, Scenario};

impl Ended {
    /// The invariants that hold whatever happened.
    pub fn check(&self, scenario: &Scenario, what: &str) {
        self.nothing_must_happen_twice(what, scenario);
        self.nothing_runs_unrecorded(what);
        self.nothing_runs_unapproved(what, scenario);
        assert!(!self.is_closed() || held(&self.state).is_empty(), "{what}: it is closed and holds something\n{}", scenario.text);
        for step in runbook::views::steps(&scenario.program, &self.state) {
            let mut names: Vec<_> = step.hosts.iter().map(|host| host.host.clone()).collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "{what}: a host is named twice in {}", step.id);
            let result_missing = step.hosts.iter().any(|host| host.result.is_none());
            assert!(!(self.is_closed() && result_missing), "{what}: a host of {} has no result", step.id);
        }
    }

    /// By the lines before it: the policy asks one person for each change, and none starts before its gate was filled.
    fn nothing_runs_unapproved(&self, what: &str, scenario: &Scenario) {
        let mut state = State::default();
        for entry in &self.journal {
            if let Event::ActionStarted { step, part, .. } = &entry.event {
                let stage = state.steps[step].stage.as_ref().unwrap();
                let changes = stage.effect > Effect::Idempotent && *part != Part::Look;
                let approved = stage.gate.is_some_and(|gate| state.is_approved(gate));
                assert!(approved || (!changes && stage.gate.is_none()), "{what}: {step} ran without approval\n{}", scenario.text);
            }
            state.after(entry.at, &entry.event).unwrap();
        }
    }

    fn nothing_must_happen_twice(&self, what: &str, scenario: &Scenario) {
        for index in 0..scenario.hosts {
            let host: HostName = format!("h{index}").parse().unwrap();
            let mut started: BTreeMap<(StepId, Part, u32), u32> = BTreeMap::new();
            let mut mains: BTreeMap<StepId, u32> = BTreeMap::new();
            for (step, part, attempt) in self.hosts.starts(&host) {
                *started.entry((step.clone(), part, attempt)).or_default() += 1;
                *mains.entry(step).or_default() += u32::from(part == Part::Main);
            }
            for (step, known) in &self.state.steps {
                let Some(stage) = &known.stage else { continue };
                let starts = mains.get(step).copied().unwrap_or(0);
                match stage.effect {
                    Effect::Once | Effect::Destructive => {
                        assert!(starts <= 1, "{what}: {step} ran {starts} times on {host}\n{}", scenario.text)
                    }
                    Effect::Idempotent => assert!(starts <= 3, "{what}: {step} ran {starts} times on {host}"),
                    Effect::Read => {}
                }
                if stage.effect != Effect::Read {
                    let twice = started.iter().find(|((id, part, _), count)| id == step && *part != Part::Look && **count > 1);
                    assert_eq!(twice, None, "{what}: one attempt started twice on {host}");
                    let undos = started.keys().filter(|(id, part, _)| id == step && *part == Part::Undo).count();
                    assert!(
                        undos <= usize::try_from(starts).unwrap(),
                        "{what}: {step} was undone {undos} times on {host}\n{}",
                        scenario.text
                    );
                }
            }
        }
    }

    fn nothing_runs_unrecorded(&self, what: &str) {
        for (host, starts) in self.state.hosts.keys().map(|host| (host, self.hosts.starts(host))) {
            for (step, part, attempt) in starts {
                let recorded = self.journal.iter().any(|entry| {
                    matches!(&entry.event, Event::ActionStarted { step: s, host: h, part: p, attempt: a, .. } if *s == step && h == host && *p == part && *a == attempt)
                });
                assert!(recorded, "{what}: {step} attempt {attempt} ran on {host} and no line says so");
            }
        }
    }
}
