use std::fs;

use serde_json::json;

use super::*;

fn config(files: &[(&str, &str)], environment: Option<&str>) -> (Result<Config, ProjectError>, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let folder = ProjectFolder::open(directory.path()).unwrap();
    let mut warnings = Warnings::default();
    let config = match find(directory.path()) {
        Some(file) => read(&folder, &file, environment, &mut warnings),
        None => {
            Err(ProjectError::new(SourceLocation::file(directory.path()), ProjectProblem::NoConfiguration))
        }
    };
    (config, warnings.into_vec().iter().map(|warning| short(&warning.to_string())).collect())
}

/// Returns the message without the temporary directory.
fn short(message: &str) -> String {
    let name = message.find("/wrangler.").map_or(0, |slash| slash + 1);
    message[name..].to_owned()
}

fn error(files: &[(&str, &str)], environment: Option<&str>) -> String {
    short(&config(files, environment).0.unwrap_err().to_string())
}

const JSONC: &str = r#"{
  "$schema": "node_modules/wrangler/config-schema.json",
  "name": "shop", // comment
  "main": "src/index.ts",
  "compatibility_date": "2026-01-01",
  "compatibility_flags": ["nodejs_compat"],
  "vars": { "A": "1", "B": { "deep": [1, null] } },
  "limits": { "cpu_ms": 50, "subrequests": 7, "cpu": 1 },
  "kv_namespaces": [],
  "env": {
    "staging": { "vars": { "A": "2" }, "d1_databases": [] },
    "bare": {},
    "other": { "name": "own", "main": "b.js", "limits": { "cpu_ms": 90 } },
  },
}"#;

#[test]
fn the_top_level_is_read() {
    let (config, warnings) = config(&[("wrangler.jsonc", JSONC)], None);
    let config = config.unwrap();
    assert_eq!(config.name.as_deref(), Some("shop"));
    let (main, location) = config.main.unwrap();
    assert_eq!(main, "src/index.ts");
    assert_eq!((location.line, location.column), (Some(4), Some(11)));
    assert_eq!(config.compatibility_date.as_deref(), Some("2026-01-01"));
    assert_eq!(config.compatibility_flags, ["nodejs_compat"]);
    assert_eq!(Value::Object(config.vars), json!({ "A": "1", "B": { "deep": [1, null] } }));
    assert_eq!(config.limits, ProjectLimits { cpu_ms: Some(50), subrequests: Some(7) });
    assert_eq!(
        warnings,
        [
            "wrangler.jsonc:9:3: `kv_namespaces` is not supported by isolet: its bindings are missing from `env`",
            "wrangler.jsonc:8:47: `limits.cpu` is not supported by isolet: it is ignored; did you mean `cpu_ms`?",
        ]
    );
}

#[test]
fn typing_errors_have_a_suggestion() {
    let text = r#"{ "kv_namespace": [], "compatibilty_flags": [], "qqq": 1,
        "assets": { "directory": "a", "bindings": "A" }, "triggers": { "cron": [] } }"#;
    let (_, warnings) = config(&[("wrangler.json", text)], None);
    for (warning, expected) in warnings.iter().zip([
        "`kv_namespace` is not supported by isolet: it is ignored; did you mean `kv_namespaces`?",
        "`compatibilty_flags` is not supported by isolet: it is ignored; did you mean `compatibility_flags`?",
        "`qqq` is not supported by isolet: it is ignored",
        "`assets.bindings` is not supported by isolet: it is ignored; did you mean `binding`?",
        "`triggers.cron` is not supported by isolet: it is ignored; did you mean `crons`?",
    ]) {
        assert!(warning.ends_with(expected), "{warning}");
    }
    assert_eq!(warnings.len(), 5);
}

