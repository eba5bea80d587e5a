//! The context of one server: its configuration, and what its connections share.

use std::sync::Arc;

use super::options::UpstreamOptions;
use crate::config::ServerConfig;
use crate::oauth::Account;
use crate::redact::Redactor;
use crate::transport::http::pools::Pools;

/// The configuration of one server, and what its connections share.
pub(crate) struct ServerContext {
    pub name: String,
    pub config: ServerConfig,
    pub redactor: Arc<Redactor>,
    pub options: Arc<UpstreamOptions>,
    pub pools: Arc<Pools>,
    /// The source of tokens, for a server over HTTP.
    pub account: Option<Account>,
}
