//! The files that decide what a project is: those that were read, and the places where a file was
//! looked for and none was. The project has to be loaded again when one of them changes.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::project_folder::ProjectFolder;

/// The number of files and places. Further ones are left out: a change of theirs is not noticed.
const MAX_FILES: usize = 20_000;

/// The files and places so far. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct WatchedFiles(Arc<Mutex<Files>>);

#[derive(Debug, Default)]
struct Files {
    /// In the order of their first use.
    list: Vec<PathBuf>,
    known: HashSet<PathBuf>,
    /// The places where imports were looked for in vain.
    missed: HashSet<PathBuf>,
    /// Set if an import that should have found a file has not.
    has_failed: bool,
}

impl WatchedFiles {
    /// Adds a file that decides, whether it is there or not.
    pub(crate) fn add(&self, path: &Path) {
        let mut files = self.0.lock();
        if files.list.len() < MAX_FILES && files.known.insert(path.to_owned()) {
            files.list.push(path.to_owned());
        }
    }

    /// Notes a place where the resolver has found nothing. Most are of no interest, as it goes on
    /// and finds the file elsewhere.
    pub(crate) fn missed(&self, place: &Path) {
        let mut files = self.0.lock();
        if files.missed.len() < MAX_FILES && !files.missed.contains(place) {
            files.missed.insert(place.to_owned());
        }
    }

    /// Notes that an import has failed, so that the places where it was looked for matter.
    pub(crate) fn import_failed(&self) {
        self.0.lock().has_failed = true;
    }

    /// Returns the files and places.
    pub(crate) fn list(&self, project: &ProjectFolder) -> Vec<PathBuf> {
        let files = self.0.lock();
        let mut list = files.list.clone();
        if files.has_failed {
            // A folder changes when a file appears in it. Others than the project's change for
            // other reasons.
            let is_of_project = |folder: &&Path| project.allows(folder) && folder.is_dir();
            let place = |missed: &PathBuf| missed.parent().filter(is_of_project).unwrap_or(missed).to_owned();
            let places: BTreeSet<PathBuf> = files.missed.iter().map(place).collect();
            list.extend(places.into_iter().filter(|place| !files.known.contains(place)));
        }
        list
    }
}
