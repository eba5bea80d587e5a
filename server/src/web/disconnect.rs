//! Notices that a client has disconnected, so that its run is cancelled.
//!
//! | client | how it disconnects | noticed by | effect |
//! |---|---|---|---|
//! | HTTP, waiting for its response | closes the connection | [`ClientSocket::disconnected`], beside the handler | the handler's future is dropped, which cancels the run |
//! | HTTP, reading a stream of events | closes the connection | [`until_disconnected`](super::reply::until_disconnected), at the stream | the stream is dropped, which cancels the run |
//! | HTTP, no longer reading | keeps the connection open | [`WriteTimeout`](super::write_timeout::WriteTimeout), at the socket | the connection fails, then as above |
//! | MCP over HTTP without a session | closes the connection | as for HTTP, then `ReplyGuard` of the endpoint | the request's [`ClientGone`] token is cancelled |
//! | MCP over HTTP in a session | closes the connection, and does not resume the stream within 5 s | `ReplyGuard` of the endpoint | the same |
//! | MCP, any transport | sends `notifications/cancelled` | rmcp | the request's cancellation token is cancelled |
//! | MCP over standard input | closes standard input | `StdioTransport` | the session ends, and with it all its requests |
//!
//! hyper notices a closed connection only by reading from it. While it answers one request and the
//! next one is already in its buffer, it does not read, and the script would run to its end for
//! nobody. Therefore [`ClientSocket`] can be polled while hyper uses it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt as _;
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;

/// The interval at which the socket of a request is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The error of a response whose client has disconnected.
#[derive(Debug, thiserror::Error)]
#[error("the client disconnected")]
pub struct Disconnected;

/// A token in the extensions of an MCP request over HTTP, cancelled when its client is gone.
#[derive(Clone, Default)]
pub struct ClientGone(pub CancellationToken);

/// The socket of a connection. Cheap to clone: one clone reads and writes, others poll its state.
#[derive(Clone)]
pub struct ClientSocket(Arc<SocketStream>);

/// The stream of a connection.
pub enum SocketStream {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A connection to a UNIX socket.
    Unix(UnixStream),
}

impl From<TcpStream> for SocketStream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<UnixStream> for SocketStream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

/// Does the same with either kind of stream.
macro_rules! either {
    ($stream:expr, $name:ident => $what:expr) => {
        match $stream {
            SocketStream::Tcp($name) => $what,
            SocketStream::Unix($name) => $what,
        }
    };
}

impl ClientSocket {
    /// Wraps the stream of a connection.
    pub fn new(stream: impl Into<SocketStream>) -> Self {
        Self(Arc::new(stream.into()))
    }

    /// Returns once the client has closed its side of the connection, even if data that it sent
    /// before is still unread. hyper too treats a half-closed connection as closed.
    pub async fn disconnected(&self) {
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            // Unread data makes the socket ready as well, so only the state of the read half
            // counts.
            let state = either!(&*self.0, stream => stream.ready(Interest::READABLE).now_or_never());
            if state.is_some_and(|state| state.is_ok_and(|state| state.is_read_closed())) {
                return;
            }
        }
    }

    fn write<T>(
        &self,
        context: &mut Context<'_>,
        attempt: impl Fn(&SocketStream) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            ready!(either!(&*self.0, stream => stream.poll_write_ready(context)))?;
            match attempt(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(either!(&*self.0, stream => stream.poll_read_ready(context)))?;
            let capacity = buffer.remaining();
            let mut read = None;
            let tried = either!(&*self.0, stream => stream.try_io(Interest::READABLE, || {
                let length = read.insert(stream.try_read_buf(buffer)?);
                // A short read has emptied the socket. With `WouldBlock` tokio waits for readiness
                // and saves one read for each request, as its own `poll_read` does.
                if (1..capacity).contains(length) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            }));
            match tried {
                _ if read.is_some() => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(context, |stream| either!(stream, stream => stream.try_write(bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream| either!(stream, stream => stream.try_write_vectored(parts)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is buffered.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match either!(&*self.0, stream => shutdown(stream, Shutdown::Write)) {
            // The connection is closed already.
            Err(Errno::NOTCONN) => Ok(()),
            done => done.map_err(io::Error::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_disconnected_client_is_noticed_behind_unread_data() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut socket = ClientSocket::new(listener.accept().await.unwrap().0);
        client.write_all(b"one, two").await.unwrap();
        let mut part = [0; 3];
        socket.read_exact(&mut part).await.unwrap();
        assert!(timeout(POLL_INTERVAL * 3, socket.disconnected()).await.is_err(), "the client is connected");
        socket.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.unwrap();
        drop(client);
        timeout(POLL_INTERVAL * 20, socket.disconnected()).await.expect("the client is gone");
        // The data that it sent is still readable.
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).await.unwrap();
        assert_eq!((&part, &rest[..]), (b"one", &b", two"[..]));
    }
}
