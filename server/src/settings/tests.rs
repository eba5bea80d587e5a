use std::time::Duration;

use super::*;
use crate::isolation::Level;

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse(Path::new("conf/isolet.toml"), text).map_err(|error| error.to_string())
}

#[track_caller]
fn complaint(text: &str) -> String {
    parse(text).err().unwrap_or_else(|| panic!("{text} was accepted"))
}

#[test]
fn an_empty_file_changes_nothing() {
    let settings = parse("").unwrap();
    assert_eq!(settings.limits, Limits::default());
    assert!(settings.server.tokens.is_empty() && settings.queue.is_none());
}

#[test]
fn every_limit_can_be_set() {
    let settings = parse(
        "[limits]\ncpu = '2s'\nwall = '500ms'\nmemory = '64MiB'\ncalls = 7\nconcurrent_calls = 3\ncall_timeout = '1m'\n\
         code = '2KiB'\ninput = '3KiB'\nresult = 4096\nlogs = '5KiB'\nqueue = 0\n",
    )
    .unwrap();
    let wanted = Limits {
        cpu: Duration::from_secs(2),
        wall: Duration::from_millis(500),
        heap_bytes: 64 << 20,
        calls: 7,
        parallel_calls: 3,
        call: Duration::from_secs(60),
        code_bytes: 2 << 10,
        input_bytes: 3 << 10,
        result_bytes: 4 << 10,
        log_bytes: 5 << 10,
    };
    assert_eq!(settings.limits, wanted);
    assert_eq!(settings.queue, Some(0));
}

#[test]
fn a_wrong_value_is_shown_with_its_place() {
    for (text, wanted) in [
        (
            "[limits]\ncpu = 10\n",
            "conf/isolet.toml:2:7: `limits.cpu = 10`: expected a duration with a unit, such as \"500ms\", \"10s\" or \"2m\"",
        ),
        (
            "[limits]\ncpu = \"10\"\n",
            "conf/isolet.toml:2:7: `limits.cpu = \"10\"`: expected a duration with a unit, such as \"500ms\", \"10s\" or \
             \"2m\"",
        ),
        (
            "[limits]\nwall = '9 parsecs'",
            "conf/isolet.toml:2:8: `limits.wall = '9 parsecs'`: ` parsecs` is no unit of time; use 500ms, 30s or 2m",
        ),
        (
            "limits = { cpu = '25h' }",
            "conf/isolet.toml:1:18: `limits.cpu = '25h'`: must be from 1 ms to 24 h",
        ),
        (
            "[limits]\nmemory = '1MiB'",
            "conf/isolet.toml:2:10: `limits.memory = '1MiB'`: must be from 16 MiB to 3 GiB",
        ),
        (
            "[limits]\nmemory = '128M'",
            "conf/isolet.toml:2:10: `limits.memory = '128M'`: a size is a whole number with a unit: 64KiB, 128MiB, 1GiB \
             (or KB, MB, GB, B)",
        ),
        (
            "[limits]\ncalls = -1",
            "conf/isolet.toml:2:9: `limits.calls = -1`: expected a whole number from 0 to 1000000",
        ),
        ("limits = 3", "conf/isolet.toml:1:10: `limits = 3`: expected a table: [limits]"),
        (
            "[runtime]\nisolation = 'none'",
            "conf/isolet.toml:2:13: `runtime.isolation = 'none'`: expected \"process\" or \"thread\"",
        ),
        (
            "[server]\nlisten = 'example.com:80'",
            "conf/isolet.toml:2:10: `server.listen = 'example.com:80'`: an address is an IP address and a port, such as \
             127.0.0.1:8787",
        ),
    ] {
        assert_eq!(complaint(text), wanted);
    }
}

#[test]
fn an_unknown_key_is_a_mistake_with_a_suggestion() {
    assert_eq!(
        complaint("[limits]\ncpu = '1s'\ncals = 3\n"),
        "conf/isolet.toml:3:1: unknown key `cals` in [limits]: did you mean `calls`?"
    );
    assert_eq!(
        complaint("[limit]\ncpu = '1s'"),
        "conf/isolet.toml:1:2: unknown key `limit`: did you mean `limits`?"
    );
    let far = complaint("[runtime]\nzzz = 1");
    assert!(far.ends_with("there are isolation, require_jail, runners, warm, max_running"), "{far}");
    let broken = complaint("[limits\n");
    assert!(broken.starts_with("conf/isolet.toml:1:8: not valid TOML: "), "{broken}");
    let twice = complaint("[limits]\ncalls = 1\ncalls = 2\n");
    assert!(twice.starts_with("conf/isolet.toml:3:1: not valid TOML: duplicate key"), "{twice}");
}

