//! Options of upstream servers: how they are started, and how long they may take.

use std::time::{Duration, SystemTime};

use crate::child::options::{GuardCommand, ShutdownTimeouts};
use crate::oauth::TokenFolder;

/// Options of upstream servers.
#[derive(Debug, Clone)]
pub struct UpstreamOptions {
    /// The command of the guard process (Linux). Without one, children are started directly and
    /// survive a SIGKILL of isolet.
    pub guard: Option<GuardCommand>,
    /// The time from the start of a server to its answer to the handshake, unless its configuration
    /// sets another. Doubled after each attempt that took all of it.
    pub connect_timeout: Duration,
    /// The time for a list of tools, resources or prompts, all pages together.
    pub list_timeout: Duration,
    /// The time that a child has to exit after its input has ended, before it gets SIGTERM.
    pub close_timeout: Duration,
    /// The time that a child has to exit after SIGTERM, before it gets SIGKILL.
    pub terminate_timeout: Duration,
    /// The least time between two fetches of a tool list that is outdated.
    pub min_list_age: Duration,
    /// The time between two pings of a server without requests.
    pub ping_interval: Duration,
    /// The time that a server has to answer a ping.
    pub ping_timeout: Duration,
    /// The most bytes of data, in Base64, of one image, audio or file in a result that a script
    /// gets.
    pub max_media_bytes: usize,
    /// The folder of stored logins.
    pub token_folder: TokenFolder,
    /// The clock by which tokens expire.
    pub clock: fn() -> SystemTime,
    /// The client name that isolet sends to servers.
    pub client_name: String,
    /// The client version that isolet sends to servers.
    pub client_version: String,
}

/// The default of [`connect_timeout`](UpstreamOptions::connect_timeout).
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// A bound for timeouts, longer than any call may take. An instant plus an arbitrary duration could
/// overflow.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(86_400);

impl Default for UpstreamOptions {
    fn default() -> Self {
        Self {
            guard: None,
            // `npx` and `uvx` download what they run.
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            list_timeout: Duration::from_secs(30),
            // Most servers exit within milliseconds. Others ignore the end of their input, and
            // every `isolet run` waits for them.
            close_timeout: Duration::from_millis(400),
            terminate_timeout: Duration::from_secs(1),
            min_list_age: Duration::from_secs(10),
            ping_interval: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(10),
            // Enough for a photograph of 12 megapixels. The heap of a script is 128 MiB by default.
            max_media_bytes: 8 * 1024 * 1024,
            token_folder: TokenFolder::of_user(),
            clock: SystemTime::now,
            client_name: "isolet".to_owned(),
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl UpstreamOptions {
    pub(crate) fn shutdown_timeouts(&self) -> ShutdownTimeouts {
        ShutdownTimeouts { after_input_closed: self.close_timeout, after_terminate: self.terminate_timeout }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `an_outdated_list…` in tests/life.rs shows the effect of `min_list_age` with a shorter time.
    #[test]
    fn a_list_is_renewed_after_ten_seconds_at_the_earliest() {
        assert_eq!(UpstreamOptions::default().min_list_age, Duration::from_secs(10));
    }
}
