//! A loaded project, and the order in which its parts are read.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::additional_modules;
use crate::assets::{AssetOptions, Assets, WorkerFirst};
use crate::compatibility::Compatibility;
use crate::config::{self, Config, ProjectLimits, ProjectRoute, ProjectService};
use crate::define::Definitions;
use crate::error::{ProjectError, ProjectErrors, ProjectProblem, ProjectWarning, SourceLocation};
use crate::local_variables;
use crate::module_graph::{self, GraphOptions};
use crate::module_kind::Rules;
use crate::modules::ProjectModule;
use crate::node_compat::NodeCompat;
use crate::project_folder::{ProjectFile, ProjectFolder};
use crate::resolution::Resolver;
use crate::warnings::Warnings;
use crate::watched_files::WatchedFiles;
use crate::web_socket_compat::WebSocketCompat;

/// The stack of a load in bytes. This is address space, of which only the used part takes memory.
const STACK_BYTES: usize = 256 * 1024 * 1024;

/// The names that wrangler replaces by `NODE_ENV`.
pub(crate) const NODE_ENV: [&str; 3] =
    ["process.env.NODE_ENV", "globalThis.process.env.NODE_ENV", "global.process.env.NODE_ENV"];

/// The choices beside the folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadOptions<'a> {
    /// The environment of the configuration (`env.NAME`).
    pub environment: Option<&'a str>,
    /// The configuration file. Without it, the one in the folder or the nearest above counts.
    pub config: Option<&'a Path>,
    /// The entry module, in place of `main`.
    pub entry: Option<&'a Path>,
    /// The names of the modules that the runtime has: `cloudflare:workers`, `node:buffer`.
    pub built_in: &'a [&'a str],
    /// The value of `process.env.NODE_ENV`; `development` if there is none.
    pub node_env: Option<&'a str>,
    /// The files with values of variables and secrets that are not in the configuration.
    pub local_values: LocalValues<'a>,
}

/// The files with values of variables and secrets that are not in the configuration.
#[derive(Debug, Clone, Copy)]
pub enum LocalValues<'a> {
    /// Those of wrangler for development: `.dev.vars`, or `.env` and the like.
    Development {
        /// Leaves the files `.env` aside (`CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV=false`).
        ignore_dot_env: bool,
    },
    /// This file, which may lie anywhere, in the same format.
    File(&'a Path),
    /// None.
    None,
}

impl Default for LocalValues<'_> {
    fn default() -> Self {
        Self::Development { ignore_dot_env: false }
    }
}

/// A wrangler project that is ready to run.
#[derive(Debug, Clone)]
pub struct Project {
    /// The Worker's name; the folder's name if the configuration has none.
    pub name: String,
    /// The name of the entry module, one of `modules`. A project of static assets only has none.
    pub main: Option<String>,
    /// The modules that the entry reaches, the entry first.
    pub modules: Vec<ProjectModule>,
    /// The variables in `env`: `vars`, overridden by `.dev.vars` or `.env`.
    pub vars: Map<String, Value>,
    /// `true` if the entry module has no default export, as one in service-worker syntax.
    pub is_service_worker: bool,
    /// `true` if `ctx.exports` has the Worker's entrypoints.
    pub has_exports: bool,
    /// The cron expressions.
    pub crons: Vec<String>,
    /// The static assets.
    pub assets: Option<Assets>,
    /// The value of `limits`.
    pub limits: ProjectLimits,
    /// The bindings of other Workers.
    pub services: Vec<ProjectService>,
    /// The names of bindings that load Workers.
    pub loaders: Vec<String>,
    /// The values of `route` and `routes`.
    pub routes: Vec<ProjectRoute>,
    /// The parts of Node.js.
    pub node: NodeCompat,
    /// The behaviour of its WebSockets.
    pub web_sockets: WebSocketCompat,
    /// Set if `eval` and `new Function` work while the modules are evaluated.
    pub allows_eval_at_start: bool,
    /// The value of `compatibility_date`.
    pub compatibility_date: Option<String>,
    /// The value of `compatibility_flags`.
    pub compatibility_flags: Vec<String>,
    /// The configuration file, if there is one.
    pub config: Option<PathBuf>,
    /// The files of the project, and places where a file would belong to it. The project has to be
    /// loaded again when one of them changes.
    pub files_read: Vec<PathBuf>,
    /// The parts of the project that were ignored.
    pub warnings: Vec<ProjectWarning>,
}

