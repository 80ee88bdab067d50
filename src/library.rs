//! A team's folder: inventory and selectors, policy, people and their keys. Never contacts a host.

mod roster;
mod shape;

pub use roster::{Roster, Signer};
pub use shape::{Connection, Host, Inventory, Policy};
