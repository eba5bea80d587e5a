//! A runner whose Worker took it over: it sends any frames, takes none, or says nothing.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::atomic::AtomicUsize;

use proptest::prelude::*;

use super::*;
use crate::blob::Blob;
use crate::process::broker::runner_handle::RunnerHandle;
use crate::process::broker::runner_process::RunnerProcess;
use crate::process::protocol::frames;
use crate::process::protocol::messages::FromRunner;
use crate::worker::exchange::PendingAnswer;
use crate::worker::fetch_host::FetchBindings;
use crate::worker::http::{Event, RequestBody, RequestOrigin, ResponseBody};
use crate::worker::link::WorkerLink as _;
use crate::worker::protocol::{BodyStart, FromWorker, RequestHead, ResponseHead, SocketKey, SocketPiece};
use crate::{Environment, Limits, LogLevel, LogLine, Operation, ToolFuture, ToolHost, ToolRequest};

/// A tool host that counts calls, those that were begun and those that go on.
#[derive(Default)]
struct CountingHost {
    begun: AtomicUsize,
    going_on: Arc<()>,
}

impl ToolHost for CountingHost {
    fn call(&self, request: ToolRequest) -> ToolFuture {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let going_on = self.going_on.clone();
        Box::pin(async move {
            if request.server == "never" {
                std::future::pending::<()>().await;
            }
            drop(going_on);
            Ok(vec![b'1'; 4000])
        })
    }
}

impl CountingHost {
    fn going_on(&self) -> usize {
        Arc::strong_count(&self.going_on) - 1
    }
}

fn limits() -> Limits {
    Limits {
        calls: 5,
        concurrent_calls: 3,
        logs: 1000,
        memory: 1 << 20,
        cpu: Duration::from_millis(200),
        wall: Duration::from_millis(200),
        ..Limits::default()
    }
}

/// A Worker's process, its end of the socket, and what the broker has of it.
struct TakenOver {
    child: Child,
    socket: UnixStream,
    driver: Driver,
    exchanges: Arc<Exchanges>,
    host: Arc<CountingHost>,
    logged: Arc<AtomicUsize>,
}

impl Drop for TakenOver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl TakenOver {
    fn new() -> Self {
        let (broker_end, socket) = UnixStream::pair().unwrap();
        broker_end.set_nonblocking(true).unwrap();
        let child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        let process = Arc::new(RunnerProcess::new(pidfd, child.id()));
        let stream = tokio::net::UnixStream::from_std(broker_end).unwrap();
        let (host, logged) = (Arc::new(CountingHost::default()), Arc::new(AtomicUsize::new(0)));
        let sum = logged.clone();
        let job = WorkerJob {
            main: "main.js".into(),
            modules: Arc::new([]),
            node: crate::NodeFeatures::default(),
            web_sockets: crate::WebSocketFeatures::default(),
            environment: Environment {
                vars: serde_json::Map::new(),
                catalogue: Arc::default(),
                host: host.clone(),
            },
            start_limits: limits(),
            limits: limits(),
            violated: Arc::new(|_| ()),
            log: Arc::new(move |_, line| _ = sum.fetch_add(line.text.len() + 64, Ordering::Relaxed)),
            instances: 1,
            idle_timeout: None,
            isolation: crate::WorkerIsolation::Isolate,
            fetchers: FetchBindings::default(),
            is_service_worker: false,
            has_exports: false,
            allows_eval_at_start: false,
        };
        let link = Arc::new(RunnerLink::new(RunnerHandle::without_zygote(process, stream), &job));
        let exchanges = Exchanges::new(link.clone(), job.log.clone(), &job.start_limits, &job.limits, None);
        // Nobody waits for the start.
        let driver = Driver::new(link, exchanges.clone(), &job, Some(oneshot::channel().0));
        Self { child, socket, driver, exchanges, host, logged }
    }

    fn begin(&self, id: u32, body: RequestBody) -> PendingAnswer {
        let head = Arc::new(RequestHead { url: "http://a/".repeat(20), ..RequestHead::default() });
        self.exchanges
            .begin(id, Event::Fetch { head, body, origin: RequestOrigin::default() }, Arc::new(()))
            .map_err(|_| "closed")
            .unwrap()
    }

    fn send(&mut self, message: &FromRunner) {
        self.socket.write_all(&frames::encode(message).unwrap()).unwrap();
    }