#[test]
fn tokens_stand_elsewhere_and_are_never_echoed() {
    for text in [
        "[server]\ntokens = ['hunter2hunter2']",
        "[server]\ntokens = 'hunter2hunter2'",
        "[[server.tokens]]\nvalue = 'hunter2hunter2'",
    ] {
        let complaint = complaint(text);
        assert!(
            complaint.contains("does not stand in this file") && !complaint.contains("hunter2"),
            "{complaint}"
        );
    }
    let missing = complaint("[[server.tokens]]\nenv = 'ISOLET_TEST_UNSET'");
    assert!(
        missing.ends_with("`server.tokens.env = 'ISOLET_TEST_UNSET'`: this variable is not set"),
        "{missing}"
    );

    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "s3cret\n").unwrap();
    std::fs::write(dir.path().join("empty"), "\n").unwrap();
    let path = dir.path().join("isolet.toml");
    let settings = Settings::parse(&path, "[[server.tokens]]\nfile = 'token'").unwrap();
    assert_eq!(settings.server.tokens[0].secret, "s3cret");
    assert!(!format!("{settings:?}").contains("s3cret"));
    let empty = Settings::parse(&path, "[[server.tokens]]\nfile = 'empty'").unwrap_err().to_string();
    assert!(empty.contains("is no token"), "{empty}");
}

#[test]
fn the_rest_is_read_too() {
    let settings = parse(
        "mcp_config = 'servers.json'\n[server]\nlisten = 'localhost:80'\nallow_hosts = ['a.example']\n[runtime]\n\
         isolation = 'thread'\nrequire_jail = false\nrunners = 2\nwarm = 3\nmax_running = 4\n",
    )
    .unwrap();
    assert_eq!(settings.mcp_config.as_deref(), Some(Path::new("conf/servers.json")));
    assert_eq!(settings.server.listen.map(|listen| listen.port()), Some(80));
    assert_eq!(settings.server.allow_hosts, ["a.example"]);
    assert_eq!(settings.engine.isolation, Some(Level::Thread));
    assert_eq!((settings.engine.runners, settings.engine.warm), (Some(2), Some(3)));
    assert_eq!(settings.engine.max_running, Some(4));
}

#[test]
fn rules_are_checked_before_they_are_trusted() {
    let rule = |rest: &str| format!("[[policy.rule]]\nname = 'r'\naction = 'deny'\n{rest}");
    for (text, wanted) in [
        ("[[policy.rule]]\naction = 'deny'".to_owned(), "a rule needs a `name`, which refusals show"),
        ("[[policy.rule]]\nname = 'r'".to_owned(), "a rule needs `action = \"allow\"` or \"deny\""),
        ("[[policy.rule]]\nname = 'lock'\naction = 'deny'".to_owned(), "isolet uses this name itself"),
        (format!("{}{}", rule(""), rule("")), "`policy.rule.name = 'r'`: another rule has this name"),
        (
            "[[policy.rule]]\nname = 'r'\naction = 'allow'".to_owned(),
            "what no rule denies is allowed already",
        ),
        (rule("tool = 'a['"), "`policy.rule.tool = 'a['`: `a[` is no pattern: unclosed character class"),
        (rule("tool = []"), "an empty list means nothing"),
        (rule("tools = 'x'"), "unknown key `tools` in [policy.rule]: did you mean `tool`?"),
        (rule("when = [{ argument = 'path', equals = 1 }]"), "`path` is no path into arguments: write /name"),
        (
            rule("when = [{ argument = '/p' }]"),
            "a condition needs one of `equals`, `in`, `matches` and `exists`",
        ),
        (rule("when = [{ argument = '/p', equals = 1, in = [1] }]"), "a condition needs one of"),
        (rule("when = [{ argument = '/p', equal = 1 }]"), "unknown key `equal`"),
        (rule("when = [{ argument = '/p', equals = 2026-01-01 }]"), "expected a text, a number, true, false"),
        (
            "[[policy.rate]]\nname = 'r'\nlimit = '60'".to_owned(),
            "`60` is no rate: write a number of calls and a time",
        ),
        ("[policy]\nread_only_tools = ['git']".to_owned(), "expected \"server/tool\""),
        ("[audit]\narguments = true".to_owned(), "[audit] needs `file`"),
        ("lock = 'on'".to_owned(), "`lock = 'on'`: expected \"off\" or \"warn\" or \"enforce\""),
    ] {
        let complaint = complaint(&text);
        assert!(complaint.contains(wanted), "{text}\n{complaint}");
    }
    let resources = "[[policy.rule]]\nname = 'r'\naction = 'allow'\ntool = '$readResource'";
    assert_eq!(parse(resources).unwrap().policy.rules.len(), 1, "resources may need allowing");
}
