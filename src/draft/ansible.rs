//! The draft of a runbook from an Ansible playbook.
use super::sheet::Draft;
use crate::text::{Diagnostics, Source};
/// The draft of a playbook.
pub fn from_playbook(_source: &Source, _stem: &str) -> Result<Draft, Diagnostics> {
    Ok(Draft::default())
}
