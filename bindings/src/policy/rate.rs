//! How often: a bucket for each thing that is counted, filled at a steady pace.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Target;
use super::refusal::Refusal;
use super::rule::{BadRule, Names};

/// Buckets that are kept. Tools are bounded by the servers' lists, tenants are whatever callers say.
const MOST_BUCKETS: usize = 10_000;

/// How many calls in which time.
#[derive(Debug, Clone)]
pub struct Rate {
    /// What a refused caller is told.
    pub name: String,
    /// Of which servers.
    pub servers: Names,
    /// Which tools.
    pub tools: Names,
    /// How many.
    pub calls: u32,
    /// In this time.
    pub time: Duration,
    /// What is counted by itself.
    pub per: Per,
}

/// What is counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Per {
    /// Each tool.
    #[default]
    Tool,
    /// Each tenant, all tools that the rule names together; runs without a tenant are one.
    Tenant,
    /// Everything together.
    All,
}

/// Reads `60/m`.
///
/// # Errors
/// When it is no rate.
pub fn parse(text: &str) -> Result<(u32, Duration), BadRule> {
    let bad = || BadRule::Rate(text.to_owned());
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

#[derive(Debug, Default)]
pub(super) struct Buckets {
    rates: Vec<Rate>,
    filled: Mutex<Filled>,
}

#[derive(Debug, Default)]
struct Filled {
    /// By rate and what is counted.
    buckets: HashMap<(usize, String), Bucket>,
    swept: Option<Instant>,
}

impl Filled {
    /// Forgets full buckets, which are as good as none, where there are too many; whether there still are.
    fn sweep(&mut self, rates: &[Rate], now: Instant) -> bool {
        /// Looking at all of them costs time, and callers decide how often they come.
        const EVERY: Duration = Duration::from_secs(1);
        if self.buckets.len() < MOST_BUCKETS {
            return false;
        }
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= EVERY) {
            self.swept = Some(now);
            self.buckets
                .retain(|(index, _), bucket| rates[*index].level(*bucket, now) < rates[*index].full());
        }
        self.buckets.len() >= MOST_BUCKETS
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    calls: f64,
    at: Instant,
}

impl Buckets {
    pub(super) fn new(rates: Vec<Rate>) -> Self {
        Self { rates, filled: Mutex::default() }
    }

    pub(super) fn take(&self, target: Target<'_>, tenant: Option<&str>) -> Result<(), Refusal> {
        self.take_at(target, tenant, Instant::now())
    }

    /// Takes from every bucket that the call concerns, or from none.
    fn take_at(&self, target: Target<'_>, tenant: Option<&str>, now: Instant) -> Result<(), Refusal> {
        let concerned: Vec<(usize, &Rate)> = self
            .rates
            .iter()
            .enumerate()
            .filter(|(_, rate)| rate.servers.forbids(target.server) && rate.tools.forbids(target.tool))
            .collect();
        if concerned.is_empty() {
            return Ok(());
        }
        let mut filled = self.filled.lock().unwrap_or_else(PoisonError::into_inner);
        let crowded = filled.sweep(&self.rates, now);
        let mut taken = Vec::with_capacity(concerned.len());
        for (index, rate) in concerned {
            let key = match rate.per {
                Per::Tool => format!("{}/{}", target.server, target.tool),
                Per::Tenant => tenant.unwrap_or_default().to_owned(),
                Per::All => String::new(),
            };
            // Past the bound newcomers share one bucket, which no name can mean.
            let key = if crowded && !filled.buckets.contains_key(&(index, key.clone())) {
                "\0".to_owned()
            } else {
                key
            };
            let key = (index, key);
            let level = filled.buckets.get(&key).map_or(rate.full(), |bucket| rate.level(*bucket, now));
            if level < 1.0 {
                let wait = (1.0 - level) * rate.time.as_secs_f64() / rate.full();
                let shown = format!("{} calls in {:?}", rate.calls, rate.time);
                return Err(Refusal::too_often(target, &rate.name, &shown, (wait * 1e3).ceil() as u64));
            }
            taken.push((key, Bucket { calls: level - 1.0, at: now }));
        }
        filled.buckets.extend(taken);
        Ok(())
    }
}

impl Rate {
    fn full(&self) -> f64 {
        f64::from(self.calls)
    }

    /// How many calls are in the bucket by now.
    fn level(&self, bucket: Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.calls + since * self.full() / self.time.as_secs_f64()).min(self.full())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Hints;
    use super::*;

    fn buckets(rate: &str, tool: &str, per: Per) -> Buckets {
        let (calls, time) = parse(rate).unwrap();
        let (servers, tools) = (Names::default(), Names::new(&[tool]).unwrap());
        Buckets::new(vec![Rate { name: "r".to_owned(), servers, tools, calls, time, per }])
    }

    fn target(tool: &str) -> Target<'_> {
        Target { server: "s", tool, hints: Some(Hints::default()) }
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = buckets("2/s", "a*", Per::Tool);
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
    fn tenants_are_counted_apart_and_everything_together() {
        let now = Instant::now();
        let tenants = buckets("1/m", "*", Per::Tenant);
        assert!(tenants.take_at(target("a"), Some("x"), now).is_ok());
        assert!(tenants.take_at(target("b"), Some("x"), now).is_err());
        assert!(tenants.take_at(target("a"), Some("y"), now).is_ok());
        assert!(tenants.take_at(target("a"), None, now).is_ok());
        let all = buckets("1/m", "*", Per::All);
        assert!(all.take_at(target("a"), Some("x"), now).is_ok());
        assert!(all.take_at(target("b"), Some("y"), now).is_err());
    }

    #[test]
    fn invented_tenants_do_not_fill_the_memory_and_do_not_get_more() {
        let buckets = buckets("1/h", "*", Per::Tenant);
        let now = Instant::now();
        let mut let_through = 0;
        for number in 0..2 * MOST_BUCKETS {
            let_through +=
                usize::from(buckets.take_at(target("a"), Some(&format!("t{number}")), now).is_ok());
        }
        // One more for all that came too late.
        assert_eq!(let_through, MOST_BUCKETS + 1);
        assert_eq!(buckets.filled.lock().unwrap().buckets.len(), MOST_BUCKETS + 1);
    }

    #[test]
    fn rates_are_numbers_in_a_time() {
        assert_eq!(parse("60/m").unwrap(), (60, Duration::from_secs(60)));
        for wrong in ["", "60", "0/s", "1/y", "-1/s", "1.5/s", "/s", "9999999999/s"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
