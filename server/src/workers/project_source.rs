//! The place of a project, and the choices that are made where it is started.

use std::path::PathBuf;

use isolet_bindings::text;
use isolet_wrangler_compat::{LoadFailure, LoadOptions, LocalValues, Project, load};

use crate::output::excerpt;

/// The place of a project, and the choices beside it.
#[derive(Debug, Clone)]
pub struct ProjectSource {
    /// The folder in which, or above which, the configuration is.
    pub folder: PathBuf,
    /// The entry module, in place of `main`.
    pub entry: Option<PathBuf>,
    /// The configuration file.
    pub config: Option<PathBuf>,
    /// The environment of the configuration.
    pub environment: Option<String>,
    /// The use of the project.
    pub purpose: Purpose,
}

/// The use of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Its author works on it: `.dev.vars` and `.env` count.
    Development,
    /// It serves: these files do not count, but the one that the operator names.
    Production {
        /// The file with variables and secrets.
        vars_file: Option<PathBuf>,
    },
}

/// A project that cannot be read.
#[derive(Debug)]
pub struct UnreadableProject {
    /// The errors, as text for a terminal.
    pub text: String,
    /// The errors, as an answer to clients: without lines of files that are not code, which may
    /// have secrets.
    pub answer: String,
    /// The parts of it that are ignored.
    pub warnings: Vec<String>,
    /// The files of which a change may mend it. Empty if the configuration cannot be used.
    pub files: Vec<PathBuf>,
}

impl From<LoadFailure> for UnreadableProject {
    fn from(failure: LoadFailure) -> Self {
        let (mut text, mut answer) = (String::new(), String::new());
        for error in &failure.errors {
            let line = text::line(&error.to_string()).into_owned() + "\n";
            text += &line;
            answer += &line;
            let location = &error.location;
            if let (Some(line), Some(column)) = (location.line, location.column) {
                let excerpt = excerpt::of_file(&location.file, line, column);
                text += &excerpt;
                if excerpt::is_code(&location.file) {
                    answer += &excerpt;
                }
            }
        }
        let warnings = failure.warnings.iter().map(ToString::to_string).collect();
        Self { text, answer, warnings, files: failure.files_read }
    }
}

impl ProjectSource {
    /// Returns the project at a path, which is its folder or its entry module.
    pub fn at(path: PathBuf, purpose: Purpose) -> Self {
        let is_entry = path.is_file();
        Self {
            folder: if is_entry { PathBuf::from(".") } else { path.clone() },
            entry: is_entry.then_some(path),
            config: None,
            environment: None,
            purpose,
        }
    }

    /// Reads the project.
    pub async fn read(&self) -> Result<Project, UnreadableProject> {
        let source = self.clone();
        match tokio::task::spawn_blocking(move || source.load()).await {
            Ok(loaded) => loaded,
            Err(broken) => {
                let text = format!("loading the project failed: {broken}");
                let (warnings, files) = Default::default();
                Err(UnreadableProject { answer: text.clone(), text, warnings, files })
            }
        }
    }

    /// Does the same, and blocks the thread.
    pub fn load(&self) -> Result<Project, UnreadableProject> {
        let built_in: Vec<&str> = isolet_runtime::built_in_modules().collect();
        let of_environment = std::env::var("NODE_ENV").ok();
        let dot_env = std::env::var("CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV");
        let (node_env, local_values) = match &self.purpose {
            Purpose::Development => {
                let ignore_dot_env = dot_env.is_ok_and(|value| value == "false");
                (of_environment.as_deref(), LocalValues::Development { ignore_dot_env })
            }
            Purpose::Production { vars_file } => {
                let file = vars_file.as_deref().map_or(LocalValues::None, LocalValues::File);
                (Some(of_environment.as_deref().unwrap_or("production")), file)
            }
        };
        let options = LoadOptions {
            environment: self.environment.as_deref(),
            config: self.config.as_deref(),
            entry: self.entry.as_deref(),
            built_in: &built_in,
            node_env,
            local_values,
        };
        load(&self.folder, &options).map_err(UnreadableProject::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_lines_of_code_only() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let load = || ProjectSource::at(folder.path().to_owned(), Purpose::Development).load().unwrap_err();
        write("wrangler.json", r#"{ "vars": { "KEY": "hunter2" }, "main": 3 }"#);
        let UnreadableProject { text, answer, .. } = load();
        assert!(text.contains("hunter2"), "{text}");
        assert!(answer.contains("wrangler.json:1:") && !answer.contains("hunter2"), "{answer}");
        write("wrangler.json", r#"{ "main": "a.js" }"#);
        write("a.js", "import './gone.js';");
        let UnreadableProject { text, answer, .. } = load();
        assert!(answer.contains("1 | import './gone.js';"), "{answer}");
        assert_eq!(text, answer);
    }
}
