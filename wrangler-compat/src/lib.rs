//! Reads wrangler projects and says what to run: an entry module, every module it reaches, and variables.
//!
//! ```no_run
//! let project = isolet_wrangler_compat::load("my-worker".as_ref(), None)?;
//! println!("{} starts in {} and has {} modules", project.name, project.main, project.modules.len());
//! # Ok::<(), isolet_wrangler_compat::ProjectError>(())
//! ```
//!
//! | module | one idea |
//! |---|---|
//! | [`project`] | the result, and the order in which it is put together |
//! | [`config`] | which fields of the configuration count, and how an environment overrides them |
//! | `tree` | JSONC and TOML as one tree that knows where each value stands |
//! | `dev_vars` | `.dev.vars`: local values for variables and secrets |
//! | [`modules`] | from the entry module to all modules it imports |
//! | `imports` | which modules one text asks for |
//! | `folder` | reading files of one folder and of nothing else, up to a size |
//! | `fuzzing` | what must hold of any text, for the fuzz target and tests |
//! | [`error`] | what can be wrong, with file, line and column |
#![deny(missing_docs)]

pub mod config;
mod dev_vars;
pub mod error;
mod folder;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod imports;
pub mod modules;
pub mod project;
mod tree;

pub use error::{Place, Problem, ProjectError, Warning};
pub use modules::{ModuleKind, ProjectModule, ResolvedImport};
pub use project::{Project, load};
