//! What every transport must keep about a step's secrets: the step gets each byte, and nobody else on the host gets one. Looks into `/proc`.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use super::conformance::{Bench, Heard, Try, target, until};
use super::conformance_faults::{SUDO, stand_in};
use super::conformance_runs::ssh_way;
use super::hosts::Hosts;
use super::transport::{StopLevel, Way};
use crate::base::{Digest, Secret, Secrets};
use crate::effects::sshd::Sshd;
use crate::engine::Begin;
use crate::event::{Mode, NotStarted, Outcome, Signaller};

const MODES: [Mode; 2] = [Mode::Claim, Mode::Direct];

/// What no other process and no file may hold; a test that looks for it adds to it what no other test has.
const NEEDLE: &str = "hunter2-needle";

fn given(value: &[u8]) -> Secrets {
    let mut secrets = Secrets::default();
    secrets.give("rb_secret_db", Arc::new(Secret::new(value.to_vec())));
    secrets
}

fn attempt(mode: Mode, value: &[u8], script: &str) -> Try {
    let mut attempt = Try::new(mode, &format!("export DB=\"$rb_secret_db\" # [secret:db]\n{script}\n"));
    attempt.secrets = given(value);
    attempt
}

/// Values that quoting could break: every byte, ends that are newlines, quotes, and more than fits into a pipe.
fn values() -> Vec<Vec<u8>> {
    let bytes: Vec<u8> = (1..=255).collect();
    vec![
        b"plain".to_vec(),
        b"it's \"$HOME\" `id` $(id) \\ {{ x }}\n'\\''\n\n".to_vec(),
        bytes.clone(),
        bytes.repeat(20),
        b"\n".repeat(5),
        bytes.repeat(60),
    ]
}

async fn every_byte_reaches_the_step(bench: &Bench, become_user: Option<&str>) {
    for mode in MODES {
        for value in values() {
            let mut attempt = attempt(mode, &value, "printf %s \"$DB\" | sha256sum; cat; exit 5");
            attempt.r#become = become_user.map(str::to_owned);
            let (outcome, heard) = bench.make(&attempt).await;
            let expected = format!("{}  -\n", Digest::of(&value));
            assert_eq!((outcome, String::from_utf8_lossy(&heard.stdout).as_ref()), (Outcome::Exited { code: 5 }, expected.as_str()));
            assert_eq!(String::from_utf8_lossy(&heard.stderr), "", "{mode:?} {value:?}");
        }
    }
}

/// Signals and time-outs are told of a step with secrets as of every other.
async fn ends_are_told(bench: &Bench) {
    for mode in MODES {
        let mut attempt = attempt(mode, NEEDLE.as_bytes(), "kill -s SEGV $$; sleep 5");
        let segv = Outcome::Signalled { signal: "SEGV".to_owned(), by: Signaller::Host };
        assert_eq!(bench.make(&attempt).await.0, segv, "{mode:?}");
        attempt.script = b"exit 137".to_vec();
        attempt.attempt = 2;
        assert_eq!(bench.make(&attempt).await.0, Outcome::Exited { code: 137 }, "{mode:?}");
        (attempt.attempt, attempt.timeout) = (3, std::time::Duration::from_millis(500));
        attempt.script = b"trap '' TERM; while :; do sleep 1; done".to_vec();
        let killed = Outcome::Signalled { signal: "KILL".to_owned(), by: Signaller::Timeout };
        assert_eq!(bench.make(&attempt).await.0, killed, "{mode:?}");
    }
}

/// A shell that was given secrets has none of them when it is given the next step.
async fn the_next_step_has_none(bench: &Bench) {
    for mode in MODES {
        assert_eq!(bench.make(&attempt(mode, NEEDLE.as_bytes(), "true")).await.0, Outcome::Exited { code: 0 });
        let (_, heard) = bench.make(&Try::new(mode, "echo \"${rb_secret_db-none} ${DB-none}\"")).await;
        assert_eq!(String::from_utf8_lossy(&heard.stdout), "none none\n", "{mode:?}");
    }
}

/// The session of a process, and what others may see of it.
fn visible(pid: &str) -> Option<(String, Vec<u8>)> {
    let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}"));
    let stat = String::from_utf8_lossy(&read("stat").ok()?).into_owned();
    let session = stat.rsplit(") ").next()?.split(' ').nth(3)?.to_owned();
    Some((session, [read("cmdline").unwrap_or_default(), read("environ").unwrap_or_default()].concat()))
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|part| part == needle.as_bytes())
}

