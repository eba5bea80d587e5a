//! Generates names that do not occur in the text, each once.

use std::collections::HashSet;

/// The numbers after names: those in the text, and the last ones used.
pub(super) struct Unused {
    taken: HashSet<u64>,
    last: u64,
}

impl Unused {
    /// Reads the text once. It can have thousands of such names, and thousands can be needed.
    pub fn of(text: &str) -> Self {
        let digits = |at: usize| text[at..].bytes().take_while(u8::is_ascii_digit).count();
        let taken = text.match_indices('_').filter_map(|(at, _)| {
            // Longer numbers are never reached.
            let length = digits(at + 1).min(20);
            text[at + 1..at + 1 + length].parse().ok()
        });
        Self { taken: taken.collect(), last: 0 }
    }

    /// Returns the name with an unused number after it.
    pub fn name(&mut self, name: &str) -> String {
        loop {
            self.last += 1;
            if !self.taken.contains(&self.last) {
                return format!("{name}_{}", self.last);
            }
        }
    }
}
