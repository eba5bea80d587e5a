//! The redirect URI of a login: a listener on this machine, for one visit.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The longest request that is read. Authorization codes have some hundred bytes.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// The time that one connection has to send its request; others wait meanwhile.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const CALLBACK_PATH: &str = "/callback";

const CALLBACK_PAGE: &str = "<!doctype html><meta charset=utf-8><title>isolet</title><p>You can close this window and go back to the terminal.";

/// The listener at the redirect URI.
pub(super) struct RedirectListener {
    listener: TcpListener,
    port: u16,
}

impl RedirectListener {
    /// Listens on this machine, on `port` or on any free port.
    pub(super) async fn listen(port: Option<u16>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// The redirect URI.
    pub(super) fn uri(&self) -> String {
        format!("http://127.0.0.1:{}{CALLBACK_PATH}", self.port)
    }

    /// Waits for a request with this `state`, and returns its URL. Other requests (the browser's
    /// for an icon, guesses) are answered and ignored.
    pub(super) async fn visited(&self, state: &str) -> io::Result<url::Url> {
        loop {
            let (mut stream, _) = self.listener.accept().await?;
            let visit = tokio::time::timeout(REQUEST_TIMEOUT, self.visit(&mut stream, state)).await;
            if let Ok(Ok(Some(url))) = visit {
                return Ok(url);
            }
        }
    }

    async fn visit(&self, stream: &mut TcpStream, state: &str) -> io::Result<Option<url::Url>> {
        let target = target(stream).await?;
        let url = target
            .and_then(|target| url::Url::parse(&format!("http://127.0.0.1:{}{target}", self.port)).ok());
        let url = url.filter(|url| {
            url.path() == CALLBACK_PATH
                && url.query_pairs().any(|(name, value)| name == "state" && value == state)
        });
        let (status, page) =
            if url.is_some() { ("200 OK", CALLBACK_PAGE) } else { ("404 Not Found", "nothing here") };
        // The URL contains the code, so it must not be sent on as a referrer.
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\nreferrer-policy: no-referrer\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{page}",
            page.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        Ok(url)
    }
}

/// Reads the target of a GET request.
async fn target(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut request = Vec::new();
    let mut buffer = [0; 2048];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).await?;
        if count == 0 || request.len() + count > MAX_REQUEST_BYTES {
            return Ok(None);
        }
        request.extend_from_slice(&buffer[..count]);
    }
    let text = String::from_utf8_lossy(&request);
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next(), words.next());
    Ok(target.filter(|target| method == Some("GET") && target.starts_with('/')).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_request_with_the_right_state_counts() {
        let redirect = RedirectListener::listen(None).await.unwrap();
        let port = redirect.port;
        let visits = tokio::spawn(async move {
            for request in [
                "GET /favicon.ico HTTP/1.1\r\n\r\n",
                "GET /callback?code=forged&state=guess HTTP/1.1\r\n\r\n",
                "POST /callback?code=x&state=s HTTP/1.1\r\n\r\n",
                "",
                "GET /callback?code=c&state=s&iss=i HTTP/1.1\r\nhost: x\r\n\r\n",
            ] {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                stream.write_all(request.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
                let mut answer = String::new();
                let _reset = stream.read_to_string(&mut answer).await;
            }
        });
        let visited =
            tokio::time::timeout(Duration::from_secs(10), redirect.visited("s")).await.unwrap().unwrap();
        assert_eq!(visited.query(), Some("code=c&state=s&iss=i"));
        visits.await.unwrap();
    }
}
