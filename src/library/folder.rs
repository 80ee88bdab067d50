//! A team's folder on disk: finds it, reads its files once, and lists its runbooks. Never writes, and never runs on a folder without a policy.

#![allow(clippy::disallowed_methods, reason = "reads the team's folder; nothing else does")]

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::resolved::written_out;
use super::{
    Elsewhere, HostSource, Inventory, Nowhere, Policy, Resolved, Roster, SMALLEST_POLICY, read_allowed_signers, read_policy,
    resolve_inventory,
};
use crate::base::StepId;
use crate::text::{Colour, Diagnostics, MAX_FILE_BYTES, Severity, Source, Span, decode, did_you_mean};

/// More runbooks than this in one folder are a generated heap, and a list of them helps nobody.
const MAX_RUNBOOKS: usize = 10_000;

/// Where files lie that steps send to hosts.
const SCRIPTS: &str = "scripts";

/// The inventory of a library, by its name in `team/`.
const OWN_HOSTS: &str = "inventory";

/// Where scenarios lie, in a folder for each runbook.
const DRILLS: &str = "drills";

/// A file as its bytes lay on disk, for digests, and as text, for reading.
#[derive(Debug, Clone)]
pub struct RawFile {
    pub bytes: Vec<u8>,
    pub source: Source,
}

/// A library, its own files read and checked. Runbooks are read when they are asked for.
#[derive(Debug, Clone)]
pub struct Library {
    root: PathBuf,
    /// Another inventory of `team/` whose hosts these are; `None` for the library's own.
    pub hosts_from: Option<String>,
    pub inventory: Inventory,
    pub policy: Policy,
    pub roster: Roster,
    /// Where hosts came from besides the inventory itself.
    pub host_sources: Vec<HostSource>,
    /// The files above; empty bytes where there is none. The inventory's bytes are the file's own where it says everything itself; where hosts come
    /// from elsewhere they are all of it, written out: that is what a run keeps, what is approved, and what must not change.
    pub inventory_file: RawFile,
    pub policy_file: RawFile,
    pub signers_file: RawFile,
    /// Warnings about the files above.
    pub warnings: Diagnostics,
}

/// Why a library, or a runbook in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error(
        "there is no library in {from} or above: expected a folder `runbooks` with `team/policy.yaml` in it. Name one by --library DIR or RUNBOOK_LIBRARY"
    )]
    NotFound { from: PathBuf },
    #[error("the library {path} is no folder. Name one by --library DIR or RUNBOOK_LIBRARY")]
    NoFolder { path: PathBuf },
    #[error("the library has no policy: expected {path}. Nothing runs without one; the smallest is\n\n{SMALLEST_POLICY}")]
    NoPolicy { path: PathBuf },
    #[error("{path} could not be read: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error(
        "{path} leads out of the library, to {target}. Put the file itself into the library, so that what is approved is what lies there"
    )]
    LeadsOut { path: PathBuf, target: PathBuf },
    #[error("{path} is no file. Expected a file of text")]
    NoFile { path: PathBuf },
    #[error("{name:?} cannot be a runbook's name: expected lower-case letters, digits and single dashes")]
    BadName { name: String },
    #[error("there is no runbook {name:?} in {root}. {hint}")]
    NoRunbook { name: String, root: PathBuf, hint: String },
    #[error("{name:?} names no other inventory: expected the name of a file team/NAME.yaml with the hosts of another environment. {hint}")]
    NoHosts { name: String, hint: String },
    /// More than a person reads, or a host should be sent.
    #[error("{} is larger than {} KiB", path.display(), MAX_FILE_BYTES >> 10)]
    TooLarge { path: PathBuf },
    /// Something is wrong within a file; all problems are told with their places.
    #[error("{}", .0.render(Colour::Plain))]
    Invalid(Diagnostics),
}

impl Library {
    /// The library of a folder: `runbooks` in it or in the nearest folder above that has one with `team` or a runbook in it;
    /// a folder that has `team/policy.yaml` itself is a library, too.
    ///
    /// # Errors
    /// [`LibraryError::NotFound`].
    pub fn find(from: &Path) -> Result<PathBuf, LibraryError> {
        for folder in from.ancestors() {
            let inside = folder.join("runbooks");
            if inside.join("team").is_dir() || has_runbook(&inside) {
                return Ok(inside);
            }
            if folder.join("team/policy.yaml").is_file() {
                return Ok(folder.to_owned());
            }
        }
        Err(LibraryError::NotFound { from: from.to_owned() })
    }

