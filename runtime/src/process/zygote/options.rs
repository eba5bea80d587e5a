//! The command line of a zygote.

/// The options that the broker passes to a zygote, on the command line after the hidden subcommand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ZygoteOptions {
    /// The bound on a run's heap and array buffers together, in bytes.
    pub(crate) heap_bytes: usize,
    /// The bound on the private memory of the zygote and of each runner, in bytes.
    pub(crate) memory_bytes: u64,
    /// The number of runners that may be alive at once. A zygote for a single runner does not warm
    /// up.
    pub(crate) max_runners: usize,
    /// `true` if V8 may compile to machine code.
    pub(crate) jit: bool,
    /// `true` if the broker sends libraries.
    pub(crate) libraries: bool,
}

impl ZygoteOptions {
    /// Returns the options as words of a command line.
    pub(crate) fn to_words(self) -> [String; 5] {
        let Self { heap_bytes, memory_bytes, max_runners, jit, libraries } = self;
        [heap_bytes as u64, memory_bytes, max_runners as u64, jit.into(), libraries.into()]
            .map(|number| number.to_string())
    }

    /// Reads the options from words of a command line.
    pub(super) fn from_words(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut next = || words.next()?.parse::<u64>().ok();
        Some(Self {
            heap_bytes: next()? as usize,
            memory_bytes: next()?,
            max_runners: next()? as usize,
            jit: next()? != 0,
            libraries: next()? != 0,
        })
    }
}
