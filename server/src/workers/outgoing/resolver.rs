//! Names to addresses. The connection is made to an address that was judged here, so that a name
//! cannot have another one by then.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::addresses::special_purpose;
use super::allow_list::{AllowList, is_localhost};
use super::failure::ForbiddenAddress;

/// The lookups of one Worker at once. Each takes a thread, also after its fetch was given up: the
/// system's lookup cannot be cancelled.
const MAX_LOOKUPS: usize = 16;

/// A function that looks up the addresses of a name.
pub type Lookup = fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;

/// Looks up a name as the programs of this machine do.
pub fn system_lookup(name: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }.boxed()
}

/// The resolver of one Worker's client.
pub struct Resolver {
    list: Arc<AllowList>,
    lookup: Lookup,
    lookups: Arc<Semaphore>,
}

impl Resolver {
    pub fn new(list: Arc<AllowList>, lookup: Lookup) -> Self {
        Self { list, lookup, lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (list, lookup, lookups) = (self.list.clone(), self.lookup, self.lookups.clone());
        Box::pin(async move {
            let full = name.as_str();
            let host = full.strip_suffix('.').unwrap_or(full);
            let found: Vec<SocketAddr> = if is_localhost(host) {
                // By RFC 6761; not every resolver knows the names below `localhost`.
                let here = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
                here.map(|address| SocketAddr::new(address, 0)).into()
            } else {
                let turn = lookups.acquire_owned().await?;
                let looked_up = lookup(full.to_owned());
                // A task of its own, so that the turn ends with the lookup, and not with the fetch.
                tokio::spawn(async move {
                    let found = looked_up.await;
                    drop(turn);
                    found
                })
                .await??
            };
            Ok(allowed(&list, host, found)?)
        })
    }
}

/// Returns the addresses that the name may have.
///
/// # Errors
/// There are others only.
fn allowed(list: &AllowList, host: &str, found: Vec<SocketAddr>) -> Result<Addrs, ForbiddenAddress> {
    let (allowed, forbidden): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| list.has_address(host, address.ip()));
    match forbidden.first() {
        Some(first) if allowed.is_empty() => Err(ForbiddenAddress {
            address: first.ip(),
            purpose: special_purpose(first.ip()).unwrap_or("reserved"),
        }),
        _ => Ok(Box::new(allowed.into_iter())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::settings::outgoing::OutgoingEntry;

    fn list(entries: &[&str]) -> AllowList {
        AllowList::new(entries.iter().map(|entry| OutgoingEntry::parse(entry).unwrap()))
    }

    #[test]
    fn forbidden_addresses_of_a_name_are_left_out() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
        };
        let names = list(&["a.example"]);
        let kept = allowed(&names, "a.example", addresses(&["10.0.0.1", "1.1.1.1", "::1"]));
        let kept: Vec<SocketAddr> = kept.into_iter().flatten().collect();
        assert_eq!(kept, addresses(&["1.1.1.1"]));
        let error = allowed(&names, "a.example", addresses(&["169.254.169.254"])).err().unwrap();
        assert_eq!(error.to_string(), "the address 169.254.169.254 is not public (link-local)");
        assert!(allowed(&list(&["169.254.0.0/16"]), "a.example", addresses(&["169.254.169.254"])).is_ok());
    }

    /// A lookup that was given up goes on, and keeps its place among the bounded ones.
    #[tokio::test]
    async fn lookups_of_fetches_that_were_given_up_count() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        let endless: Lookup = |_| {
            LOOKUPS.fetch_add(1, Ordering::Relaxed);
            std::future::pending().boxed()
        };
        let resolver = Resolver::new(Arc::new(list(&["a.example"])), endless);
        for _ in 0..100 {
            let mut fetch = resolver.resolve("a.example".parse().unwrap());
            assert!(futures_util::poll!(&mut fetch).is_pending());
            drop(fetch);
        }
        assert_eq!(LOOKUPS.load(Ordering::Relaxed), MAX_LOOKUPS);
    }

    #[tokio::test]
    async fn names_of_this_machine_are_not_looked_up() {
        let resolver = Resolver::new(Arc::new(list(&["a.localhost"])), |_| unreachable!("not looked up"));
        let found = resolver.resolve("a.localhost".parse().unwrap()).await;
        let found: Vec<SocketAddr> = found.into_iter().flatten().collect();
        assert!(found.len() == 2 && found.iter().all(|address| address.ip().is_loopback()));
    }
}
