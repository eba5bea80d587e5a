//! Patterns that choose tools, such as `github`, `github/create_issue`, `github/get_*`.

use globset::{GlobBuilder, GlobMatcher};

/// The number of patterns. Each takes a comparison for each tool.
const MAX_PATTERNS: usize = 256;

/// The length of a pattern. A glob becomes a regular expression, which is cheap if it is short.
const MAX_PATTERN_BYTES: usize = 256;

/// The tools that a run or client chooses.
#[derive(Debug)]
pub struct ToolFilter {
    patterns: Vec<ToolPattern>,
}

/// One pattern.
#[derive(Debug)]
pub struct ToolPattern {
    /// The text as it was given. It also matches the exact name that it is, whatever characters
    /// that name has.
    text: String,
    server: GlobMatcher,
    /// `None` for all tools of the server.
    tool: Option<GlobMatcher>,
}

/// A name, and the alias that declarations show. A pattern may match either.
#[derive(Debug, Clone, Copy)]
pub struct AliasedName<'a> {
    /// The exact name.
    pub name: &'a str,
    /// The alias; often the same.
    pub alias: &'a str,
}

/// An invalid pattern, or a list of too many.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// There are too many patterns.
    #[error("{0} patterns are too many, at most {MAX_PATTERNS}")]
    TooMany(usize),
    /// The pattern is too long.
    #[error("a pattern of {0} bytes is too long, at most {MAX_PATTERN_BYTES}")]
    TooLong(usize),
    /// The pattern is not a valid glob.
    #[error("invalid pattern `{pattern}`: {reason}")]
    Glob {
        /// The whole pattern.
        pattern: String,
        /// The reason.
        reason: String,
    },
}

impl ToolFilter {
    /// Parses patterns. An empty list allows no tools.
    pub fn new(patterns: &[String]) -> Result<Self, InvalidPattern> {
        if patterns.len() > MAX_PATTERNS {
            return Err(InvalidPattern::TooMany(patterns.len()));
        }
        Ok(Self {
            patterns: patterns.iter().map(|pattern| ToolPattern::new(pattern)).collect::<Result<_, _>>()?,
        })
    }

    /// Returns the patterns, in their order.
    pub fn patterns(&self) -> impl Iterator<Item = &ToolPattern> {
        self.patterns.iter()
    }

    /// Returns `true` if the filter allows the server or some of its tools.
    pub fn allows_server(&self, server: AliasedName<'_>) -> bool {
        self.patterns.iter().any(|pattern| pattern.concerns(server))
    }

    /// Returns `true` if the filter allows the whole server, with its resources and prompts.
    pub fn allows_whole_server(&self, server: AliasedName<'_>) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches_whole_server(server))
    }

    /// Returns `true` if the filter allows the tool.
    pub fn allows_tool(&self, server: AliasedName<'_>, tool: AliasedName<'_>) -> bool {
        self.allows_whole_server(server)
            || self.patterns.iter().any(|pattern| pattern.matches_tool(server, tool))
    }
}

impl ToolPattern {
    fn new(text: &str) -> Result<Self, InvalidPattern> {
        if text.len() > MAX_PATTERN_BYTES {
            return Err(InvalidPattern::TooLong(text.len()));
        }
        let glob = |part: &str| {
            let glob = GlobBuilder::new(part).literal_separator(false).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| InvalidPattern::Glob {
                pattern: text.to_owned(),
                reason: error.kind().to_string(),
            })
        };
        let (server, tool) = match text.split_once('/') {
            Some((server, tool)) => (server, Some(tool)),
            None => (text, None),
        };
        Ok(Self { text: text.to_owned(), server: glob(server)?, tool: tool.map(glob).transpose()? })
    }

    /// Returns the text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns `true` if the pattern matches the server or may match some of its tools.
    pub fn concerns(&self, server: AliasedName<'_>) -> bool {
        self.matches_server(server)
            || self.text.strip_prefix(server.name).is_some_and(|rest| rest.starts_with('/'))
    }

    fn matches_server(&self, server: AliasedName<'_>) -> bool {
        self.text == server.name || self.server.is_match(server.name) || self.server.is_match(server.alias)
    }

    /// Returns `true` if the pattern matches the whole server.
    pub fn matches_whole_server(&self, server: AliasedName<'_>) -> bool {
        self.text == server.name || (self.tool.is_none() && self.matches_server(server))
    }

    /// Returns `true` if the pattern matches this tool.
    pub fn matches_tool(&self, server: AliasedName<'_>, tool: AliasedName<'_>) -> bool {
        // The exact name of a server may contain a slash.
        let exact = self.text.strip_prefix(server.name).and_then(|rest| rest.strip_prefix('/'));
        exact == Some(tool.name)
            || self.tool.as_ref().is_some_and(|glob| {
                self.matches_server(server) && (glob.is_match(tool.name) || glob.is_match(tool.alias))
            })
    }
}

