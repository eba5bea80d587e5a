//! One attempt to connect: a session with the handshake that the server takes.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::server::Server;
use crate::config::TransportConfig;
use crate::connection::Connection;
use crate::handshake::{ConnectError, HandshakePlan, Retry};

impl Server {
    /// Opens a session with the handshake that the server takes. If that is not known,
    /// `server/discover` comes first, as the specification recommends; a child that ends over it is
    /// started again and gets `initialize` alone.
    pub(super) async fn open(&self, tools_changed: &Arc<Notify>) -> Result<Connection, ConnectError> {
        let is_http = self.is_http();
        let config = &self.context.config;
        let (plan, timeout) = {
            let memory = self.attempt_memory.lock();
            // A timeout that the operator set is kept.
            let timeout =
                config.startup.unwrap_or_else(|| memory.timeout(self.context.options.connect_timeout));
            (config.era.map_or_else(|| memory.plan(), HandshakePlan::Only), timeout)
        };
        let began = Instant::now();
        let open = |plan| Connection::open(&self.context, plan, tools_changed.clone(), timeout);
        let error = match open(plan).await {
            Ok(connection) => return Ok(self.remembered(connection)),
            Err(error) => error,
        };
        // A child that keeps ending is started once an attempt, with the other handshake each time.
        let is_first_guess = self.attempt_memory.lock().failed(plan, began.elapsed() >= timeout);
        let may_help = error.retry == Retry::OtherHandshake && plan.has_fallback();
        if !may_help || !(is_http || is_first_guess) {
            return Err(error);
        }
        let other = plan.first().fallback();
        let other = if is_http { HandshakePlan::Only(other) } else { HandshakePlan::Known(other) };
        match open(other).await {
            Ok(connection) => Ok(self.remembered(connection)),
            Err(again) if again.reason == error.reason => Err(error),
            Err(again) => {
                let first = plan.first().method();
                let reason = format!("{} (to {first}: {})", again.reason, error.reason);
                Err(ConnectError { reason, output: again.output.or(error.output), retry: again.retry })
            }
        }
    }

    fn remembered(&self, connection: Connection) -> Connection {
        self.attempt_memory.lock().succeeded(connection.revision().handshake());
        connection
    }

    pub(super) fn is_http(&self) -> bool {
        matches!(self.context.config.transport, TransportConfig::Http(_))
    }
}
