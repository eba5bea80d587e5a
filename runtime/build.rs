//! Makes the V8 snapshots: the static part of a fresh context, evaluated once at build time. There
//! are two, for V8 with its compilers and for V8 without.
//!
//! A snapshot must be made in another process than the one that uses it, and than the other
//! snapshot: a second snapshot creator in a process crashes V8, and flags hold for the whole
//! process. So this script starts itself again for each. Host functions are stubs here; the running
//! process supplies the real ones in the same order.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

macro_rules! natives {
    ($($name:literal => $function:path,)*) => {
        /// The names of the host functions, in the order of the snapshot's external references.
        const NATIVES: &[&str] = &[$($name),*];
    };
}

macro_rules! entry_functions {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The names of the functions that Rust calls, in the order of the context's data.
        const ENTRY_FUNCTIONS: &[&str] = &[$(stringify!($name)),*];
    };
}

macro_rules! shared_enums {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident),* $(,)? })*) => {
        /// The names of the shared enumerations and of their variants.
        const SHARED_ENUMS: &[(&str, &[&str])] = &[$((stringify!($name), &[$(stringify!($variant)),*])),*];
    };
}

include!("src/js_interface_tables.rs");
include!("src/v8_flags.rs");

#[path = "../third_party/v8/link-order.rs"]
mod link_order;

#[path = "../third_party/v8/archive.rs"]
mod archive;

/// A distinct function for each host function. V8 finds the index of a callback by its address.
fn stub<const INDEX: i32>(
    _scope: &mut v8::PinScope<'_, '_>,
    _arguments: v8::FunctionCallbackArguments<'_>,
    mut result: v8::ReturnValue<'_>,
) {
    result.set_int32(INDEX);
}

macro_rules! stubs {
    ($($index:literal)*) => { [$(v8::MapFnTo::<v8::FunctionCallback>::map_fn_to(stub::<$index>)),*] };
}

