//! What a step's look before it found on its hosts, as its rendering uses it. Never runs a look.

use std::collections::BTreeMap;

use crate::base::{Bytes, HostName, RunId};

/// What was found, and for which run: files that are kept on a host are named after it.
#[derive(Debug, Clone)]
pub struct Looks {
    pub run: RunId,
    /// The round that is rendered.
    pub round: u32,
    /// A host that is not here was not looked at: it could not be reached, or takes no part.
    pub found: BTreeMap<HostName, Found>,
}

/// What one host answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// What the look printed.
    Said(Bytes),
    /// Why it found nothing, in the host's own words.
    Refused(String),
}

/// How a look begins and ends that prints no more than later steps may see, beside a line of 200 bytes about it.
pub const LOOK_LIMIT: usize = super::READING_LIMIT - (4 << 10);
