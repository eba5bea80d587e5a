//! The file `_headers`: a path, and the headers of its answers below it.

use std::path::Path;

use url::Url;

use super::RuleWarnings;
use super::redirects::MAX_LINE_CHARS;
use super::rule_pattern::RulePattern;
use super::url_path::RuleUrl;
use crate::warnings::Warnings;

/// The name of the file.
pub(super) const FILE_NAME: &str = "_headers";

/// The number of paths, as in wrangler.
const MAX_RULES: usize = 100;

/// The start of a line that removes a header.
const REMOVE: &str = "! ";

/// The rules of a project.
#[derive(Debug, Clone, Default)]
pub(super) struct HeaderRules(Vec<HeaderRule>);

#[derive(Debug, Clone)]
struct HeaderRule {
    line: usize,
    path: String,
    pattern: RulePattern,
    /// Names in lower case, with their values.
    set: Vec<(String, String)>,
    removed: Vec<String>,
}

impl HeaderRules {
    /// Reads the file. A rule that is not valid is left out, with a warning.
    pub(super) fn parse(root: &Path, text: &str, warnings: &mut Warnings) -> Self {
        let mut warnings = RuleWarnings::new(root, FILE_NAME, warnings);
        let mut rules: Vec<HeaderRule> = Vec::new();
        // The lines below a path that is not valid are not reported one by one.
        let mut skips = false;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.chars().count() > MAX_LINE_CHARS {
                warnings.warn(number, format!("has more than {MAX_LINE_CHARS} characters; it is ignored"));
            } else if is_path(line) {
                if rules.len() == MAX_RULES {
                    warnings.warn(
                        number,
                        format!("is behind {MAX_RULES} paths; it and the lines below are ignored"),
                    );
                    break;
                }
                match HeaderRule::of(number, line) {
                    Ok(rule) => {
                        skips = false;
                        rules.push(rule);
                    }
                    Err(message) => {
                        skips = true;
                        warnings.warn(number, format!("{message}; it and its headers are ignored"));
                    }
                }
            } else if !skips {
                let added = match rules.last_mut() {
                    Some(rule) => rule.add(line),
                    None => Err("has no path above it".to_owned()),
                };
                if let Err(message) = added {
                    warnings.warn(number, format!("{message}; the line is ignored"));
                }
            }
        }
        let mut kept: Vec<HeaderRule> = Vec::new();
        for rule in rules {
            if rule.set.is_empty() && rule.removed.is_empty() {
                warnings.warn(rule.line, format!("{} has no headers", rule.path));
            } else if let Some(earlier) = kept.iter_mut().find(|earlier| earlier.path == rule.path) {
                // The last rule of a path counts, in the place of the first.
                *earlier = rule;
            } else {
                kept.push(rule);
            }
        }
        Self(kept)
    }

    /// Applies the rules for the URL of a request to the headers of its answer.
    pub(super) fn apply(&self, url: &Url, headers: &mut Vec<(String, String)>) {
        let host = url.host_str().unwrap_or_default();
        let mut written: Vec<&str> = Vec::new();
        for rule in &self.0 {
            let Some(captures) = rule.pattern.captures(host, url.path()) else { continue };
            headers.retain(|(name, _)| !rule.removed.contains(name));
            for (name, value) in &rule.set {
                let Some(value) = captures.replace(value) else { continue };
                let present = headers.iter_mut().find(|(present, _)| present == name);
                match present {
                    // Values of several rules are joined, those of isolet's own replaced.
                    Some((_, present)) if written.contains(&name.as_str()) => {
                        present.push_str(", ");
                        present.push_str(&value);
                    }
                    Some((_, present)) => *present = value,
                    None => headers.push((name.clone(), value)),
                }
                written.push(name);
            }
        }
    }
}

/// Returns `true` if a line is a path or an address, and not a header.
fn is_path(line: &str) -> bool {
    line.starts_with('/')
        || line.split_whitespace().next().is_some_and(|word| word.find("://").is_some_and(|at| at > 0))
}

impl HeaderRule {
    fn of(line: usize, text: &str) -> Result<Self, String> {
        let path = RuleUrl { host: true, query: false }.read(text)?;
        let pattern =
            RulePattern::new(&path).ok_or("has * or a placeholder twice, where each stands for one text")?;
        Ok(Self { line, path, pattern, set: Vec::new(), removed: Vec::new() })
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let Some((name, value)) = line.split_once(':') else {
            let name = line.strip_prefix(REMOVE).ok_or("has no colon between name and value")?;
            self.removed.push(name.trim().to_ascii_lowercase());
            return Ok(());
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("has a name that headers cannot have: {name:?}"));
        }
        if value.is_empty() || value.chars().any(|letter| letter.is_control() && letter != '\t') {
            return Err(format!("has no valid value for {name}"));
        }
        match self.set.iter_mut().find(|(present, _)| *present == name) {
            Some((_, present)) => {
                present.push_str(", ");
                present.push_str(value);
            }
            None => self.set.push((name, value.to_owned())),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (HeaderRules, Vec<String>) {
        let mut warnings = Warnings::default();
        let rules = HeaderRules::parse(Path::new("site"), text, &mut warnings);
        (rules, warnings.into_vec().iter().map(ToString::to_string).collect())
    }

    fn applied(text: &str, url: &str) -> Vec<(String, String)> {
        let mut headers = vec![("etag".to_owned(), "\"1\"".to_owned())];
        parse(text).0.apply(&Url::parse(url).unwrap(), &mut headers);
        headers
    }

    #[test]
    fn rules_set_join_and_remove() {
        let text = "/*\n X-A: 1\n ETag: \"2\"\n/docs/*\n x-a: :splat\n X-A: 3\n ! ETag\nhttps://other.example/*\n X-O: 1\n";
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(applied(text, "http://localhost/a"), pairs(&[("etag", "\"2\""), ("x-a", "1")]));
        assert_eq!(applied(text, "http://localhost/docs/b"), pairs(&[("x-a", "1, b, 3")]));
        let other = applied(text, "http://other.example:8/a");
        assert!(other.contains(&("x-o".to_owned(), "1".to_owned())), "{other:?}");
    }

    #[test]
    fn rules_that_are_not_valid_have_their_line() {
        let (rules, warnings) = parse(
            "X-A: 1\n/a\n no colon\n bad name: 1\n : 1\n X-B:\n/*/*\n X-C: 1\n/b\n X-D: 1\nhttps://x.example:1/\n X-E: 1\n/é: \n",
        );
        assert_eq!(rules.0.len(), 1);
        let lines: Vec<&str> = warnings.iter().map(|text| text.split(':').nth(1).unwrap()).collect();
        assert_eq!(lines, ["1", "3", "4", "5", "6", "7", "11", "2", "13"], "{warnings:#?}");
    }

    #[test]
    fn the_number_of_rules_is_bounded() {
        let text: String = (0..=MAX_RULES).map(|index| format!("/{index}\n X-A: 1\n")).collect();
        let (rules, warnings) = parse(&text);
        assert_eq!((rules.0.len(), warnings.len()), (MAX_RULES, 1));
    }
}
