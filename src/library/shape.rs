//! The inventory and the policy as values, already checked. Never reads YAML: see the loaders beside it.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{HostName, Period};
use crate::event::Rules;

/// The environment of what names none.
pub(super) const PRODUCTION: &str = "production";

/// Every host that a runbook can name. `local`, the operator's own machine, is always among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    pub hosts: BTreeMap<HostName, Host>,
    /// Members of each group, by name. A group and a host never share a name.
    pub groups: BTreeMap<String, BTreeSet<HostName>>,
    /// An `ssh_config` file to use instead of the operator's own.
    pub ssh_config: Option<String>,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub name: HostName,
    pub environment: String,
    pub connection: Connection,
    /// The folder on the host under which claims lie, where it is not the default.
    pub spool: Option<String>,
}

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Through the operator's OpenSSH; what is `None` is left to its configuration. `address` is the host's name unless given.
    Ssh { address: String, port: Option<u16>, user: Option<String> },
    /// On this machine.
    Local,
}

impl Host {
    /// Whether what happens to it happens to everybody: hosts are in production unless their inventory says otherwise.
    pub fn is_in_production(&self) -> bool {
        self.environment == PRODUCTION
    }
}

impl Inventory {
    /// Only the operator's own machine: what there is without an inventory file.
    pub fn only_local() -> Self {
        let mut inventory = Self::default();
        inventory.hosts.insert(HostName::local(), Host::local());
        inventory
    }
}

impl Host {
    /// The operator's own machine, in production until an inventory says otherwise.
    pub fn local() -> Self {
        Self { name: HostName::local(), environment: PRODUCTION.to_owned(), connection: Connection::Local, spool: None }
    }
}

/// The least that a gate must ask, and a team's own lint words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// What verifiers need; `rules.floors` always names `production`.
    pub rules: Rules,
    /// Runbooks reviewed longer ago are warned about.
    pub review: Option<Period>,
    /// Commands never to be used, each with the reason: lint.
    pub deny: Vec<(String, String)>,
    /// More command words that change something: lint.
    pub changing: Vec<String>,
    /// What must have been rehearsed before it runs.
    pub drills: Option<DrillDuty>,
}

/// What the team asks of a runbook before it runs for real.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DrillDuty {
    /// Its last drill is at most so long ago.
    pub within: Option<Period>,
    /// It was drilled as it is now.
    pub unchanged: bool,
}
