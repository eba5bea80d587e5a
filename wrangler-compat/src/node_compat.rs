//! The parts of Node.js that a project has, by its compatibility date and flags.

/// The date from which Workers have Node.js without a flag.
const ON_BY_DEFAULT: &str = "2026-08-04";

/// The date from which `nodejs_compat` means its second version: globals, and names without
/// `node:`.
const SECOND_VERSION: &str = "2024-09-23";

/// The date from which `process.env` has the variables of `env`.
const PROCESS_ENV: &str = "2025-04-01";

/// The parts of Node.js that a project has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeCompat {
    /// Set if modules such as `node:buffer` can be imported.
    pub modules: bool,
    /// Set if `node:async_hooks` can be imported.
    pub async_hooks: bool,
    /// Set if `buffer` means `node:buffer`, and `Buffer`, `process` and `global` are globals.
    pub globals: bool,
    /// Set if `process.env` has the variables of `env`.
    pub process_env: bool,
}

impl NodeCompat {
    /// Reads the date and the flags. A project without a date has all that the newest one has, as
    /// in wrangler.
    pub(crate) fn of(date: Option<&str>, flags: &[String]) -> Self {
        // Dates of this format are in the order of their texts.
        let since = |day: &str| date.is_none_or(|date| date >= day);
        let has = |flag: &str| flags.iter().any(|known| known == flag);
        let first = has("nodejs_compat") || since(ON_BY_DEFAULT);
        let first = first && !has("no_nodejs_compat");
        let second = has("nodejs_compat_v2") || first && since(SECOND_VERSION);
        let globals = second && !has("no_nodejs_compat_v2");
        let modules = first || globals;
        let variables = has("nodejs_compat_populate_process_env") || since(PROCESS_ENV);
        Self {
            modules,
            async_hooks: modules || has("nodejs_als"),
            globals,
            process_env: modules && variables && !has("nodejs_compat_do_not_populate_process_env"),
        }
    }

    /// Returns `true` if a project has a module of Node.js. `name` begins with `node:`.
    pub(crate) fn has(self, name: &str) -> bool {
        self.modules || self.async_hooks && name == "node:async_hooks"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(date: Option<&str>, flags: &[&str]) -> (bool, bool, bool) {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let found = NodeCompat::of(date, &flags);
        (found.modules, found.globals, found.process_env)
    }

    #[test]
    fn dates_and_flags_decide() {
        assert_eq!(of(None, &[]), (true, true, true));
        assert_eq!(of(Some("2026-08-04"), &[]), (true, true, true));
        assert_eq!(of(Some("2026-08-03"), &[]), (false, false, false));
        assert_eq!(of(Some("2026-08-04"), &["no_nodejs_compat"]), (false, false, false));
        assert_eq!(
            of(Some("2026-08-04"), &["no_nodejs_compat", "no_nodejs_compat_v2"]),
            (false, false, false)
        );
        assert_eq!(of(Some("2025-01-01"), &["nodejs_compat"]), (true, true, false));
        assert_eq!(of(Some("2025-04-01"), &["nodejs_compat"]), (true, true, true));
        assert_eq!(of(Some("2024-09-22"), &["nodejs_compat"]), (true, false, false));
        assert_eq!(of(Some("2024-01-01"), &["nodejs_compat_v2"]), (true, true, false));
        let quiet = ["nodejs_compat", "nodejs_compat_do_not_populate_process_env"];
        assert_eq!(of(Some("2025-04-01"), &quiet), (true, true, false));
    }

    #[test]
    fn async_local_storage_has_a_flag_of_its_own() {
        let only = NodeCompat::of(Some("2026-01-01"), &["nodejs_als".to_owned()]);
        assert!(only.has("node:async_hooks") && !only.has("node:buffer"));
    }
}
