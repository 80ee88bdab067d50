//! A team's folder: inventory and selectors, policy, people and their keys. Never contacts a host.

mod roster;
mod shape;

pub use roster::{Roster, Signer};
pub use shape::{Connection, Host, Inventory, Policy};

/// stub
pub fn select<'a>(
    inventory: &Inventory,
    _targets: impl Iterator<Item = (&'a str, &'a str)>,
    text: &str,
) -> Result<Vec<crate::base::HostName>, String> {
    text.split(',')
        .map(|name| {
            let host: crate::base::HostName = name.trim().parse().map_err(|_| format!("`{name}` is no host"))?;
            inventory.hosts.contains_key(&host).then_some(host).ok_or_else(|| format!("`{name}` is no host"))
        })
        .collect()
}
