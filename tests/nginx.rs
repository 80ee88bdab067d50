//! The shipped `rolling-restart` over a real sshd, on a real nginx that stands for three web servers: one restart after another, and none after
//! one that does not come back. `systemctl` under `sudo` is the test's own. Needs root, for a mount namespace, and Debian's package nginx-light.

#[path = "support/lab.rs"]
#[allow(dead_code)] // each test file uses its part of it
mod lab;

use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use lab::sshd::{Sshd, signal};
use lab::{Lab, until};
use serde_json::Value;

/// A throw-away nginx below a team's folder, ended, by process id, when it is dropped.
struct Nginx<'a> {
    lab: &'a Lab,
    port: u16,
}

impl<'a> Nginx<'a> {
    fn start(lab: &'a Lab) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let nginx = Self { lab, port };
        nginx.configure("location /health { return 200 well; }");
        let started = Command::new("nginx").args(["-p", nginx.home().as_str(), "-c", "nginx.conf"]).status();
        assert!(started.is_ok_and(|status| status.success()), "this test needs nginx: install nginx-light");
        until("nginx to answer", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        nginx
    }

    fn home(&self) -> String {
        format!("{}/", self.lab.dir.path().display())
    }

    fn configure(&self, within: &str) {
        let home = self.home();
        let text = format!(
            "pid nginx.pid;\nerror_log nginx.log;\nworker_processes 1;\nevents {{}}\nhttp {{\n  access_log off;\n  client_body_temp_path {home}body;\n  \
             proxy_temp_path {home}proxy;\n  fastcgi_temp_path {home}fastcgi;\n  uwsgi_temp_path {home}uwsgi;\n  scgi_temp_path {home}scgi;\n  \
             server {{\n    listen 127.0.0.1:{};\n    {within}\n  }}\n}}\n",
            self.port
        );
        self.lab.write("nginx.conf", &text);
    }

    /// The master processes that it was restarted to, in turn.
    fn restarts(&self) -> Vec<String> {
        self.lab.read("restarts").lines().map(str::to_owned).collect()
    }
}

impl Drop for Nginx<'_> {
    fn drop(&mut self) {
        if let Ok(master) = self.lab.read("nginx.pid").trim().parse() {
            signal(master, "TERM");
        }
    }
}

fn lab() -> Lab {
    let lab = Lab::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/rolling-restart.yaml");
    fs::copy(shipped, lab.path("runbooks/rolling-restart.yaml")).unwrap();
    let at = lab.dir.path().display();
    let restart = format!(
        "master=$(cat {at}/nginx.pid) && kill -s QUIT $master && until ! [ -e /proc/$master ] || grep -q '^State:.Z' /proc/$master/status; do :; done\n\
         nginx -p {at}/ -c nginx.conf && until [ -s {at}/nginx.pid ]; do :; done && cat {at}/nginx.pid >>{at}/restarts"
    );
    lab.program("sbin/systemctl", &restart);
    let sshd = Sshd::start_seeing("MaxSessions 50\nSetEnv SHLVL=2", lab.path("sbin"), "/usr/local/sbin");
    let lab = lab.behind(sshd, &["web-1", "web-2", "web-3"], "production");
    lab.write("runbooks/team/inventory.yaml", &lab.read("runbooks/team/inventory.yaml").replace("all-of-them", "web"));
    lab
}

fn start(lab: &Lab, nginx: &Nginx<'_>) -> Child {
    let port = format!("port={}", nginx.port);
    lab.start_exec(&["rolling-restart", "-p", &port, "-p", "watch=1s", "-p", "within=5s", "--output", "json"])
}

/// Lets the canary pass, and waits for the gate of the others.
fn canary_is_back(lab: &Lab, exec: &mut Child) -> lab::Waiting {
    let canary = lab.gate(exec);
    assert!(lab.approve("bob", &canary).status.success());
    lab.next_gate(exec, &[&canary.check])
}

#[test]
fn each_server_is_restarted_once_the_canary_first() {
    let lab = lab();
    let nginx = Nginx::start(&lab);
    let mut exec = start(&lab, &nginx);
    let others = canary_is_back(&lab, &mut exec);
    assert_eq!(nginx.restarts().len(), 1, "nobody but the canary before its gate");
    assert!(lab.approve("bob", &others).status.success());
    assert_eq!(lab.finish(&mut exec), 0, "{}", lab.said());
    let masters = nginx.restarts();
    let each: std::collections::BTreeSet<&String> = masters.iter().collect();
    assert_eq!((masters.len(), each.len()), (3, 3), "{masters:?}");
    assert_eq!(Some(lab.read("nginx.pid").trim()), masters.last().map(String::as_str));
    let (ours, theirs, said) = lab.verify();
    assert_eq!((ours, theirs), (0, 0), "{said}");
}

#[test]
fn a_server_that_does_not_come_back_is_the_last_that_was_restarted() {
    let lab = lab();
    let nginx = Nginx::start(&lab);
    let mut exec = start(&lab, &nginx);
    let others = canary_is_back(&lab, &mut exec);
    nginx.configure("location /health { return 503; }");
    assert!(lab.approve("bob", &others).status.success());
    assert_eq!(lab.finish(&mut exec), 1, "{}", lab.said());
    assert_eq!(nginx.restarts().len(), 2, "the canary, and the one that did not come back");
    let result: Value = serde_json::from_str(&lab.read("exec.out")).unwrap_or_else(|error| panic!("{error}: {}", lab.said()));
    let of = |step: &str, host: &str| {
        let steps = result["steps"].as_array().unwrap();
        let hosts = steps.iter().filter(|known| known["id"].as_str().is_some_and(|id| id.starts_with(step)));
        hosts.flat_map(|known| known["hosts"].as_array().unwrap().clone()).find(|known| known["host"] == host).unwrap()["result"].clone()
    };
    assert_eq!((of("restart-it", "web-2"), of("it-answers", "web-2")), ("ok".into(), "failed".into()), "{result}");
    assert_eq!((of("restart-it", "web-3"), of("it-answers", "web-3")), ("not_started".into(), "not_started".into()), "{result}");
}
