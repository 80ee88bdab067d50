//! A small file system of its own, made by root, so that a disk can be full. Unmounted when it is dropped.

use std::path::Path;
use std::process::Command;

/// A small file system, unmounted when it is dropped.
pub struct Tmpfs<'a>(&'a Path);

impl<'a> Tmpfs<'a> {
    /// Mounts one of this size (`8m`) at a path.
    pub fn mount(path: &'a Path, size: &str) -> Self {
        std::fs::create_dir_all(path).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"], path);
        Self(path)
    }

    /// Mounts it anew with these options.
    pub fn remount(&self, options: &str) {
        mount(&["-o", &format!("remount,{options}")], self.0);
    }

    /// Bytes that are free.
    pub fn free(&self) -> u64 {
        let space = rustix::fs::statvfs(self.0).unwrap();
        space.f_bavail * space.f_frsize
    }
}

impl Drop for Tmpfs<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status(); // a failed test must still clean up as far as it can
    }
}

fn mount(args: &[&str], path: &Path) {
    let status = Command::new("mount").args(args).arg(path).status();
    assert!(status.is_ok_and(|status| status.success()), "these tests mount a tmpfs at {}: run them as root", path.display());
}