/// The sessions in which a process shows the needle.
fn sessions_that_show_it(needle: &str) -> Vec<String> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let seen = pids.filter(|name| name.bytes().all(|c| c.is_ascii_digit())).filter_map(|pid| visible(&pid));
    seen.filter(|(_, bytes)| holds(bytes, needle)).map(|(session, _)| session).collect()
}

/// The files of a folder, at any depth, that hold the needle.
fn files_that_hold_it(folder: &Path, needle: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.flat_map(|entry| match entry.path().is_dir() {
        true => files_that_hold_it(&entry.path(), needle),
        false => std::fs::read(entry.path())
            .is_ok_and(|bytes| holds(&bytes, needle))
            .then(|| entry.path().display().to_string())
            .into_iter()
            .collect(),
    });
    files.collect()
}

async fn nobody_else_can_see_it(bench: &Bench, folder: &Path, become_user: Option<&str>) {
    for mode in MODES {
        let needle = format!("{NEEDLE}-{}", super::station::nonce());
        let at = |name: &str| folder.join(format!("{name}-{mode:?}"));
        let (mark, go) = (at("started"), at("go"));
        std::fs::write(&mark, "").unwrap();
        std::os::unix::fs::chown(&mark, None, None).unwrap();
        std::fs::set_permissions(&mark, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        let script = format!(
            "set -- $(cat /proc/$$/stat); echo \"$6\" >'{}'; sleep 1000 & while [ ! -e '{}' ]; do sleep 0.1; done; kill $!; echo \"$DB\" | wc -c",
            mark.display(),
            go.display()
        );
        let mut attempt = attempt(mode, format!("{needle} 'quoted'").as_bytes(), &script);
        attempt.r#become = become_user.map(str::to_owned);
        let looking = async {
            let session = || std::fs::read_to_string(&mark).unwrap_or_default().trim().to_owned();
            until("the step runs", || !session().is_empty()).await;
            let (own, mut looks) = (session(), 0);
            // a child of the step shows that we would see it: until then nothing was looked at
            until("a look at a child of the step", || {
                let seen = sessions_that_show_it(&needle);
                assert!(seen.iter().all(|session| *session == own), "{mode:?}: a process of {seen:?} shows it, expected {own} alone");
                assert_eq!(files_that_hold_it(folder, &needle), Vec::<String>::new(), "{mode:?}");
                looks += usize::from(!seen.is_empty());
                looks >= 3
            })
            .await;
            std::fs::write(&go, "").unwrap();
        };
        let ((outcome, heard), ()) = tokio::join!(bench.make(&attempt), looking);
        assert_eq!((outcome, String::from_utf8_lossy(&heard.stdout).trim()), (Outcome::Exited { code: 0 }, "57"), "{mode:?}");
        assert_eq!(files_that_hold_it(folder, &needle), Vec::<String>::new(), "{mode:?}");
    }
}

/// The connection is lost, and another process asks: the attempt that was begun has what it was given, and is given nothing again.
async fn a_reattached_step_has_its_own(bench: &Bench, folder: &Path) {
    let (mark, go) = (folder.join("alone"), folder.join("alone-go"));
    let script =
        format!("touch '{}'; while [ ! -e '{}' ]; do sleep 0.05; done; printf %s \"$DB\" | sha256sum", mark.display(), go.display());
    let mut attempt = attempt(Mode::Claim, NEEDLE.as_bytes(), &script);
    tokio::select! {
        outcome = bench.make(&attempt) => panic!("it cannot have ended: {outcome:?}"),
        () = until("the step runs", || mark.exists()) => {}
    }
    std::fs::write(&go, "").unwrap();
    (attempt.begin, attempt.secrets) = (Begin::Reattach, given(b"another value by now"));
    let (outcome, heard) = bench.make(&attempt).await;
    let expected = format!("{}  -\n", Digest::of(NEEDLE.as_bytes()));
    assert_eq!((outcome, String::from_utf8_lossy(&heard.stdout).as_ref()), (Outcome::Exited { code: 0 }, expected.as_str()));
    assert_eq!(bench.make(&Try::new(Mode::Claim, "exit 4")).await.0, Outcome::Exited { code: 4 }, "the shell is in step still");
}

async fn a_file_is_read_for_an_attempt(bench: &Bench, folder: &Path) {
    let file = folder.join("it's a secret");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let (_level, stop) = watch::channel(StopLevel::GoOn);
    let permit = Try::new(Mode::Claim, "true").permit(bench);
    let read = |path: String, stop| {
        let (transport, permit) = (&bench.transport, &permit);
        async move { transport.read_secret(permit, &path, stop).await }
    };
    assert_eq!(read(file.display().to_string(), stop.clone()).await.unwrap().expose(), b"one\ntwo");
    let missing = read(folder.join("none").display().to_string(), stop.clone()).await.unwrap_err();
    assert!(missing.contains("none") && missing.contains("No such file"), "{missing}");
    std::fs::write(&file, vec![b'x'; 100_000]).unwrap();
    assert!(read(file.display().to_string(), stop).await.unwrap_err().contains("at most 65536 bytes, got 100000"));
    std::fs::remove_file(file).unwrap();
}

async fn all(bench: &Bench, folder: &Path) {
    every_byte_reaches_the_step(bench, None).await;
    ends_are_told(bench).await;
    the_next_step_has_none(bench).await;
    a_reattached_step_has_its_own(bench, folder).await;
    a_file_is_read_for_an_attempt(bench, folder).await;
    nobody_else_can_see_it(bench, folder, None).await;
}

async fn under(shell: &'static [&'static str]) {
    let folder = tempfile::tempdir().unwrap();
    let hosts = Hosts::with_shell(target("here", Way::Local, &folder.path().join("spool")), shell);
    all(&Bench::new(hosts, "here").await, folder.path()).await;
}

