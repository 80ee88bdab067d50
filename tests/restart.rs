//! `reboot:` over a real sshd: its sessions see a boot id of their own and find a `reboot` that only writes down that it was asked for. The
//! test is the machine: it ends the server and starts it anew. Needs root, for a mount namespace; without it, simulated hosts stand alone.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use lab::sshd::{Sshd, user};
use lab::{Lab, shown, until};

const FIRST: &str = "11111111-1111-4111-8111-111111111111\n";
const SECOND: &str = "22222222-2222-4222-8222-222222222222\n";

/// A team with a host that can be restarted; `None` where this machine does not let us.
fn lab(timeout: &str) -> Option<Lab> {
    let may = std::process::Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success());
    if user() != "root" || !may {
        eprintln!("left out: only root may give a server a boot id of its own");
        return None;
    }
    let lab = Lab::new();
    for name in ["reboot", "systemctl", "shutdown"] {
        lab.program(&format!("bin/{name}"), &format!("echo \"{name} $*\" >>{}", lab.path("asked").display()));
    }
    lab.write("boot_id", FIRST);
    let options = format!("MaxSessions 50\nSetEnv SHLVL=2 PATH={}:/usr/bin:/bin:/usr/sbin:/sbin", lab.path("bin").display());
    let sshd = Sshd::start_seeing(&options, lab.path("boot_id"), "/proc/sys/kernel/random/boot_id");
    let lab = lab.behind(sshd, &["db-1"], "staging");
    lab.runbook(
        "anew",
        &format!(
            "steps:\n  - {{name: Anew, hosts: db-1, reboot: true, timeout: {timeout}}}\n  - {{name: Look, hosts: db-1, check: uptime, timeout: 20s}}\n"
        ),
    );
    Some(lab)
}

fn asked(lab: &Lab) -> Option<String> {
    Some(lab.read("asked")).filter(|asked| asked.ends_with('\n'))
}

/// The machine goes down and comes up again.
fn restart(lab: &mut Lab) {
    let sshd = lab.sshd.as_mut().unwrap();
    sshd.stop();
    std::fs::write(lab.dir.path().join("boot_id"), SECOND).unwrap();
    lab.sshd.as_mut().unwrap().start_anew();
}

#[test]
fn a_host_is_restarted_and_waited_for() {
    let Some(mut lab) = lab("1m") else { return };
    let mut exec = lab.start_exec(&["anew"]);
    until("the wish for a restart", || asked(&lab));
    restart(&mut lab);
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    assert!(lab.said().contains("Wait until it has started anew"), "{}", lab.said());
    assert_eq!(asked(&lab).unwrap().lines().count(), 1);
    let (ours, theirs, words) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{words}");
}

#[test]
fn a_runner_that_died_does_not_ask_for_a_second_restart() {
    let Some(mut lab) = lab("1m") else { return };
    let mut exec = lab.start_exec(&["anew"]);
    until("the wish for a restart", || asked(&lab));
    exec.kill().unwrap();
    exec.wait().unwrap();
    restart(&mut lab);
    let resumed = lab.run_as("alice", &["resume", "latest"]);
    assert!(resumed.status.success(), "{}", shown(&resumed));
    assert_eq!(asked(&lab).unwrap().lines().count(), 1, "asked once");
    let (ours, theirs, words) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{words}");
}

#[test]
fn a_host_that_does_not_restart_fails_the_step_with_a_sentence() {
    let Some(lab) = lab("3s") else { return };
    let output = shown(&lab.run_as("alice", &["exec", "anew"]));
    assert!(output.contains("it has not come back from a restart within 3s; the last look: exit status 1"), "{output}");
    assert!(output.contains("it has not been restarted yet: 11111111"), "{output}");
}

#[test]
fn a_dry_run_and_a_plan_restart_nothing() {
    let Some(lab) = lab("3s") else { return };
    let plan = shown(&lab.run_as("alice", &["plan", "anew"]));
    assert!(plan.contains("restarts the host, once") && plan.contains("looks again and again"), "{plan}");
    let dry = shown(&lab.run_as("alice", &["exec", "anew", "--dry-run"]));
    assert!(dry.contains("its present start of the system is 11111111") && dry.contains("would wait"), "{dry}");
    assert!(!lab.path("asked").exists());
    lab.runbook("here", "steps:\n  - {name: Here, hosts: local, reboot: true, timeout: 3s}\n");
    let inventory = format!("{}  local: {{connection: local, environment: staging}}\n", lab.read("runbooks/team/inventory.yaml"));
    lab.write("runbooks/team/inventory.yaml", &inventory);
    let refused = shown(&lab.run_as("alice", &["plan", "here"]));
    assert!(refused.contains("local is this machine: the run would end with it"), "{refused}");
}
