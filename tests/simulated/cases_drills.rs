//! Each drill that ships is of a runbook that is there, and names steps, hosts and parameters that it has. Runs none of them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::simulation::shipped::{folder, library, read_shipped};
use runbook::runbook::Runbook;
use serde_json::Value;

/// The cases, each of which has a drill.
const WITH_A_DRILL: [&str; 8] = [
    "disk-full",
    "drain-patroni-replica",
    "elasticsearch-rolling-restart",
    "etcd-members-down",
    "fail-over-gitlab",
    "kafka-rolling-restart",
    "redis-fail-over",
    "roll-back-deployment",
];

/// Every file below `runbooks/drills/NAME/`.
fn drills_of(name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder().join("drills").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// All that a step of the runbook may be called: its id, those of what it takes and gives back, and those of symptoms.
fn ids(runbook: &Runbook) -> BTreeSet<String> {
    let steps = runbook.all_steps().into_iter().map(|step| step.id.as_str().to_owned());
    steps.flat_map(|id| [format!("{id}.acquire"), format!("{id}.release"), id]).collect()
}

fn names(value: &Value) -> Vec<String> {
    value.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn each_drill_is_yaml_and_names_steps_hosts_and_parameters_that_are_there() {
    let library = library();
    for name in WITH_A_DRILL {
        let runbook = read_shipped(&library, name);
        let (ids, drills) = (ids(&runbook), drills_of(name));
        assert!(!drills.is_empty(), "{name} has no drill");
        for path in drills {
            let drill: Value =
                serde_yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            assert_eq!(drill["drill"], name, "{path:?}");
            assert!(drill["title"].is_string() && drill["expect"]["verdict"].is_string(), "{path:?}");
            for step in names(&drill["people"]).into_iter().chain(names(&drill["expect"]["steps"])) {
                assert!(ids.contains(&step), "{path:?}: {name} has no step {step}");
            }
            for host in names(&drill["hosts"]).into_iter().filter(|host| host != "all" && host != "local") {
                assert!(library.inventory.hosts.contains_key(&host.parse().unwrap()), "{path:?}: no host {host}");
            }
            for parameter in names(&drill["parameters"]) {
                assert!(runbook.parameters.iter().any(|known| known.name.value == parameter), "{path:?}: no parameter {parameter}");
            }
        }
    }
}
