use std::time::Duration;

use isolet_runtime::WorkerIsolation;

use super::*;
use crate::settings::address::{ListenAddress, WebOrigin};
use crate::settings::runtime::{IsolationLevel, JailException};

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse(Path::new("conf/isolet.toml"), text).map_err(|error| error.to_string())
}

#[track_caller]
fn error_of(text: &str) -> String {
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
        memory: 64 << 20,
        calls: 7,
        concurrent_calls: 3,
        call_timeout: Duration::from_secs(60),
        code: 2 << 10,
        input: 3 << 10,
        result: 4 << 10,
        logs: 5 << 10,
    };
    assert_eq!(settings.limits, wanted);
    assert_eq!(settings.queue, Some(0));
}

#[test]
fn an_invalid_value_is_shown_with_its_position() {
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
            "conf/isolet.toml:2:8: `limits.wall = '9 parsecs'`: unknown time unit ` parsecs`; use 500ms, 30s or 2m",
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
             127.0.0.1:8787, or unix:PATH",
        ),
    ] {
        assert_eq!(error_of(text), wanted);
    }
}

#[test]
fn an_unknown_key_is_an_error_with_a_suggestion() {
    assert_eq!(
        error_of("[limits]\ncpu = '1s'\ncals = 3\n"),
        "conf/isolet.toml:3:1: unknown key `cals` in [limits]: did you mean `calls`?"
    );
    assert_eq!(
        error_of("[limit]\ncpu = '1s'"),
        "conf/isolet.toml:1:2: unknown key `limit`: did you mean `limits`?"
    );
    assert_eq!(
        error_of("[limits]\ncpu = '1s'\nlock = 'warn'\n"),
        "conf/isolet.toml:3:1: unknown key `lock` in [limits]: `lock` must stand before the first [table]"
    );
    assert!(error_of("[types]\nmcp_config = 'a'").ends_with("must stand before the first [table]"));
    let far = error_of("[runtime]\nzzz = 1");
    assert!(
        far.ends_with(
            "expected one of: isolation, require_jail, allow_weak_jail, jit, zygotes, warm, max_running"
        ),
        "{far}"
    );
    let broken = error_of("[limits\n");
    assert!(broken.starts_with("conf/isolet.toml:1:8: not valid TOML: "), "{broken}");
    let twice = error_of("[limits]\ncalls = 1\ncalls = 2\n");
    assert!(twice.starts_with("conf/isolet.toml:3:1: not valid TOML: duplicate key"), "{twice}");
}

#[test]
fn tokens_are_kept_elsewhere_and_never_printed() {
    for text in [
        "[server]\ntokens = ['hunter2hunter2']",
        "[server]\ntokens = 'hunter2hunter2'",
        "[[server.tokens]]\nvalue = 'hunter2hunter2'",
    ] {
        let error = error_of(text);
        assert!(error.contains("cannot be written in this file") && !error.contains("hunter2"), "{error}");
    }
    let missing = error_of("[[server.tokens]]\nenv = 'ISOLET_TEST_UNSET'");
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
    assert!(empty.contains("invalid token"), "{empty}");
}

#[test]
fn server_and_runtime_settings_are_read() {
    let settings = parse(
        "mcp_config = 'servers.json'\n[server]\nlisten = 'localhost:80'\nallow_hosts = ['a.example']\n[runtime]\n\
         isolation = 'thread'\nrequire_jail = false\nallow_weak_jail = ['landlock', 'namespaces']\njit = false\nzygotes = 2\nwarm = 3\nmax_running = 4\n",
    )
    .unwrap();
    assert_eq!(settings.mcp_config.as_deref(), Some(Path::new("conf/servers.json")));
    assert_eq!(settings.server.listen, Some(ListenAddress::Tcp(([127, 0, 0, 1], 80).into())));
    assert_eq!(settings.server.allow_hosts, ["a.example"]);
    let server = parse("[server]\nlisten = 'unix:run/a.sock'\nallow_origins = ['https://a.example:443']")
        .unwrap()
        .server;
    assert_eq!(server.listen, Some(ListenAddress::Unix("conf/run/a.sock".into())));
    assert_eq!(server.allow_origins, [WebOrigin::parse("https://a.example").unwrap()]);
    assert!(error_of("[server]\nallow_origins = ['*']").contains("scheme://host"));
    assert!(error_of("[server]\nno_token = true").contains("unknown key"));
    assert_eq!(settings.runtime.isolation, Some(IsolationLevel::Thread));
    assert_eq!((settings.runtime.zygotes, settings.runtime.warm), (Some(2), Some(3)));
    assert_eq!(settings.runtime.max_running, Some(4));
    assert_eq!(settings.runtime.allow_weak_jail, [JailException::Landlock, JailException::Namespaces]);
    assert_eq!(settings.runtime.jit, Some(false));
}

