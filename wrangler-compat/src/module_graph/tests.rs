use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::module_reader::MAX_CODE_BYTES;
use crate::{LoadFailure, LoadOptions, Project, ProjectModule, load};

/// A project in a temporary folder.
pub(super) struct TestProject(tempfile::TempDir);

impl TestProject {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join("project").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(directory)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.0.path().join("project")
    }

    /// Loads the project with an entry and further keys of the configuration.
    pub(super) fn load_with(&self, main: &str, keys: serde_json::Value) -> Result<Project, LoadFailure> {
        let mut config = json!({ "main": main });
        config.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        fs::write(self.folder().join("wrangler.json"), config.to_string()).unwrap();
        load(
            &self.folder(),
            &LoadOptions { built_in: &["cloudflare:workers", "node:buffer"], ..Default::default() },
        )
    }

    pub(super) fn load(&self, main: &str) -> Project {
        self.load_with(main, json!({})).unwrap()
    }

    pub(super) fn names(&self, main: &str) -> Vec<String> {
        self.load(main).modules.into_iter().map(|module| module.name).collect()
    }

    pub(super) fn error(&self, main: &str) -> String {
        let text = self.load_with(main, json!({})).unwrap_err().to_string();
        text.replace(&format!("{}/", fs::canonicalize(self.folder()).unwrap().display()), "")
    }
}

fn module<'a>(project: &'a Project, name: &str) -> &'a ProjectModule {
    let found = project.modules.iter().find(|module| module.name == name);
    found.unwrap_or_else(|| panic!("no module {name}: {:?}", names(project)))
}

fn names(project: &Project) -> Vec<&str> {
    project.modules.iter().map(|module| module.name.as_str()).collect()
}

fn text(project: &Project, name: &str) -> String {
    String::from_utf8(module(project, name).content.clone()).unwrap()
}

