//! The life of a connection: its start, its end, and the next one.

mod common;

use std::time::{Duration, Instant};

use common::web::Web;
use common::{eventually, fixture, start, start_with};
use isolet_bindings::config::Start;
use isolet_bindings::{CallError, ServerState, UpstreamOptions};

const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_lazy_server_starts_with_the_first_call() {
    for wake in [false, true] {
        let mut server = fixture([]);
        server.start = Start::Lazy;
        let upstreams = start("s", server).await;
        let status = &upstreams.statuses()[0];
        assert_eq!((status.state, status.pid, status.tools), (ServerState::Idle, None, None), "{status:?}");
        if wake {
            upstreams.wake("s");
            eventually("it starts", || upstreams.statuses()[0].state == ServerState::Ready).await;
        } else {
            // Concurrent calls start it once.
            let calls = (0..5).map(|_| upstreams.call_tool("s", "echo", "{}", TIMEOUT));
            assert!(futures_util::future::join_all(calls).await.iter().all(Result::is_ok));
        }
        let status = &upstreams.statuses()[0];
        assert_eq!(
            (status.state, status.tools, status.restarts),
            (ServerState::Ready, Some(2), 0),
            "{status:?}"
        );
        upstreams.shutdown().await;
        assert_eq!(upstreams.statuses()[0].state, ServerState::Stopped);
    }
    let mut server = fixture([]);
    server.start = Start::Lazy;
    let upstreams = start("s", server).await;
    upstreams.shutdown().await;
    assert_eq!(upstreams.statuses()[0].state, ServerState::Stopped);
}

fn impatient() -> UpstreamOptions {
    let (ping_interval, ping_timeout) = (Duration::from_millis(200), Duration::from_millis(400));
    UpstreamOptions { ping_interval, ping_timeout, ..common::options() }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_started_again() {
    for modes in [&[][..], &["modern"]] {
        let upstreams = start_with("s", fixture(modes.iter().copied()), impatient()).await;
        let pid = upstreams.statuses()[0].pid.unwrap();
        // A few pings are answered.
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(upstreams.statuses()[0].restarts, 0);
        let call = upstreams.call_tool("s", "shut", "{}", TIMEOUT).await;
        assert!(call.is_ok(), "{call:?}");
        eventually("its silence is noticed", || upstreams.statuses()[0].restarts == 1).await;
        let status = &upstreams.statuses()[0];
        assert!(status.last_error.as_ref().unwrap().contains("did not answer a ping"), "{status:?}");
        assert!(upstreams.call_tool("s", "echo", "{}", TIMEOUT).await.is_ok());
        assert_ne!(upstreams.statuses()[0].pid, Some(pid));
    }
}

#[tokio::test]
async fn a_busy_server_and_one_without_ping_are_left_alone() {
    let upstreams = start_with("s", fixture([]), impatient()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    // The server reads nothing for longer than the ping timeout.
    let result = upstreams.call_tool("s", "slow", r#"{"ms":1500}"#, TIMEOUT).await;
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(upstreams.statuses()[0].restarts, 0);

    let upstreams = start_with("s", fixture(["no-ping"]), impatient()).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(upstreams.statuses()[0].restarts, 0);
    assert!(upstreams.call_tool("s", "echo", "{}", TIMEOUT).await.is_ok());
}

#[tokio::test]
async fn a_killed_child_fails_the_call_under_way_and_the_next_one_works() {
    let upstreams = start("s", fixture([])).await;
    let pid = upstreams.statuses()[0].pid.unwrap();
    let asked = Instant::now();
    let (call, ()) = tokio::join!(upstreams.call_tool("s", "never", "{}", TIMEOUT), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        assert!(killed.success());
    });
    let error = call.unwrap_err();
    assert!(asked.elapsed() < Duration::from_millis(1_200), "{:?}", asked.elapsed());
    assert!(matches!(&error, CallError::Died { operation, .. } if operation == "never"), "{error:?}");
    assert!(upstreams.call_tool("s", "echo", "{}", TIMEOUT).await.is_ok());
}

#[tokio::test]
async fn a_killed_http_server_fails_the_call_under_way_and_works_after_a_restart() {
    for modes in [&["session"][..], &["modern"]] {
        let mut web = Web::start(modes);
        let port = format!("port={}", web.port);
        let upstreams = start("s", web.config()).await;
        let asked = Instant::now();
        let (call, ()) = tokio::join!(upstreams.call_tool("s", "hang", "{}", TIMEOUT), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            web.process.kill().unwrap();
            web.process.wait().unwrap();
        });
        let error = call.unwrap_err();
        assert!(asked.elapsed() < Duration::from_millis(1_200), "{:?}", asked.elapsed());
        assert!(error.to_string().contains("broke"), "{error}");
        let modes: Vec<&str> = modes.iter().copied().chain([port.as_str()]).collect();
        let _back = Web::start(&modes);
        let result = upstreams.call_tool("s", "echo", "{}", TIMEOUT).await;
        assert!(result.is_ok(), "{modes:?}: {result:?}");
    }
}

#[tokio::test]
async fn an_outdated_list_is_fetched_again_if_changes_are_not_announced() {
    // A list without an age, and one that is outdated at once, are fetched again too.
    let mut all = Vec::new();
    for modes in
        [&["modern", "no-listen", "ttl=1"][..], &["modern", "no-listen", "ttl=0"], &["modern", "no-listen"]]
    {
        let folder = tempfile::tempdir().unwrap();
        let note = format!("seen-file={}", folder.path().join("seen").display());
        let options = UpstreamOptions { min_list_age: Duration::from_millis(1_500), ..common::options() };
        let upstreams = start_with("s", fixture(modes.iter().copied().chain([note.as_str()])), options).await;
        all.push((modes, folder, upstreams));
    }
    let lists = || {
        let seen = |folder: &tempfile::TempDir| {
            std::fs::read_to_string(folder.path().join("seen")).unwrap_or_default()
        };
        all.iter().map(|(_, folder, _)| seen(folder).matches("\"tools/list\"").count()).collect::<Vec<_>>()
    };
    assert_eq!(lists(), [1, 1, 1]);
    // Not sooner than `min_list_age`, whatever the age of the list.
    eventually("each list is fetched again", || lists().iter().all(|count| *count >= 2)).await;
    assert_eq!(lists(), [2, 2, 2]);
    drop(all);
}
