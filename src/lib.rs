//! Runbook automation for the night when production is down. See `docs/architecture.md` for the rooms and who may import whom.

// The doors to the world are allowed room by room; tests, which make files and processes of their own, are not judged.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

pub mod approval;
pub mod audit;
pub mod base;
pub mod cli;
pub mod draft;
pub mod drill;
pub mod effects;
pub mod engine;
pub mod event;
pub mod journal;
pub mod library;
pub mod plan;
pub mod runbook;
pub mod runner;
pub mod text;
pub mod views;
