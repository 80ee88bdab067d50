//! Whole runs on simulated hosts, with time that is simulated, too: what runs in which order, whatever fails and whenever the runner dies.
//! Contacts nothing.

#[path = "support/simulation.rs"]
mod simulation;

#[path = "simulated/course.rs"]
mod course;
#[path = "simulated/crash_prefixes.rs"]
mod crash_prefixes;
#[path = "simulated/files.rs"]
mod files;
#[path = "simulated/holding.rs"]
mod holding;
#[path = "simulated/reboot.rs"]
mod reboot;
#[path = "simulated/turns.rs"]
mod turns;
