//! The real binary is killed at every line of its journal over a real sshd, and the hosts count how often the work ran.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

#[path = "support/killing.rs"]
mod killing;

#[path = "kills/campaign.rs"]
mod campaign;
#[path = "kills/connections.rs"]
mod connections;
#[path = "kills/people.rs"]
mod people;
#[path = "kills/torn.rs"]
mod torn;