#[tokio::test]
async fn secrets_reach_the_step_alone_under_dash() {
    under(&["dash"]).await;
}

#[tokio::test]
async fn secrets_reach_the_step_alone_under_bash() {
    under(&["bash"]).await;
}

#[tokio::test]
async fn secrets_reach_the_step_alone_under_busybox_ash() {
    under(&["busybox", "ash"]).await;
}

#[tokio::test]
async fn secrets_reach_the_step_alone_over_ssh() {
    let (sshd, folder) = (Sshd::start(""), tempfile::tempdir().unwrap());
    let hosts = Hosts::new(vec![target("there", ssh_way(), &folder.path().join("spool"))], Some(sshd.client_config()), None);
    all(&Bench::new(hosts, "there").await, folder.path()).await;
}

#[tokio::test]
async fn secrets_pass_through_sudo_which_drops_the_environment() {
    assert!(rustix::process::geteuid().is_root(), "this test becomes another user, for which it must be run as root");
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let shell = stand_in(folder.path(), "sudo", SUDO);
    let bench = Bench::new(Hosts::with_shell(target("here", Way::Local, &folder.path().join("spool")), shell), "here").await;
    every_byte_reaches_the_step(&bench, Some("nobody")).await;
    nobody_else_can_see_it(&bench, folder.path(), Some("nobody")).await;
}

#[tokio::test]
async fn a_shell_that_would_show_a_secret_on_a_command_line_is_given_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rc"), "enable -n printf\n").unwrap();
    let rc = String::leak(format!("BASH_ENV={}", folder.path().join("rc").display()));
    let shell: &'static [&'static str] = Box::leak(Box::new(["env", rc, "bash"]));
    let bench = Bench::new(Hosts::with_shell(target("here", Way::Local, &folder.path().join("spool")), shell), "here").await;
    for mode in MODES {
        match bench.make(&attempt(mode, NEEDLE.as_bytes(), "true")).await.0 {
            Outcome::NeverStarted { cause: NotStarted::Refused, why } => assert!(why.contains("no printf of its own"), "{why}"),
            other => panic!("{mode:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn output_of_a_step_with_secrets_goes_to_its_sink_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = Hosts::new(vec![target("here", Way::Local, &folder.path().join("spool"))], None, None);
    let bench = Bench::new(hosts, "here").await;
    let mut heard = Heard::default();
    bench.give(&attempt(Mode::Claim, NEEDLE.as_bytes(), "echo \"$DB\""), &mut heard).await;
    assert_eq!(heard.stdout, format!("{NEEDLE}\n").into_bytes(), "hiding it is the runner's work, before anything is stored");
}
