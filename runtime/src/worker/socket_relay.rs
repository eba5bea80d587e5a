//! WebSockets both ends of which are in this process: those that a Worker passes on, and those of
//! Workers that fetch from each other.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::fetch_host::SocketServer;
use super::protocol::{SocketKey, SocketPiece};
use super::socket::{RefusedPiece, SocketOutput, SocketOwner, WorkerSocket};
use super::socket_queue::SocketQueue;

/// The time that the other end of a WebSocket has after its Worker is gone, to take what was sent
/// before, and that both ends have to answer a close that neither has asked for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The code for a message that is too long, and its reason (RFC 6455, section 7.4.1).
const TOO_LONG: (u16, &str) = (1009, "the message is too long");

/// The code for a receiver that has no room at present (IANA registry), and its reason.
const NO_ROOM: (u16, &str) = (1013, "too many long messages at once");

/// Serves one end of a WebSocket whose other end is `socket`, the one of `queue`.
pub(super) async fn serve(server: SocketServer, socket: WorkerSocket, queue: Arc<SocketQueue>) {
    let gone = async {
        queue.gone().await;
        tokio::time::sleep(CLOSE_TIMEOUT).await;
    };
    tokio::select! {
        () = server(socket) => {}
        () = gone => {}
    }
}

/// Returns the end of a WebSocket that is connected with a server, which runs on `tokio`.
pub(super) fn passed(server: SocketServer, tokio: &tokio::runtime::Handle) -> WorkerSocket {
    let (near, far) = (Arc::new(SocketQueue::new()), Arc::new(SocketQueue::new()));
    let end = |own: &Arc<SocketQueue>, other: &Arc<SocketQueue>| {
        let owner = Arc::new(OtherEnd { own: own.clone(), other: other.clone() });
        WorkerSocket::new(SocketKey::Request(0), own.clone(), owner)
    };
    tokio.spawn(serve(server, end(&far, &near), far.clone()));
    end(&near, &far)
}

/// The place of the Worker for one end of a WebSocket: the other end.
struct OtherEnd {
    own: Arc<SocketQueue>,
    other: Arc<SocketQueue>,
}

