//! From a request to its answer.

use url::Url;

use super::Assets;
use super::folder::AssetFile;
use super::html_handling::{Intent, Search};
use super::options::{NotFoundHandling, WorkerFirst};
use super::redirects::Redirect;
use super::url_path;

/// The value of `Cache-Control`: a browser asks each time whether its copy is valid.
const CACHE_CONTROL: &str = "public, max-age=0, must-revalidate";

/// The parts of a request that decide about its asset.
#[derive(Debug, Clone)]
pub struct AssetRequest {
    url: Url,
    is_read: bool,
    is_head: bool,
    if_none_match: Option<String>,
    is_navigation: bool,
    is_cacheable: bool,
}

impl AssetRequest {
    /// Returns the request with a method, an absolute URL and headers. `header` returns the value
    /// of a header by its name in lower case.
    pub fn new(method: &str, url: &str, header: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let is_head = method.eq_ignore_ascii_case("HEAD");
        Some(Self {
            url: Url::parse(url).ok()?,
            is_read: is_head || method.eq_ignore_ascii_case("GET"),
            is_head,
            if_none_match: header("if-none-match"),
            is_navigation: header("sec-fetch-mode").as_deref() == Some("navigate"),
            is_cacheable: header("authorization").is_none() && header("range").is_none(),
        })
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetAnswer {
    /// The status.
    pub status: u16,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The file whose content is the body. For `HEAD` it only has the length.
    pub file: Option<AssetFile>,
    /// Set if the request was `HEAD`: the body is not sent.
    pub is_head: bool,
}

/// The result of the search for a request, before headers.
enum Found {
    File(AssetFile, u16),
    Redirect(String, u16),
    /// The answer to a method that does not read.
    NotAllowed,
    Nothing,
}

impl Assets {
    /// Returns `true` if the Worker answers a request, and `false` if the assets do. Without a
    /// Worker the assets always do.
    pub fn is_for_worker(&self, request: &AssetRequest) -> bool {
        if !self.has_worker {
            return false;
        }
        let path = request.url.path();
        let mut keeps_not_found = self.navigation_prefers_assets && request.is_navigation;
        match &self.options.run_worker_first {
            WorkerFirst::Always(true) => return true,
            WorkerFirst::Always(false) => {}
            WorkerFirst::Paths { worker, assets } => {
                if assets.iter().any(|pattern| matches(pattern, path)) {
                    return false;
                }
                if worker.iter().any(|pattern| matches(pattern, path)) {
                    return true;
                }
                keeps_not_found = true;
            }
        }
        let not_found = self.options.not_found_handling;
        let not_found = if keeps_not_found { not_found } else { NotFoundHandling::None };
        // A path that a rule rewrites to a missing file is answered with 404 and not by the Worker.
        let (found, is_rewritten) = self.found(request, not_found);
        matches!(found, Found::Nothing) && !is_rewritten
    }

    /// Answers a request with an asset.
    pub fn answer(&self, request: &AssetRequest) -> AssetAnswer {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let (mut status, mut headers, mut body) = (404, Vec::new(), None);
        match self.found(request, self.options.not_found_handling).0 {
            Found::Nothing => {}
            Found::NotAllowed => status = 405,
            Found::Redirect(to, code) => {
                status = code;
                headers.push(header("location", &to));
            }
            Found::File(file, code) => {
                let etag = format!("\"{}\"", file.etag);
                headers.push(header("etag", &etag));
                headers.extend(file.content_type.as_deref().map(|kind| header("content-type", kind)));
                if request.is_cacheable {
                    headers.push(header("cache-control", CACHE_CONTROL));
                }
                let known = request.if_none_match.as_deref();
                let is_known = known.is_some_and(|known| known.strip_prefix("W/").unwrap_or(known) == etag);
                status = if is_known { 304 } else { code };
                body = (!is_known).then_some(file);
            }
        }
        self.headers.apply(&request.url, &mut headers);
        AssetAnswer { status, headers, file: body, is_head: request.is_head }
    }

    /// Returns what a request leads to, and whether a rule has rewritten its path.
    fn found(&self, request: &AssetRequest, not_found: NotFoundHandling) -> (Found, bool) {
        let (path, is_rewritten) = match self.redirects.find(&request.url) {
            Some(Redirect::To(to, status)) => return (Found::Redirect(to, status), false),
            Some(Redirect::Rewritten(path)) => (path, true),
            None => (request.url.path().to_owned(), false),
        };
        let decoded = url_path::decode(&path);
        let find = |path: &str| self.folder.find(path);
        let search = Search { html: self.options.html_handling, not_found, find: &find };
        let Some(intent) = search.intent(&decoded) else { return (Found::Nothing, is_rewritten) };
        if !request.is_read {
            return (Found::NotAllowed, is_rewritten);
        }
        let query = request.url.query().filter(|query| !query.is_empty());
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        // A path has one form: decoded, and encoded again.
        let canonical = url_path::encode(&decoded);
        let found = match intent {
            Intent::Redirect(to) => Found::Redirect(url_path::encode(&to) + &query, 307),
            Intent::File(..) if canonical != path => Found::Redirect(canonical + &query, 307),
            Intent::File(file, status) => Found::File(file, status),
        };
        (found, is_rewritten)
    }
}

/// Compares a path with a pattern in which `*` stands for any text.
fn matches(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, path, expected) in [
            ("/a", "/a", true),
            ("/a", "/a/", false),
            ("/*", "/", true),
            ("/a/*", "/a/b/c", true),
            ("/a/*", "/a", false),
            ("/*.json", "/x/y.json", true),
            ("/*.json", "/x/y.jso", false),
            ("/a*b*c", "/abc", true),
            ("/a*b*c", "/acb", false),
            ("/a*a", "/a", false),
            ("/**", "/a", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
