//! Requests of MCP clients, passed through to a server unchanged.
//!
//! Two things are not passed through: the protocol's own metadata, which belongs to one hop, and
//! the timeout. The capabilities of the client (elicitation, sampling) go to the server with each
//! request where the revision has that. Where capabilities are part of the session, they are not
//! announced, because all clients of isolet share the session.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{ClientRequest, RequestMetaObject};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::connection::Connection;
use crate::connection::logs::{LogListener, LogMessage, LogSink};
use crate::connection::progress::ProgressSink;
use crate::error::CallError;
use crate::results::Failed;
use crate::upstream::Upstreams;
use crate::upstream::options::MAX_TIMEOUT;
use crate::upstream::server::Server;

/// The prefix of the protocol's own keys in `_meta`, which belong to one hop.
const RESERVED_PREFIX: &str = "io.modelcontextprotocol/";

/// A key in `_meta` that belongs to one hop.
const PROGRESS_TOKEN: &str = "progressToken";

/// A request to pass through.
pub struct Forward {
    /// The method, such as `tools/call`.
    pub method: &'static str,
    /// The parameters with their `_meta`.
    pub params: Map<String, Value>,
    /// The capabilities of the client, as the protocol writes them.
    pub capabilities: Option<Value>,
    /// Receives the server's progress notifications.
    pub progress: Option<ProgressSink>,
    /// Receives what the server logs during the request.
    pub logs: Option<LogListener>,
}

impl Upstreams {
    /// Passes a request through and returns its result, whatever it is. A result that asks the user
    /// for input (`resultType` is `input_required`) is returned like any other. Dropping the future
    /// cancels the request upstream.
    ///
    /// # Errors
    /// The same as [`call_tool`](Self::call_tool).
    pub async fn forward(
        &self,
        server: &str,
        request: Forward,
        timeout: Duration,
    ) -> Result<Box<RawValue>, CallError> {
        let upstream = self.server(server)?;
        let Forward { method, mut params, capabilities, progress, logs } = request;
        let operation = params.get("name").and_then(Value::as_str).unwrap_or(method).to_owned();
        let meta = match params.remove("_meta") {
            Some(Value::Object(meta)) => meta,
            _ => Map::new(),
        };
        let read = serde_json::from_value::<ClientRequest>(json!({ "method": method, "params": params }));
        let typed = read.map_err(|error| CallError::Arguments {
            server: server.to_owned(),
            operation: operation.clone(),
            reason: error.to_string(),
        })?;
        let timeout = upstream.context.config.call_timeout.map_or(timeout, |own| own.min(timeout));
        let deadline = Instant::now() + timeout.min(MAX_TIMEOUT);
        let connection = upstream.connection(deadline).await?;
        let mut own: Map<String, Value> = meta
            .into_iter()
            .filter(|(key, _)| !key.starts_with(RESERVED_PREFIX) && key != PROGRESS_TOKEN)
            .collect();
        if connection.revision().has_request_context() {
            // isolet's own capabilities are for scripts, not for this client.
            let capabilities = capabilities.unwrap_or_else(|| json!({}));
            own.insert(format!("{RESERVED_PREFIX}clientCapabilities"), capabilities);
        }
        let logs = match logs {
            Some(listener) => Some(upstream.listening(&connection, listener, &mut own, deadline).await),
            None => None,
        };
        let meta = serde_json::from_value::<RequestMetaObject>(Value::Object(own)).ok();
        let left = deadline.saturating_duration_since(Instant::now());
        match connection.request_with(typed, left, progress, meta, logs).await {
            Ok(raw) => {
                // A failure may repeat the credentials that the server was given.
                let failed = serde_json::from_str::<Failed>(raw.get()).is_ok_and(|result| result.is_error);
                let clean = if failed { upstream.context.redactor.redact_json(raw.get()) } else { None };
                let text = clean.unwrap_or_else(|| raw.into_string());
                RawValue::from_string(text).map_err(|error| upstream.malformed(&operation, error.to_string()))
            }
            Err(error) => Err(upstream.call_error(&connection, &operation, error, timeout).await),
        }
    }
}

impl Server {
    /// Asks the server for log messages: in the metadata of the request where the revision has
    /// that, else once a session by `logging/setLevel`.
    async fn listening(
        &self,
        connection: &Connection,
        listener: LogListener,
        meta: &mut Map<String, Value>,
        deadline: Instant,
    ) -> LogListener {
        let level = json!(listener.least);
        match connection.revision().has_request_context() {
            true => {
                meta.insert(format!("{RESERVED_PREFIX}logLevel"), level);
            }
            false => {
                let offered = connection.info().capabilities.logging.is_some();
                if offered && connection.logs().needs_level(listener.least) {
                    let request = json!({ "method": "logging/setLevel", "params": { "level": level } });
                    if let Ok(request) = serde_json::from_value::<ClientRequest>(request) {
                        let left = deadline.saturating_duration_since(Instant::now());
                        // A server may log without being asked, so the listener stays.
                        let _refused = connection.request(request, left, None).await;
                    }
                }
            }
        }
        let (redactor, sink) = (self.context.redactor.clone(), listener.sink);
        let sink: LogSink = Arc::new(move |mut message: LogMessage| {
            let text = message.data.to_string();
            if let Some(clean) = redactor.redact_json(&text) {
                message.data = serde_json::from_str(&clean).unwrap_or_else(|_| clean.into());
            }
            message.logger = message.logger.map(|logger| redactor.redact(logger));
            sink(message);
        });
        LogListener { least: listener.least, sink }
    }
}
