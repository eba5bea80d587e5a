//! The version, age and build of V8.

use std::time::{SystemTime, UNIX_EPOCH};

/// The V8 that is linked into this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V8Build {
    /// V8's own version, as the library reports it.
    pub version: &'static str,
    /// The version of the crate `v8`.
    pub crate_version: &'static str,
    /// The day on which this V8 was published: `2026-08-20`.
    pub released: &'static str,
    /// The day on which the library was built, or `None` if the crate `v8` downloaded it.
    pub built: Option<&'static str>,
    /// The names of the patches to its published source, separated by spaces.
    pub patches: &'static str,
    /// Set if V8's sandbox is compiled in.
    pub sandbox: bool,
    /// Set if pointers within the heap have 32 bits, which the sandbox needs.
    pub pointer_compression: bool,
}

/// Set if `third_party/v8` has a library for this platform. Other platforms use the crate's.
const HAS_OWN_ARCHIVE: bool = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));

unsafe extern "C" {
    /// A function of the crate `v8` (`binding.cc`), which only its own tests call.
    safe fn v8__V8__IsSandboxEnabled() -> bool;
}

impl V8Build {
    /// Returns the description of the linked V8, from the library and from the build.
    pub fn linked() -> Self {
        let version = v8::V8::get_version();
        Self {
            // The crate's build appends its name to the version.
            version: version.split_once('-').map_or(version, |(version, _)| version),
            crate_version: env!("ISOLET_V8_CRATE"),
            released: env!("ISOLET_V8_RELEASED"),
            built: HAS_OWN_ARCHIVE.then_some(env!("ISOLET_V8_BUILT")),
            patches: if HAS_OWN_ARCHIVE { env!("ISOLET_V8_PATCHES") } else { "" },
            sandbox: v8__V8__IsSandboxEnabled(),
            pointer_compression: HAS_OWN_ARCHIVE,
        }
    }

    /// Returns the days since V8 was published, or `None` if the clock is before that day.
    pub fn age_days(&self) -> Option<u64> {
        let today = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs() / 86_400;
        today.checked_sub(days(self.released)?)
    }
}

/// Returns the days from 1970-01-01 to a day of the Gregorian calendar.
fn days(date: &str) -> Option<u64> {
    let mut numbers = date.splitn(3, '-').map(|number| number.parse::<u64>().ok());
    let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last day of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = year / 4 - year / 100 + year / 400;
    (year * 365 + leaps + (month * 153 + 2) / 5 + day - 1).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        let counted =
            ["1970-01-01", "1972-03-01", "2000-02-29", "2000-03-01", "2026-08-20", "2026-11-30"].map(days);
        assert_eq!(counted, [0, 790, 11_016, 11_017, 20_685, 20_787].map(Some));
        for wrong in ["", "YYYY-MM-DD", "2026-13-01", "2026-08", "-1-1-1", "99999999999999999999-01-01"] {
            assert_eq!(days(wrong), None, "{wrong}");
        }
    }

    /// Compares `third_party/v8/VERSION` with the linked library.
    #[test]
    fn the_build_is_the_one_that_was_written_down() {
        let build = V8Build::linked();
        assert_eq!(build.version, env!("ISOLET_V8_V8"));
        let lock = include_str!("../../Cargo.lock");
        let crate_version = format!("name = \"v8\"\nversion = \"{}\"\n", build.crate_version);
        assert!(lock.contains(&crate_version), "{crate_version}");
        assert!(build.age_days().is_some_and(|days| days < 3650), "{build:?}");
        assert_eq!(build.sandbox, HAS_OWN_ARCHIVE, "{build:?}");
        assert!(build.built.is_none_or(|built| days(built) >= days(build.released)), "{build:?}");
    }
}
