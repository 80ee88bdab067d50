//! Whether hosts are ready for the runbooks that name them: reached, known, logged in to, with what steps call. Looks, several hosts at once, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::Finding;
use super::questions::{self, Answer};
use super::road::{CONNECT, Heard, Road};
use super::trouble::unreached;
use super::wants::{Use, Wants};
use crate::base::{HostName, escaped};
use crate::cli::failure::Failure;
use crate::library::{Host, Inventory};

/// Hosts that are looked at at once: a bastion's `MaxStartups` drops more than ten.
const AT_ONCE: usize = 8;

/// What a spool needs: each attempt takes a few KiB before it begins, and its output while it runs.
const SPOOL_KIB: u64 = 16 << 10;

/// A host with what is asked of it.
struct Patient<'a> {
    host: &'a Host,
    wants: &'a Wants,
    road: Road,
}

/// Looks at these hosts: a line for each that is well, and what is wrong with each other one, in the inventory's order.
///
/// # Errors
/// Where nothing can be started at all.
pub(super) fn findings(
    inventory: &Inventory,
    wants: &BTreeMap<HostName, Wants>,
    all: bool,
    withheld: &[String],
) -> Result<Vec<Finding>, Failure> {
    let config = inventory.ssh_config.as_ref().map(|path| crate::cli::session::expanded(path));
    let nothing = Wants::default();
    let is_looked_at = |host: &&Host| wants.contains_key(&host.name) || (all && host.name != HostName::local());
    let patient =
        |host| Patient { host, wants: wants.get(&host.name).unwrap_or(&nothing), road: Road::new(host, config.as_deref(), withheld) };
    let patients: Vec<Patient<'_>> = inventory.hosts.values().filter(is_looked_at).map(patient).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::recording(format!("hosts cannot be looked at: {error}")))?;
    let turns = Semaphore::new(AT_ONCE);
    let found = runtime.block_on(join_all(patients.iter().map(|patient| patient.look(&turns))));
    runtime.shutdown_background();
    Ok(found.into_iter().flatten().collect())
}

