//! The sender and the protocol revision of an MCP request.

use http::request::Parts;
use isolet_bindings::{Caller, Revision};
use rmcp::RoleServer;
use rmcp::service::RequestContext;

use crate::service::client::{Client, Tenant};

/// Returns the sender of the client's HTTP request; `None` on standard input and output.
pub fn client(context: &RequestContext<RoleServer>) -> Option<&Client> {
    context.extensions.get::<Parts>()?.extensions.get()
}

/// Returns the tenant of the token of the client's request.
pub fn tenant(context: &RequestContext<RoleServer>) -> Option<Tenant> {
    client(context)?.tenant.clone()
}

/// Returns the caller of tools that the client calls without a script.
pub fn caller(context: &RequestContext<RoleServer>) -> Caller {
    client(context).map_or_else(Caller::default, Client::caller_of_tools)
}

/// Returns the revision of MCP of the request; `None` before it is negotiated.
pub fn revision(context: &RequestContext<RoleServer>) -> Option<Revision> {
    context.protocol_version().map(|version| Revision::at_most(version.as_str()))
}