/// A load that has failed, and what is known of the project nevertheless.
#[derive(Debug)]
pub struct LoadFailure {
    /// The problems, of which there is at least one.
    pub errors: Vec<ProjectError>,
    /// The parts of the project that were ignored until then.
    pub warnings: Vec<ProjectWarning>,
    /// The files of which a change may mend the project. Empty if its folder or its configuration
    /// cannot be used.
    pub files_read: Vec<PathBuf>,
}

impl fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadFailure {}

impl From<ProjectError> for LoadFailure {
    fn from(error: ProjectError) -> Self {
        Self { errors: vec![error], warnings: Vec::new(), files_read: Vec::new() }
    }
}

/// Reads the project in `folder`.
///
/// Blocks the thread while it reads files. Nothing is executed.
///
/// # Errors
/// Returns the errors with the locations of the problems if the project cannot run.
pub fn load(folder: &Path, options: &LoadOptions) -> Result<Project, LoadFailure> {
    with_stack(folder, || load_here(folder, options))
}

/// Runs `work`, which reads modules in `folder`, on a stack of [`STACK_BYTES`].
pub(crate) fn with_stack<T: Send, E: From<ProjectError> + Send>(
    folder: &Path,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    // The resolver recurses over the parts of paths, and over files that extend each other.
    std::thread::scope(|scope| {
        let loading = std::thread::Builder::new().stack_size(STACK_BYTES);
        let loading = loading.spawn_scoped(scope, work);
        let problem = match loading.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(loaded)) => return loaded,
            Ok(Err(_panic)) => ProjectProblem::Resolution { message: "the loader failed".to_owned() },
            Err(refused) => ProjectProblem::Io(refused),
        };
        Err(ProjectError::new(SourceLocation::file(folder), problem).into())
    })
}

fn load_here(folder: &Path, options: &LoadOptions) -> Result<Project, LoadFailure> {
    let mut warnings = Warnings::default();
    let configured = match configure(folder, options, &mut warnings) {
        Ok(configured) => configured,
        Err(error) => {
            let warnings = warnings.into_vec();
            return Err(LoadFailure { errors: vec![error], warnings, files_read: Vec::new() });
        }
    };
    let (files, project_folder) = (WatchedFiles::default(), configured.folder.clone());
    match load_configured(configured, options, &files, &mut warnings) {
        Ok(project) => {
            let files_read = files.list(&project_folder);
            Ok(Project { files_read, warnings: warnings.into_vec(), ..project })
        }
        Err(ProjectErrors(errors)) => {
            files.import_failed();
            let files_read = files.list(&project_folder);
            Err(LoadFailure { errors, warnings: warnings.into_vec(), files_read })
        }
    }
}

