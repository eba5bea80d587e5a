//! The bound on Workers that call each other, directly or over HTTP.
//!
//! A request that a Worker makes over HTTP says how many calls of Workers led to it, in the header
//! `CDN-Loop` (RFC 8586).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::protocol::FetchError;

/// The number of times that a request from outside may lead to Workers, as on Cloudflare.
const MAX_INVOCATIONS: u32 = 32;

/// The number of calls of methods that a request from outside may lead to, as on Cloudflare.
const MAX_METHOD_CALLS: u32 = 1000;

/// The header with the calls that led to a request.
pub const CDN_LOOP: &str = "cdn-loop";

/// The name of isolet in it, and of its parameter.
const NAME: &str = "isolet";
const LOOPS: &str = "loops=";

/// The calls of Workers that a request from outside has led to. Each request that one of them makes
/// to a Worker has a clone, so that they are counted together. A Worker that calls itself without
/// end is stopped, and so is one that calls itself twice each time.
#[derive(Debug, Clone, Default)]
pub struct CallChain(Arc<ChainCounts>);

#[derive(Debug, Default)]
struct ChainCounts {
    /// The calls of Workers by `fetch`.
    invocations: AtomicU32,
    /// The calls of methods.
    methods: AtomicU32,
}

impl CallChain {
    /// Returns the chain of a request with these headers that came over HTTP; `None` if too many
    /// calls of Workers led to it.
    pub fn of_request(headers: &[(String, String)]) -> Option<Self> {
        let calls = calls_before(headers);
        let counts = || ChainCounts { invocations: AtomicU32::new(calls), ..ChainCounts::default() };
        (calls < MAX_INVOCATIONS).then(|| Self(Arc::new(counts())))
    }

    /// Returns `true` if too many calls of Workers led to a request with these headers.
    pub fn is_too_long(headers: &[(String, String)]) -> bool {
        calls_before(headers) >= MAX_INVOCATIONS
    }

    /// Returns the value of [`CDN_LOOP`] for a request over HTTP that a Worker of the chain makes.
    pub fn header(&self) -> String {
        format!("{NAME}; {LOOPS}{}", self.0.invocations.load(Ordering::Relaxed).saturating_add(1))
    }

    /// Returns `true` if a value of [`CDN_LOOP`] has an entry of isolet, which a Worker may not
    /// write.
    pub fn is_in(value: &str) -> bool {
        value.split(',').any(is_own)
    }

    /// Counts a call of a Worker.
    ///
    /// # Errors
    /// Returns an error for the caller if there were too many.
    pub fn enter(&self) -> Result<(), FetchError> {
        let within = |calls: u32| (calls < MAX_INVOCATIONS - 1).then_some(calls + 1);
        match self.0.invocations.try_update(Ordering::Relaxed, Ordering::Relaxed, within) {
            Ok(_) => Ok(()),
            Err(_) => Err(FetchError {
                name: "Error".to_owned(),
                message: format!(
                    "One request led to more than {MAX_INVOCATIONS} calls of Workers. Look for a Worker that calls itself."
                ),
            }),
        }
    }

    /// Counts a call of a method of a Worker, or of an object.
    ///
    /// # Errors
    /// Returns an error for the caller if there were too many.
    pub(crate) fn enter_method(&self) -> Result<(), FetchError> {
        if self.0.methods.fetch_add(1, Ordering::Relaxed) < MAX_METHOD_CALLS {
            return Ok(());
        }
        self.0.methods.fetch_sub(1, Ordering::Relaxed);
        Err(FetchError {
            name: "Error".to_owned(),
            message: format!(
                "One request led to more than {MAX_METHOD_CALLS} calls of methods of Workers. Look for Workers that call each other."
            ),
        })
    }
}

/// Returns the number of calls of Workers that led to a request with these headers.
fn calls_before(headers: &[(String, String)]) -> u32 {
    let values = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(CDN_LOOP));
    let own = values.flat_map(|(_, value)| value.split(',')).filter(|entry| is_own(entry));
    let calls = own.map(|entry| {
        let loops = entry.split(';').find_map(|part| part.trim().strip_prefix(LOOPS));
        loops.and_then(|loops| loops.parse().ok()).unwrap_or(1)
    });
    calls.max().unwrap_or(0)
}

/// Returns `true` if an entry of the header is isolet's.
fn is_own(entry: &str) -> bool {
    entry.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_over_http() {
        let of = |values: &[&str]| {
            let header = |value: &&str| ("CDN-Loop".to_owned(), (*value).to_owned());
            let headers: Vec<_> = values.iter().map(header).collect();
            CallChain::of_request(&headers).map(|chain| chain.0.invocations.load(Ordering::Relaxed))
        };
        assert_eq!(of(&[]), Some(0));
        assert_eq!(of(&["other; loops=7, another"]), Some(0));
        assert_eq!(of(&["other, isolet; loops=3", "ISOLET;loops=5"]), Some(5));
        assert_eq!(of(&["isolet", "isolet; loops=x"]), Some(1));
        assert_eq!(of(&["isolet; loops=31"]), Some(31));
        assert_eq!(of(&["isolet; loops=32"]), None);
        assert_eq!(of(&[&CallChain::default().header()]), Some(1));
        assert!(CallChain::is_in("other, Isolet ;x") && !CallChain::is_in("isolet2, other"));
    }

    #[test]
    fn calls_of_all_branches_are_counted_together() {
        let chain = CallChain::default();
        let branches = [chain.clone(), chain.clone()];
        let entered = (0..100).filter(|turn| branches[turn % 2].enter().is_ok()).count();
        assert_eq!(entered as u32, MAX_INVOCATIONS - 1, "the request from outside is the first");
        assert!(chain.enter().unwrap_err().message.contains("32 calls"));
        assert!(CallChain::default().enter().is_ok());
        let methods = (0..2000).filter(|turn| branches[turn % 2].enter_method().is_ok()).count();
        assert_eq!(methods as u32, MAX_METHOD_CALLS);
    }
}
