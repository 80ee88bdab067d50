//! Evidence: what a capture is to keep, what it kept, and what a destructive step needs of that. Never holds the bytes themselves.

use serde::{Deserialize, Serialize};

use crate::base::{Bytes, Digest, StepId};

/// Files of one artifact that are kept: more are a folder, not evidence, and each costs the host several processes.
pub const MAX_FILES: u32 = 256;

/// Something that a capture is to keep, as rendered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Safe as a file's name.
    pub name: String,
    pub source: ArtifactSource,
    /// So many bytes of the end of each file, or of the output, suffice; `None` asks for all of it.
    pub last: Option<u64>,
    /// Bytes that are kept at most, of all of its files together.
    pub most: u64,
}

/// Where an artifact comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactSource {
    /// What this command prints.
    Command(Bytes),
    /// This file.
    File(Bytes),
    /// Every file that this pattern of the host's shell matches, at most [`MAX_FILES`].
    Files(Bytes),
}

/// What was kept of one artifact on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptArtifact {
    pub name: String,
    pub files: Vec<KeptFile>,
    /// Why it is not what was asked for; `None` where it is.
    pub trouble: Option<String>,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptFile {
    /// Its path below the capture's folder in `evidence/`: the artifact's name, or that and a name within.
    pub file: String,
    /// Bytes kept.
    pub bytes: u64,
    /// SHA-256 of the bytes kept.
    pub sha256: Digest,
    /// Bytes that were there, as far as the host said so.
    pub size: Option<u64>,
    pub truncated: Option<Truncation>,
}

/// Why not all of a file was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// Its end was asked for, by `last`.
    Asked,
    /// It was longer than what is kept without `last`.
    Limit,
    /// The disk of the record must keep some room.
    Room,
    /// The stream ended before it.
    CutOff,
}

/// What must have been kept before a step destroys information.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceNeed {
    #[default]
    NotAsked,
    /// Each of these captures has gone well on the same host.
    From(Vec<StepId>),
    /// Nothing, for this reason: at least two people agree.
    Waived { reason: String },
}

impl EvidenceNeed {
    /// People who must agree where evidence is waived.
    pub const WAIVED_FLOOR: u32 = 2;

    /// The least number of people that this asks for by itself.
    pub fn floor(&self) -> u32 {
        match self {
            EvidenceNeed::NotAsked | EvidenceNeed::From(_) => 0,
            EvidenceNeed::Waived { .. } => Self::WAIVED_FLOOR,
        }
    }
}

impl Artifact {
    /// Bytes that are kept at most of one file.
    pub fn each(&self) -> u64 {
        self.last.unwrap_or(self.most).min(self.most)
    }

    /// Where it comes from, as written after rendering.
    pub fn written(&self) -> &Bytes {
        match &self.source {
            ArtifactSource::Command(text) | ArtifactSource::File(text) | ArtifactSource::Files(text) => text,
        }
    }
}

/// Whether everything that was asked for is there.
pub fn is_whole(wanted: &[Artifact], kept: &[KeptArtifact]) -> bool {
    wanted.len() == kept.len() && wanted.iter().zip(kept).all(|(wanted, kept)| wanted.name == kept.name && kept.trouble.is_none())
}
