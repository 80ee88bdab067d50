//! One look at a host: one session of the operator's own OpenSSH, or a shell of this machine. Asks nobody anything, keeps no connection, waits only so long.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout, timeout_at};

use super::questions::BEGUN;
use crate::base::escaped;
use crate::effects::PRECAUTIONS;
use crate::library::{Connection, Host};
use crate::plan::quoted;

/// From nothing to a shell that answers.
pub(super) const CONNECT: Duration = Duration::from_secs(10);

/// From there to the end: `sudo` may ask a directory server.
const ANSWER: Duration = Duration::from_secs(30);

/// What `ssh` still says when it has been ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Nothing that was asked for is longer.
const MOST: usize = 1 << 20;
const MOST_WORDS: u64 = 16 << 10;

/// As a run connects, but over a connection of its own: one that is open already would prove nothing.
const ALONE: [&str; 4] = ["-oControlMaster=no", "-oControlPath=none", "-oStdinNull=no", "-oLogLevel=ERROR"];

/// How one host is reached.
pub(super) struct Road {
    /// Options and address of `ssh`; `None` is this machine.
    destination: Option<Vec<String>>,
    pub address: String,
    /// Variables that hold secrets: its configuration could send them on.
    withheld: Vec<String>,
}

/// What came of it.
pub(super) struct Heard {
    pub output: Vec<u8>,
    /// What `ssh` said, a line each, made safe.
    pub words: Vec<String>,
    pub is_late: bool,
}

impl Road {
    pub fn new(host: &Host, config: Option<&str>, withheld: &[String]) -> Self {
        let withheld = withheld.to_vec();
        let Connection::Ssh { address, port, user } = &host.connection else {
            return Self { destination: None, address: host.name.to_string(), withheld };
        };
        let mut words: Vec<String> = config.iter().flat_map(|file| ["-F".to_owned(), (*file).to_owned()]).collect();
        words.extend(port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
        words.extend(user.iter().flat_map(|user| ["-l".to_owned(), user.clone()]));
        words.extend(["--".to_owned(), address.clone()]);
        Self { destination: Some(words), address: address.clone(), withheld }
    }

    pub fn is_local(&self) -> bool {
        self.destination.is_none()
    }

    /// What a person types to reach it, with these words before the address and this command after it.
    pub fn typed(&self, options: &str, command: &str) -> String {
        let Some(destination) = &self.destination else { return command.to_owned() };
        let quoted = |word: &String| quoted(word.as_bytes()).map_or(word.clone(), |word| String::from_utf8_lossy(&word).into_owned());
        let words = destination.iter().filter(|word| *word != "--").map(quoted);
        let command = (!command.is_empty()).then(|| quoted(&command.to_owned()));
        let all = ["ssh".to_owned(), options.to_owned()].into_iter().chain(words).chain(command);
        all.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Sends a text to a shell there, and hears what it says.
    ///
    /// # Errors
    /// Where no process can be started.
    pub async fn ask(&self, text: String) -> std::io::Result<Heard> {
        let mut child = self.command().spawn()?;
        let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
        let speaking = tokio::spawn(async move {
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(text.as_bytes()).await; // who does not read it does not answer: told from that
            }
        });
        let listening = tokio::spawn(async move {
            let mut words = Vec::new();
            if let Some(stderr) = stderr {
                let _ = stderr.take(MOST_WORDS).read_to_end(&mut words).await; // what was read so far is what there is
            }
            words
        });
        let (output, is_late) = hear(&mut child).await;
        let _ = child.start_kill(); // it has ended, or it shall
        let words = timeout(LAST_WORDS, listening).await.ok().and_then(Result::ok).unwrap_or_default();
        let _ = timeout(LAST_WORDS, child.wait()).await; // only so that it is not left behind
        speaking.abort();
        let words = String::from_utf8_lossy(&words).lines().map(|line| escaped(line.trim_end().as_bytes())).collect();
        Ok(Heard { output, words, is_late })
    }

    fn command(&self) -> Command {
        let mut command = match &self.destination {
            None => Command::new("/bin/sh"),
            Some(destination) => {
                let mut command = Command::new("ssh");
                command.args(PRECAUTIONS).args(ALONE).args(destination).arg("exec /bin/sh");
                command
            }
        };
        for variable in &self.withheld {
            command.env_remove(variable);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// What comes until the end, and whether that was waited for too long.
async fn hear(child: &mut Child) -> (Vec<u8>, bool) {
    let Some(mut stdout) = child.stdout.take() else { return (Vec::new(), false) };
    let (mut output, mut part) = (Vec::new(), vec![0; 8 << 10]);
    let (mut limit, mut begun) = (Instant::now() + CONNECT, false);
    while output.len() < MOST {
        match timeout_at(limit, stdout.read(&mut part)).await {
            Err(_) => return (output, true),
            Ok(Ok(length)) if length > 0 => output.extend_from_slice(&part[..length]),
            Ok(Ok(_) | Err(_)) => break,
        }
        if !begun && output.windows(BEGUN.len()).any(|window| window == BEGUN) {
            (begun, limit) = (true, Instant::now() + ANSWER);
        }
    }
    (output, false)
}
