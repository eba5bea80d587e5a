//! Calls between two Workers, of which either may be taken over.

mod results;

use super::*;
use crate::worker::Worker;
use crate::worker::exchange::calls::carried::Carried;
use crate::worker::rpc::{
    Callee, MAX_CALLS, MAX_DEPTH, MAX_OBJECTS, MAX_PATH_BYTES, MAX_VALUE_BYTES, Path, SentObject, SentValue,
};

/// One of two instances.
struct Side {
    exchanges: Arc<Exchanges>,
    sent: Arc<SentMessages>,
}

impl Side {
    fn new() -> Self {
        let sent = Arc::new(SentMessages::default());
        let fetches = Fetches::new(FetchBindings::default(), tokio::runtime::Handle::current());
        // Far more calls than the tests make, unless they say so.
        let limits = Limits { calls: 10_000, ..Limits::default() };
        let exchanges = Exchanges::new(sent.clone(), Arc::new(|_, _| ()), &limits, &limits, Some(fetches));
        Self { exchanges, sent }
    }

    fn receive(&self, message: FromWorker) -> Result<(), &'static str> {
        self.exchanges.receive(message)
    }

    /// Calls a method of a stub for a request.
    fn call(&self, id: u32, call: u32, stub: u32) -> Result<(), &'static str> {
        self.receive(call_message(id, call, Callee::Stub(stub), None))
    }

    /// Returns the number of the newest event.
    fn newest(&self) -> u32 {
        let table = self.exchanges.table();
        let newest = table.live.iter().max_by_key(|(_, request)| request.place);
        newest.map(|(id, _)| *id).expect("an event")
    }

    fn objects(&self) -> usize {
        self.exchanges.calls.objects.load(Ordering::Relaxed)
    }
}

fn call_message(id: u32, call: u32, callee: Callee, arguments: Option<SentValue>) -> FromWorker {
    FromWorker::Call { id, call, callee, path: Path(vec!["method".into()]), arguments }
}

fn value(objects: &[SentObject]) -> SentValue {
    SentValue { items: Blob(Vec::new()), value: Blob(vec![0xff; 10]), objects: objects.to_vec() }
}

fn returned(id: u32, objects: &[SentObject]) -> FromWorker {
    FromWorker::Returned { id, threw: false, value: value(objects) }
}

/// Two instances with request 1 each. The caller has `STUB`, of object 5 of the callee.
struct Pair {
    caller: Side,
    callee: Side,
    _requests: [PendingAnswer; 3],
}

const STUB: u32 = 1;

impl Pair {
    fn new() -> Self {
        // The numbers of events are other ones than those of the requests below.
        while Worker::next_id() < 100 {}
        let (caller, callee) = (Side::new(), Side::new());
        let begin = |side: &Side, id| begin(&side.exchanges, id, RequestBody::Empty);
        let requests = [begin(&caller, 1), begin(&caller, 2), begin(&callee, 1)];
        let sent = callee.exchanges.carry(1, value(&[SentObject::Own(5)])).unwrap().unwrap();
        let given = caller.exchanges.give(1, sent).unwrap();
        assert_eq!(given.stubs, [STUB]);
        Self { caller, callee, _requests: requests }
    }
}

