//! Placeholders in the commands of targets.

use std::path::Path;

/// The values of placeholders. A command with a placeholder that has no value cannot run.
#[derive(Debug, Default, Clone)]
pub struct Placeholders {
    values: Vec<(&'static str, String)>,
}

impl Placeholders {
    /// Adds a value.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.values.push((name, value.into()));
        self
    }

    /// Adds a path.
    pub fn with_path(self, name: &'static str, path: &Path) -> Self {
        self.with(name, path.display().to_string())
    }

    /// Replaces `{name}` in every word.
    ///
    /// # Errors
    /// Returns the first placeholder without a value.
    pub fn fill(&self, words: &[String]) -> Result<Vec<String>, String> {
        words.iter().map(|word| self.fill_word(word)).collect()
    }

    /// Replaces `{name}` in a text.
    ///
    /// # Errors
    /// Returns the first placeholder without a value.
    pub fn fill_word(&self, word: &str) -> Result<String, String> {
        let mut text = word.to_owned();
        for (name, value) in &self.values {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        match NAMES.iter().find(|(name, _)| text.contains(&format!("{{{name}}}"))) {
            Some((name, meaning)) => Err(format!("`{{{name}}}` ({meaning}) is not given")),
            None => Ok(text),
        }
    }
}

/// All placeholders with their meanings.
const NAMES: [(&str, &str); 9] = [
    ("bench", "this program"),
    ("folder", "the folder in which the target is installed"),
    ("isolet", "the program that is measured"),
    ("old", "the program of --old"),
    ("port", "a free port"),
    ("port2", "another free port"),
    ("round", "the folder of the target's `files`"),
    ("mcp_config", "the MCP servers of the scenario"),
    ("worker", "the folder of the scenario's Worker"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_filled_and_missing_values_are_named() {
        let places = Placeholders::default().with("port", "4711").with_path("folder", Path::new("/x y"));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let filled = places.fill(&words(&["{folder}/bin", "--port={port}", "{else}"])).unwrap();
        assert_eq!(filled, ["/x y/bin", "--port=4711", "{else}"]);
        let error = places.fill(&words(&["{old}"])).unwrap_err();
        assert_eq!(error, "`{old}` (the program of --old) is not given");
    }
}
