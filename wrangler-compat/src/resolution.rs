//! From specifiers to files, as wrangler's bundler finds them.
//!
//! `oxc_resolver` does the work: relative paths, packages, `exports` and `imports` of
//! `package.json`, `paths` of `tsconfig.json`, links. It sees the files that may be read and no
//! others ([`ReadableFiles`]).

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use oxc_resolver::{
    AliasValue, ModuleType, ResolveContext, ResolveError, ResolveOptions, ResolverGeneric, TsConfig,
    TsconfigDiscovery,
};

use crate::error::{ProjectError, ProjectProblem, SourceLocation, shortened};
use crate::package_files::{ReadableFiles, RefusedFile};
use crate::project_folder::{MAX_DESCRIPTION_BYTES, ProjectFile, ProjectFolder};
use crate::transform::CompilerSettings;
use crate::watched_files::WatchedFiles;

/// The bytes of a specifier: those of the longest path of Linux.
const MAX_SPECIFIER_BYTES: usize = 4096;

/// The bytes of a message of the resolver, which can quote files.
const MAX_MESSAGE_BYTES: usize = 4096;

/// The conditions of `exports` and `imports` that hold in Workers.
const CONDITIONS: [&str; 3] = ["workerd", "worker", "browser"];

/// The modules that Node.js has. Without `nodejs_compat` they are packages, if they are installed.
#[rustfmt::skip]
const NODE_MODULES: [&str; 41] = [
    "assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram",
    "diagnostics_channel", "dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module", "net", "os",
    "path", "perf_hooks", "process", "punycode", "querystring", "readline", "repl", "sqlite", "stream", "string_decoder",
    "sys", "timers", "tls", "tty", "url", "util", "v8", "vm", "worker_threads", "zlib",
];

/// The resolver of a project.
pub(crate) struct Resolver {
    /// For specifiers of paths in the project itself, where TypeScript comes first.
    project: ByStatement,
    /// For packages, where JavaScript comes first.
    package: ByStatement,
    /// The settings that the configuration names.
    chosen: Option<Arc<TsConfig>>,
    /// The `tsconfig.json` in the project's folder, for files that no other one claims.
    fallback: Option<Arc<TsConfig>>,
    /// The JSX functions of the configuration, for files without settings of their own.
    jsx_factory: Option<String>,
    jsx_fragment: Option<String>,
    folder: ProjectFolder,
    /// The dependencies in the project's `package.json`, read for the first missing package.
    declared: OnceLock<HashSet<String>>,
    refused: RefusedFile,
}

/// A resolver with the condition `import`, and one with `require`.
struct ByStatement {
    import: ResolverGeneric<ReadableFiles>,
    require: ResolverGeneric<ReadableFiles>,
}

/// The result of a resolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    File {
        file: ProjectFile,
        /// Set if the nearest `package.json` has `"type": "module"`.
        in_module_package: bool,
    },
    /// The field `browser` of a `package.json` switches the module off.
    Disabled,
}

