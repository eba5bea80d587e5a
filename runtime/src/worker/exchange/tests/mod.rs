//! Messages of a Worker whose process its code took over.

mod bodies;
mod calls;
mod fetched_sockets;
mod sockets;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use proptest::prelude::*;

use super::*;
use crate::blob::Blob;
use crate::worker::body::MAX_UNREAD_BYTES;
use crate::worker::fetch_host::{FetchBindings, FetchFuture, FetchHost, FetchRequest};
use crate::worker::http::{RequestBody, ResponseBody};
use crate::worker::protocol::{
    BodyStart, FetchTarget, FromWorker, MAX_HEAD_BYTES, RequestHead, ResponseHead, SocketKey,
};
use crate::worker::socket::SocketOutput;
use crate::{LogLevel, LogLine};

/// A link that keeps the messages.
#[derive(Default)]
struct SentMessages(Mutex<Vec<String>>);

impl SentMessages {
    fn count(&self, kind: &str) -> usize {
        self.0.lock().iter().filter(|text| text.starts_with(kind)).count()
    }
}

impl WorkerLink for SentMessages {
    fn send(&self, message: ToWorker) {
        self.0.lock().push(format!("{message:?}"));
    }

    fn work_ended(&self, _: usize) {}

    fn has_room(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

fn limits() -> Limits {
    Limits { calls: 3, logs: 1000, ..Limits::default() }
}

fn exchanges() -> (Arc<Exchanges>, Arc<SentMessages>) {
    let sent = Arc::new(SentMessages::default());
    (Exchanges::new(sent.clone(), Arc::new(|_, _| ()), &limits(), &limits(), None), sent)
}

fn begin(exchanges: &Arc<Exchanges>, id: u32, body: RequestBody) -> PendingAnswer {
    let head = Arc::default();
    exchanges
        .begin(id, Event::Fetch { head, body, origin: RequestOrigin::default() }, Arc::new(()))
        .map_err(|_| "closed")
        .unwrap()
}

fn head() -> ResponseHead {
    ResponseHead { status: 200, status_text: String::new(), headers: Vec::new(), encoded: false }
}

fn response(id: u32, body: BodyStart) -> FromWorker {
    FromWorker::Response { id, head: head(), body }
}

fn chunk(id: u32, bytes: usize) -> FromWorker {
    FromWorker::Chunk { id, bytes: Blob(vec![0; bytes]) }
}

fn body_end(id: u32) -> FromWorker {
    FromWorker::BodyEnd { id, error: None }
}

fn failed(id: u32, code: ErrorCode) -> FromWorker {
    FromWorker::Failed { id, error: RunError::new(code, "Error", "x") }
}

fn ended_message(id: u32) -> FromWorker {
    FromWorker::Ended { id, queued_us: 0 }
}

fn log(request: u32, bytes: usize) -> FromWorker {
    let line = LogLine { level: LogLevel::Log, text: "x".repeat(bytes), at_ms: 0.0 };
    FromWorker::Log { request, line }
}

/// A body of a request that goes on as long as it is wanted, and what is gone when it is dropped.
fn endless() -> (RequestBody, std::sync::Weak<()>) {
    let alive = Arc::new(());
    let weak = Arc::downgrade(&alive);
    let parts = futures_util::stream::repeat_with(move || {
        let _alive = &alive;
        Ok(Bytes::from_static(&[1; 1000]))
    });
    (RequestBody::Stream(parts.boxed()), weak)
}

fn within<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), test).await.expect("it ends") })
}

