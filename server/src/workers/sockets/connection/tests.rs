//! The ends of a connection, with a Worker's end that does what a test says.

use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::*;

const TIMES: SocketTimes = SocketTimes {
    ping: Duration::from_millis(80),
    close: Duration::from_millis(120),
    linger: Duration::from_millis(200),
};

/// A Worker's end. It notes what it is told.
struct Scripted {
    outputs: tokio::sync::Mutex<UnboundedReceiver<SocketOutput>>,
    told: Mutex<Vec<String>>,
    refuses: Option<RefusedPiece>,
}

impl WorkerEnd for Scripted {
    async fn send(&self, piece: SocketPiece) -> Result<(), RefusedPiece> {
        self.told.lock().push(format!("{} {}", String::from_utf8_lossy(&piece.bytes), piece.is_last));
        self.refuses.map_or(Ok(()), Err)
    }

    fn close(&self, code: u16, reason: String) {
        self.told.lock().push(format!("close {code} {reason}"));
    }

    fn lose(&self) {
        self.told.lock().push("lost".into());
    }

    async fn next(&self) -> SocketOutput {
        match self.outputs.lock().await.recv().await {
            Some(output) => output,
            None => std::future::pending().await,
        }
    }
}

/// A connection that is served, its client, and what the Worker does.
struct Served {
    client: DuplexStream,
    worker: UnboundedSender<SocketOutput>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<(SocketEnd, Vec<String>)>,
}

impl Served {
    fn new(refuses: Option<RefusedPiece>) -> Self {
        let (client, stream) = duplex(1 << 16);
        let (worker, outputs) = unbounded_channel();
        let stop = CancellationToken::new();
        let closing = Closing { stop: stop.clone(), retired: CancellationToken::new() };
        let task = tokio::spawn(async move {
            let worker = Scripted { outputs: outputs.into(), told: Mutex::default(), refuses };
            let end = serve(stream, Peer::Client, &worker, &closing, &TIMES).await;
            (end, worker.told.into_inner())
        });
        Self { client, worker, stop, task }
    }

    /// Sends a frame of the client: its first byte, and its payload behind a mask of zeros.
    async fn send(&mut self, first: u8, payload: &[u8]) {
        let head = [first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        self.client.write_all(&[&head[..], payload].concat()).await.unwrap();
    }

    /// Waits for these bytes of the server.
    async fn expect(&mut self, bytes: &[u8]) {
        let mut found = vec![0; bytes.len()];
        self.client.read_exact(&mut found).await.unwrap();
        assert_eq!(found, bytes);
    }

    /// Waits for the end. The client does not close its side before the server has.
    async fn ended(mut self) -> (SocketEnd, Vec<String>) {
        let mut rest = Vec::new();
        self.client.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"");
        self.task.await.unwrap()
    }
}

const CLOSE: &[u8] = b"\x03\xe8";

fn text(text: &str) -> SocketOutput {
    SocketOutput::Piece(SocketPiece { is_text: true, is_last: true, bytes: text.into() })
}

fn close(code: u16) -> SocketOutput {
    SocketOutput::Close { code, reason: String::new() }
}

#[tokio::test]
async fn both_ends_close_in_either_order() {
    let mut served = Served::new(None);
    served.send(0x81, b"hi").await;
    served.worker.send(text("ho")).unwrap();
    served.expect(b"\x81\x02ho").await;
    served.send(0x88, CLOSE).await;
    served.worker.send(text("late")).unwrap();
    served.worker.send(close(1000)).unwrap();
    served.expect(b"\x81\x04late\x88\x02\x03\xe8").await;
    assert_eq!(served.ended().await, (SocketEnd::Closed, vec!["hi true".into(), "close 1000 ".into()]));

    let mut served = Served::new(None);
    served.worker.send(close(1005)).unwrap();
    served.expect(b"\x88\x00").await;
    served.send(0x81, b"on its way").await;
    served.send(0x88, b"").await;
    assert_eq!(
        served.ended().await,
        (SocketEnd::Closed, vec!["on its way true".into(), "close 1005 ".into()])
    );
}

