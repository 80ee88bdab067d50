//! What the OpenSSH transport must survive, over a throw-away server: killed masters, killed sessions, silence, cuts, and hostile spools.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::conformance::{Bench, Heard, Try, target, until};
use super::conformance_runs::ssh_way;
use super::hosts::Hosts;
use super::local::LocalRoad;
use super::pipe::Road;
use super::sshd::{Sshd, children, signal};
use super::station::{Answer, Station};
use super::transport::{StopLevel, Way};
use crate::base::Digest;
use crate::event::{Mode, NotStarted, Outcome, Signaller};

/// Half of a step's output comes before the file `go` appears, the other half after.
fn halves(folder: &Path) -> String {
    let (count, go) = (folder.join("count"), folder.join("go"));
    format!(
        "echo ran >>'{}'; printf first; printf e1 >&2; while [ ! -e '{}' ]; do sleep 0.05; done; printf second; printf e2 >&2; exit 5",
        count.display(),
        go.display()
    )
}

fn ran(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("count")).unwrap_or_default()
}

async fn bench_of(sshd: &Sshd, folder: &Path) -> Bench {
    let hosts = Hosts::new(vec![target("there", ssh_way(), &folder.join("spool"))], Some(sshd.client_config()), None);
    Bench::new(hosts, "there").await
}

/// Runs the two halves, does something in between, and expects that nobody can tell.
async fn survives(sshd: &Sshd, fault: impl AsyncFnOnce()) {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench_of(sshd, folder.path()).await;
    let (grown, mut growth) = watch::channel(0);
    let (_level, stop) = watch::channel(StopLevel::GoOn);
    let attempt = Try::new(Mode::Claim, &halves(folder.path()));
    let heard = Heard { grown: Some(grown), ..Heard::default() };
    let faulty = async {
        growth.wait_for(|bytes| *bytes >= 7).await.unwrap();
        fault().await;
        std::fs::write(folder.path().join("go"), "").unwrap();
    };
    let ((outcome, heard), ()) = tokio::join!(bench.make_with(&attempt, heard, stop), faulty);
    assert_eq!(outcome, Outcome::Exited { code: 5 });
    assert_eq!((&heard.stdout[..], &heard.stderr[..]), (&b"firstsecond"[..], &b"e1e2"[..]));
    assert_eq!(ran(folder.path()), "ran\n");
}

/// The `ssh` processes that this test process owns and that lead to this server.
fn masters(sshd: &Sshd) -> Vec<u32> {
    let ours = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().contains(&sshd.client_config());
    children(std::process::id(), "sh").into_iter().flat_map(|keeper| children(keeper, "ssh")).filter(ours).collect()
}

#[tokio::test]
async fn a_killed_master_is_replaced_and_nothing_is_heard_twice() {
    let sshd = Sshd::start("");
    survives(&sshd, async || {
        let masters = masters(&sshd);
        assert_eq!(masters.len(), 1);
        signal(masters[0], "KILL");
    })
    .await;
}

#[tokio::test]
async fn a_killed_session_of_the_server_is_replaced_and_nothing_is_heard_twice() {
    let sshd = Sshd::start("");
    survives(&sshd, async || {
        let sessions = sshd.sessions();
        assert!(!sessions.is_empty());
        sessions.into_iter().for_each(|pid| signal(pid, "KILL"));
    })
    .await;
}

#[tokio::test]
async fn a_silent_server_is_left_for_a_new_connection() {
    let sshd = Sshd::start("");
    sshd.write_client("ServerAliveInterval 1\nServerAliveCountMax 2");
    let mut stopped = Vec::new();
    survives(&sshd, async || {
        stopped = sshd.sessions();
        stopped.iter().for_each(|pid| signal(*pid, "STOP"));
    })
    .await;
    stopped.into_iter().for_each(|pid| signal(pid, "KILL"));
}

#[tokio::test]
async fn a_master_ends_when_its_runner_lets_go() {
    let (sshd, folder) = (Sshd::start(""), tempfile::tempdir().unwrap());
    let bench = bench_of(&sshd, folder.path()).await;
    let masters = masters(&sshd);
    assert_eq!(masters.len(), 1);
    bench.transport.close().await;
    until("the master ends", || !Path::new(&format!("/proc/{}", masters[0])).exists()).await;
}