fn main() {
    let mut told = env::args_os().skip(1);
    if let (Some(kind), Some(file)) = (told.next(), told.next()) {
        return make_snapshot(kind == "jit", Path::new(&file));
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=js");
    println!("cargo:rerun-if-changed=node");
    println!("cargo:rerun-if-changed=src/js_interface_tables.rs");
    println!("cargo:rerun-if-changed=src/v8_flags.rs");

    link_order::ask("bins");
    link_order::ask("examples");
    archive::tell();

    let sources = node_sources(Path::new("node"), &out.join("node"));
    fs::write(out.join("node_sources.rs"), sources).expect("OUT_DIR is writable");
    write_sources(&out);
    let itself = env::current_exe().expect("the path of this script");
    for (kind, file) in SNAPSHOTS {
        let made = Command::new(&itself).arg(kind).arg(out.join(file)).status().expect("this script runs");
        assert!(made.success(), "the snapshot {file} was not made: {made}");
    }
}

const SNAPSHOTS: [(&str, &str); 2] = [("jit", "isolet.snapshot"), ("jitless", "jitless.snapshot")];

/// Makes one snapshot, in a process of its own.
fn make_snapshot(jit: bool, file: &Path) {
    let left = v8::V8::set_flags_from_command_line(words(jit));
    assert_eq!(left.len(), 1, "V8 does not know these flags: {left:?}");
    v8::V8::initialize_platform(v8::new_single_threaded_default_platform(false).make_shared());
    v8::V8::initialize();
    let sources = Sources::read(file.parent().expect("a file in OUT_DIR"));
    let blob = snapshot(&sources);
    fs::write(file, &*blob).expect("OUT_DIR is writable");
}

/// Writes the sources of the snapshots into the folder `js` of `out`, and `sources.rs` beside it,
/// which has them for the program.
///
/// V8 reads them where the program has them: a source in the snapshot would be copied into each
/// fresh isolate, and its pages into each copy of a process.
fn write_sources(out: &Path) {
    let folder = out.join("js");
    fs::create_dir_all(&folder).expect("OUT_DIR is writable");
    let mut list = String::new();
    for file in ordered(Path::new("js")) {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("a readable file");
        let text = with_numbers(&lean(&text))
            .unwrap_or_else(|unknown| fail(&format!("{name}: there is no {unknown}")));
        let text = format!("(function (isolet) {{ \"use strict\";\n{text}\n}})");
        fs::write(folder.join(&name), text).expect("OUT_DIR is writable");
        list.push_str(&format!(
            "v8::String::create_external_onebyte_const(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/js/{name}\"))),\n"
        ));
    }
    fs::write(out.join("sources.rs"), format!("[\n{list}]\n")).expect("OUT_DIR is writable");
}

/// The sources of a snapshot, with the names that the positions of errors leave out.
struct Sources {
    names: Vec<String>,
    /// V8 has pointers to them until the process ends.
    texts: &'static [v8::OneByteConst],
}

impl Sources {
    fn read(out: &Path) -> Self {
        let files = ordered(Path::new("js"));
        let name = |file: &PathBuf| file.file_name().expect("a file").to_string_lossy().into_owned();
        let names: Vec<String> = files.iter().map(name).collect();
        let texts: Vec<v8::OneByteConst> = names
            .iter()
            .map(|name| {
                let text = fs::read(out.join("js").join(name)).expect("main() has written it");
                v8::String::create_external_onebyte_const(text.leak())
            })
            .collect();
        Self { names, texts: texts.leak() }
    }
}

fn snapshot(sources: &Sources) -> v8::StartupData {
    let stubs: [v8::FunctionCallback; 120] = stubs!(
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39
        40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75
        76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99 100 101 102 103 104 105 106 107 108 109
        110 111 112 113 114 115 116 117 118 119
    );
    assert!(NATIVES.len() <= stubs.len(), "add stubs");
    let functions =
        stubs[..NATIVES.len()].iter().map(|function| v8::ExternalReference { function: *function });
    let texts = sources
        .texts
        .iter()
        .map(|text| v8::ExternalReference { pointer: std::ptr::from_ref(text).cast_mut().cast() });
    let references: Vec<v8::ExternalReference> = functions.chain(texts).collect();

    let mut creator = v8::Isolate::snapshot_creator(Some(references.into()), None);
    {
        v8::scope!(let scope, &mut creator);
        let context = v8::Context::new(scope, Default::default());
        let scope = &mut v8::ContextScope::new(scope, context);

        let isolet = v8::Object::new(scope);
        let natives = v8::Object::new(scope);
        let null = v8::null(scope);
        natives.set_prototype(scope, null.into());
        for (name, callback) in NATIVES.iter().zip(stubs) {
            let function = v8::FunctionTemplate::builder_raw(callback)
                .constructor_behavior(v8::ConstructorBehavior::Throw)
                .build(scope)
                .get_function(scope)
                .expect("a function from its template");
            let name = v8::String::new(scope, name).expect("a short string");
            function.set_name(name);
            natives.set(scope, name.into(), function.into());
        }
        let key = v8::String::new(scope, "natives").expect("a short string");
        isolet.set(scope, key.into(), natives.into());

        for (name, text) in sources.names.iter().zip(sources.texts) {
            evaluate(scope, name, text, isolet);
        }

        for name in ENTRY_FUNCTIONS {
            let key = v8::String::new(scope, name).expect("a short string");
            let function = isolet.get(scope, key.into()).expect("isolet has it");
            let function: v8::Local<v8::Function> =
                function.try_into().unwrap_or_else(|_| fail(&format!("isolet.{name} is not a function")));
            scope.add_context_data(context, function);
        }
        scope.set_default_context(context);
    }
    // `Keep`: functions that were compiled stay compiled in the blob, so that no fresh context has
    // to compile them.
    creator.create_blob(v8::FunctionCodeHandling::Keep).expect("a snapshot")
}

/// Copies the modules of Node.js into `out`, with the variants of shared enumerations as numbers.
/// Returns a table of them: the path of each file without its extension, and its text, sorted.
fn node_sources(folder: &Path, out: &Path) -> String {
    let (mut names, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(folder.join(&current)).expect("a folder of node is readable") {
            let path = current.join(entry.expect("an entry").file_name());
            if folder.join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "js") {
                names.push(path.with_extension("").to_str().expect("a path in UTF-8").to_owned());
            }
        }
    }
    names.sort_unstable();
    let mut rows = String::new();
    for name in &names {
        let text = fs::read_to_string(folder.join(format!("{name}.js"))).expect("a readable file");
        let text = match name.starts_with("vendor/") {
            true => text,
            false => with_numbers(&text)
                .unwrap_or_else(|unknown| fail(&format!("node/{name}.js: there is no {unknown}"))),
        };
        let copy = out.join(format!("{name}.js"));
        fs::create_dir_all(copy.parent().expect("a folder")).expect("OUT_DIR is writable");
        fs::write(&copy, text).expect("OUT_DIR is writable");
        rows.push_str(&format!("    ({name:?}, include_str!({copy:?})),\n"));
    }
    format!("const SOURCES: &[(&str, &str)] = &[\n{rows}];\n")
}

