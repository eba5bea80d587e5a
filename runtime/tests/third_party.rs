//! The patches of the V8 archive: how they are applied, and their record.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn v8_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../third_party/v8")
}

/// A temporary copy of V8's source with one file, and a folder of patches.
struct SourceCopy(PathBuf);

impl SourceCopy {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("isolet-patches-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("v8/src")).unwrap();
        fs::create_dir_all(folder.join("patches")).unwrap();
        fs::write(folder.join("v8/src/flags.cc"), "one\ntwo\nthree\nfour\n").unwrap();
        Self(folder)
    }

    fn patch(&self, name: &str, from: &str, to: &str) {
        let text = format!(
            "From 0123456789 Mon Sep 17 00:00:00 2001\nSubject: a fix\n\n--- a/src/flags.cc\n+++ b/src/flags.cc\n@@ -1,4 +1,4 @@\n{}",
            ["one", "two", "three", "four"]
                .iter()
                .map(|line| match *line == from.to_lowercase() {
                    true => format!("-{from}\n+{to}\n"),
                    false => format!(" {}\n", if *line == "two" && from != "two" { "TWO" } else { *line }),
                })
                .collect::<String>()
        );
        fs::write(self.0.join("patches").join(name), text).unwrap();
    }

    fn apply(&self) -> Output {
        let script = v8_folder().join("apply-patches.sh");
        Command::new(script)
            .arg(self.0.join("v8"))
            .arg(self.0.join("patches"))
            .output()
            .expect("bash and patch")
    }

    fn source(&self) -> String {
        fs::read_to_string(self.0.join("v8/src/flags.cc")).unwrap()
    }
}

impl Drop for SourceCopy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn patches_are_applied_in_order_and_once() {
    let copy = SourceCopy::new("order");
    // The second patch fits only after the first.
    copy.patch("0002-three.patch", "three", "THREE");
    copy.patch("0001-two.patch", "two", "TWO");
    for _ in 0..2 {
        let output = copy.apply();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(copy.source(), "one\nTWO\nTHREE\nfour\n");
    }
    fs::remove_file(copy.0.join("patches/0001-two.patch")).unwrap();
    let output = copy.apply();
    assert!(!output.status.success(), "the source has a patch that is not there any more");
    assert!(String::from_utf8_lossy(&output.stderr).contains("0001-two.patch"), "{output:?}");
}

#[test]
fn a_patch_that_does_not_fit_changes_nothing() {
    let copy = SourceCopy::new("fit");
    copy.patch("0001-three.patch", "three", "THREE");
    let output = copy.apply();
    assert!(!output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("0001-three.patch does not fit"), "{output:?}");
    assert_eq!(copy.source(), "one\ntwo\nthree\nfour\n");
}

/// If this fails, the archive must be built again with the patches of the folder.
#[test]
fn the_archive_has_the_patches_of_the_folder() {
    let mut names: Vec<String> = fs::read_dir(v8_folder().join("patches"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".patch"))
        .collect();
    names.sort();
    let version = fs::read_to_string(v8_folder().join("VERSION")).unwrap();
    let applied = version.lines().find_map(|line| line.strip_prefix("patches =")).expect("a line of patches");
    assert_eq!(applied.split_whitespace().collect::<Vec<_>>(), names);
}
