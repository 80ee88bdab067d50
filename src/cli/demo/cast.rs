//! The people of a demonstration, each a process of this very binary with a key and a memory of their own. Decides nothing for them.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::scene::{Scene, cannot, quoted};
use crate::base::printable;
use crate::cli::args::Output;
use crate::cli::failure::Failure;

/// How long the run may take to its gate: it connects and looks twice, which takes seconds.
const GATE_WITHIN: Duration = Duration::from_secs(120);
/// How often to look.
const EVERY: Duration = Duration::from_millis(200);

/// Who acts.
#[derive(Clone, Copy)]
pub(super) enum Actor {
    Alice,
    Bob,
}

impl Actor {
    fn name(self) -> &'static str {
        match self {
            Actor::Alice => "alice",
            Actor::Bob => "bob",
        }
    }
}

/// Everybody, with what they need.
pub(super) struct Cast<'a> {
    scene: &'a Scene,
    output: Output,
    program: PathBuf,
}

/// A run that waits for an approval.
pub(super) struct Waiting {
    pub(super) run: String,
    pub(super) check: String,
}

/// A person at work; what they see is told line by line.
pub(super) struct AtWork {
    process: Child,
    tellers: Vec<JoinHandle<()>>,
}

impl<'a> Cast<'a> {
    pub(super) fn new(scene: &'a Scene, output: Output) -> Result<Self, Failure> {
        Ok(Self { scene, output, program: std::env::current_exe().map_err(cannot("use of itself"))? })
    }

    /// How to call this program upon the demonstration's library and store.
    pub(super) fn words(&self) -> String {
        let scene = self.scene;
        format!("{} --library {} --store {}", quoted(&self.program), quoted(&scene.library()), quoted(&scene.store()))
    }

    /// Alice's run, under way.
    pub(super) fn exec(&self, actor: Actor) -> Result<AtWork, Failure> {
        let mut command = self.command(actor);
        command.args(["exec", "restart-db"]);
        let at_work = self.begin(actor, command)?;
        self.scene.write("people/pid", &format!("{}\n", at_work.process.id()))?; // for the guard
        Ok(at_work)
    }

    /// Waits until the run asks for an approval; `None` where it ended before.
    pub(super) fn await_gate(&self, at_work: &mut AtWork) -> Result<Option<Waiting>, Failure> {
        let begun = Instant::now();
        while begun.elapsed() < GATE_WITHIN {
            if let Some(waiting) = self.waiting()? {
                return Ok(Some(waiting));
            }
            if at_work.process.try_wait().map_err(cannot("a look at its run"))?.is_some() {
                return Ok(None);
            }
            std::thread::sleep(EVERY);
        }
        Ok(None)
    }

    /// The one run that waits, as programs read it.
    fn waiting(&self) -> Result<Option<Waiting>, Failure> {
        let mut command = self.command(Actor::Bob);
        command.args(["runs", "--output", "json"]).stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.output().map_err(cannot("a list of runs"))?;
        let Ok(list) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else { return Ok(None) };
        let waiting = |run: &serde_json::Value| {
            let check = run["gate"]["check"].as_str()?;
            Some(Waiting { run: run["run"].as_str()?.to_owned(), check: check.to_owned() })
        };
        Ok(list["runs"].as_array().and_then(|runs| runs.iter().find_map(waiting)))
    }

    /// Approves what is shown, by its check code; says whether that counted.
    pub(super) fn approve_with(&self, actor: Actor, waiting: &Waiting) -> Result<bool, Failure> {
        let mut command = self.command(actor);
        command.args(["approve", &waiting.run, "--check", &waiting.check]);
        self.begin(actor, command)?.finish().map(|status| status == 0)
    }

    /// Hands the terminal to the person; says whether they approved.
    pub(super) fn approve_by_hand(&self, actor: Actor, waiting: &Waiting) -> Result<bool, Failure> {
        let mut command = self.command(actor);
        let status = command.args(["approve", &waiting.run]).status().map_err(cannot("an approval"))?;
        Ok(status.success())
    }

    /// Denies it, with a reason; says whether that counted.
    pub(super) fn deny(&self, actor: Actor, waiting: &Waiting) -> Result<bool, Failure> {
        let mut command = self.command(actor);
        command.args(["deny", &waiting.run, "--because", "no check code was typed"]);
        self.begin(actor, command)?.finish().map(|status| status == 0)
    }

    /// Whether the record proves what it should.
    pub(super) fn verify(&self, run: &str) -> Result<bool, Failure> {
        let mut command = self.command(Actor::Bob);
        command.args(["verify", run]);
        self.begin(Actor::Bob, command)?.finish().map(|status| status == 0)
    }

    /// This binary as a person: by words alone, whatever the environment of the one who watches says.
    fn command(&self, actor: Actor) -> Command {
        let name = actor.name();
        let mut command = Command::new(&self.program);
        command.arg("--library").arg(self.scene.library()).arg("--store").arg(self.scene.store());
        command.args(["--as", &format!("{name}@example.com"), "--key"]).arg(self.scene.key(name));
        command.env("XDG_STATE_HOME", self.scene.root.join("people").join(format!("{name}.state")));
        command
    }

    fn begin(&self, actor: Actor, mut command: Command) -> Result<AtWork, Failure> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().map_err(cannot("a process"))?;
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let mut tellers = Vec::new();
        tellers.extend(stdout.map(|stream| tell(actor, self.output, stream)));
        tellers.extend(stderr.map(|stream| tell(actor, self.output, stream)));
        Ok(AtWork { process, tellers })
    }
}

impl AtWork {
    /// Waits for the end of it, and until all was told; the exit status.
    pub(super) fn finish(mut self) -> Result<u8, Failure> {
        let status = self.process.wait().map_err(cannot("an end"))?;
        for teller in self.tellers.drain(..) {
            let _ = teller.join(); // a teller that failed has told what it could
        }
        Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it has ended, unless something went wrong
        let _ = self.process.wait(); // only so that no zombie is left
    }
}

/// Tells what a person sees, each line with their name before it.
fn tell(actor: Actor, output: Output, stream: impl Read + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = format!("{:<5} | {}", actor.name(), printable(&line));
            match output {
                Output::Text => println!("{}", line.trim_end()),
                Output::Json => eprintln!("{}", line.trim_end()),
            }
        }
    })
}
