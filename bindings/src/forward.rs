//! Requests of somebody else's, handed on as they are: what a gateway does for tools, prompts and resources that it
//! passes through.
//!
//! Two things are not the asker's: the protocol's own metadata, which belongs to one hop, and the time. What the asker's
//! client can do (answer questions, lend its model) is told to servers of the later era with each request; a session of
//! the older era is shared by all askers, so its server is told of no such thing.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{ClientRequest, RequestMetaObject};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::connection::Connection;
use crate::error::CallError;
use crate::handshake::Era;
use crate::logs::{LogListener, LogMessage, LogSink};
use crate::progress::ProgressSink;
use crate::result::Failed;
use crate::server::Server;
use crate::upstreams::{A_DAY, Upstreams};

/// Keys of the protocol's own in `_meta`; they are this hop's business.
const RESERVED: &str = "io.modelcontextprotocol/";

/// In `_meta` too; each hop has its own.
const PROGRESS_TOKEN: &str = "progressToken";

/// A request to be handed on.
pub struct Forward {
    /// Such as `tools/call`.
    pub method: &'static str,
    /// Its parameters, `_meta` included.
    pub params: Map<String, Value>,
    /// What the asker's client can do, as the protocol writes it.
    pub capabilities: Option<Value>,
    /// Who hears how far it is.
    pub progress: Option<ProgressSink>,
    /// Who hears what the server logs meanwhile.
    pub logs: Option<LogListener>,
}

impl Upstreams {
    /// Hands a request on and brings back its result, whatever that is: one that wants something from the user
    /// (`resultType` is `input_required`) is a result too. Dropping the future cancels the request upstream.
    ///
    /// # Errors
    /// As [`call_tool`](Self::call_tool).
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
        let timeout = upstream.target.config.call_timeout.map_or(timeout, |own| own.min(timeout));
        let deadline = Instant::now() + timeout.min(A_DAY);
        let connection = upstream.connection(deadline).await?;
        let mut own: Map<String, Value> =
            meta.into_iter().filter(|(key, _)| !key.starts_with(RESERVED) && key != PROGRESS_TOKEN).collect();
        if connection.era() == Era::Modern {
            // What isolet can do for scripts is not what the asker can do.
            let capabilities = capabilities.unwrap_or_else(|| json!({}));
            own.insert(format!("{RESERVED}clientCapabilities"), capabilities);
        }
        let logs = match logs {
            Some(listener) => Some(upstream.listening(&connection, listener, &mut own, deadline).await),
            None => None,
        };
        let meta = serde_json::from_value::<RequestMetaObject>(Value::Object(own)).ok();
        let left = deadline.saturating_duration_since(Instant::now());
        match connection.request_with(typed, left, progress, meta, logs).await {
            Ok(raw) => {
                // As for a call of a script: a failure may repeat what the server was given to log in with.
                let failed = serde_json::from_str::<Failed>(raw.get()).is_ok_and(|result| result.is_error);
                let clean = if failed { upstream.target.redactor.redact_json(raw.get()) } else { None };
                let text = clean.unwrap_or_else(|| raw.into_string());
                RawValue::from_string(text).map_err(|error| upstream.malformed(&operation, error.to_string()))
            }
            Err(error) => Err(upstream.call_error(&connection, &operation, error, timeout).await),
        }
    }
}

impl Server {
    /// Tells the server that somebody listens: with the request itself in the later era, once a session in the older one.
    async fn listening(
        &self,
        connection: &Connection,
        listener: LogListener,
        meta: &mut Map<String, Value>,
        deadline: Instant,
    ) -> LogListener {
        let level = json!(listener.least);
        match connection.era() {
            Era::Modern => {
                meta.insert(format!("{RESERVED}logLevel"), level);
            }
            Era::Legacy => {
                let offered = connection.info().capabilities.logging.is_some();
                if offered && connection.logs().is_news(listener.least) {
                    let request = json!({ "method": "logging/setLevel", "params": { "level": level } });
                    if let Ok(request) = serde_json::from_value::<ClientRequest>(request) {
                        let left = deadline.saturating_duration_since(Instant::now());
                        // What the server logs by itself is heard all the same.
                        let _refused = connection.request(request, left, None).await;
                    }
                }
            }
        }
        let (redactor, sink) = (self.target.redactor.clone(), listener.sink);
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