impl SocketOwner for OtherEnd {
    fn has_room(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn send_piece(&self, _: SocketKey, piece: SocketPiece) {
        // What an end sends was checked before it came here.
        if self.other.push(piece).is_err() {
            self.other.end();
        }
    }

    fn confirm(&self, _: SocketKey, cost: usize) {
        self.other.credit.add_permits(cost);
    }

    fn closed(&self, _: SocketKey, code: u16, reason: String, is_lost: bool) {
        if self.own.peer_closed(is_lost).is_none() {
            return;
        }
        if is_lost || self.other.close(code, reason).is_err() {
            self.other.end();
        }
    }

    /// The one that a message reaches at last has a bound.
    fn max_message(&self) -> usize {
        usize::MAX
    }

    fn reserve(&self, _: usize) -> bool {
        true
    }

    fn release(&self, _: usize) {}
}

/// The end of one direction of a relay.
#[derive(PartialEq, Eq)]
enum RelayEnd {
    /// The sender has closed it. The other direction goes on.
    Closed,
    /// One of the ends is lost.
    Lost,
}

/// Carries messages between the WebSockets of two Workers until both have closed theirs or one is
/// gone. When `closing` is ready, both are closed with its code and reason.
pub async fn relay_sockets(
    first: WorkerSocket,
    second: WorkerSocket,
    closing: impl Future<Output = (u16, &'static str)> + Send,
) {
    let both = async {
        let (mut there, mut back) = (pin!(forward(&first, &second)), pin!(forward(&second, &first)));
        tokio::select! {
            end = &mut there => if end == RelayEnd::Closed {
                back.await;
            },
            end = &mut back => if end == RelayEnd::Closed {
                there.await;
            },
        }
    };
    let mut both = pin!(both);
    let (code, reason) = tokio::select! {
        () = &mut both => return,
        close = closing => close,
    };
    for socket in [&first, &second] {
        socket.close(code, reason.to_owned());
    }
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, both).await;
}

/// Returns the server of the other end of a Worker's WebSocket, for another Worker.
pub(super) fn server_of(callee: WorkerSocket) -> SocketServer {
    Box::new(|caller| Box::pin(relay_sockets(callee, caller, pending())))
}

/// Carries messages in one direction. When an end is lost, dropping the other one tells its Worker.
async fn forward(from: &WorkerSocket, to: &WorkerSocket) -> RelayEnd {
    loop {
        let refused = match from.next().await {
            SocketOutput::Piece(piece) => match to.send(piece).await {
                Ok(()) => continue,
                Err(refused) => refused,
            },
            SocketOutput::Close { code, reason } => {
                to.close(code, reason);
                return RelayEnd::Closed;
            }
            SocketOutput::Gone => return RelayEnd::Lost,
        };
        let (code, reason) = match refused {
            RefusedPiece::Gone => return RelayEnd::Lost,
            RefusedPiece::TooLong => TOO_LONG,
            RefusedPiece::NoRoom => NO_ROOM,
        };
        from.close(code, reason.to_owned());
        return RelayEnd::Lost;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use parking_lot::Mutex;
    use tokio::sync::oneshot;

    use super::*;
    use crate::worker::protocol::{CLOSE_CODE_LOST, MAX_PIECE_BYTES, SOCKET_WINDOW_BYTES};

    /// Returns an end, and the one that the server of its WebSocket got.
    async fn pair() -> (WorkerSocket, WorkerSocket) {
        let (given, get) = oneshot::channel();
        let server: SocketServer = Box::new(|socket| {
            let _ = given.send(socket);
            Box::pin(pending())
        });
        (passed(server, &tokio::runtime::Handle::current()), get.await.unwrap())
    }

    fn piece(bytes: usize) -> SocketPiece {
        SocketPiece { is_text: false, is_last: true, bytes: vec![7; bytes] }
    }

    #[tokio::test]
    async fn messages_pass_within_the_window_in_both_directions() {
        let (near, far) = pair().await;
        for (from, to) in [(&near, &far), (&far, &near)] {
            let sent = Mutex::new(0);
            let send = async {
                loop {
                    from.send(piece(MAX_PIECE_BYTES)).await.unwrap();
                    *sent.lock() += 1;
                }
            };
            let mut send = pin!(send);
            assert!((&mut send).now_or_never().is_none());
            let window = SOCKET_WINDOW_BYTES / (MAX_PIECE_BYTES + 64);
            assert_eq!(*sent.lock(), window);
            for _ in 0..window {
                assert_eq!(to.next().await, SocketOutput::Piece(piece(MAX_PIECE_BYTES)));
            }
            assert!(send.now_or_never().is_none());
            assert!(*sent.lock() > window, "what was taken makes room");
        }
    }

    #[tokio::test]
    async fn a_close_and_a_loss_pass() {
        let (near, far) = pair().await;
        near.send(piece(1)).await.unwrap();
        near.close(1000, "bye".into());
        assert_eq!(far.next().await, SocketOutput::Piece(piece(1)));
        assert_eq!(far.next().await, SocketOutput::Close { code: 1000, reason: "bye".into() });
        far.send(piece(2)).await.unwrap();
        far.close(CLOSE_CODE_LOST - 1, String::new());
        assert_eq!(near.next().await, SocketOutput::Piece(piece(2)));
        assert_eq!(near.next().await, SocketOutput::Close { code: 1005, reason: String::new() });

        let (near, far) = pair().await;
        drop(far);
        assert_eq!(near.next().await, SocketOutput::Gone);
        assert_eq!(near.send(piece(1)).await, Err(RefusedPiece::Gone));
    }

    #[tokio::test]
    async fn a_relay_carries_messages_and_ends_with_both_ends() {
        let ((first, callee), (caller, second)) = (pair().await, pair().await);
        let relay = tokio::spawn(relay_sockets(callee, caller, pending()));
        first.send(piece(3)).await.unwrap();
        assert_eq!(second.next().await, SocketOutput::Piece(piece(3)));
        first.close(1000, String::new());
        assert!(matches!(second.next().await, SocketOutput::Close { code: 1000, .. }));
        second.send(piece(4)).await.unwrap();
        second.close(3000, "too".into());
        assert_eq!(first.next().await, SocketOutput::Piece(piece(4)));
        assert_eq!(first.next().await, SocketOutput::Close { code: 3000, reason: "too".into() });
        relay.await.unwrap();

        let ((first, callee), (caller, second)) = (pair().await, pair().await);
        let relay = tokio::spawn(relay_sockets(callee, caller, pending()));
        drop(first);
        assert_eq!(second.next().await, SocketOutput::Gone);
        relay.await.unwrap();
    }

    #[tokio::test]
    async fn a_relay_is_closed_from_outside() {
        let ((first, callee), (caller, second)) = (pair().await, pair().await);
        let relay = tokio::spawn(relay_sockets(callee, caller, std::future::ready((1012, "restarts"))));
        for end in [&first, &second] {
            assert_eq!(end.next().await, SocketOutput::Close { code: 1012, reason: "restarts".into() });
            end.close(1012, String::new());
        }
        relay.await.unwrap();
    }
}