/// Request 1 has no body, request 2 one that is sent. Both are unanswered.
#[test]
fn each_message_has_its_place() {
    let whole = |bytes| response(1, BodyStart::Whole(Blob(vec![0; bytes])));
    let stream = || response(1, BodyStart::Stream);
    let of_head = |change: &dyn Fn(&mut ResponseHead)| {
        let mut head = head();
        change(&mut head);
        FromWorker::Response { id: 1, head, body: BodyStart::Empty }
    };
    let header = |bytes: usize| ("x".to_owned(), "é".repeat(bytes));
    let credit = |id, bytes| FromWorker::Credit { id, bytes };
    let refused = |id| FromWorker::BodyRefused { id };
    let broken = |bytes| FromWorker::BodyEnd { id: 1, error: Some("x".repeat(bytes)) };
    let (fits, breaks) = (true, false);
    let cases: Vec<(&str, bool, Vec<FromWorker>)> = vec![
        ("a whole answer", fits, vec![whole(10), ended_message(1)]),
        ("a stream", fits, vec![stream(), chunk(1, 1), body_end(1), ended_message(1)]),
        ("a stream that breaks off", fits, vec![stream(), broken(100 << 10), ended_message(1)]),
        ("an error", fits, vec![failed(1, ErrorCode::Exception), ended_message(1)]),
        ("an end without an answer", fits, vec![ended_message(1)]),
        ("an end within a body", fits, vec![stream(), chunk(1, 1), ended_message(1)]),
        ("a body that is refused", fits, vec![credit(2, 1000), refused(2), ended_message(2)]),
        ("two answers", breaks, vec![whole(1), whole(1)]),
        ("a stream after an answer", breaks, vec![whole(1), stream()]),
        ("two streams", breaks, vec![stream(), stream()]),
        ("an answer after an error", breaks, vec![failed(1, ErrorCode::Exception), whole(1)]),
        ("an error after an answer", breaks, vec![whole(1), failed(1, ErrorCode::Exception)]),
        ("an error that asks for a repetition", breaks, vec![failed(1, ErrorCode::Crashed)]),
        ("an error in the name of a limit", breaks, vec![failed(1, ErrorCode::CpuLimit)]),
        ("no such request", breaks, vec![response(9, BodyStart::Empty)]),
        ("an ended request", breaks, vec![ended_message(1), whole(1)]),
        ("an end of no request", breaks, vec![ended_message(9)]),
        ("two ends", breaks, vec![ended_message(1), ended_message(1)]),
        ("a piece before its head", breaks, vec![chunk(1, 1)]),
        ("a piece of a whole body", breaks, vec![whole(1), chunk(1, 1)]),
        ("a piece of no request", breaks, vec![chunk(9, 1)]),
        ("a piece after the end", breaks, vec![stream(), body_end(1), chunk(1, 1)]),
        ("an empty piece", breaks, vec![stream(), chunk(1, 0)]),
        ("pieces without credit", breaks, vec![stream(), chunk(1, WINDOW_BYTES), chunk(1, 17 << 10)]),
        ("an end of no body", breaks, vec![body_end(1)]),
        ("two ends of a body", breaks, vec![stream(), body_end(1), body_end(1)]),
        ("a long reason", breaks, vec![stream(), broken(129 << 10)]),
        ("a long whole body", breaks, vec![whole(MAX_UNREAD_BYTES + 1)]),
        ("a whole body", fits, vec![whole(MAX_UNREAD_BYTES)]),
        ("status 199", breaks, vec![of_head(&|head| head.status = 199)]),
        ("status 600", breaks, vec![of_head(&|head| head.status = 600)]),
        ("a long phrase", breaks, vec![of_head(&|head| head.status_text = "x".repeat(MAX_HEAD_BYTES + 1))]),
        ("a long header", breaks, vec![of_head(&|head| head.headers = vec![header(MAX_HEAD_BYTES)])]),
        ("many headers", breaks, vec![of_head(&|head| head.headers = vec![header(0); 4000])]),
        ("a long head", fits, vec![of_head(&|head| head.headers = vec![header(31 << 10); 4])]),
        ("credit for no body", breaks, vec![credit(1, 1)]),
        ("credit for no request", breaks, vec![credit(9, 1)]),
        ("credit of nothing", breaks, vec![credit(2, 0)]),
        ("credit for what was not sent", breaks, vec![credit(2, WINDOW_BYTES as u32 + 1)]),
        ("a refusal of no body", breaks, vec![refused(1)]),
        ("two refusals", breaks, vec![refused(2), refused(2)]),
        ("a refusal for no request", breaks, vec![refused(9)]),
        ("a fetch without bindings", breaks, vec![FromWorker::FetchEnded { call: 1 }]),
        ("lines within the limit", fits, vec![log(1, 400), log(1, 400), log(0, 400), log(9, 400)]),
        ("a long line", breaks, vec![log(1, 2000)]),
        ("many empty lines", breaks, (0..32).map(|_| log(1, 0)).collect()),
        ("many lines of no request", breaks, (0..100).map(|_| log(9, 0)).collect()),
    ];
    for (name, expected, messages) in cases {
        within(async {
            let (exchanges, sent) = exchanges();
            let _pending = begin(&exchanges, 1, RequestBody::Empty);
            let _upload = begin(&exchanges, 2, endless().0);
            while sent.count("Chunk") < 10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let results: Vec<_> = messages.into_iter().map(|message| exchanges.receive(message)).collect();
            let (last, before) = results.split_last().unwrap();
            assert_eq!(last.is_ok(), expected, "{name}: {results:?}");
            assert!(before.iter().all(Result::is_ok) || name.starts_with("many"), "{name}: {results:?}");
            exchanges.close(0, &ended());
        });
    }
}

