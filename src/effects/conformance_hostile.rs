//! What the OpenSSH transport must bear of the world: crowds, other people's spools, odd log-ins, clocks, bastions, and endless output.

use std::os::unix::fs::chown;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::conformance::{Bench, Try, target, until};
use super::conformance_runs::ssh_way;
use super::hosts::Hosts;
use super::sshd::Sshd;
use super::transport::{OutputSink, Transport};
use crate::event::{Mode, NotStarted, Outcome, Signaller};

const MODES: [Mode; 2] = [Mode::Claim, Mode::Direct];

async fn bench_of(sshd: &Sshd, folder: &Path) -> Bench {
    let hosts = Hosts::new(vec![target("there", ssh_way(), &folder.join("spool"))], Some(sshd.client_config()), None);
    Bench::new(hosts, "there").await
}

fn refusal(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::NeverStarted { cause: NotStarted::Refused, why } => why,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// These tests need a program that not every machine has.
fn needs(program: &str, package: &str) {
    let found = std::env::var("PATH").unwrap().split(':').any(|folder| Path::new(folder).join(program).exists());
    assert!(found, "this test needs {program}: install the package {package}");
}

fn needs_root() {
    assert!(rustix::process::geteuid().is_root(), "this test gives files to another user, for which it must be run as root");
}

/// Sixty processes that do not know of one another, each with a connection of its own.
#[tokio::test]
async fn sixty_runners_with_one_attempt_run_it_once_and_are_all_told_its_end() {
    let (sshd, folder) = (Sshd::start("MaxStartups 100"), tempfile::tempdir().unwrap());
    let count = folder.path().join("count");
    let attempt = Try::new(Mode::Claim, &format!("echo ran >>'{}'; sleep 0.2; echo out; exit 3", count.display()));
    let benches = join_all((0..60).map(|_| bench_of(&sshd, folder.path()))).await;
    for (outcome, heard) in join_all(benches.iter().map(|bench| bench.make(&attempt))).await {
        assert_eq!((outcome, &heard.stdout[..]), (Outcome::Exited { code: 3 }, &b"out\n"[..]));
    }
    assert_eq!(std::fs::read_to_string(count).unwrap(), "ran\n");
}

#[tokio::test]
async fn a_spool_of_somebody_else_is_refused() {
    needs_root();
    let (sshd, folder) = (Sshd::start(""), tempfile::tempdir().unwrap());
    let (spool, mark) = (folder.path().join("spool"), folder.path().join("mark"));
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&spool).unwrap();
    chown(&spool, Some(65_534), Some(65_534)).unwrap();
    let (outcome, _) = bench_of(&sshd, folder.path()).await.make(&Try::new(Mode::Claim, &format!("touch '{}'", mark.display()))).await;
    assert!(refusal(&outcome).contains("is not ours alone: it is drwx------ of uid 65534, expected drwx------ of uid 0"), "{outcome:?}");
    assert!(!mark.exists());
}

#[tokio::test]
async fn real_sudo_becomes_another_user_and_can_be_ended() {
    needs_root();
    needs("sudo", "sudo");
    let (sshd, folder) = (Sshd::start(""), tempfile::tempdir().unwrap());
    let bench = bench_of(&sshd, folder.path()).await;
    for mode in MODES {
        let mut attempt = Try::new(mode, "id -un; cat; kill -s SEGV $$");
        attempt.r#become = Some("nobody".to_owned());
        let (outcome, heard) = bench.make(&attempt).await;
        assert_eq!(heard.stdout, b"nobody\n", "{mode:?}");
        assert_eq!(outcome, Outcome::Signalled { signal: "SEGV".to_owned(), by: Signaller::Host }, "{mode:?}");
        (attempt.attempt, attempt.timeout) = (2, Duration::from_millis(500));
        attempt.script = b"echo $$; trap '' TERM HUP INT; while :; do sleep 1; done".to_vec();
        let (outcome, heard) = bench.make(&attempt).await;
        assert_eq!(outcome, Outcome::Signalled { signal: "KILL".to_owned(), by: Signaller::Timeout }, "{mode:?}");
        is_gone(String::from_utf8_lossy(&heard.stdout).trim());
        attempt.r#become = Some("nobody-of-this-name".to_owned());
        attempt.attempt = 3;
        assert!(refusal(&bench.make(&attempt).await.0).contains("sudo does not let us become nobody-of-this-name"), "{mode:?}");
    }
}

