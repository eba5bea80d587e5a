//! The connection of one WebSocket: both directions at once, and its end.
//!
//! ```text
//!   open ── close of the client ──► the Worker answers, or the connection does ──► closed
//!     │  ── close of the Worker ──► the client answers ─────────────────────────► closed
//!     │  ── the server stops ─────► both are told; the client answers ──────────► closed
//!     │  ── a rule is broken ─────► the client is told the code ────────────────► lost
//!     │  ── nothing comes back from a ping, or the connection breaks ───────────► lost
//!     └──── the Worker is gone ───────────────────────────────────────────────────► cut
//! ```

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use isolet_runtime::{RefusedPiece, SocketOutput, SocketPiece, WorkerSocket};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::web::websocket::decoder::{FrameDecoder, Received, Violation};
use crate::web::websocket::encoder::FrameEncoder;
use crate::web::websocket::{GOING_AWAY, Peer, RESTARTS, TOO_LONG, TRY_AGAIN_LATER};

/// The times of a connection.
pub struct SocketTimes {
    /// The time without anything from the client after which it is pinged, and after which it is
    /// lost if nothing comes back.
    pub ping: Duration,
    /// The time that the other end has to answer a close.
    pub close: Duration,
    /// The time that a client has to take the last frame before its connection is cut.
    pub linger: Duration,
}

/// The times of all connections.
pub const SOCKET_TIMES: SocketTimes = SocketTimes {
    ping: Duration::from_secs(30),
    close: Duration::from_secs(10),
    linger: Duration::from_secs(1),
};

/// The bytes that are read at once from a client that is quiet, and from one that is not.
const MIN_READ_BYTES: usize = 1 << 10;
const MAX_READ_BYTES: usize = 16 << 10;

/// The bytes of frames that are written together.
const MAX_WRITE_BYTES: usize = 32 << 10;

/// The end of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketEnd {
    /// Both ends have closed it.
    Closed,
    /// The client was lost, or broke the protocol.
    Lost,
    /// The Worker was gone, or cut the connection.
    Cut,
}

/// The Worker's end of a WebSocket.
pub trait WorkerEnd: Sync {
    /// Sends a piece of a message to the Worker, once it has taken what was sent before.
    fn send(&self, piece: SocketPiece) -> impl Future<Output = Result<(), RefusedPiece>> + Send;

    /// Tells the Worker that the client has closed the WebSocket.
    fn close(&self, code: u16, reason: String);

    /// Tells the Worker that the connection is lost.
    fn lose(&self);

    /// Waits for what the Worker does next.
    fn next(&self) -> impl Future<Output = SocketOutput> + Send;
}

impl WorkerEnd for WorkerSocket {
    fn send(&self, piece: SocketPiece) -> impl Future<Output = Result<(), RefusedPiece>> + Send {
        Self::send(self, piece)
    }

    fn close(&self, code: u16, reason: String) {
        Self::close(self, code, reason);
    }

    fn lose(&self) {
        Self::lose(self);
    }

    fn next(&self) -> impl Future<Output = SocketOutput> + Send {
        Self::next(self)
    }
}

/// The events that close a WebSocket from outside. By default there are none.
#[derive(Default)]
pub struct Closing {
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// Cancelled when a newer version of the Worker has taken its place.
    pub retired: CancellationToken,
}

impl Closing {
    /// Waits for one of them. Returns the code and the reason of the close frame.
    pub async fn requested(&self) -> (u16, &'static str) {
        tokio::select! {
            () = self.stop.cancelled() => (GOING_AWAY, "the server stops"),
            () = self.retired.cancelled() => (RESTARTS, "a newer version of the Worker has started"),
        }
    }
}

/// The end of what a client sends.
enum ReadEnd {
    /// Its close frame.
    Closed { code: u16, reason: String },
    /// The connection is lost.
    Lost,
    /// It broke a rule.
    Broken(Violation),
    /// The Worker takes nothing more.
    Gone,
}

