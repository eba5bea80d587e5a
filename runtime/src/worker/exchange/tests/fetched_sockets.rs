//! WebSockets that fetches were answered with, of a Worker that was taken over.

use super::*;
use crate::worker::fetch_host::{FetchedBody, FetchedResponse};
use crate::worker::protocol::{MAX_PIECE_BYTES, PIECE_OVERHEAD_BYTES, SocketPiece};
use crate::worker::socket::{RefusedPiece, WorkerSocket};

/// A host that answers each fetch with a WebSocket.
#[derive(Default)]
struct Opener {
    /// The ends that were accepted.
    accepted: Arc<Mutex<Vec<WorkerSocket>>>,
    /// A WebSocket that the next answer holds.
    held: Arc<Mutex<Option<WorkerSocket>>>,
}

impl FetchHost for Opener {
    fn fetch(&self, _: FetchRequest) -> FetchFuture {
        let (accepted, held) = (self.accepted.clone(), self.held.lock().take());
        Box::pin(async move {
            let body = FetchedBody::Socket(Box::new(move |socket| {
                drop(held);
                accepted.lock().push(socket);
                Box::pin(std::future::pending())
            }));
            Ok(FetchedResponse { head: ResponseHead { status: 101, ..head() }, body })
        })
    }
}

struct Setup {
    exchanges: Arc<Exchanges>,
    sent: Arc<SentMessages>,
    accepted: Arc<Mutex<Vec<WorkerSocket>>>,
    held: Arc<Mutex<Option<WorkerSocket>>>,
    pending: PendingAnswer,
}

impl Setup {
    /// Returns a Worker whose request 1 has made fetch 7, which was answered with a WebSocket.
    async fn new() -> Self {
        let (sent, opener) = (Arc::new(SentMessages::default()), Opener::default());
        let (accepted, held) = (opener.accepted.clone(), opener.held.clone());
        let mut bindings = FetchBindings::default();
        bindings.add("A", Arc::new(opener));
        let fetches = Fetches::new(bindings, tokio::runtime::Handle::current());
        let exchanges =
            Exchanges::new(sent.clone(), Arc::new(|_, _| ()), &limits(), &limits(), Some(fetches));
        let pending = begin(&exchanges, 1, RequestBody::Empty);
        let setup = Self { exchanges, sent, accepted, held, pending };
        setup.fetch(7);
        setup.sent("Fetched", 1).await;
        setup
    }

    /// Makes a fetch for request 1.
    fn fetch(&self, call: u32) {
        let target = FetchTarget::Binding("A".into());
        let (head, body) = (RequestHead::default(), BodyStart::Empty);
        self.receive(FromWorker::Fetch { id: 1, call, target, head, body }).unwrap();
    }

