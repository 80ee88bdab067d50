//! All hosts of a run, each by its own road. Never runs anything on a host that the inventory does not name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::timeout;

use super::ending;
use super::host::Host;
use super::line::{CutRoad, Lines};
use super::local::LocalRoad;
use super::order::{Order, key};
use super::pipe::Road;
use super::ssh::{SshHouse, SshRoad};
use super::transport::{BoxFuture, OutputSink, StopSignal, Target, Transport, Unreached, Way};
use crate::base::{HostName, RunId, SecretValue, StepId};
use crate::engine::{Begin, Permit};
use crate::event::{Outcome, Part, Place};

/// The hosts of an inventory, reached over the operator's OpenSSH or on this machine.
pub struct Hosts {
    hosts: BTreeMap<HostName, Host>,
}

impl Hosts {
    /// Knows these hosts; connects to none of them. `ssh_config` is a file that stands in for the operator's own configuration. `claims` is
    /// the run that may change something: each host is marked for it when it is reached, so that a missing claim proves something later.
    /// A run that only reads gives `None` and leaves no trace.
    pub fn new(targets: Vec<Target>, ssh_config: Option<String>, claims: Option<RunId>) -> Arc<Self> {
        Self::over(targets, ssh_config, claims, (Vec::new(), None))
    }

    /// The same, and `ssh` is started without these variables: they hold secrets, and its configuration may send any variable on. A drill reaches its
    /// hosts over lines that it may cut.
    pub fn over(
        targets: Vec<Target>,
        ssh_config: Option<String>,
        claims: Option<RunId>,
        (variables, lines): (Vec<String>, Option<&Lines>),
    ) -> Arc<Self> {
        let house = Arc::new(SshHouse::new(ssh_config, variables));
        let host = |target: Target| {
            let road: Box<dyn Road> = match &target.way {
                Way::Local => Box::new(LocalRoad::default()),
                Way::Ssh { address, port, user } => Box::new(SshRoad::new(house.clone(), address.clone(), *port, user.clone())),
            };
            let road = match lines {
                Some(lines) => Box::new(CutRoad { inner: road, line: lines.line(&target.name) }),
                None => road,
            };
            (target.name.clone(), Host::new(target, road, claims.clone()))
        };
        Arc::new(Self { hosts: targets.into_iter().map(host).collect() })
    }

    /// This machine alone, its shell another one than `/bin/sh`.
    #[cfg(test)]
    pub(super) fn with_shell(target: Target, shell: &'static [&'static str]) -> Arc<Self> {
        let road = Box::new(LocalRoad::with_shell(shell));
        Arc::new(Self { hosts: BTreeMap::from([(target.name.clone(), Host::new(target, road, None))]) })
    }

    fn host(&self, name: &HostName) -> Result<&Host, String> {
        self.hosts.get(name).ok_or_else(|| format!("{name} is no host that this run may reach"))
    }
}

/// Configurations of `ssh` that are read at once.
const READ_AT_ONCE: usize = 8;

/// How long the addresses of a name may be sought: what is not known then is compared by its name.
const RESOLVED: Duration = Duration::from_secs(3);

/// Where `ssh` would connect to for these hosts, as `host:port`, by its configuration, and each address that the name has. Contacts none of them,
/// and leaves out this machine.
pub async fn endpoints(targets: Vec<Target>, ssh_config: Option<String>) -> BTreeMap<HostName, BTreeSet<String>> {
    let house = Arc::new(SshHouse::new(ssh_config, Vec::new()));
    let one = |target: Target| {
        let house = house.clone();
        async move {
            let Way::Ssh { address, port, user } = target.way else { return None };
            let endpoint = SshRoad::new(house, address, port, user).endpoint().await?;
            let found = timeout(RESOLVED, tokio::net::lookup_host(endpoint.clone())).await;
            let places = found.into_iter().filter_map(Result::ok).flatten();
            let places = places.map(|place| format!("{}:{}", place.ip().to_canonical(), place.port()));
            Some((target.name, places.chain([endpoint]).collect()))
        }
    };
    futures_util::stream::iter(targets).map(one).buffer_unordered(READ_AT_ONCE).filter_map(std::future::ready).collect().await
}

impl Transport for Hosts {
    fn reach<'a>(&'a self, host: &'a HostName) -> BoxFuture<'a, Result<Place, Unreached>> {
        Box::pin(async move { self.host(host).map_err(|why| Unreached { why })?.reach().await })
    }

    fn run<'a>(&'a self, permit: Permit, out: &'a mut dyn OutputSink, stop: StopSignal) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let host = match self.host(permit.task().host()) {
                Ok(host) => host,
                Err(why) => return ending::refused(why),
            };
            let begin = permit.begin();
            match (Order::spend(permit), begin) {
                (Ok(order), _) => host.run(&order, out, stop).await,
                (Err(why), Begin::Start) => ending::refused(why),
                (Err(why), Begin::Reattach) => ending::unknown(why),
            }
        })
    }

    fn read_secret<'a>(&'a self, permit: &'a Permit, path: &'a str, stop: StopSignal) -> BoxFuture<'a, Result<SecretValue, String>> {
        Box::pin(async move {
            let order = Order::reading(permit, path)?;
            self.host(permit.task().host())?.read_secret(&order, stop).await
        })
    }

    fn forget<'a>(&'a self, host: &'a HostName, run: &'a RunId, step: &'a StepId, part: Part, attempt: u32) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Ok(known) = self.host(host) {
                known.forget(run, &key(step, host, part, attempt)).await;
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            futures_util::future::join_all(self.hosts.values().map(Host::close)).await;
        })
    }
}