    /// Reads the library's own files. Without an inventory there is only `local`; without `allowed_signers` nobody can approve.
    ///
    /// # Errors
    /// See [`LibraryError`]; all problems of all files at once.
    pub fn open(root: &Path) -> Result<Self, LibraryError> {
        Self::open_on(root, None, &Nowhere)
    }

    /// The same, and the hosts that the inventory takes from elsewhere are asked for. Where another inventory of `team/` is named, its hosts stand in
    /// the place of the library's own.
    ///
    /// # Errors
    /// See [`LibraryError`]; all problems of all files at once.
    pub fn open_on(root: &Path, hosts_from: Option<&str>, elsewhere: &dyn Elsewhere) -> Result<Self, LibraryError> {
        if !root.is_dir() {
            return Err(LibraryError::NoFolder { path: root.to_owned() });
        }
        let mut found = Diagnostics::new();
        let policy_path = root.join("team/policy.yaml");
        let policy_file = read_file(root, &policy_path)?.ok_or(LibraryError::NoPolicy { path: policy_path })?;
        let (policy, problems) = read_policy(&policy_file.source);
        found.extend(problems);
        if let Some(name) = hosts_from {
            must_be_hosts(root, name)?;
        }
        let (inventory_file, resolved) = read_hosts(root, hosts_from.unwrap_or(OWN_HOSTS), elsewhere, &mut found)?;
        let signers_path = root.join("team/allowed_signers");
        let signers_file = read_file(root, &signers_path)?.unwrap_or_else(|| RawFile::absent(root, &signers_path));
        let roster = policy.as_ref().and_then(|policy| {
            let (roster, problems) = read_allowed_signers(&signers_file.source, &policy.rules.domain, &policy.rules.people);
            found.extend(problems);
            roster
        });
        let (Some(resolved), Some(policy), Some(roster)) = (resolved, policy, roster) else {
            return Err(LibraryError::Invalid(found.only(Severity::Error)));
        };
        let Resolved { inventory, sources: host_sources } = resolved;
        let (root, hosts_from) = (root.to_owned(), hosts_from.map(str::to_owned));
        Ok(Self { root, hosts_from, inventory, policy, roster, host_sources, inventory_file, policy_file, signers_file, warnings: found })
    }

    /// Where its hosts are said: `team/inventory.yaml`, or another inventory beside it.
    pub fn hosts_path(&self) -> String {
        hosts_path(self.hosts_from.as_deref().unwrap_or(OWN_HOSTS))
    }