#[tokio::test]
async fn a_close_that_is_not_answered_has_an_end() {
    let began = Instant::now();
    let mut served = Served::new(None);
    served.send(0x88, CLOSE).await;
    served.expect(b"\x88\x02\x03\xe8").await;
    assert!(began.elapsed() >= TIMES.close);
    assert_eq!(served.ended().await.0, SocketEnd::Closed);

    let mut served = Served::new(None);
    served.worker.send(close(1000)).unwrap();
    served.expect(b"\x88\x02\x03\xe8").await;
    assert_eq!(served.ended().await, (SocketEnd::Lost, vec!["lost".into()]));
    assert!(began.elapsed() >= 2 * TIMES.close);
}

#[tokio::test]
async fn a_quiet_client_is_pinged_and_a_dead_one_is_lost() {
    let began = Instant::now();
    let mut served = Served::new(None);
    for _ in 0..5 {
        served.expect(b"\x89\x00").await;
        served.send(0x8a, b"").await;
    }
    assert!(began.elapsed() >= 5 * TIMES.ping);
    served.expect(b"\x89\x00").await;
    assert_eq!(served.ended().await, (SocketEnd::Lost, vec!["lost".into()]));
    assert!(began.elapsed() >= 7 * TIMES.ping);
}

#[tokio::test]
async fn pings_are_answered_and_the_last_one_is_enough() {
    let mut served = Served::new(None);
    served.send(0x89, b"one").await;
    served.expect(b"\x8a\x03one").await;
    let many = [0x89, 0x81, 0, 0, 0, 0, b'x'].repeat(500);
    served.client.write_all(&many).await.unwrap();
    served.send(0x89, b"last").await;
    // The Worker closes when the pings have been answered, else its close may be sent before.
    let mut rest = Vec::new();
    while !rest.ends_with(b"\x8a\x04last") {
        assert_ne!(served.client.read_buf(&mut rest).await.unwrap(), 0, "{rest:?}");
    }
    served.send(0x88, CLOSE).await;
    served.worker.send(close(1000)).unwrap();
    served.expect(b"\x88\x02\x03\xe8").await;
    assert_eq!(served.task.await.unwrap().0, SocketEnd::Closed);
}

#[tokio::test]
async fn the_client_learns_why_it_is_cut_off() {
    for (refuses, code) in [(RefusedPiece::TooLong, TOO_LONG), (RefusedPiece::NoRoom, TRY_AGAIN_LATER)] {
        let mut served = Served::new(Some(refuses));
        served.send(0x82, b"x").await;
        let mut head = [0; 4];
        served.client.read_exact(&mut head).await.unwrap();
        assert_eq!((head[0], &head[2..]), (0x88, &code.to_be_bytes()[..]));
        drop(served.client);
        assert_eq!(served.task.await.unwrap(), (SocketEnd::Lost, vec!["x true".into(), "lost".into()]));
    }
}

#[tokio::test]
async fn a_worker_that_is_gone_cuts_the_connection_after_what_it_has_sent() {
    let mut served = Served::new(None);
    served.worker.send(text("last words")).unwrap();
    served.worker.send(SocketOutput::Gone).unwrap();
    served.expect(b"\x81\x0alast words").await;
    assert_eq!(served.ended().await, (SocketEnd::Cut, vec![]));
}

#[tokio::test]
async fn a_server_that_stops_tells_both() {
    let mut served = Served::new(None);
    served.stop.cancel();
    let reason = b"the server stops";
    served.expect(&[b"\x88\x12\x03\xe9", &reason[..]].concat()).await;
    served.send(0x88, b"\x03\xe9").await;
    let (end, told) = served.ended().await;
    assert_eq!((end, told[0].as_str()), (SocketEnd::Closed, "close 1001 the server stops"));
}

#[tokio::test]
async fn a_client_that_vanishes_is_lost_while_the_worker_sends() {
    let served = Served::new(None);
    for _ in 0..100 {
        served.worker.send(text(&"x".repeat(10_000))).unwrap();
    }
    drop(served.client);
    assert_eq!(served.task.await.unwrap(), (SocketEnd::Lost, vec!["lost".into()]));
}
