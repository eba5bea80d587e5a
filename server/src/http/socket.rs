//! A connection's socket, which can be looked at while hyper has it.
//!
//! hyper hears a client hang up by reading. While it answers one request and the next one waits behind it, it does not read,
//! and would let a script run to its end for nobody.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt as _;
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// How often a request's socket is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Why an answer is not given, or not to its end.
#[derive(Debug, thiserror::Error)]
#[error("the client hung up")]
pub struct HungUp;

/// Cheap to clone. One clone reads and writes, others look.
#[derive(Clone)]
pub struct Socket(Arc<TcpStream>);

impl Socket {
    /// The socket of one connection.
    pub fn new(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }

    /// Returns when the client has closed its side, whether or not something it sent before is still unread. hyper takes a
    /// client that closes one side for gone, too.
    pub async fn hung_up(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            // What waits to be read makes this ready at once, and so it says nothing by itself.
            let state = self.0.ready(Interest::READABLE).now_or_never();
            if state.is_some_and(|state| state.is_ok_and(|state| state.is_read_closed())) {
                return;
            }
        }
    }

    fn write<T>(
        &self,
        context: &mut Context<'_>,
        attempt: impl Fn(&TcpStream) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match attempt(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            let room = buffer.remaining();
            let mut read = None;
            let tried = self.0.try_io(Interest::READABLE, || {
                let length = read.insert(self.0.try_read_buf(buffer)?);
                // Less than there was room for is all that has come. Told so, tokio asks the kernel instead of trying
                // again, which would be a system call more for each request; its own reading does this too.
                if (1..room).contains(length) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match tried {
                _ if read.is_some() => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |stream| stream.try_write_vectored(parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is kept back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match shutdown(&*self.0, Shutdown::Write) {
            // It is closed already.
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
    async fn a_client_that_hangs_up_is_noticed_behind_what_it_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut socket = Socket::new(listener.accept().await.unwrap().0);
        client.write_all(b"one, two").await.unwrap();
        let mut part = [0; 3];
        socket.read_exact(&mut part).await.unwrap();
        assert!(timeout(LOOK * 3, socket.hung_up()).await.is_err(), "it is still there");
        socket.write_all(b"answer").await.unwrap();
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.unwrap();
        drop(client);
        timeout(LOOK * 20, socket.hung_up()).await.expect("it is gone");
        // What it sent is still there.
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).await.unwrap();
        assert_eq!((&part, &rest[..]), (b"one", &b", two"[..]));
    }
}