/// Passes bytes on to a server; the first connection is cut once the client has sent this many.
async fn cutting_proxy(server: u16, mut budget: Option<usize>) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
            tokio::spawn(relay(client, server, budget.take()));
        }
    });
    (port, proxy)
}

async fn relay(client: TcpStream, server: TcpStream, budget: Option<usize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    match budget {
        None => drop(tokio::io::copy(&mut from_client, &mut to_server).await),
        Some(budget) => {
            let mut limited = tokio::io::AsyncReadExt::take(&mut from_client, budget as u64);
            drop(tokio::io::copy(&mut limited, &mut to_server).await);
            back.abort();
        }
    }
    // The other end may be gone already.
    let _ = to_server.shutdown().await;
}

#[tokio::test]
async fn a_cut_anywhere_neither_loses_nor_doubles_a_step() {
    let sshd = Sshd::start("");
    // From within the log-in, through the claim script and the request, to behind the last byte that is sent.
    for cut in (1_500..21_500).step_by(800) {
        let folder = tempfile::tempdir().unwrap();
        let (port, proxy) = cutting_proxy(sshd.port(), Some(cut)).await;
        sshd.write_client(&format!("Host target\n  Port {port}"));
        let hosts = Hosts::new(vec![target("there", ssh_way(), &folder.path().join("spool"))], Some(sshd.client_config()), None);
        // The cut may hit the log-in itself: the second connection is whole.
        let host = "there".parse().unwrap();
        let place = match super::Transport::reach(hosts.as_ref(), &host).await {
            Ok(place) => place,
            Err(_) => super::Transport::reach(hosts.as_ref(), &host).await.unwrap(),
        };
        let bench = Bench { transport: hosts, host, place };
        let script = format!("echo ran >>'{}'; echo out; exit 4", folder.path().join("count").display());
        let (outcome, heard) = bench.make(&Try::new(Mode::Claim, &script)).await;
        let facts = (outcome, String::from_utf8_lossy(&heard.stdout).into_owned(), ran(folder.path()));
        if let (Outcome::NeverStarted { .. }, stdout, ran) = &facts {
            assert_eq!((stdout.as_str(), ran.as_str()), ("", ""), "cut after {cut}");
        } else {
            assert_eq!(facts, (Outcome::Exited { code: 4 }, "out\n".to_owned(), "ran\n".to_owned()), "cut after {cut}");
        }
        bench.transport.close().await;
        proxy.abort();
    }
}

#[tokio::test]
async fn one_session_a_connection_is_enough() {
    let (sshd, folder) = (Sshd::start("MaxSessions 1"), tempfile::tempdir().unwrap());
    let bench = bench_of(&sshd, folder.path()).await;
    for mode in [Mode::Claim, Mode::Direct, Mode::Claim] {
        assert_eq!(bench.make(&Try::new(mode, "exit 9")).await.0, Outcome::Exited { code: 9 }, "{mode:?}");
    }
    for mode in [Mode::Claim, Mode::Direct] {
        let mark = folder.path().join(format!("mark-{mode:?}"));
        let attempt = Try::new(mode, &format!("touch '{}'; sleep 1000", mark.display()));
        let (level, stop) = watch::channel(StopLevel::GoOn);
        let stopper = async {
            until("the step runs", || mark.exists()).await;
            level.send_replace(StopLevel::Kill);
        };
        let ((outcome, _), ()) = tokio::join!(bench.make_with(&attempt, Heard::default(), stop), stopper);
        assert_eq!(outcome, Outcome::Signalled { signal: "TERM".to_owned(), by: Signaller::Stop }, "{mode:?}");
    }
}

