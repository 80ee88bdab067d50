//! Runs a command that changes nothing in a shell of its own, without a trace on the target. Never claims an end that was not seen.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::claim::not_started;
use super::host::{Host, Prepared};
use super::marks::{Found, Marks};
use super::order::{Order, killed};
use super::pipe::Pipe;
use super::station::{Side, give, nonce};
use super::transport::{OutputSink, StopLevel, StopSignal};
use super::{ending, feed};
use crate::base::{SecretValue, escaped};
use crate::engine::Begin;
use crate::event::{Outcome, Signaller};

const DIRECT: &str = include_str!("direct.sh");

/// Bytes read at a time.
const PART: usize = 64 * 1024;

/// A log-in's own words are kept to this length, to be shown where no shell ran.
const NOISE: usize = 300;

/// What is on its way already arrives within a few of these.
const GLANCE: Duration = Duration::from_millis(20);

/// How long the shell's last words may take after its step was ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long a step that ran out of time may take to say which process it is: only then can it be ended. A log-in may load profiles first,
/// and `sudo` may ask a directory server that is itself in trouble.
const FIRST_WORDS: Duration = Duration::from_secs(20);

/// What the shell has said so far.
#[derive(Default)]
struct Said {
    noise: Vec<u8>,
    /// Which session the step is: `PID START`.
    session: Option<String>,
    end: Option<Outcome>,
    begun: [bool; 2],
    ended: [bool; 2],
    /// Nothing of the step is left that could write into the shell's streams.
    clean: bool,
}

/// Why we stopped listening.
enum Halt {
    /// Both streams have ended, by our line or by the connection.
    Ended,
    Timeout,
    Stop,
}

/// Carries out an order without a claim.
pub(super) async fn run(host: &Host, order: &Order, out: &mut dyn OutputSink, stop: StopSignal) -> Outcome {
    if *stop.borrow() >= StopLevel::Kill {
        return ending::refused("the run was stopped before anything was sent");
    }
    if order.begin == Begin::Reattach {
        return ending::unknown("it ran without a claim, so that its host cannot say what became of it");
    }
    let (mut pipe, prepared) = match host.plain().await {
        Ok(ready) => ready,
        Err(error) => return not_started(&error),
    };
    if let Some(why) = host.wrong_place(&pipe.place, &order.place) {
        return ending::refused(why);
    }
    let (nonce, mut said) = (nonce(), Said::default());
    let mut ears = [Marks::new(&nonce), Marks::new(&nonce)];
    let deadline = Instant::now() + order.limit;
    let text = text(&nonce, order, prepared);
    let halt = listen(&mut pipe, Some(text.expose()), &mut ears, &mut said, out, deadline, Some(stop)).await;
    let by = match halt {
        Halt::Ended if said.clean => {
            host.give_back_plain(pipe);
            return conclude(host, said).await;
        }
        Halt::Ended => return conclude(host, said).await,
        Halt::Timeout => Signaller::Timeout,
        Halt::Stop => Signaller::Stop,
    };
    let patience = Instant::now() + FIRST_WORDS;
    while said.session.is_none() && said.end.is_none() && said.ended != [true, true] && Instant::now() < patience {
        listen(&mut pipe, None, &mut ears, &mut said, out, Instant::now() + GLANCE, None).await;
    }
    if said.end.is_some() {
        return conclude(host, said).await;
    }
    let Some(session) = said.session.clone().filter(|session| !session.starts_with("0 ")) else {
        return ending::unknown("its time was over before the host said which process it is; it may be running still");
    };
    let slain = host.slay(&session, &order.user).await;
    listen(&mut pipe, None, &mut ears, &mut said, out, Instant::now() + LAST_WORDS, None).await;
    match slain {
        Ok(left) if left.is_empty() => Outcome::Signalled { signal: last_signal(said.end), by },
        Ok(left) => ending::survivors(&left),
        Err(error) => ending::unknown(format!("its time was over, and it could not be ended: {error}")),
    }
}

/// Sends the text and listens to both streams until our lines end them.
async fn listen(
    pipe: &mut Pipe,
    text: Option<&[u8]>,
    ears: &mut [Marks; 2],
    said: &mut Said,
    out: &mut dyn OutputSink,
    deadline: Instant,
    stop: Option<StopSignal>,
) -> Halt {
    let Pipe { stdin, stdout, stderr, .. } = pipe;
    let speak = async {
        if let Some(text) = text {
            // A shell that does not read it ends without our lines: told by `conclude`.
            let _ = stdin.write_all(text).await;
            let _ = stdin.flush().await;
        }
        std::future::pending::<()>().await
    };
    let hear = hear(stdout.as_mut(), stderr.as_mut(), ears, said, out);
    tokio::select! {
        ended = timeout_at(deadline, hear) => if ended.is_ok() { Halt::Ended } else { Halt::Timeout },
        () = killed(stop) => Halt::Stop,
        () = speak => Halt::Ended,
    }
}

