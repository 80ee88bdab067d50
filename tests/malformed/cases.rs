//! Malformed files, and how each folder of them is read as the program would. Never looks inside a reader.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use runbook::base::Bytes;
use runbook::drill::read_scenario;
use runbook::event::RunMode;
use runbook::library::{
    Elsewhere, Inventory, Policy, Roster, SMALLEST_POLICY, read_allowed_signers, read_inventory, read_policy, resolve_inventory,
};
use runbook::plan::{Parameters, Presence, Program, Setting, Shelf, check};
use runbook::runbook::{Runbook, read};
use runbook::text::{Colour, Diagnostics, Source, decode};

/// Folders whose files have one mistake each.
pub const SINGLE: [&str; 7] = ["runbook", "plan", "inventory", "sources", "policy", "signers", "scenario"];

/// A malformed file, and what is said about it.
pub struct Case {
    /// Below `tests/malformed`: `runbook/title-missing.yaml`.
    pub path: String,
    pub found: Diagnostics,
}

/// How a file's text is read; the stem is the name of a runbook.
pub type Read = fn(&Source, &str) -> Diagnostics;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/malformed")
}

/// The files of a folder by name, each read.
pub fn cases(folder: &str) -> Vec<Case> {
    let (shown, read) = reader_of(folder);
    let mut files: Vec<(String, Vec<u8>)> = files_of(&root().join(folder));
    if folder == "runbook" {
        files.extend(made());
    }
    files.sort();
    assert!(!files.is_empty(), "{folder}");
    let case = |(name, bytes): (String, Vec<u8>)| {
        let stem = name.split('.').next().unwrap();
        let found = match decode(&shown.replace("NAME", stem), &bytes) {
            _ if folder == "sources" => resolve_inventory(&naming(&name), Path::new("team"), &Folder).1,
            Ok(source) => read(&source, stem),
            Err(found) => found,
        };
        Case { path: format!("{folder}/{name}"), found }
    };
    files.into_iter().map(case).collect()
}

/// Those of all folders whose files have one mistake each.
pub fn single() -> Vec<Case> {
    SINGLE.into_iter().flat_map(cases).collect()
}

pub fn files_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())).collect()
}

/// Files that are too long to be kept.
fn made() -> Vec<(String, Vec<u8>)> {
    let around = |name: &str, steps: &str| (format!("{name}.yaml"), format!("runbook: {name}\ntitle: Too much\n{steps}").into_bytes());
    let looks: String = (1..=1001).map(|n| format!("  - {{name: Look {n}, hosts: db, check: uptime}}\n")).collect();
    vec![
        around("thousand-and-one-steps", &format!("steps:\n{looks}")),
        around("two-mebibytes", &format!("description: |\n  {}\nsteps:\n  - {{name: x, manual: y}}\n", "All work. ".repeat(210_000))),
    ]
}

/// The name that people know such a file by, and its reader.
fn reader_of(folder: &str) -> (&'static str, Read) {
    match folder {
        "runbook" | "many/runbook" => ("runbooks/NAME.yaml", read_alone),
        "plan" => ("runbooks/NAME.yaml", read_in_a_library),
        "inventory" | "many/inventory" => {
            ("runbooks/team/inventory.yaml", |source, _| resolve_inventory(source, Path::new("team"), &Folder).1)
        }
        "sources" => ("", |_, _| Diagnostics::new()), // read through the inventory that names them
        "policy" | "many/policy" => ("runbooks/team/policy.yaml", |source, _| read_policy(source).1),
        "scenario" => ("runbooks/drills/restart-db/NAME.yaml", |source, stem| read_scenario(source, stem).1),
        "signers" => ("runbooks/team/allowed_signers", |source, _| read_allowed_signers(source, "example.com", &BTreeMap::new()).1),
        "many/signers" => ("runbooks/team/allowed_signers", |source, _| {
            let people = BTreeMap::from([("carol@example.com".parse().unwrap(), vec!["ic".to_owned()])]);
            read_allowed_signers(source, "example.com", &people).1
        }),
        other => panic!("nobody knows how to read {other}"),
    }
}

