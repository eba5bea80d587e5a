//! The keys of wrangler's configuration, in one table. `docs/dev.md` shows the same table.
//!
//! A key that is not in the table gets a warning: a project may depend on it.

/// A key of the configuration.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) support: Support,
}

/// The value of a key in an environment (`env.NAME`), for keys that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    /// An environment without the key has the value of the top level.
    Inherited,
    /// An environment without the key has no value, as in wrangler.
    NotInherited,
    /// The key is known at the top level only.
    TopLevelOnly,
}

/// The support for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    /// The key is read. The text describes its use.
    Read(Environment, &'static str),
    /// The key is ignored: it is about deploying, building or observing on another platform, and
    /// changes nothing in a run.
    NoEffect,
    /// The key is ignored with a warning. The text describes the consequence.
    Unsupported(&'static str),
}

use Environment::{Inherited, NotInherited, TopLevelOnly};
use Support::{NoEffect, Read, Unsupported};

/// The consequence of an unknown key.
pub(crate) const UNKNOWN_KEY: &str = "it is ignored";

/// The consequence of an unsupported binding.
const NO_BINDING: &str = "its bindings are missing from `env`";

const fn key(name: &'static str, support: Support) -> Key {
    Key { name, support }
}

/// The keys that isolet knows, sorted by support and name.
#[rustfmt::skip]
pub(crate) const KEYS: &[Key] = &[
    key("alias",                     Read(Inherited, "packages and names that stand for others")),
    key("assets",                    Read(Inherited, "the static files (above)")),
    key("base_dir",                  Read(Inherited, "the folder of `find_additional_modules`, inside the project's; else that of `main`")),
    key("compatibility_date",        Read(Inherited, "the date; it decides whether there are modules of Node.js and `ctx.exports`, whether `process.env` has the variables and how WebSockets behave, from 2025-06-01 on `eval` works at the start, and from 2025-04-01 on navigations prefer assets to the Worker")),
    key("compatibility_flags",       Read(Inherited, "the flags, of which those about Node.js, WebSockets, `ctx.exports`, `assets_navigation_…` and `…_eval_during_startup` have an effect")),
    key("define",                    Read(NotInherited, "names that are replaced by constants in the source")),
    key("env",                       Read(TopLevelOnly, "the environments, of which `--env` chooses one")),
    key("find_additional_modules",   Read(Inherited, "files that match `rules` are modules also if no literal names them")),
    key("jsx_factory",               Read(Inherited, "the function of JSX, if `tsconfig.json` names none")),
    key("jsx_fragment",              Read(Inherited, "the component of JSX fragments, if `tsconfig.json` names none")),
    key("limits",                    Read(Inherited, "`cpu_ms`, the CPU time of a request, and `subrequests`, its calls and fetches; they lower the limits of isolet")),
    key("main",                      Read(Inherited, "the entry module")),
    key("name",                      Read(Inherited, "the Worker's name, with `-NAME` for an environment without its own")),
    key("no_bundle",                 Read(Inherited, "as `find_additional_modules`; modules are never bundled")),
    key("route",                     Read(Inherited, "as `routes`, with one route")),
    key("routes",                    Read(Inherited, "the hosts and paths for which the Worker answers under `isolet serve` (docs/workers.md)")),
    key("rules",                     Read(Inherited, "the kinds of modules, before wrangler's own rules")),
    key("services",                  Read(NotInherited, "other Workers in `env` (above)")),
    key("tsconfig",                  Read(Inherited, "the `tsconfig.json` of the project's modules")),
    key("triggers",                  Read(Inherited, "`crons`, which are checked; requests call `scheduled` (above)")),
    key("vars",                      Read(NotInherited, "variables in `env`; `.dev.vars` overrides them")),
    key("worker_loaders",            Read(NotInherited, "bindings that load Workers from code (above)")),
    key("$schema",                   NoEffect),
    key("account_id",                NoEffect),
    key("compliance_region",         NoEffect),
    key("dev",                       NoEffect),
    key("keep_names",                NoEffect),
    key("keep_vars",                 NoEffect),
    key("logpush",                   NoEffect),
    key("minify",                    NoEffect),
    key("observability",             NoEffect),
    key("placement",                 NoEffect),
    key("preserve_file_names",       NoEffect),
    key("preview_urls",              NoEffect),
    key("previews",                  NoEffect),
    key("send_metrics",              NoEffect),
    key("tail_consumers",            NoEffect),
    key("topLevelName",              NoEffect),
    key("upload_source_maps",        NoEffect),
    key("workers_dev",               NoEffect),
    key("zone_id",                   NoEffect),
    key("ai",                        Unsupported(NO_BINDING)),
    key("analytics_engine_datasets", Unsupported(NO_BINDING)),
    key("browser",                   Unsupported(NO_BINDING)),
    key("build",                     Unsupported("run the build yourself and point `main` at its output")),
    key("d1_databases",              Unsupported(NO_BINDING)),
    key("durable_objects",           Unsupported(NO_BINDING)),
    key("hyperdrive",                Unsupported(NO_BINDING)),
    key("images",                    Unsupported(NO_BINDING)),
    key("kv_namespaces",             Unsupported(NO_BINDING)),
    key("queues",                    Unsupported(NO_BINDING)),
    key("r2_buckets",                Unsupported(NO_BINDING)),
    key("secrets_store_secrets",     Unsupported(NO_BINDING)),
    key("send_email",                Unsupported(NO_BINDING)),
    key("vectorize",                 Unsupported(NO_BINDING)),
    key("workflows",                 Unsupported(NO_BINDING)),
];

/// Returns the key with a name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a key as a row of the table in `docs/dev.md`.
    fn row(key: &Key) -> String {
        let support = match key.support {
            Read(environment, text) => {
                let environment = match environment {
                    Inherited => "inherited by environments",
                    NotInherited => "not inherited by environments",
                    TopLevelOnly => "top level only",
                };
                format!("{text}; {environment}")
            }
            NoEffect => "no effect".to_owned(),
            Unsupported(text) => format!("warning: {text}"),
        };
        format!("| `{}` | {support} |", key.name)
    }

    #[test]
    fn the_documentation_has_the_same_table() {
        let page = include_str!("../../docs/dev.md");
        let rows: Vec<&str> = page.lines().skip_while(|line| !line.starts_with("| key |")).skip(2).collect();
        let rows: Vec<&str> = rows.into_iter().take_while(|line| line.starts_with('|')).collect();
        let expected: Vec<String> = KEYS.iter().map(row).collect();
        assert_eq!(rows, expected, "docs/dev.md differs from KEYS:\n{}", expected.join("\n"));
    }

    #[test]
    fn every_key_has_one_row() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(KEYS[..at].iter().all(|other| other.name != key.name), "{}", key.name);
        }
    }
}
