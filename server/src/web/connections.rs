//! Limits of concurrent connections.
//!
//! Connections are counted before anything is read from them, so before authentication: anybody who
//! reaches the port can open them. One address cannot use up the connections of all others, and
//! other machines together cannot use up those of this machine.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::access;

/// The number of all connections. More than the default runs and queue together, so that health
/// checks succeed while the queue is full.
const MAX_CONNECTIONS: usize = 4096;

/// The number of connections of one address on another machine. More than the default runs and
/// queue together, because it may be a proxy.
const MAX_OF_ONE_ADDRESS: usize = 1536;

/// The number of connections that are reserved for this machine.
const RESERVED_FOR_LOOPBACK: usize = 256;

/// The connections of one server.
pub struct Connections {
    all: Arc<Semaphore>,
    remote: Mutex<RemoteConnections>,
    max_of_one: usize,
    max_remote: usize,
}

/// Connections from other machines.
#[derive(Default)]
struct RemoteConnections {
    all: usize,
    each: HashMap<IpAddr, usize>,
}

/// A connection that may be accepted next.
pub type ConnectionSlot = OwnedSemaphorePermit;

/// The permit of an accepted connection. Dropping it admits another one.
pub struct ConnectionPermit {
    _slot: ConnectionSlot,
    remote: Option<(Arc<Connections>, IpAddr)>,
}

impl Default for Connections {
    fn default() -> Self {
        Self::new(MAX_CONNECTIONS, MAX_OF_ONE_ADDRESS, RESERVED_FOR_LOOPBACK)
    }
}

impl Connections {
    fn new(all: usize, max_of_one: usize, reserved_for_loopback: usize) -> Self {
        let (all, max_remote) = (Arc::new(Semaphore::new(all)), all - reserved_for_loopback);
        Self { all, remote: Mutex::default(), max_of_one, max_remote }
    }

    /// Waits until another connection may be accepted.
    pub async fn slot(&self) -> ConnectionSlot {
        self.all.clone().acquire_owned().await.expect("a semaphore that stays open")
    }

    /// Returns the permit of a connection from `peer` (`None` for a UNIX socket); `None` if its
    /// address or all other machines together have too many connections.
    pub fn permit(self: &Arc<Self>, slot: ConnectionSlot, peer: Option<IpAddr>) -> Option<ConnectionPermit> {
        let Some(peer) = peer.filter(|peer| !access::is_local(*peer)) else {
            return Some(ConnectionPermit { _slot: slot, remote: None });
        };
        let key = network(peer);
        let mut remote = self.remote.lock();
        let count = remote.each.get(&key).copied().unwrap_or_default();
        if count >= self.max_of_one || remote.all >= self.max_remote {
            tracing::debug!(%peer, "too many connections");
            return None;
        }
        remote.each.insert(key, count + 1);
        remote.all += 1;
        Some(ConnectionPermit { _slot: slot, remote: Some((self.clone(), key)) })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let Some((connections, key)) = &self.remote else { return };
        let mut remote = connections.remote.lock();
        remote.all -= 1;
        match remote.each.get_mut(key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(remote.each.remove(key)),
        }
    }
}

/// Returns the key of an address: an IPv6 host may use any address of its /64 network.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn open(connections: &Arc<Connections>, peer: &str) -> Option<ConnectionPermit> {
        let slot = connections.slot().now_or_never()?;
        connections.permit(slot, peer.parse().ok())
    }

    #[tokio::test]
    async fn addresses_are_limited_and_this_machine_has_a_reserve() {
        let connections = Arc::new(Connections::new(10, 4, 3));
        let mut first: Vec<_> = (0..5).map(|_| open(&connections, "192.0.2.1")).collect();
        assert_eq!(first.iter().flatten().count(), 4);
        let mapped = open(&connections, "::ffff:192.0.2.1");
        assert!(mapped.is_none(), "it is the same address");
        // A closed connection can be replaced.
        first.truncate(3);
        first.push(open(&connections, "192.0.2.1"));
        assert_eq!(first.iter().flatten().count(), 4);
        // Three of the ten are reserved for this machine.
        let second: Vec<_> = (0..5).map(|_| open(&connections, "192.0.2.2")).collect();
        assert_eq!(second.iter().flatten().count(), 3);
        let local: Vec<_> =
            ["127.0.0.1", "::1", "::ffff:127.0.0.9"].iter().map(|peer| open(&connections, peer)).collect();
        assert_eq!(local.iter().flatten().count(), 3);
        assert!(connections.slot().now_or_never().is_none(), "ten are there");
        drop((first, second, local));
        let remote = connections.remote.lock();
        assert_eq!((remote.all, remote.each.len()), (0, 0));
        drop(remote);
        // This machine may use all connections.
        let local: Vec<_> = (0..10).map(|_| open(&connections, "127.0.0.1")).collect();
        assert_eq!(local.iter().flatten().count(), 10);
    }

    #[tokio::test]
    async fn an_ipv6_network_counts_as_one_address() {
        let connections = Arc::new(Connections::new(10, 2, 0));
        let places: Vec<_> =
            ["2001:db8::1", "2001:db8::ffff:2", "2001:db8::3"].map(|peer| open(&connections, peer)).into();
        assert_eq!(places.iter().flatten().count(), 2);
        assert!(open(&connections, "2001:db8:0:1::1").is_some());
    }
}