#[test]
fn dates_and_flags_are_checked() {
    let of = |text: &str| config(&[("wrangler.json", text)], None);
    let (read, warnings) = of(r#"{ "compatibility_date": "2999-12-31",
        "compatibility_flags": ["nodejs_compat", "nodejs_compatt"] }"#);
    assert_eq!(read.unwrap().compatibility_date.as_deref(), Some("2999-12-31"));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let expected =
        "wrangler.json:1:25: `compatibility_date` is 2999-12-31, which is in the future: it has the";
    assert!(warnings[0].starts_with(expected), "{warnings:?}");
    assert!(warnings[1].starts_with("wrangler.json:2:50: the compatibility flag `nodejs_compatt` is"));
    assert!(warnings[1].ends_with("did you mean `nodejs_compat`?"), "{warnings:?}");
    for wrong in ["today", "2026-13-01", "2026-02-30", "2026-8-4", "2026-08-04T00:00:00Z", ""] {
        let error = of(&format!(r#"{{ "compatibility_date": "{wrong}" }}"#)).0.unwrap_err().to_string();
        assert!(error.contains("wrangler.json:1:25: `compatibility_date` is \""), "{error}");
        assert!(error.contains("which is not a date: write YYYY-MM-DD"), "{error}");
    }
}

#[test]
fn any_number_of_unknown_names_takes_little_time() {
    let started = std::time::Instant::now();
    let many = |text: fn(u32) -> String| (0..20_000).map(text).collect::<Vec<_>>().join(",");
    let keys = many(|n| format!("\"compatibility_flag{n}{}\": 1", "x".repeat(20)));
    let flags = many(|n| format!("\"nodejs_compat{n}{}\"", "x".repeat(20)));
    let (_, warnings) = config(&[("wrangler.json", &format!("{{ {keys} }}"))], None);
    assert_eq!(warnings.len(), 100);
    let text = format!("{{ \"compatibility_flags\": [{flags}] }}");
    let (_, warnings) = config(&[("wrangler.json", &text)], None);
    assert_eq!(warnings.len(), 99);
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn environments_inherit_all_but_variables() {
    let (staging, warnings) = config(&[("wrangler.jsonc", JSONC)], Some("staging"));
    let staging = staging.unwrap();
    assert_eq!(staging.name.as_deref(), Some("shop-staging"));
    assert_eq!(staging.main.unwrap().0, "src/index.ts");
    assert_eq!(staging.limits.cpu_ms, Some(50));
    assert_eq!(Value::Object(staging.vars), json!({ "A": "2" }));
    assert!(warnings[1].contains("env.staging.d1_databases"), "{warnings:?}");

    let (bare, warnings) = config(&[("wrangler.jsonc", JSONC)], Some("bare"));
    assert!(bare.unwrap().vars.is_empty());
    assert!(warnings[1].contains("not inherited"), "{warnings:?}");

    let other = config(&[("wrangler.jsonc", JSONC)], Some("other")).0.unwrap();
    assert_eq!((other.name.as_deref(), other.main.unwrap().0.as_str()), (Some("own"), "b.js"));
    assert_eq!(other.limits, ProjectLimits { cpu_ms: Some(90), subrequests: None });
    assert_eq!(
        error(&[("wrangler.jsonc", JSONC)], Some("live")),
        "wrangler.jsonc: environment \"live\" not found in the configuration (it has: staging, bare, other)"
    );
}

#[test]
fn toml_is_read_like_json() {
    let text = "name = \"shop\"\nmain = \"w.js\"\n[vars]\nA = 1\n[[kv_namespaces]]\nbinding = \"X\"\n[env.s.vars]\nA = 2\n";
    let (plain, warnings) = config(&[("wrangler.toml", text)], None);
    assert_eq!(Value::Object(plain.unwrap().vars), json!({ "A": 1 }));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("wrangler.toml:5:3: `kv_namespaces`"), "{warnings:?}");
    let staging = config(&[("wrangler.toml", text)], Some("s")).0.unwrap();
    assert_eq!(Value::Object(staging.vars), json!({ "A": 2 }));
}

#[test]
fn the_preferred_file_is_read_with_a_warning() {
    let json = r#"{ "main": "json.js" }"#;
    let files = [("wrangler.toml", "main = \"toml.js\""), ("wrangler.jsonc", "{}"), ("wrangler.json", json)];
    let (config, warnings) = config(&files, None);
    assert_eq!(config.unwrap().main.unwrap().0, "json.js");
    assert_eq!(
        warnings,
        [
            "wrangler.jsonc: is ignored, because wrangler.json takes precedence",
            "wrangler.toml: is ignored, because wrangler.json takes precedence"
        ]
    );
}

/// A key that the table calls read is read: a value of the wrong type is an error.
#[test]
fn every_key_that_is_read_is_checked() {
    for key in keys::KEYS.iter().filter(|key| matches!(key.support, Support::Read(..))) {
        let mut text = json!({ "main": "w.js" });
        text[key.name] = json!(1);
        let environment = (key.name == "env").then_some("live");
        let (config, _) = config(&[("wrangler.json", &text.to_string())], environment);
        assert!(config.is_err(), "the row of `{}` says that it is read", key.name);
    }
}

#[test]
fn errors_have_a_location() {
    let json = |text: &str| error(&[("wrangler.json", text)], None);
    assert_eq!(json("{\n \"main\": 1 }"), "wrangler.json:2:10: `main` must be a string, but is a number");
    assert_eq!(json("[]"), "wrangler.json:1:1: `the configuration` must be an object, but is an array");
    assert!(json("{\n\"main\" \"x\"}").starts_with("wrangler.json:2:"), "{}", json("{\n\"main\" \"x\"}"));
    assert!(json("{ \"main\": \"x\", \"vars\": [] }").contains(":1:24: `vars` must be an object"));
    for value in ["0", "-1", "0.5", "\"50\"", "null"] {
        let text = format!("{{ \"main\": \"x\", \"limits\": {{ \"cpu_ms\": {value} }} }}");
        let error = json(&text);
        assert!(error.contains(":1:38: `limits.cpu_ms` must be a whole number of at least 1"), "{error}");
    }
    assert!(
        json("{ \"main\": \"x\", \"compatibility_flags\": [1] }")
            .contains("an array of strings, but is a number")
    );
    let toml = error(&[("wrangler.toml", "name = \"a\"\nmain = \n")], None);
    assert!(toml.starts_with("wrangler.toml:2:"), "{toml}");
    assert!(error(&[], None).contains("no wrangler.json"));
}

#[test]
fn the_keys_of_modules_are_read() {
    let text = r#"{ "rules": [{ "type": "Text", "globs": ["**/*.md"] }], "define": { "A": "1" }, "alias": { "a": "b" },
        "no_bundle": true, "find_additional_modules": false, "tsconfig": "t.json", "env": { "x": {} } }"#;
    let config_of = |environment| config(&[("wrangler.json", text)], environment).0.unwrap();
    let top = config_of(None);
    assert_eq!((top.rules.len(), top.define.len(), top.alias.len(), top.no_bundle), (1, 1, 1, true));
    assert_eq!((top.find_additional_modules, top.tsconfig.as_deref()), (Some(false), Some("t.json")));
    let inherited = config_of(Some("x"));
    assert_eq!((inherited.rules.len(), inherited.define.len(), inherited.alias.len()), (1, 0, 1));
    for (wrong, expected) in [
        (r#"{ "rules": {} }"#, "`rules` must be an array of objects"),
        (
            r#"{ "rules": [{ "type": "Text", "globs": "x" }] }"#,
            "`rules[0].globs` must be an array of strings",
        ),
        (r#"{ "define": { "A": 1 } }"#, "`define` must be an object of strings"),
        (r#"{ "no_bundle": 1 }"#, "`no_bundle` must be true or false"),
    ] {
        let message = error(&[("wrangler.json", wrong)], None);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn tables_and_their_texts_have_bounds() {
    let say = |value: Value| error(&[("wrangler.json", &value.to_string())], None);
    let many: Map<String, Value> = (0..1001).map(|n| (format!("A{n}"), json!("1"))).collect();
    let long = "x".repeat(5000);
    for (value, expected) in [
        (json!({ "define": many }), ":1:11: `define` has 1001 entries, and isolet takes 1000"),
        (json!({ "alias": many }), "`alias` has 1001 entries"),
        (json!({ "rules": [{ "type": "Text", "globs": vec!["*.md"; 1001] }] }), "`rules` has 1002 entries"),
        (
            json!({ "rules": [{ "type": "Text", "globs": [long] }] }),
            "`rules[0].globs` has a text that is longer than 4096",
        ),
        (json!({ "alias": { "a": long } }), "`alias` has a text that is longer than 4096"),
        (json!({ "define": { "A": "x".repeat(70_000) } }), "`define` has a text that is longer than 65536"),
        (json!({ "routes": vec!["a/*"; 1001] }), "`routes` has 1001 entries"),
        (json!({ "route": long }), "`route` has a text"),
        (json!({ "jsx_factory": long }), "`jsx_factory` has a text"),
        (json!({ "triggers": { "crons": vec!["* * * * *"; 1001] } }), "`triggers.crons` has 1001 entries"),
        (json!({ "tsconfig": long }), "`tsconfig` has a text"),
    ] {
        assert!(say(value).contains(expected), "{expected}");
    }
}

#[test]
fn routes_are_patterns_or_objects_with_one() {
    let text = r#"{ "main": "a.js", "route": "a.example/*", "routes": ["b.example/x*",
  { "pattern": "shop.example", "custom_domain": true, "zone_name": "shop.example" }],
  "env": { "staging": {}, "live": { "routes": [] }, "bad": { "routes": [7] } } }"#;
    let routes = |environment| config(&[("wrangler.jsonc", text)], environment).0.map(|config| config.routes);
    let shown = |environment| {
        let shown = |route: &ProjectRoute| {
            let line = route.location.line.unwrap_or_default();
            format!("{}:{line}{}", route.pattern, if route.is_domain { " domain" } else { "" })
        };
        routes(environment).unwrap().iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(shown(None), ["a.example/*:1", "b.example/x*:1", "shop.example:2 domain"]);
    assert_eq!(shown(Some("staging")), shown(None), "routes are inherited");
    assert_eq!(shown(Some("live")), ["a.example/*:1"]);
    let bad = short(&routes(Some("bad")).unwrap_err().to_string());
    assert!(bad.contains("`env.bad.routes[0]` must be a pattern"), "{bad}");
    let named = error(&[("wrangler.jsonc", r#"{ "main": "a.js", "routes": "a/*" }"#)], None);
    assert!(named.contains("`routes` must be an array of routes"), "{named}");
}

#[test]
fn services_are_bindings_of_other_workers() {
    let text = r#"{ "main": "a.js", "services": [
  { "binding": "API", "service": "api" },
  { "binding": "ADMIN", "service": "api", "entrypoint": "Admin", "props": { "a": [1] }, "remote": true, "other": 1 }],
  "env": { "staging": { } } }"#;
    let (found, warnings) = config(&[("wrangler.jsonc", text)], None);
    let services = found.unwrap().services;
    assert_eq!((services[0].binding.as_str(), services[0].service.as_str()), ("API", "api"));
    assert_eq!((&services[0].entrypoint, &services[0].props), (&None, &None));
    assert_eq!(services[1].entrypoint.as_deref(), Some("Admin"));
    assert_eq!((&services[1].props, services[1].location.line), (&Some(json!({ "a": [1] })), Some(3)));
    assert!(
        warnings[0].contains("`services[1].remote` is not supported by isolet: the Worker of this isolet"),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("`services[1].other`"), "{warnings:?}");
    let staging = config(&[("wrangler.jsonc", text)], Some("staging")).0.unwrap();
    assert!(staging.services.is_empty(), "not inherited");
    for (wrong, expected) in [
        (json!({ "services": {} }), "`services` must be an array of objects"),
        (json!({ "services": ["a"] }), "`services` must be an array of objects"),
        (json!({ "services": [{ "service": "a" }] }), "`services[0].binding` must be the name in `env`"),
        (json!({ "services": [{ "binding": "a b", "service": "a" }] }), "but is \"a b\""),
        (json!({ "services": [{ "binding": "A" }] }), "`services[0].service` is missing"),
        (
            json!({ "services": [{ "binding": "A", "service": "a" }, { "binding": "A", "service": "b" }] }),
            "`services[1]` has the name of another one: A",
        ),
        (
            json!({ "services": [{ "binding": "A", "service": "a", "props": 5 }] }),
            "`services[0].props` must be an object",
        ),
        (
            json!({ "services": [{ "binding": "A", "service": "a", "props": { "a": "x".repeat(70_000) } }] }),
            "`services[0].props` has more than 65536 bytes",
        ),
    ] {
        let message = error(&[("wrangler.json", &wrong.to_string())], None);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn worker_loaders_are_names() {
    let text =
        r#"{ "main": "a.js", "worker_loaders": [{ "binding": "LOADER" }, { "binding": "B", "id": 1 }] }"#;
    let (found, warnings) = config(&[("wrangler.json", text)], None);
    assert_eq!(found.unwrap().loaders, ["LOADER", "B"]);
    assert!(warnings[0].contains("`worker_loaders[1].id`"), "{warnings:?}");
    for (wrong, expected) in [
        (json!([{}]), "`worker_loaders[0].binding` must be the name in `env`"),
        (json!([{ "binding": "A" }, { "binding": "A" }]), "has the name of another one: A"),
        (json!(["A"]), "`worker_loaders` must be an array of objects"),
    ] {
        let message = error(&[("wrangler.json", &json!({ "worker_loaders": wrong }).to_string())], None);
        assert!(message.contains(expected), "{message}");
    }
}
