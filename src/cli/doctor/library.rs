//! What a team's library needs: that all of it reads, that gates can be satisfied, and that you can sign. Judges no run.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::approval::verify;
use crate::base::Person;
use crate::cli::context::{Context, open_library};
use crate::cli::opening::examine;
use crate::effects::{Identity, SshKeygen, sign};
use crate::library::{HostSource, Library, LibraryError};
use crate::text::Severity;

/// What is signed to see whether you can sign: nobody could take it for anything else.
const TRIAL: &[u8] = b"runbook doctor: a trial, worth nothing\n";

/// Everything about the library and its people.
pub(super) fn findings(context: &Context) -> Vec<Finding> {
    let library = match context.library_folder().and_then(|root| Ok(open_library(&root, None)?)) {
        Ok(library) => library,
        Err(failure) => return vec![Finding::bad("library", "cannot be used", failure.message)],
    };
    let mut findings = vec![own_files(&library)];
    findings.extend(hosts(&library));
    findings.extend(runbooks(context, &library));
    findings.push(roster(&library));
    findings.extend(groups(&library));
    findings.extend(floors(&library));
    findings.extend(people(context, &library));
    findings
}

fn own_files(library: &Library) -> Finding {
    let root = library.root().display().to_string();
    match library.warnings.len() {
        0 => Finding::ok("library", root),
        1 => Finding::warn("library", format!("{root}, a warning"), "runbook lint shows it"),
        several => Finding::warn("library", format!("{root}, {several} warnings"), "runbook lint shows them"),
    }
}

/// Where hosts came from, where the inventory does not say all itself.
fn hosts(library: &Library) -> Option<Finding> {
    if library.host_sources.is_empty() {
        return None;
    }
    let all = library.inventory.hosts.len() - 1; // without `local`
    let of = |source: &HostSource| format!("{} from {}", source.hosts, source.name);
    let from: Vec<String> = library.host_sources.iter().map(of).collect();
    let says = format!("{all} besides local: {}", from.join(", "));
    let empty = library.host_sources.iter().find(|source| source.hosts == 0);
    Some(match empty {
        None => Finding::ok("hosts", says),
        Some(source) => Finding::warn("hosts", says, format!("{} names no host: is it the right file?", source.name)),
    })
}

fn runbooks(context: &Context, library: &Library) -> Vec<Finding> {
    let names = match library.names() {
        Ok(names) => names,
        Err(error) => return vec![Finding::bad("runbooks", error.to_string(), "may you read the library's folder?")],
    };
    let mut findings: Vec<Finding> = names.iter().filter_map(|name| trouble(context, library, name)).collect();
    if findings.is_empty() {
        findings.push(Finding::ok("runbooks", format!("all {} read", names.len())));
    }
    findings
}

fn trouble(context: &Context, library: &Library, name: &str) -> Option<Finding> {
    let problems = match library.runbook(name) {
        Ok(file) => match examine(context, library, &file.source, name) {
            Ok(opened) => opened.problems,
            Err(failure) => return Some(Finding::bad("runbooks", name, failure.message)),
        },
        Err(LibraryError::Invalid(problems)) => problems,
        Err(other) => return Some(Finding::bad("runbooks", name, other.to_string())),
    };
    let remedy = format!("runbook lint {name}");
    let errors = problems.only(Severity::Error);
    match (errors.sorted().first(), problems.len()) {
        (Some(error), _) => Some(Finding::bad("runbooks", format!("{name}, line {}: {}", error.position().0, error.message), remedy)),
        (None, 0) => None,
        (None, 1) => Some(Finding::warn("runbooks", format!("{name} has a warning"), remedy)),
        (None, several) => Some(Finding::warn("runbooks", format!("{name} has {several} warnings"), remedy)),
    }
}

fn roster(library: &Library) -> Finding {
    let people = library.roster.people();
    let line = format!("PERSON namespaces=\"runbook-*@{}\" ssh-ed25519 AAAA…", library.policy.rules.domain);
    match people.len() {
        0 => Finding::bad("people", "nobody has a key, so nobody can approve", format!("add lines to team/allowed_signers: {line}")),
        1 => Finding::warn(
            "people",
            "only one person has a key: nobody can approve for them",
            format!("add a second line to team/allowed_signers: {line}"),
        ),
        several => Finding::ok("people", format!("{several} people have a key")),
    }
}

/// Groups that a gate may ask for and that nobody, or one person alone, can answer for.
fn groups(library: &Library) -> Vec<Finding> {
    let mut members: BTreeMap<&str, BTreeSet<&Person>> = BTreeMap::new();
    let with_key = library.roster.people();
    for (person, groups) in &library.policy.rules.people {
        for group in groups {
            let of_group = members.entry(group.as_str()).or_default();
            of_group.extend(with_key.contains(person).then_some(person));
        }
    }
    let nobody: Vec<&str> = members.iter().filter(|(_, people)| people.is_empty()).map(|(group, _)| *group).collect();
    if nobody.is_empty() {
        return vec![Finding::ok("groups", format!("somebody can answer for each of {}", members.len()))];
    }
    let says = format!("nobody in {} has a key: a gate from it can never be passed", nobody.join(", "));
    vec![Finding::warn("groups", says, "add a key of one of them to team/allowed_signers")]
}

/// What the policy asks at least, and whether there are people enough for it.
fn floors(library: &Library) -> Vec<Finding> {
    let besides = library.roster.people().len().saturating_sub(1);
    let of = |(environment, effects): (&String, &BTreeMap<crate::event::Effect, u32>)| {
        let asked: Vec<String> =
            effects.iter().filter(|(_, count)| **count > 0).map(|(effect, count)| format!("{effect} {count}")).collect();
        let asked = if asked.is_empty() { "asks nobody".to_owned() } else { format!("asks {}", asked.join(", ")) };
        let most = effects.values().copied().max().unwrap_or(0) as usize;
        if most > besides {
            let says = format!("{environment} {asked}, and only {besides} could approve besides the one who runs it");
            return Finding::warn("policy", says, "add people to team/allowed_signers");
        }
        Finding::ok("policy", format!("{environment} {asked}"))
    };
    library.policy.rules.floors.iter().map(of).collect()
}

fn people(context: &Context, library: &Library) -> Vec<Finding> {
    match context.identity(&library.roster) {
        Err(failure) => vec![Finding::bad("who am I", "not known", failure.message)],
        Ok(identity) => vec![Finding::ok("who am I", identity.found.clone()), signing(context, library, &identity)],
    }
}

/// Signs a text for real, as an approval would be, and verifies it as others would.
fn signing(context: &Context, library: &Library, identity: &Identity) -> Finding {
    let Some(key) = &identity.key else {
        let remedy = "put your key into the agent (ssh-add), or name it by --key FILE";
        return Finding::bad("signing", format!("no key of {} is at hand", identity.person), remedy);
    };
    let namespace = format!("runbook-approve-v1@{}", library.policy.rules.domain);
    let signature = match sign(&key.key, &namespace, TRIAL) {
        Ok(signature) => signature,
        Err(error) => return Finding::bad("signing", "nothing could be signed", error.to_string()),
    };
    match verify(&library.roster, &identity.person, &namespace, TRIAL, &signature, context.now(), &SshKeygen) {
        Ok(fingerprint) => Finding::ok("signing", format!("signed and verified with {fingerprint}")),
        Err(error) => {
            let remedy = format!("look at the line of {} in team/allowed_signers", identity.person);
            Finding::bad("signing", format!("what you sign does not count: {error}"), remedy)
        }
    }
}