/// Reads what the configuration names. Adds the files to `files`.
fn load_configured(
    configured: Configured,
    options: &LoadOptions,
    files: &WatchedFiles,
    warnings: &mut Warnings,
) -> Result<Project, ProjectErrors> {
    let Configured { folder, config, main } = configured;
    let config_file = (!config.file.as_os_str().is_empty()).then(|| config.file.clone());
    config_file.iter().for_each(|file| files.add(file));

    let mut vars = config.vars;
    let local = local_variables::read(&folder, options.environment, options.local_values, files, warnings)?;
    vars.extend(local);
    let entry = main.map(|main| find_entry(&folder, main, files)).transpose()?;

    let mut definitions = Definitions::default();
    for (name, value, location) in &config.define {
        if let Err(message) = definitions.add(name, value) {
            let message = format!("`define`: {message}; it is ignored");
            warnings.push(|| location.clone(), message);
        }
    }
    let node_env = Value::from(options.node_env.unwrap_or("development")).to_string();
    // A definition of the configuration comes first. The names and a text cannot fail.
    for name in NODE_ENV {
        let _ = definitions.add(name, &node_env);
    }
    let mut rules = Rules::new(&config.rules).map_err(|message| {
        ProjectError::new(SourceLocation::file(&config.file), ProjectProblem::Rules { message })
    })?;
    let resolver = Resolver::new(&folder, &config.alias, config.tsconfig.as_deref(), files)?
        .with_jsx(config.jsx_factory.as_deref(), config.jsx_fragment.as_deref());
    let finds_more = config.find_additional_modules.unwrap_or(config.no_bundle);
    let assets = match config.assets {
        Some(options) => {
            check_assets(&options, entry.is_some(), warnings)?;
            let compatibility = (config.compatibility_date.as_deref(), &config.compatibility_flags[..]);
            let directory = folder.root().join(&options.directory);
            let assets = Assets::open(&folder, options, entry.is_some(), compatibility, warnings)
                .inspect_err(|_| files.add(&directory))?;
            assets.rule_files().for_each(|file| files.add(&file));
            Some(assets)
        }
        None => None,
    };
    let Compatibility { node, has_exports, allows_eval_at_start, web_sockets } =
        Compatibility::since(config.compatibility_date.as_deref(), &config.compatibility_flags);
    let (mut main, mut modules, mut is_service_worker) = (None, Vec::new(), false);
    if let Some(entry) = entry {
        let base = match &config.base_dir {
            Some(base) => base_folder(&folder, base, config.base_dir_location.as_ref())?,
            None => {
                let name = entry.path().strip_prefix(folder.root()).unwrap_or(entry.path());
                name.parent().unwrap_or(name).to_owned()
            }
        };
        // Files are named from the project's folder; those outside of it match by whole patterns.
        rules.set_base(folder.root().join(&base).strip_prefix(folder.root()).unwrap_or(Path::new("")));
        let additional =
            if finds_more { additional_modules::find(&folder, &base, &rules)? } else { Vec::new() };
        let graph = GraphOptions {
            folder: &folder,
            resolver: &resolver,
            rules: &rules,
            definitions: &definitions,
            built_in: options.built_in,
            node,
            additional: &additional,
            for_scripts: false,
        };
        let collected = module_graph::collect(&graph, &entry, files, warnings)?;
        (main, modules) = (Some(collected.main), collected.modules);
        is_service_worker = collected.is_service_worker;
    }
    let folder_name = || folder.root().file_name().map(|name| name.display().to_string()).unwrap_or_default();
    Ok(Project {
        name: config.name.unwrap_or_else(folder_name),
        main,
        modules,
        vars,
        is_service_worker,
        has_exports,
        crons: config.crons,
        assets,
        limits: config.limits,
        services: config.services,
        loaders: config.loaders,
        routes: config.routes,
        node,
        web_sockets,
        allows_eval_at_start,
        compatibility_date: config.compatibility_date,
        compatibility_flags: config.compatibility_flags,
        config: config_file,
        files_read: Vec::new(),
        warnings: Vec::new(),
    })
}

/// Checks `assets` against the rest of the configuration.
fn check_assets(
    options: &AssetOptions,
    has_worker: bool,
    warnings: &mut Warnings,
) -> Result<(), ProjectError> {
    let error = |field: &str| {
        let message = "needs a Worker: name its entry module in `main`, or remove the key".to_owned();
        let problem = ProjectProblem::Assets { field: format!("assets.{field}"), message };
        Err(ProjectError::new(options.location.clone(), problem))
    };
    let is_first = options.run_worker_first != WorkerFirst::Always(false);
    match options.binding {
        Some(_) if !has_worker => return error("binding"),
        _ if is_first && !has_worker => return error("run_worker_first"),
        None if options.run_worker_first == WorkerFirst::Always(true) => {
            let message = "the Worker answers all requests and has no `assets.binding`: no asset is reached";
            warnings.push(|| options.location.clone(), message.to_owned());
        }
        _ => {}
    }
    Ok(())
}

/// Returns the folder that `base_dir` names, which has to be in the project's.
fn base_folder(
    folder: &ProjectFolder,
    base: &str,
    location: Option<&SourceLocation>,
) -> Result<PathBuf, ProjectError> {
    let path = folder.root().join(base);
    let location = || location.cloned().unwrap_or_else(|| SourceLocation::file(&path));
    let real = std::fs::canonicalize(&path)
        .map_err(|error| ProjectError::new(location(), ProjectProblem::Io(error)))?;
    match real.starts_with(folder.root()) {
        true => Ok(real),
        false => {
            Err(ProjectError::new(location(), ProjectProblem::BaseOutsideProject { path: base.to_owned() }))
        }
    }
}

/// The folder of a project, its configuration, and the path of its entry module with the location
/// where it is named.
struct Configured {
    folder: ProjectFolder,
    config: Config,
    main: Option<(PathBuf, SourceLocation)>,
}

