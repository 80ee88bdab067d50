//! The few things that the record asks of a disk. Never follows a link and never says that something is durable before it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Access for the owner only: what a folder of the record has unless its store is shared.
pub(super) const PRIVATE: u32 = 0o700;

/// Where a journal's bytes go. A test gives one that fails.
pub trait Disk: Send {
    /// Appends all of these bytes.
    ///
    /// # Errors
    /// Where any of them may not have been taken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written is durable.
    ///
    /// # Errors
    /// After one, nobody knows what is durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Bytes that this user may still write there.
    ///
    /// # Errors
    /// Where the file system does not say.
    fn free(&self) -> io::Result<u64>;
}

/// A file that is appended to.
#[derive(Debug)]
pub struct RealDisk {
    file: File,
}

impl RealDisk {
    /// Appends to this file.
    pub(super) fn new(file: File) -> Self {
        Self { file }
    }
}

impl Disk for RealDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn free(&self) -> io::Result<u64> {
        free_in(&self.file)
    }
}

/// Bytes that this user may still write where this file lies.
pub(super) fn free_in(file: &File) -> io::Result<u64> {
    let space = rustix::fs::fstatvfs(file)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// `O_NOFOLLOW`, and never waiting for the other end of a pipe that somebody put there.
fn no_link() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed()
}

/// Opens a plain file for reading; links, pipes and folders are refused.
pub(super) fn open_plain(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(no_link()).open(path)?;
    must_be_plain(&file)?;
    Ok(file)
}

/// Opens a plain file for appending, making it with this mode where it is not there.
pub(super) fn open_append(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(mode).custom_flags(no_link()).open(path)?;
    must_be_plain(&file)?;
    Ok(file)
}

/// Makes a file that must not be there yet.
pub(super) fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(mode).custom_flags(no_link()).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?; // exactly this mode, whatever the umask
    Ok(file)
}

fn must_be_plain(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "expected a plain file, got something else"))
    }
}

/// Reads a plain file of at most `limit` bytes.
pub(super) fn read_plain(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_plain(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("expected at most {limit} bytes, got more")));
    }
    Ok(bytes)
}

/// Writes a new file and returns when it and its name are durable.
pub(super) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = create_new(path, mode)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_parent(path)
}

/// Makes a folder durably, or finds one that is there; a link or a file in its place is refused.
pub(super) fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    match fs::DirBuilder::new().mode(mode & 0o700).create(path) {
        Ok(()) => {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?; // after the fact: a sticky bit and the umask
            sync_dir(path)?;
            sync_parent(path)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => must_be_dir(path),
        Err(error) => Err(error),
    }
}

/// Refuses a link or a file where a folder must be.
pub(super) fn must_be_dir(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::NotADirectory, "expected a folder, got something else"))
    }
}

/// The permission bits of a folder.
pub(super) fn mode_of(path: &Path) -> io::Result<u32> {
    Ok(fs::symlink_metadata(path)?.mode() & 0o7777)
}

/// Makes the names in a folder durable.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes this name durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }))
}
