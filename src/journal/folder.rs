//! One run's folder: where its journal, documents, inputs and output lie. Never follows a link, and never takes a name that leaves the folder.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::{Digest, HostName, StepId};
use crate::event::Part;

use super::disk::{make_dir, mode_of, must_be_dir, read_plain, sync_parent, write_new};

/// Bytes that a document, a signature or a note may have: 16 MiB, a plan of many thousand hosts. Bounds what a stranger can make us read.
const MAX_DOCUMENT: u64 = 16 << 20;
/// Documents that are read from one folder: bounds what a stranger can make us do.
const MAX_DOCUMENTS: usize = 10_000;
/// Bytes of a name in `approvals/` and `inbox/`, within every file system's 255.
const MAX_NAME: usize = 120;

/// A run's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

/// A document and its signature as they lie in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Without `.txt`.
    pub name: String,
    pub text: Vec<u8>,
    /// The armoured signature; `None` where no `NAME.txt.sig` lies beside it yet.
    pub signature: Option<String>,
}

/// A document in `inbox/` from the outside: enough to know it again without reading it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dropped {
    /// Without `.txt`.
    pub name: String,
    text: Face,
    signature: Face,
}

impl Dropped {
    /// Bytes of the text.
    pub fn length(&self) -> u64 {
        self.text.0
    }
}

/// Length, and when it was last written: seconds and nanoseconds.
type Face = (u64, i64, i64);

/// Something in a run's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
    #[error("expected a file name of letters, digits, dots and dashes, got {name:?}")]
    Name { name: String },
    #[error("{path} holds more than 10000 documents: move those away that do not belong to the run")]
    TooMany { path: String },
}

impl Document {
    /// SHA-256 of the text, as `sha256sum NAME.txt` prints it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.text)
    }
}

impl RunFolder {
    /// A folder that is there.
    ///
    /// # Errors
    /// Where it is none, or a link.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        must_be_dir(path).map_err(|source| at(path, source))?;
        Ok(Self { path: path.to_owned() })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `journal.jsonl`.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// One of the copies in `inputs/`: `runbook.yaml`, `inventory.yaml`, `policy.yaml` or `allowed_signers`.
    ///
    /// # Errors
    /// Where it is missing, a link or too large.
    pub fn input(&self, name: &str) -> Result<Vec<u8>, FolderError> {
        self.read("inputs", name)
    }

    /// The copy of another file of the library, by its SHA-256.
    ///
    /// # Errors
    /// As [`RunFolder::input`].
    pub fn input_file(&self, digest: &Digest) -> Result<Vec<u8>, FolderError> {
        self.read("inputs", &input_name(digest))
    }

    /// Where an attempt's stored output lies: standard output and standard error.
    pub fn output_paths(&self, step: &StepId, host: &HostName, attempt: u32, part: Part) -> (PathBuf, PathBuf) {
        let folder = self.path.join("output").join(step.as_str());
        (folder.join(output_name(host, attempt, part, "out")), folder.join(output_name(host, attempt, part, "err")))
    }

    /// Writes a document and its signature into `approvals/` and returns when both are durable. The same document again is no error.
    ///
    /// # Errors
    /// Where the name is no plain name, another document has it, or the disk fails.
    pub fn keep_document(&self, name: &str, text: &[u8], signature: &str) -> Result<Digest, FolderError> {
        self.put("approvals", &format!("{name}.txt"), text)?;
        self.put("approvals", &format!("{name}.txt.sig"), signature.as_bytes())?;
        Ok(Digest::of(text))
    }

    /// Drops a document of another person into `inbox/`; its signature is put first, so that who sees the text sees both.
    ///
    /// # Errors
    /// As [`RunFolder::keep_document`].
    pub fn drop_document(&self, name: &str, text: &[u8], signature: &str) -> Result<(), FolderError> {
        self.put("inbox", &format!("{name}.txt.sig"), signature.as_bytes())?;
        self.put("inbox", &format!("{name}.txt"), text)
    }