    /// The other inventories of `team/`, by name, sorted: each the hosts of another environment, for drills.
    pub fn other_hosts(&self) -> Vec<String> {
        other_hosts(&self.root)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The names of all runbooks, sorted.
    ///
    /// # Errors
    /// Where the folder cannot be listed.
    pub fn names(&self) -> Result<Vec<String>, LibraryError> {
        let unreadable = |source| LibraryError::Unreadable { path: self.root.clone(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(unreadable)?.take(MAX_RUNBOOKS) {
            let path = entry.map_err(unreadable)?.path();
            names.extend(runbook_stem(&path).filter(|_| path.is_file()));
        }
        names.sort();
        Ok(names)
    }

    /// The paths of all files in `scripts/`, within it, sorted.
    ///
    /// # Errors
    /// Where a folder cannot be listed.
    pub fn scripts(&self) -> Result<Vec<String>, LibraryError> {
        let top = self.root.join(SCRIPTS);
        let (mut files, mut folders) = (Vec::new(), vec![top.clone()]);
        while let Some(folder) = folders.pop().filter(|_| files.len() < MAX_RUNBOOKS) {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(|source| LibraryError::Unreadable { path: folder.clone(), source })?,
            };
            for path in entries.take(MAX_RUNBOOKS).filter_map(Result::ok).map(|entry| entry.path()) {
                match path.is_dir() && !path.is_symlink() {
                    true => folders.push(path),
                    false => files.extend(path.strip_prefix(&top).ok().and_then(Path::to_str).map(str::to_owned)),
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// The runbooks that have a folder of scenarios, whether they are there or not, sorted.
    pub fn drilled(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(DRILLS)).into_iter().flatten().take(MAX_RUNBOOKS).filter_map(Result::ok);
        let folders = entries.filter(|entry| entry.path().is_dir());
        let mut names: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// The scenarios of a runbook, by name, sorted: the files `drills/NAME/*.yaml`.
    ///
    /// # Errors
    /// Where the folder cannot be listed, or a file cannot be read as text.
    pub fn scenarios(&self, runbook: &str) -> Result<Vec<(String, RawFile)>, LibraryError> {
        let folder = self.root.join(DRILLS).join(runbook);
        let entries = match fs::read_dir(&folder) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(Vec::new()),
            other => other.map_err(|source| LibraryError::Unreadable { path: folder.clone(), source })?,
        };
        let mut paths: Vec<PathBuf> = entries.take(MAX_RUNBOOKS).filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
        paths.sort();
        let mut scenarios = Vec::new();
        for path in paths {
            let stem = path.file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned());
            scenarios.extend(read_file(&self.root, &path)?.map(|file| (stem, file)));
        }
        Ok(scenarios)
    }

    /// A runbook's file by its name.
    ///
    /// # Errors
    /// Where there is none, with the name that was probably meant, or it cannot be read as text.
    pub fn runbook(&self, name: &str) -> Result<RawFile, LibraryError> {
        let stem = name.strip_suffix(".yaml").unwrap_or(name);
        if !is_runbook_name(stem) {
            return Err(LibraryError::BadName { name: name.to_owned() });
        }
        match read_file(&self.root, &self.root.join(format!("{stem}.yaml")))? {
            Some(file) => Ok(file),
            None => Err(LibraryError::NoRunbook { name: name.to_owned(), root: self.root.clone(), hint: self.hint(stem)? }),
        }
    }

    /// A file of the library by its path in it; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read, is too large, or leads out of the library.
    pub fn file(&self, path: &str) -> Result<Option<Vec<u8>>, LibraryError> {
        let full = self.root.join(path);
        match read_bytes(&self.root, &full)? {
            Some(bytes) if bytes.len() > MAX_FILE_BYTES => Err(LibraryError::TooLarge { path: full }),
            bytes => Ok(bytes),
        }
    }

    fn hint(&self, stem: &str) -> Result<String, LibraryError> {
        if self.root.join(format!("{stem}.yml")).exists() {
            return Ok(format!("Rename {stem}.yml to {stem}.yaml"));
        }
        let names = self.names()?;
        Ok(match did_you_mean(stem, names.iter().map(String::as_str)) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None if names.is_empty() => "There is none yet: `runbook new NAME` writes one".to_owned(),
            None => "`runbook list` shows all".to_owned(),
        })
    }
}

fn hosts_path(name: &str) -> String {
    format!("team/{name}.yaml")
}

fn other_hosts(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root.join("team")).into_iter().flatten().take(MAX_RUNBOOKS).filter_map(Result::ok);
    let mut names: Vec<String> = entries.filter_map(|entry| runbook_stem(&entry.path())).collect();
    names.retain(|name| ![OWN_HOSTS, "policy"].contains(&name.as_str()));
    names.sort();
    names
}

/// Another inventory than the library's own is named, and it is there.
fn must_be_hosts(root: &Path, name: &str) -> Result<(), LibraryError> {
    let known = other_hosts(root);
    if known.iter().any(|other| other == name) {
        return Ok(());
    }
    let hint = match did_you_mean(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("Did you mean `{meant}`?"),
        None if known.is_empty() => "There is none yet".to_owned(),
        None => format!("There are {}", known.join(", ")),
    };
    Err(LibraryError::NoHosts { name: name.to_owned(), hint })
}

/// An inventory's file, its bytes as a run keeps them, and what it comes to; without a file there is only `local`.
fn read_hosts(
    root: &Path,
    name: &str,
    elsewhere: &dyn Elsewhere,
    found: &mut Diagnostics,
) -> Result<(RawFile, Option<Resolved>), LibraryError> {
    let path = root.join(hosts_path(name));
    let Some(mut file) = read_file(root, &path)? else {
        let resolved = Resolved { inventory: Inventory::only_local(), sources: Vec::new() };
        return Ok((RawFile::absent(root, &path), Some(resolved)));
    };
    let (resolved, problems) = resolve_inventory(&file.source, &root.join("team"), elsewhere);
    found.extend(problems);
    if let Some(resolved) = resolved.as_ref().filter(|resolved| !resolved.sources.is_empty()) {
        file.bytes = written_out(&resolved.inventory).into_bytes();
        if file.bytes.len() > MAX_FILE_BYTES {
            let message = format!("all hosts together take {} bytes, expected at most {MAX_FILE_BYTES} (1 MiB)", file.bytes.len());
            found
                .error("RB002", &file.source, Span::default(), message)
                .help("take fewer hosts, or give each team an inventory of its own");
            return Ok((file, None));
        }
    }
    Ok((file, resolved))
}

impl RawFile {
    fn absent(root: &Path, path: &Path) -> Self {
        Self { bytes: Vec::new(), source: Source::new(&shown(root, path), "") }
    }
}

fn is_runbook_name(text: &str) -> bool {
    text.parse::<StepId>().is_ok_and(|name| name.is_written())
}

fn runbook_stem(path: &Path) -> Option<String> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".yaml")?;
    is_runbook_name(stem).then(|| stem.to_owned())
}

