//! What one capture keeps of one host, on disk: files, hashed as they come, and a manifest beside them. Never fills the disk, never follows a
//! link, and has no name of its own until it is complete.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

use crate::base::{Bytes, Digest, Digester, HostName, Person, RunId, StepId, Timestamp};
use crate::event::{Artifact, ArtifactSource, KeptArtifact, KeptFile, MAX_FILES, Place, Truncation};

use super::disk::{create_new, free_in, make_dir, sync_dir, sync_parent, write_new};
use super::folder::RunFolder;
use super::manifest::{ArtifactJson, FileJson, ManifestJson, said};
use super::output::{OutputError, digest_of, put_earlier_aside};
use super::ring::turn;

/// What of a file's own name is in the name that it is kept under.
const LONGEST_NAME: usize = 80;

/// What is wrong with one artifact is said so often; more says no more.
const MAX_TROUBLES: usize = 20;

/// Whose evidence it is.
#[derive(Debug, Clone)]
pub struct About {
    pub run: RunId,
    pub step: StepId,
    pub host: HostName,
    pub place: Option<Place>,
    pub attempt: u32,
    /// Who runs it.
    pub by: Person,
    /// When the capture began.
    pub at: Timestamp,
}

/// One capture of one host, while it is under way.
pub struct EvidenceFiles {
    about: About,
    wanted: Vec<Artifact>,
    /// Where it lies while it is not complete, and where then.
    partial: PathBuf,
    complete: PathBuf,
    mode: u32,
    /// Bytes that stay free on the disk.
    spare: u64,
    kept: Vec<Told>,
    open: Option<Open>,
    /// The first thing that failed but for room.
    failed: Option<io::Error>,
}

/// One artifact so far.
#[derive(Default)]
struct Told {
    files: Vec<FileJson>,
    bytes: u64,
    troubles: Vec<String>,
    began: bool,
}

/// The file that is being taken in.
struct Open {
    artifact: usize,
    file: File,
    about: FileJson,
    shape: Shape,
    /// Bytes given, and those of them that were not dropped after a stop.
    got: u64,
    taken: u64,
    /// Bytes stored at most.
    most: u64,
    hash: Digester,
    stop: Option<Truncation>,
}

/// How a file is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A host's file: as it comes.
    File,
    /// A command's output, from its beginning.
    Head,
    /// A command's output, of which the newest bytes go round in the file.
    Ring,
}

/// A file or an output that begins.
#[derive(Debug, Clone, Copy)]
pub struct Beginning<'a> {
    /// Its name on the host; `None` for an output.
    pub name: Option<&'a [u8]>,
    pub size: Option<u64>,
    pub mtime: Option<i64>,
    /// Bytes that the host sends of it at most.
    pub most: Option<u64>,
}

