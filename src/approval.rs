//! Documents that people sign, their signatures, and who counts. Never asks anybody, never reads a file and never starts a process.

mod answer;
mod body;
mod document;
mod judge;
mod request;
mod risk;
mod seal;
mod sshsig;
#[cfg(test)]
mod tests;

pub use answer::{Approval, Denial};
pub use body::{Body, Covers};
pub use document::{Kind, ParseDocumentError, check_code, kind_of, namespace};
pub use judge::{Bench, Counted, Refusal, judge_approval, judge_denial, judge_request, judge_seal};
pub use request::{Opening, Request};
pub use risk::risky;
pub use seal::Seal;
pub use sshsig::{OtherKeys, SignatureError, verify};
