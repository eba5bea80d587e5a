use std::os::unix::fs::symlink;

use super::*;

/// Folders with files. The project is in `project`.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(directory)
    }

    fn path(&self) -> PathBuf {
        fs::canonicalize(self.0.path()).unwrap()
    }

    fn link(&self, from: &str, to: &str) {
        let from = self.path().join(from);
        fs::create_dir_all(from.parent().unwrap()).unwrap();
        symlink(self.path().join(to), from).unwrap();
    }

    fn resolver(&self, aliases: &[(&str, &str)]) -> Resolver {
        let folder = ProjectFolder::open(&self.path().join("project")).unwrap();
        let aliases: Vec<_> = aliases.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        Resolver::new(&folder, &aliases, None, &WatchedFiles::default()).unwrap()
    }

    /// Returns the file of a specifier in a module, or the message of the problem.
    fn resolve_with(&self, resolver: &Resolver, importer: &str, specifier: &str, require: bool) -> String {
        match resolver.resolve(&self.path().join(importer), specifier, require) {
            Ok(Target::File { file, in_module_package }) => {
                let name = file.path().strip_prefix(self.path()).unwrap().display().to_string();
                if in_module_package { format!("{name} (module)") } else { name }
            }
            Ok(Target::Disabled) => "disabled".to_owned(),
            Err(problem) => problem.to_string().replace(&self.path().display().to_string(), ""),
        }
    }

    fn import(&self, importer: &str, specifier: &str) -> String {
        self.resolve_with(&self.resolver(&[]), importer, specifier, false)
    }

    fn require(&self, importer: &str, specifier: &str) -> String {
        self.resolve_with(&self.resolver(&[]), importer, specifier, true)
    }
}

const INDEX: &str = "project/src/index.ts";

#[test]
fn packages_are_found_by_their_conditions_and_fields() {
    let files = Files::new(&[
        (INDEX, ""),
        (
            "project/node_modules/conditions/package.json",
            r##"{ "name": "conditions", "type": "module", "exports": {
                ".": { "node": "./node.js", "worker": { "import": "./w.mjs", "require": "./w.cjs" }, "default": "./d.js" },
                "./sub/*": "./lib/*.js", "./null/*": null, "./own": { "browser": "./b.js", "workerd": "./wd.js" } },
                "imports": { "#in": "./b.js" } }"##,
        ),
        ("project/node_modules/conditions/w.mjs", ""),
        ("project/node_modules/conditions/w.cjs", ""),
        ("project/node_modules/conditions/b.js", ""),
        ("project/node_modules/conditions/wd.js", ""),
        ("project/node_modules/conditions/lib/a.js", ""),
        ("project/node_modules/fields/package.json", r#"{ "main": "m.js", "module": "e.js" }"#),
        ("project/node_modules/fields/m.js", ""),
        ("project/node_modules/fields/e.js", ""),
        (
            "project/node_modules/@s/browser/package.json",
            r#"{ "main": "m.js", "browser": { "./m.js": "./b.js", "fs": false } }"#,
        ),
        ("project/node_modules/@s/browser/m.js", ""),
        ("project/node_modules/@s/browser/b.js", ""),
        ("project/node_modules/index/index.js", ""),
        ("project/node_modules/index/index.ts", ""),
    ]);
    let package = |name: &str| format!("project/node_modules/{name}");
    assert_eq!(files.import(INDEX, "conditions"), package("conditions/w.mjs (module)"));
    assert_eq!(files.require(INDEX, "conditions"), package("conditions/w.cjs"));
    assert_eq!(files.import(INDEX, "conditions/sub/a"), package("conditions/lib/a.js (module)"));
    assert!(files.import(INDEX, "conditions/null/a").contains("is not exported"));
    assert!(files.import(INDEX, "conditions/lib/a.js").contains("is not exported"));
    assert_eq!(files.import(&package("conditions/w.mjs"), "#in"), package("conditions/b.js (module)"));
    assert_eq!(
        files.import(&package("conditions/w.mjs"), "conditions/sub/a"),
        package("conditions/lib/a.js (module)")
    );
    assert_eq!(files.import(INDEX, "fields"), package("fields/e.js"));
    assert_eq!(files.require(INDEX, "fields"), package("fields/m.js"));
    assert_eq!(files.import(INDEX, "@s/browser"), package("@s/browser/b.js"));
    assert_eq!(files.require(&package("@s/browser/m.js"), "fs"), "disabled");
    assert_eq!(files.import(INDEX, "index"), package("index/index.js"));
    let missing = files.import(INDEX, "@s/none/deep");
    assert_eq!(
        missing,
        "the package \"@s/none\" is not installed: run `npm install @s/none` in the project's folder"
    );
    assert!(files.import(INDEX, "fields/none").contains("is installed, but has no module"));
    assert!(files.import(INDEX, "fs/promises").contains("a module of Node.js"));
}