impl Resolver {
    /// Makes the resolver of a project. The values of `aliases` are packages or paths in the
    /// folder; `tsconfig` is a path in the folder. The files that it reads are added to `watched`.
    pub(crate) fn new(
        folder: &ProjectFolder,
        aliases: &[(String, String)],
        tsconfig: Option<&str>,
        watched: &WatchedFiles,
    ) -> Result<Self, ProjectError> {
        let alias = aliases.iter().map(|(name, value)| {
            let is_path = is_path(value);
            let value = if is_path { folder.root().join(value).display().to_string() } else { value.clone() };
            (name.clone(), vec![AliasValue::Path(value)])
        });
        let options = ResolveOptions {
            alias: alias.collect(),
            alias_fields: vec![vec!["browser".to_owned()]],
            module_type: true,
            node_path: false,
            tsconfig: Some(TsconfigDiscovery::Auto),
            ..ResolveOptions::default()
        };
        let files = ReadableFiles::new(folder, watched);
        let refused = files.refused();
        let first = ResolverGeneric::new_with_file_system(files, options.clone());
        let make = |extensions: &[&str], alias: &[(&str, &[&str])], statement: &str| {
            let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            // esbuild takes `main` for `require()` where a package has both.
            let fields: &[&str] = match statement {
                "require" => &["browser", "main", "module"],
                _ => &["browser", "module", "main"],
            };
            first.clone_with_options(ResolveOptions {
                condition_names: CONDITIONS
                    .iter()
                    .chain([&statement])
                    .map(|name| (*name).to_owned())
                    .collect(),
                extensions: texts(extensions),
                extension_alias: alias.iter().map(|(from, to)| ((*from).to_owned(), texts(to))).collect(),
                main_fields: texts(fields),
                ..options.clone()
            })
        };
        let both = |extensions: &[&str], alias: &[(&str, &[&str])]| ByStatement {
            import: make(extensions, alias, "import"),
            require: make(extensions, alias, "require"),
        };
        let project = both(
            &[".tsx", ".ts", ".jsx", ".js", ".mts", ".mjs", ".cjs", ".json"],
            &[
                (".js", &[".js", ".ts", ".tsx"]),
                (".jsx", &[".jsx", ".tsx"]),
                (".mjs", &[".mjs", ".mts"]),
                (".cjs", &[".cjs", ".cts"]),
            ],
        );
        let package = both(&[".jsx", ".js", ".mjs", ".cjs", ".tsx", ".ts", ".json"], &[]);
        let settings = |path: &Path| {
            project.import.resolve_tsconfig(path).map_err(|error| {
                let of_resolver = || shortened(error.to_string(), MAX_MESSAGE_BYTES);
                let problem = match refused.take() {
                    Some(message) => ProjectProblem::RefusedFile { message },
                    None => ProjectProblem::Resolution { message: of_resolver() },
                };
                ProjectError::new(SourceLocation::file(path), problem)
            })
        };
        let chosen = tsconfig.map(|path| settings(&folder.root().join(path))).transpose()?;
        let fallback = match folder.find("tsconfig.json".as_ref()) {
            Ok(Some(file)) if chosen.is_none() => Some(settings(file.path())?),
            _ => None,
        };
        Ok(Self {
            project,
            package,
            chosen,
            fallback,
            jsx_factory: None,
            jsx_fragment: None,
            folder: folder.clone(),
            declared: OnceLock::new(),
            refused,
        })
    }

    /// Sets the JSX functions of the configuration.
    pub(crate) fn with_jsx(mut self, factory: Option<&str>, fragment: Option<&str>) -> Self {
        (self.jsx_factory, self.jsx_fragment) = (factory.map(str::to_owned), fragment.map(str::to_owned));
        self
    }

