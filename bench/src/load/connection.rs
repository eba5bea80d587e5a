//! One keep-alive connection, one exchange at a time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::request::RequestPlan;
use super::tally::FailureKind;

/// The searched length of a body, so that an endless body costs no memory.
const MAX_SEARCHED_BYTES: usize = 16 * 1024 * 1024;

/// A connection that is opened when first needed and again after it was lost.
#[derive(Default)]
pub struct Connection {
    sender: Option<SendRequest<Full<Bytes>>>,
    /// The start of the current body; kept to reuse its memory.
    body: Vec<u8>,
    opened: u64,
}

/// A complete exchange.
#[derive(Debug)]
pub struct Exchange {
    pub outcome: Result<(), FailureKind>,
    /// The time from when the request could be written to the last byte of the answer, without the
    /// time to connect.
    pub latency: Duration,
    /// The time to open the connection; zero if it was open.
    pub connecting: Duration,
    pub body_bytes: u64,
}

impl Connection {
    /// The number of connections that were made.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Closes the connection. The next exchange opens another one.
    pub fn close(&mut self) {
        self.sender = None;
    }

    /// Sends a request and reads the whole answer.
    pub async fn exchange(&mut self, plan: &RequestPlan) -> Exchange {
        let begun = Instant::now();
        let failed = |failure| Exchange {
            outcome: Err(failure),
            latency: Duration::ZERO,
            connecting: begun.elapsed(),
            body_bytes: 0,
        };
        match timeout(plan.timeout, self.connect(plan)).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return failed(failure),
            Err(_elapsed) => return failed(FailureKind::Timeout),
        }
        let started = Instant::now();
        let mut body_bytes = 0;
        let answer = timeout(plan.timeout, self.answer(plan, &mut body_bytes)).await;
        let outcome = answer.unwrap_or(Err(FailureKind::Timeout));
        let latency = started.elapsed();
        if matches!(outcome, Err(FailureKind::Timeout | FailureKind::Transport)) {
            // The rest of an abandoned answer must not be taken for the next one.
            self.close();
        }
        Exchange { outcome, latency, connecting: started - begun, body_bytes }
    }

    async fn connect(&mut self, plan: &RequestPlan) -> Result<(), FailureKind> {
        if let Some(sender) = &mut self.sender
            && sender.ready().await.is_ok()
        {
            return Ok(());
        }
        self.sender = None;
        let stream = TcpStream::connect(plan.address).await.map_err(|_| FailureKind::Connect)?;
        // Without this, Nagle's algorithm and delayed acknowledgements add 40 ms to requests of two
        // segments.
        stream.set_nodelay(true).map_err(|_| FailureKind::Connect)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| FailureKind::Connect)?;
        // Ends when the sender is dropped or the server closes; `send_request` returns the error as
        // well.
        tokio::spawn(connection);
        sender.ready().await.map_err(|_| FailureKind::Connect)?;
        self.sender = Some(sender);
        self.opened += 1;
        Ok(())
    }

    async fn answer(&mut self, plan: &RequestPlan, body_bytes: &mut u64) -> Result<(), FailureKind> {
        let sender = self.sender.as_mut().ok_or(FailureKind::Connect)?;
        let response = sender.send_request(plan.request()).await.map_err(|_| FailureKind::Transport)?;
        let status = response.status();
        self.body.clear();
        self.read(response.into_body(), plan.expect.is_some(), body_bytes).await?;
        if !status.is_success() {
            return Err(FailureKind::Status(status.as_u16()));
        }
        match &plan.expect {
            Some(text) if !contains(&self.body, text) => Err(FailureKind::Mismatch),
            _ => Ok(()),
        }
    }

    async fn read(
        &mut self,
        mut incoming: Incoming,
        keep: bool,
        body_bytes: &mut u64,
    ) -> Result<(), FailureKind> {
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|_| FailureKind::Transport)?;
            let Some(data) = frame.data_ref() else { continue };
            *body_bytes += data.len() as u64;
            if keep {
                let room = MAX_SEARCHED_BYTES.saturating_sub(self.body.len());
                self.body.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
        Ok(())
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}
