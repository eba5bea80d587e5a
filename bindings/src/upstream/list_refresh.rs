//! The tool list while a session lasts: fetched again when it changes or when it is outdated.

use std::time::Duration;

use tokio::sync::Notify;

use super::listing::{ListKind, ToolList, fetch};
use super::options::MAX_TIMEOUT;
use super::server::Server;
use super::tool_lists::Announcer;
use crate::connection::{Connection, RequestError};

/// Several changes of a list within this time are fetched once.
const LIST_SETTLE_DELAY: Duration = Duration::from_millis(100);

/// A server that announces changes all the time is listed this often at most.
const MIN_LIST_INTERVAL: Duration = Duration::from_secs(1);

/// A list that could not be fetched is requested again after this time.
const LIST_RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// A list that is outdated at once, which the official SDKs declare by default, is fetched again
/// after `min_list_age`; while it stays the same, the interval doubles up to this.
const MAX_UNCHANGED_LIST_AGE: Duration = Duration::from_secs(60);

impl Server {
    /// Follows changes of the list. Returns false when the session ends, true when the server is to
    /// stop. `fresh_for` is how long the first list stays valid.
    pub(super) async fn stay(
        &self,
        connection: &Connection,
        tools_changed: &Notify,
        announcer: &Announcer,
        fresh_for: Option<Duration>,
    ) -> bool {
        tokio::select! {
            () = connection.ended() => false,
            () = self.stop.cancelled() => true,
            () = self.refresh_list(connection, tools_changed, announcer, fresh_for) => false,
            () = self.watch_health(connection) => false,
        }
    }

    /// Never returns.
    async fn refresh_list(
        &self,
        connection: &Connection,
        tools_changed: &Notify,
        announcer: &Announcer,
        mut fresh_for: Option<Duration>,
    ) {
        let min_age = self.context.options.min_list_age;
        let mut unchanged_age = min_age;
        loop {
            let is_listed = self.now.borrow().tools.is_some();
            // If lists have ages, one without an age is outdated at once.
            let has_ages = connection.revision().has_list_ages();
            let age = fresh_for.or(has_ages.then_some(Duration::ZERO));
            // A server that announces changes need not be asked.
            let age = age.filter(|_| is_listed && !connection.is_listening());
            let age = age.map(|age| if age.is_zero() { unchanged_age } else { age.max(min_age) });
            let again = if is_listed { age } else { Some(LIST_RETRY_INTERVAL) };
            tokio::select! {
                () = tools_changed.notified() => tokio::time::sleep(LIST_SETTLE_DELAY).await,
                () = tokio::time::sleep(again.unwrap_or_default().min(MAX_TIMEOUT)), if again.is_some() => {}
            }
            match self.list_tools(connection).await {
                Ok((list, age)) => {
                    fresh_for = age;
                    let mut changed = false;
                    self.now.send_modify(|now| {
                        now.rejected = list.rejected;
                        changed = now.replace_tools(Some(list.tools));
                    });
                    unchanged_age =
                        if changed { min_age } else { (unchanged_age * 2).min(MAX_UNCHANGED_LIST_AGE) };
                    announcer.announce();
                }
                Err(problem) => {
                    let problem = self.fit(problem);
                    tracing::warn!(target: "isolet::upstream", server = self.context.name, "{problem}");
                    self.now.send_modify(|now| now.last_error = Some(problem));
                }
            }
            tokio::time::sleep(MIN_LIST_INTERVAL).await;
        }
    }

    /// Returns when the server does not answer a ping any more. Servers that never answered one are
    /// left alone. Over HTTP, a revision without sessions has no session that could be lost.
    async fn watch_health(&self, connection: &Connection) {
        let options = &self.context.options;
        let mut has_answered = false;
        while connection.revision().has_sessions() || !self.is_http() {
            tokio::time::sleep(options.ping_interval).await;
            if connection.is_busy() {
                continue;
            }
            if connection.ping(options.ping_timeout).await {
                has_answered = true;
            } else if !has_answered {
                break;
            } else if !connection.is_busy() {
                connection.give_up(format!("it did not answer a ping within {:?}", options.ping_timeout));
                return;
            }
        }
        std::future::pending().await
    }

    /// Fetches the tools. Also returns how long the list stays valid, if the server says so.
    pub(super) async fn list_tools(
        &self,
        connection: &Connection,
    ) -> Result<(ToolList, Option<Duration>), String> {
        let timeout = self.context.options.list_timeout;
        match fetch(connection, ListKind::Tools, timeout).await {
            Ok(fetched) => {
                let has_headers = self.is_http() && connection.revision().has_param_headers();
                let mut list = ToolList::read(&fetched.items, has_headers);
                if has_headers {
                    connection.params().replace(std::mem::take(&mut list.params));
                }
                Ok((list, fetched.fresh_for))
            }
            // A server that has only resources or prompts may not know the request.
            Err(RequestError::Upstream { code: -32601, .. }) => Ok((ToolList::default(), None)),
            Err(error) => Err(format!("its tools cannot be listed: {}", error.describe(timeout))),
        }
    }
}
