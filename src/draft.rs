//! What other tools wrote, made into the draft of a runbook: Markdown, Ansible. Reads no file, runs nothing, and never calls a draft finished.

mod ansible;
mod command;
mod kind;
mod looks;
mod markdown;
mod pen;
mod sheet;

pub use ansible::from_playbook;
pub use kind::{Kind, kind_of};
pub use markdown::from_markdown;
pub use pen::quoted;
pub use sheet::{Action, Draft, Entry, LeftOut, NAMELESS, Parameter, Step, Value};
