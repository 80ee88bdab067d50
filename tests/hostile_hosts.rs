//! A host that prints whatever it likes, as much as it likes, or nothing for ever, harms neither the terminal, nor memory, nor the run.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::process::{Command, Stdio};

use lab::{Lab, shown, until};

/// A window title, the clipboard (OSC 52), a cleared screen, an 8-bit control, bidi override, a hidden character, a NUL, an invalid byte.
const NASTY: &str =
    r"printf '\033]0;owned\007\033]52;c;b3duZWQ=\007\033[2J\033[31mred\302\233x \342\200\256evil\342\200\254 \342\200\213 \000 \377 end\n'";

fn lab() -> Lab {
    let lab = Lab::with_hosts(&["db"], "staging");
    lab.runbook(
        "nasty",
        &format!("steps:\n  - name: Nasty\n    hosts: db\n    check: |\n      {NASTY}\n      {NASTY} >&2\n      exit 3\n    timeout: 20s\n    on_failure: continue\n"),
    );
    lab
}

/// Only newlines and tabs below a blank, no DEL, no C1 control, nothing that changes direction or hides.
fn is_harmless(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.chars().all(|c| c == '\n' || c == '\t' || c == '\r' || runbook::base::is_plain(c) || c == '\u{fffd}')
}

#[test]
fn plain_output_the_log_and_json_hold_no_control_characters() {
    let lab = lab();
    let exec = lab.run_as("alice", &["exec", "nasty"]);
    assert_eq!(exec.status.code(), Some(0), "{}", shown(&exec));
    assert!(shown(&exec).contains("<U+001B>]52;c;b3duZWQ="), "what was printed is shown, escaped: {}", shown(&exec));
    for args in [
        &["log", "latest"][..],
        &["log", "latest", "--output-of", "nasty"],
        &["log", "latest", "--output", "json"],
        &["runs"],
        &["verify", "latest"],
    ] {
        let output = lab.run_as("alice", args);
        assert!(is_harmless(&output.stdout) && is_harmless(&output.stderr), "{args:?}: {:?}", shown(&output));
    }
    assert!(is_harmless(&exec.stdout) && is_harmless(&exec.stderr));
    assert!(
        std::fs::read(lab.run_folder().join("output/nasty/db.1.out")).unwrap().starts_with(b"\x1b]0;owned\x07"),
        "the record keeps every byte"
    );
}

#[test]
fn a_live_picture_sends_only_its_own_escape_sequences() {
    let lab = lab();
    let exec = lab.runbook_as("alice", &["exec", "nasty"]);
    let words: Vec<String> =
        std::iter::once(exec.get_program()).chain(exec.get_args()).map(|word| shell_word(&word.to_string_lossy())).collect();
    let mut script = Command::new("script"); // gives it a terminal
    script
        .args(["-qec", &words.join(" "), "/dev/null"])
        .current_dir(lab.dir.path())
        .stdin(Stdio::null())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR");
    script.env("RUNBOOK_STORE", lab.path("store")).env("XDG_STATE_HOME", lab.path("state-alice"));
    let output = script.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains('\u{1b}') && text.contains("Nasty"), "a picture was drawn: {text:?}");
    let own = regex::Regex::new("\u{1b}\\[([0-9;]*m|[0-9]+A|J)").unwrap();
    let rest = own.replace_all(&text, "");
    assert!(is_harmless(rest.as_bytes()), "{rest:?}");
}

fn shell_word(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[test]
fn a_gibibyte_in_one_line_streams_through() {
    let lab = Lab::with_hosts(&["db"], "staging");
    let gibibyte = "head -c 1073741824 /dev/zero | tr '\\000' x";
    lab.runbook(
        "much",
        &format!(
            "steps:\n  - name: Read it\n    hosts: db\n    check: {gibibyte}\n    timeout: 10m\n    max_output: 1MiB\n  \
             - name: Claim it\n    hosts: db\n    run: {gibibyte}\n    timeout: 10m\n    max_output: 1MiB\n"
        ),
    );
    let mut exec = lab.start_exec(&["much", "--output", "json"]);
    let mut peak = 0;
    let status = lab::until_within(std::time::Duration::from_secs(300), "two gibibytes", || {
        peak = peak.max(peak_memory(exec.id()));
        exec.try_wait().unwrap()
    });
    assert!(status.success(), "{}", lab.said());
    assert!(peak > 0 && peak < 100 << 10, "peak memory was {peak} KiB");
    let log = lab.run_as("alice", &["log", "latest"]);
    assert_eq!(shown(&log).matches("1073741824 bytes out").count(), 2, "{}", shown(&log));
    let stored = std::fs::metadata(lab.run_folder().join("output/read-it/db.1.out")).unwrap().len();
    assert_eq!(stored, 2 << 20, "a head and a tail of one MiB each");
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

/// The most memory that a process had, in KiB (`VmHWM`, proc(5)); 0 where it is gone.
fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_host_that_says_nothing_for_ever_is_timed_out_and_nothing_is_left_there() {
    let lab = Lab::with_hosts(&["db"], "staging");
    let mark = format!("987{}", std::process::id());
    lab.runbook("silent", &format!("steps:\n  - name: Silent\n    hosts: db\n    run: sleep {mark}\n    timeout: 1s\n"));
    let exec = lab.run_as("alice", &["exec", "silent"]);
    assert_eq!(exec.status.code(), Some(1), "{}", shown(&exec));
    assert!(shown(&exec).contains("timed out"), "{}", shown(&exec));
    until("the end of what was timed out", || {
        let found = Command::new("pgrep").args(["-f", &format!("sleep {mark}")]).output().unwrap();
        (!found.status.success()).then_some(())
    });
}
