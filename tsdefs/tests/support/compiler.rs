//! The TypeScript compiler, as a function from files to errors.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::npm;

/// An error of the compiler.
#[derive(Debug, Clone)]
pub struct Complaint {
    /// The name of the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The message.
    pub message: String,
}

/// Compiles `files` (name, text) as one program under `--strict`, with the libraries of browsers,
/// which are `tsc`'s default.
pub fn compile(files: &[(String, String)]) -> Vec<Complaint> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let compiler = npm::installed("npm").join("node_modules/typescript/bin/tsc");
    let program = format!("program-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program);
    fs::create_dir_all(&folder).expect("a folder for the program");
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a source file");
    }
    let config = r#"{"compilerOptions": {"strict": true, "noEmit": true, "types": [], "target": "es2024"}, "include": ["*.ts"]}"#;
    fs::write(folder.join("tsconfig.json"), config).expect("a configuration");
    let output = Command::new("node")
        .arg(compiler)
        .args(["--pretty", "false", "-p"])
        .arg(&folder)
        .output()
        .expect("node, to run the TypeScript compiler");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints: Vec<Complaint> = text.lines().filter_map(complaint).collect();
    assert!(
        output.status.success() || !complaints.is_empty(),
        "the compiler failed:\n{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    if complaints.is_empty() {
        let _ = fs::remove_dir_all(&folder);
    }
    complaints
}

/// Reads a line such as `path/a.ts(3,7): error TS2322: Type …`.
fn complaint(line: &str) -> Option<Complaint> {
    let (place, message) = line.split_once("): error ")?;
    let (path, position) = place.rsplit_once('(')?;
    let file = path.rsplit(['/', '\\']).next()?.to_owned();
    Some(Complaint { file, line: position.split(',').next()?.parse().ok()?, message: message.to_owned() })
}
