//! The file `_redirects`: a line for each rule, `FROM TO [STATUS]`.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use url::Url;

use super::RuleWarnings;
use super::options::HtmlHandling;
use super::rule_pattern::{RulePattern, is_dynamic};
use super::url_path::{self, RuleUrl};
use crate::warnings::Warnings;

/// The name of the file.
pub(super) const FILE_NAME: &str = "_redirects";

/// The number of rules without placeholders, as in wrangler.
const MAX_STATIC_RULES: usize = 2000;

/// The number of rules with placeholders, and of those behind the first one of them.
const MAX_DYNAMIC_RULES: usize = 100;

/// The characters of a line, in both files.
pub(super) const MAX_LINE_CHARS: usize = 2000;

/// The statuses of rules. 200 answers with another path in place.
const STATUSES: [u16; 6] = [200, 301, 302, 303, 307, 308];

/// The rules of a project.
#[derive(Debug, Clone, Default)]
pub(super) struct Redirects {
    fixed: HashMap<String, Target>,
    dynamic: Vec<(RulePattern, Target)>,
}

#[derive(Debug, Clone)]
struct Target {
    to: String,
    status: u16,
}

/// A rule that matches a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Redirect {
    /// A redirect, with its status.
    To(String, u16),
    /// The path that answers in place.
    Rewritten(String),
}

impl Redirects {
    /// Reads the file. A rule that is not valid is left out, with a warning.
    pub(super) fn parse(root: &Path, text: &str, html: HtmlHandling, warnings: &mut Warnings) -> Self {
        let mut warnings = RuleWarnings::new(root, FILE_NAME, warnings);
        let mut rules = Self::default();
        let mut seen = HashSet::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let count = (rules.fixed.len(), rules.dynamic.len());
            let rule = match Rule::parse(line, html) {
                Ok(rule) => rule,
                Err(message) => {
                    warnings.warn(number, format!("{message}; the rule is ignored"));
                    continue;
                }
            };
            if seen.contains(&rule.from) {
                warnings
                    .warn(number, format!("the path {} has a rule already; this one is ignored", rule.from));
                continue;
            }
            let is_fixed = count.1 == 0 && !is_dynamic(&rule.from);
            if is_fixed && count.0 == MAX_STATIC_RULES {
                warnings.warn(
                    number,
                    format!("is behind {MAX_STATIC_RULES} rules without placeholders; it is ignored"),
                );
                continue;
            }
            if !is_fixed && count.1 == MAX_DYNAMIC_RULES {
                warnings.warn(
                    number,
                    format!("is behind {MAX_DYNAMIC_RULES} rules with placeholders; it and the lines below are ignored"),
                );
                break;
            }
            seen.insert(rule.from.clone());
            match (is_fixed, RulePattern::new(&rule.from)) {
                (true, _) => _ = rules.fixed.insert(rule.from, rule.target),
                (false, Some(pattern)) => rules.dynamic.push((pattern, rule.target)),
                (false, None) => warnings.warn(number, "has a placeholder twice; the rule is ignored"),
            }
        }
        rules
    }

    /// Returns the rule for the URL of a request.
    pub(super) fn find(&self, url: &Url) -> Option<Redirect> {
        let path = url.path();
        let host = url.host_str().unwrap_or_default();
        let (to, status) = match self.fixed.get(path) {
            Some(target) => (target.to.clone(), target.status),
            None => self.dynamic.iter().find_map(|(pattern, target)| {
                let replaced = pattern.captures(host, path)?.replace(&target.to)?;
                let replaced = replaced.trim();
                let has_host = replaced.starts_with("https://");
                let to = if has_host { replaced.to_owned() } else { url_path::single_slashes(replaced) };
                Some((to, target.status))
            })?,
        };
        let to = url.join(&to).ok()?;
        if status == 200 {
            return Some(Redirect::Rewritten(to.path().to_owned()));
        }
        let query =
            to.query().filter(|query| !query.is_empty()).or(url.query().filter(|query| !query.is_empty()));
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let fragment = to.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
        let mut base = to.clone();
        base.set_query(None);
        base.set_fragment(None);
        let base = if to.origin() == url.origin() { to.path() } else { base.as_str() };
        Some(Redirect::To(format!("{base}{query}{fragment}"), status))
    }
}