/// Returns the files of `folder` in the order of its `order.txt`, which lists each of them once.
fn ordered(folder: &Path) -> Vec<PathBuf> {
    let order = fs::read_to_string(folder.join("order.txt")).expect("order.txt is readable");
    let listed: Vec<&str> = order.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut present: Vec<String> = fs::read_dir(folder)
        .expect("the folder js is readable")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".js"))
        .collect();
    present.sort_unstable();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, present, "js/order.txt lists every file of js/ once");
    listed.into_iter().map(|name| folder.join(name)).collect()
}

/// Runs one file as a function of `isolet`, in strict mode, under a name that the positions of
/// errors leave out.
fn evaluate(
    scope: &mut v8::PinScope<'_, '_>,
    name: &str,
    text: &'static v8::OneByteConst,
    isolet: v8::Local<v8::Object>,
) {
    let source = v8::String::new_from_onebyte_const(scope, text).expect("source");
    let resource = v8::String::new(scope, &format!("isolet:{name}")).expect("name");
    let origin =
        v8::ScriptOrigin::new(scope, resource.into(), -1, 0, false, 0, None, false, false, false, None);
    v8::tc_scope!(let scope, scope);
    let function = v8::Script::compile(scope, source, Some(&origin))
        .and_then(|script| script.run(scope))
        .and_then(|value| v8::Local::<v8::Function>::try_from(value).ok());
    let undefined = v8::undefined(scope);
    if function.and_then(|function| function.call(scope, undefined.into(), &[isolet.into()])).is_none() {
        let message = scope.message().map(|message| {
            let line = message.get_line_number(scope).unwrap_or(0);
            format!("{name}:{line}: {}", message.get(scope).to_rust_string_lossy(scope))
        });
        fail(&message.unwrap_or_else(|| format!("{name} failed")));
    }
}

/// Ends the process with a message. It is not a panic, since unwinding past a snapshot creator
/// aborts with a backtrace that hides the message.
fn fail(message: &str) -> ! {
    eprintln!("error: {message}");
    std::process::exit(1);
}

/// Replaces the variants of shared enumerations (`ValueKind.Array`) by their numbers, so that a
/// fresh context has no object to look them up in.
fn with_numbers(text: &str) -> Result<String, String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dot) = rest.find('.') {
        let (before, after) = (&rest[..dot], &rest[dot + 1..]);
        let start = before.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
        let found = SHARED_ENUMS.iter().find(|(name, _)| *name == &before[start..]);
        let Some((name, variants)) = found.filter(|_| !before[..start].ends_with(['.', '#'])) else {
            whole.push_str(&rest[..=dot]);
            rest = after;
            continue;
        };
        let end = after.find(|c| !is_word(c)).unwrap_or(after.len());
        let number = variants.iter().position(|variant| *variant == &after[..end]);
        let number = number.ok_or_else(|| format!("{name}.{}", &after[..end]))?;
        whole.push_str(&before[..start]);
        whole.push_str(&number.to_string());
        rest = &after[end..];
    }
    whole.push_str(rest);
    Ok(whole)
}

/// Returns the text for the snapshot, line for line. Comments and types are left out, and
/// characters outside of ASCII are escaped (they occur in string literals only): V8 reads sources
/// from the program only if they have one byte a character.
fn lean(text: &str) -> String {
    let mut lean = String::with_capacity(text.len());
    for line in text.lines() {
        let code = without_types(line.trim_start());
        if !code.starts_with("//") {
            for character in code.chars() {
                if character.is_ascii() {
                    lean.push(character);
                } else {
                    let mut units = [0; 2];
                    for unit in character.encode_utf16(&mut units) {
                        lean.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
        lean.push('\n');
    }
    lean
}

/// Returns a line without types (`/** @type {…} */`), which are for the type checker.
fn without_types(line: &str) -> String {
    let mut code = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, types)) = rest.split_once("/** @") {
        let Some((_, after)) = types.split_once("*/") else { break };
        code.push_str(before);
        rest = after;
    }
    code + rest
}
