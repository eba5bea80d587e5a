//! OAuth 2.1 for servers over HTTP.
//!
//! | module | one idea |
//! |---|---|
//! | [`store`] | tokens in files that only their owner can read |
//! | `account` | one server's token: found, renewed in time, given up |
//! | `challenge` | what a server says of logins when it refuses: where its metadata is, which scopes are missing |
//! | [`login`] | getting a first token: the browser, and the address it comes back to |
//! | `redirect` | that address: a listener on this machine for one visit |
//!
//! rmcp's `auth` module does the protocol: discovery, registration, PKCE, the exchange of codes and tokens. Here is what it
//! leaves to its user: where tokens live, when they are renewed and by whom when several processes share them, and that
//! they are in no message.

mod account;
mod challenge;
pub mod login;
mod redirect;
pub mod store;

pub(crate) use account::{Account, is_here};
pub(crate) use challenge::{is_client_id, missing_scopes};
pub use login::{Login, LoginError};
pub use store::{StoredLogin, TokenFolder};
