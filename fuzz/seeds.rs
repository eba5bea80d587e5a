//! The seeds of the fuzz targets, for the tests of the crates whose parsers these are. Each includes this file.

/// Hands every seed of a target to `check`.
pub fn each(target: &str, check: impl Fn(&[u8])) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let files = std::fs::read_dir(folder).expect("a folder of seeds");
    let seeds: Vec<_> =
        files.map(|file| std::fs::read(file.expect("a file").path()).expect("bytes")).collect();
    assert!(seeds.len() > 2, "they are there");
    seeds.iter().for_each(|seed| check(seed));
}

/// As [`each`], for targets that take a text.
pub fn each_text(target: &str, check: impl Fn(&str)) {
    each(target, |seed| check(std::str::from_utf8(seed).expect("text")));
}
