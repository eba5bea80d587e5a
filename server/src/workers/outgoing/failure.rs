//! Fetches that have no answer, and the texts that the Worker gets of them.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use isolet_bindings::text::shortened;
use url::Url;

use super::Advice;
use super::allow_list::entry_for;

/// The longest cause in a text, in bytes. It may be a text of the other server's.
const MAX_CAUSE_BYTES: usize = 300;

/// The reason why a fetch has no answer.
#[derive(Debug)]
pub enum Failure {
    /// The allow-list does not have the URL.
    HostNotAllowed,
    /// The name has no address that is public or allowed.
    AddressNotAllowed(ForbiddenAddress),
    /// The request is not one that can be sent.
    Invalid(String),
    /// The server did not answer in time.
    Timeout(Duration),
    /// The connection or the response failed.
    Broken(String),
}

/// An address that a name may not have.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the address {address} is not public ({purpose})")]
pub struct ForbiddenAddress {
    /// The address.
    pub address: IpAddr,
    /// Its purpose.
    pub purpose: &'static str,
}

impl Failure {
    /// Returns the failure that an error of the HTTP client stands for.
    pub fn of(error: &reqwest::Error) -> Self {
        let mut cause: &(dyn Error + 'static) = error;
        loop {
            if let Some(forbidden) = cause.downcast_ref::<ForbiddenAddress>() {
                return Self::AddressNotAllowed(forbidden.clone());
            }
            match cause.source() {
                Some(next) => cause = next,
                None => break,
            }
        }
        let what = if error.is_connect() { "cannot connect" } else { "the connection broke" };
        Self::Broken(format!("{what}: {}", shortened(&cause.to_string(), MAX_CAUSE_BYTES)))
    }

    /// Returns the text for the Worker. It has no path, which may contain a secret, and neither an
    /// address nor its purpose, which would tell a Worker about the operator's network.
    pub fn text(&self, url: &Url, advice: &Advice) -> String {
        let origin = url.origin().ascii_serialization();
        match self {
            Self::HostNotAllowed => format!(
                "This Worker may not fetch from {origin}: the operator has not allowed it. To allow it, {}.",
                advice.to_add(&entry_for(url))
            ),
            Self::AddressNotAllowed(_) => format!(
                "This Worker may not fetch from {origin}: the name leads to an address that is not public. If \
                 that is meant, add its network, which the log of isolet names, to `outgoing`."
            ),
            Self::Invalid(reason) => format!("The fetch from {origin} is not valid: {reason}."),
            Self::Timeout(limit) => {
                format!("The fetch from {origin} failed: no answer within {} s.", limit.as_secs())
            }
            Self::Broken(reason) => format!("The fetch from {origin} failed: {reason}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_does_not_learn_about_the_operators_network() {
        let forbidden = ForbiddenAddress { address: [10, 1, 2, 3].into(), purpose: "private" };
        let url = Url::parse("http://a.example/secret").unwrap();
        let text = Failure::AddressNotAllowed(forbidden).text(&url, &Advice::Development);
        assert!(text.contains("http://a.example: the name leads to"), "{text}");
        for told in ["10.1.2.3", "private", "secret"] {
            assert!(!text.contains(told), "{text}");
        }
    }
}
