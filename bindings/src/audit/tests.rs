use std::time::{Instant, SystemTime};

use serde_json::Value;

use super::*;

fn options(destination: Destination, when_full: WhenFull) -> Options {
    Options { destination, arguments: false, when_full }
}

fn call<'a>(tool: &'a str, arguments: &'a str) -> CallRecord<'a> {
    CallRecord {
        began: SystemTime::UNIX_EPOCH,
        run: Some("r1"),
        tenant: None,
        server: "s",
        tool,
        arguments,
        with_arguments: false,
        result: Some(Summary::of(b"3")),
        ms: 1.23456,
        outcome: Outcome::Ok,
        rule: None,
    }
}

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[tokio::test]
async fn a_call_is_one_line_without_its_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = Audit::open(options(Destination::File(path.clone()), WhenFull::Refuse)).unwrap();
    audit.reserve().await.unwrap().call(&call("add", r#"{"password":"hunter2"}"#));
    drop(audit.reserve().await.unwrap());
    assert!(audit.close(Duration::from_secs(10)));
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"event\":\"call\",\"run\":\"r1\",\"tenant\":null,\"server\":\"s\",\
         \"tool\":\"add\",\"arguments\":{\"bytes\":22,\"sha256\":\
         \"DIGEST\"},\"result\":{\"bytes\":1,\"sha256\":\
         \"4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce\"},\"ms\":1.235,\"outcome\":\"ok\"}\n"
            .replace(
                "DIGEST",
                &Summary::of(br#"{"password":"hunter2"}"#).sha256
            )
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn names_and_arguments_stay_on_their_line() {
    let name = "x\n\u{2028}\u{1b}[2J".repeat(1000);
    let mut record = call(&name, "{\n\"a\":\n1}");
    record.with_arguments = true;
    let line = String::from_utf8(record.line()).unwrap();
    assert_eq!(line.matches('\n').count(), 1);
    assert!(line.len() < 3000 && line.contains(r#""value":{"a":1}"#), "{line}");
    let long = format!("\"{}\"", "y".repeat(20_000));
    let mut record = call("t", &long);
    record.with_arguments = true;
    assert!(record.line().len() < 1000);
}

#[tokio::test]
async fn a_full_disk_refuses_calls_or_counts_them() {
    let full = || Destination::File("/dev/full".into());
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let audit = Audit::open(options(full(), WhenFull::Refuse)).unwrap();
    audit.reserve().await.unwrap().call(&call("first", "{}"));
    let began = Instant::now();
    let refusal = loop {
        match audit.reserve().await {
            Err(refusal) => break refusal,
            Ok(_) => assert!(began.elapsed() < Duration::from_secs(10)),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(refusal.contains("No space left on device"), "{refusal}");
    assert!(!audit.close(Duration::from_millis(50)), "nothing was written");

    let audit = Audit::open(options(full(), WhenFull::Drop)).unwrap();
    for _ in 0..QUEUE + 10 {
        audit.reserve().await.unwrap().call(&call("any", "{}"));
    }
    assert!(audit.dropped() >= 10);
}

#[tokio::test]
async fn dropped_records_leave_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = Audit::open(options(Destination::File(path.clone()), WhenFull::Drop)).unwrap();
    let all = audit.shared.places.clone().acquire_many_owned(QUEUE as u32).await.unwrap();
    audit.reserve().await.unwrap().call(&call("lost", "{}"));
    drop(all);
    audit.reserve().await.unwrap().call(&call("kept", "{}"));
    assert!(audit.close(Duration::from_secs(10)));
    let events: Vec<String> = lines(&path).iter().map(|line| line["event"].to_string()).collect();
    assert_eq!(events.iter().filter(|event| *event == "\"gap\"").count(), 1, "{events:?}");
    assert_eq!(audit.dropped(), 1);
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = Audit::open(options(Destination::File(path.clone()), WhenFull::Refuse)).unwrap();
    audit.reserve().await.unwrap().call(&call("before", "{}"));
    while std::fs::metadata(&path).unwrap().len() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    std::fs::rename(&path, dir.path().join("audit.1")).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    audit.reserve().await.unwrap().call(&call("after", "{}"));
    assert!(audit.close(Duration::from_secs(10)));
    assert_eq!(lines(&dir.path().join("audit.1"))[0]["tool"], "before");
    assert_eq!(lines(&path)[0]["tool"], "after");
}
