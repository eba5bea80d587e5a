//! The message of `isolet serve` when it listens: the address, the accepted token, and a command to
//! try.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use crate::web::access;

/// A listening server, by the way in which clients authenticate.
pub enum Welcome<'a> {
    /// An address, with tokens that the operator configured.
    ConfiguredToken(SocketAddr),
    /// An address, with the generated token in this file.
    GeneratedToken(SocketAddr, &'a Path),
    /// An address, without a token.
    NoToken(SocketAddr),
    /// A UNIX socket, which only its owner can use.
    Unix(&'a Path),
}

/// The options of curl for the request.
const CURL_BODY: &str = r#"-H 'Content-Type: application/json' -d '{"code": "return 6 * 7"}'"#;

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfiguredToken(address) => {
                writeln!(f, "isolet listens on http://{address}")?;
                write!(f, "It requires one of the configured tokens")
            }
            Self::GeneratedToken(address, file) => {
                let file = quoted(file);
                writeln!(f, "isolet listens on http://{address}")?;
                writeln!(f, "It requires the token in {file}; --no-token starts without one. Try:")?;
                let token = format!("-H \"Authorization: Bearer $(cat {file})\"");
                write!(f, "  curl -sS {token} http://{address}/v1/run {CURL_BODY}")
            }
            Self::NoToken(address) => {
                writeln!(f, "isolet listens on http://{address}")?;
                let who = match access::is_local(address.ip()) {
                    true => "every user and every program of this machine, tools of runs included,",
                    false => "everyone who can reach this address",
                };
                write!(f, "It requires no token: {who} can run code and call all tools")
            }
            Self::Unix(path) => {
                let path = quoted(path);
                writeln!(f, "isolet listens on unix:{path}")?;
                write!(
                    f,
                    "Only its owner can connect. Try:\n  curl -sS --unix-socket {path} http://localhost/v1/run {CURL_BODY}"
                )
            }
        }
    }
}

/// Formats the path as a word of a shell, with single quotes where needed. These also work inside
/// `"$(…)"`.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@%:,".contains(letter);
    match text.chars().all(plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("/run/user/0/isolet/_1-80.token")), "/run/user/0/isolet/_1-80.token");
        assert_eq!(quoted(Path::new("/a b/$x")), "'/a b/$x'");
        assert_eq!(quoted(Path::new("/it's")), r"'/it'\''s'");
    }

    #[test]
    fn a_server_without_a_token_warns_about_it() {
        let local = Welcome::NoToken("127.0.0.1:1".parse().unwrap()).to_string();
        assert!(local.contains("every user") && local.contains("http://127.0.0.1:1\n"), "{local}");
        let open = Welcome::NoToken("0.0.0.0:1".parse().unwrap()).to_string();
        assert!(open.contains("everyone who can reach"), "{open}");
    }
}
