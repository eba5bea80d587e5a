//! The seeds of the fuzz targets. The tests of the crates with the parsers include this file.

/// Calls `check` with every seed of a target.
pub fn each(target: &str, check: impl Fn(&[u8])) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let files = std::fs::read_dir(folder).expect("a folder of seeds");
    let seeds: Vec<_> =
        files.map(|file| std::fs::read(file.expect("a file").path()).expect("bytes")).collect();
    assert!(seeds.len() > 2, "seeds exist");
    seeds.iter().for_each(|seed| check(seed));
}

/// Calls `check` with every seed of a target that takes a text.
pub fn each_text(target: &str, check: impl Fn(&str)) {
    each(target, |seed| check(std::str::from_utf8(seed).expect("text")));
}