fn read_alone(source: &Source, stem: &str) -> Diagnostics {
    let (runbook, found) = read(source, stem);
    assert_eq!(runbook.is_none(), found.has_errors(), "{stem}");
    found
}

/// As `runbook plan` does; the runbooks of `called` are there as well.
fn read_in_a_library(source: &Source, stem: &str) -> Diagnostics {
    let (runbook, found) = read(source, stem);
    let Some(runbook) = runbook else { panic!("{stem} is wrong by itself:\n{}", found.render(Colour::Plain)) };
    check(&program(runbook))
}

const SIGNERS: &str = "\
alice@example.com namespaces=\"runbook-*@example.com\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG/2AcqcXmm2ANHi7XrU74O8VAb4fHUjb9POO4bmgRn9
bob@example.com namespaces=\"runbook-*@example.com\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
carol@example.com namespaces=\"runbook-*@example.com\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOvUijn/q9n5AW59oZK5rfuQT0L8K4wkNt45ftPXqpHQ
";

fn team() -> (Inventory, Policy, Roster) {
    let hosts = "hosts: {db-1: {groups: [db]}, db-2: {groups: [db]}, web-1: {groups: [web]}}";
    let inventory = read_inventory(&Source::new("inventory", hosts)).0.unwrap();
    let policy = read_policy(&Source::new("policy", &format!("{SMALLEST_POLICY}  carol@example.com: {{groups: [dba]}}\n"))).0.unwrap();
    let roster = read_allowed_signers(&Source::new("allowed_signers", SIGNERS), "example.com", &policy.rules.people).0.unwrap();
    (inventory, policy, roster)
}

fn program(runbook: Runbook) -> Program {
    let (inventory, policy, roster) = team();
    let files = files_of(&root().join("called")).into_iter().filter(|(name, _)| name.ends_with(".yaml"));
    let called = files.map(|(name, bytes)| {
        let stem = name.trim_end_matches(".yaml");
        let (called, found) = read(&decode(&format!("runbooks/{name}"), &bytes).unwrap(), stem);
        (stem.to_owned(), called.unwrap_or_else(|| panic!("{}", found.render(Colour::Plain))))
    });
    let own = (runbook.name.value.clone(), runbook.clone());
    let scripts = [("purge-logs.sh", "#!/bin/sh\nrm /var/log/app.log\n"), ("report.py", "#!/usr/bin/env python3\n")];
    let shelf = Shelf {
        runbooks: called.chain([own]).collect(),
        scripts: scripts.map(|(name, text)| (name.to_owned(), Bytes::from(text))).into(),
        script_names: scripts.map(|(name, _)| name.to_owned()).into(),
    };
    let parameters = Parameters::resolve(&runbook, &BTreeMap::new(), &inventory).unwrap_or_default();
    let requester = "alice@example.com".parse().unwrap();
    let (presence, mode) = (Presence::Attended, RunMode::Real);
    Program::new(runbook, Setting { inventory, policy, roster, parameters, requester, presence, mode, shelf })
}

fn naming(source: &str) -> Source {
    Source::new("runbooks/team/inventory.yaml", &format!("hosts_from: [{source}]\n"))
}

/// What inventories name by `hosts_from:` lies in the folder `sources`; what ends in `.json` is printed by a program.
struct Folder;

impl Elsewhere for Folder {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let name = path.file_name().ok_or("it is a folder")?;
        if name == "cloud-hosts" || path.extension().is_some_and(|extension| extension == "json") {
            return Ok(b"#!/bin/sh\n".to_vec());
        }
        let folder = if name == "sound.ini" { "called" } else { "sources" };
        fs::read(root().join(folder).join(name)).map_err(|error| error.to_string())
    }

    fn list(&self, _: &Path) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }

    fn ask(&self, program: &Path) -> Result<Vec<u8>, String> {
        let name = program.file_name().ok_or("it is a folder")?;
        fs::read(root().join("sources").join(name)).map_err(|_| "it ended with status 1\nit said:\nno credentials".to_owned())
    }

    fn home(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/"))
    }
}
