use std::fs;

use super::*;

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join("project").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(directory)
    }

    fn project(&self) -> PathBuf {
        self.0.path().join("project")
    }

    fn collect(&self, main: &str) -> Result<(Vec<ProjectModule>, Vec<Warning>), ProjectError> {
        let folder = Folder::open(&self.project()).unwrap();
        let mut warnings = Vec::new();
        let collected = collect(&folder, main, &Place::file(Path::new("wrangler.json")), &mut warnings)?;
        assert_eq!(collected.files.len(), collected.modules.len());
        Ok((collected.modules, warnings))
    }

    fn names(&self, main: &str) -> Vec<String> {
        let (modules, _) = self.collect(main).unwrap();
        modules.into_iter().map(|module| module.name).collect()
    }

    fn error(&self, main: &str) -> String {
        let text = self.collect(main).unwrap_err().to_string();
        text.replace(&format!("{}/", fs::canonicalize(self.project()).unwrap().display()), "")
    }
}

#[test]
fn follows_imports_once_and_in_circles() {
    let tree = Tree::new(&[
        (
            "src/index.ts",
            "import './a.js'; import d from '../data.json'; export * from './lib'; import type X from './t'",
        ),
        ("src/a.ts", "import './index'; import t from './note.txt';"),
        ("src/note.txt", "hello `${world}`"),
        ("src/lib/index.ts", "import { deep } from './deep.mjs'"),
        ("src/lib/deep.mjs", "import { env } from 'cloudflare:workers'; export const deep = 1;"),
        ("src/t.ts", "export default interface X {}"),
        ("data.json", r#"{ "__proto__": 1 }"#),
        ("unused.ts", "import 'left-pad'"),
    ]);
    let (modules, warnings) = tree.collect("./src/index.ts").unwrap();
    let names: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "src/index.ts",
            "src/a.ts",
            "data.json",
            "src/lib/index.ts",
            "src/t.ts",
            "src/note.txt",
            "src/lib/deep.mjs"
        ]
    );
    assert!(warnings.is_empty());
    let kinds: Vec<ModuleKind> = modules.iter().map(|module| module.kind).collect();
    use ModuleKind::{JavaScript, Json, Text, TypeScript};
    assert_eq!(kinds, [TypeScript, TypeScript, Json, TypeScript, TypeScript, Text, JavaScript]);
    let pairs: Vec<(&str, &str)> =
        modules[0].imports.iter().map(|i| (i.specifier.as_str(), i.module.as_str())).collect();
    assert_eq!(
        pairs,
        [
            ("./a.js", "src/a.ts"),
            ("../data.json", "data.json"),
            ("./lib", "src/lib/index.ts"),
            ("./t", "src/t.ts")
        ]
    );
    assert_eq!(modules[2].as_script(), "export default JSON.parse(\"{ \\\"__proto__\\\": 1 }\");\n");
    assert_eq!(modules[5].as_script(), "export default \"hello `${world}`\";\n");
    assert_eq!(modules[0].as_script(), modules[0].text);
}

#[test]
fn resolves_in_the_order_of_bundlers() {
    let tree = Tree::new(&[
        ("m.js", "import './x'; import './y'; import '.'; import './z/'"),
        ("x", "not a module by extension"),
        ("y.ts", ""),
        ("y/index.ts", ""),
        ("index.js", ""),
        ("z/index.mjs", ""),
    ]);
    let error = tree.error("m.js");
    assert!(error.starts_with("x: is a \"\" file"), "an exact name wins: {error}");
    fs::remove_file(tree.project().join("x")).unwrap();
    fs::write(tree.project().join("x.json"), "1").unwrap();
    assert_eq!(tree.names("m.js"), ["m.js", "x.json", "y.ts", "index.js", "z/index.mjs"]);
}

#[test]
fn packages_and_missing_files_are_errors_with_a_line() {
    let tree = Tree::new(&[
        ("package.ts", "\nimport { Hono } from \"hono\";"),
        ("node.ts", "import fs from 'node:fs';"),
        ("missing.ts", "import './nope';"),
        ("absolute.ts", "import '/etc/passwd';"),
        ("types.ts", "import type { KV } from '@cloudflare/workers-types'; import { type H } from 'hono';"),
        ("lazy.ts", "if (0) await import('sharp');"),
        ("data.ts", "import './bad.json';"),
        ("bad.json", "{\n 1 }"),
        ("wasm.ts", "import './a.wasm';"),
        ("a.wasm", ""),
    ]);
    assert!(tree.error("package.ts").starts_with("package.ts:2:22: imports the package \"hono\""));
    assert!(tree.error("package.ts").contains("run a bundler first"));
    assert!(
        tree.error("node.ts").starts_with("node.ts:1:16: imports \"node:fs\", which isolet does not have")
    );
    assert!(
        tree.error("missing.ts")
            .starts_with("missing.ts:1:8: \"./nope\" is not there (looked for nope, nope.ts")
    );
    assert!(tree.error("absolute.ts").contains("leads out of the project"));
    assert_eq!(tree.names("types.ts"), ["types.ts"]);
    let (_, warnings) = tree.collect("lazy.ts").unwrap();
    assert!(warnings[0].message.contains("\"sharp\""), "{warnings:?}");
    assert!(tree.error("data.ts").starts_with("bad.json:2:"), "{}", tree.error("data.ts"));
    assert!(tree.error("wasm.ts").contains("WebAssembly"));
    assert!(tree.error("nowhere.ts").starts_with("wrangler.json: \"nowhere.ts\" is not there"));
}

#[test]
fn nothing_outside_the_folder_is_read() {
    let tree =
        Tree::new(&[("up.ts", "import '../secret';"), ("link.ts", "import './linked';"), ("ok.ts", "")]);
    fs::write(tree.0.path().join("secret.ts"), "").unwrap();
    std::os::unix::fs::symlink("../secret.ts", tree.project().join("linked.ts")).unwrap();
    std::os::unix::fs::symlink("ok.ts", tree.project().join("alias.ts")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", tree.project().join("zero.ts")).unwrap();
    assert!(tree.error("up.ts").starts_with("up.ts:1:8: \"../secret\" leads out"));
    assert!(tree.error("link.ts").starts_with("link.ts:1:8: \"./linked\" leads out"));
    assert!(tree.error("../secret.ts").contains("leads out"));
    assert!(tree.error("zero.ts").contains("leads out"));
    assert!(tree.error("/etc/passwd").contains("leads out"));
    assert_eq!(tree.names("alias.ts"), ["ok.ts"], "a link inside the folder is the file it points to");
}

#[test]
fn sizes_are_bounded() {
    let tree = Tree::new(&[]);
    let project = tree.project();
    fs::create_dir_all(&project).unwrap();
    fs::write(project.join("big.js"), " ".repeat(MAX_MODULE_BYTES as usize + 1)).unwrap();
    assert!(tree.error("big.js").contains("is larger than"));
    fs::write(project.join("utf16.js"), b"\xff\xfe\x00").unwrap();
    assert!(tree.error("utf16.js").contains("not UTF-8"));
    let text = " ".repeat(MAX_MODULE_BYTES as usize);
    let imports: String = (0..5).map(|n| format!("import './{n}.txt';")).collect();
    fs::write(project.join("many.js"), imports).unwrap();
    for n in 0..5 {
        fs::write(project.join(format!("{n}.txt")), &text).unwrap();
    }
    assert!(tree.error("many.js").contains("more than 16777216 bytes"));
}