impl EvidenceFiles {
    /// Makes the folder in which one capture is taken in. `spare` bytes stay free on the disk whatever comes.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(folder: &RunFolder, about: About, wanted: Vec<Artifact>, spare: u64) -> Result<Self, OutputError> {
        let complete = folder.evidence_path(&about.step, &about.host, about.attempt);
        let failed = |source| OutputError { path: complete.display().to_string(), source };
        let mode = folder.make_evidence(&about.step).map_err(failed)?;
        let mut partial = complete.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        put_earlier_aside(&partial).and_then(|()| put_earlier_aside(&complete)).and_then(|()| make_dir(&partial, mode)).map_err(failed)?;
        let kept = wanted.iter().map(|_| Told::default()).collect();
        Ok(Self { about, wanted, partial, complete, mode, spare, kept, open: None, failed: None })
    }

    /// A file or an output of an artifact begins.
    pub fn begin(&mut self, artifact: usize, beginning: Beginning<'_>) {
        self.cut_off();
        let (Some(wanted), Some(kept)) = (self.wanted.get(artifact), self.kept.get_mut(artifact)) else { return };
        kept.began = true;
        let many = matches!(wanted.source, ArtifactSource::Files(_));
        let room = if many { MAX_FILES as usize } else { 1 };
        if kept.files.len() >= room || matches!(wanted.source, ArtifactSource::Command(_)) != beginning.name.is_none() {
            kept.say("the host sent a file that was not asked for".to_owned());
            return;
        }
        let name = beginning.name.filter(|_| many).map(|name| format!("{}/{:03}-{}", wanted.name, kept.files.len() + 1, safe_name(name)));
        let most = wanted.each().min(wanted.most - kept.bytes.min(wanted.most)).min(beginning.most.unwrap_or(u64::MAX));
        let about = FileJson {
            file: name.unwrap_or_else(|| wanted.name.clone()),
            from: beginning.name.map_or_else(|| wanted.written().clone(), |name| Bytes::from(name.to_vec())),
            size: beginning.size,
            size_after: None,
            mtime: beginning.mtime,
            came: 0,
            bytes: 0,
            sha256: Digest::of(b""),
            truncated: None,
            exit_status: None,
        };
        let shape = match (beginning.name, wanted.last) {
            (Some(_), _) => Shape::File,
            (None, None) => Shape::Head,
            (None, Some(_)) => Shape::Ring,
        };
        let made = self.make(&about.file, many);
        match made {
            Ok(file) => self.open = Some(Open { artifact, file, about, shape, got: 0, taken: 0, most, hash: Digester::new(), stop: None }),
            Err(error) => self.fail(error),
        }
    }

    fn make(&self, name: &str, many: bool) -> io::Result<File> {
        let path = self.partial.join(name);
        if let Some(parent) = path.parent().filter(|_| many) {
            make_dir(parent, self.mode)?;
        }
        create_new(&path, self.mode & 0o644)
    }

    fn fail(&mut self, error: io::Error) {
        self.failed.get_or_insert(error);
    }

    /// So many bytes have come from the host: what is given may be more or fewer, where secrets are hidden in them.
    pub fn came(&mut self, bytes: u64) {
        if let Some(open) = &mut self.open {
            open.about.came += bytes;
        }
    }

    /// More of it.
    pub fn bytes(&mut self, bytes: &[u8]) {
        let Some(open) = &mut self.open else { return };
        if open.stop.is_none() && self.failed.is_none() {
            let stored = match free_in(&open.file) {
                Ok(free) if free < self.spare.saturating_add(bytes.len() as u64) => Err(io::ErrorKind::StorageFull.into()),
                Ok(_) => open.store(bytes),
                Err(error) => Err(error),
            };
            match stored {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => open.stop = Some(Truncation::Room),
                Err(error) => drop(self.failed.get_or_insert(error)),
            }
        }
        open.got += bytes.len() as u64;
    }

    /// What arrives, as people say it.
    pub fn progress(&self) -> Option<String> {
        let open = self.open.as_ref()?;
        Some(format!("{}: {} KiB", open.about.file, open.about.came >> 10))
    }

    /// It is over, with this exit status and so many bytes in the file then.
    pub fn end(&mut self, code: i32, size_after: Option<u64>) {
        let Some(mut open) = self.open.take() else { return };
        open.about.exit_status = Some(code);
        open.about.size_after = size_after;
        if code != 0 {
            let what = if open.shape == Shape::File { "reading it on the host" } else { "its command" };
            self.trouble(open.artifact, format!("{what} ended with exit status {code}"));
        }
        self.settle(open);
    }

    /// It cannot be had, and why.
    pub fn refused(&mut self, why: &str) {
        if let Some(open) = self.open.take() {
            let from = open.about.from.to_string();
            let _ = fs::remove_file(self.partial.join(&open.about.file)); // an empty file says nothing; where it stays, no manifest names it
            self.trouble(open.artifact, format!("{why}: {from}"));
        }
    }

    /// Why an artifact is not what was asked for.
    pub fn trouble(&mut self, artifact: usize, why: String) {
        if let Some(kept) = self.kept.get_mut(artifact) {
            kept.say(why);
        }
    }

    /// What concerns all artifacts.
    pub fn trouble_of_all(&mut self, why: &str) {
        (0..self.kept.len()).for_each(|artifact| self.trouble(artifact, why.to_owned()));
    }

    fn cut_off(&mut self) {
        if let Some(mut open) = self.open.take() {
            open.stop = open.stop.or(Some(Truncation::CutOff));
            self.settle(open);
        }
    }

    fn settle(&mut self, mut open: Open) {
        let asked = self.wanted.get(open.artifact).is_some_and(|wanted| wanted.last.is_some_and(|last| open.most >= last));
        match open.finish(asked) {
            Ok(file) => {
                let trouble = said(&file);
                if let Some(kept) = self.kept.get_mut(open.artifact) {
                    kept.bytes += file.bytes;
                    trouble.into_iter().for_each(|why| kept.say(why));
                    kept.files.push(file);
                }
            }
            Err(error) => self.fail(error),
        }
    }

    /// Gives up what nothing came of.
    ///
    /// # Errors
    /// Where the folder cannot be removed.
    pub fn abandon(self) -> Result<(), OutputError> {
        let failed = |source| OutputError { path: self.partial.display().to_string(), source };
        fs::remove_dir_all(&self.partial).map_err(failed)
    }

    /// Makes all of it durable under its own name: the digest of the manifest, and what was kept.
    ///
    /// # Errors
    /// The first thing that failed; what is there then has no name of its own.
    pub fn finish(mut self) -> Result<(Digest, Vec<KeptArtifact>), OutputError> {
        self.cut_off();
        for (kept, wanted) in self.kept.iter_mut().zip(&self.wanted).filter(|(kept, _)| !kept.began) {
            kept.say(format!("the capture ended before {}", wanted.name));
        }
        let failed = |source| OutputError { path: self.partial.display().to_string(), source };
        if let Some(error) = self.failed.take() {
            return Err(failed(error));
        }
        let manifest = self.manifest();
        self.publish(&manifest).map_err(failed)?;
        Ok((Digest::of(&manifest), self.kept.iter().zip(&self.wanted).map(|(kept, wanted)| kept.artifact(wanted)).collect()))
    }

    fn manifest(&self) -> Vec<u8> {
        let About { run, step, host, place, attempt, by, at } = &self.about;
        let artifact = |(kept, wanted): (&'_ Told, &'_ Artifact)| kept.json(wanted);
        let manifest = ManifestJson {
            version: 1,
            run,
            step,
            host,
            place: place.as_ref(),
            attempt: *attempt,
            captured_by: by,
            captured_at: *at,
            artifacts: self.kept.iter().zip(&self.wanted).map(artifact).collect(),
        };
        let mut bytes = serde_json::to_vec_pretty(&manifest).unwrap_or_default(); // strings and numbers: it cannot fail
        bytes.push(b'\n');
        bytes
    }

    fn publish(&self, manifest: &[u8]) -> io::Result<()> {
        write_new(&self.partial.join("manifest.json"), manifest, self.mode & 0o644)?;
        for folder in self.wanted.iter().filter(|wanted| matches!(wanted.source, ArtifactSource::Files(_))) {
            let path = self.partial.join(&folder.name);
            if fs::symlink_metadata(&path).is_ok() {
                sync_dir(&path)?;
            }
        }
        sync_dir(&self.partial)?;
        fs::rename(&self.partial, &self.complete)?;
        sync_parent(&self.complete)
    }
}

