//! The sender of a request, in the extensions of each authenticated HTTP request.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use isolet_bindings::Caller;
use sha2::{Digest as _, Sha256};

/// The sender of a request, as far as the connection and the token identify it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The other end of the connection: a proxy, where there is one. `None` for a UNIX socket.
    pub peer: Option<SocketAddr>,
    /// The token that the request presented. `None` where the server asks for no token.
    pub token: Option<TokenId>,
    /// The tenant that the token belongs to.
    pub tenant: Option<Tenant>,
}

impl Client {
    /// Returns the caller of a run of this tenant.
    pub fn caller_of_run(&self, tenant: Option<&str>) -> Caller {
        let caller = self.named(Caller::run(tenant));
        if tenant.is_some() && self.tenant.is_none() { caller.for_a_tenant() } else { caller }
    }

    /// Returns the caller of tools that are called without a script.
    pub fn caller_of_tools(&self) -> Caller {
        self.named(Caller::client(self.tenant.as_ref().map(|tenant| &*tenant.0)))
    }

    fn named(&self, caller: Caller) -> Caller {
        caller.from_there(self.peer, self.token.as_ref().map(TokenId::to_string).as_deref())
    }
}

/// The tenant that a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant(pub Arc<str>);

/// Identifies a token without revealing it: its SHA-256, and the label that the operator gave it.
#[derive(Clone)]
pub struct TokenId {
    digest: [u8; 32],
    label: Option<Arc<str>>,
}

impl TokenId {
    /// Returns the id of a token.
    pub fn new(secret: &str, label: Option<&str>) -> Self {
        Self { digest: Sha256::digest(secret).into(), label: label.map(Into::into) }
    }

    /// Returns `true` if `secret` is this token. Comparing digests does not reveal by its duration
    /// where they differ.
    pub fn is(&self, secret: &str) -> bool {
        Sha256::digest(secret).as_slice() == self.digest
    }
}

/// Compares the digests alone: two entries with the same token are equal whatever their labels.
impl PartialEq for TokenId {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for TokenId {}

impl std::hash::Hash for TokenId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

/// Writes the label; without one, the first eight digits of the digest, which do not reveal the
/// token.
impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => f.write_str(label),
            None => self.digest[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_by_label_or_by_a_piece_of_its_digest() {
        let plain = TokenId::new("secret", None);
        assert_eq!(plain.to_string(), "2bb80d53");
        assert_eq!(TokenId::new("secret", Some("ci")).to_string(), "ci");
        assert_eq!(plain, TokenId::new("secret", Some("ci")));
        assert_ne!(plain, TokenId::new("secret2", None));
        assert!(plain.is("secret") && !plain.is("secret2"));
    }
}