    /// Returns the end of the process that sends these messages and no others.
    async fn end_after(&mut self, messages: &[FromRunner]) -> End {
        for message in messages {
            self.send(message);
        }
        self.socket.shutdown(std::net::Shutdown::Write).unwrap();
        self.driver.serve().await
    }
}

/// Sends chunks without end.
fn endless() -> RequestBody {
    use futures_util::StreamExt as _;
    let part = bytes::Bytes::from_static(&[1; 60_000]);
    RequestBody::Stream(futures_util::stream::repeat_with(move || Ok(part.clone())).boxed())
}

fn within<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("it ends") })
}

fn call(call: u32, request: u32, server: &str) -> FromRunner {
    let operation = Operation::Call { tool: "add".into(), arguments: "{}".into() };
    FromRunner::Call { call, request, server: server.into(), operation }
}

fn ended_message(id: u32) -> FromRunner {
    FromRunner::FromWorker(FromWorker::Ended { id, queued_us: 0 })
}

#[test]
fn calls_end_upstream_with_their_request_and_make_room_for_others() {
    within(async {
        let mut worker = TakenOver::new();
        let _pending = (worker.begin(1, RequestBody::Empty), worker.begin(2, RequestBody::Empty));
        let mut messages: Vec<_> = (1..=3).map(|number| call(number, 1, "never")).collect();
        messages.push(ended_message(1));
        // In one piece with the end of the first request, and with the number of one of its calls.
        messages.extend([3, 4, 5].map(|number| call(number, 2, "never")));
        let end = worker.end_after(&messages).await;
        assert!(matches!(end, End::Closed), "{end:?}");
        assert_eq!(worker.host.begun.load(Ordering::SeqCst), 6);
        let mut worker = TakenOver::new();
        let _pending = worker.begin(1, RequestBody::Empty);
        for number in 1..=3 {
            worker.send(&call(number, 1, "never"));
        }
        let host = worker.host.clone();
        let mut socket = worker.socket.try_clone().unwrap();
        let serving = worker.driver.serve();
        tokio::pin!(serving);
        let until = async |count: usize| {
            while host.begun.load(Ordering::SeqCst) < 3 || host.going_on() != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! { end = &mut serving => panic!("{end:?}"), () = until(3) => {} }
        socket.write_all(&frames::encode(&ended_message(1)).unwrap()).unwrap();
        tokio::select! { end = &mut serving => panic!("{end:?}"), () = until(0) => {} }
    });
}

#[test]
fn calls_are_bounded_for_each_request_and_outside_of_requests() {
    within(async {
        for (name, messages) in [
            ("for a request", (1..=6).map(|number| call(number, 1, "fast")).collect::<Vec<_>>()),
            // As many as one request and the start may make.
            ("outside of requests", (1..=11).map(|number| call(number, 0, "fast")).collect()),
            ("for a request that does not exist", (1..=11).map(|number| call(number, 9, "fast")).collect()),
            ("at once", (1..=4).map(|number| call(number, 1, "never")).collect()),
            ("with one number", vec![call(1, 1, "never"), call(1, 1, "never")]),
        ] {
            let mut worker = TakenOver::new();
            let _pending = worker.begin(1, RequestBody::Empty);
            let most = messages.len();
            for message in &messages {
                worker.send(message);
                // Those that are answered at once are not in flight any more.
                let serving = worker.driver.serve();
                match tokio::time::timeout(Duration::from_millis(20), serving).await {
                    Ok(End::Violation(_)) => break,
                    Ok(end) => panic!("{name}: {end:?}"),
                    Err(_) => {}
                }
            }
            assert_eq!(worker.host.begun.load(Ordering::SeqCst), most - 1, "{name}");
        }
    });
}

#[test]
fn a_process_that_takes_no_messages_is_ended_and_its_queue_is_bounded() {
    within(async {
        // It takes nothing for longer than a turn and a request may take.
        let mut worker = TakenOver::new();
        let _uploads: Vec<_> = (1..=8).map(|id| worker.begin(id, endless())).collect();
        let end = worker.driver.serve().await;
        assert!(matches!(end, End::Unresponsive("it takes no messages")), "{end:?}");
        // Uploads wait at their clients.
        assert!(worker.driver.link.queued() < 4 << 20, "{}", worker.driver.link.queued());

        // Requests that their clients have cancelled leave a message each.
        let worker = TakenOver::new();
        let body = bytes::Bytes::from_static(&[1; 60_000]);
        for id in 1..=2000 {
            drop(worker.begin(id, RequestBody::Whole(body.clone())));
            assert!(worker.driver.link.queued() < 70 << 20);
        }
        let mut worker = worker;
        let end = worker.driver.serve().await;
        assert!(matches!(end, End::Unresponsive("it takes messages too slowly")), "{end:?}");
    });
}

#[test]
fn a_process_that_takes_its_messages_slowly_gets_all_of_them() {
    within(async {
        let mut worker = TakenOver::new();
        let pending: Vec<_> = (1..=4).map(|id| worker.begin(id, endless())).collect();
        let mut socket = worker.socket.try_clone().unwrap();
        // The parts of which the credit is enough for all bytes.
        let (read, total) = (Arc::new(AtomicUsize::new(0)), 4 * 4 * 60_000);
        let sum = read.clone();
        let reader = std::thread::spawn(move || {
            let mut part = [0; 50_000];
            while sum.load(Ordering::Relaxed) < total {
                std::thread::sleep(Duration::from_millis(2));
                sum.fetch_add(socket.read(&mut part).unwrap(), Ordering::Relaxed);
            }
        });
        let all = async {
            while read.load(Ordering::Relaxed) < total {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! { end = worker.driver.serve() => panic!("{end:?}"), () = all => {} }
        reader.join().unwrap();
        drop(pending);
    });
}

#[test]
fn messages_that_say_nothing_are_bounded() {
    within(async {
        let mut worker = TakenOver::new();
        let end = worker.end_after(&(0..30).map(|_| FromRunner::Alive).collect::<Vec<_>>()).await;
        assert!(matches!(end, End::Violation(_)), "{end:?}");
        for message in [
            FromRunner::Stopped { reason: StopReason::Cancelled as u8, request: 1 },
            FromRunner::Stopped { reason: 77, request: 1 },
            FromRunner::Log { line: LogLine { level: LogLevel::Log, text: String::new(), at_ms: 0.0 } },
        ] {
            let mut worker = TakenOver::new();
            let end = worker.end_after(&[message]).await;
            assert!(matches!(end, End::Violation(_)), "{end:?}");
        }
        // Nothing follows the reason for which it ends.
        let mut worker = TakenOver::new();
        let stopped = FromRunner::Stopped { reason: StopReason::Memory as u8, request: 3 };
        let end = worker.end_after(&[stopped, call(1, 0, "fast")]).await;
        assert!(matches!(end, End::Reported(3, _)), "{end:?}");
        assert_eq!(worker.host.begun.load(Ordering::SeqCst), 0);
    });
}

#[test]
fn what_ended_requests_have_not_used_of_their_cpu_time_is_lost() {
    within(async {
        let worker = TakenOver::new();
        let total = || worker.driver.link.total_cpu.load(Ordering::Relaxed);
        let pending: Vec<_> = (1..=1000).map(|id| worker.begin(id, RequestBody::Empty)).collect();
        assert_eq!(total(), 1002 * 200_000, "the start, its grace and a thousand requests");
        for id in 1..=900 {
            worker.exchanges.receive(FromWorker::Ended { id, queued_us: 0 }).unwrap();
        }
        worker.exchanges.settle();
        // A hundred that go on, ten others, and what the watchdog may miss.
        assert!((110 * 200_000..112 * 200_000 + 1_000_000).contains(&total()), "{}", total());
        let more = worker.begin(2000, RequestBody::Empty);
        assert!(total() > 111 * 200_000);
        drop((pending, more));
    });
}

/// Generates a frame, most often a valid one.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let id = 0u32..5;
    let head = |headers: usize| ResponseHead {
        status: 200,
        status_text: String::new(),
        headers: vec![(String::new(), String::new()); headers],
        encoded: false,
    };
    let line = |length| LogLine { level: LogLevel::Log, text: "l".repeat(length), at_ms: f64::NAN };
    let key = |id: u32| if id == 4 { SocketKey::Fetch(id) } else { SocketKey::Request(id) };
    let of_worker = prop_oneof![
        2 => (id.clone(), 0usize..5000).prop_map(move |(id, headers)| {
            FromWorker::Response { id, head: head(headers), body: BodyStart::Stream }
        }),
        1 => id.clone().prop_map(move |id| {
            FromWorker::Response { id, head: ResponseHead { status: 101, ..head(1) }, body: BodyStart::Socket }
        }),
        2 => (id.clone(), 0usize..100_000)
            .prop_map(|(id, bytes)| FromWorker::Chunk { id, bytes: Blob(vec![1; bytes]) }),
        1 => id.clone().prop_map(|id| FromWorker::BodyEnd { id, error: Some("broken".into()) }),
        2 => (id.clone(), 0usize..300).prop_map(move |(request, length)| {
            FromWorker::Log { request, line: line(length) }
        }),
        1 => (id.clone(), 1u32..100_000).prop_map(|(id, bytes)| FromWorker::Credit { id, bytes }),
        1 => (id.clone(), id.clone()).prop_map(move |(id, call)| {
            let body = BodyStart::PassedSocket { call };
            FromWorker::Response { id, head: ResponseHead { status: 101, ..head(1) }, body }
        }),
        1 => (id.clone(), 0usize..20_000, any::<bool>()).prop_map(move |(id, length, is_last)| {
            let piece = SocketPiece { is_text: false, is_last, bytes: vec![1; length] };
            FromWorker::SocketPiece { socket: key(id), piece }
        }),
        1 => (id.clone(), any::<u16>()).prop_map(move |(id, code)| {
            FromWorker::SocketClose { socket: key(id), code, reason: "bye".into() }
        }),
        1 => (id.clone(), any::<u32>())
            .prop_map(move |(id, bytes)| FromWorker::SocketCredit { socket: key(id), bytes }),
        1 => id.clone().prop_map(|call| FromWorker::SocketAccepted { call }),
        1 => id.clone().prop_map(|id| FromWorker::Ended { id, queued_us: u32::MAX }),
    ];
    let message = prop_oneof![
        6 => of_worker.prop_map(FromRunner::FromWorker),
        4 => (0u32..8, id, prop_oneof![Just("never"), Just("fast")])
            .prop_map(|(number, request, server)| call(number, request, server)),
        1 => Just(()).prop_map(|()| FromRunner::Alive),
        1 => Just(()).prop_map(|()| FromRunner::WorkerReady),
    ];
    prop_oneof![
        14 => message.prop_map(|message| frames::encode(&message).unwrap()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => Just(u32::MAX.to_le_bytes().to_vec()),
    ]
}

#[tokio::test]
async fn nobody_waits_for_the_queue_of_a_process_that_has_ended() {
    let worker = TakenOver::new();
    let link = worker.driver.link.clone();
    link.send_answer(1, Ok(vec![b'1'; 2 << 20]));
    let room = link.has_room();
    tokio::pin!(room);
    assert!(tokio::time::timeout(Duration::from_millis(10), &mut room).await.is_err(), "it takes nothing");
    link.close();
    tokio::time::timeout(Duration::from_secs(5), room).await.unwrap();
    link.send_answer(2, Ok(vec![b'1'; 2 << 20]));
    assert_eq!(link.queued(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_frames_keep_the_limits(frames in prop::collection::vec(frame(), 0..40)) {
        let (calls, logged, answers) = within(async {
            let mut worker = TakenOver::new();
            let pending: Vec<_> = vec![
                worker.begin(1, RequestBody::Empty),
                worker.begin(2, endless()),
                worker.begin(3, RequestBody::Whole(bytes::Bytes::from_static(b"x"))),
            ];
            drop(worker.begin(4, endless()));
            let mut socket = worker.socket.try_clone().unwrap();
            let mut reader = worker.socket.try_clone().unwrap();
            // On threads, as the socket may be too small for all bytes.
            let sender = std::thread::spawn(move || {
                let _ = socket.write_all(&frames.concat());
                let _ = socket.shutdown(std::net::Shutdown::Write);
            });
            let taker = std::thread::spawn(move || _ = std::io::copy(&mut reader, &mut std::io::sink()));
            let end = worker.driver.serve().await;
            assert!(!matches!(end, End::Unresponsive(_)), "{end:?}");
            worker.exchanges.close(0, &ended());
            let _ = worker.socket.shutdown(std::net::Shutdown::Both);
            sender.join().unwrap();
            taker.join().unwrap();
            let mut answers = 0;
            for mut pending in pending {
                let Ok(answer) = pending.answer().await else { continue };
                answers += 1;
                assert!(answer.head.headers.len() <= 4096 && matches!(answer.body, ResponseBody::Stream(_) | ResponseBody::Socket(_)));
            }
            let calls = worker.host.begun.load(Ordering::SeqCst);
            (calls, worker.logged.load(Ordering::Relaxed), answers)
        });
        // Four requests, as much outside of them, and the start.
        prop_assert!(calls <= (2 * 4 + 1) * 5, "{calls} calls");
        prop_assert!(logged <= (2 * 4 + 1) * (1000 + 1024), "{logged} bytes");
        prop_assert!(answers <= 3);
    }
}
