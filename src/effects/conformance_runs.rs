//! The conformance body over the real transports: this machine, and OpenSSH to a throw-away server. Touches nothing but temporary folders.

use super::conformance::{Bench, all, target};
use super::hosts::Hosts;
use super::transport::Way;
use crate::effects::sshd::Sshd;

pub(super) fn ssh_way() -> Way {
    Way::Ssh { address: "target".to_owned(), port: None, user: None }
}

#[tokio::test]
async fn this_machine_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let hosts = Hosts::new(vec![target("here", Way::Local, &folder.path().join("spool"))], None);
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
    let hosts = Hosts::new(vec![target("there", ssh_way(), &folder.path().join("spool"))], Some(sshd.client_config()));
    let bench = Bench::new(hosts, "there").await;
    assert_eq!(bench.place.key.0, sshd.fingerprint());
    assert!(bench.place.login.ends_with(&format!("@127.0.0.1:{}", sshd.port())), "{}", bench.place.login);
    all(&bench, folder.path()).await;
}
