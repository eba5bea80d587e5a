//! Rate limits: a token bucket for each thing that is counted.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::CallTarget;
use super::invalid_rule::InvalidRule;
use super::refusal::Refusal;
use super::rule::NamePatterns;

/// The most buckets. Tools are bounded by the servers' lists; tenants are chosen by callers.
const MAX_BUCKETS: usize = 10_000;

/// The least time between two sweeps, since a sweep looks at every bucket.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A rate limit: a number of calls in a time.
#[derive(Debug, Clone)]
pub struct Rate {
    /// The name, which refusals show.
    pub name: String,
    /// The servers that it applies to.
    pub servers: NamePatterns,
    /// The tools that it applies to.
    pub tools: NamePatterns,
    /// The number of calls.
    pub calls: u32,
    /// The time in which they may be made.
    pub time: Duration,
    /// The things that are counted separately.
    pub scope: RateScope,
}

/// The things that a rate limit counts separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RateScope {
    /// Each tool.
    #[default]
    Tool,
    /// Each tenant, over all tools that the rule names. Runs without a tenant count as one.
    Tenant,
    /// Nothing: all calls together.
    All,
}

/// Parses a rate such as `60/m`.
///
/// # Errors
/// Text that is not a rate.
pub fn parse_rate(text: &str) -> Result<(u32, Duration), InvalidRule> {
    let bad = || InvalidRule::Rate(text.to_owned());
    let (calls, unit) = text.split_once('/').ok_or_else(bad)?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(bad()),
    };
    let calls: u32 = calls.trim().parse().map_err(|_| bad())?;
    if calls == 0 || calls > 1_000_000 { Err(bad()) } else { Ok((calls, Duration::from_secs(seconds))) }
}

/// The rate limits and their token buckets.
#[derive(Debug, Default)]
pub(super) struct RateLimiter {
    rates: Vec<Rate>,
    /// One lock for all buckets: a call takes from every bucket that applies, or from none.
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// By the index of the rate limit and the name of the thing that is counted.
    by_name: HashMap<(usize, String), Bucket>,
    last_sweep: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    calls: f64,
    at: Instant,
}

impl RateLimiter {
    pub(super) fn new(rates: Vec<Rate>) -> Self {
        Self { rates, ..Self::default() }
    }

    pub(super) fn take(&self, target: CallTarget<'_>, tenant: Option<&str>) -> Result<(), Refusal> {
        self.take_at(target, tenant, Instant::now())
    }

    /// Takes a call from every bucket that applies, or from none.
    fn take_at(&self, target: CallTarget<'_>, tenant: Option<&str>, now: Instant) -> Result<(), Refusal> {
        let concerns = |rate: &Rate| rate.servers.forbids(target.server) && rate.tools.forbids(target.tool);
        let concerned: Vec<(usize, &Rate)> =
            self.rates.iter().enumerate().filter(|(_, rate)| concerns(rate)).collect();
        if concerned.is_empty() {
            return Ok(());
        }
        let mut buckets = self.buckets.lock();
        let is_full = buckets.sweep(&self.rates, now);
        let mut taken = Vec::with_capacity(concerned.len());
        for (index, rate) in concerned {
            let key = buckets.key((index, rate.scope.name(target, tenant)), is_full);
            let bucket = buckets.by_name.get(&key).copied().unwrap_or(Bucket { calls: rate.full(), at: now });
            let level = rate.level(bucket, now);
            if level < 1.0 {
                let wait = (1.0 - level) * rate.time.as_secs_f64() / rate.full();
                let shown = format!("{} calls in {:?}", rate.calls, rate.time);
                return Err(Refusal::too_often(target, &rate.name, &shown, (wait * 1e3).ceil() as u64));
            }
            taken.push((key, Bucket { calls: level - 1.0, at: bucket.at.max(now) }));
        }
        buckets.by_name.extend(taken);
        Ok(())
    }
}

impl Buckets {
    /// Returns the key of a bucket. Past the bound, new names share one bucket, whose name cannot
    /// be that of a tool or tenant.
    fn key(&self, key: (usize, String), is_full: bool) -> (usize, String) {
        if is_full && !self.by_name.contains_key(&key) { (key.0, "\0".to_owned()) } else { key }
    }

    /// Removes full buckets if there are too many; a full bucket equals an absent one. Returns
    /// whether there are still too many.
    fn sweep(&mut self, rates: &[Rate], now: Instant) -> bool {
        if self.by_name.len() < MAX_BUCKETS {
            return false;
        }
        if self.last_sweep.is_none_or(|last| now.saturating_duration_since(last) >= SWEEP_INTERVAL) {
            self.last_sweep = Some(now);
            self.by_name
                .retain(|(index, _), bucket| rates[*index].level(*bucket, now) < rates[*index].full());
        }
        self.by_name.len() >= MAX_BUCKETS
    }
}

