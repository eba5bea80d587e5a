//! Names in their order, without duplicates.

use std::collections::HashSet;
use std::ops::Deref;

/// A list of names. Each has its place by the first time that it was added.
#[derive(Debug, Default, Clone)]
pub(crate) struct UniqueNames {
    list: Vec<String>,
    known: HashSet<String>,
}

impl UniqueNames {
    pub(crate) fn add(&mut self, name: &str) {
        if !self.known.contains(name) {
            self.known.insert(name.to_owned());
            self.list.push(name.to_owned());
        }
    }

    /// Returns `true` if the name is in the list.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.known.contains(name)
    }
}

impl Deref for UniqueNames {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.list
    }
}
