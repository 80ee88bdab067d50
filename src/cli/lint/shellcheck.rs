//! Asks ShellCheck about command texts, where it is installed: one process for all of them, with a time limit. Never fails where it is not there.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use crate::runbook::{Remark, Script, ScriptShell};

/// ShellCheck takes about 10 ms a text, so this is more than a large runbook; a person who waits longer looks for what hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// More than this it does not say about texts that people wrote.
const MAX_SAID: u64 = 64 << 20;

/// What is known here and not there, or is ours by intention: a value of a template looks like a constant (SC2043, SC2050, SC2157, SC2194), variables come
/// from `env:` (SC2154), and a sourced file lies on the host (SC1090, SC1091).
const EXCLUDED: &str = "SC1090,SC1091,SC2043,SC2050,SC2154,SC2157,SC2194";

/// Lines that are written before each text: its shell, and what the plan puts there, too.
const HEAD: [&str; 2] = ["# shellcheck shell=", "set -e"];

/// How the asking ended.
pub enum Asked {
    /// There is nothing to be said, or no ShellCheck to say it.
    Nothing,
    Said(BTreeMap<Script, Vec<Remark>>),
    /// It did not answer as it should: why, in words.
    Failed(String),
}

/// What ShellCheck says about these scripts.
pub fn shellcheck(scripts: &[Script]) -> Asked {
    if scripts.is_empty() {
        return Asked::Nothing;
    }
    let Ok(folder) = tempfile::tempdir() else { return Asked::Failed("there is no room for its temporary files".to_owned()) };
    for (index, script) in scripts.iter().enumerate() {
        if let Err(error) = fs::write(folder.path().join(index.to_string()), with_head(script)) {
            return Asked::Failed(format!("its temporary files could not be written: {error}"));
        }
    }
    match answer(folder.path(), scripts.len()) {
        Ok(None) => Asked::Nothing,
        Ok(Some(said)) => match serde_json::from_slice::<Answer>(&said) {
            Ok(answer) => Asked::Said(by_script(scripts, answer)),
            Err(error) => Asked::Failed(format!("its answer could not be read: {error}")),
        },
        Err(why) => Asked::Failed(why),
    }
}

fn with_head(script: &Script) -> String {
    let shell = match script.shell {
        ScriptShell::Sh => "sh",
        ScriptShell::Bash => "bash",
    };
    format!("{}{shell}\n{}\n{}\n", HEAD[0], HEAD[1], script.text)
}

/// What it prints; `None` where it is not installed.
fn answer(folder: &Path, count: usize) -> Result<Option<Vec<u8>>, String> {
    let mut command = Command::new("shellcheck");
    command.args(["--norc", "--format=json1", "--severity=info", "--exclude", EXCLUDED]).args((0..count).map(|index| index.to_string()));
    command.current_dir(folder).env_remove("SHELLCHECK_OPTS").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("it could not be started: {error}")),
    };
    let (tell, told) = mpsc::channel();
    let stdout = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        let read = stdout.map_or(Ok(0), |stdout| stdout.take(MAX_SAID).read_to_end(&mut said));
        let _ = tell.send(read.map(|_| said)); // who asked has given up
    });
    let said = told.recv_timeout(LIMIT);
    let killed = child.kill(); // it has ended already, or it shall
    let ended = child.wait();
    drop(reader); // it ends with the pipe
    match (said, killed.and(ended)) {
        (Ok(Ok(said)), Ok(_)) => Ok(Some(said)),
        (Ok(Err(error)), _) | (Ok(Ok(_)), Err(error)) => Err(format!("its answer could not be read: {error}")),
        (Err(_), _) => Err(format!("it was ended after {} seconds; fewer runbooks at once take less", LIMIT.as_secs())),
    }
}

#[derive(Deserialize)]
struct Answer {
    comments: Vec<Comment>,
}

#[derive(Deserialize)]
struct Comment {
    file: String,
    line: usize,
    column: usize,
    code: u32,
    message: String,
}

fn by_script(scripts: &[Script], answer: Answer) -> BTreeMap<Script, Vec<Remark>> {
    let mut remarks: BTreeMap<Script, Vec<Remark>> = BTreeMap::new();
    for Comment { file, line, column, code, message } in answer.comments {
        let script = file.parse::<usize>().ok().and_then(|index| scripts.get(index));
        let Some((script, line)) = script.zip(line.checked_sub(HEAD.len()).filter(|line| *line > 0)) else { continue };
        remarks.entry(script.clone()).or_default().push(Remark { code: format!("SC{code:04}"), message, line, column });
    }
    remarks
}