fn has_runbook(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.take(MAX_RUNBOOKS).flatten().any(|entry| runbook_stem(&entry.path()).is_some())
}

/// The file's name as people know it: from the library's own folder on.
fn shown(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    match root.file_name() {
        Some(folder) => Path::new(folder).join(inside).display().to_string(),
        None => path.display().to_string(),
    }
}

/// The file as text; `None` where there is none.
fn read_file(root: &Path, path: &Path) -> Result<Option<RawFile>, LibraryError> {
    let Some(bytes) = read_bytes(root, path)? else { return Ok(None) };
    let source = decode(&shown(root, path), &bytes).map_err(LibraryError::Invalid)?;
    Ok(Some(RawFile { bytes, source }))
}

/// The file's bytes; `None` where there is none. A link may stand for a file of the same library.
fn read_bytes(root: &Path, path: &Path) -> Result<Option<Vec<u8>>, LibraryError> {
    let unreadable = |source| LibraryError::Unreadable { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    }
    let target = path.canonicalize().map_err(unreadable)?;
    let inside = root.canonicalize().map_err(unreadable)?;
    if !target.starts_with(&inside) {
        return Err(LibraryError::LeadsOut { path: path.to_owned(), target });
    }
    if !target.is_file() {
        return Err(LibraryError::NoFile { path: path.to_owned() }); // a FIFO would be waited for without end
    }
    let mut bytes = Vec::new();
    let limit = MAX_FILE_BYTES as u64 + 1; // one more, so that a longer file is seen to be longer
    fs::File::open(&target).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join("runbooks").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_library_is_found_from_below_and_lists_its_runbooks() {
        let files = [("team/policy.yaml", SMALLEST_POLICY), ("restart-db.yaml", "x"), ("Not A Name.yaml", "x"), ("notes.txt", "x")];
        let folder = folder(&files);
        let below = folder.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        let root = Library::find(&below).unwrap();
        assert_eq!(root, folder.path().join("runbooks"));
        assert_eq!(Library::find(&root.join("team")).unwrap(), root);
        let library = Library::open(&root).unwrap();
        assert_eq!(library.names().unwrap(), ["restart-db"]);
        assert_eq!(library.runbook("restart-db").unwrap().source.name(), "runbooks/restart-db.yaml");
        assert!(library.runbook("restart-bd").unwrap_err().to_string().contains("Did you mean `restart-db`?"));
        assert!(matches!(library.runbook("../x"), Err(LibraryError::BadName { .. })));
        assert_eq!(library.inventory.hosts.len(), 1);
        assert_eq!(library.warnings.len(), 2, "neither alice nor bob has a key");
    }

    #[test]
    fn nothing_runs_without_a_policy() {
        let folder = folder(&[("restart-db.yaml", "x")]);
        let error = Library::open(&folder.path().join("runbooks")).unwrap_err();
        assert!(error.to_string().contains("domain: example.com"), "{error}");
    }

    #[test]
    fn problems_of_all_files_are_told_at_once() {
        let folder = folder(&[("team/policy.yaml", "domain: x.org\n"), ("team/inventory.yaml", "hots: {}\n")]);
        let error = Library::open(&folder.path().join("runbooks")).unwrap_err().to_string();
        assert!(error.contains("people") && error.contains("hosts"), "{error}");
    }

    #[test]
    fn a_link_that_leads_out_of_the_library_is_refused_and_one_within_is_not() {
        let folder = folder(&[("team/policy.yaml", SMALLEST_POLICY), ("a.yaml", "x")]);
        let root = folder.path().join("runbooks");
        fs::write(folder.path().join("outside.yaml"), "x").unwrap();
        std::os::unix::fs::symlink("../outside.yaml", root.join("out.yaml")).unwrap();
        std::os::unix::fs::symlink("a.yaml", root.join("in.yaml")).unwrap();
        let library = Library::open(&root).unwrap();
        assert!(matches!(library.runbook("out"), Err(LibraryError::LeadsOut { .. })));
        assert!(library.runbook("in").is_ok());
    }
}
