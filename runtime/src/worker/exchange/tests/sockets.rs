//! WebSockets whose Worker was taken over, and their limits.

use super::*;
use crate::worker::protocol::{
    MAX_PIECE_BYTES, PIECE_OVERHEAD_BYTES, SOCKET_WINDOW_BYTES, SocketKey, SocketPiece,
};
use crate::worker::socket::{RefusedPiece, WorkerSocket};

pub(super) fn opened(id: u32) -> FromWorker {
    let head = ResponseHead { status: 101, ..head() };
    FromWorker::Response { id, head, body: BodyStart::Socket }
}

pub(super) fn piece(id: u32, bytes: usize, is_text: bool, is_last: bool) -> FromWorker {
    FromWorker::SocketPiece {
        socket: SocketKey::Request(id),
        piece: SocketPiece { is_text, is_last, bytes: vec![b'x'; bytes] },
    }
}

fn text(id: u32, bytes: &[u8], is_last: bool) -> FromWorker {
    FromWorker::SocketPiece {
        socket: SocketKey::Request(id),
        piece: SocketPiece { is_text: true, is_last, bytes: bytes.to_vec() },
    }
}

fn close(id: u32, code: u16, reason: &str) -> FromWorker {
    FromWorker::SocketClose { socket: SocketKey::Request(id), code, reason: reason.to_owned() }
}

fn incoming(bytes: usize, is_last: bool) -> SocketPiece {
    SocketPiece { is_text: false, is_last, bytes: vec![1; bytes] }
}