#[test]
fn a_caller_names_only_what_it_was_given() {
    let stub = Callee::Stub;
    let path = |names: usize, length: usize| FromWorker::Call {
        id: 1,
        call: 1,
        callee: Callee::Stub(STUB),
        path: Path(vec!["x".repeat(length); names]),
        arguments: None,
    };
    let with = |value| call_message(1, 1, Callee::Stub(STUB), Some(value));
    let long = |bytes| SentValue { value: Blob(vec![0; bytes]), ..value(&[]) };
    let target = |target| call_message(1, 1, Callee::Target(target), None);
    let (fits, breaks) = (true, false);
    let cases: Vec<(&str, bool, Vec<FromWorker>)> = vec![
        ("a call", fits, vec![call_message(1, 1, stub(STUB), None), FromWorker::CallReleased { call: 1 }]),
        ("a call of a forged stub", breaks, vec![call_message(1, 1, stub(7), None)]),
        ("a call of an object's number", breaks, vec![call_message(1, 1, stub(5), None)]),
        (
            "a call of a dropped stub",
            breaks,
            vec![FromWorker::StubReleased { stub: STUB }, call_message(1, 1, stub(STUB), None)],
        ),
        (
            "a call of a stub of a request that has ended",
            breaks,
            vec![ended_message(1), call_message(2, 1, stub(STUB), None)],
        ),
        (
            "a stub dropped twice",
            breaks,
            vec![FromWorker::StubReleased { stub: STUB }, FromWorker::StubReleased { stub: STUB }],
        ),
        (
            "a number twice",
            breaks,
            vec![call_message(1, 1, stub(STUB), None), call_message(1, 1, stub(STUB), None)],
        ),
        ("no such request", breaks, vec![call_message(9, 1, stub(STUB), None)]),
        (
            "an end twice",
            breaks,
            vec![
                call_message(1, 1, stub(STUB), None),
                FromWorker::CallReleased { call: 1 },
                FromWorker::CallReleased { call: 1 },
            ],
        ),
        ("the result of no call", breaks, vec![call_message(1, 1, Callee::Result(8), None)]),
        (
            "the result of a call",
            fits,
            vec![call_message(1, 1, stub(STUB), None), call_message(1, 2, Callee::Result(1), None)],
        ),
        (
            "the result of a released call",
            breaks,
            vec![
                call_message(1, 1, stub(STUB), None),
                FromWorker::CallReleased { call: 1 },
                call_message(1, 2, Callee::Result(1), None),
            ],
        ),
        ("a binding that it does not have", breaks, vec![target(FetchTarget::Binding("A".into()))]),
        ("itself, without exports", breaks, vec![target(FetchTarget::Export(Default::default()))]),
        ("a path", fits, vec![path(64, MAX_PATH_BYTES / 64)]),
        ("a long path", breaks, vec![path(64, MAX_PATH_BYTES / 64 + 1)]),
        ("a long value", fits, vec![with(long(MAX_VALUE_BYTES))]),
        ("a too long value", breaks, vec![with(long(MAX_VALUE_BYTES + 1))]),
        ("own objects", fits, vec![with(value(&[SentObject::Own(1); MAX_OBJECTS]))]),
        ("too many own objects", breaks, vec![with(value(&[SentObject::Own(1); MAX_OBJECTS + 1]))]),
        ("a stub as an argument", fits, vec![with(value(&[SentObject::Held(STUB)]))]),
        ("a forged stub as an argument", breaks, vec![with(value(&[SentObject::Held(2)]))]),
        ("a value as the answer to a request", breaks, vec![returned(1, &[])]),
        (
            "many calls",
            breaks,
            (0..=MAX_CALLS as u32).map(|call| call_message(1, call + 1, stub(STUB), None)).collect(),
        ),
    ];
    for (name, expected, messages) in cases {
        within(async {
            let pair = Pair::new();
            let results: Vec<_> = messages.into_iter().map(|message| pair.caller.receive(message)).collect();
            let (last, before) = results.split_last().unwrap();
            assert_eq!(last.is_ok(), expected, "{name}: {last:?}");
            assert!(before.iter().all(Result::is_ok), "{name}: {before:?}");
            for side in [&pair.caller, &pair.callee] {
                side.exchanges.close(0, &ended());
            }
        });
    }
}

#[test]
fn a_callee_answers_each_call_once_and_names_only_what_it_was_given() {
    let response = |id| response(id, BodyStart::Empty);
    type Answers = fn(u32) -> Vec<FromWorker>;
    let cases: [(&str, bool, Answers); 7] = [
        ("a value", true, |id| vec![returned(id, &[SentObject::Own(3)]), ended_message(id)]),
        ("two values", false, |id| vec![returned(id, &[]), returned(id, &[])]),
        ("a value after the end", false, |id| vec![ended_message(id), returned(id, &[])]),
        ("a forged stub", false, |id| vec![returned(id, &[SentObject::Held(1)])]),
        ("the value of no call", false, |_| vec![returned(77, &[])]),
        ("an error", true, |id| vec![failed(id, ErrorCode::Exception), ended_message(id)]),
        ("a value after an error", false, |id| vec![failed(id, ErrorCode::Exception), returned(id, &[])]),
    ];
    for (name, expected, answers) in cases {
        within(async {
            let pair = Pair::new();
            pair.caller.call(1, 1, STUB).unwrap();
            let results: Vec<_> = answers(pair.callee.newest())
                .into_iter()
                .map(|message| pair.callee.receive(message))
                .collect();
            assert_eq!(results.last().unwrap().is_ok(), expected, "{name}: {results:?}");
        });
    }
    within(async {
        let pair = Pair::new();
        pair.caller.call(1, 1, STUB).unwrap();
        assert!(pair.callee.receive(response(pair.callee.newest())).is_err(), "a response to a call");
    });
}

