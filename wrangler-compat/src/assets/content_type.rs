//! The media type of a file, by its extension.

use std::path::Path;

/// The extensions for which wrangler's list (the npm package `mime`) has another type than
/// `mime_guess`, as far as web sites use them.
#[rustfmt::skip]
const TYPES: &[(&str, &str)] = &[
    ("appinstaller", "application/appinstaller"),
    ("cjs",          "application/node"),
    ("flac",         "audio/x-flac"),
    ("ico",          "image/vnd.microsoft.icon"),
    ("ipynb",        "application/x-ipynb+json"),
    ("jsx",          "text/jsx"),
    ("ktx2",         "image/ktx2"),
    ("lottie",       "application/zip+dotlottie"),
    ("m3u8",         "application/vnd.apple.mpegurl"),
    ("m4a",          "audio/mp4"),
    ("m4s",          "video/iso.segment"),
    ("manifest",     "text/cache-manifest"),
    ("map",          "application/json"),
    ("mdx",          "text/mdx"),
    ("mid",          "audio/midi"),
    ("mjs",          "text/javascript"),
    ("mtl",          "model/mtl"),
    ("mts",          "video/mp2t"),
    ("obj",          "model/obj"),
    ("otf",          "font/otf"),
    ("psd",          "image/vnd.adobe.photoshop"),
    ("rar",          "application/vnd.rar"),
    ("sql",          "application/sql"),
    ("stl",          "model/stl"),
    ("toml",         "application/toml"),
    ("ts",           "video/mp2t"),
    ("ttml",         "application/ttml+xml"),
    ("usdz",         "model/vnd.usdz+zip"),
    ("wgsl",         "text/wgsl"),
    ("woff",         "font/woff"),
    ("xml",          "application/xml"),
    ("xsd",          "application/xml"),
    ("xsl",          "application/xml"),
    ("xslt",         "application/xslt+xml"),
    ("yaml",         "text/yaml"),
    ("yml",          "text/yaml"),
];

/// Returns the value of `Content-Type` for a file, if its type is known.
pub(super) fn of(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    let named = TYPES.iter().find(|(name, _)| *name == extension).map(|(_, kind)| (*kind).to_owned());
    let kind = named.or_else(|| mime_guess::from_ext(&extension).first_raw().map(str::to_owned))?;
    Some(if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_those_of_wrangler() {
        for (name, expected) in [
            ("a.html", Some("text/html; charset=utf-8")),
            ("A.HTML", Some("text/html; charset=utf-8")),
            ("a.js", Some("text/javascript; charset=utf-8")),
            ("a.mjs", Some("text/javascript; charset=utf-8")),
            ("a.css", Some("text/css; charset=utf-8")),
            ("a.json", Some("application/json")),
            ("a.map", Some("application/json")),
            ("a.webmanifest", Some("application/manifest+json")),
            ("a.xml", Some("application/xml")),
            ("a.svg", Some("image/svg+xml")),
            ("a.png", Some("image/png")),
            ("a.jpg", Some("image/jpeg")),
            ("a.webp", Some("image/webp")),
            ("a.avif", Some("image/avif")),
            ("a.ico", Some("image/vnd.microsoft.icon")),
            ("a.woff2", Some("font/woff2")),
            ("a.ttf", Some("font/ttf")),
            ("a.wasm", Some("application/wasm")),
            ("a.pdf", Some("application/pdf")),
            ("a.mp4", Some("video/mp4")),
            ("a.webm", Some("video/webm")),
            ("a.mp3", Some("audio/mpeg")),
            ("a.md", Some("text/markdown; charset=utf-8")),
            ("a.txt", Some("text/plain; charset=utf-8")),
            ("a.csv", Some("text/csv; charset=utf-8")),
            ("a.tar.gz", Some("application/gzip")),
            ("a.zip", Some("application/zip")),
            ("a.unknown-extension", None),
            ("a", None),
            (".html", None),
        ] {
            assert_eq!(of(Path::new(name)).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn each_extension_is_there_once_and_differs() {
        for (at, (name, kind)) in TYPES.iter().enumerate() {
            assert!(TYPES[..at].iter().all(|(other, _)| other < name), "{name}");
            assert_ne!(mime_guess::from_ext(name).first_raw(), Some(*kind), "{name}");
        }
    }
}