/// Opens the WebSocket of a request that has begun.
async fn open(exchanges: &Arc<Exchanges>, id: u32) -> WorkerSocket {
    let mut pending = begin(exchanges, id, RequestBody::Empty);
    exchanges.receive(opened(id)).unwrap();
    match pending.answer().await.unwrap().body {
        ResponseBody::Socket(socket) => socket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_message_of_a_socket_has_its_place() {
    let message = |bytes| piece(1, bytes, false, true);
    let credit = |bytes| FromWorker::SocketCredit { socket: SocketKey::Request(1), bytes };
    let (fits, breaks) = (true, false);
    let cases: Vec<(&str, bool, Vec<FromWorker>)> = vec![
        ("messages", fits, vec![message(0), message(100), piece(1, 9, true, true), ended_message(1)]),
        ("pieces", fits, vec![piece(1, 9, true, false), piece(1, 0, true, true), close(1, 1000, "bye")]),
        ("text that is cut in a character", fits, vec![text(1, b"\xc3", false), text(1, b"\xa9", true)]),
        ("a close without a code", fits, vec![close(1, 1005, ""), ended_message(1)]),
        ("a cut within a message", fits, vec![piece(1, 9, true, false), close(1, 1006, "")]),
        ("a second answer", breaks, vec![opened(1)]),
        ("a body", breaks, vec![chunk(1, 1)]),
        ("the end of a body", breaks, vec![body_end(1)]),
        ("a message after the close", breaks, vec![close(1, 1000, ""), message(1)]),
        ("a message after a cut", breaks, vec![close(1, 1006, ""), message(1)]),
        ("two closes", breaks, vec![close(1, 1000, ""), close(1, 1000, "")]),
        ("a message after the end", breaks, vec![ended_message(1), message(1)]),
        ("a message of no socket", breaks, vec![piece(2, 1, true, true)]),
        ("a close of no socket", breaks, vec![close(2, 1000, "")]),
        (
            "credit of no socket",
            breaks,
            vec![FromWorker::SocketCredit { socket: SocketKey::Request(2), bytes: 1 }],
        ),
        ("a message of no request", breaks, vec![piece(9, 1, true, true)]),
        ("an empty piece", breaks, vec![piece(1, 0, true, false)]),
        ("text in a message of bytes", breaks, vec![piece(1, 1, false, false), piece(1, 1, true, true)]),
        ("text that is not UTF-8", breaks, vec![text(1, b"\xff", true)]),
        ("text that ends in a character", breaks, vec![text(1, b"\xc3", true)]),
        ("a close within a message", breaks, vec![piece(1, 1, true, false), close(1, 1000, "")]),
        ("a long reason", breaks, vec![close(1, 1000, &"x".repeat(124))]),
        ("a reserved code", breaks, vec![close(1, 1015, "")]),
        ("a code of nothing", breaks, vec![close(1, 0, "")]),
        ("a code above all", breaks, vec![close(1, 5000, "")]),
        ("credit for what was not sent", breaks, vec![credit(1)]),
        ("credit of nothing", breaks, vec![credit(0)]),
        ("more than the window", breaks, vec![message(SOCKET_WINDOW_BYTES)]),
        (
            "many empty messages",
            breaks,
            (0..=SOCKET_WINDOW_BYTES / PIECE_OVERHEAD_BYTES).map(|_| message(0)).collect(),
        ),
    ];
    for (name, expected, messages) in cases {
        within(async {
            let (exchanges, _) = exchanges();
            let _socket = open(&exchanges, 1).await;
            let _other = begin(&exchanges, 2, RequestBody::Empty);
            let results: Vec<_> = messages.into_iter().map(|message| exchanges.receive(message)).collect();
            let (last, before) = results.split_last().unwrap();
            assert_eq!(last.is_ok(), expected, "{name}: {results:?}");
            assert!(before.iter().all(Result::is_ok), "{name}: {results:?}");
            exchanges.close(0, &ended());
        });
    }
    let (exchanges, _) = exchanges();
    let _pending = begin(&exchanges, 1, RequestBody::Empty);
    assert!(exchanges.receive(response(1, BodyStart::Socket)).is_err(), "a socket with status 200");
    let head = ResponseHead { status: 101, ..head() };
    assert!(exchanges.receive(FromWorker::Response { id: 1, head, body: BodyStart::Empty }).is_err());
}

#[test]
fn what_was_taken_is_confirmed_in_both_directions() {
    within(async {
        let (exchanges, sent) = exchanges();
        let socket = open(&exchanges, 1).await;
        for _ in 0..3 {
            exchanges.receive(piece(1, MAX_PIECE_BYTES, false, true)).unwrap();
        }
        assert_eq!(sent.count("SocketCredit"), 0);
        assert!(matches!(socket.next().await, SocketOutput::Piece(_)));
        assert_eq!(sent.count("SocketCredit"), 1);
        exchanges.receive(piece(1, MAX_PIECE_BYTES, false, true)).unwrap();
        exchanges.receive(close(1, 1000, "bye")).unwrap();
        for _ in 0..3 {
            assert!(matches!(socket.next().await, SocketOutput::Piece(_)));
        }
        assert_eq!(socket.next().await, SocketOutput::Close { code: 1000, reason: "bye".into() });

        // The Worker gets no more than the window before it confirms.
        let send = async {
            for _ in 0..8 {
                socket.send(incoming(MAX_PIECE_BYTES, true)).await.unwrap();
            }
        };
        assert!(tokio::time::timeout(Duration::from_millis(50), send).await.is_err());
        assert_eq!(sent.count("SocketPiece"), 3);
        let cost = (MAX_PIECE_BYTES + PIECE_OVERHEAD_BYTES) as u32;
        exchanges.receive(FromWorker::SocketCredit { socket: SocketKey::Request(1), bytes: cost }).unwrap();
        socket.send(incoming(MAX_PIECE_BYTES, true)).await.unwrap();
        exchanges.receive(ended_message(1)).unwrap();
        assert_eq!(socket.send(incoming(1, true)).await, Err(RefusedPiece::Gone));
        assert_eq!(socket.next().await, SocketOutput::Gone);
    });
}

#[test]
fn a_message_and_incomplete_messages_together_are_bounded() {
    within(async {
        let sent = Arc::new(SentMessages::default());
        let limits = Limits { memory: 8 << 20, ..limits() };
        let exchanges = Exchanges::new(sent, Arc::new(|_, _| ()), &limits, &limits, None);
        let sockets = [open(&exchanges, 1).await, open(&exchanges, 2).await, open(&exchanges, 3).await];
        // The bound is an eighth of the memory: 1 MiB. The Worker confirms at once.
        let send = async |at: usize, pieces: usize| {
            for _ in 0..pieces {
                sockets[at].send(incoming(MAX_PIECE_BYTES, false)).await?;
                let bytes = (MAX_PIECE_BYTES + PIECE_OVERHEAD_BYTES) as u32;
                exchanges
                    .receive(FromWorker::SocketCredit { socket: SocketKey::Request(at as u32 + 1), bytes })
                    .unwrap();
            }
            Ok(())
        };
        send(0, 40).await.unwrap();
        assert_eq!(send(1, 40).await, Err(RefusedPiece::NoRoom));
        // Short messages need no room, and the end of a long one gives it back.
        sockets[2].send(incoming(1000, true)).await.unwrap();
        sockets[0].send(incoming(10, true)).await.unwrap();
        send(2, 20).await.unwrap();
        send(0, 20).await.unwrap();
        assert_eq!(send(2, 60).await, Err(RefusedPiece::NoRoom));
        let [first, second, third] = sockets;
        drop((second, third));
        for _ in 0..44 {
            first.send(incoming(MAX_PIECE_BYTES, false)).await.unwrap();
            let bytes = (MAX_PIECE_BYTES + PIECE_OVERHEAD_BYTES) as u32;
            exchanges.receive(FromWorker::SocketCredit { socket: SocketKey::Request(1), bytes }).unwrap();
        }
        assert_eq!(first.send(incoming(1, true)).await, Err(RefusedPiece::TooLong));
    });
}

#[test]
fn the_worker_is_told_once_that_a_socket_is_closed_and_must_end_its_request() {
    within(async {
        let sent = Arc::new(SentMessages::default());
        let mut exchanges = Exchanges::new(sent.clone(), Arc::new(|_, _| ()), &limits(), &limits(), None);
        Arc::get_mut(&mut exchanges).unwrap().end_timeout = Duration::from_millis(50);
        let quiet =
            async || tokio::time::timeout(Duration::from_millis(100), exchanges.overdue()).await.is_err();
        let first = open(&exchanges, 1).await;
        first.close(1000, "bye".into());
        first.close(1001, "again".into());
        assert_eq!(sent.count("SocketClosed { socket: Request(1), code: 1000"), 1);
        assert!(quiet().await, "the Worker may send after a close");
        exchanges.receive(close(1, 1000, "")).unwrap();
        assert!(!quiet().await, "both have closed it");
        exchanges.receive(ended_message(1)).unwrap();
        drop(first);

        let second = open(&exchanges, 2).await;
        assert!(quiet().await, "an open one goes on");
        drop(second);
        assert_eq!(sent.count("SocketClosed"), 2);
        assert!(!quiet().await, "it is lost");
        exchanges.receive(ended_message(2)).unwrap();
        assert_eq!((exchanges.live(), quiet().await), (0, true));
    });
}

#[test]
fn each_message_may_use_the_limits_again() {
    within(async {
        let (exchanges, _) = exchanges();
        let socket = open(&exchanges, 1).await;
        let calls = || (0..20).take_while(|_| exchanges.count_call(1).is_ok()).count();
        assert_eq!(calls(), 3);
        let (second, third) = open_other(&exchanges).await;
        second.send(incoming(1, true)).await.unwrap();
        second.send(incoming(1, false)).await.unwrap();
        second.send(incoming(1, true)).await.unwrap();
        let calls = (0..20).take_while(|_| exchanges.count_call(2).is_ok()).count();
        assert_eq!(calls, 9, "those of the request and of two messages");
        drop((socket, second, third));
    });
}

async fn open_other(exchanges: &Arc<Exchanges>) -> (WorkerSocket, WorkerSocket) {
    (open(exchanges, 2).await, open(exchanges, 3).await)
}
