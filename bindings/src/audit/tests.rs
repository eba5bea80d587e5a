use std::time::{Instant, SystemTime};

use serde_json::Value;

use super::*;

fn options(destination: Destination, when_full: WhenFull) -> AuditOptions {
    AuditOptions { destination, arguments: false, when_full }
}

fn call<'a>(tool: &'a str, arguments: &'a str) -> CallRecord<'a> {
    static CALLER: std::sync::LazyLock<Caller> = std::sync::LazyLock::new(|| {
        Caller::client(Some("acme")).from_there(Some(([127, 0, 0, 1], 9).into()), Some("ci"))
    });
    CallRecord {
        began: SystemTime::UNIX_EPOCH,
        caller: &CALLER,
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

#[test]
fn a_record_does_not_control_a_terminal() {
    let odd = "a\u{202e}\u{2028}\u{85}\u{9b}5m\u{7f}";
    let arguments = serde_json::json!({ odd: odd }).to_string();
    let record = CallRecord { with_arguments: true, ..call(odd, &arguments) };
    let line = String::from_utf8(record.line()).unwrap();
    assert!(!line.trim_end_matches('\n').contains(crate::text::is_unprintable), "{line:?}");
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&value["tool"], &value["arguments"]["value"][odd]), (&Value::from(odd), &Value::from(odd)));
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
        "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"event\":\"call\",\"run\":null,\"tenant\":\"acme\",\
         \"peer\":\"127.0.0.1:9\",\"token\":\"ci\",\"server\":\"s\",\"tool\":\"add\",\"arguments\":{\"bytes\":22,\"sha256\":\
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
fn names_and_arguments_do_not_break_the_line() {
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
async fn a_full_disk_refuses_or_counts_calls() {
    let full = || Destination::File("/dev/full".into());
    if !std::path::Path::new("/dev/full").exists() {
        // Linux always has it, so the test is not skipped there.
        #[cfg(target_os = "linux")]
        panic!("/dev/full is missing");
        #[cfg(not(target_os = "linux"))]
        {
            eprintln!("skipped: this platform has no /dev/full");
            return;
        }
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
    for _ in 0..MAX_QUEUED_RECORDS + 10 {
        audit.reserve().await.unwrap().call(&call("any", "{}"));
    }
    assert!(audit.dropped() >= 10);
}

#[tokio::test]
async fn dropped_records_leave_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = Audit::open(options(Destination::File(path.clone()), WhenFull::Drop)).unwrap();
    let all = audit.shared.slots.clone().acquire_many_owned(MAX_QUEUED_RECORDS as u32).await.unwrap();
    audit.reserve().await.unwrap().call(&call("lost", "{}"));
    drop(all);
    audit.reserve().await.unwrap().call(&call("kept", "{}"));
    assert!(audit.close(Duration::from_secs(10)));
    let events: Vec<String> = lines(&path).iter().map(|line| line["event"].to_string()).collect();
    assert_eq!(events.iter().filter(|event| *event == "\"gap\"").count(), 1, "{events:?}");
    assert_eq!(audit.dropped(), 1);
}

#[tokio::test]
async fn a_rotated_file_is_created_again() {
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

#[tokio::test]
async fn events_are_bounded_lines() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let audit = Audit::open(options(Destination::File(path.clone()), WhenFull::Refuse)).unwrap();
    let poison = "x\n{\"event\":\"forged\"}\u{1b}".repeat(1000);
    audit.auth_failed(&RefusedLogin {
        at: SystemTime::UNIX_EPOCH,
        peer: None,
        status: 401,
        method: &poison,
        path: &poison,
        why: &poison,
    });
    audit.more_auth_failed(7);
    audit.violation(&Caller::run(Some("acme")), &poison);
    audit.loaded(&[ReadFile::new("/etc/isolet.toml".as_ref(), b"abc")], &vec![poison.as_str(); 1000]);
    audit.definitions(crate::lock::LockMode::Enforce, &vec![poison.clone(); 1000]);
    assert!(audit.close(Duration::from_secs(10)));
    let lines = lines(&path);
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["auth_failed", "auth_failed", "violation", "config", "config"]);
    assert_eq!((&lines[1]["suppressed"], &lines[2]["tenant"]), (&7.into(), &"acme".into()));
    let file = serde_json::json!({
        "path": "/etc/isolet.toml", "bytes": 3,
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    });
    assert_eq!(lines[3]["files"], serde_json::json!([file]));
    assert_eq!((&lines[3]["server_count"], &lines[4]["difference_count"]), (&1000.into(), &1000.into()));
    assert!(std::fs::metadata(&path).unwrap().len() < 400_000);
}
