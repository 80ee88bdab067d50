//! A shell on a target that has read the claim script and answers one request after another. Never judges an answer.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use super::feed::joined;
use super::pipe::{NoShell, Pipe};
use super::transport::OutputSink;
use crate::base::escaped;
use crate::event::Place;

/// What a target is sent ahead of every request.
pub(super) const CLAIM: &str = include_str!("claim.sh");

/// A log-in that says nothing of ours for this long runs no shell; slow `.bashrc` files take under a second.
const HELLO: Duration = Duration::from_secs(30);

/// How long a shell may take at the end to forget what is recorded elsewhere: a few files are removed.
const FAREWELL: Duration = Duration::from_secs(3);

/// A log-in that prints more than this before our first line is not listened to further.
const NOISE: usize = 64 * 1024;

/// No line that the claim script says is longer; longer ones are somebody else's, and are cut.
const LINE: u64 = 8 * 1024;

/// Pieces of output are passed on in parts of at most this many bytes.
const PART: usize = 64 * 1024;

/// A shell that has said that it is ready.
pub(super) struct Station {
    stdin: Box<dyn AsyncWrite + Send + Sync + Unpin>,
    stdout: BufReader<Box<dyn AsyncRead + Send + Sync + Unpin>>,
    /// Where it stands.
    pub place: Place,
    /// Which start of the host's system this is.
    pub boot: String,
    _held: Box<dyn Send + Sync>,
}

/// One of the two output streams of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Out,
    Err,
}

/// What the claim script says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// So many bytes of a stream follow.
    Piece(Side, u64),
    /// It is still at work.
    Tick,
    /// It has ended, with the end record.
    Over(String),
    /// It was begun, and nobody knows the end.
    Gone(String),
    /// Nothing was started.
    Refused(String),
    /// The target cannot show that nothing was begun.
    Lost(String),
    /// The host is marked: what has no claim there from now on was never begun.
    Marked,
    /// What lives of a session after it was ended: process ids.
    Slain(String),
}

/// 32 hexadecimal digits by chance, that a step cannot guess.
pub(super) fn nonce() -> String {
    format!("{:016x}{:016x}", chance(), chance())
}

/// 64 bits by chance: the keys of a fresh hasher come from the system's source of randomness.
pub(super) fn chance() -> u64 {
    // 80 bits of a ULID come from the system's randomness: the lower 64 of them.
    ulid::Ulid::generate().random() as u64
}

impl Station {
    /// Feeds the claim script to a shell and waits until it answers.
    ///
    /// # Errors
    /// [`NoShell::Closed`] with what the log-in said instead.
    pub async fn open(pipe: Pipe, host: &str) -> Result<Self, NoShell> {
        let Pipe { mut stdin, stdout, mut stderr, place, held } = pipe;
        // Its standard error is the log-in's noise alone: drained, so that it never blocks; ends with the shell.
        tokio::spawn(async move { tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await });
        let mut stdout = BufReader::with_capacity(PART, stdout);
        let nonce = nonce();
        let closed = |got: String| NoShell::Closed { host: host.to_owned(), got };
        let text = format!("{{ rb_n={nonce}\n{CLAIM}\n}}\n");
        let hello = async {
            // A shell that does not read is told by what it says, below.
            let sent = async { stdin.write_all(text.as_bytes()).await.and(stdin.flush().await) }.await;
            let said = ready(&mut stdout, &nonce).await;
            said.map_err(|noise| if noise.is_empty() && sent.is_err() { "a closed connection".to_owned() } else { noise })
        };
        let boot = match timeout(HELLO, hello).await {
            Ok(Ok(boot)) => boot,
            Ok(Err(noise)) => return Err(closed(noise)),
            Err(_) => return Err(closed(format!("no answer within {} s", HELLO.as_secs()))),
        };
        Ok(Self { stdin, stdout, place, boot, _held: held })
    }

    /// Lets it carry out what it was sent last, and end. Without an answer in time it is given up.
    pub async fn end(self) {
        let Self { stdin, mut stdout, _held, .. } = self;
        drop(stdin);
        // Nothing is lost by a shell that ends later: what it was told is told nobody else.
        let _ = timeout(FAREWELL, tokio::io::copy(&mut stdout, &mut tokio::io::sink())).await;
    }

    /// Sends a request: a line, and what follows it.
    ///
    /// # Errors
    /// The connection is lost; the target may have got any part of it.
    pub async fn send(&mut self, nonce: &str, request: &[u8]) -> io::Result<()> {
        let bytes = joined(&[nonce.as_bytes(), b" ", request]);
        self.stdin.write_all(bytes.expose()).await?;
        self.stdin.flush().await
    }

    /// The next answer to the request of this nonce.
    ///
    /// # Errors
    /// The connection is lost, or what came cannot be an answer.
    pub async fn answer(&mut self, nonce: &str) -> io::Result<Answer> {
        loop {
            let line = line(&mut self.stdout).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if let Some(said) = line.strip_prefix(nonce) {
                return parse(said.trim()).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, line));
            }
        }
    }

    /// Passes on the bytes that an [`Answer::Piece`] announced, counting each as it is passed.
    ///
    /// # Errors
    /// The connection is lost; `got` says how many bytes were passed on.
    pub async fn pass(&mut self, side: Side, length: u64, out: &mut dyn OutputSink, got: &mut u64) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let bytes = self.stdout.fill_buf().await?;
            let part = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if part == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            give(side, &bytes[..part], out);
            self.stdout.consume(part);
            left -= part as u64;
            *got += part as u64;
        }
        Ok(())
    }
}

/// Gives bytes to the stream that they belong to.
pub(super) fn give(side: Side, bytes: &[u8], out: &mut dyn OutputSink) {
    match side {
        Side::Out => out.stdout(bytes),
        Side::Err => out.stderr(bytes),
    }
}

type Lines = BufReader<Box<dyn AsyncRead + Send + Sync + Unpin>>;

/// The next line without its newline; `None` at the end. Longer ones come in parts.
async fn line(from: &mut Lines) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    from.take(LINE).read_until(b'\n', &mut bytes).await?;
    let ended = bytes.is_empty();
    Ok((!ended).then(|| String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned()))
}

/// The boot id that the claim script says when it is ready, or what was said instead.
async fn ready(from: &mut Lines, nonce: &str) -> Result<String, String> {
    let mut noise = String::new();
    while noise.len() < NOISE {
        let Ok(Some(line)) = line(from).await else { break };
        // Noise without a newline at its end stands before our words.
        if let Some((_, boot)) = line.split_once(&format!("{nonce} ready ")) {
            return Ok(boot.to_owned());
        }
        noise.push_str(&line);
        noise.push(' ');
    }
    let shown: String = escaped(noise.trim().as_bytes()).chars().take(300).collect();
    Err(if shown.is_empty() { String::new() } else { format!("{shown:?}") })
}

fn parse(said: &str) -> Option<Answer> {
    let (word, rest) = said.split_once(' ').unwrap_or((said, ""));
    let rest = rest.trim().to_owned();
    match word {
        "out" => Some(Answer::Piece(Side::Out, rest.parse().ok()?)),
        "err" => Some(Answer::Piece(Side::Err, rest.parse().ok()?)),
        "tick" => Some(Answer::Tick),
        "over" => Some(Answer::Over(rest)),
        "gone" => Some(Answer::Gone(rest)),
        "refused" => Some(Answer::Refused(rest)),
        "lost" => Some(Answer::Lost(rest)),
        "marked" => Some(Answer::Marked),
        "slain" => Some(Answer::Slain(rest)),
        _ => None,
    }
}
