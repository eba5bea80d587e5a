//! Projects that would use up the time, the stack or the memory of the process that reads them.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::tests::TestProject;

/// Debug builds on busy machines are slow; what these tests prevent takes minutes or more.
const MAX_TIME: Duration = Duration::from_secs(30);

fn long(text: impl Fn(usize) -> String, count: usize) -> String {
    (0..count).map(text).collect()
}

#[test]
fn many_names_take_linear_time() {
    let started = Instant::now();
    let count = 50_000;
    let files = TestProject::new(&[
        ("exports.js", &long(|n| format!("exports.a{n} = 1;\n"), count)),
        ("names.ts", &long(|n| format!("export const a{n}=1;\n"), count)),
        (
            "members.js",
            &format!(
                "{}{}",
                long(|n| format!("import * as n{n} from './x.js';"), 5000),
                "a.b;".repeat(count)
            ),
        ),
        ("x.js", "export {}"),
        ("imports.js", &long(|n| format!("import './{}/x.js';", "./".repeat(n % 1000)), 2000)),
        (
            "types.ts",
            &format!(
                "import {{ {} }} from './x'; export {{ {} }}",
                long(|n| format!("T{n},"), 20_000),
                long(|n| format!("T{n},"), 20_000),
            ),
        ),
    ]);
    assert_eq!(files.names("exports.js"), ["exports.js"]);
    for main in ["names.ts", "members.js", "imports.js", "types.ts"] {
        files.load(main);
    }
    assert!(started.elapsed() < MAX_TIME, "{:?}", started.elapsed());
}

#[test]
fn chains_of_modules_that_export_each_others_names_are_bounded() {
    let chain = |next: &dyn Fn(usize) -> String, extension: &str| {
        let files = TestProject::new(&[]);
        fs::create_dir_all(files.folder()).unwrap();
        for n in 0..2000 {
            fs::write(files.folder().join(format!("m{n}.{extension}")), next(n + 1)).unwrap();
        }
        files
    };
    let names = long(|n| format!("export const a{n} = 1;"), 2000);
    let files =
        chain(&|n| if n == 2000 { names.clone() } else { format!("export * from './m{n}.js';") }, "js");
    assert!(files.error("m0.js").contains("re-export more than 1000000 names"), "{}", files.error("m0.js"));
    let names = long(|n| format!("exports.a{n} = 1;"), 2000);
    let next = |n| format!("__exportStar(require('./m{n}.cjs'), exports);");
    let files = chain(&|n| if n == 2000 { names.clone() } else { next(n) }, "cjs");
    assert!(files.error("m0.cjs").contains("re-export more than 1000000 names"), "{}", files.error("m0.cjs"));
}

#[test]
fn the_resolver_gets_no_long_or_deep_texts() {
    let deep = |depth: usize| format!("{}\"./a.js\"{}", "{\"workerd\":".repeat(depth), "}".repeat(depth));
    let package =
        |exports: &str| format!("{{ \"name\": \"p\", \"exports\": {exports}, \"imports\": {exports} }}");
    let long_path = "a/".repeat(1_000_000);
    let files = TestProject::new(&[
        ("specifier.js", &format!("import './{long_path}x.js';")),
        ("optional.js", &format!("export default () => import('./{long_path}x.js');")),
        ("package.js", "import 'deep';"),
        ("node_modules/deep/package.json", &package(&deep(100_000))),
        ("node_modules/deep/a.js", ""),
        ("main.js", "import 'long';"),
        ("node_modules/long/package.json", &format!("{{ \"main\": {long_path:?} }}")),
        ("stars.js", &format!("import 'stars/{}';", "b".repeat(3000))),
        ("node_modules/stars/package.json", &package(&format!("{{ \"./*\": \"./{}\" }}", "*/".repeat(1000)))),
    ]);
    assert!(files.error("specifier.js").contains("longer than 4096 bytes"));
    assert!(files.load("optional.js").warnings[0].message.contains("longer than 4096 bytes"));
    for (main, says) in [
        ("package.js", "node_modules/deep/package.json is not used: nested more than 100 levels deep"),
        ("main.js", "node_modules/long/package.json is not used: `main` has a text that is longer"),
        ("stars.js", "node_modules/stars/package.json is not used: `exports` has a p"),
    ] {
        assert!(files.error(main).contains(says), "{}", files.error(main));
    }
}

#[test]
fn settings_that_extend_each_other_are_bounded() {
    let files = TestProject::new(&[("index.ts", "import './x';"), ("x.ts", "export {}")]);
    for n in 0..3000 {
        let text = format!("{{ \"extends\": \"./t{}.json\" }}", n + 1);
        let name = if n == 0 { "tsconfig.json".to_owned() } else { format!("t{n}.json") };
        fs::write(files.folder().join(name), text).unwrap();
    }
    assert!(
        files.error("index.ts").contains("more than 1000 files like tsconfig.json"),
        "{}",
        files.error("index.ts")
    );
}

#[test]
fn chains_of_links_are_followed_as_far_as_the_kernel_does() {
    let files = TestProject::new(&[
        ("long.js", "import './l0';"),
        ("short.js", "import './l99990';"),
        ("end.js", ""),
    ]);
    for n in 0..100_000 {
        let target = if n == 99_999 { "end.js".to_owned() } else { format!("l{}", n + 1) };
        std::os::unix::fs::symlink(target, files.folder().join(format!("l{n}"))).unwrap();
    }
    assert!(files.error("long.js").contains("long.js:1:8"), "{}", files.error("long.js"));
    assert_eq!(files.names("short.js"), ["short.js", "end.js"]);
}

#[test]
fn files_in_the_project_do_not_take_the_names_of_modules_that_are_not_files() {
    let files = TestProject::new(&[
        ("index.js", "import a from './cloudflare:workers'; import b from './isolet:env'; a; b;"),
        ("cloudflare:workers", "text"),
        ("isolet:env", "text"),
    ]);
    let rules = json!({ "rules": [{ "type": "Text", "globs": ["*workers", "*env"] }] });
    let project = files.load_with("index.js", rules).unwrap();
    let names: Vec<&str> = project.modules.iter().map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["index.js", "./cloudflare:workers", "./isolet:env"]);
}

#[test]
fn base_dir_is_in_the_project() {
    let files = TestProject::new(&[("index.js", ""), ("inside/a.html", "")]);
    fs::create_dir_all(files.folder().join("../outside")).unwrap();
    std::os::unix::fs::symlink("../outside", files.folder().join("link")).unwrap();
    let load = |base: &str| {
        files.load_with("index.js", json!({ "find_additional_modules": true, "base_dir": base }))
    };
    assert_eq!(load("inside").unwrap().modules.len(), 2);
    for base in ["..", "../outside", "/", "/etc", "link", "inside/../.."] {
        let error = load(base).unwrap_err().to_string();
        assert!(
            error.contains("outside the project's folder") && error.contains("wrangler.json:1:"),
            "{error}"
        );
    }
    assert!(load("missing").unwrap_err().to_string().contains("wrangler.json:1:"));
}

#[test]
fn there_are_at_most_a_hundred_warnings() {
    let started = Instant::now();
    let files = TestProject::new(&[
        ("index.js", &long(|n| format!("export const f{n} = () => import('missing-{n}');\n"), 300)),
        (".dev.vars", &"nonsense\n".repeat(100_000)),
    ]);
    let project = files.load("index.js");
    assert_eq!(project.warnings.len(), 100);
    assert_eq!(project.warnings[99].message, "100201 more warnings");
    assert!(started.elapsed() < MAX_TIME, "{:?}", started.elapsed());
}
