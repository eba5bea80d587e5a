//! Opening a session: the transport, then the handshake.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{ClientConfig, Implementation};
use rmcp::service::{RunningService, serve_directly_with_ct};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::client_handler::ClientMessages;
use super::elicitation::capabilities;
use super::logs::Logs;
use super::progress::ProgressSinks;
use super::resource_updates::ResourceUpdates;
use super::session_end::last_output;
use super::{Connection, EXIT_TIMEOUT};
use crate::child::Child;
use crate::config::{HttpConfig, StdioConfig, TransportConfig};
use crate::handshake::{ConnectError, HandshakeError, HandshakePlan, Retry, over_http, over_stdio};
use crate::protocol::{Handshake, Revision};
use crate::text::joined;
use crate::transport::http;
use crate::transport::http::param_headers::ParamHeaders;
use crate::transport::messages::Inbox;
use crate::transport::stdio::{StdioTransport, StrayOutput};
use crate::upstream::context::ServerContext;

/// The parts of a session that its transport, its client handler and the connection share.
struct SessionParts {
    client: ClientMessages,
    stray_output: Arc<StrayOutput>,
    params: ParamHeaders,
    logs: Logs,
    unreachable: Arc<AtomicBool>,
    ended: CancellationToken,
    stop: CancellationToken,
}

/// A session after its handshake.
struct OpenedSession {
    service: RunningService<RoleClient, ClientMessages>,
    handshake: Handshake,
    child: Option<Child>,
}

impl Connection {
    /// Opens a session within `timeout`. Dropping the future ends what was begun. `tools_changed`
    /// is notified when the tool list may have changed.
    pub(crate) async fn open(
        context: &ServerContext,
        plan: HandshakePlan,
        tools_changed: Arc<Notify>,
        timeout: Duration,
    ) -> Result<Self, ConnectError> {
        let parts = SessionParts::new(context, tools_changed.clone());
        let abandon = parts.stop.clone().drop_guard();
        let opened = match &context.config.transport {
            TransportConfig::Stdio(stdio) => parts.open_stdio(context, stdio, plan, timeout).await?,
            TransportConfig::Http(http) => parts.open_http(context, http, plan, timeout).await?,
            TransportConfig::Unusable(reason) => return Err(ConnectError::permanent(reason.clone())),
        };
        let peer = opened.service.peer().clone();
        let Some(info) = peer.peer_info() else {
            let reason = "the server did not introduce itself".to_owned();
            return Err(ConnectError { reason, output: None, retry: Retry::Later });
        };
        let revision = Revision::negotiated(opened.handshake, info.protocol_version.as_str());
        abandon.disarm();
        parts.watch_end(opened.service, opened.child.as_ref());
        let connection = Self {
            peer,
            info,
            revision,
            child: opened.child,
            stray_output: parts.stray_output,
            unreachable: parts.unreachable,
            params: parts.params,
            progress: parts.client.progress,
            logs: parts.logs,
            updates: parts.client.updates,
            listening: Arc::new(AtomicBool::new(false)),
            in_flight: AtomicUsize::new(0),
            close_reason: OnceLock::new(),
            ended: parts.ended,
            stop: parts.stop,
            runtime: tokio::runtime::Handle::current(),
        };
        connection.follow_list_changes(tools_changed);
        Ok(connection)
    }
}

impl SessionParts {
    fn new(context: &ServerContext, tools_changed: Arc<Notify>) -> Self {
        let (options, elicitation) = (&context.options, context.config.elicitation);
        let client = Implementation::new(&options.client_name, &options.client_version);
        let info = ClientConfig::new(capabilities(elicitation), client)
            .with_protocol_version(Handshake::Initialize.newest().into());
        let client = ClientMessages {
            info,
            tools_changed,
            progress: ProgressSinks::default(),
            updates: ResourceUpdates::default(),
            elicitation,
        };
        Self {
            client,
            stray_output: Arc::new(StrayOutput::default()),
            params: ParamHeaders::default(),
            logs: Logs::default(),
            unreachable: Arc::new(AtomicBool::new(false)),
            ended: CancellationToken::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Starts the child and does the handshake over its pipes.
    async fn open_stdio(
        &self,
        context: &ServerContext,
        config: &StdioConfig,
        plan: HandshakePlan,
        timeout: Duration,
    ) -> Result<OpenedSession, ConnectError> {
        let (child, (stdout, stdin)) = Child::start(context, config).map_err(ConnectError::permanent)?;
        let mut transport = StdioTransport::new(stdout, stdin, self.stray_output.clone(), self.ended.clone())
            .with_logs(self.logs.clone());
        // A child that is gone will not answer, even if a process that it started keeps its pipes
        // open.
        let gone = async {
            child.exited().await;
            tokio::time::sleep(EXIT_TIMEOUT).await;
        };
        let handshake = over_stdio(&mut transport, &self.client.info, plan);
        let done = tokio::select! {
            done = tokio::time::timeout(timeout, handshake) => {
                done.unwrap_or(Err(HandshakeError::Timeout(timeout)))
            }
            () = gone => Err(HandshakeError::Ended),
        };
        let error = match done {
            Ok((info, handshake)) => {
                let client = self.client.clone();
                let service = serve_directly_with_ct(client, transport, Some(info), self.stop.clone());
                return Ok(OpenedSession { service, handshake, child: Some(child) });
            }
            Err(error) => error,
        };
        // A child that is alive got both handshakes.
        let retry = match error {
            HandshakeError::Ended | HandshakeError::Send(_) => Retry::OtherHandshake,
            _ => Retry::Later,
        };
        let reason = error.describe().reason;
        let (exit, stderr) = last_output(&child).await;
        drop(transport);
        child.stop().await;
        let reason = joined([Some(reason), exit, self.stray_output.describe()]).unwrap_or_default();
        Err(ConnectError { reason, output: joined([stderr, self.stray_output.quoted(), None]), retry })
    }

    /// Does the handshake over HTTP.
    async fn open_http(
        &self,
        context: &ServerContext,
        config: &HttpConfig,
        plan: HandshakePlan,
        timeout: Duration,
    ) -> Result<OpenedSession, ConnectError> {
        let transport = http::transport(
            context,
            config,
            self.params.clone(),
            self.client.tools_changed.clone(),
            self.unreachable.clone(),
            Inbox::default().with_logs(self.logs.clone()),
        );
        let transport = transport.map_err(ConnectError::permanent)?;
        let opened = over_http(self.client.clone(), transport, plan, self.stop.clone(), timeout).await;
        let service = opened.map_err(HandshakeError::describe)?;
        Ok(OpenedSession { service, handshake: plan.first(), child: None })
    }

    /// Notes the end of the session. Over HTTP only rmcp's loop notices it; over stdio so does the
    /// end of the child.
    fn watch_end(&self, service: RunningService<RoleClient, ClientMessages>, child: Option<&Child>) {
        let ended = self.ended.clone();
        tokio::spawn(async move {
            let _quit = service.waiting().await;
            ended.cancel();
        });
        if let Some(child) = child {
            let (exited, ended, stop) = (child.exited(), self.ended.clone(), self.stop.clone());
            tokio::spawn(async move {
                exited.await;
                tokio::time::sleep(EXIT_TIMEOUT).await;
                ended.cancel();
                stop.cancel();
            });
        }
    }
}