struct Rule {
    from: String,
    target: Target,
}

impl Rule {
    fn parse(line: &str, html: HtmlHandling) -> Result<Self, String> {
        if line.chars().count() > MAX_LINE_CHARS {
            return Err(format!("has more than {MAX_LINE_CHARS} characters"));
        }
        // A word that begins with `#` begins a comment.
        let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
        let (from, to, status) = match words[..] {
            [from, to] => (from, to, "302"),
            [from, to, status] => (from, to, status),
            _ => return Err(format!("has {} words where 2 or 3 are needed: FROM TO [STATUS]", words.len())),
        };
        let from = RuleUrl { host: false, query: false }.read(from)?;
        let to = RuleUrl { host: true, query: true }.read(to)?;
        let status = status.parse().ok().filter(|status| STATUSES.contains(status));
        let status = status.ok_or("has a status that is none of 200, 301, 302, 303, 307 and 308")?;
        let has_host = url_path::host(&to).is_some();
        if status == 200 && has_host {
            return Err("has status 200, which needs a path as its target".to_owned());
        }
        // Handling of HTML redirects such a path to the folder, and this rule would redirect it
        // back.
        let is_index = to.ends_with("/index") || to.ends_with("/index.html");
        let is_loop = from.ends_with("/*") || (from.ends_with('/') && html != HtmlHandling::None);
        if is_index && is_loop && !has_host {
            return Err("redirects to the index in a loop".to_owned());
        }
        Ok(Self { from, target: Target { to, status } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Redirects, Vec<String>) {
        let mut warnings = Warnings::default();
        let rules = Redirects::parse(Path::new("site"), text, HtmlHandling::Auto, &mut warnings);
        (rules, warnings.into_vec().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn rules_that_are_not_valid_have_their_line() {
        let (rules, warnings) = parse(
            "# fine\n/a /b\n\n/one\n/a /c\n/s /t 404\n/* /index.html 200\n/p https://x.example/ 200\n/t/:a/:a /x\nhttps://x.example/ /x\n/x y\n",
        );
        assert_eq!((rules.fixed.len(), rules.dynamic.len()), (1, 0));
        let lines: Vec<&str> = warnings.iter().map(|text| text.split(':').nth(1).unwrap()).collect();
        assert_eq!(lines, ["4", "5", "6", "7", "8", "9", "10", "11"], "{warnings:#?}");
        assert!(warnings[0].contains("_redirects:4:1: has 1 words where 2 or 3"), "{}", warnings[0]);
    }

    #[test]
    fn the_number_of_rules_is_bounded() {
        let fixed: String = (0..=MAX_STATIC_RULES).map(|index| format!("/{index} /x\n")).collect();
        let dynamic: String = (0..=MAX_DYNAMIC_RULES).map(|index| format!("/{index}/* /x\n")).collect();
        let (rules, warnings) = parse(&(fixed + &dynamic));
        assert_eq!((rules.fixed.len(), rules.dynamic.len()), (MAX_STATIC_RULES, MAX_DYNAMIC_RULES));
        assert_eq!(warnings.len(), 2);
        let (rules, warnings) = parse(&format!("/a /{}", "x".repeat(MAX_LINE_CHARS)));
        assert_eq!((rules.fixed.len(), warnings.len()), (0, 1));
    }

    #[test]
    fn targets_keep_the_query_and_their_own_fragment() {
        let (rules, _) = parse("/a /b\n/c /d?x=1#y\n/e https://x.example/f 308\n/g /h 200\n/i/* //:splat\n");
        let find = |path: &str| rules.find(&Url::parse("http://localhost:1").unwrap().join(path).unwrap());
        let to = |text: &str, status| Some(Redirect::To(text.to_owned(), status));
        assert_eq!(find("/a?q=2"), to("/b?q=2", 302));
        assert_eq!(find("/c?q=2"), to("/d?x=1#y", 302));
        assert_eq!(find("/e?q"), to("https://x.example/f?q", 308));
        assert_eq!(find("/g?q"), Some(Redirect::Rewritten("/h".into())));
        assert_eq!(find("/i/evil.example"), to("/evil.example", 302));
        assert_eq!(find("/nothing"), None);
    }
}