    fn receive(&self, message: FromWorker) -> Result<(), &'static str> {
        self.exchanges.receive(message)
    }

    /// Waits until this number of messages of a kind was sent.
    async fn sent(&self, kind: &str, count: usize) {
        while self.sent.count(kind) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Accepts the WebSocket and returns its other end.
    async fn accept(&self) -> WorkerSocket {
        self.receive(accepted(7)).unwrap();
        loop {
            if let Some(socket) = self.accepted.lock().pop() {
                return socket;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

const KEY: SocketKey = SocketKey::Fetch(7);

fn accepted(call: u32) -> FromWorker {
    FromWorker::SocketAccepted { call }
}

fn piece(bytes: usize, is_last: bool) -> SocketPiece {
    SocketPiece { is_text: false, is_last, bytes: vec![1; bytes] }
}

fn message(bytes: usize) -> FromWorker {
    FromWorker::SocketPiece { socket: KEY, piece: piece(bytes, true) }
}

fn close(code: u16) -> FromWorker {
    FromWorker::SocketClose { socket: KEY, code, reason: String::new() }
}

fn passed(id: u32, call: u32) -> FromWorker {
    let head = ResponseHead { status: 101, ..head() };
    FromWorker::Response { id, head, body: BodyStart::PassedSocket { call } }
}

#[test]
fn each_message_of_a_fetched_socket_has_its_place() {
    let credit = |bytes| FromWorker::SocketCredit { socket: KEY, bytes };
    let end = || FromWorker::FetchEnded { call: 7 };
    let (fits, breaks) = (true, false);
    let cases: Vec<(&str, bool, Vec<FromWorker>)> = vec![
        ("messages", fits, vec![accepted(7), message(0), message(10), close(1000), end()]),
        ("an end at once", fits, vec![end()]),
        ("the end of the request", fits, vec![accepted(7), message(1), ended_message(1)]),
        ("one that is passed on", fits, vec![passed(1, 7), end(), ended_message(1)]),
        ("an acceptance of no fetch", breaks, vec![accepted(8)]),
        ("two acceptances", breaks, vec![accepted(7), accepted(7)]),
        ("a message before the acceptance", breaks, vec![message(1)]),
        ("a close before the acceptance", breaks, vec![close(1000)]),
        ("credit before the acceptance", breaks, vec![credit(1)]),
        ("credit for what was not sent", breaks, vec![accepted(7), credit(1)]),
        ("a message after the close", breaks, vec![accepted(7), close(1000), message(1)]),
        ("two closes", breaks, vec![accepted(7), close(1000), close(1000)]),
        ("a message after the end", breaks, vec![accepted(7), end(), message(1)]),
        ("an acceptance after the end", breaks, vec![end(), accepted(7)]),
        ("one that is passed on and accepted", breaks, vec![passed(1, 7), accepted(7)]),
        ("one that is accepted and passed on", breaks, vec![accepted(7), passed(1, 7)]),
        ("one that is passed on twice", breaks, vec![passed(1, 7), passed(2, 7)]),
        ("one of no fetch that is passed on", breaks, vec![passed(1, 8)]),
        ("a body of an answer that has none", breaks, vec![FromWorker::FetchCredit { call: 7, bytes: 1 }]),
        (
            "more than the window",
            breaks,
            [accepted(7)].into_iter().chain((0..4).map(|_| message(16 << 10))).collect(),
        ),
    ];
    for (name, expected, messages) in cases {
        within(async {
            let setup = Setup::new().await;
            let _other = begin(&setup.exchanges, 2, RequestBody::Empty);
            let results: Vec<_> = messages.into_iter().map(|message| setup.receive(message)).collect();
            let (last, before) = results.split_last().unwrap();
            assert_eq!(last.is_ok(), expected, "{name}: {results:?}");
            assert!(before.iter().all(Result::is_ok), "{name}: {results:?}");
            setup.exchanges.close(0, &ended());
        });
    }
    within(async {
        let setup = Setup::new().await;
        let body = BodyStart::PassedSocket { call: 7 };
        assert!(setup.receive(response(1, body)).is_err(), "with status 200");
    });
}

#[test]
fn a_fetched_socket_carries_messages_within_the_window() {
    within(async {
        let setup = Setup::new().await;
        let socket = setup.accept().await;
        setup.receive(message(5)).unwrap();
        assert_eq!(socket.next().await, SocketOutput::Piece(piece(5, true)));
        let send = async {
            for _ in 0..8 {
                socket.send(piece(MAX_PIECE_BYTES, true)).await.unwrap();
            }
        };
        assert!(tokio::time::timeout(Duration::from_millis(50), send).await.is_err());
        assert_eq!(setup.sent.count("SocketPiece { socket: Fetch(7)"), 3);
        let bytes = (MAX_PIECE_BYTES + PIECE_OVERHEAD_BYTES) as u32;
        setup.receive(FromWorker::SocketCredit { socket: KEY, bytes }).unwrap();
        socket.send(piece(MAX_PIECE_BYTES, true)).await.unwrap();
        socket.close(1000, "bye".into());
        socket.close(1000, "bye".into());
        assert_eq!(setup.sent.count("SocketClosed { socket: Fetch(7), code: 1000"), 1);
        // What was sent before the end of the fetch still goes out.
        setup.receive(message(6)).unwrap();
        setup.receive(close(3000)).unwrap();
        setup.receive(FromWorker::FetchEnded { call: 7 }).unwrap();
        assert_eq!(socket.next().await, SocketOutput::Piece(piece(6, true)));
        assert!(matches!(socket.next().await, SocketOutput::Close { code: 3000, .. }));
        assert_eq!(socket.next().await, SocketOutput::Gone);
        assert_eq!(socket.send(piece(1, true)).await, Err(RefusedPiece::Gone));
    });
}

#[test]
fn messages_of_a_fetched_socket_use_the_limits_of_its_request() {
    within(async {
        let setup = Setup::new().await;
        let socket = setup.accept().await;
        for _ in 0..10 {
            socket.send(piece(1, true)).await.unwrap();
        }
        // The fetch was the first of three.
        let calls = (0..20).take_while(|_| setup.exchanges.count_call(1).is_ok()).count();
        assert_eq!(calls, 2);
    });
}

#[test]
fn a_socket_that_is_passed_on_outlives_the_request() {
    within(async {
        let mut setup = Setup::new().await;
        setup.receive(passed(1, 7)).unwrap();
        let ResponseBody::Socket(client) = setup.pending.answer().await.unwrap().body else {
            panic!("a WebSocket")
        };
        setup.receive(FromWorker::FetchEnded { call: 7 }).unwrap();
        setup.receive(ended_message(1)).unwrap();
        setup.exchanges.close(0, &ended());
        let server = loop {
            if let Some(socket) = setup.accepted.lock().pop() {
                break socket;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        client.send(piece(3, true)).await.unwrap();
        assert_eq!(server.next().await, SocketOutput::Piece(piece(3, true)));
        server.send(piece(4, true)).await.unwrap();
        assert_eq!(client.next().await, SocketOutput::Piece(piece(4, true)));
        drop(client);
        assert_eq!(server.next().await, SocketOutput::Gone);
    });
}

/// Otherwise a request that may be repeated would go to another process.
#[test]
fn a_socket_that_cannot_be_passed_on_is_a_violation_of_its_request() {
    within(async {
        let mut setup = Setup::new().await;
        assert!(setup.receive(passed(1, 99)).is_err());
        let violation = RunError::new(ErrorCode::Violation, "ViolationError", "a rule was broken");
        setup.exchanges.close(1, &violation);
        assert_eq!(setup.pending.answer().await.unwrap_err().code, ErrorCode::Violation);
    });
}

/// A Worker that fetches from itself: an answer that it has not accepted holds a WebSocket of its
/// own.
#[test]
fn a_socket_that_a_worker_offers_itself_ends_with_the_request() {
    within(async {
        let setup = Setup::new().await;
        let mut callee = begin(&setup.exchanges, 2, RequestBody::Empty);
        setup.receive(sockets::opened(2)).unwrap();
        let ResponseBody::Socket(own) = callee.answer().await.unwrap().body else { panic!("a WebSocket") };
        *setup.held.lock() = Some(own);
        setup.fetch(8);
        setup.sent("Fetched", 2).await;
        setup.receive(ended_message(1)).unwrap();
        assert_eq!(setup.sent.count("SocketClosed { socket: Request(2)"), 1);
    });
}