    /// Returns the file that a specifier names in a module.
    pub(crate) fn resolve(
        &self,
        importer: &Path,
        specifier: &str,
        require: bool,
    ) -> Result<Target, ProjectProblem> {
        if specifier.len() > MAX_SPECIFIER_BYTES {
            let field = "an import".to_owned();
            return Err(ProjectProblem::TextTooLong { field, limit: MAX_SPECIFIER_BYTES });
        }
        if specifier.starts_with('/') || specifier.starts_with("file:") {
            return Err(ProjectProblem::OutsideProject { path: specifier.to_owned() });
        }
        let of_project = is_path(specifier) && !in_package(importer);
        let resolvers = if of_project { &self.project } else { &self.package };
        let resolver = if require { &resolvers.require } else { &resolvers.import };
        let settings = self.settings_of(importer).map_err(|error| match self.refused.take() {
            Some(message) => ProjectProblem::RefusedFile { message },
            None => self.problem(importer, specifier, &error),
        })?;
        let folder = importer.parent().unwrap_or(importer);
        let resolved = resolver.resolve_with_context(
            folder,
            specifier,
            settings.as_deref(),
            &mut ResolveContext::default(),
        );
        if let Some(message) = self.refused.take() {
            return Err(ProjectProblem::RefusedFile { message });
        }
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(ResolveError::Ignored(_)) => return Ok(Target::Disabled),
            Err(error) => return Err(self.problem(importer, specifier, &error)),
        };
        let in_module_package = resolved.module_type() == Some(ModuleType::Module);
        match self.folder.find(resolved.path()) {
            Ok(Some(file)) => Ok(Target::File { file, in_module_package }),
            Ok(None) => Err(not_found(importer, specifier)),
            Err(error) => Err(match error.problem {
                ProjectProblem::OutsideProject { .. } => outside(specifier),
                other => other,
            }),
        }
    }

    /// Returns the settings of `tsconfig.json` for a file.
    pub(crate) fn compiler_settings(&self, file: &Path) -> CompilerSettings {
        let (factory, fragment) = (self.jsx_factory.clone(), self.jsx_fragment.clone());
        let Ok(Some(settings)) = self.settings_of(file) else {
            return CompilerSettings {
                jsx_factory: factory,
                jsx_fragment_factory: fragment,
                ..Default::default()
            };
        };
        let options = &settings.compiler_options;
        CompilerSettings {
            jsx: options.jsx.clone(),
            jsx_factory: options.jsx_factory.clone().or(factory),
            jsx_fragment_factory: options.jsx_fragment_factory.clone().or(fragment),
            jsx_import_source: options.jsx_import_source.clone(),
            experimental_decorators: options.experimental_decorators == Some(true),
            emit_decorator_metadata: options.emit_decorator_metadata == Some(true),
            keep_imports: options.verbatim_module_syntax == Some(true)
                || options.preserve_value_imports == Some(true),
        }
    }

    fn settings_of(&self, file: &Path) -> Result<Option<Arc<TsConfig>>, ResolveError> {
        if in_package(file) {
            return Ok(None);
        }
        if self.chosen.is_some() {
            return Ok(self.chosen.clone());
        }
        Ok(self.project.import.find_tsconfig(file)?.or_else(|| self.fallback.clone()))
    }

    /// Returns `true` if the project's `package.json` has a package among its dependencies.
    fn declares(&self, package: &str) -> bool {
        self.declared.get_or_init(|| self.read_declared()).contains(package)
    }

    /// Reads the names of the dependencies in the project's `package.json`.
    fn read_declared(&self) -> HashSet<String> {
        let none = HashSet::new;
        let Ok(Some(file)) = self.folder.find("package.json".as_ref()) else { return none() };
        let Ok(text) = self.folder.read(&file, MAX_DESCRIPTION_BYTES) else { return none() };
        let Ok(described) = serde_json::from_str::<serde_json::Value>(&text) else { return none() };
        ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]
            .into_iter()
            .filter_map(|kind| described.get(kind)?.as_object())
            .flat_map(|packages| packages.keys().cloned())
            .collect()
    }

    /// Returns the pattern in `paths` of the importer's `tsconfig.json` that a specifier matches.
    fn path_pattern(&self, importer: &Path, specifier: &str) -> Option<String> {
        let settings = self.settings_of(importer).ok()??;
        let patterns = settings.compiler_options.paths.as_ref()?.keys();
        let matches = |pattern: &&String| match pattern.split_once('*') {
            // The pattern that matches everything says nothing about this one.
            Some(("", "")) => false,
            Some((before, after)) => specifier.starts_with(before) && specifier.ends_with(after),
            None => pattern.as_str() == specifier,
        };
        patterns.into_iter().find(matches).cloned()
    }

    /// Explains why a specifier names no file.
    fn problem(&self, importer: &Path, specifier: &str, error: &ResolveError) -> ProjectProblem {
        let folder = importer.parent().unwrap_or(importer);
        if is_path(specifier) {
            let target = normalise(&folder.join(specifier));
            return match self.folder.find(&target) {
                Err(ProjectError { problem: ProjectProblem::OutsideProject { .. }, .. }) => {
                    outside(specifier)
                }
                _ if !self.folder.may_have(&target) => outside(specifier),
                _ => not_found(importer, specifier),
            };
        }
        match error {
            ResolveError::NotFound(_) | ResolveError::MatchedAliasNotFound(..) => {}
            other => {
                let message = shortened(format!("{specifier:?}: {other}"), MAX_MESSAGE_BYTES);
                return ProjectProblem::Resolution { message };
            }
        }
        if NODE_MODULES.contains(&specifier.split('/').next().unwrap_or(specifier)) {
            return ProjectProblem::NodeCompat { specifier: specifier.to_owned() };
        }
        if let Some(pattern) = self.path_pattern(importer, specifier) {
            let message = format!(
                "{specifier:?} not found: {pattern:?} in `paths` of tsconfig.json leads to no such file"
            );
            return ProjectProblem::Resolution { message: shortened(message, MAX_MESSAGE_BYTES) };
        }
        let name = package_name(specifier);
        if !is_package_name(name) {
            let message = format!(
                "{specifier:?} is neither a path nor the name of a package: an alias such as \"@/\" stands in `paths` of \
                 tsconfig.json or in `alias` of the configuration"
            );
            return ProjectProblem::Resolution { message: shortened(message, MAX_MESSAGE_BYTES) };
        }
        let installed = folder.ancestors().map(|folder| folder.join("node_modules").join(name));
        match installed.into_iter().find(|folder| fs::symlink_metadata(folder).is_ok()) {
            None => {
                let command = if self.declares(name) {
                    "npm install".to_owned()
                } else {
                    format!("npm install {name}")
                };
                ProjectProblem::Package { package: name.to_owned(), command }
            }
            Some(package) => match self.folder.find(&package) {
                Err(_) => ProjectProblem::OutsideProject { path: package.display().to_string() },
                Ok(_) => {
                    let message =
                        format!("the package {name:?} is installed, but has no module {specifier:?}");
                    ProjectProblem::Resolution { message }
                }
            },
        }
    }
}

