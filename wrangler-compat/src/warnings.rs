//! The warnings about a project, of which a stranger's text could cause any number.

use crate::error::{ProjectWarning, SourceLocation, shortened};

/// The number of warnings about one project. Further ones are counted.
const MAX_WARNINGS: usize = 100;

/// The length of a message in bytes. Longer ones are shortened.
const MAX_MESSAGE_BYTES: usize = 2048;

/// The warnings so far.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    kept: Vec<ProjectWarning>,
    dropped: usize,
}

impl Warnings {
    /// Adds a warning. Its location is found only if the warning is kept, as that reads the text.
    pub(crate) fn push(&mut self, location: impl FnOnce() -> SourceLocation, message: String) {
        if self.have_room() {
            let message = shortened(message, MAX_MESSAGE_BYTES);
            self.kept.push(ProjectWarning { location: location(), message });
        } else {
            self.dropped += 1;
        }
    }

    /// Returns `true` if another warning would be kept. What makes its message may take time.
    pub(crate) fn have_room(&self) -> bool {
        self.kept.len() < MAX_WARNINGS - 1
    }

    /// Returns the warnings, with a last one about those that were dropped.
    pub(crate) fn into_vec(mut self) -> Vec<ProjectWarning> {
        if let (Some(last), 1..) = (self.kept.last(), self.dropped) {
            let (location, message) = (last.location.clone(), format!("{} more warnings", self.dropped));
            self.kept.push(ProjectWarning { location, message });
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn there_are_at_most_a_hundred_and_the_rest_is_counted() {
        let mut warnings = Warnings::default();
        for index in 0..100_000 {
            let location = || {
                assert!(index < MAX_WARNINGS, "the location of a dropped warning is not found");
                SourceLocation::file(Path::new("f"))
            };
            warnings.push(location, "é".repeat(if index == 0 { 1 << 20 } else { 1 }));
        }
        let all = warnings.into_vec();
        assert_eq!(all.len(), MAX_WARNINGS);
        assert!(all[0].message.len() <= MAX_MESSAGE_BYTES && all[0].message.ends_with('…'));
        assert_eq!(all[99].to_string(), "f: 99901 more warnings");
        assert!(Warnings::default().into_vec().is_empty());
    }
}