/// The end of what is sent to a client.
#[derive(Debug, PartialEq, Eq)]
enum WriteEnd {
    /// The close frame was sent.
    Closed,
    /// The connection is lost.
    Lost,
    /// The Worker is gone.
    Cut,
}

/// The frames of the connection itself, between the messages of the Worker.
#[derive(Default)]
struct OwnFrames {
    pending: Mutex<PendingFrames>,
    added: Notify,
}

#[derive(Default)]
struct PendingFrames {
    /// The payload of the last ping that was not answered. One answer is enough for several.
    pong: Option<Vec<u8>>,
    ping: bool,
    close: Option<(u16, String)>,
}

impl OwnFrames {
    fn add(&self, add: impl FnOnce(&mut PendingFrames)) {
        add(&mut self.pending.lock());
        self.added.notify_one();
    }

    async fn next(&self) -> PendingFrames {
        loop {
            let added = self.added.notified();
            let pending = std::mem::take(&mut *self.pending.lock());
            if pending.pong.is_some() || pending.ping || pending.close.is_some() {
                return pending;
            }
            added.await;
        }
    }
}

/// Serves a WebSocket with a peer, which is called the client here, until it has ended.
pub async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send,
    peer: Peer,
    worker: &impl WorkerEnd,
    closing: &Closing,
    times: &SocketTimes,
) -> SocketEnd {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let own = OwnFrames::default();
    let end = {
        let reading = read(&mut reader, FrameDecoder::of(peer), worker, &own, times.ping);
        let writing = write(&mut writer, FrameEncoder::to(peer), worker, &own, closing);
        let (mut reading, mut writing) = (pin!(reading), pin!(writing));
        let first = tokio::select! {
            end = &mut reading => Ok(end),
            end = &mut writing => Err(end),
        };
        match first {
            Ok(ReadEnd::Closed { code, reason }) => {
                let written = match timeout(times.close, &mut writing).await {
                    Ok(written) => Ok(written),
                    // The Worker does not answer; the client gets its own code.
                    Err(_) => {
                        own.add(|pending| pending.close = Some((code, reason)));
                        timeout(times.linger, &mut writing).await
                    }
                };
                match written {
                    Ok(WriteEnd::Closed) => SocketEnd::Closed,
                    Ok(WriteEnd::Cut) => SocketEnd::Cut,
                    Ok(WriteEnd::Lost) | Err(_) => SocketEnd::Lost,
                }
            }
            Ok(ReadEnd::Broken(Violation { code, rule })) => {
                worker.lose();
                own.add(|pending| pending.close = Some((code, rule.to_owned())));
                let _ = timeout(times.close, &mut writing).await;
                SocketEnd::Lost
            }
            Ok(ReadEnd::Lost) => {
                worker.lose();
                SocketEnd::Lost
            }
            // What it has sent before is still written.
            Ok(ReadEnd::Gone) => match timeout(times.close, &mut writing).await {
                Ok(WriteEnd::Closed) => SocketEnd::Closed,
                _ => SocketEnd::Cut,
            },
            Err(WriteEnd::Closed) => match timeout(times.close, &mut reading).await {
                Ok(ReadEnd::Closed { .. }) => SocketEnd::Closed,
                Ok(ReadEnd::Gone) => SocketEnd::Cut,
                Ok(ReadEnd::Lost | ReadEnd::Broken(_)) | Err(_) => {
                    worker.lose();
                    SocketEnd::Lost
                }
            },
            Err(WriteEnd::Lost) => {
                worker.lose();
                SocketEnd::Lost
            }
            Err(WriteEnd::Cut) => SocketEnd::Cut,
        }
    };
    // A client that still sends would not read the last frame if the connection were reset.
    if writer.shutdown().await.is_ok() && end == SocketEnd::Lost {
        let drained = async {
            let mut rest = BytesMut::with_capacity(MIN_READ_BYTES);
            while reader.read_buf(&mut rest).await.is_ok_and(|read| read > 0) {
                rest.clear();
            }
        };
        let _ = timeout(times.linger, drained).await;
    }
    end
}