#[tokio::test]
async fn a_host_key_that_changed_is_refused() {
    let (mut sshd, folder) = (Sshd::start(""), tempfile::tempdir().unwrap());
    let bench = bench_of(&sshd, folder.path()).await;
    sshd.change_host_key();
    for mode in [Mode::Claim, Mode::Direct] {
        let (outcome, _) = bench.make(&Try::new(mode, "true")).await;
        assert!(matches!(outcome, Outcome::NeverStarted { cause: NotStarted::Refused, .. }), "{mode:?} {outcome:?}");
    }
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_says_the_true_cause() {
    let sshd = Sshd::start("");
    let reach = async |config: &str| {
        sshd.write_client(config);
        let hosts = Hosts::new(vec![target("there", ssh_way(), Path::new("/nowhere"))], Some(sshd.client_config()), None);
        super::Transport::reach(hosts.as_ref(), &"there".parse().unwrap()).await.unwrap_err().why
    };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(reach(&format!("Port {closed}")).await.contains("Connection refused"));
    assert!(reach("UserKnownHostsFile /dev/null").await.contains("Host key verification failed"));
    assert!(reach("IdentityFile /dev/null\nIdentityAgent none\nPubkeyAuthentication no").await.contains("Permission denied"));
}

#[tokio::test]
async fn an_address_is_never_taken_for_an_option() {
    let (sshd, folder) = (Sshd::start(""), tempfile::tempdir().unwrap());
    let mark = folder.path().join("mark");
    let address = format!("-oProxyCommand=touch {}", mark.display());
    let way = Way::Ssh { address, port: None, user: None };
    let hosts = Hosts::new(vec![target("there", way, folder.path())], Some(sshd.client_config()), None);
    assert!(super::Transport::reach(hosts.as_ref(), &"there".parse().unwrap()).await.is_err());
    assert!(!mark.exists());
}

/// Runs on this machine with a spool that something is wrong with.
async fn refused(spool: &Path, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let hosts = Hosts::new(vec![target("here", Way::Local, spool)], None, None);
    let bench = Bench::new(hosts, "here").await;
    let (outcome, _) = bench.make(&Try::new(Mode::Claim, &format!("touch '{}'", mark.display()))).await;
    match outcome {
        Outcome::NeverStarted { cause: NotStarted::Refused, why } => assert!(why.contains(expected), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(!mark.exists());
}

#[tokio::test]
async fn a_spool_that_is_not_ours_alone_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (link, open) = (folder.path().join("link"), folder.path().join("open"));
    std::fs::create_dir_all(folder.path().join("real")).unwrap();
    symlink(folder.path().join("real"), &link).unwrap();
    refused(&link, "a link leads to the spool").await;
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    refused(&open, "is not ours alone").await;
    refused(Path::new("/proc/nowhere"), "cannot be made or entered").await;
}

/// A file system of this size and these options on a folder, until it is dropped.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(options: &str) -> Self {
        assert!(rustix::process::geteuid().is_root(), "this test mounts a file system, for which it must be run as root");
        let folder = tempfile::tempdir().unwrap();
        let mount = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder.path()).status();
        assert!(mount.unwrap().success(), "tmpfs cannot be mounted here");
        Self(folder)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nothing more can be done about a folder that is still in use.
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_spool_that_is_full_starts_nothing_and_one_that_fills_up_keeps_the_end() {
    let mounted = Mounted::new("size=256k,mode=0700");
    let spool = mounted.0.path();
    let hosts = Hosts::new(vec![target("here", Way::Local, spool)], None, None);
    let bench = Bench::new(hosts, "here").await;
    let (outcome, heard) = bench.make(&Try::new(Mode::Claim, "head -c 1000000 /dev/zero 2>/dev/null; exit 6")).await;
    assert_eq!(outcome, Outcome::Exited { code: 6 }, "the end has room");
    assert!(!heard.stdout.is_empty() && heard.stdout.len() < 262_144);
    refused(spool, "spool").await;
    refused(Mounted::new("size=64k,mode=0700,ro").0.path(), "spool").await;
}

/// What becomes of a step where the log-in does this first.
async fn after_log_in(command: &str) -> [Outcome; 2] {
    let (sshd, folder) = (Sshd::start(&format!("ForceCommand {command}")), tempfile::tempdir().unwrap());
    let bench = bench_of(&sshd, folder.path()).await;
    [bench.make(&Try::new(Mode::Claim, "exit 3")).await.0, bench.make(&Try::new(Mode::Direct, "exit 3")).await.0]
}

#[tokio::test]
async fn a_noisy_log_in_changes_nothing() {
    let noise = "echo welcome; printf 'no newline'; echo welcome >&2; printf 'no newline' >&2; exec /bin/sh";
    assert_eq!(after_log_in(noise).await, [Outcome::Exited { code: 3 }, Outcome::Exited { code: 3 }]);
}

#[tokio::test]
async fn a_log_in_that_runs_no_shell_starts_nothing_and_is_quoted() {
    for outcome in after_log_in("echo This account is currently not available.; exit 1").await {
        match outcome {
            Outcome::NeverStarted { cause: NotStarted::Refused, why } => assert!(why.contains("currently not available"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

/// The claim of the only attempt in a spool: its file, and its words (folder, supervisor, …, boot id, …).
fn claim_of(spool: &Path, attempt: &Try) -> (std::path::PathBuf, Vec<String>) {
    let file = spool.join(attempt.run.as_str()).join("step+here.main.1.claim");
    let words = std::fs::read_to_string(&file).unwrap_or_default();
    (file, words.split_whitespace().map(str::to_owned).collect())
}

#[tokio::test]
async fn a_claim_whose_supervisor_died_without_an_end_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, mark) = (folder.path().join("spool"), folder.path().join("mark"));
    let bench = Bench::new(Hosts::new(vec![target("here", Way::Local, &spool)], None, None), "here").await;
    let attempt = Try::new(Mode::Claim, &format!("echo $$ >'{0}.new'; mv '{0}.new' '{0}'; sleep 1000", mark.display()));
    let killer = async {
        until("the step runs", || mark.exists()).await;
        signal(claim_of(&spool, &attempt).1[1].parse().unwrap(), "KILL");
    };
    let ((outcome, _), ()) = tokio::join!(bench.make(&attempt), killer);
    assert!(matches!(&outcome, Outcome::Unknown { why } if why.contains("supervisor is dead")), "{outcome:?}");
    let step = std::fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
    children(step, "sleep").into_iter().chain([step]).for_each(|pid| signal(pid, "KILL"));
}

#[tokio::test]
async fn a_claim_from_before_a_restart_of_the_host_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let bench = Bench::new(Hosts::new(vec![target("here", Way::Local, &spool)], None, None), "here").await;
    let mut attempt = Try::new(Mode::Claim, "true");
    assert_eq!(bench.make(&attempt).await.0, Outcome::Exited { code: 0 });
    let (file, words) = claim_of(&spool, &attempt);
    std::fs::write(file.with_file_name(format!("{}.end", words[0])), format!("{:126}.\n", "")).unwrap();
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace(&words[3], "another-boot")).unwrap();
    attempt.begin = crate::engine::Begin::Reattach;
    let (outcome, _) = bench.make(&attempt).await;
    assert!(matches!(&outcome, Outcome::Unknown { why } if why.contains("restarted")), "{outcome:?}");
}

#[tokio::test]
async fn a_script_that_was_changed_on_its_way_never_starts() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, mark) = (folder.path().join("spool"), folder.path().join("mark"));
    let mut station = Station::open(LocalRoad::default().shell().await.unwrap(), "here").await.unwrap();
    let (sent, arrived) = (format!("touch '{}' ", mark.display()), format!("touch '{}';", mark.display()));
    let sum = Digest::of(sent.as_bytes());
    let run = Try::new(Mode::Claim, "").run;
    let request = format!("start {run} here 1 step.main.1 {} {sum} sh - 5 10 0 0 start\n{}\n{arrived}", sent.len(), spool.display());
    station.send("n1", request.as_bytes()).await.unwrap();
    match station.answer("n1").await.unwrap() {
        Answer::Refused(why) => assert!(why.contains("did not arrive as it was sent"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(!mark.exists());
}

/// A shell that finds a program of this name and text before the real one.
pub(super) fn stand_in(folder: &Path, name: &str, text: &str) -> &'static [&'static str] {
    let program = folder.join(name);
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("PATH={}:{}", folder.display(), std::env::var("PATH").unwrap());
    Box::leak(Box::new(["env", String::leak(path), "/bin/sh"]))
}

/// It becomes the user, and nothing else, so that these tests do not depend on a machine's real `sudo`.
pub(super) const SUDO: &str = r#"#!/bin/sh
[ "$1 $2 $4" = '-n -u --' ] || exit 1
user=$3; shift 4
exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- "$@"
"#;

/// The names of the files in the runs' folders of a spool.
fn walk(spool: &Path) -> impl Iterator<Item = String> {
    let runs = std::fs::read_dir(spool).unwrap().map(|run| run.unwrap().path());
    runs.flat_map(|run| std::fs::read_dir(run).unwrap()).map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
}

#[tokio::test]
async fn a_supervisor_that_dies_before_the_claim_started_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shell = stand_in(folder.path(), "ln", "#!/bin/sh\nkill -s KILL $PPID\n");
    let bench = Bench::new(Hosts::with_shell(target("here", Way::Local, &folder.path().join("spool")), shell), "here").await;
    let (outcome, _) = bench.make(&Try::new(Mode::Claim, &format!("echo ran >>'{}'", folder.path().join("count").display()))).await;
    assert!(matches!(&outcome, Outcome::NeverStarted { why, .. } if why.contains("supervisor died")), "{outcome:?}");
    let left: Vec<_> = walk(&folder.path().join("spool")).filter(|name| name.contains("script")).collect();
    assert!(left.is_empty(), "what never started leaves no script behind: {left:?}");
    assert_eq!(ran(folder.path()), "");
}

#[tokio::test]
async fn a_claim_that_cannot_be_read_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let attempt = Try::new(Mode::Claim, "true");
    let hosts = Hosts::new(vec![target("here", Way::Local, &spool)], None, Some(attempt.run.clone()));
    let bench = Bench::new(hosts, "here").await;
    std::fs::write(claim_of(&spool, &attempt).0, "").unwrap();
    let (outcome, _) = bench.make(&attempt).await;
    assert!(matches!(&outcome, Outcome::Unknown { why } if why.contains("cannot be read")), "{outcome:?}");
}

