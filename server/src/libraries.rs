//! The libraries of scripts: the options, and the packages that are read from `node_modules`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use isolet_bindings::text::line;
use isolet_runtime::{Libraries, Library, Module};
use isolet_wrangler_compat as project;

use crate::exit::Failure;
use crate::settings::libraries::LibrarySettings;
use crate::workers::worker_module::runtime_module;

/// The options of every command that runs scripts of callers.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct LibraryOptions {
    /// A package that scripts may import, such as zod or date-fns/format; may be repeated. In place
    /// of `names` in `[libraries]` of isolet.toml
    #[arg(long = "library", id = "library", value_name = "NAME", value_delimiter = ',')]
    names: Vec<String>,
    /// The folder whose node_modules has the libraries; by default the current one
    #[arg(long = "library-folder", id = "library_folder", value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Libraries that were read, and warnings about parts of them.
pub struct LoadedLibraries {
    /// The libraries, or `None` if there are none.
    pub libraries: Option<Arc<Libraries>>,
    /// The parts that will fail if a script uses them.
    pub warnings: Vec<String>,
}

impl LibraryOptions {
    /// Reads the libraries of the command line, else those of the settings.
    ///
    /// # Errors
    /// Returns a failure that names the package or file which cannot be used.
    pub fn load(&self, settings: &LibrarySettings) -> Result<LoadedLibraries, Failure> {
        let (names, usual_folder) = match self.names.is_empty() {
            true => (&settings.names, settings.folder.clone()),
            false => (&self.names, PathBuf::from(".")),
        };
        if names.is_empty() {
            return Ok(LoadedLibraries { libraries: None, warnings: Vec::new() });
        }
        load(self.folder.as_deref().unwrap_or(&usual_folder), names)
    }
}

/// Reads packages that are installed in a folder.
fn load(folder: &Path, names: &[String]) -> Result<LoadedLibraries, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::Setup(format!("the libraries of scripts: {}", line(&error.to_string())))
    };
    let mut wanted: Vec<String> = Vec::new();
    names.iter().for_each(|name| {
        if !wanted.contains(name) {
            wanted.push(name.clone());
        }
    });
    let read = project::load_libraries(folder, &wanted).map_err(|error| failed(&error))?;
    let libraries = read.libraries.into_iter().map(|library| Library {
        specifier: library.specifier,
        module: library.module,
        version: library.version,
    });
    let modules: Result<Vec<Module>, _> = read.modules.into_iter().map(runtime_module).collect();
    let modules = modules.map_err(|error| failed(&error.message))?;
    let libraries = Libraries { libraries: libraries.collect(), modules: modules.into() };
    let warnings = read.warnings.iter().map(ToString::to_string).collect();
    Ok(LoadedLibraries { libraries: Some(Arc::new(libraries)), warnings })
}
