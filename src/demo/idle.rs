//! Counts a server's connections, to know when it is idle, and can break them.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{self, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Number of open connections and of runs that continue without one.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections(watch::Sender<usize>);

/// Keeps the server from being idle until dropped.
pub(super) struct Stay(Connections);

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

impl Connections {
    /// Counts one more, until the returned value is dropped.
    pub(super) fn stay(&self) -> Stay {
        self.0.send_modify(|count| *count += 1);
        Stay(self.clone())
    }

    /// Waits until there has been no connection for this long.
    pub(super) async fn idle_for(&self, time: Duration) {
        let mut count = self.0.subscribe();
        // The sender is `self`, so waiting cannot fail.
        while count.wait_for(|count| *count == 0).await.is_ok() && !self.stay_idle(time).await {}
    }

    /// Whether there is no connection now, and none comes for this long.
    pub(super) async fn stay_idle(&self, time: Duration) -> bool {
        let mut count = self.0.subscribe();
        let is_idle = *count.borrow_and_update() == 0;
        is_idle && tokio::time::timeout(time, count.changed()).await.is_err()
    }
}

/// A listener that counts its connections and sets `TCP_NODELAY`.
pub(super) struct Counted {
    listener: TcpListener,
    connections: Connections,
}

impl Counted {
    pub(super) fn new(listener: TcpListener, connections: Connections) -> Self {
        Self { listener, connections }
    }
}

impl axum::serve::Listener for Counted {
    type Io = CountedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, from) = axum::serve::Listener::accept(&mut self.listener).await;
        // Without it, Nagle's algorithm delays each log line. A failure only costs that speed.
        let _ = stream.set_nodelay(true);
        let stream = CountedStream { stream, cut: Cut::default(), _stay: self.connections.stay() };
        (stream, from)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// Breaks a connection: nothing written to it from now on is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut(Arc<AtomicBool>);

impl Cut {
    pub(super) fn cut(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the demo breaks the connection"));
        }
        Ok(())
    }
}

impl Connected<IncomingStream<'_, Counted>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Counted>) -> Self {
        stream.io().cut.clone()
    }
}

/// A connection that is counted until dropped.
pub(super) struct CountedStream {
    stream: TcpStream,
    cut: Cut,
    _stay: Stay,
}

impl AsyncRead for CountedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, to)
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.cut.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn idle_is_reported_after_the_last_client_left() {
        let connections = Connections::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut counted = Counted::new(listener, connections.clone());
        let client = TcpStream::connect(address).await.expect("connected");
        let (server, _) = axum::serve::Listener::accept(&mut counted).await;
        let moment = Duration::from_millis(1);
        assert!(!connections.stay_idle(moment).await);
        let early = tokio::time::timeout(50 * moment, connections.idle_for(moment)).await;
        assert!(early.is_err(), "idle with a connection");
        drop((client, server));
        connections.idle_for(moment).await;
        assert!(connections.stay_idle(moment).await);
    }
}
