//! A team's folder: inventory and selectors, policy, people and their keys. Never contacts a host.

mod allowed_signers;
mod folder;
mod foreign;
mod inventory;
mod order;
mod policy;
mod resolved;
mod roster;
mod schema;
mod selector;
mod shape;
mod signer_line;

pub use allowed_signers::read_allowed_signers;
pub use folder::{Library, LibraryError, RawFile};
pub use foreign::{Elsewhere, Nowhere};
pub use inventory::{HostSource, Resolved, read_inventory, resolve_inventory};
pub use order::{INVENTORY_ORDER, POLICY_ORDER};
pub use policy::{SMALLEST_POLICY, read_policy};
pub use roster::{NAMESPACES, Roster, Signer, namespace_matches};
pub use schema::{inventory_schema, policy_schema};
pub use selector::{Fault, Selector, SelectorError};
pub use shape::{Connection, DrillDuty, Host, Inventory, Policy};