#[test]
fn calls_are_counted_for_each_request_and_outside_of_requests() {
    let (exchanges, _) = exchanges();
    let passed = |request: u32| (0..20).take_while(|_| exchanges.count_call(request).is_ok()).count();
    assert_eq!((passed(0), passed(7)), (3, 0), "before the first request");
    let pending = begin(&exchanges, 1, RequestBody::Empty);
    assert_eq!((passed(1), passed(1)), (3, 0));
    // Those that were too many have been counted too. A process that makes them is ended.
    assert_eq!(passed(0), 1);
    exchanges.receive(ended_message(1)).unwrap();
    assert_eq!(passed(1), 0, "a request that has ended is none");
    drop(pending);
}

/// A binding that never answers.
struct Silent;

impl FetchHost for Silent {
    fn fetch(&self, _: FetchRequest) -> FetchFuture {
        Box::pin(std::future::pending())
    }
}

#[test]
fn fetches_count_as_calls_of_their_request() {
    within(async {
        let mut bindings = FetchBindings::default();
        bindings.add("A", Arc::new(Silent));
        let fetches = Fetches::new(bindings, tokio::runtime::Handle::current());
        let link = Arc::new(SentMessages::default());
        let exchanges = Exchanges::new(link, Arc::new(|_, _| ()), &limits(), &limits(), Some(fetches));
        let _pending = (begin(&exchanges, 1, RequestBody::Empty), begin(&exchanges, 2, RequestBody::Empty));
        let fetch_head = |id, call, head| {
            exchanges.receive(FromWorker::Fetch {
                id,
                call,
                target: FetchTarget::Binding("A".into()),
                head,
                body: BodyStart::Empty,
            })
        };
        let fetch = |id, call, length: usize| {
            fetch_head(id, call, RequestHead { url: "x".repeat(length), ..RequestHead::default() })
        };
        exchanges.count_call(1).unwrap();
        fetch(1, 1, 10).unwrap();
        fetch(1, 2, MAX_HEAD_BYTES).unwrap();
        assert!(fetch(1, 3, 10).is_err(), "more than the limit of the request");
        assert!(fetch(2, 4, MAX_HEAD_BYTES + 1).is_err(), "a long head");
        let head = RequestHead { cf: "x".repeat(MAX_HEAD_BYTES + 1), ..RequestHead::default() };
        assert!(fetch_head(2, 4, head).is_err(), "a long `cf`");
        assert!(fetch(9, 5, 10).is_err() && fetch(0, 6, 10).is_err(), "no such request");
        exchanges.receive(ended_message(1)).unwrap();
        assert!(exchanges.receive(FromWorker::FetchEnded { call: 1 }).is_err(), "it ended with its request");
        fetch(2, 1, 10).unwrap();
        exchanges.receive(FromWorker::FetchEnded { call: 1 }).unwrap();
        assert!(exchanges.receive(FromWorker::FetchCredit { call: 1, bytes: 1 }).is_err());
        for message in
            [FromWorker::FetchBody { call: 1, bytes: Blob(vec![0]) }, FromWorker::FetchBodyEnd { call: 1 }]
        {
            assert!(exchanges.receive(message).is_err(), "a body of no fetch");
        }
    });
}

