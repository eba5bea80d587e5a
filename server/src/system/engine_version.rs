//! The version of V8 that runs scripts, for people and programs, and a warning when it is old.

use isolet_runtime::v8_build::V8Build;

/// The age from which on V8 counts as old. Its vulnerabilities become public some weeks after their
/// fix, and an engine of this age lacks the fixes of two months.
const MAX_AGE_DAYS: u64 = 60;

/// Returns the lines of `isolet --version --verbose` after the first.
pub fn details() -> String {
    let build = V8Build::linked();
    let on = |is: bool| if is { "on" } else { "off" };
    let age = build.age_days().map_or(String::new(), |days| format!(" ({days} days ago)"));
    format!(
        "v8: {}\nv8-crate: {}\nv8-released: {}{age}\nv8-built: {}\nv8-patches: {}\nv8-sandbox: {}\n\
         v8-pointer-compression: {}\n",
        build.version,
        build.crate_version,
        build.released,
        build.built.unwrap_or("by the crate's publisher"),
        if build.patches.is_empty() { "none" } else { build.patches },
        on(build.sandbox),
        on(build.pointer_compression),
    )
}

/// Returns the member `engine` of `GET /v1/runtime`.
pub fn json(jit: bool) -> serde_json::Value {
    let build = V8Build::linked();
    serde_json::json!({
        "name": "V8",
        "version": build.version,
        "crate": build.crate_version,
        "released": build.released,
        "age_days": build.age_days(),
        "built": build.built,
        "patches": build.patches.split_whitespace().collect::<Vec<_>>(),
        "sandbox": build.sandbox,
        "pointer_compression": build.pointer_compression,
        "jit": jit,
    })
}

/// Logs a warning if V8 is old. For services, which run for a long time.
pub fn warn_if_old() {
    let build = V8Build::linked();
    if let Some(warning) = build.age_days().and_then(|days| warning(&build, days)) {
        tracing::warn!("{warning}");
    }
}

fn warning(build: &V8Build, days: u64) -> Option<String> {
    (days > MAX_AGE_DAYS).then(|| {
        format!(
            "V8 {} was released {days} days ago ({}), and vulnerabilities found since are public: look for a newer isolet \
             (docs/v8.md, \"How fixes get in\"), or run untrusted code with --no-jit",
            build.version, build.released
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_engine_causes_a_warning() {
        let build = V8Build { version: "15.2.1.1", released: "2026-08-20", ..V8Build::linked() };
        assert_eq!(warning(&build, MAX_AGE_DAYS), None);
        let said = warning(&build, MAX_AGE_DAYS + 1).unwrap();
        assert!(said.contains("V8 15.2.1.1 was released 61 days ago (2026-08-20)"), "{said}");
    }
}
