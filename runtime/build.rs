//! Makes the V8 snapshot: everything static that a fresh context needs, evaluated once at build time.
//!
//! It must be made in another process than the one that uses it (a second snapshot creator in a process crashes V8),
//! and a build script is one. Natives are stubs here; the running process gives the real ones under the same indices.

use std::path::{Path, PathBuf};
use std::{env, fs};

include!("src/native_names.rs");
include!("src/v8_flags.rs");

#[path = "../third_party/v8/link-order.rs"]
mod link_order;

/// One distinct function per native: V8 finds a callback's index by its address, so no two may be the same function.
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
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=js");
    println!("cargo:rerun-if-changed=src/native_names.rs");
    println!("cargo:rerun-if-changed=src/v8_flags.rs");

    link_order::ask("examples");

    let left = v8::V8::set_flags_from_command_line(
        std::iter::once("isolet").chain(FLAGS.iter().copied()).map(String::from).collect(),
    );
    assert_eq!(left.len(), 1, "V8 does not know these flags: {left:?}");
    v8::V8::initialize_platform(v8::new_single_threaded_default_platform(false).make_shared());
    v8::V8::initialize();
    let blob = snapshot(Path::new("js"));
    fs::write(out.join("isolet.snapshot"), &*blob).expect("OUT_DIR is writable");
}

fn snapshot(folder: &Path) -> v8::StartupData {
    let stubs: [v8::FunctionCallback; 40] = stubs!(
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39
    );
    assert!(NAMES.len() <= stubs.len(), "add stubs");
    let references: Vec<v8::ExternalReference> =
        stubs[..NAMES.len()].iter().map(|function| v8::ExternalReference { function: *function }).collect();

    let mut creator = v8::Isolate::snapshot_creator(Some(references.into()), None);
    {
        v8::scope!(let scope, &mut creator);
        let context = v8::Context::new(scope, Default::default());
        let scope = &mut v8::ContextScope::new(scope, context);

        let isolet = v8::Object::new(scope);
        let natives = v8::Object::new(scope);
        let null = v8::null(scope);
        natives.set_prototype(scope, null.into());
        for (name, callback) in NAMES.iter().zip(stubs) {
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

        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .expect("runtime/js")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "js"))
            .collect();
        files.sort();
        for file in files {
            evaluate(scope, &file, isolet);
        }

        // What Rust calls by index; `isolate::Entries` takes them in this order.
        for name in ["prepare", "start", "deliver", "tick", "uncaught", "worker", "fetch", "settle"] {
            let key = v8::String::new(scope, name).expect("a short string");
            let function = isolet.get(scope, key.into()).expect("isolet has it");
            let function: v8::Local<v8::Function> =
                function.try_into().unwrap_or_else(|_| panic!("isolet.{name} is no function"));
            scope.add_context_data(context, function);
        }
        scope.set_default_context(context);
    }
    // Keep: functions that were compiled stay compiled in the blob, which saves their compilation in each fresh context.
    creator.create_blob(v8::FunctionCodeHandling::Keep).expect("a snapshot")
}

/// Runs one file as a function of `isolet`, in strict mode, under a name that error positions never show.
fn evaluate(scope: &mut v8::PinScope<'_, '_>, file: &Path, isolet: v8::Local<v8::Object>) {
    let name = file.file_name().expect("a file").to_string_lossy().into_owned();
    let text = lean(&fs::read_to_string(file).expect("a readable file"));
    let source = v8::String::new(scope, &format!("(function (isolet) {{ \"use strict\";\n{text}\n}})"))
        .expect("source");
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
        // Not a panic: unwinding past a snapshot creator aborts, and buries this line under a backtrace.
        eprintln!("error: {}", message.unwrap_or_else(|| format!("{name} failed")));
        std::process::exit(1);
    }
}

/// The text as it goes into the snapshot, line for line: every fresh isolate copies it, as functions are compiled when
/// they are first called. Comments go, and what is not ASCII is escaped (it stands in string literals only): one such
/// character, and V8 keeps the whole file with two bytes for each.
fn lean(text: &str) -> String {
    let mut lean = String::with_capacity(text.len());
    for line in text.lines() {
        let code = line.trim_start();
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