/// The process of this id has ended; whether its parent has noticed is none of our business.
fn is_gone(pid: &str) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(!pid.is_empty() && (stat.is_empty() || stat.contains(") Z ")), "{pid:?} lives: {stat}");
}

/// What becomes of a step whose log-in is carried out by this command line, which finds what we ask for in `$SSH_ORIGINAL_COMMAND`.
async fn under_log_in(command: &str) {
    let (sshd, folder) = (Sshd::start(&format!("ForceCommand {command}")), tempfile::tempdir().unwrap());
    let bench = bench_of(&sshd, folder.path()).await;
    for mode in MODES {
        let (outcome, heard) = bench.make(&Try::new(mode, "echo \"it's $((1 + 1))\"; echo err >&2; exit 3")).await;
        let facts = (outcome, heard.stdout, heard.stderr);
        assert_eq!(facts, (Outcome::Exited { code: 3 }, b"it's 2\n".to_vec(), b"err\n".to_vec()), "{mode:?} {command}");
    }
}

/// As sshd runs a log-in shell: `SHELL -c COMMAND`, after files in the home folder that talk.
#[tokio::test]
async fn any_log_in_shell_will_do() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join(".config/fish")).unwrap();
    for file in [".bashrc", ".zshenv", ".cshrc", ".tcshrc", ".config/fish/config.fish"] {
        std::fs::write(home.path().join(file), "echo welcome\nprintf 'no newline'\n").unwrap();
    }
    for (shell, package) in [("bash", "bash"), ("fish", "fish"), ("csh", "tcsh"), ("tcsh", "tcsh"), ("zsh", "zsh")] {
        needs(shell, package);
        under_log_in(&format!("HOME='{}' {shell} -c \"$SSH_ORIGINAL_COMMAND\"", home.path().display())).await;
    }
}

#[tokio::test]
async fn a_host_whose_clock_is_ten_years_off_does_its_work() {
    needs("faketime", "faketime");
    for clock in ["-3650d", "+3650d"] {
        under_log_in(&format!("faketime -f {clock} /bin/sh")).await;
    }
    let (sshd, folder) = (Sshd::start("ForceCommand faketime -f -3650d /bin/sh"), tempfile::tempdir().unwrap());
    let mut attempt = Try::new(Mode::Claim, "sleep 1000");
    attempt.timeout = Duration::from_millis(500);
    let (outcome, _) = bench_of(&sshd, folder.path()).await.make(&attempt).await;
    assert_eq!(outcome, Outcome::Signalled { signal: "TERM".to_owned(), by: Signaller::Timeout });
}

#[tokio::test]
async fn two_names_of_one_machine_each_do_their_work_once() {
    let (sshd, folder) = (Sshd::start(""), tempfile::tempdir().unwrap());
    let (count, spool) = (folder.path().join("count"), folder.path().join("spool"));
    let attempt = Try::new(Mode::Claim, &format!("echo ran >>'{}'; echo out", count.display()));
    let hosts = ["one", "other"].map(|name| target(name, ssh_way(), &spool));
    let hosts = Hosts::new(hosts.to_vec(), Some(sshd.client_config()), Some(attempt.run.clone()));
    let (one, other) = (Bench::new(hosts.clone(), "one").await, Bench::new(hosts, "other").await);
    for _ in 0..2 {
        for (outcome, heard) in [one.make(&attempt).await, other.make(&attempt).await] {
            assert_eq!((outcome, &heard.stdout[..]), (Outcome::Exited { code: 0 }, &b"out\n"[..]));
        }
    }
    assert_eq!(std::fs::read_to_string(count).unwrap(), "ran\nran\n");
}