#[test]
fn requests_wait_until_the_worker_speaks_of_them_or_of_later_ones() {
    within(async {
        let (exchanges, _) = exchanges();
        assert_eq!(exchanges.waiting(), Duration::ZERO);
        let _pending = [9, 4, 7].map(|id| begin(&exchanges, id, RequestBody::Empty));
        tokio::time::sleep(Duration::from_millis(20)).await;
        let _late = begin(&exchanges, 5, RequestBody::Empty);
        // What is outside of requests says nothing of their turns.
        exchanges.receive(log(0, 1)).unwrap();
        exchanges.receive(log(9, 1)).unwrap();
        assert!(exchanges.waiting() >= Duration::from_millis(20));
        exchanges.receive(response(7, BodyStart::Empty)).unwrap();
        assert_eq!(exchanges.table().waiting.len(), 1, "4 was before 7, and 5 after it");
        exchanges.receive(ended_message(5)).unwrap();
        assert_eq!(exchanges.waiting(), Duration::ZERO);
    });
}

#[test]
fn what_nobody_waits_for_is_cancelled_once() {
    within(async {
        let (exchanges, sent) = exchanges();
        drop(begin(&exchanges, 1, RequestBody::Empty));
        // A late answer reaches nobody; the end of the request does.
        exchanges.receive(response(1, BodyStart::Stream)).unwrap();
        exchanges.receive(chunk(1, 1)).unwrap();
        assert_eq!(exchanges.live(), 1);
        exchanges.receive(ended_message(1)).unwrap();
        assert_eq!((exchanges.live(), sent.count("Cancel")), (0, 1));
    });
}

#[test]
fn the_request_at_fault_gets_the_error_and_others_may_be_repeated() {
    within(async {
        let (exchanges, _) = exchanges();
        let (mut first, mut second) =
            (begin(&exchanges, 1, RequestBody::Empty), begin(&exchanges, 2, RequestBody::Empty));
        exchanges.close(2, &RunError::new(ErrorCode::CpuLimit, "CpuLimitError", "over"));
        assert_eq!(first.answer().await.unwrap_err().code, ErrorCode::Crashed);
        assert_eq!(second.answer().await.unwrap_err().code, ErrorCode::CpuLimit);
        let refused = exchanges.begin(
            3,
            Event::Fetch { head: Arc::default(), body: RequestBody::Empty, origin: RequestOrigin::default() },
            Arc::new(()),
        );
        assert!(refused.is_err());
    });
}

#[test]
fn a_worker_must_say_that_a_request_has_ended() {
    within(async {
        let answered = async |message: Option<FromWorker>| {
            let sent = Arc::new(SentMessages::default());
            let mut exchanges = Exchanges::new(sent, Arc::new(|_, _| ()), &limits(), &limits(), None);
            Arc::get_mut(&mut exchanges).unwrap().end_timeout = Duration::from_millis(50);
            let (pending, other) =
                (begin(&exchanges, 1, RequestBody::Empty), begin(&exchanges, 2, RequestBody::Empty));
            // Requests that have ended, and those that go on, are not waited for.
            exchanges.receive(failed(2, ErrorCode::Exception)).unwrap();
            exchanges.receive(ended_message(2)).unwrap();
            let waits = tokio::time::timeout(Duration::from_millis(150), exchanges.overdue());
            assert!(waits.await.is_err(), "nothing is overdue");
            match message {
                Some(message) => exchanges.receive(message).unwrap(),
                None => drop(pending),
            }
            exchanges.overdue().await;
            drop(other);
        };
        answered(Some(response(1, BodyStart::Empty))).await;
        answered(Some(failed(1, ErrorCode::Exception))).await;
        answered(None).await;
    });
}

