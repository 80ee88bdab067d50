//! The order in which the words of the team's own files are written, for `runbook fmt`. Accepts no word.

use crate::text::{Order, Within};

/// `team/inventory.yaml`
pub static INVENTORY_ORDER: Order = Order {
    keys: &["hosts_from", "hosts", "groups", "ssh"],
    within: &[("hosts", Within::Each(&HOST)), ("groups", Within::Each(&HOST))],
    apart: false,
};

/// A host, or what a group gives its hosts.
static HOST: Order =
    Order { keys: &["hosts", "connection", "address", "port", "user", "environment", "groups", "spool"], within: &[], apart: false };

/// `team/policy.yaml`
pub static POLICY_ORDER: Order = Order {
    keys: &["domain", "people", "environments", "review", "deny", "changing"],
    within: &[("environments", Within::Each(&ENVIRONMENT)), ("deny", Within::Each(&DENIED))],
    apart: false,
};

static ENVIRONMENT: Order = Order { keys: &["read", "idempotent", "once", "destructive"], within: &[], apart: false };

static DENIED: Order = Order { keys: &["command", "why"], within: &[], apart: false };