fn outside(specifier: &str) -> ProjectProblem {
    ProjectProblem::OutsideProject { path: specifier.to_owned() }
}

/// Returns the problem of a path without a file.
fn not_found(importer: &Path, specifier: &str) -> ProjectProblem {
    let folder = importer.parent().unwrap_or(importer);
    let target = normalise(&folder.join(specifier));
    let name = target.file_name().map(|name| name.display().to_string()).unwrap_or_default();
    ProjectProblem::ModuleNotFound {
        specifier: specifier.to_owned(),
        tried: format!(
            "{name}, {name}.ts, .tsx, .js, .jsx, .mts, .mjs, .cjs, .json, and index files in a folder {name}"
        ),
    }
}

/// Returns `true` for a specifier that is a relative path.
pub(crate) fn is_path(specifier: &str) -> bool {
    matches!(specifier, "." | "..") || specifier.starts_with("./") || specifier.starts_with("../")
}

/// Returns `true` if a file belongs to an installed package.
pub(crate) fn in_package(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == "node_modules")
}

/// Returns `true` for a name that npm could install, also of the older ones with capitals.
fn is_package_name(name: &str) -> bool {
    let is_word = |word: &str| {
        let may_be = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !word.is_empty() && !word.starts_with(['.', '_']) && word.bytes().all(may_be)
    };
    match name.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| is_word(scope) && is_word(name)),
        None => is_word(name),
    }
}

/// Returns the name of the package in a specifier: `a` of `a/b`, `@a/b` of `@a/b/c`.
pub(crate) fn package_name(specifier: &str) -> &str {
    let slashes = if specifier.starts_with('@') { 2 } else { 1 };
    let end = specifier.match_indices('/').nth(slashes - 1).map_or(specifier.len(), |(at, _)| at);
    &specifier[..end]
}

/// Returns an absolute path without `.` and `..`.
fn normalise(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => _ = parts.pop(),
            other => parts.push(other),
        }
    }
    parts
}

#[cfg(test)]
#[path = "resolution/tests.rs"]
mod tests;