impl Patient<'_> {
    async fn look(&self, turns: &Semaphore) -> Vec<Finding> {
        let turn = turns.acquire().await.ok(); // it is never closed
        let heard = self.road.ask(questions::text(self.wants, self.host.spool.as_deref())).await;
        drop(turn);
        let found = match heard {
            Err(error) => vec![Finding::bad("reach", format!("ssh cannot be started: {error}"), "install the OpenSSH client")],
            Ok(heard) => self.judge(&heard),
        };
        found.into_iter().map(|finding| finding.on(&self.host.name)).collect()
    }

    fn judge(&self, heard: &Heard) -> Vec<Finding> {
        let answer = questions::read(&heard.output);
        if !answer.begun {
            return vec![unreached(&self.road, heard)];
        }
        if !answer.ended {
            let says = if heard.is_late { "did not answer all questions in time" } else { "the connection was lost" };
            let remedy = format!("what does it wait for? {}", self.road.typed("", "uptime; sudo -n true"));
            return vec![Finding::bad("reach", says, remedy)];
        }
        let mut found = self.users(&answer);
        found.extend(self.programs(&answer));
        found.extend(self.spool(&answer));
        if found.is_empty() {
            found.push(Finding::ok("host", self.well(&answer)));
        }
        found
    }

    /// One line for a host to which nothing is to be done.
    fn well(&self, answer: &Answer) -> String {
        let reached = match (self.road.is_local(), &answer.login) {
            (true, _) => "this machine".to_owned(),
            (false, Some(login)) => format!("logs in as {login}"),
            (false, None) => "logs in".to_owned(),
        };
        let mut parts = vec![reached];
        let users: Vec<&str> = self.wants.users.keys().map(String::as_str).collect();
        if !users.is_empty() {
            parts.push(format!("becomes {}", users.join(", ")));
        }
        match self.wants.programs.keys().map(|(_, name)| name).collect::<BTreeSet<_>>().len() {
            0 => {}
            1 => parts.push("the one command is there".to_owned()),
            several => parts.push(format!("all {several} commands are there")),
        }
        parts.extend(answer.spool.free_kib.map(|free| format!("{} MiB for claims", free >> 10)));
        parts.join(", ")
    }

    fn users(&self, answer: &Answer) -> Vec<Finding> {
        let login = answer.login.as_deref().unwrap_or("LOGIN");
        let of = |(user, uses): (&String, &BTreeSet<Use>)| {
            let asked = format!("{} becomes {user}", shown(uses));
            if answer.no_sudo.contains(user) {
                let says = format!("sudo is not there, and {asked}");
                return Some(Finding::bad("sudo", says, "install sudo there, or remove `become:` and log in as who may").of(uses.first()));
            }
            let why = escaped(answer.refused.get(user)?.as_bytes());
            let why = if why.is_empty() { "it lets us run `true` and no `sh`".to_owned() } else { why };
            let rule = format!("visudo -f /etc/sudoers.d/runbook, with the line: {login} ALL=({user}) NOPASSWD: ALL");
            let remedy = format!("on {}: {rule}\ntry it: {}", self.host.name, self.road.typed("", &format!("sudo -n -u {user} true")));
            Some(Finding::bad("sudo", format!("cannot become {user}: {why}; {asked}"), remedy).of(uses.first()))
        };
        self.wants.users.iter().filter_map(of).collect()
    }

    /// A finding for each runbook that calls a program which is not there.
    fn programs(&self, answer: &Answer) -> Vec<Finding> {
        let mut found = Vec::new();
        if answer.lacks_sum {
            let says = "none of sha256sum, shasum and openssl is there: no step can be sent";
            found.push(Finding::bad("command", says, "install coreutils, or openssl").of(self.wants.uses.first()));
        }
        for (called, uses) in self.wants.programs.iter().filter(|(called, _)| answer.missing.contains(called)) {
            let (user, name) = called;
            let by_whom = user.as_ref().map_or(String::new(), |user| format!(" for {user}"));
            let look = match user {
                None => format!("command -v {name}; echo \"$PATH\""),
                Some(user) => format!("sudo -n -u {user} sh -c 'command -v {name}; echo \"$PATH\"'"),
            };
            let remedy = format!("install it there, or write its whole path; what is found:\n{}", self.road.typed("", &look));
            let runbooks: BTreeSet<&str> = uses.iter().map(|used| used.runbook.as_str()).collect();
            for runbook in runbooks {
                let uses: BTreeSet<Use> = uses.iter().filter(|used| used.runbook == runbook).cloned().collect();
                let says = format!("`{name}` is not there{by_whom}; {} calls it", shown(&uses));
                found.push(Finding::bad("command", says, &remedy).of(uses.first()));
            }
        }
        found
    }

    fn spool(&self, answer: &Answer) -> Vec<Finding> {
        const ELSEWHERE: &str = "or give the host another `spool:` in team/inventory.yaml";
        let Some(folder) = &answer.spool.folder else { return Vec::new() };
        let (folder, first) = (escaped(folder.as_bytes()), self.wants.claims.first());
        let mut found = Vec::new();
        if let Some(closed) = &answer.spool.closed {
            let closed = escaped(closed.as_bytes());
            let says = format!("nothing can be written to {closed}, where {} leaves its claim", shown(&self.wants.claims));
            let remedy = format!("look: {}\n{ELSEWHERE}", self.road.typed("", &format!("ls -ld {closed}; id")));
            found.push(Finding::bad("spool", says, remedy).of(first));
        }
        let df = self.road.typed("", &format!("df -h {folder}"));
        match answer.spool.free_kib {
            Some(free) if free < SPOOL_KIB => {
                let says = format!(
                    "{free} KiB are left at {folder}, where {} leaves its claim; {SPOOL_KIB} are needed",
                    shown(&self.wants.claims)
                );
                found.push(Finding::bad("spool", says, format!("make room: {df}\n{ELSEWHERE}")).of(first));
            }
            Some(_) => {}
            None => {
                found.push(Finding::warn("spool", format!("how much is left at {folder} is not known"), format!("look: {df}")).of(first))
            }
        }
        found
    }
}

/// The first of these steps, and how many there are besides.
pub(super) fn shown(uses: &BTreeSet<Use>) -> String {
    let first = uses.first().map_or(String::new(), |used| format!("step {} \"{}\" of {}", used.number, used.name, used.runbook));
    match uses.len() {
        0 | 1 => first,
        several => format!("{first} (and {} more)", several - 1),
    }
}

/// The limit in words.
pub(super) fn limit() -> String {
    format!("{} s", CONNECT.as_secs())
}
