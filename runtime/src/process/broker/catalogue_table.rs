//! The numbers by which messages refer to catalogues.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Catalogue;
use crate::process::protocol::messages::ToZygote;

/// The bound on catalogues that zygotes keep. One is current, and the others belong to runs with a
/// filter of their own.
const MAX_CATALOGUES: usize = 16;

/// The catalogues of recent runs and their numbers.
#[derive(Default)]
pub(super) struct CatalogueTable {
    entries: VecDeque<NumberedCatalogue>,
    last_id: u64,
}

struct NumberedCatalogue {
    id: u64,
    catalogue: Arc<Catalogue>,
    /// `true` if zygotes have it. They get a catalogue with its second run, so that a filter that
    /// is used once goes to one runner only.
    announced: bool,
}

impl CatalogueTable {
    /// Returns the number of a catalogue: the same `Arc` has the same number while the table keeps
    /// it. Passes messages that all zygotes must get to `announce`.
    pub(super) fn number(&mut self, catalogue: &Arc<Catalogue>, mut announce: impl FnMut(&ToZygote)) -> u64 {
        let known = self.entries.iter_mut().find(|entry| Arc::ptr_eq(&entry.catalogue, catalogue));
        if let Some(entry) = known {
            if !std::mem::replace(&mut entry.announced, true) {
                announce(&ToZygote::Catalogue { id: entry.id, catalogue: (*entry.catalogue).clone() });
            }
            return entry.id;
        }
        self.last_id += 1;
        let id = self.last_id;
        self.entries.push_back(NumberedCatalogue { id, catalogue: catalogue.clone(), announced: false });
        if self.entries.len() > MAX_CATALOGUES
            && let Some(NumberedCatalogue { id, announced: true, .. }) = self.entries.pop_front()
        {
            announce(&ToZygote::ForgetCatalogue { id });
        }
        id
    }

    /// Returns the messages for a new zygote: the catalogues that the other zygotes have.
    pub(super) fn announced(&self) -> Vec<ToZygote> {
        let announced = self.entries.iter().filter(|entry| entry.announced);
        announced
            .map(|entry| ToZygote::Catalogue { id: entry.id, catalogue: (*entry.catalogue).clone() })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalogue_is_announced_with_its_second_run_and_forgotten_after_others() {
        let mut table = CatalogueTable::default();
        let mut messages = Vec::new();
        let first = Arc::new(Catalogue::default());
        let mut number = |catalogue: &Arc<Catalogue>| {
            table.number(catalogue, |message| {
                messages.push(match message {
                    ToZygote::Catalogue { id, .. } => ("catalogue", *id),
                    ToZygote::ForgetCatalogue { id } => ("forget", *id),
                    other => panic!("{other:?}"),
                });
            })
        };
        assert_eq!([number(&first), number(&first), number(&first)], [1, 1, 1]);
        // Kept, since an `Arc` is known by its address.
        let others: Vec<_> = (0..MAX_CATALOGUES).map(|_| Arc::new(Catalogue::default())).collect();
        let last = others.iter().map(number).last();
        assert_eq!(last, Some(1 + MAX_CATALOGUES as u64));
        assert_eq!(messages, [("catalogue", 1), ("forget", 1)]);
        assert!(table.announced().is_empty());
    }
}