#[test]
fn paths_are_found_as_bundlers_do() {
    let files = Files::new(&[
        (INDEX, ""),
        ("project/src/a.ts", ""),
        ("project/src/b.js", ""),
        ("project/src/b.ts", ""),
        ("project/src/c.tsx", ""),
        ("project/src/folder/index.mts", ""),
        ("project/data.json", ""),
    ]);
    for (specifier, expected) in [
        ("./a", "project/src/a.ts"),
        ("./a.js", "project/src/a.ts"),
        ("./b.js", "project/src/b.js"),
        ("./c", "project/src/c.tsx"),
        ("./folder", "project/src/folder/index.mts (module)"),
        ("../data", "project/data.json"),
        (".././src/../data.json", "project/data.json"),
    ] {
        assert_eq!(files.import(INDEX, specifier), expected, "{specifier}");
    }
    assert!(files.import(INDEX, "./none").starts_with("\"./none\" not found (tried none, none.ts"));
}

#[test]
fn aliases_and_paths_of_tsconfig_are_honoured() {
    let files = Files::new(&[
        (INDEX, ""),
        ("project/tsconfig.json", r#"{ "extends": "./base.json", "include": ["other"] }"#),
        (
            "project/base.json",
            r#"{ "compilerOptions": { "paths": { "@/*": ["./src/*"] }, "jsx": "react-jsx" } } // x"#,
        ),
        ("project/src/a.ts", ""),
        ("project/node_modules/real/index.js", ""),
    ]);
    assert_eq!(files.import(INDEX, "@/a"), "project/src/a.ts");
    let resolver = files.resolver(&[("fake", "real"), ("own", "./src/a.ts")]);
    assert_eq!(files.resolve_with(&resolver, INDEX, "fake", false), "project/node_modules/real/index.js");
    assert_eq!(files.resolve_with(&resolver, INDEX, "own", false), "project/src/a.ts");
    assert_eq!(resolver.compiler_settings(&files.path().join(INDEX)).jsx.as_deref(), Some("react-jsx"));
}

#[test]
fn monorepos_and_linked_packages_are_found() {
    let files = Files::new(&[
        (INDEX, ""),
        ("package.json", r#"{ "workspaces": ["project", "shared"] }"#),
        ("node_modules/top/index.js", ""),
        ("shared/package.json", r#"{ "name": "shared", "main": "main.ts" }"#),
        ("shared/main.ts", ""),
        ("node_modules/.pnpm/store@1/node_modules/store/index.js", ""),
    ]);
    files.link("node_modules/shared", "shared");
    files.link("project/node_modules/store", "node_modules/.pnpm/store@1/node_modules/store");
    assert_eq!(files.import(INDEX, "top"), "node_modules/top/index.js");
    assert_eq!(files.import(INDEX, "shared"), "shared/main.ts");
    assert_eq!(files.import(INDEX, "../../shared/main"), "shared/main.ts");
    assert_eq!(files.import(INDEX, "store"), "node_modules/.pnpm/store@1/node_modules/store/index.js");
}

#[test]
fn a_hostile_project_reads_nothing_else() {
    let files = Files::new(&[
        (INDEX, ""),
        (".ssh/id_rsa.txt", "secret"),
        (".ssh/package.json", r#"{ "main": "id_rsa.txt" }"#),
        ("other/secret.json", "{}"),
        ("project/tsconfig.json", r#"{ "compilerOptions": { "paths": { "up/*": ["../*"] } } }"#),
        (
            "project/node_modules/exports/package.json",
            r#"{ "exports": { ".": "./../../../other/secret.json" } }"#,
        ),
        ("project/node_modules/main/package.json", r#"{ "main": "../../../other/secret.json" }"#),
    ]);
    files.link("project/node_modules/linked", ".ssh");
    files.link("project/src/link.txt", ".ssh/id_rsa.txt");
    files.link("project/src/folder", "other");
    for specifier in [
        "../../.ssh/id_rsa.txt",
        "../../other/secret.json",
        "/etc/passwd",
        "file:///etc/passwd",
        "./link.txt",
        "./folder/secret.json",
        "linked",
        "linked/id_rsa.txt",
    ] {
        let message = files.import(INDEX, specifier);
        assert!(message.contains("is outside the project's folder"), "{specifier}: {message}");
    }
    for specifier in ["exports", "main", "up/other/secret.json", "up/.ssh/id_rsa.txt"] {
        let found = files.resolver(&[]).resolve(&files.path().join(INDEX), specifier, false);
        assert!(found.is_err(), "{specifier}: {found:?}");
    }
    let resolver = files.resolver(&[("evil", "../other/secret.json")]);
    let found = resolver.resolve(&files.path().join(INDEX), "evil", false);
    assert!(found.is_err(), "{found:?}");
    // A workspace around the project opens its folders, but not hidden ones.
    fs::write(files.path().join("pnpm-workspace.yaml"), "").unwrap();
    assert_eq!(files.import(INDEX, "../../other/secret.json"), "other/secret.json");
    let message = files.import(INDEX, "../../.ssh/id_rsa.txt");
    assert!(message.contains("is outside the project's folder"), "{message}");
}
