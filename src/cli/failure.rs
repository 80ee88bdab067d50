//! How a command ends: the exit statuses that people and programs rely on, and failures with their remedy. Prints nothing.

use std::fmt::Display;
use std::process::ExitCode;

use serde::Serialize;

/// Exit statuses; a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// 0: recovered, or as asked.
    Ok,
    /// 1: the runbook failed, or was stopped.
    Failed,
    /// 2: usage, or invalid input.
    Usage,
    /// 3: refused by the policy, denied, or expired.
    Refused,
    /// 4: only a person can say how it goes on.
    NeedsPerson,
    /// 5: the record could not be written.
    Recording,
    /// 6: the record is tampered with, or damaged.
    Tampered,
    /// 7: interrupted; can be resumed.
    Interrupted,
}

impl Exit {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::NeedsPerson => 4,
            Exit::Recording => 5,
            Exit::Tampered => 6,
            Exit::Interrupted => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// A command that could not do what was asked: what happened, and what to do about it.
#[derive(Debug, Clone)]
pub struct Failure {
    pub exit: Exit,
    /// May have several lines, carets included; already safe to show.
    pub message: String,
}

impl Failure {
    /// A failure with this status.
    pub fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: message.to_string() }
    }

    /// Wrong usage or invalid input.
    pub fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Refused.
    pub fn refused(message: impl Display) -> Self {
        Self::new(Exit::Refused, message)
    }

    /// The record could not be written.
    pub fn recording(message: impl Display) -> Self {
        Self::new(Exit::Recording, message)
    }
}

impl From<crate::library::LibraryError> for Failure {
    fn from(error: crate::library::LibraryError) -> Self {
        Self::usage(error)
    }
}

impl From<crate::effects::WhoError> for Failure {
    fn from(error: crate::effects::WhoError) -> Self {
        Self::refused(error)
    }
}

impl From<crate::journal::FolderError> for Failure {
    fn from(error: crate::journal::FolderError) -> Self {
        Self::recording(error)
    }
}

impl From<crate::journal::FollowError> for Failure {
    fn from(error: crate::journal::FollowError) -> Self {
        Self::new(Exit::Tampered, error)
    }
}

impl From<crate::journal::StoreError> for Failure {
    fn from(error: crate::journal::StoreError) -> Self {
        use crate::journal::{OpenError, StoreError};
        match error {
            StoreError::NoSuchRun { .. } | StoreError::Ambiguous { .. } => Self::usage(error),
            StoreError::Open(OpenError::Locked { .. }) => Self::refused(error),
            StoreError::Open(OpenError::Damaged { .. }) | StoreError::Ledger { .. } => Self::new(Exit::Tampered, error),
            StoreError::Io { .. } | StoreError::Open(OpenError::Unusable { .. }) | StoreError::Append(_) | StoreError::Folder(_) => {
                Self::recording(error)
            }
        }
    }
}

impl From<crate::journal::OpenError> for Failure {
    fn from(error: crate::journal::OpenError) -> Self {
        crate::journal::StoreError::from(error).into()
    }
}