fn configure(
    folder: &Path,
    options: &LoadOptions,
    warnings: &mut Warnings,
) -> Result<Configured, ProjectError> {
    let real = |path: &Path| {
        std::fs::canonicalize(path).map_err(|error| {
            let problem = match error.kind() {
                std::io::ErrorKind::NotFound => ProjectProblem::NothingThere,
                _ => ProjectProblem::Io(error),
            };
            ProjectError::new(SourceLocation::file(path), problem)
        })
    };
    let entry = options.entry.map(real).transpose()?;
    let start = real(folder)?;
    let from = entry.as_deref().and_then(Path::parent).unwrap_or(&start);
    let found = match options.config {
        Some(file) => Some(real(file)?),
        None => from.ancestors().find_map(config::find),
    };
    let (folder, config) = match &found {
        Some(file) => {
            let folder = ProjectFolder::open(file.parent().unwrap_or(&start))?;
            let config = config::read(&folder, file, options.environment, warnings)?;
            (folder, config)
        }
        // Without a configuration, an environment has a name only.
        None if entry.is_some() => {
            let folder = if from.starts_with(&start) { start.as_path() } else { from };
            (ProjectFolder::open(folder)?, Config::default())
        }
        None => return Err(ProjectError::new(SourceLocation::file(&start), ProjectProblem::NoConfiguration)),
    };
    let main = match (entry, &config.main) {
        (Some(entry), _) => Some((entry.clone(), SourceLocation::file(&entry))),
        (None, Some((main, location))) => Some((PathBuf::from(main), location.clone())),
        (None, None) if config.assets.is_some() => None,
        (None, None) => {
            return Err(ProjectError::new(SourceLocation::file(&config.file), ProjectProblem::NoMain));
        }
    };
    Ok(Configured { folder, config, main })
}

/// Returns the file of the entry module.
fn find_entry(
    folder: &ProjectFolder,
    (main, location): (PathBuf, SourceLocation),
    files: &WatchedFiles,
) -> Result<ProjectFile, ProjectError> {
    files.add(&folder.root().join(&main));
    let name = main.display().to_string();
    let problem = match folder.find(&main) {
        Ok(Some(file)) => return Ok(file),
        Ok(None) => {
            let tried = format!(
                "{name} in the project's folder; if it is the output of a build, run the build first"
            );
            ProjectProblem::ModuleNotFound { specifier: name, tried }
        }
        Err(ProjectError { problem: ProjectProblem::OutsideProject { .. }, .. }) => {
            ProjectProblem::OutsideProject { path: name }
        }
        Err(error) => return Err(error),
    };
    Err(ProjectError::new(location, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    fn project(files: &[(&str, &str)], environment: Option<&str>) -> Project {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("shop");
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        load(&folder, &LoadOptions { environment, ..LoadOptions::default() }).unwrap()
    }

    const CONFIG: &str = r#"{ "main": "w.js", "compatibility_date": "2026-01-01",
        "vars": { "A": 1, "B": 2 }, "env": { "live": { "vars": { "A": 3 } } } }"#;

    #[test]
    fn local_variables_override_the_configuration() {
        let files = [("wrangler.json", CONFIG), ("w.js", ""), (".dev.vars", "A=local\nnonsense\nC=new")];
        let plain = project(&files, None);
        assert_eq!((plain.name.as_str(), plain.main.as_deref()), ("shop", Some("w.js")));
        assert_eq!(Value::Object(plain.vars), json!({ "A": "local", "B": 2, "C": "new" }));
        assert_eq!(plain.warnings.len(), 1);
        assert!(plain.warnings[0].to_string().contains(".dev.vars:2:1: is not a NAME=value"));
        let names: Vec<_> =
            plain.files_read.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["wrangler.json", ".dev.vars", "w.js"]);
    }

    #[test]
    fn an_environment_has_its_own_local_variables() {
        let mut files = vec![("wrangler.json", CONFIG), ("w.js", ""), (".dev.vars", "A=common")];
        assert_eq!(Value::Object(project(&files, Some("live")).vars), json!({ "A": "common" }));
        files.push((".dev.vars.live", "Z=1"));
        let live = project(&files, Some("live"));
        assert_eq!(Value::Object(live.vars), json!({ "A": 3, "Z": "1" }));
        assert_eq!(live.name, "shop");
        assert_eq!(live.compatibility_date.as_deref(), Some("2026-01-01"));
    }
}