/// Waits until an instance was sent a message of a kind.
async fn wait_for(side: &Side, kind: &str) {
    while side.sent.count(kind) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn what_a_caller_has_ends_with_its_request_or_its_process() {
    for process in [false, true] {
        within(async {
            let pair = Pair::new();
            pair.caller.call(1, 1, STUB).unwrap();
            let event = pair.callee.newest();
            pair.callee.receive(returned(event, &[SentObject::Own(6)])).unwrap();
            wait_for(&pair.caller, "CallEnded").await;
            pair.caller.call(1, 2, STUB).unwrap();
            assert_eq!(pair.callee.objects(), 2);
            match process {
                true => pair.caller.exchanges.close(0, &ended()),
                false => pair.caller.receive(ended_message(1)).unwrap(),
            }
            assert_eq!(pair.callee.objects(), 0);
            assert_eq!(pair.callee.sent.count("ObjectReleased"), 2);
            assert_eq!(pair.callee.sent.count("ResultReleased"), 2);
            wait_for(&pair.callee, "Cancel").await;
            assert_eq!(pair.callee.sent.count("Cancel"), 1, "only the call without an answer");
        });
    }
}

#[test]
fn callers_get_an_error_if_the_callee_ends() {
    within(async {
        let pair = Pair::new();
        pair.caller.call(1, 1, STUB).unwrap();
        // Of the result of the first, which has not come.
        pair.caller.receive(call_message(1, 2, Callee::Result(1), None)).unwrap();
        pair.callee.exchanges.close(0, &ended());
        while pair.caller.sent.count("CallEnded") < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The stub stays, and says so at each call.
        pair.caller.call(1, 3, STUB).unwrap();
        assert_eq!(pair.caller.sent.count("CallEnded"), 3);
        let sent = pair.caller.sent.0.lock().join("\n");
        assert!(sent.matches("Failed").count() == 3 && sent.contains("has ended"), "{sent}");
    });
}

#[test]
fn calls_that_are_not_released_keep_no_callee() {
    within(async {
        let Pair { caller, callee, _requests: [first, second, third] } = Pair::new();
        caller.call(1, 1, STUB).unwrap();
        let weak = Arc::downgrade(&callee.exchanges);
        callee.exchanges.close(0, &ended());
        drop((callee, third));
        while weak.upgrade().is_some() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        caller.receive(call_message(1, 2, Callee::Result(1), None)).unwrap();
        let sent = caller.sent.0.lock().join("\n");
        assert!(sent.contains("The Worker that has the object of this RPC stub has ended."), "{sent}");
        drop((first, second));
    });
}

#[test]
fn objects_end_with_the_request_that_made_them() {
    within(async {
        let pair = Pair::new();
        pair.callee.receive(response(1, BodyStart::Empty)).unwrap();
        pair.callee.receive(ended_message(1)).unwrap();
        pair.caller.call(1, 1, STUB).unwrap();
        let sent = pair.caller.sent.0.lock().join("\n");
        assert!(sent.contains("The request that made the object of this RPC stub has ended."), "{sent}");
    });
}

#[test]
fn a_call_ends_with_the_request_that_made_the_object_which_calls() {
    within(async {
        let pair = Pair::new();
        pair.caller.call(1, 1, STUB).unwrap();
        let event = pair.callee.newest();
        pair.callee.receive(ended_message(1)).unwrap();
        let itself = FetchTarget::Export(Default::default());
        let error = pair.callee.receive(call_message(event, 1, Callee::Target(itself), None)).unwrap_err();
        assert!(error.contains("a request that it does not have"), "{error}");
    });
}

#[test]
fn a_cycle_of_two_workers_ends() {
    within(async {
        let pair = Pair::new();
        let sides = [&pair.caller, &pair.callee];
        // Each gives the other a stub of itself with each call.
        let mut event = 1;
        for depth in 0..=usize::from(MAX_DEPTH) {
            let (from, to) = (sides[depth % 2], sides[(depth + 1) % 2]);
            let objects = [SentObject::Own(9)];
            let arguments = Some(value(&objects));
            from.receive(call_message(event, 1000 + depth as u32, Callee::Stub(STUB), arguments)).unwrap();
            if from.sent.count("CallEnded") > 0 {
                assert_eq!(depth, usize::from(MAX_DEPTH));
                let sent = from.sent.0.lock().join("\n");
                assert!(sent.contains("More than 16 calls of Workers wait for each other."), "{sent}");
                return;
            }
            event = to.newest();
        }
        panic!("it goes on");
    });
}

#[test]
fn calls_count_for_their_request() {
    within(async {
        let pair = Pair::new();
        let limits = limits();
        let fetches = Fetches::new(FetchBindings::default(), tokio::runtime::Handle::current());
        let few = Exchanges::new(
            Arc::new(SentMessages::default()),
            Arc::new(|_, _| ()),
            &limits,
            &limits,
            Some(fetches),
        );
        let _pending = begin(&few, 1, RequestBody::Empty);
        let sent = pair.callee.exchanges.carry(1, value(&[SentObject::Own(5)])).unwrap().unwrap();
        let stub = few.give(1, sent).unwrap().stubs[0];
        let calls =
            (1..10).take_while(|call| few.receive(call_message(1, *call, Callee::Stub(stub), None)).is_ok());
        assert_eq!(calls.count(), 3);
    });
}

#[test]
fn a_call_whose_arguments_are_refused_leaves_nothing_behind() {
    within(async {
        let pair = Pair::new();
        let own: Vec<_> = (0..MAX_OBJECTS as u32).map(SentObject::Own).collect();
        let sent = pair.caller.exchanges.carry(1, value(&own)).unwrap().unwrap();
        pair.callee.exchanges.give(1, sent).unwrap();
        let before = (pair.callee.exchanges.begun(), pair.callee.exchanges.live());
        let stub = value(&[SentObject::Held(STUB)]);
        pair.caller.receive(call_message(1, 1, Callee::Stub(STUB), Some(stub))).unwrap();
        wait_for(&pair.caller, "CallEnded { call: 1, end: Failed(\"The receiver would have").await;
        assert_eq!((pair.callee.exchanges.begun(), pair.callee.exchanges.live()), before);
        assert_eq!(pair.callee.exchanges.waiting(), Duration::ZERO);
        assert_eq!(pair.callee.sent.count("Cancel"), 0);
    });
}

#[test]
fn values_that_nobody_takes_are_bounded() {
    let account = Arc::default();
    let sent = || SentValue { value: Blob(vec![0; MAX_VALUE_BYTES]), ..value(&[]) };
    let carry = || Carried::new(sent(), Vec::new(), &account).unwrap();
    let carried: Vec<_> = (0..4).map(|_| carry().unwrap()).collect();
    assert!(carry().is_err_and(|text| text.contains("128 MiB")));
    drop(carried);
    assert!(carry().is_ok());
    assert_eq!(account.load(Ordering::Relaxed), 0);
}

fn objects() -> impl Strategy<Value = Vec<SentObject>> {
    let object = prop_oneof![(0u32..4).prop_map(SentObject::Own), (1u32..6).prop_map(SentObject::Held)];
    prop::collection::vec(object, 0..4)
}

fn any_message() -> impl Strategy<Value = FromWorker> {
    let callee = prop_oneof![(1u32..6).prop_map(Callee::Stub), (1u32..6).prop_map(Callee::Result)];
    prop_oneof![
        6 => (1u32..3, 1u32..6, callee, prop::option::of(objects())).prop_map(|(id, call, callee, objects)| {
            call_message(id, call, callee, objects.map(|objects: Vec<SentObject>| value(&objects)))
        }),
        2 => (1u32..6).prop_map(|call| FromWorker::CallReleased { call }),
        2 => (1u32..6).prop_map(|stub| FromWorker::StubReleased { stub }),
        1 => (1u32..3).prop_map(ended_message),
        3 => objects().prop_map(|objects| returned(0, &objects)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Either side sends anything. Messages that break a rule are dropped here, where the broker
    /// ends the process, so that the others meet every state.
    #[test]
    fn nothing_is_left_of_any_calls(messages in prop::collection::vec((any_message(), any::<bool>()), 0..60)) {
        within(async {
            let pair = Pair::new();
            for (message, is_caller) in messages {
                let side = if is_caller { &pair.caller } else { &pair.callee };
                let message = match message {
                    FromWorker::Returned { threw, value, .. } => FromWorker::Returned { id: side.newest_or(1), threw, value },
                    other => other,
                };
                let _ = side.receive(message);
                tokio::task::yield_now().await;
            }
            for side in [&pair.caller, &pair.callee] {
                side.exchanges.close(0, &ended());
            }
            while pair.caller.objects() + pair.callee.objects() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
}

impl Side {
    /// Returns the number of the newest event, or another one if there is none.
    fn newest_or(&self, other: u32) -> u32 {
        let has_events = !self.exchanges.table().live.is_empty();
        if has_events { self.newest() } else { other }
    }
}
