//! Waiting until servers have started or have listed their tools, always within a time limit.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use isolet_bindings::{ServerState, ToolLists};
use isolet_runtime::Catalogue;
use tokio::time::{Instant, timeout};

use super::live::Registry;
use super::named_servers::{NeededServers, needed_servers};
use super::selection::Selection;
use super::tool_filter::ToolFilter;

/// The interval at which states of servers are polled: changes of lists are announced, changes of
/// states are not.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The time within which a connected server's list is announced, if it has one.
const ANNOUNCE_TIME: Duration = Duration::from_millis(200);

/// The time that a request for declarations, or a search, waits for servers that are starting. One
/// server that hangs must not delay the tools of the others for longer.
pub const SERVER_START_TIMEOUT: Duration = Duration::from_secs(10);

impl Registry {
    /// Waits until `server` has listed its tools, or until no attempt is under way that would make
    /// it do so. A server that starts at its first use is started.
    pub async fn listed(&self, server: &str, within: Duration) {
        let mut lists = self.lists.clone();
        let mut ready_since = None;
        self.gate.wake(server);
        let wait = async {
            loop {
                let is_listed = |lists: &ToolLists| {
                    lists.servers.iter().any(|listed| listed.name == server && listed.tools.is_some())
                };
                if is_listed(&lists.borrow_and_update()) {
                    return;
                }
                match self.gate.statuses().iter().find(|status| status.name == server) {
                    Some(status) if status.state == ServerState::Ready => {
                        let since = *ready_since.get_or_insert_with(Instant::now);
                        if since.elapsed() > ANNOUNCE_TIME {
                            return;
                        }
                    }
                    Some(status) if !status.state.is_settled() || status.state == ServerState::Idle => {
                        ready_since = None;
                    }
                    _ => return,
                }
                let _ = timeout(POLL_INTERVAL, lists.changed()).await;
            }
        };
        let _ = timeout(within, wait).await;
    }

    /// Waits for several servers as [`listed`](Self::listed) does.
    pub async fn all_listed(&self, servers: &[String], within: Duration) {
        join_all(servers.iter().map(|server| self.listed(server, within))).await;
    }

    /// Waits for the servers of a selection. Servers that it names are started if they start at
    /// their first use; where it names none, this waits as [`started`](Self::started) does.
    pub async fn ready_for(&self, selection: &Selection, within: Duration) {
        let names = match selection {
            Selection::All => return self.started(within).await,
            Selection::Servers(names) => names.as_slice(),
            Selection::Tool { server, .. } => std::slice::from_ref(server),
            Selection::Tools(patterns) => {
                let Ok(filter) = ToolFilter::new(patterns) else { return };
                let snapshot = self.snapshot();
                let servers = snapshot.servers().filter(|(server, _)| filter.allows_server(*server));
                let servers: Vec<String> = servers.map(|(server, _)| server.name.to_owned()).collect();
                return self.all_listed(&servers, within).await;
            }
        };
        let snapshot = self.snapshot();
        let mut exact: Vec<String> =
            names.iter().filter_map(|name| Some(snapshot.server(name)?.name.to_owned())).collect();
        exact.sort_unstable();
        exact.dedup();
        self.all_listed(&exact, within).await;
    }

    /// Waits until no server is in its first start. A server that disconnects later is not waited
    /// for: its last list is kept.
    pub async fn started(&self, within: Duration) {
        if self.all_started.load(Ordering::Relaxed) {
            return;
        }
        if !self.starting().is_empty() {
            self.settled(within).await;
        }
        if self.starting().is_empty() {
            self.all_started.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until every server is connected or has failed.
    pub async fn settled(&self, within: Duration) {
        self.gate.settled(within).await;
    }

    /// Waits until each server in its first start has a list to advertise, which may be the one of
    /// the last start.
    pub async fn advertisable(&self, within: Duration) {
        let mut lists = self.lists.clone();
        let wait = async {
            loop {
                let has_list =
                    |server: &String| self.remembered.get().is_some_and(|past| past.list(server).is_some());
                if self.all_started.load(Ordering::Relaxed) || self.starting().iter().all(has_list) {
                    return;
                }
                let _ = timeout(POLL_INTERVAL, lists.changed()).await;
            }
        };
        let _ = timeout(within, wait).await;
    }

    /// Returns those of `servers` that have no remembered list.
    pub fn without_remembered_list(&self, servers: Vec<String>) -> Vec<String> {
        let past = self.remembered.get();
        servers.into_iter().filter(|server| past.is_none_or(|past| past.list(server).is_none())).collect()
    }

    /// Waits for the lists of the servers in `catalogue` that `code` names and that have none yet,
    /// so that the script knows the names of their tools. Servers that start at their first use
    /// are started if the script names them. Failed servers are not waited for.
    pub(super) async fn listed_for_script(&self, code: &str, catalogue: &Catalogue, within: Duration) {
        let unlisted = catalogue.unlisted();
        if unlisted.is_empty() {
            return;
        }
        let (servers, are_named) = match needed_servers(code, unlisted.iter().copied()) {
            NeededServers::Named(names) => (names, true),
            NeededServers::All => (unlisted.iter().map(|(name, _)| (*name).to_owned()).collect(), false),
        };
        if servers.is_empty() {
            return;
        }
        let statuses = self.gate.statuses();
        let is_to_come = |name: &String| {
            let mut states = statuses.iter().filter(|status| status.name == *name).map(|status| status.state);
            states.any(|state| state == ServerState::Starting || (are_named && state == ServerState::Idle))
        };
        let to_come: Vec<String> = servers.into_iter().filter(is_to_come).collect();
        self.all_listed(&to_come, within).await;
    }
}
