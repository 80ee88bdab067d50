//! Whole runs on simulated hosts, with time that is simulated, too: what runs in which order, whatever fails and whenever the runner dies.
//! Contacts nothing.

#[path = "support/simulation.rs"]
mod simulation;

#[path = "simulated/cases_elasticsearch.rs"]
mod cases_elasticsearch;
#[path = "simulated/cases_etcd.rs"]
mod cases_etcd;
#[path = "simulated/cases_gitlab.rs"]
mod cases_gitlab;
#[path = "simulated/cases_kafka.rs"]
mod cases_kafka;
#[path = "simulated/cases_patroni.rs"]
mod cases_patroni;
#[path = "simulated/course.rs"]
mod course;
#[path = "simulated/crash_prefixes.rs"]
mod crash_prefixes;
#[path = "simulated/dry.rs"]
mod dry;
#[path = "simulated/files.rs"]
mod files;
#[path = "simulated/holding.rs"]
mod holding;
#[path = "simulated/reboot.rs"]
mod reboot;
#[path = "simulated/turns.rs"]
mod turns;