/// Gives the Worker what the client sends, until one of them ends.
async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    mut decoder: FrameDecoder,
    worker: &impl WorkerEnd,
    own: &OwnFrames,
    ping_interval: Duration,
) -> ReadEnd {
    let (mut is_pinged, mut next_read) = (false, MIN_READ_BYTES);
    loop {
        match decoder.next() {
            Ok(Some(Received::Piece(piece))) => match worker.send(piece).await {
                Ok(()) => {}
                Err(RefusedPiece::Gone) => return ReadEnd::Gone,
                Err(RefusedPiece::TooLong) => {
                    return ReadEnd::Broken(Violation { code: TOO_LONG, rule: "the message is too long" });
                }
                Err(RefusedPiece::NoRoom) => {
                    let rule = "too many long messages at once";
                    return ReadEnd::Broken(Violation { code: TRY_AGAIN_LATER, rule });
                }
            },
            Ok(Some(Received::Ping(payload))) => own.add(|pending| pending.pong = Some(payload)),
            Ok(Some(Received::Pong)) => {}
            Ok(Some(Received::Close { code, reason })) => {
                worker.close(code, reason.clone());
                return ReadEnd::Closed { code, reason };
            }
            Err(violation) => return ReadEnd::Broken(violation),
            Ok(None) => {
                if decoder.buffer.is_empty() && decoder.buffer.capacity() > next_read {
                    decoder.buffer = BytesMut::new();
                }
                decoder.buffer.reserve(next_read);
                match timeout(ping_interval, reader.read_buf(&mut decoder.buffer)).await {
                    Ok(Ok(0) | Err(_)) => return ReadEnd::Lost,
                    Ok(Ok(read)) => {
                        is_pinged = false;
                        next_read = if read < MIN_READ_BYTES { MIN_READ_BYTES } else { MAX_READ_BYTES };
                    }
                    Err(_) if is_pinged => return ReadEnd::Lost,
                    Err(_) => {
                        is_pinged = true;
                        next_read = MIN_READ_BYTES;
                        own.add(|pending| pending.ping = true);
                    }
                }
            }
        }
    }
}

/// Sends the client what the Worker and the connection send, until one of them closes the
/// WebSocket.
async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    mut encoder: FrameEncoder,
    worker: &impl WorkerEnd,
    own: &OwnFrames,
    closing: &Closing,
) -> WriteEnd {
    loop {
        let mut end = None;
        tokio::select! {
            biased;
            frames = own.next() => {
                if let Some(payload) = frames.pong {
                    encoder.pong(&payload);
                }
                if frames.ping {
                    encoder.ping();
                }
                if let Some((code, reason)) = frames.close {
                    encoder.close(code, &reason);
                    end = Some(WriteEnd::Closed);
                }
            }
            (code, reason) = closing.requested() => {
                encoder.close(code, reason);
                worker.close(code, reason.to_owned());
                end = Some(WriteEnd::Closed);
            }
            output = worker.next() => end = add(&mut encoder, output),
        }
        while end.is_none() && encoder.buffer.len() < MAX_WRITE_BYTES {
            match worker.next().now_or_never() {
                Some(output) => end = add(&mut encoder, output),
                None => break,
            }
        }
        if writer.write_all(&encoder.buffer).await.is_err() || writer.flush().await.is_err() {
            return WriteEnd::Lost;
        }
        if let Some(end) = end {
            return end;
        }
        // A quiet connection keeps no buffer.
        encoder.buffer = BytesMut::new();
    }
}

/// Adds what the Worker does. Returns the end, if it is one.
fn add(encoder: &mut FrameEncoder, output: SocketOutput) -> Option<WriteEnd> {
    match output {
        SocketOutput::Piece(piece) => {
            encoder.piece(&piece);
            None
        }
        SocketOutput::Close { code, reason } => {
            encoder.close(code, &reason);
            Some(WriteEnd::Closed)
        }
        SocketOutput::Gone => Some(WriteEnd::Cut),
    }
}

#[cfg(test)]
mod tests;