#[test]
fn three_layers_of_the_jail_have_no_exception() {
    for layer in ["seccomp", "limits", "no_new_privs", "all"] {
        let error = error_of(&format!("[runtime]\nallow_weak_jail = ['{layer}']"));
        assert!(error.ends_with("expected \"namespaces\" or \"landlock\""), "{error}");
    }
    let error = error_of("[runtime]\nallow_weak_jail = true");
    assert!(error.ends_with("expected a list in brackets"), "{error}");
}

#[test]
fn invalid_rules_are_errors() {
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
        (rule("tool = 'a['"), "`policy.rule.tool = 'a['`: `a[` is not a pattern: unclosed character class"),
        (rule("tool = []"), "an empty list means nothing"),
        (rule("tools = 'x'"), "unknown key `tools` in [policy.rule]: did you mean `tool`?"),
        (
            rule("when = [{ argument = 'path', equals = 1 }]"),
            "`path` is not a path into arguments: write /name",
        ),
        (
            rule("when = [{ argument = '/p' }]"),
            "a condition needs one of `equals`, `in`, `matches` and `exists`",
        ),
        (rule("when = [{ argument = '/p', equals = 1, in = [1] }]"), "a condition needs one of"),
        (rule("when = [{ argument = '/p', equal = 1 }]"), "unknown key `equal`"),
        (
            rule("when = [{ argument = '/p', equals = 2026-01-01 }]"),
            "expected a string, a number, true, false",
        ),
        (
            "[[policy.rate]]\nname = 'r'\nlimit = '60'".to_owned(),
            "`60` is not a rate: write a number of calls and a time",
        ),
        ("[policy]\nread_only_tools = ['git']".to_owned(), "expected \"server/tool\""),
        ("[audit]\narguments = true".to_owned(), "[audit] needs `file`"),
        ("lock = 'on'".to_owned(), "`lock = 'on'`: expected \"off\" or \"warn\" or \"enforce\""),
    ] {
        let error = error_of(&text);
        assert!(error.contains(wanted), "{text}\n{error}");
    }
    let resources = "[[policy.rule]]\nname = 'r'\naction = 'allow'\ntool = '$readResource'";
    assert_eq!(parse(resources).unwrap().policy.rules.len(), 1, "resources may need allowing");
}

#[test]
fn workers_are_listed() {
    let settings = parse(
        "[workers]\nlisten = 'unix:w.sock'\nprocesses = 3\nidle_timeout = '5m'\n\
         [[workers.worker]]\npath = 'shop'\nroutes = ['shop.example/*']\nmcp_servers = ['orders', 'mail/send_*']\n\
         environment = 'live'\nconfig = 'shop/live.toml'\nvars_file = '/run/shop'\nlimits = { cpu = '50ms', calls = 3 }\n\
         [[workers.worker]]\npath = '/srv/site'\nname = 'site'\nisolation = 'request'\n",
    )
    .unwrap();
    let workers = settings.workers;
    assert_eq!(workers.listen, Some(ListenAddress::Unix("conf/w.sock".into())));
    assert_eq!((workers.processes, workers.idle_timeout), (Some(3), Some(Duration::from_secs(300))));
    let [shop, site] = workers.workers.as_slice() else { panic!("{:?}", workers.workers) };
    assert_eq!(shop.path, Path::new("conf/shop"));
    assert_eq!(shop.vars_file.as_deref(), Some(Path::new("/run/shop")));
    assert_eq!(shop.mcp_servers, ["orders", "mail/send_*"]);
    let limits = shop.limits.applied_to(&Limits { calls: 9, ..Limits::default() });
    assert_eq!(limits, Limits { cpu: Duration::from_millis(50), calls: 3, ..Limits::default() });
    assert_eq!(site.limits.applied_to(&limits), limits);
    assert_eq!((site.path.as_path(), site.name.as_deref()), (Path::new("/srv/site"), Some("site")));
    assert!(site.routes.is_none() && site.mcp_servers.is_empty());
    assert_eq!((shop.isolation, site.isolation), (WorkerIsolation::Isolate, WorkerIsolation::Request));

    for (text, wanted) in [
        ("[[workers.worker]]\nname = 'a'\n", "needs `path`"),
        ("[[workers.worker]]\npath = 'a'\nroute = 'b'\n", "did you mean `routes`?"),
        ("[[workers.worker]]\npath = 'a'\nlimits = { memory = '64MiB' }\n", "unknown key `memory`"),
        ("[workers]\nworker = { path = 'a' }\n", "a list of tables"),
        ("[workers]\nidle_timeout = '1ms'\n", "must be from 1 s"),
    ] {
        let error = error_of(text);
        assert!(error.contains(wanted), "{text}: {error}");
    }
}
