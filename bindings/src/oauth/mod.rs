//! OAuth 2.1 for servers over HTTP.
//!
//! | module | one idea |
//! |---|---|
//! | `store` | tokens in files that only their owner can read |
//! | `account` | the token of one server: found, renewed in time, replaced when it is refused |
//! | `challenge` | the challenge of a server: its metadata, missing scopes |
//! | `login` | the first login, in the browser |
//! | `redirect` | the redirect URI: a listener on this machine |

mod account;
mod challenge;
mod login;
mod redirect;
mod store;

pub(crate) use account::Account;
pub(crate) use challenge::missing_scopes;
pub use login::{Login, LoginError};
pub use store::{StoredLogin, TokenFolder};
