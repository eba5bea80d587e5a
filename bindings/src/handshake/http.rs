//! One handshake over HTTP.

use std::time::Duration;

use rmcp::RoleClient;
use rmcp::service::{ClientLifecycleMode, RunningService};
use rmcp::transport::Transport;
use tokio_util::sync::CancellationToken;

use super::{HandshakeError, HandshakePlan, discover_version};
use crate::connection::client_handler::ClientMessages;
use crate::protocol::Handshake;

/// The time that a server of which nothing is known may leave `server/discover` unanswered before
/// `initialize` is tried.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Does the first handshake of the plan. The caller tries the other one.
pub(crate) async fn over_http<T: Transport<RoleClient> + 'static>(
    client: ClientMessages,
    transport: T,
    plan: HandshakePlan,
    stop: CancellationToken,
    timeout: Duration,
) -> Result<RunningService<RoleClient, ClientMessages>, HandshakeError> {
    let (mode, timeout) = match plan.first() {
        Handshake::Initialize => (ClientLifecycleMode::Initialize, timeout),
        Handshake::Discover => {
            let timeout = if plan.is_guess() { timeout.min(PROBE_TIMEOUT) } else { timeout };
            (ClientLifecycleMode::Discover { preferred_versions: vec![discover_version()] }, timeout)
        }
    };
    let opening = rmcp::service::serve_client_with_lifecycle_and_ct(client, transport, mode, stop);
    match tokio::time::timeout(timeout, opening).await {
        Ok(opened) => opened.map_err(|error| HandshakeError::Http(Box::new(error))),
        Err(_) => Err(HandshakeError::Timeout(timeout)),
    }
}