impl RateScope {
    /// The name of the thing that a call counts for.
    fn name(self, target: CallTarget<'_>, tenant: Option<&str>) -> String {
        match self {
            Self::Tool => format!("{}/{}", target.server, target.tool),
            Self::Tenant => tenant.unwrap_or_default().to_owned(),
            Self::All => String::new(),
        }
    }
}

impl Rate {
    fn full(&self) -> f64 {
        f64::from(self.calls)
    }

    /// The calls in the bucket at this time.
    fn level(&self, bucket: Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.calls + since * self.full() / self.time.as_secs_f64()).min(self.full())
    }
}

#[cfg(test)]
mod tests {
    use super::super::ToolHints;
    use super::*;

    fn buckets(rate: &str, tool: &str, scope: RateScope) -> RateLimiter {
        let (calls, time) = parse_rate(rate).unwrap();
        let (servers, tools) = (NamePatterns::default(), NamePatterns::new(&[tool]).unwrap());
        RateLimiter::new(vec![Rate { name: "r".to_owned(), servers, tools, calls, time, scope }])
    }

    fn target(tool: &str) -> CallTarget<'_> {
        CallTarget { server: "s", tool, hints: Some(ToolHints::default()) }
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = buckets("2/s", "a*", RateScope::Tool);
        let start = Instant::now();
        let take =
            |tool, after: u64| buckets.take_at(target(tool), None, start + Duration::from_millis(after));
        assert!(take("a", 0).is_ok() && take("a", 0).is_ok());
        let refusal = take("a", 100).unwrap_err();
        assert!(refusal.later && refusal.hint.starts_with("Wait 400 ms"), "{refusal:?}");
        assert!(take("ab", 100).is_ok(), "each tool has its own");
        assert!(take("b", 100).is_ok(), "others are not counted");
        assert!(take("a", 600).is_ok());
        assert!(take("a", 600).is_err());
    }

    #[test]
    fn tenants_are_counted_separately_and_all_together() {
        let now = Instant::now();
        let tenants = buckets("1/m", "*", RateScope::Tenant);
        assert!(tenants.take_at(target("a"), Some("x"), now).is_ok());
        assert!(tenants.take_at(target("b"), Some("x"), now).is_err());
        assert!(tenants.take_at(target("a"), Some("y"), now).is_ok());
        assert!(tenants.take_at(target("a"), None, now).is_ok());
        let all = buckets("1/m", "*", RateScope::All);
        assert!(all.take_at(target("a"), Some("x"), now).is_ok());
        assert!(all.take_at(target("b"), Some("y"), now).is_err());
    }

    #[test]
    fn invented_tenants_neither_fill_the_memory_nor_get_more_calls() {
        let buckets = buckets("1/h", "*", RateScope::Tenant);
        let now = Instant::now();
        let mut let_through = 0;
        for number in 0..2 * MAX_BUCKETS {
            let_through +=
                usize::from(buckets.take_at(target("a"), Some(&format!("t{number}")), now).is_ok());
        }
        // All names past the bound share one more.
        assert_eq!(let_through, MAX_BUCKETS + 1);
        assert_eq!(buckets.buckets.lock().by_name.len(), MAX_BUCKETS + 1);
    }

    #[test]
    fn refused_calls_leave_no_buckets() {
        let (servers, tools) = (NamePatterns::default(), NamePatterns::default());
        let (calls, time) = parse_rate("1/h").unwrap();
        let each = Rate { name: "each".to_owned(), servers, tools, calls, time, scope: RateScope::Tenant };
        let all = Rate { name: "all".to_owned(), scope: RateScope::All, ..each.clone() };
        let buckets = RateLimiter::new(vec![each, all]);
        let now = Instant::now();
        assert!(buckets.take_at(target("a"), Some("x"), now).is_ok());
        for number in 0..100 {
            let refusal = buckets.take_at(target("a"), Some(&format!("t{number}")), now).unwrap_err();
            assert_eq!(refusal.rule, "all");
        }
        assert_eq!(buckets.buckets.lock().by_name.len(), 2);
    }

    #[test]
    fn rates_are_parsed() {
        assert_eq!(parse_rate("60/m").unwrap(), (60, Duration::from_secs(60)));
        for wrong in ["", "60", "0/s", "1/y", "-1/s", "1.5/s", "/s", "9999999999/s"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }
}