/// Generates a message, most often a valid one.
fn message() -> impl Strategy<Value = FromWorker> {
    let id = 0u32..5;
    prop_oneof![
        4 => (id.clone(), 0usize..300).prop_map(|(id, bytes)| log(id, bytes)),
        2 => id.clone().prop_map(|id| response(id, BodyStart::Stream)),
        2 => (id.clone(), 0usize..300_000).prop_map(|(id, bytes)| response(id, BodyStart::Whole(Blob(vec![1; bytes])))),
        4 => (id.clone(), 0usize..100_000).prop_map(|(id, bytes)| chunk(id, bytes)),
        1 => id.clone().prop_map(body_end),
        1 => id.clone().prop_map(|id| failed(id, ErrorCode::ToolError)),
        2 => (id.clone(), any::<u32>()).prop_map(|(id, bytes)| FromWorker::Credit { id, bytes }),
        1 => id.clone().prop_map(|id| FromWorker::BodyRefused { id }),
        2 => id.clone().prop_map(sockets::opened),
        3 => (id.clone(), 0usize..20_000, any::<bool>(), any::<bool>())
            .prop_map(|(id, bytes, is_text, is_last)| sockets::piece(id, bytes, is_text, is_last)),
        1 => (id.clone(), 0u32..100_000).prop_map(|(id, bytes)| {
            FromWorker::SocketCredit { socket: SocketKey::Request(id), bytes }
        }),
        1 => (id.clone(), any::<u16>(), "x{0,130}")
            .prop_map(|(id, code, reason)| FromWorker::SocketClose { socket: SocketKey::Request(id), code, reason }),
        1 => (id, any::<u32>()).prop_map(|(id, queued_us)| FromWorker::Ended { id, queued_us }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn answers_and_lines_keep_the_limits_for_any_messages(
        messages in prop::collection::vec(message(), 0..60),
        cancelled in any::<bool>(),
    ) {
        let logged = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (sum, sent) = (logged.clone(), Arc::new(SentMessages::default()));
        let log: LogSink = Arc::new(move |_, line| _ = sum.fetch_add(line.text.len() + 64, Ordering::Relaxed));
        let exchanges = Exchanges::new(sent, log, &limits(), &limits(), None);
        let unread = within(async {
            let mut pending: Vec<_> = (1..=3).map(|id| begin(&exchanges, id, RequestBody::Empty)).collect();
            if cancelled {
                pending.pop();
            }
            // The driver ends the process at the first message that breaks a rule.
            let _ = messages.into_iter().try_for_each(|message| exchanges.receive(message));
            exchanges.close(0, &ended());
            let mut unread = Vec::new();
            for mut pending in pending {
                let Ok(answer) = pending.answer().await else { continue };
                let mut bytes = 0;
                match answer.body {
                    ResponseBody::Empty => {}
                    ResponseBody::Whole(whole) => bytes = whole.len(),
                    ResponseBody::Stream(mut body) => {
                        while let Some(Ok(piece)) = body.next().await {
                            bytes += piece.len();
                        }
                    }
                    ResponseBody::Socket(socket) => {
                        while let SocketOutput::Piece(piece) = socket.next().await {
                            bytes += piece.bytes.len();
                        }
                    }
                }
                unread.push(bytes);
            }
            unread
        });
        prop_assert!(unread.iter().all(|bytes| *bytes <= MAX_UNREAD_BYTES), "{unread:?}");
        // Three requests, and the time outside of them.
        let most = (2 * 3 + 1) * (1000 + 1024);
        prop_assert!(logged.load(Ordering::Relaxed) <= most, "{} bytes", logged.load(Ordering::Relaxed));
        prop_assert_eq!(exchanges.live(), 0);
    }
}