#[test]
fn each_module_is_collected_once_also_in_cycles() {
    let files = TestProject::new(&[
        (
            "src/index.ts",
            "import './a.js'; import d from '../data.json'; export * from './lib'; import type X from './t'; d;",
        ),
        ("src/a.ts", "import './index'; import t from './note.txt'; t;"),
        ("src/note.txt", "hello `${world}`"),
        ("src/lib/index.ts", "import { deep } from './deep.mjs'; deep;"),
        ("src/lib/deep.mjs", "import { env } from 'cloudflare:workers'; export const deep = 1;"),
        ("src/t.ts", "export default interface X {}"),
        ("data.json", r#"{ "__proto__": 1, "default": 2 }"#),
        ("unused.ts", "import 'left-pad'"),
    ]);
    let project = files.load("./src/index.ts");
    assert_eq!(
        names(&project),
        ["src/index.ts", "src/a.ts", "data.json", "src/lib/index.ts", "src/note.txt", "src/lib/deep.mjs"]
    );
    assert!(project.warnings.is_empty());
    let kinds: Vec<ModuleKind> = project.modules.iter().map(|module| module.kind).collect();
    use ModuleKind::{EsModule, Json, Text};
    assert_eq!(kinds, [EsModule, EsModule, Json, EsModule, Text, EsModule]);
    let targets = |name| -> Vec<(String, String)> {
        let imports = module(&project, name).imports.iter();
        imports.map(|import| (import.specifier.clone(), import.target.clone().unwrap())).collect()
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        targets("src/index.ts"),
        [pair("./a.js", "src/a.ts"), pair("../data.json", "data.json"), pair("./lib", "src/lib/index.ts")]
    );
    assert_eq!(targets("src/lib/deep.mjs"), [pair("cloudflare:workers", "cloudflare:workers")]);
    assert_eq!(module(&project, "data.json").exports, ["__proto__"]);
}

#[test]
fn commonjs_modules_have_the_names_that_they_show_and_those_that_are_asked_for() {
    let files = TestProject::new(&[
        (
            "index.js",
            "import a, { shown, asked } from 'cjs'; import * as b from 'cjs'; b.member; export * from './star.js';",
        ),
        ("star.js", "export * from 'late';"),
        ("user.js", ""),
        (
            "node_modules/cjs/index.js",
            "exports.shown = 1; __exportStar(require('./more'), exports); require('./data.json')",
        ),
        ("node_modules/cjs/more.js", "module.exports = { more: 1, default: 2 }"),
        ("node_modules/cjs/data.json", "{}"),
        ("node_modules/late/index.js", "Object.keys(x).forEach(function (k) { exports[k] = x[k] })"),
        ("other.mjs", "import { x } from './index.js'; import { late } from './star.js';"),
    ]);
    let project = files.load("index.js");
    assert_eq!(module(&project, "node_modules/cjs/index.js").kind, ModuleKind::CommonJs);
    assert_eq!(module(&project, "node_modules/cjs/index.js").exports, ["asked", "member", "more", "shown"]);
    assert_eq!(module(&project, "node_modules/cjs/more.js").exports, ["more"]);
    let project = files.load("other.mjs");
    assert_eq!(module(&project, "node_modules/late/index.js").exports, ["late", "x"]);
    assert!(module(&project, "other.mjs").whole_default && !module(&project, "index.js").whole_default);
}

#[test]
fn types_vanish_also_if_only_their_module_tells() {
    let files = TestProject::new(&[
        (
            "index.ts",
            "import { A, b } from './a'; import { C } from './c';\nexport { A, b }; export { D, e } from './a'; let x: C;",
        ),
        ("a.ts", "export interface A {}\nexport const b = 1; export type D = 1; export const e = 2;"),
        ("c.ts", "throw 1; export interface C {}"),
    ]);
    let project = files.load("index.ts");
    assert_eq!(names(&project), ["index.ts", "a.ts"]);
    assert_eq!(
        text(&project, "index.ts"),
        "import {    b } from './a'; ;                       \nexport {    b }; export {    e } from './a'; let x: C;"
    );
    let kept = json!({ "tsconfig": "t.json" });
    fs::write(files.folder().join("t.json"), r#"{ "compilerOptions": { "verbatimModuleSyntax": true } }"#)
        .unwrap();
    let project = files.load_with("index.ts", kept).unwrap();
    assert_eq!(names(&project), ["index.ts", "a.ts", "c.ts"]);
}

#[test]
fn a_missing_value_stays_an_import_so_that_v8_reports_it() {
    let files = TestProject::new(&[
        (
            "index.ts",
            "import def, { a, T, B } from './a'; import { type U } from './a'; let x: T; a(); export { B }; def;",
        ),
        ("a.ts", "export type T = 1; export interface B {} export type U = 2;"),
        ("typed.ts", "import { T } from './a'; export const x = 1 as T;"),
        ("keep.ts", "import { T } from './a'; let x: T;"),
        ("tsconfig.json", "{}"),
    ]);
    assert_eq!(
        text(&files.load("index.ts"), "index.ts"),
        "import def, { a,      } from './a'; ;                             let x: T; a(); export {   }; def;"
    );
    assert_eq!(names(&files.load("typed.ts")), ["typed.ts"]);
    fs::write(
        files.folder().join("tsconfig.json"),
        r#"{ "compilerOptions": { "verbatimModuleSyntax": true } }"#,
    )
    .unwrap();
    assert_eq!(text(&files.load("keep.ts"), "keep.ts"), "import { T } from './a'; let x: T;");
}

#[test]
fn all_errors_are_found_up_to_a_number() {
    let files = TestProject::new(&[
        ("index.ts", "import './a'; import 'nope'; import './missing'; import './b';"),
        ("a.ts", "const = 1;"),
        ("b.ts", "import 'node:fs'; import './index';"),
        ("many.ts", &(0..100).map(|n| format!("import './m{n}';\n")).collect::<String>()),
    ]);
    let error = files.error("index.ts");
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 4, "{error}");
    for (line, place) in lines.iter().zip(["index.ts:1:22: ", "index.ts:1:37: ", "a.ts:1:7: ", "b.ts:1:8: "])
    {
        assert!(line.starts_with(place), "{error}");
    }
    assert_eq!(files.error("many.ts").lines().count(), MAX_ERRORS);

    let files = TestProject::new(&[
        ("index.ts", "import 'hono'; import 'hono/jsx'; import './a'; import '@a/b/c';"),
        ("a.ts", "import 'hono';"),
        ("package.json", r#"{ "devDependencies": { "hono": "4" } }"#),
    ]);
    let error = files.error("index.ts");
    assert_eq!(error.lines().count(), 2, "{error}");
    assert!(error.contains("\"hono\" is not installed: run `npm install` in"), "{error}");
    assert!(error.contains("run `npm install @a/b`"), "{error}");
}

#[test]
fn what_npm_cannot_install_is_said_to_be_no_package() {
    let files = TestProject::new(&[
        ("tsconfig.json", r#"{ "compilerOptions": { "paths": { "@lib/*": ["./lib/*"] } } }"#),
        ("alias.ts", "import '@/lib/q';"),
        ("pattern.ts", "import '@lib/gone';"),
        ("words.ts", "import 'Foo Bar';"),
        ("old.ts", "import 'JSONStream';"),
    ]);
    for (main, said) in [
        ("alias.ts", "\"@/lib/q\" is neither a path nor the name of a package: an alias such as \"@/\""),
        (
            "pattern.ts",
            "\"@lib/gone\" not found: \"@lib/*\" in `paths` of tsconfig.json leads to no such file",
        ),
        ("words.ts", "\"Foo Bar\" is neither a path nor the name of a package"),
        ("old.ts", "run `npm install JSONStream`"),
    ] {
        let error = files.error(main);
        assert!(error.contains(said), "{main}: {error}");
    }
}

#[test]
fn a_failed_load_says_which_files_may_mend_it() {
    let files = TestProject::new(&[
        ("index.ts", "import './lib/x'; import 'pkg'; import '#own'; import '@/y';"),
        ("package.json", "{ \"imports\": {} }"),
        ("tsconfig.json", r#"{ "compilerOptions": { "paths": { "@/*": ["./at/*"] } } }"#),
        ("lib/other.ts", ""),
        ("at/other.ts", ""),
    ]);
    let watched = |main: &str| {
        let failure = files.load_with(main, json!({ "kv_namespace": [] })).unwrap_err();
        assert_eq!(failure.warnings.len(), 1, "warnings are told of a project that does not load");
        let root = fs::canonicalize(files.folder()).unwrap();
        let relative = failure.files_read.iter().filter_map(|file| file.strip_prefix(&root).ok());
        relative.map(|file| file.display().to_string()).collect::<Vec<_>>()
    };
    let found = watched("index.ts");
    for expected in
        ["wrangler.json", ".dev.vars", "index.ts", "package.json", "tsconfig.json", "lib", "at", ""]
    {
        assert!(found.iter().any(|file| file == expected), "{expected}: {found:?}");
    }
    assert!(watched("later.ts").contains(&"later.ts".to_owned()));
    // The folder above is not the project's, and files appear in it for other reasons.
    let failure = files.load_with("index.ts", json!({})).unwrap_err();
    let above = fs::canonicalize(files.folder()).unwrap().parent().unwrap().to_owned();
    assert!(!failure.files_read.contains(&above), "{:?}", failure.files_read);
    // What may be missing is not looked for again.
    let files = TestProject::new(&[("index.js", "try { require('bufferutil') } catch {}")]);
    let read = files.load("index.js").files_read;
    assert!(read.iter().all(|file| !file.ends_with("node_modules")), "{read:?}");
    let files = TestProject::new(&[("index.js", "export default { fetch: () => import('./later.js') }")]);
    let root = fs::canonicalize(files.folder()).unwrap();
    assert!(files.load("index.js").files_read.contains(&root));
}

#[test]
fn the_kind_of_a_file_follows_from_rules_and_attributes() {
    let files = TestProject::new(&[
        (
            "index.js",
            "import a from './a.md'; import b from './b.bin'; import c from './c.wasm?module'; import d from './d.html';
             import e from './e.json'; import f from './e.json' with { type: 'text' };
             import g from './g' with { type: 'bytes' };",
        ),
        ("a.md", "# a"),
        ("b.bin", ""),
        ("c.wasm", ""),
        ("d.html", ""),
        ("e.json", "1"),
        ("g", "é"),
    ]);
    let rules = json!({ "rules": [{ "type": "Text", "globs": ["**/*.md"], "fallthrough": true }] });
    let project = files.load_with("index.js", rules).unwrap();
    let kinds: Vec<(&str, ModuleKind)> =
        project.modules.iter().skip(1).map(|module| (module.name.as_str(), module.kind)).collect();
    use ModuleKind::{CompiledWasm, Data, Json, Text};
    assert_eq!(
        kinds,
        [
            ("a.md", Text),
            ("b.bin", Data),
            ("c.wasm", CompiledWasm),
            ("d.html", Text),
            ("e.json", Json),
            ("e.json?text", Text),
            ("g", Data)
        ]
    );
    let error = files.error("index.js");
    assert!(error.starts_with("a.md: is a \".md\" file") && error.contains("`rules`"), "{error}");
    let unknown = json!({ "rules": [{ "type": "PythonModule", "globs": ["**/*.py"] }, { "type": "Text", "globs": ["**/*.md"], "fallthrough": true }] });
    let project = files.load_with("index.js", unknown).unwrap();
    assert!(project.warnings[0].message.contains("\"PythonModule\""), "{:?}", project.warnings);
}

#[test]
fn names_are_defined_and_bundles_of_conditions_are_chosen() {
    let files = TestProject::new(&[
        ("index.ts", "export default [VERSION, process.env.NODE_ENV] as const;"),
        ("node_modules/x/index.js", ""),
    ]);
    let project =
        files.load_with("index.ts", json!({ "define": { "VERSION": "\"1\"", "BAD": "a b" } })).unwrap();
    assert_eq!(text(&project, "index.ts"), "export default [\"1\"    , \"development\"       ] as const;");
    assert!(project.warnings[0].message.contains("`define`"), "{:?}", project.warnings);
}

#[test]
fn jsx_is_compiled_and_its_runtime_is_a_module() {
    let files = TestProject::new(&[
        ("index.tsx", "import { T } from './t';\nexport const a: T = <p {...x} key=\"k\">{nope()}</p>;\n"),
        ("t.ts", "export type T = 1;"),
        ("tsconfig.json", r#"{ "compilerOptions": { "jsx": "react-jsx", "jsxImportSource": "mini" } }"#),
        (
            "node_modules/mini/package.json",
            r#"{ "exports": { ".": "./m.mjs", "./jsx-runtime": "./r.mjs" } }"#,
        ),
        ("node_modules/mini/m.mjs", "export const createElement = 1;"),
        ("node_modules/mini/r.mjs", "export const jsx = 1;"),
    ]);
    let project = files.load("index.tsx");
    assert_eq!(names(&project), ["index.tsx", "node_modules/mini/m.mjs"]);
    assert!(!module(&project, "index.tsx").typescript);
    assert_eq!(module(&project, "index.tsx").positions.len(), 1);
    fs::remove_file(files.folder().join("node_modules/mini/m.mjs")).unwrap();
    let error = files.error("index.tsx");
    assert!(error.starts_with("index.tsx:") && error.contains("mini"), "{error}");
}

#[test]
fn packages_and_missing_files_are_errors_with_a_location() {
    let files = TestProject::new(&[
        ("package.ts", "\nimport { Hono } from \"hono\"; Hono;"),
        ("node.ts", "import fs from 'node:fs'; fs;"),
        ("missing.ts", "import './nope';"),
        ("absolute.ts", "import '/etc/passwd';"),
        ("url.ts", "import 'https://example.com/x.js';"),
        ("types.ts", "import type { KV } from '@cloudflare/workers-types'; import { type H } from 'hono';"),
        ("lazy.ts", "if (0) await import('sharp'); try { await import('other') } catch {}"),
        ("built.ts", "import 'buffer'; import 'node:buffer'"),
        ("data.ts", "import './bad.json';"),
        ("bad.json", "{\n 1 }"),
    ]);
    assert!(
        files.error("package.ts").starts_with("package.ts:2:22: the package \"hono\" is not installed"),
        "{}",
        files.error("package.ts")
    );
    assert!(
        files.error("node.ts").starts_with("node.ts:1:16: imports \"node:fs\", which isolet does not have")
    );
    assert!(
        files.error("missing.ts").starts_with("missing.ts:1:8: \"./nope\" not found (tried nope, nope.ts")
    );
    assert!(files.error("absolute.ts").contains("is outside the project"));
    assert!(files.error("url.ts").contains("which isolet does not have"));
    assert_eq!(files.names("types.ts"), ["types.ts"]);
    let project = files.load("lazy.ts");
    assert_eq!(project.warnings.len(), 1, "{:?}", project.warnings);
    assert!(project.warnings[0].message.contains("\"sharp\""), "{:?}", project.warnings);
    let targets: Vec<_> = module(&project, "lazy.ts").imports.iter().map(|import| &import.target).collect();
    assert!(
        targets.iter().all(|target| target.as_ref().is_err_and(|m| m.contains("not installed"))),
        "{targets:?}"
    );
    let project = files.load("built.ts");
    let targets: Vec<_> =
        project.modules[0].imports.iter().map(|import| import.target.clone().unwrap()).collect();
    assert_eq!(targets, ["node:buffer", "node:buffer"]);
    assert!(files.error("data.ts").starts_with("bad.json:2:"), "{}", files.error("data.ts"));
    assert!(files.error("nowhere.ts").starts_with("wrangler.json:1:9: \"nowhere.ts\" not found"));
}

#[test]
fn files_outside_the_folder_are_not_read() {
    let files = TestProject::new(&[
        ("up.ts", "import '../secret';"),
        ("link.ts", "import './linked';"),
        ("ok.ts", ""),
    ]);
    fs::write(files.0.path().join("secret.ts"), "").unwrap();
    std::os::unix::fs::symlink("../secret.ts", files.folder().join("linked.ts")).unwrap();
    std::os::unix::fs::symlink("ok.ts", files.folder().join("alias.ts")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", files.folder().join("zero.ts")).unwrap();
    assert!(
        files.error("up.ts").starts_with("up.ts:1:8: \"../secret\" is outside"),
        "{}",
        files.error("up.ts")
    );
    assert!(
        files.error("link.ts").starts_with("link.ts:1:8: \"./linked\" is outside"),
        "{}",
        files.error("link.ts")
    );
    assert!(files.error("../secret.ts").contains("is outside the project"));
    assert!(files.error("zero.ts").contains("is outside the project"));
    assert!(files.error("/etc/passwd").contains("is outside the project"));
    assert_eq!(files.names("alias.ts"), ["ok.ts"], "a link inside the folder is the file it points to");
}

#[test]
fn additional_modules_are_found_by_rules() {
    let files = TestProject::new(&[
        ("dist/index.js", "export default 1;"),
        ("dist/lang/de.mjs", "export default 'de';"),
        ("dist/page.html", ""),
        ("dist/node_modules/x/a.mjs", ""),
        ("other.mjs", ""),
    ]);
    // A link that leads out of the project is not a file of it.
    std::os::unix::fs::symlink("/etc/hostname", files.folder().join("dist/link.html")).unwrap();
    let rules = json!([{ "type": "ESModule", "globs": ["**/*.mjs"] }]);
    let project =
        files.load_with("dist/index.js", json!({ "find_additional_modules": true, "rules": rules })).unwrap();
    assert_eq!(names(&project), ["dist/index.js", "dist/lang/de.mjs", "dist/page.html"]);
    let only = json!({ "no_bundle": true, "find_additional_modules": false, "rules": rules });
    assert_eq!(names(&files.load_with("dist/index.js", only).unwrap()), ["dist/index.js"]);
    let all = json!({ "no_bundle": true, "base_dir": ".", "rules": rules });
    assert_eq!(files.load_with("dist/index.js", all).unwrap().modules.len(), 4);
}

#[test]
fn patterns_of_rules_are_relative_to_the_base_folder() {
    let files = TestProject::new(&[
        ("src/lib/main.js", "import a from '../nested/a.txt'; export default a;"),
        ("src/nested/a.txt", "text"),
    ]);
    let rules = json!([{ "type": "Data", "globs": ["nested/*.txt"] }]);
    let project = files.load_with("src/lib/main.js", json!({ "base_dir": "src", "rules": rules })).unwrap();
    let kind =
        project.modules.iter().find(|module| module.name == "src/nested/a.txt").map(|module| module.kind);
    assert_eq!(kind, Some(ModuleKind::Data));
}

#[test]
fn the_entry_and_the_configuration_are_found() {
    let files = TestProject::new(&[("src/index.ts", ""), ("src/other.ts", "")]);
    let load_from = |folder: &str, options: LoadOptions| load(&files.folder().join(folder), &options);
    let error = load_from("src", LoadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("or above it"), "{error}");
    let entry = files.folder().join("src/other.ts");
    let project = load_from("src", LoadOptions { entry: Some(&entry), ..Default::default() }).unwrap();
    assert_eq!((project.main.as_deref(), project.config), (Some("other.ts"), None));
    let config = files.folder().join("wrangler.json");
    fs::write(&config, r#"{ "main": "src/index.ts" }"#).unwrap();
    assert_eq!(load_from("src", LoadOptions::default()).unwrap().main.as_deref(), Some("src/index.ts"));
    let project = load_from("src", LoadOptions { entry: Some(&entry), ..Default::default() }).unwrap();
    assert_eq!(project.main.as_deref(), Some("src/other.ts"));
    fs::rename(&config, files.folder().join("other.json")).unwrap();
    let config = files.folder().join("other.json");
    let project = load_from(".", LoadOptions { config: Some(&config), ..Default::default() }).unwrap();
    assert_eq!(project.main.as_deref(), Some("src/index.ts"));
}

#[test]
fn sizes_are_bounded() {
    let files = TestProject::new(&[("ok.js", "")]);
    let folder = files.folder();
    fs::write(folder.join("big.js"), " ".repeat(MAX_CODE_BYTES as usize + 1)).unwrap();
    assert!(files.error("big.js").contains("is larger than"));
    fs::write(folder.join("utf16.js"), b"\xff\xfe\x00").unwrap();
    assert!(files.error("utf16.js").contains("not UTF-8"));
    let text = " ".repeat(MAX_CODE_BYTES as usize);
    let imports: String = (0..9).map(|n| format!("import './{n}.txt';")).collect();
    fs::write(folder.join("many.js"), imports).unwrap();
    for n in 0..9 {
        fs::write(folder.join(format!("{n}.txt")), &text).unwrap();
    }
    assert!(files.error("many.js").contains("more than 33554432 bytes"));
}
