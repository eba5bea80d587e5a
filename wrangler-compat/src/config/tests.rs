use std::fs;

use serde_json::json;

use super::*;

fn config(files: &[(&str, &str)], environment: Option<&str>) -> (Result<Config, ProjectError>, Vec<String>) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let folder = Folder::open(directory.path()).unwrap();
    let mut warnings = Vec::new();
    let config = read(&folder, environment, &mut warnings);
    (config, warnings.iter().map(|warning| short(&warning.to_string())).collect())
}

/// The message without the temporary directory.
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
  "kv_namespaces": [],
  "env": {
    "staging": { "vars": { "A": "2" }, "d1_databases": [] },
    "bare": {},
    "other": { "name": "own", "main": "b.js" },
  },
}"#;

#[test]
fn reads_the_top_level() {
    let (config, warnings) = config(&[("wrangler.jsonc", JSONC)], None);
    let config = config.unwrap();
    assert_eq!(config.name.as_deref(), Some("shop"));
    assert_eq!(config.main, "src/index.ts");
    assert_eq!((config.main_place.line, config.main_place.column), (Some(4), Some(11)));
    assert_eq!(config.compatibility_date.as_deref(), Some("2026-01-01"));
    assert_eq!(config.compatibility_flags, ["nodejs_compat"]);
    assert_eq!(Value::Object(config.vars), json!({ "A": "1", "B": { "deep": [1, null] } }));
    assert_eq!(
        warnings,
        [
            "wrangler.jsonc:8:3: `kv_namespaces` is not supported by isolet: its bindings are missing from `env`"
        ]
    );
}

#[test]
fn environments_inherit_all_but_variables() {
    let (staging, warnings) = config(&[("wrangler.jsonc", JSONC)], Some("staging"));
    let staging = staging.unwrap();
    assert_eq!(staging.name.as_deref(), Some("shop-staging"));
    assert_eq!(staging.main, "src/index.ts");
    assert_eq!(Value::Object(staging.vars), json!({ "A": "2" }));
    assert!(warnings[1].contains("env.staging.d1_databases"), "{warnings:?}");

    let (bare, warnings) = config(&[("wrangler.jsonc", JSONC)], Some("bare"));
    assert!(bare.unwrap().vars.is_empty());
    assert!(warnings[1].contains("not inherited"), "{warnings:?}");

    let other = config(&[("wrangler.jsonc", JSONC)], Some("other")).0.unwrap();
    assert_eq!((other.name.as_deref(), other.main.as_str()), (Some("own"), "b.js"));
    assert_eq!(
        error(&[("wrangler.jsonc", JSONC)], Some("live")),
        "wrangler.jsonc: there is no environment \"live\" in the configuration (it has: staging, bare, other)"
    );
}

#[test]
fn reads_toml_the_same_way() {
    let text = "name = \"shop\"\nmain = \"w.js\"\n[vars]\nA = 1\n[[kv_namespaces]]\nbinding = \"X\"\n[env.s.vars]\nA = 2\n";
    let (plain, warnings) = config(&[("wrangler.toml", text)], None);
    assert_eq!(Value::Object(plain.unwrap().vars), json!({ "A": 1 }));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("wrangler.toml:5:3: `kv_namespaces`"), "{warnings:?}");
    let staging = config(&[("wrangler.toml", text)], Some("s")).0.unwrap();
    assert_eq!(Value::Object(staging.vars), json!({ "A": 2 }));
}

#[test]
fn prefers_as_wrangler_does_and_says_so() {
    let json = r#"{ "main": "json.js" }"#;
    let files = [("wrangler.toml", "main = \"toml.js\""), ("wrangler.jsonc", "{}"), ("wrangler.json", json)];
    let (config, warnings) = config(&files, None);
    assert_eq!(config.unwrap().main, "json.js");
    assert_eq!(
        warnings,
        [
            "wrangler.jsonc: is not read, because wrangler.json is there too and comes first",
            "wrangler.toml: is not read, because wrangler.json is there too and comes first"
        ]
    );
}

#[test]
fn errors_say_where() {
    let json = |text| error(&[("wrangler.json", text)], None);
    assert_eq!(json("{\n \"main\": 1 }"), "wrangler.json:2:10: `main` must be a string, but is a number");
    assert_eq!(json("[]"), "wrangler.json:1:1: `the configuration` must be an object, but is an array");
    assert!(json("{}").starts_with("wrangler.json: `main` is missing"));
    assert!(json("{\n\"main\" \"x\"}").starts_with("wrangler.json:2:"), "{}", json("{\n\"main\" \"x\"}"));
    assert!(json("{ \"main\": \"x\", \"vars\": [] }").contains(":1:24: `vars` must be an object"));
    assert!(
        json("{ \"main\": \"x\", \"compatibility_flags\": [1] }")
            .contains("an array of strings, but is a number")
    );
    let toml = error(&[("wrangler.toml", "name = \"a\"\nmain = \n")], None);
    assert!(toml.starts_with("wrangler.toml:2:"), "{toml}");
    assert!(error(&[], None).contains("no wrangler.json"));
}
