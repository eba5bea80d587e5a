//! Reads wrangler projects: an entry module, every module that it reaches, and variables.
//!
//! ```no_run
//! let options = isolet_wrangler_compat::LoadOptions::default();
//! let project = isolet_wrangler_compat::load("my-worker".as_ref(), &options)?;
//! println!("{} starts in {:?} and has {} modules", project.name, project.main, project.modules.len());
//! # Ok::<(), isolet_wrangler_compat::LoadFailure>(())
//! ```
//!
//! | module | content |
//! |---|---|
//! | `project` | a loaded project, and the order in which its parts are read |
//! | `keys` | the table of the configuration's keys |
//! | `config` | the configuration of one environment |
//! | `config_tree` | JSONC and TOML as one tree, with the location of each value |
//! | `dev_vars` | the format of `.dev.vars` and `.env` |
//! | `local_variables` | the files with local values for variables and secrets |
//! | `modules` | the modules of a project |
//! | `compatibility` | the meaning of dates and flags, beside Node.js |
//! | `node_compat` | the parts of Node.js, by date and flags |
//! | `web_socket_compat` | the behaviour of WebSockets, by date and flags |
//! | `module_kind` | the kinds of modules, by rule and by extension |
//! | `module_graph` | from the entry module to all modules that it imports |
//! | `module_reader` | from a file to a module that has not been linked |
//! | `additional_modules` | files that are modules though no literal names them |
//! | `resolution` | from specifiers to files |
//! | `package_files` | bounds on the files that the resolver reads |
//! | `imports` | the imports and exports of one module, as data |
//! | `import_scan` | the walk over a module that finds them |
//! | `commonjs` | the exports of a CommonJS module |
//! | `libraries` | packages for scripts that belong to no project |
//! | `link` | the names that modules ask of each other |
//! | `define` | names that are replaced by constants |
//! | `transform` | JSX and decorators |
//! | `output_size` | a bound on the size of compiled modules |
//! | `parsing` | one parse, on a stack of sufficient size |
//! | `text_edits` | replacements in a text, and the way back from its positions |
//! | `cron` | cron expressions |
//! | `assets` | static files: redirects, headers, and the file for a path |
//! | `project_folder` | the files that may be read, up to a size |
//! | `nearest` | suggestions for misspelled names |
//! | `unique_names` | names in their order, without duplicates |
//! | `error` | errors and warnings, with file, line and column |
//! | `warnings` | the warnings so far, up to a number |
//! | `watched_files` | the files that decide what a project is |
//! | `compatibility_flags` | the names of the compatibility flags |
//! | `fuzzing` | properties of every text, for the fuzz target and tests |
#![deny(missing_docs)]

mod additional_modules;
mod assets;
mod commonjs;
mod compatibility;
mod compatibility_flags;
mod config;
mod config_tree;
mod cron;
mod define;
mod dev_vars;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod import_scan;
mod imports;
mod keys;
mod libraries;
mod link;
mod local_variables;
mod module_graph;
mod module_kind;
mod module_reader;
mod modules;
mod nearest;
mod node_compat;
mod output_size;
mod package_files;
mod parsing;
mod project;
mod project_folder;
mod resolution;
mod text_edits;
mod transform;
mod unique_names;
mod warnings;
mod watched_files;
mod web_socket_compat;

pub use assets::{AssetAnswer, AssetFile, AssetRequest, Assets};
pub use compatibility::Compatibility;
pub use config::{ProjectLimits, ProjectRoute, ProjectService};
pub use error::{ProjectError, ProjectProblem, ProjectWarning, SourceLocation};
pub use libraries::{Libraries, Library, load_libraries};
pub use module_kind::ModuleKind;
pub use modules::{ProjectModule, REQUIRE_MODULE, ResolvedImport};
pub use node_compat::NodeCompat;
pub use project::{LoadFailure, LoadOptions, LocalValues, Project, load};
pub use text_edits::{SourceMark, SourceMarks};
pub use web_socket_compat::WebSocketCompat;