/// Splits a comma-separated list of patterns. A comma in braces belongs to the pattern.
pub fn split_patterns(text: &str) -> Vec<String> {
    let (mut patterns, mut depth) = (vec![String::new()], 0_usize);
    for letter in text.chars() {
        match letter {
            ',' if depth == 0 => patterns.push(String::new()),
            _ => {
                match letter {
                    '{' => depth += 1,
                    '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if let Some(last) = patterns.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    patterns.retain(|pattern| !pattern.is_empty());
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_split_at_commas_outside_of_braces() {
        assert_eq!(split_patterns("files,github/{get,list}_*,,x/y"), ["files", "github/{get,list}_*", "x/y"]);
        assert_eq!(split_patterns(""), [""; 0]);
        assert_eq!(split_patterns("a}{b,c"), ["a}{b,c"]);
    }

    fn filter(patterns: &[&str]) -> ToolFilter {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        ToolFilter::new(&patterns).unwrap()
    }

    fn named(name: &str) -> AliasedName<'_> {
        AliasedName { name, alias: name }
    }

    fn allows(patterns: &[&str], server: &str, tool: &str) -> bool {
        filter(patterns).allows_tool(named(server), named(tool))
    }

    #[test]
    fn patterns_match_servers_and_tools() {
        assert!(allows(&["github"], "github", "create_issue"));
        assert!(!allows(&["github"], "gitlab", "create_issue"));
        assert!(allows(&["github/create_issue"], "github", "create_issue"));
        assert!(!allows(&["github/create_issue"], "github", "create_issues"));
        assert!(allows(&["github/get_*", "x"], "github", "get_user"));
        assert!(!allows(&["github/get_*"], "github", "delete_user"));
        assert!(allows(&["*/get_*"], "github", "get_user"));
        assert!(allows(&["git*"], "github", "get_user"));
        assert!(!allows(&[], "github", "get_user"));
    }

    #[test]
    fn a_server_pattern_does_not_match_tools_with_that_ending() {
        assert!(!allows(&["*create"], "github", "create"));
        assert!(!allows(&["create"], "github", "create"));
    }

    #[test]
    fn aliases_and_unusual_exact_names_match() {
        let server = AliasedName { name: "io.github.foo/bar", alias: "io_github_foo_bar" };
        let tool = AliasedName { name: "a[b]", alias: "a_b_" };
        for pattern in
            ["io.github.foo/bar/a[b]", "io_github_foo_bar/a_b_", "io_github_foo_bar", "io.github.foo/bar"]
        {
            assert!(filter(&[pattern]).allows_tool(server, tool), "{pattern}");
            assert!(filter(&[pattern]).allows_server(server), "{pattern}");
        }
        assert!(!filter(&["io.github.foo"]).allows_tool(server, tool));
    }

    #[test]
    fn resources_need_the_whole_server() {
        assert!(filter(&["github"]).allows_whole_server(named("github")));
        assert!(!filter(&["github/get_*"]).allows_whole_server(named("github")));
        assert!(filter(&["github/get_*"]).allows_server(named("github")));
        assert!(!filter(&["github/get_*"]).allows_server(named("gitlab")));
    }

    #[test]
    fn patterns_are_bounded_and_checked() {
        assert!(matches!(ToolFilter::new(&["[".to_owned()]), Err(InvalidPattern::Glob { .. })));
        assert!(matches!(ToolFilter::new(&["a".repeat(300)]), Err(InvalidPattern::TooLong(300))));
        assert!(matches!(ToolFilter::new(&vec!["a".to_owned(); 300]), Err(InvalidPattern::TooMany(300))));
    }
}
