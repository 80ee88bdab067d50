//! What cannot be recorded is not executed: full and read-only stores. Needs root, for a file system of its own.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;
#[path = "support/tmpfs.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod tmpfs;

use lab::{Lab, shown};
use tmpfs::Tmpfs;

fn lab() -> Lab {
    let lab = Lab::with_hosts(&["db"], "staging");
    let dir = lab.dir.path().display();
    lab.runbook("touch", &format!("steps:\n  - name: Touch\n    hosts: db\n    run: echo ran >> {dir}/count\n    timeout: 10s\n"));
    lab
}

#[test]
fn a_full_disk_starts_nothing_says_what_to_free_and_the_run_goes_on_when_there_is_room() {
    let lab = lab();
    let store = lab.path("store");
    let disk = Tmpfs::mount(&store, "8m");
    let exec = lab.run_as("alice", &["exec", "touch"]);
    assert_eq!(exec.status.code(), Some(5), "{}", shown(&exec));
    let said = shown(&exec);
    assert!(said.contains("not started: ") && said.contains("MiB free in") && said.contains("Free some space"), "{said}");
    assert_eq!(lab.read("count"), "");
    disk.remount("size=64m");
    let resumed = lab.run_as("alice", &["resume", "latest"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", shown(&resumed));
    assert_eq!(lab.read("count"), "ran\n");
}

#[test]
fn a_disk_without_a_single_byte_opens_no_run() {
    let lab = lab();
    let store = lab.path("store");
    let _disk = Tmpfs::mount(&store, "1m");
    let fill = std::fs::write(store.join("fill"), vec![0; 2 << 20]);
    assert!(fill.is_err(), "the file system is full");
    let exec = lab.run_as("alice", &["exec", "touch"]);
    assert_eq!(exec.status.code(), Some(5), "{}", shown(&exec));
    assert_eq!(lab.read("count"), "");
}

#[test]
fn a_read_only_store_starts_nothing() {
    let lab = lab();
    let store = lab.path("store");
    let disk = Tmpfs::mount(&store, "64m");
    disk.remount("ro");
    let exec = lab.run_as("alice", &["exec", "touch"]);
    assert_eq!(exec.status.code(), Some(5), "{}", shown(&exec));
    assert!(shown(&exec).contains("--store"), "{}", shown(&exec));
    assert_eq!(lab.read("count"), "");
}

#[test]
fn an_error_of_the_record_is_one_json_object() {
    let lab = lab();
    let store = lab.path("store");
    let _disk = Tmpfs::mount(&store, "8m");
    let exec = lab.run_as("alice", &["exec", "touch", "--output", "json"]);
    let error: serde_json::Value = serde_json::from_slice(&exec.stdout).unwrap_or_else(|_| panic!("{}", shown(&exec)));
    assert_eq!((error["error"]["exit_status"].as_u64(), error["error"]["kind"].as_str()), (Some(5), Some("recording")));
}