#[tokio::test]
async fn a_host_behind_a_bastion_is_reached_and_proves_its_own_key() {
    let (bastion, inner, folder) = (Sshd::start(""), Sshd::start(""), tempfile::tempdir().unwrap());
    let dir = bastion.dir().display();
    let files = format!("IdentityFile {dir}/user_key\n  UserKnownHostsFile {dir}/known_hosts");
    inner.write_client(&format!("Host target\n  ProxyJump bastion\nHost bastion\n  Port {}\n  {files}", bastion.port()));
    let bench = bench_of(&inner, folder.path()).await;
    assert_eq!(bench.place.key.0, inner.fingerprint());
    assert!(!bastion.sessions().is_empty(), "it goes through the bastion");
    for mode in MODES {
        assert_eq!(bench.make(&Try::new(mode, "exit 7")).await.0, Outcome::Exited { code: 7 }, "{mode:?}");
    }
    bench.transport.close().await;
    until("the bastion's session ends", || bastion.sessions().is_empty()).await;
    std::fs::write(inner.dir().join("known_hosts"), "").unwrap();
    let hosts = Hosts::new(vec![target("there", ssh_way(), folder.path())], Some(inner.client_config()), None);
    let why = hosts.reach(&"there".parse().unwrap()).await.unwrap_err().why;
    assert!(why.contains("Host key verification failed"), "{why}");
}

#[tokio::test]
async fn connections_that_a_crowded_server_drops_are_made_again() {
    let (sshd, folder) = (Sshd::start("MaxStartups 4:100:4\nLogLevel VERBOSE\n"), tempfile::tempdir().unwrap());
    let names: Vec<String> = (0..16).map(|number| format!("host-{number}")).collect();
    let targets = names.iter().map(|name| target(name, ssh_way(), &folder.path().join("spool"))).collect();
    let hosts = Hosts::new(targets, Some(sshd.client_config()), None);
    for place in join_all(names.iter().map(async |name| hosts.reach(&name.parse().unwrap()).await)).await {
        place.unwrap();
    }
    let log = std::fs::read_to_string(sshd.dir().join("sshd.log")).unwrap();
    assert!(log.contains("MaxStartups"), "nothing was dropped, so that this proves nothing: {log}");
}

#[tokio::test]
async fn a_step_that_prints_nothing_for_ever_is_ended_in_time() {
    let (sshd, folder) = (Sshd::start(""), tempfile::tempdir().unwrap());
    let bench = bench_of(&sshd, folder.path()).await;
    for mode in MODES {
        let pid = folder.path().join(format!("pid-{mode:?}"));
        let mut attempt = Try::new(mode, &format!("echo $$ >'{}'; exec sleep 1000000", pid.display()));
        attempt.timeout = Duration::from_secs(1);
        let begun = Instant::now();
        let (outcome, _) = bench.make(&attempt).await;
        assert_eq!(outcome, Outcome::Signalled { signal: "TERM".to_owned(), by: Signaller::Timeout }, "{mode:?}");
        assert!((1..8).contains(&begun.elapsed().as_secs()), "{mode:?} {:?}", begun.elapsed());
        is_gone(std::fs::read_to_string(pid).unwrap().trim());
    }
}

/// Counts and keeps nothing.
#[derive(Default)]
struct Counted(u64);

impl OutputSink for Counted {
    fn stdout(&mut self, bytes: &[u8]) {
        assert!(bytes.iter().all(|&byte| byte == b'x'));
        self.0 += bytes.len() as u64;
    }

    fn stderr(&mut self, bytes: &[u8]) {
        panic!("{}", String::from_utf8_lossy(bytes));
    }
}

/// The largest memory that this process ever held, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

const GIB: u64 = 1 << 30;

#[tokio::test]
#[ignore = "run in a process of its own by the test after it"]
async fn one_line_of_a_gigabyte() {
    let (sshd, folder) = (Sshd::start(""), tempfile::tempdir().unwrap());
    let bench = bench_of(&sshd, folder.path()).await;
    for mode in MODES {
        let attempt = Try::new(mode, &format!("head -c {GIB} /dev/zero | tr '\\0' x"));
        let (mut counted, begun) = (Counted::default(), Instant::now());
        assert_eq!(bench.give(&attempt, &mut counted).await, Outcome::Exited { code: 0 }, "{mode:?}");
        assert_eq!(counted.0, GIB, "{mode:?}");
        eprintln!("{mode:?}: {:?}, at most {} MiB", begun.elapsed(), peak());
        assert!(peak() < 100, "{mode:?}: {} MiB", peak());
    }
}

#[tokio::test]
async fn a_gigabyte_in_one_line_takes_less_than_a_hundred_megabytes_here() {
    let name = "effects::conformance_hostile::one_line_of_a_gigabyte";
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--ignored", "--nocapture"]).output().await.unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
