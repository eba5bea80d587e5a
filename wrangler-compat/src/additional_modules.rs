//! Files that are modules though no literal names them: `find_additional_modules`.

use std::path::Path;

use crate::error::{ProjectError, ProjectProblem, SourceLocation};
use crate::module_graph::MAX_MODULES;
use crate::module_kind::Rules;
use crate::project_folder::{ProjectFile, ProjectFolder};

/// The files and folders that are looked at.
const MAX_ENTRIES: usize = 100_000;

/// Finds the files under a folder that rules make modules. `base` is relative to the project's
/// folder, or absolute.
pub(crate) fn find(
    folder: &ProjectFolder,
    base: &Path,
    rules: &Rules,
) -> Result<Vec<ProjectFile>, ProjectError> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.root().join(base)]);
    let mut entries_seen = 0;
    while let Some(current) = folders.pop() {
        let too_large = |limit: usize, unit| {
            let problem = ProjectProblem::ProjectTooLarge { limit: limit as u64, unit };
            ProjectError::new(SourceLocation::file(&current), problem)
        };
        let Ok(entries) = std::fs::read_dir(&current) else { continue };
        for entry in entries.flatten() {
            entries_seen += 1;
            if entries_seen > MAX_ENTRIES {
                return Err(too_large(MAX_ENTRIES, "files and folders"));
            }
            let path = entry.path();
            let name = entry.file_name();
            let is_hidden = name.to_str().is_none_or(|name| name.starts_with('.'));
            if is_hidden || name == "node_modules" {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if let Ok(Some(file)) = folder.find(&path)
                && rules.loader(&folder.name(&file)?, None).is_some()
            {
                found.push(file);
            }
            if found.len() > MAX_MODULES {
                return Err(too_large(MAX_MODULES, "files"));
            }
        }
    }
    found.sort();
    Ok(found)
}
