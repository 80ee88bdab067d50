//! What a step costs beside a plain `ssh` over an open connection. Measures and prints; run it with `--ignored --nocapture` on a quiet machine.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::conformance::{Bench, Try, target};
use super::conformance_runs::ssh_way;
use super::hosts::Hosts;
use super::sshd::Sshd;
use crate::event::{Mode, Outcome};

const TIMES: u32 = 200;

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test]
#[ignore = "a measurement"]
async fn a_read_step_costs_little_more_than_a_plain_ssh() {
    // Without a home the log-in shell reads no files of the user, which would cost the plain `ssh` much and us nothing.
    let (sshd, folder) = (Sshd::start("SetEnv HOME=/nowhere"), tempfile::tempdir().unwrap());
    let hosts = Hosts::new(vec![target("there", ssh_way(), &folder.path().join("spool"))], Some(sshd.client_config()), None);
    if super::Transport::reach(hosts.as_ref(), &"there".parse().unwrap()).await.is_err() {
        eprintln!("{}", std::fs::read_to_string(sshd.dir().join("sshd.log")).unwrap());
    }
    let bench = Bench::new(hosts, "there").await;
    let socket = folder.path().join("s");
    let ssh = |words: &[&str]| {
        let mut command = tokio::process::Command::new("ssh");
        command.args(["-F", &sshd.client_config(), "-S"]).arg(&socket).args(words).stdin(Stdio::null());
        command
    };
    assert!(ssh(&["-M", "-f", "-N", "target"]).stderr(Stdio::null()).status().await.unwrap().success());
    let (mut plain, mut read, mut claim) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=TIMES {
        let begun = Instant::now();
        assert!(ssh(&["target", "true"]).output().await.unwrap().status.success());
        plain.push(begun.elapsed());
        for (mode, times) in [(Mode::Direct, &mut read), (Mode::Claim, &mut claim)] {
            let mut attempt = Try::new(mode, "true");
            attempt.attempt = number;
            let begun = Instant::now();
            assert_eq!(bench.make(&attempt).await.0, Outcome::Exited { code: 0 });
            times.push(begun.elapsed());
        }
    }
    ssh(&["-O", "exit", "target"]).output().await.unwrap();
    let [plain, read, claim] = [plain, read, claim].map(|mut times| median(&mut times));
    eprintln!("medians of {TIMES}: plain ssh {plain:?}, read step {read:?}, claimed step {claim:?}");
    assert!(read.as_secs_f64() <= 1.3 * plain.as_secs_f64(), "a read step costs more than 1.3 times a plain ssh");
}
