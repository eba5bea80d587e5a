//! A runner that was taken over by its script says anything, in any order; what its caller hears keeps the limits.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::process::sentry::{Process, Sentry};
use crate::watchdog::Watchdog;
use crate::{LogLevel, LogLine, Operation, ToolFuture};

/// Answers at once, later or never.
struct Host(Arc<AtomicUsize>);

impl ToolHost for Host {
    fn call(&self, request: ToolRequest) -> ToolFuture {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            match number % 4 {
                0 => std::future::pending().await,
                1 => tokio::task::yield_now().await,
                2 => return Err(ToolFailure::new(request.server)),
                _ => {}
            }
            Ok(vec![b'1'; 4000])
        })
    }
}

fn limits() -> Limits {
    Limits {
        calls: 6,
        parallel_calls: 3,
        log_bytes: 1000,
        result_bytes: 50,
        heap_bytes: 20_000,
        ..Limits::default()
    }
}

/// That a call waited until the run ended.
fn unsent() -> FromRunner {
    let record = CallRecord {
        server: "demo".into(),
        tool: "add".into(),
        ms: f64::NAN,
        ok: false,
        error: Some("not sent".into()),
    };
    FromRunner::Unsent { record: record.into() }
}

/// A frame, most often a sensible one.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        4 => (0u32..8, 0usize..100).prop_map(|(call, length)| FromRunner::Call {
            call,
            server: "x".repeat(length),
            operation: Operation::Call { tool: "add".into(), arguments: "{}".into() },
        }),
        4 => (0usize..200).prop_map(|length| FromRunner::Log {
            line: LogLine { level: LogLevel::Log, text: "l".repeat(length), at_ms: 0.0 },
        }),
        1 => Just(()).prop_map(|()| FromRunner::Call {
            call: 9,
            server: "demo".into(),
            operation: Operation::ReadResource { uri: "u".repeat(NAME + 1) },
        }),
        1 => Just(()).prop_map(|()| unsent()),
        1 => prop_oneof![Just("[1]".to_owned()), Just("[1".to_owned()), Just("1".repeat(51))].prop_map(|json| {
            FromRunner::Done { outcome: Outcome { result: Ok(json), stats: Stats::default() } }
        }),
    ];
    prop_oneof![
        12 => message.prop_map(|message| frames::encode(&message).unwrap()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => Just(u32::MAX.to_le_bytes().to_vec()),
    ]
}

/// All that a run's caller hears of a runner that sends `bytes` and then hangs up.
async fn heard(bytes: Vec<u8>, host: Arc<AtomicUsize>) -> Vec<RunEvent> {
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let descriptor = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    let process = Arc::new(Process::new(descriptor, child.id()));
    let watchdog = Watchdog::start();
    let (sentry, first) = Sentry::over(process.clone(), &limits(), 128 << 20, 0);
    let errand = Errand {
        frame: Vec::new(),
        catalogue: Arc::default(),
        catalogue_id: 1,
        host: Arc::new(Host(host)),
        limits: limits(),
    };
    let watch = watchdog.watch(sentry, first);
    let runner = Runner::alone(process, tokio::net::UnixStream::from_std(ours).unwrap());
    let mut live = Live::new(Box::new(errand), runner, watch, 0.0, Vec::new());
    // On a thread, as the socket may not hold it all; then it hangs up.
    let says = std::thread::spawn(move || _ = theirs.write_all(&bytes));
    let mut events = Vec::new();
    let outcome = loop {
        match live.next().await {
            Ok(Some(RunEvent::Done(outcome))) => break *outcome,
            Ok(Some(event)) => events.push(event),
            Ok(None) | Err(_) => break Outcome { result: Err(ended()), stats: live.stats() },
        }
    };
    events.extend(live.last_events(outcome));
    says.join().unwrap();
    assert!(!child.wait().unwrap().success(), "it was killed");
    events
}

/// Found by the property below, once: it takes many of the rarest frame.
#[tokio::test]
async fn calls_count_with_the_ones_that_were_not_sent() {
    let call = |call| FromRunner::Call {
        call,
        server: "demo".into(),
        operation: Operation::Call { tool: "add".into(), arguments: "{}".into() },
    };
    let messages = [unsent(), unsent(), unsent(), unsent(), unsent(), unsent(), call(1), call(2)];
    let frames: Vec<_> = messages.iter().map(|message| frames::encode(message).unwrap()).collect();
    let made = Arc::new(AtomicUsize::new(0));
    let events = heard(frames.concat(), made.clone()).await;
    let told = events.iter().filter(|event| matches!(event, RunEvent::Call(_))).count();
    assert_eq!((told, made.load(Ordering::SeqCst)), (6, 0));
    let Some(RunEvent::Done(outcome)) = events.last() else { panic!("{events:?}") };
    assert!(outcome.result.is_err(), "{outcome:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn whatever_a_runner_says_its_caller_hears_no_more_than_the_limits_allow(
        frames in prop::collection::vec(frame(), 0..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let made = Arc::new(AtomicUsize::new(0));
        let run = heard(frames.concat(), made.clone());
        let events = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(30), run).await.expect("it ends")
        });
        let (mut calls, mut bytes, mut ends) = (0, 0, 0);
        for event in &events {
            match event {
                RunEvent::Log(line) => bytes += line.text.len() + LINE,
                RunEvent::Call(_) => calls += 1,
                RunEvent::Done(outcome) => {
                    ends += 1;
                    if let Ok(json) = &outcome.result {
                        prop_assert_eq!(json, "[1]");
                    }
                }
            }
        }
        prop_assert!(made.load(Ordering::SeqCst) <= 6 && calls <= 6, "{calls} calls told");
        prop_assert!(calls >= made.load(Ordering::SeqCst).min(6), "each that was made is told");
        prop_assert!(bytes <= 1000, "{bytes} bytes of logs");
        prop_assert!(ends == 1 && matches!(events.last(), Some(RunEvent::Done(_))));
    }
}