    /// The documents in `approvals/`, in the order of their names.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub fn documents(&self) -> Result<Vec<Document>, FolderError> {
        self.list("approvals")?.iter().map(|name| self.document("approvals", name)).collect()
    }

    /// What lies in `inbox/` with a signature beside it, unread: anybody may drop anything there, of any size.
    ///
    /// # Errors
    /// Where the folder itself cannot be read, or holds too much.
    pub fn inbox(&self) -> Result<Vec<Dropped>, FolderError> {
        let folder = self.path.join("inbox");
        let dropped = |name: String| {
            let [text, signature] = ["txt", "txt.sig"].map(|end| face(&folder.join(format!("{name}.{end}"))));
            Some(Dropped { name, text: text?, signature: signature? })
        };
        Ok(self.list("inbox")?.into_iter().filter_map(dropped).collect())
    }

    /// Reads one of `inbox/`; `None` where it is no plain file, too large or gone: none of it counts before it is judged.
    pub fn dropped(&self, dropped: &Dropped) -> Option<Document> {
        self.document("inbox", &dropped.name).ok()
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FolderError> {
        let path = self.path.join(folder);
        let mut names = Vec::new();
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            entries => entries.map_err(|source| at(&path, source))?,
        };
        for entry in entries {
            let name = entry.map_err(|source| at(&path, source))?.file_name();
            let plain = name.to_str().filter(|name| checked(name).is_ok()).and_then(|name| name.strip_suffix(".txt"));
            names.extend(plain.map(str::to_owned));
            if names.len() > MAX_DOCUMENTS {
                return Err(FolderError::TooMany { path: path.display().to_string() });
            }
        }
        names.sort();
        Ok(names)
    }

    fn document(&self, folder: &str, name: &str) -> Result<Document, FolderError> {
        let text = self.read(folder, &format!("{name}.txt"))?;
        let signature = match self.read(folder, &format!("{name}.txt.sig")) {
            Ok(bytes) => String::from_utf8(bytes).ok(),
            Err(FolderError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Document { name: name.to_owned(), text, signature })
    }

    fn read(&self, folder: &str, name: &str) -> Result<Vec<u8>, FolderError> {
        let parent = self.path.join(folder);
        must_be_dir(&parent).map_err(|source| at(&parent, source))?;
        let path = parent.join(checked(name)?);
        read_plain(&path, MAX_DOCUMENT).map_err(|source| at(&path, source))
    }

    fn put(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let parent = self.path.join(folder);
        must_be_dir(&parent).map_err(|source| at(&parent, source))?;
        let path = parent.join(checked(name)?);
        let mode = mode_of(&self.path).map_err(|source| at(&self.path, source))? & 0o644;
        match write_new(&path, bytes, mode) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && read_plain(&path, MAX_DOCUMENT).is_ok_and(|old| old == bytes) => {
                Ok(())
            }
            written => written.map_err(|source| at(&path, source)),
        }
    }

    /// Where what a capture kept of a host lies.
    pub fn evidence_path(&self, step: &StepId, host: &HostName, attempt: u32) -> PathBuf {
        self.path.join("evidence").join(step.as_str()).join(format!("{host}.{attempt}"))
    }

    /// One kept file, by the name that the journal gives it: a name, or two. `None` where it would lie elsewhere.
    pub fn evidence_file(&self, step: &StepId, host: &HostName, attempt: u32, file: &str) -> Option<PathBuf> {
        let parts: Vec<&str> = file.split('/').collect();
        let plain = parts.len() <= 2 && parts.iter().all(|part| checked(part).is_ok());
        plain.then(|| self.evidence_path(step, host, attempt).join(file))
    }

    /// Bytes that this user may still write into the folder.
    ///
    /// # Errors
    /// Where the file system does not say.
    pub fn free(&self) -> io::Result<u64> {
        super::disk::free_in(&fs::File::open(&self.path)?)
    }

    /// Makes the folder of a step's evidence; the mode of folders within.
    pub(super) fn make_evidence(&self, step: &StepId) -> io::Result<u32> {
        let mode = mode_of(&self.path)?;
        make_dir(&self.path.join("evidence"), mode)?;
        make_dir(&self.path.join("evidence").join(step.as_str()), mode)?;
        Ok(mode)
    }

    /// Makes the folders of an attempt's output and says where its two files go.
    pub(super) fn make_output(&self, step: &StepId, host: &HostName, attempt: u32, part: Part) -> io::Result<(PathBuf, PathBuf, u32)> {
        let mode = mode_of(&self.path)?;
        make_dir(&self.path.join("output"), mode)?;
        make_dir(&self.path.join("output").join(step.as_str()), mode)?;
        let (out, err) = self.output_paths(step, host, attempt, part);
        sync_parent(&out)?;
        Ok((out, err, mode & 0o644))
    }
}

/// Under which name a copy of another file of the library lies in `inputs/`.
pub(super) fn input_name(digest: &Digest) -> String {
    format!("file.{digest}")
}

/// `<host>.<attempt>.out`, `<host>.<attempt>.look.out` for the look of `done_when`, `<host>.<attempt>.undo.out` for the way back.
pub fn output_name(host: &HostName, attempt: u32, part: Part, stream: &str) -> String {
    match part {
        Part::Main => format!("{host}.{attempt}.{stream}"),
        Part::Look | Part::Undo => format!("{host}.{attempt}.{}.{stream}", part.as_str()),
    }
}

fn checked(name: &str) -> Result<&str, FolderError> {
    let plain = name.len() <= MAX_NAME
        && !name.starts_with(['.', '-'])
        && !name.is_empty()
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_'));
    if plain { Ok(name) } else { Err(FolderError::Name { name: name.chars().take(MAX_NAME).collect() }) }
}

fn face(path: &Path) -> Option<Face> {
    let metadata = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

fn at(path: &Path, source: io::Error) -> FolderError {
    FolderError::Io { path: path.display().to_string(), source }
}
