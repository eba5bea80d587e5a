//! WebSocket clients: a correct one, and one that sends any bytes.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, handshake};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::bounded;

/// A WebSocket.
pub struct WebSocket {
    stream: WebSocketStream<TcpStream>,
    /// The answer to its handshake.
    pub response: handshake::client::Response,
}

/// A message that a client gets, or the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    Text(String),
    Bytes(Vec<u8>),
    Close(u16, String),
    /// The connection ended without a close frame.
    Lost,
}

impl WebSocket {
    /// Opens a WebSocket at `ws://host/path`.
    pub async fn open(address: SocketAddr, host: &str, path: &str) -> Self {
        match Self::attempt(address, host, path, &[]).await {
            Ok(socket) => socket,
            Err((status, text)) => panic!("{path}: {status} {text}"),
        }
    }

    /// Tries the same with further headers.
    ///
    /// # Errors
    /// The status and the text of the answer.
    pub async fn attempt(
        address: SocketAddr,
        host: &str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, (u16, String)> {
        let mut request = format!("ws://{host}{path}").into_client_request().expect("a URL");
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().expect("a header"));
        }
        let stream = bounded("a connection", TcpStream::connect(address)).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        match bounded("a handshake", client_async(request, stream)).await {
            Ok((stream, response)) => Ok(Self { stream, response }),
            Err(Error::Http(response)) => {
                let text =
                    String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned();
                Err((response.status().as_u16(), text))
            }
            Err(error) => panic!("{path}: {error}"),
        }
    }

    pub async fn text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub async fn bytes(&mut self, bytes: Vec<u8>) {
        self.send(Message::binary(bytes)).await;
    }

    async fn send(&mut self, message: Message) {
        bounded("a message is sent", self.stream.send(message)).await.expect("an open connection");
    }

    /// Sends a close frame, without a code or with one.
    pub async fn close(&mut self, code: Option<(u16, &str)>) {
        let frame = code.map(|(code, reason)| CloseFrame { code: code.into(), reason: reason.into() });
        self.send(Message::Close(frame)).await;
    }

    /// Waits for what comes next. Pings are answered on the way.
    pub async fn next(&mut self) -> Got {
        bounded("a message", async {
            loop {
                return match self.stream.next().await {
                    Some(Ok(Message::Text(text))) => Got::Text(text.to_string()),
                    Some(Ok(Message::Binary(bytes))) => Got::Bytes(bytes.to_vec()),
                    Some(Ok(Message::Close(Some(frame)))) => {
                        Got::Close(frame.code.into(), frame.reason.to_string())
                    }
                    Some(Ok(Message::Close(None))) => Got::Close(1005, String::new()),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                    Some(Err(_)) | None => Got::Lost,
                };
            }
        })
        .await
    }

    /// Sends a text and waits for the answer.
    pub async fn ask(&mut self, text: &str) -> Got {
        self.text(text).await;
        self.next().await
    }

    /// Returns the TCP connection.
    pub fn into_tcp(self) -> TcpStream {
        self.stream.into_inner()
    }
}

/// Opens a WebSocket and returns the connection behind the handshake.
pub async fn raw(address: SocketAddr, path: &str) -> TcpStream {
    WebSocket::open(address, "localhost", path).await.into_tcp()
}

/// Returns a frame of a client: its first byte, and its payload behind a mask of zeros.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        middle @ 126..65536 => {
            bytes.push(0x80 | 126);
            bytes.extend((middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// Sends bytes, which the server may stop reading, and returns the code of the close frame that
/// ends what the server sends, or `None` if there is none.
pub async fn close_code(mut stream: TcpStream, bytes: &[u8]) -> Option<u16> {
    let _ = bounded("bytes are sent", stream.write_all(bytes)).await;
    let mut answer = Vec::new();
    let _ = bounded("the end of the connection", stream.read_to_end(&mut answer)).await;
    let mut rest = &answer[..];
    let mut code = None;
    while let [first, length, more @ ..] = rest {
        let (length, payload) = match (length, more) {
            (126, [high, low, more @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), more),
            (length, more) => (usize::from(*length), more),
        };
        let payload = &payload[..length.min(payload.len())];
        rest = &more[more.len().min(payload.len() + if *rest.get(1).unwrap_or(&0) == 126 { 2 } else { 0 })..];
        if let (0x88, [high, low, ..]) = (*first, payload) {
            code = Some(u16::from_be_bytes([*high, *low]));
        }
    }
    code
}