#[tokio::test]
async fn a_step_becomes_another_user_who_cannot_read_the_spool_and_can_be_ended() {
    assert!(rustix::process::geteuid().is_root(), "this test becomes another user, for which it must be run as root");
    let folder = tempfile::tempdir().unwrap();
    let shell = stand_in(folder.path(), "sudo", SUDO);
    let bench = Bench::new(Hosts::with_shell(target("here", Way::Local, &folder.path().join("spool")), shell), "here").await;
    for mode in [Mode::Claim, Mode::Direct] {
        let mut attempt = Try::new(mode, "id -un; cat; exit 3");
        attempt.r#become = Some("nobody".to_owned());
        let (outcome, heard) = bench.make(&attempt).await;
        assert_eq!((outcome, heard.stdout), (Outcome::Exited { code: 3 }, b"nobody\n".to_vec()), "{mode:?}");
        attempt.script = b"trap '' TERM; while :; do sleep 1; done".to_vec();
        (attempt.attempt, attempt.timeout) = (2, Duration::from_millis(300));
        let (outcome, _) = bench.make(&attempt).await;
        assert_eq!(outcome, Outcome::Signalled { signal: "KILL".to_owned(), by: Signaller::Timeout }, "{mode:?}");
    }
}

#[tokio::test]
async fn a_step_that_becomes_somebody_without_sudo_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = Hosts::new(vec![target("here", Way::Local, &folder.path().join("spool"))], None, None);
    let bench = Bench::new(hosts, "here").await;
    for mode in [Mode::Claim, Mode::Direct] {
        let mut attempt = Try::new(mode, "id -un");
        attempt.r#become = Some("nobody-of-this-name".to_owned());
        let (outcome, heard) = bench.make(&attempt).await;
        assert!(heard.stdout.is_empty());
        match outcome {
            Outcome::NeverStarted { cause: NotStarted::Refused, why } => assert!(why.contains("sudo"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}