type Ear<'a> = &'a mut (dyn AsyncRead + Send + Unpin);

async fn hear(stdout: Ear<'_>, stderr: Ear<'_>, ears: &mut [Marks; 2], said: &mut Said, out: &mut dyn OutputSink) {
    let (mut first, mut second) = (vec![0; PART], vec![0; PART]);
    while !(said.ended[0] && said.ended[1]) {
        let (side, read) = tokio::select! {
            read = stdout.read(&mut first), if !said.ended[0] => (Side::Out, read),
            read = stderr.read(&mut second), if !said.ended[1] => (Side::Err, read),
        };
        let buffer = if side == Side::Out { &first } else { &second };
        let index = usize::from(side == Side::Err);
        match read {
            Ok(length) if length > 0 => ears[index].feed(&buffer[..length], |found| said.take(side, &found, out)),
            // The end, or a broken connection, which `conclude` tells apart.
            Ok(_) | Err(_) => {
                let rest = ears[index].rest();
                said.take(side, &Found::Bytes(&rest), out);
                said.ended[index] = true;
            }
        }
    }
}

impl Said {
    fn take(&mut self, side: Side, found: &Found<'_>, out: &mut dyn OutputSink) {
        let index = usize::from(side == Side::Err);
        match found {
            Found::Bytes(bytes) if self.begun[index] && !self.ended[index] => give(side, bytes, out),
            Found::Bytes(bytes) if !self.begun[index] => {
                let room = NOISE.saturating_sub(self.noise.len()).min(bytes.len());
                self.noise.extend_from_slice(&bytes[..room]);
            }
            Found::Bytes(_) => {}
            Found::Mark(line) => self.mark(side, index, line),
        }
    }

    fn mark(&mut self, side: Side, index: usize, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, side) {
            ("begin", Side::Out) => (self.begun[0], self.session) = (true, Some(rest.to_owned())),
            ("begin", Side::Err) => self.begun[1] = true,
            ("refused", _) => (self.ended[index], self.end) = (true, Some(ending::refused(rest))),
            ("end", Side::Out) => {
                let (end, after) = rest.rsplit_once(' ').unwrap_or((rest, ""));
                (self.ended[0], self.end, self.clean) = (true, Some(plain_end(end)), after == "clean");
            }
            ("end", Side::Err) => self.ended[1] = true,
            _ => {}
        }
    }
}

fn plain_end(words: &str) -> Outcome {
    match words.split_once(' ').map(|(how, code)| (how, code.parse())) {
        Some((how, Ok(code))) => ending::plain(how, code),
        Some((_, Err(_))) | None => ending::unknown(format!("its end cannot be read: {}", escaped(words.as_bytes()))),
    }
}

fn last_signal(end: Option<Outcome>) -> String {
    match end {
        Some(Outcome::Signalled { signal, .. }) => signal,
        Some(Outcome::Exited { .. } | Outcome::NeverStarted { .. } | Outcome::Unknown { .. }) | None => "TERM".to_owned(),
    }
}

async fn conclude(host: &Host, said: Said) -> Outcome {
    if let Some(end) = said.end {
        return end;
    }
    if said.session.is_none() && host.road().lives().await {
        let noise = escaped(String::from_utf8_lossy(&said.noise).trim().as_bytes());
        return ending::refused(format!("the log-in ran no shell: expected /bin/sh, got \"{noise}\""));
    }
    ending::unknown("the connection was lost before it ended; it ran without a claim, so that nobody can say what became of it")
}

/// What the shell is told, in one pair of braces: a transmission that is cut is a syntax error and runs nothing.
fn text(nonce: &str, order: &Order, prepared: Prepared) -> SecretValue {
    let told = match prepared {
        Prepared::Yes => String::new(),
        Prepared::No => format!("{{\n{DIRECT}}}\n"),
    };
    let variables = format!("{told}{{ rb_n={nonce} rb_sha={} rb_shell={} rb_become={} rb_given=", order.sends, order.shell, order.user);
    let (given, script) = (feed::assignments(&order.secrets), feed::joined(&[order.script.as_slice(), b"."]));
    let (given, script) = (feed::quoted(given.expose()), feed::quoted(script.expose()));
    feed::joined(&[variables.as_bytes(), given.expose(), b" rb_s=", script.expose(), b"\nrb_direct\n}\n"])
}
