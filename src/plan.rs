//! What will be done, to the byte: parameters, templates and shell quoting, rendered steps, and the text form that is hashed and approved.
//! Never reaches an effect.

mod by_hand;
mod check;
mod compare;
mod difference;
mod expand;
mod files;
mod filters;
mod flow;
mod gates;
mod judge;
mod lexer;
mod looks;
mod made;
mod names;
mod outline;
mod params;
mod program;
mod put;
mod quote;
mod reboot;
mod render;
mod secrets;
mod template;
mod text;
mod value;

pub use by_hand::{login, outline_by_hand, scopes, signers_on_paper};
pub use check::check;
pub use compare::{Change, How, Revision, Weight, compare};
pub use expand::{call_parameters, looks_for_last, turns_of};
pub use flow::{Bracket, FlowBlock, Node, ReleaseWhen, Repeats};
pub use gates::{DEFAULT_EXPIRY, GateError, floor, slots};
pub use judge::{READING_LIMIT, Seen, judge, said};
pub use looks::{Found, Looks};
pub use names::{TemplateKind, names_of, names_to_render, templates_of};
pub use outline::{Outline, OutlineError, OutlinedGate, OutlinedStep, Shape, Who, outline};
pub use params::{ParameterError, Parameters, check as check_parameter, check_fact, typed_facts};
pub use program::{Call, Frame, Presence, Program, ProgramGate, ProgramStep, Road, Role, Setting, Shelf, StepNo, Turn};
pub use quote::QuoteError;
pub use render::{DEFAULT_MAX_OUTPUT, DEFAULT_TIMEOUT, RenderError, hosts_of, on_failure_unattended, prepare, select};
pub use secrets::{SecretUse, origin_words, secret_variable, secrets_in_use, secrets_of};
pub use template::{Scope, TemplateError, command, holds, list, names_in_expression, names_in_template, plain};
pub use text::{action_digest, stage_lines};
pub use value::{Given, Registered, RegisteredHost};
