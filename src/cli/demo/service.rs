//! The patient: a small service in POSIX sh that writes a heartbeat and answers requests put as files. Never listens on a network.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::scene::{Scene, cannot};
use crate::cli::failure::Failure;

/// How long the service may take until it answers for the first time: a loaded machine starts a shell in less.
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// How often to look.
const EVERY: Duration = Duration::from_millis(100);

/// The service itself.
const SERVICE: &str = r#"#!/bin/sh
# A small service: writes a heartbeat, and answers each request that lies in requests/ as a file.
cd "$(dirname "$0")" || exit 1
echo $$ >pid
while :; do
  date >heartbeat
  for ask in requests/*.ask; do
    [ -e "$ask" ] || continue
    { printf 'served '; cat "$ask"; } >"$ask.new" && mv "$ask.new" "${ask%.ask}.answer"
    rm -f "$ask"
  done
  sleep 0.2 2>/dev/null || sleep 1
done
"#;

/// What an operator types.
const CONTROL: &str = r#"#!/bin/sh
# control ask WORD: asks the service and prints its answer; fails when none comes.   control restart: ends it and starts it anew.
cd "$(dirname "$0")" || exit 1
pause() { sleep 0.1 2>/dev/null || sleep 1; }

ask() {
  echo "$1" >"requests/$$.new" && mv "requests/$$.new" "requests/$$.ask"
  left=20
  until [ -e "requests/$$.answer" ]; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then rm -f "requests/$$.ask"; echo 'no answer' >&2; exit 1; fi
    pause
  done
  cat "requests/$$.answer"; rm -f "requests/$$.answer"
}

restart() {
  pid=$(cat pid)
  echo "ending process $pid"
  kill -s TERM "$pid" 2>/dev/null
  left=20
  while kill -s 0 "$pid" 2>/dev/null; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then
      echo 'it does not react to SIGTERM: killing it'
      kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid"
      break
    fi
    pause
  done
  session=; if command -v setsid >/dev/null; then session=setsid; fi
  nohup $session sh "$PWD/service" </dev/null >log 2>&1 &
  echo 'started anew'
}

case $1 in
  ask) ask "$2" ;;
  restart) restart ;;
  *) echo 'usage: control ask WORD | control restart' >&2; exit 2 ;;
esac
"#;

/// The runbook; `CONTROL` stands for the path of the script above, as a quoted YAML scalar.
const RUNBOOK: &str = r#"runbook: restart-db
title: Restart a wedged service
description: |
  The service takes requests and answers none. This looks, asks a second person, restarts it, and looks again.
owner: database
reviewed: 2026-11-22

parameters:
  control: {type: string, default: CONTROL, description: The script that asks and restarts the service.}
  within: {type: duration, default: 30s, description: How long the service may take until it answers again.}

targets:
  primary: db-primary

steps:
  - name: Save what a restart would destroy
    hosts: primary
    timeout: 10s
    check: |
      folder=$(dirname {{ control }})
      echo "last heartbeat: $(cat "$folder/heartbeat")"
      ps -o pid,stat,args -p "$(cat "$folder/pid")"

  - name: The service does not answer
    why: Who restarts a service that answers makes the outage.
    hosts: primary
    timeout: 15s
    check: sh {{ control }} ask ping
    expect: exit_code != 0

  - name: Restart the service
    hosts: primary
    gate: {approvals: 1, from: [sre], expires: 10m, ask: Does nobody else work on this service?}
    run: sh {{ control }} restart
    effect: once
    timeout: 1m

  - name: The service answers
    hosts: primary
    timeout: 15s
    check: sh {{ control }} ask ping
    expect: stdout == "served ping"
    until: {within: "{{ within }}", every: 1s, healthy: 2}
"#;

/// The running service.
pub(super) struct Service {
    folder: PathBuf,
    first: Child,
}

impl Service {
    /// The runbook for the service of this folder.
    pub(super) fn runbook(root: &Path) -> String {
        let control = root.join("service/control").display().to_string();
        let scalar = serde_json::Value::from(control).to_string(); // a JSON string is a double-quoted YAML scalar (YAML 1.2, 1.2)
        RUNBOOK.replace("default: CONTROL", &format!("default: {scalar}"))
    }

    /// Starts it in a process group of its own, and waits until it answers.
    pub(super) fn start(scene: &Scene) -> Result<Self, Failure> {
        scene.write("service/service", SERVICE)?;
        scene.write("service/control", CONTROL)?;
        let folder = scene.root.join("service");
        let log = File::create(folder.join("log")).map_err(cannot("a log"))?;
        let errors = log.try_clone().map_err(cannot("a log"))?;
        let mut command = Command::new("sh");
        command.arg(folder.join("service")).process_group(0).stdin(Stdio::null()).stdout(log).stderr(errors);
        let service = Self { first: command.spawn().map_err(cannot("a process"))?, folder };
        let begun = Instant::now();
        while !service.answers() {
            if begun.elapsed() > STARTS_WITHIN {
                return Err(Failure::usage(format!("the service did not start: see {}", service.folder.join("log").display())));
            }
            std::thread::sleep(EVERY);
        }
        Ok(service)
    }

    /// Stops the whole group in its tracks: it keeps its place, takes requests, and does nothing.
    pub(super) fn wedge(&self) -> Result<(), Failure> {
        let group = i32::try_from(self.first.id()).ok().and_then(rustix::process::Pid::from_raw);
        let stopped = group.map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::STOP));
        match stopped {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Failure::usage(format!("the service could not be wedged: {error}"))),
            None => Err(Failure::usage("the service could not be wedged: it has no process id")),
        }
    }

    /// Whether it answers a request.
    pub(super) fn answers(&self) -> bool {
        let mut command = Command::new("sh");
        command.arg(self.folder.join("control")).args(["ask", "ping"]).stdin(Stdio::null()).stderr(Stdio::null());
        command.output().is_ok_and(|output| output.status.success() && output.stdout == b"served ping\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.first.kill(); // it may have ended; whatever runs by now is the guard's
        let _ = self.first.wait(); // only so that no zombie is left
    }
}
