use std::fs;

use super::*;

/// The assets of a project with these files, and the warnings about them.
fn assets(files: &[(&str, &str)], not_found: NotFoundHandling) -> (tempfile::TempDir, Assets, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join("public").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut warnings = Warnings::default();
    let opened = open(folder.path(), "public", not_found, &mut warnings).unwrap();
    (folder, opened, warnings.into_vec().iter().map(ToString::to_string).collect())
}

fn open(
    folder: &Path,
    directory: &str,
    not_found_handling: NotFoundHandling,
    warnings: &mut Warnings,
) -> Result<Assets, ProjectError> {
    let options = AssetOptions {
        directory: directory.to_owned(),
        location: SourceLocation::file(Path::new("wrangler.json")),
        binding: None,
        html_handling: HtmlHandling::Auto,
        not_found_handling,
        run_worker_first: WorkerFirst::Always(false),
    };
    Assets::open(&ProjectFolder::open(folder).unwrap(), options, true, (None, &[]), warnings)
}

fn status(assets: &Assets, path: &str) -> u16 {
    let url = format!("http://localhost{path}");
    assets.answer(&AssetRequest::new("GET", &url, |_| None).unwrap()).status
}

#[test]
fn private_files_and_ignored_ones_are_not_assets() {
    let files = [
        (".assetsignore", "*.key\n/only-here\n"),
        ("a.key", ""),
        ("b/c.key", ""),
        ("only-here/x", ""),
        ("b/only-here/x", ""),
        (".dev.vars", "A=1"),
        (".dev.vars.live", "A=1"),
        (".env", "A=1"),
        (".env.local", "A=1"),
        (".git/config", ""),
        (".wrangler/state", ""),
        (".environment", ""),
        ("_headers", ""),
    ];
    let (_folder, assets, _) = assets(&files, NotFoundHandling::None);
    for (path, expected) in [
        ("/a.key", 404),
        ("/b/c.key", 404),
        ("/only-here/x", 404),
        ("/b/only-here/x", 200),
        ("/.dev.vars", 404),
        ("/.dev.vars.live", 404),
        ("/.env", 404),
        ("/.env.local", 404),
        ("/.git/config", 404),
        ("/.wrangler/state", 404),
        ("/.environment", 200),
        ("/_headers", 404),
        ("/.assetsignore", 404),
    ] {
        assert_eq!(status(&assets, path), expected, "{path}");
    }
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out_of_the_folder() {
    use std::os::unix::fs::symlink;
    let (folder, assets, _) = assets(&[("in/a.txt", "a"), ("b.key", "secret")], NotFoundHandling::None);
    let public = folder.path().join("public");
    fs::write(folder.path().join("outside.txt"), "outside").unwrap();
    symlink("../outside.txt", public.join("out.txt")).unwrap();
    symlink("in/a.txt", public.join("link.txt")).unwrap();
    symlink("in", public.join("folder")).unwrap();
    symlink("..", public.join("up")).unwrap();
    symlink("/etc", public.join("etc")).unwrap();
    for (path, expected) in [
        ("/out.txt", 404),
        ("/up/outside.txt", 404),
        ("/up/public/in/a.txt", 200),
        ("/etc/hostname", 404),
        ("/link.txt", 200),
        ("/folder/a.txt", 200),
        ("/..%2Foutside.txt", 404),
        ("/in%2F..%2F..%2Foutside.txt", 404),
        ("/in%5C..%5Ca.txt", 404),
        ("/in/a.txt%00", 404),
        ("/in", 404),
    ] {
        assert_eq!(status(&assets, path), expected, "{path}");
    }
    let mut warnings = Warnings::default();
    open(folder.path(), "public", NotFoundHandling::None, &mut warnings).unwrap();
    let warnings = warnings.into_vec();
    let warned = warnings.iter().filter(|warning| warning.message.contains("leads out of the assets folder"));
    assert_eq!(warned.count(), 3);
}

#[cfg(unix)]
#[test]
fn the_folder_is_one_that_may_be_read() {
    let (folder, ..) = assets(&[("a", "")], NotFoundHandling::None);
    std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for (directory, expected) in [
        ("/etc", "is outside the project's folder"),
        ("link", "is outside the project's folder"),
        ("..", "is outside the project's folder"),
        ("missing", "\"missing\" does not exist"),
        ("file", "\"file\" does not exist, or is not a folder"),
    ] {
        let error =
            open(folder.path(), directory, NotFoundHandling::None, &mut Warnings::default()).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("wrangler.json: ") && message.contains(expected), "{message}");
    }
}

#[test]
fn a_large_file_is_an_error_with_its_name() {
    let (folder, assets, _) = assets(&[("a.bin", "")], NotFoundHandling::None);
    let file = fs::File::create(folder.path().join("public/a.bin")).unwrap();
    file.set_len(25 * 1024 * 1024 + 1).unwrap();
    let error = open(folder.path(), "public", NotFoundHandling::None, &mut Warnings::default()).unwrap_err();
    assert!(error.to_string().contains("public/a.bin: is larger than 26214400 bytes"), "{error}");
    assert_eq!(status(&assets, "/a.bin"), 404);
}

#[test]
fn a_changed_file_has_another_tag() {
    let (folder, assets, _) = assets(&[("a.txt", "one")], NotFoundHandling::None);
    let url = "http://localhost/a.txt";
    let ask = |tag: Option<String>| {
        let request = AssetRequest::new("GET", url, |name| tag.clone().filter(|_| name == "if-none-match"));
        assets.answer(&request.unwrap())
    };
    let tag = |answer: &AssetAnswer| answer.headers[0].1.clone();
    let first = ask(None);
    assert_eq!((first.status, first.file.as_ref().map(|file| file.length)), (200, Some(3)));
    assert_eq!(ask(Some(tag(&first))).status, 304);
    assert_eq!(ask(Some(format!("W/{}", tag(&first)))).file, None);
    fs::write(folder.path().join("public/a.txt"), "longer").unwrap();
    assert_eq!(ask(Some(tag(&first))).status, 200);
}
