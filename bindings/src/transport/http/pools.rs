//! Pools of connections: one through the proxy, one without.

use std::sync::OnceLock;
use std::time::Duration;

/// The connection pools that all servers share, created when they are first needed.
#[derive(Default)]
pub(crate) struct Pools {
    proxied: OnceLock<reqwest::Client>,
    /// Without a proxy, for servers on this machine, which a proxy could not reach.
    direct: OnceLock<reqwest::Client>,
}

impl Pools {
    pub(crate) fn for_url(&self, url: &url::Url) -> Result<reqwest::Client, String> {
        let here = is_here(url);
        let pool = if here { &self.direct } else { &self.proxied };
        if let Some(client) = pool.get() {
            return Ok(client.clone());
        }
        let builder = reqwest::Client::builder()
            .user_agent(concat!("isolet/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .pool_idle_timeout(Duration::from_secs(90))
            .http1_only()
            .tcp_nodelay(true);
        let builder = if here { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| format!("no HTTP client can be made: {error}"))?;
        Ok(pool.get_or_init(|| client).clone())
    }
}

/// Returns whether a URL leads to this machine.
pub(crate) fn is_here(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
