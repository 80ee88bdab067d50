//! The world outside of a library, where its hosts may come from: files, folders, and programs that list hosts. Runs no program that others could have
//! changed, and waits for none without a limit.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::base::printable;
use crate::library::Elsewhere;
use crate::text::MAX_FILE_BYTES;

/// A cloud answers within seconds; a run that waits for an approval asks again each time.
const LIMIT: Duration = Duration::from_secs(20);
/// Of what a program says on standard error.
const MAX_SAID: usize = 4096;
/// How long after a program's end its last words may take: they lie in the pipe already.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Names of a folder.
const MAX_NAMES: usize = 10_000;

/// This machine, for who sits at it.
pub struct ThisMachine;

impl Elsewhere for ThisMachine {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
        if !metadata.is_file() {
            return Err("it is no file".to_owned()); // a FIFO would be waited for without end
        }
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
        let limit = MAX_FILE_BYTES as u64 + 1; // one more, so that a longer file is seen to be longer
        file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
        let mut names: Vec<String> = entries.take(MAX_NAMES).flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    fn ask(&self, program: &Path) -> Result<Vec<u8>, String> {
        is_safe(program)?;
        let program = program.canonicalize().map_err(|error| error.to_string())?;
        let mut command = Command::new(&program);
        command.arg("--list").current_dir(program.parent().unwrap_or(Path::new("/")));
        answer(command, LIMIT)
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
    }
}

/// Whoever can write to a program, or put another into its place, could let it say any host.
fn is_safe(program: &Path) -> Result<(), String> {
    let real = program.canonicalize().map_err(|error| error.to_string())?;
    let metadata = std::fs::metadata(&real).map_err(|error| error.to_string())?;
    let shown = program.display();
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own && metadata.uid() != 0 {
        return Err(format!("it is a program of another user (uid {}), and is not run", metadata.uid()));
    }
    if metadata.permissions().mode() & 0o022 != 0 {
        return Err(format!("it is a program that others can write to, and is not run: chmod go-w {shown}"));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!("it is a program, and may not be run: chmod u+x {shown}"));
    }
    let folder = real.parent().unwrap_or(Path::new("/"));
    let around = std::fs::metadata(folder).map_err(|error| error.to_string())?;
    let mode = around.permissions().mode();
    let sticky = mode & 0o1000 != 0; // as in /tmp: others can add, and not replace
    if mode & 0o022 != 0 && !sticky {
        return Err(format!("others can put another program into its place: chmod go-w {}", folder.display()));
    }
    Ok(())
}

/// What comes of a program, by whichever of three threads.
enum News {
    Printed(Vec<u8>),
    Said(Vec<u8>),
    Ended(std::io::Result<ExitStatus>),
}

/// Standard output of a command that ends well within the limit. All that it started ends with it.
fn answer(mut command: Command, limit: Duration) -> Result<Vec<u8>, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().map_err(|error| format!("it could not be started: {error}"))?;
    let group = rustix::process::Pid::from_child(&child);
    let news = listen(child);
    let heard = hear(&news, Instant::now() + limit);
    if heard.ended.is_none() || heard.printed.is_none() {
        // what is left of its group holds the pipe, or is the program itself; where it ended just now nothing is left to end
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let Heard { printed, said, ended } = heard;
    let said = String::from_utf8_lossy(&said[..said.len().min(MAX_SAID)]).trim_end().to_owned();
    let said = if said.is_empty() { String::new() } else { format!("\nit said:\n{}", printable(said.as_bytes())) };
    match (ended, printed) {
        (None, _) => Err(format!("it did not end within {} seconds{said}", limit.as_secs())),
        (Some(Err(error)), _) => Err(format!("how it ended is not known: {error}")),
        (Some(Ok(status)), _) if !status.success() => Err(format!("it ended with {}{said}", how(status))),
        (Some(Ok(_)), Some(printed)) if printed.len() > MAX_FILE_BYTES => {
            Err(format!("it printed more than {MAX_FILE_BYTES} bytes (1 MiB)"))
        }
        (Some(Ok(_)), Some(printed)) => Ok(printed),
        (Some(Ok(_)), None) => Err("it ended and left something running that holds its output".to_owned()),
    }
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no status".to_owned(),
    }
}

fn listen(mut child: Child) -> Receiver<News> {
    let (tell, news) = channel();
    let streams = [
        child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for (stream, wrap) in streams.into_iter().zip([News::Printed as fn(Vec<u8>) -> News, News::Said]) {
        let (tell, Some(mut stream)) = (tell.clone(), stream) else { continue };
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let limit = MAX_FILE_BYTES as u64 + 1;
            let read = stream.by_ref().take(limit).read_to_end(&mut bytes);
            let rest = std::io::copy(&mut stream, &mut std::io::sink()); // a full pipe would hold the program up
            let _ = (read, rest, tell.send(wrap(bytes))); // nobody waits any more where the limit was reached
        });
    }
    std::thread::spawn(move || {
        let _ = tell.send(News::Ended(child.wait())); // as above
    });
    news
}

#[derive(Default)]
struct Heard {
    printed: Option<Vec<u8>>,
    said: Vec<u8>,
    ended: Option<std::io::Result<ExitStatus>>,
}

/// All that comes until a time.
fn hear(news: &Receiver<News>, mut until: Instant) -> Heard {
    let mut heard = Heard::default();
    while let Ok(one) = news.recv_timeout(until.saturating_duration_since(Instant::now())) {
        match one {
            News::Printed(bytes) => heard.printed = Some(bytes),
            News::Said(bytes) => heard.said = bytes,
            News::Ended(status) => {
                heard.ended = Some(status);
                until = until.min(Instant::now() + LAST_WORDS);
            }
        }
    }
    heard
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(text: &str, limit: u64) -> Result<String, String> {
        let mut command = Command::new("sh");
        command.args(["-c", text]);
        answer(command, Duration::from_secs(limit)).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn what_a_program_prints_is_its_answer_and_what_it_says_is_told_when_it_fails() {
        assert_eq!(sh("echo yes; echo no >&2", 20), Ok("yes\n".to_owned()));
        assert_eq!(sh("echo yes; echo no >&2; exit 3", 20), Err("it ended with status 3\nit said:\nno".to_owned()));
        assert_eq!(sh("kill -9 $$", 20), Err("it ended with signal 9".to_owned()));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_all_that_it_started() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!("sleep 600 & echo $! > {}; sleep 600", file.path().display());
        assert_eq!(sh(&text, 1), Err("it did not end within 1 seconds".to_owned()));
        let pid = std::fs::read_to_string(file.path()).unwrap().trim().to_owned();
        let begun = Instant::now();
        while std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(begun.elapsed() < Duration::from_secs(20), "process {pid} lives");
            std::thread::yield_now();
        }
    }

    #[test]
    fn more_than_a_file_may_have_is_refused() {
        assert_eq!(sh("head -c 2000000 /dev/zero", 20), Err("it printed more than 1048576 bytes (1 MiB)".to_owned()));
    }

    #[test]
    fn a_program_that_others_can_change_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        std::fs::write(&path, "#!/bin/sh\necho '{}'\n").unwrap();
        let with = |mode: u32| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            ThisMachine.ask(&path).map(|bytes| bytes.len())
        };
        assert_eq!(with(0o755), Ok(3));
        assert!(with(0o775).unwrap_err().contains("chmod go-w"));
        assert!(with(0o757).unwrap_err().contains("chmod go-w"));
        assert!(with(0o644).unwrap_err().contains("chmod u+x"));
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(with(0o755).unwrap_err().contains("into its place"));
    }
}
