//! The scripts of a soak and their shares.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::cli::RequestArgs;
use crate::error::BenchError;
use crate::load::mix::{Mix, MixPart};
use crate::load::request::RequestPlan;

/// The kinds of scripts: name, share, script. Each has to be answered with a report, whatever it
/// says: an upstream or the run's own process may have been killed.
const SCRIPTS: [(&str, f64, &str); 9] = [
    ("plain", 0.30, "return 1 + 1"),
    ("one call", 0.30, "return (await env.demo.add({ a: 1, b: 2 })).sum"),
    (
        "ten calls at once on two servers",
        0.15,
        "return (await Promise.all([0, 1, 2, 3, 4].flatMap((a) => [env.demo.add({ a, b: 1 }), env.other.add({ a, b: 2 })]))).length",
    ),
    ("a slow call", 0.10, "return await env.other.wait({ ms: 30 })"),
    ("a result of 200 kB", 0.05, "return (await env.demo.text({ bytes: 200000 })).length"),
    ("an error", 0.05, "throw new Error('wrong')"),
    ("a syntax error", 0.03, "return ("),
    ("a flood of logs", 0.01, "for (;;) console.log('x'.repeat(10000))"),
    ("a loop of 200 ms", 0.01, "const end = Date.now() + 200; while (Date.now() < end); return 1"),
];

/// Returns the load.
pub(super) async fn mix(base: &str) -> Result<Mix, BenchError> {
    let mut parts = Vec::new();
    for (name, share, script) in SCRIPTS {
        let request = RequestArgs {
            url: format!("{base}/v1/run"),
            method: None,
            body: Some(json!({ "code": script }).to_string()),
            headers: Vec::new(),
            timeout: Duration::from_secs(30),
            expect: Some("\"ok\":".to_owned()),
            allow_remote: false,
        };
        let plan = Arc::new(RequestPlan::new(&request).await?);
        parts.push(MixPart { name: name.to_owned(), plan, share });
    }
    Ok(Mix { parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_shares_are_a_whole() {
        let mix = mix("http://127.0.0.1:9").await.unwrap();
        let sum: f64 = mix.parts.iter().map(|part| part.share).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
}
