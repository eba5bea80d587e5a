//! The arrangement of a zygote's memory, which makes its runners cheaper.
//!
//! A fork copies page tables, and a process that ends gives its pages back: the cost of a run grows
//! with the number of mappings and of anonymous pages. The parts below reduce both. Each of them
//! leaves the content of memory as it was, and nothing but speed depends on them: an error is
//! logged, and the zygote goes on. A zygote for a single run does without them.
//!
//! | module | change | gain | cost | off |
//! |---|---|---|---|---|
//! | [`readonly`] | V8's read-only heap moves into a file | 9 to 12% | 1.6 MiB | no memfd |
//! | [`huge_pages`] | the program's used pages move into huge pages | 5% | 20 to 32 MiB | THP |
//! | [`zero_pages`] | pages of zeros are given back | 4 to 7% | page faults | no `/proc` |
//! | [`library_pages`] | memory of libraries moves into a file | 11 to 15% with libraries | page faults | no memfd |
//! | [`trim`] | an app zygote gives free memory back | 0.4 MiB | page faults | |
//! | `mappings` | reads the kernel's list of memory, for the others | | | |
//!
//! The gain is the CPU time of a run (`docs/performance.md`), the cost is memory for each zygote.
//! The gains were measured when runners did without the gaps in V8's read-only heap, which counted
//! for `zero_pages`; now they are guards of the mapping that [`readonly`] makes.
//!
//! The column "off" names what switches a change off: THP stands for `never` in
//! `/sys/kernel/mm/transparent_hugepage/enabled`. Without `memfd_create`, or if `/proc/self/smaps`
//! or `/proc/self/pagemap` cannot be opened, the zygote does without all of them.

use std::io;

pub(crate) mod huge_pages;
pub(crate) mod library_pages;
pub(crate) mod mappings;
pub(crate) mod readonly;
pub(crate) mod trim;
pub(crate) mod zero_pages;

use mappings::Mappings;
use readonly::ReadOnlyFile;

/// The files that the changes need, opened before the jail, which takes files away.
pub(crate) struct Tuning {
    mappings: Mappings,
    read_only_file: ReadOnlyFile,
}

impl Tuning {
    /// Opens the files.
    ///
    /// # Errors
    /// Returns an error if the kernel does not have them or does not let this process open them.
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { mappings: Mappings::open()?, read_only_file: ReadOnlyFile::create()? })
    }

    /// Moves read-only memory, and starts to observe which pages of the program are used. It is
    /// called once the zygote's isolate is warm, before one more run that shows the pages in use.
    ///
    /// # Errors
    /// Returns the kernel's error. Memory that was not moved stays as it was.
    pub(crate) fn move_read_only(self) -> io::Result<UsedPages> {
        let all = self.mappings.read()?;
        self.read_only_file.take_over(&all)?;
        huge_pages::reset_used_pages(&all);
        Ok(UsedPages(self.mappings))
    }
}

/// The observation of pages that [`Tuning::move_read_only`] began.
pub(crate) struct UsedPages(Mappings);

impl UsedPages {
    /// Moves the program's used pages into huge pages, and gives pages of zeros back.
    ///
    /// # Errors
    /// Returns the kernel's error. Memory that was not moved stays as it was.
    pub(crate) fn move_to_huge_pages(self) -> io::Result<()> {
        huge_pages::move_used_pages(&self.0)?;
        zero_pages::give_back(&self.0)
    }
}
