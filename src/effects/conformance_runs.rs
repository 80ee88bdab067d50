//! The conformance body over the real transports: this machine, and OpenSSH to a throw-away server. Touches nothing but temporary folders.

use std::path::Path;

use super::conformance::{Bench, Try, all, target};
use super::hosts::Hosts;
use super::transport::Way;
use crate::effects::sshd::Sshd;
use crate::engine::Begin;
use crate::event::{Mode, Outcome};

pub(super) fn ssh_way() -> Way {
    Way::Ssh { address: "target".to_owned(), port: None, user: None }
}

#[tokio::test]
async fn this_machine_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = Hosts::new(vec![target("here", Way::Local, &folder.path().join("spool"))], None, None);
    all(&Bench::new(hosts, "here").await, folder.path()).await;
}

async fn conforms_under(shell: &'static [&'static str]) {
    let folder = tempfile::tempdir().unwrap();
    let hosts = Hosts::with_shell(target("here", Way::Local, &folder.path().join("spool")), shell);
    all(&Bench::new(hosts, "here").await, folder.path()).await;
}

#[tokio::test]
async fn dash_conforms() {
    conforms_under(&["dash"]).await;
}

#[tokio::test]
async fn bash_conforms() {
    conforms_under(&["bash"]).await;
}

#[tokio::test]
async fn busybox_ash_conforms() {
    conforms_under(&["busybox", "ash"]).await;
}

#[tokio::test]
async fn ssh_conforms() {
    let (sshd, folder) = (Sshd::start(""), tempfile::tempdir().unwrap());
    let hosts = Hosts::new(vec![target("there", ssh_way(), &folder.path().join("spool"))], Some(sshd.client_config()), None);
    let bench = Bench::new(hosts, "there").await;
    assert_eq!(bench.place.key.0, sshd.fingerprint());
    assert!(bench.place.login.ends_with(&format!("@127.0.0.1:{}", sshd.port())), "{}", bench.place.login);
    all(&bench, folder.path()).await;
}

/// A runner reaches the host, records that it starts an attempt, and dies; another one resumes.
async fn after_a_death_before_the_claim(way: Way, config: Option<String>, between: impl FnOnce(&Path)) -> (Outcome, String) {
    let folder = tempfile::tempdir().unwrap();
    let (spool, count) = (folder.path().join("spool"), folder.path().join("count"));
    let mut attempt = Try::new(Mode::Claim, &format!("echo ran >>'{}'; exit 3", count.display()));
    let hosts = |run| Hosts::new(vec![target("host", way.clone(), &spool)], config.clone(), run);
    let reached = Bench::new(hosts(Some(attempt.run.clone())), "host").await;
    reached.transport.close().await;
    between(&spool.join(attempt.run.as_str()));
    (attempt.begin, attempt.epoch) = (Begin::Reattach, 2);
    // The engine reaches no host again that the record knows: nothing marks it a second time.
    let resumed = Bench { transport: hosts(Some(attempt.run.clone())), ..reached };
    let (first, _) = resumed.make(&attempt).await;
    assert_eq!(resumed.make(&attempt).await.0, first, "whoever asks again is told the same");
    (first, std::fs::read_to_string(&count).unwrap_or_default())
}

#[tokio::test]
async fn a_runner_that_died_before_the_first_claim_needs_no_person() {
    let sshd = Sshd::start("");
    for (way, config) in [(Way::Local, None), (ssh_way(), Some(sshd.client_config()))] {
        let (outcome, ran) = after_a_death_before_the_claim(way, config, |run| assert!(run.join("reached.host").is_file())).await;
        assert_eq!((outcome, ran.as_str()), (Outcome::Exited { code: 3 }, "ran\n"));
    }
}

#[tokio::test]
async fn a_host_whose_spool_was_lost_since_it_was_reached_proves_nothing() {
    for remade in [false, true] {
        let (outcome, ran) = after_a_death_before_the_claim(Way::Local, None, |run| {
            std::fs::remove_dir_all(run).unwrap();
            if remade {
                std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(run).unwrap();
            }
        })
        .await;
        assert!(matches!(outcome, Outcome::Unknown { .. }) && ran.is_empty(), "{outcome:?} {ran}");
    }
}

#[tokio::test]
async fn a_host_is_not_marked_once_something_was_sent_to_it_nor_for_a_run_that_reads() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let attempt = Try::new(Mode::Claim, "true");
    let hosts = |run| Hosts::new(vec![target("here", Way::Local, &spool)], None, run);
    let reader = Bench::new(hosts(None), "here").await;
    assert!(!spool.exists());
    let runner = Bench { transport: hosts(Some(attempt.run.clone())), ..reader };
    assert_eq!(runner.make(&attempt).await.0, Outcome::Exited { code: 0 });
    runner.transport.reach(&runner.host).await.unwrap();
    assert!(spool.join(attempt.run.as_str()).is_dir() && !spool.join(attempt.run.as_str()).join("reached.here").exists());
}

#[tokio::test]
async fn a_host_that_cannot_be_marked_is_reached_and_says_at_the_start_why_nothing_starts() {
    let run = Try::new(Mode::Claim, "true");
    let hosts = Hosts::new(vec![target("here", Way::Local, Path::new("/proc/nowhere"))], None, Some(run.run.clone()));
    let (outcome, _) = Bench::new(hosts, "here").await.make(&run).await;
    assert!(matches!(&outcome, Outcome::NeverStarted { why, .. } if why.contains("cannot be made or entered")), "{outcome:?}");
}
