//! The line to a host, on our side of it: what a drill cuts, and mends again. Never touches what runs on the host, and cuts nothing by itself.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, watch};

use super::pipe::{NoShell, Pipe, Road};
use super::transport::{BoxFuture, Unreached};
use crate::base::{Digest, HostName};
use crate::event::Place;

/// What a host cannot be reached for, while its line is cut.
const CUT: &str = "the drill has cut the connection";

/// The lines to all hosts of a drill; they outlive any runner.
#[derive(Default)]
pub struct Lines {
    lines: Mutex<BTreeMap<HostName, Arc<Line>>>,
}

/// What happens when a host begins to answer a request: its answer does not arrive.
#[derive(Clone)]
pub enum Upon {
    /// The line is cut, until it is mended.
    Cut,
    /// Somebody is told, and nothing arrives any more.
    Tell(Arc<Notify>),
}

impl Lines {
    /// Cuts the line: connections that are open are lost, and there are no new ones.
    pub fn cut(&self, host: &HostName) {
        self.line(host).cut.send_replace(true);
    }

    /// New connections may be made again; what was lost stays lost.
    pub fn mend(&self, host: &HostName) {
        let line = self.line(host);
        line.trap().take();
        line.cut.send_replace(false);
    }

    /// Once the host answers the next request that sends bytes of this digest, by when it has begun to work on it.
    pub fn once_begun(&self, host: &HostName, sends: Digest, then: Upon) {
        *self.line(host).trap() = Some(Trap { marker: sends.to_string().into_bytes(), then });
    }

    pub(super) fn line(&self, host: &HostName) -> Arc<Line> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(host.clone()).or_default().clone()
    }
}

/// One host's line.
#[derive(Default)]
pub(super) struct Line {
    cut: watch::Sender<bool>,
    trap: Mutex<Option<Trap>>,
}

struct Trap {
    /// Stands in what is sent.
    marker: Vec<u8>,
    then: Upon,
}

impl Line {
    fn trap(&self) -> MutexGuard<'_, Option<Trap>> {
        self.trap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_cut(&self) -> bool {
        *self.cut.borrow()
    }

    /// Whether the trap waits for what was sent.
    fn waits_for(&self, sent: &[u8]) -> bool {
        let trap = self.trap();
        trap.as_ref().is_some_and(|trap| sent.windows(trap.marker.len()).any(|window| window == trap.marker))
    }

    /// A pipe that is lost when the line is cut.
    fn over(self: &Arc<Self>, pipe: Pipe) -> Pipe {
        let Pipe { stdin, stdout, stderr, place, held } = pipe;
        let is_asked = Arc::new(AtomicBool::new(false));
        let ear = |inner| Ear { inner, line: self.clone(), lost: Lost::of(self), is_asked: is_asked.clone(), is_deaf: false };
        let (stdout, stderr) = (Box::new(ear(stdout)), Box::new(ear(stderr)));
        let stdin = Box::new(Mouth { inner: stdin, line: self.clone(), is_asked, tail: Vec::new() });
        Pipe { stdin, stdout, stderr, place, held }
    }
}

/// A road whose line can be cut.
pub(super) struct CutRoad {
    pub inner: Box<dyn Road>,
    pub line: Arc<Line>,
}

impl CutRoad {
    /// Where the line is cut the connection that was there ends, too.
    async fn passable(&self) -> Result<(), Unreached> {
        if !self.line.is_cut() {
            return Ok(());
        }
        self.inner.close().await;
        Err(Unreached { why: CUT.to_owned() })
    }
}

impl Road for CutRoad {
    fn reach(&self) -> BoxFuture<'_, Result<Place, Unreached>> {
        Box::pin(async {
            self.passable().await?;
            self.inner.reach().await
        })
    }

    fn shell(&self) -> BoxFuture<'_, Result<Pipe, NoShell>> {
        Box::pin(async {
            self.passable().await?;
            Ok(self.line.over(self.inner.shell().await?))
        })
    }

    fn shell_apart(&self) -> BoxFuture<'_, Result<Pipe, NoShell>> {
        Box::pin(async {
            self.passable().await?;
            Ok(self.line.over(self.inner.shell_apart().await?))
        })
    }

    fn lives(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { !self.line.is_cut() && self.inner.lives().await })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

/// Becomes ready when the line is cut.
struct Lost(Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Lost {
    fn of(line: &Line) -> Self {
        let mut cut = line.cut.subscribe();
        Self(Mutex::new(Box::pin(async move {
            if cut.wait_for(|cut| *cut).await.is_err() {
                std::future::pending::<()>().await; // nobody can cut it any more
            }
        })))
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(context)
    }
}

fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, CUT)
}

/// What we hear of a host.
struct Ear {
    inner: Box<dyn AsyncRead + Send + Sync + Unpin>,
    line: Arc<Line>,
    lost: Lost,
    /// What the trap waits for was sent over this pipe.
    is_asked: Arc<AtomicBool>,
    is_deaf: bool,
}

impl AsyncRead for Ear {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_deaf {
            return Poll::Pending; // whoever was told lets go of us
        }
        if self.lost.poll(context).is_ready() {
            return Poll::Ready(Err(reset()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        let has_said = matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() > before;
        if !has_said || !self.is_asked.load(Ordering::SeqCst) {
            return read;
        }
        let sprung = self.line.trap().take();
        match sprung.map(|trap| trap.then) {
            None => read,
            Some(Upon::Cut) => {
                buffer.set_filled(before);
                self.line.cut.send_replace(true);
                Poll::Ready(Err(reset()))
            }
            Some(Upon::Tell(told)) => {
                buffer.set_filled(before);
                self.is_deaf = true;
                told.notify_one();
                Poll::Pending
            }
        }
    }
}

/// What we tell a host.
struct Mouth {
    inner: Box<dyn AsyncWrite + Send + Sync + Unpin>,
    line: Arc<Line>,
    is_asked: Arc<AtomicBool>,
    /// The end of what was sent: a marker may come in two pieces.
    tail: Vec<u8>,
}

impl AsyncWrite for Mouth {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.line.is_cut() {
            return Poll::Ready(Err(reset()));
        }
        let sent = Pin::new(&mut self.inner).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = sent {
            self.tail.extend_from_slice(&bytes[..length]);
            if self.line.waits_for(&self.tail) {
                self.is_asked.store(true, Ordering::SeqCst);
            }
            let keep = self.tail.len().saturating_sub(Digest::ZERO.to_string().len());
            self.tail.drain(..keep);
        }
        sent
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