impl Told {
    fn trouble(&self) -> Option<String> {
        (!self.troubles.is_empty()).then(|| self.troubles.join("; "))
    }

    fn say(&mut self, why: String) {
        self.began = true;
        if self.troubles.len() < MAX_TROUBLES {
            self.troubles.push(why);
        }
    }

    fn json(&self, wanted: &Artifact) -> ArtifactJson {
        let Artifact { name, source, last, most } = wanted.clone();
        ArtifactJson { name, source, last, most, files: self.files.clone(), trouble: self.trouble() }
    }

    fn artifact(&self, wanted: &Artifact) -> KeptArtifact {
        let file = |file: &FileJson| KeptFile {
            file: file.file.clone(),
            bytes: file.bytes,
            sha256: file.sha256,
            size: file.size,
            truncated: file.truncated,
        };
        KeptArtifact { name: wanted.name.clone(), files: self.files.iter().map(file).collect(), trouble: self.trouble() }
    }
}

impl Open {
    fn store(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.shape {
            Shape::File | Shape::Head => self.store_head(bytes),
            Shape::Ring => self.store_round(bytes),
        }
    }

    fn store_head(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(self.most.saturating_sub(self.about.bytes)).unwrap_or(usize::MAX).min(bytes.len());
        self.file.write_all(&bytes[..room]).inspect_err(|_| drop(self.file.set_len(self.about.bytes)))?; // the first error is told
        self.hash.update(&bytes[..room]);
        self.about.bytes += room as u64;
        Ok(())
    }

    fn store_round(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() && self.most > 0 {
            let place = self.taken % self.most;
            let room = usize::try_from(self.most - place).unwrap_or(usize::MAX).min(bytes.len());
            self.file.seek(SeekFrom::Start(place))?;
            self.file.write_all(&bytes[..room])?;
            self.about.bytes = self.about.bytes.max(place + room as u64);
            self.taken += room as u64;
            bytes = &bytes[room..];
        }
        Ok(())
    }

    /// Puts it in its right order, makes it durable and hashes what is there.
    fn finish(&mut self, asked: bool) -> io::Result<FileJson> {
        if self.shape == Shape::Ring && self.taken > self.about.bytes {
            turn(&mut self.file, self.about.bytes, self.taken % self.most)?;
        }
        self.file.sync_all()?;
        let mut file = self.about.clone();
        file.sha256 = match self.shape {
            Shape::File | Shape::Head => std::mem::take(&mut self.hash).finish(),
            Shape::Ring => digest_of(&mut self.file)?,
        };
        if self.shape != Shape::File {
            file.size = Some(file.came);
        }
        let was_more = self.got > file.bytes || file.size.is_some_and(|size| size > file.came && file.came >= self.most);
        file.truncated = match self.stop {
            Some(stop) => Some(stop),
            None if was_more && asked => Some(Truncation::Asked),
            None if was_more => Some(Truncation::Limit),
            None => None,
        };
        Ok(file)
    }
}

/// The last part of a path, safe as a file's name.
fn safe_name(path: &[u8]) -> String {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let safe = |byte: &u8| if byte.is_ascii_alphanumeric() || b"._-".contains(byte) { char::from(*byte) } else { '_' };
    name.iter().take(LONGEST_NAME).map(safe).collect()
}
