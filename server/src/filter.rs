//! Which tools a run may use: patterns such as `github`, `github/create_issue`, `github/get_*`.

use globset::{GlobBuilder, GlobMatcher};

/// More patterns than any caller writes by hand; each costs a comparison per tool.
const MOST_PATTERNS: usize = 256;
/// A glob becomes a regular expression; short ones stay cheap.
const LONGEST_PATTERN: usize = 256;

/// A run's choice of tools.
#[derive(Debug)]
pub struct ToolFilter {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    /// As it was given: an exact name is that name, whatever characters it has.
    text: String,
    server: GlobMatcher,
    /// None: all tools of the server.
    tool: Option<GlobMatcher>,
}

/// A name and the alias under which the declarations show it; a pattern may use either.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The exact name.
    pub name: &'a str,
    /// The alias; often the same.
    pub alias: &'a str,
}

/// A pattern that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Too many.
    #[error("{0} patterns are too many, at most {MOST_PATTERNS}")]
    TooMany(usize),
    /// Too long.
    #[error("a pattern of {0} bytes is too long, at most {LONGEST_PATTERN}")]
    TooLong(usize),
    /// Not a glob.
    #[error("`{pattern}` is no pattern: {reason}")]
    Glob {
        /// The whole pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ToolFilter {
    /// Reads patterns. None at all means no tools at all.
    pub fn new(patterns: &[String]) -> Result<Self, BadPattern> {
        if patterns.len() > MOST_PATTERNS {
            return Err(BadPattern::TooMany(patterns.len()));
        }
        Ok(Self { patterns: patterns.iter().map(|pattern| Pattern::new(pattern)).collect::<Result<_, _>>()? })
    }

    /// Whether a run may see the server at all.
    pub fn server(&self, server: Named<'_>) -> bool {
        self.patterns.iter().any(|pattern| pattern.concerns(server))
    }

    /// The patterns that concern none of `servers`.
    pub fn idle_patterns<'a>(&'a self, servers: Vec<Named<'a>>) -> impl Iterator<Item = &'a str> {
        let idle = move |pattern: &&Pattern| !servers.iter().any(|server| pattern.concerns(*server));
        self.patterns.iter().filter(idle).map(|pattern| pattern.text.as_str())
    }

    /// Whether a run may use all of the server, its resources and prompts included.
    pub fn whole_server(&self, server: Named<'_>) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.text == server.name || (pattern.tool.is_none() && pattern.server(server)))
    }

    /// Whether a run may call the tool.
    pub fn tool(&self, server: Named<'_>, tool: Named<'_>) -> bool {
        self.whole_server(server) || self.patterns.iter().any(|pattern| pattern.tool(server, tool))
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, BadPattern> {
        if text.len() > LONGEST_PATTERN {
            return Err(BadPattern::TooLong(text.len()));
        }
        let glob = |part: &str| {
            let glob = GlobBuilder::new(part).literal_separator(false).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|error| BadPattern::Glob {
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

    /// Whether the pattern is about the server or some of its tools.
    fn concerns(&self, server: Named<'_>) -> bool {
        self.server(server) || self.text.strip_prefix(server.name).is_some_and(|rest| rest.starts_with('/'))
    }

    fn server(&self, server: Named<'_>) -> bool {
        self.text == server.name || self.server.is_match(server.name) || self.server.is_match(server.alias)
    }

    fn tool(&self, server: Named<'_>, tool: Named<'_>) -> bool {
        // The exact name of a server may have a slash itself.
        let exact = self.text.strip_prefix(server.name).and_then(|rest| rest.strip_prefix('/'));
        exact == Some(tool.name)
            || self.tool.as_ref().is_some_and(|glob| {
                self.server(server) && (glob.is_match(tool.name) || glob.is_match(tool.alias))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(patterns: &[&str]) -> ToolFilter {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        ToolFilter::new(&patterns).unwrap()
    }

    fn named(name: &str) -> Named<'_> {
        Named { name, alias: name }
    }

    fn allows(patterns: &[&str], server: &str, tool: &str) -> bool {
        filter(patterns).tool(named(server), named(tool))
    }

    #[test]
    fn servers_tools_and_globs() {
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
    fn a_server_pattern_says_nothing_of_tools_with_that_ending() {
        assert!(!allows(&["*create"], "github", "create"));
        assert!(!allows(&["create"], "github", "create"));
    }

    #[test]
    fn aliases_and_odd_exact_names_count() {
        let server = Named { name: "io.github.foo/bar", alias: "io_github_foo_bar" };
        let tool = Named { name: "a[b]", alias: "a_b_" };
        for pattern in
            ["io.github.foo/bar/a[b]", "io_github_foo_bar/a_b_", "io_github_foo_bar", "io.github.foo/bar"]
        {
            assert!(filter(&[pattern]).tool(server, tool), "{pattern}");
            assert!(filter(&[pattern]).server(server), "{pattern}");
        }
        assert!(!filter(&["io.github.foo"]).tool(server, tool));
    }

    #[test]
    fn resources_belong_to_whole_servers() {
        assert!(filter(&["github"]).whole_server(named("github")));
        assert!(!filter(&["github/get_*"]).whole_server(named("github")));
        assert!(filter(&["github/get_*"]).server(named("github")));
        assert!(!filter(&["github/get_*"]).server(named("gitlab")));
    }

    #[test]
    fn patterns_for_nobody_are_found() {
        let filter = filter(&["github/none", "gitlab", "git*", "x/y/tool"]);
        let servers = vec![named("github"), named("x/y")];
        assert_eq!(filter.idle_patterns(servers).collect::<Vec<_>>(), ["gitlab"]);
    }

    #[test]
    fn patterns_are_bounded_and_checked() {
        assert!(matches!(ToolFilter::new(&["[".to_owned()]), Err(BadPattern::Glob { .. })));
        assert!(matches!(ToolFilter::new(&["a".repeat(300)]), Err(BadPattern::TooLong(300))));
        assert!(matches!(ToolFilter::new(&vec!["a".to_owned(); 300]), Err(BadPattern::TooMany(300))));
    }
}
