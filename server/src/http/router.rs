//! The routes of the HTTP API.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, Request};
use hyper::body::Incoming;

use super::refused_requests::RefusedRequests;
use super::{openapi, run, runtime, search, tool_definition, types};
use crate::service::Service;
use crate::service::client::Client;
use crate::web::access::AccessRules;
use crate::web::cors;
use crate::web::mount::Mount;
use crate::web::problem::Problem;
use crate::web::reply::{self, Reply};

/// The HTTP API of one service.
pub struct Api {
    /// The service behind the API.
    pub service: Arc<Service>,
    /// The rules of access.
    pub access: AccessRules,
    /// Records refused requests.
    pub refused: Arc<RefusedRequests>,
    /// The endpoint of another front end, which is MCP.
    pub mount: Arc<dyn Mount>,
}

impl Api {
    /// Returns the API of `service`, with one endpoint of another front end.
    pub fn new(service: Arc<Service>, access: AccessRules, mount: Arc<dyn Mount>) -> Arc<Self> {
        let refused = RefusedRequests::new(service.registry.gate().audit().cloned());
        Arc::new(Self { service, access, refused, mount })
    }
}

/// Answers any request. `peer` is the other end of its connection.
pub async fn answer(api: &Arc<Api>, peer: Option<SocketAddr>, request: Request<Incoming>) -> Reply {
    // Both clones are cheap: they share the request's bytes.
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let wants_text =
        uri.path() == "/v1/run" && run::ReplyFormat::of(request.headers()) == run::ReplyFormat::Text;
    let allowed_origin = api.access.allowed_origin(request.headers());
    let mut reply = match &allowed_origin {
        Some(_) if cors::is_preflight(request.method(), request.headers()) => cors::preflight(),
        _ => route(api, peer, request).await.unwrap_or_else(|problem| {
            api.service.metrics.count_refused();
            tracing::debug!(status = problem.status().as_u16(), "refused");
            api.refused.record(&problem, peer, &method, uri.path());
            if wants_text { problem.into_text() } else { problem.into() }
        }),
    };
    reply::forbid_embedding(reply.headers_mut());
    if let Some(origin) = allowed_origin {
        cors::allow_origin(origin, reply.headers_mut());
    }
    reply
}

/// Authenticates the sender of a request. Every refusal that concerns the sender happens here.
fn authenticate(api: &Api, peer: Option<SocketAddr>, request: &Request<Incoming>) -> Result<Client, Problem> {
    match request.uri().path() {
        // Health checks come by address and without a token, and the answer is not secret.
        "/healthz" | "/readyz" => {
            api.access.check_page(request).map(|()| Client { peer, ..Client::default() })
        }
        _ => api.access.check(request, peer),
    }
}

async fn route(
    api: &Arc<Api>,
    peer: Option<SocketAddr>,
    mut request: Request<Incoming>,
) -> Result<Reply, Problem> {
    let client = authenticate(api, peer, &request)?;
    request.extensions_mut().insert(client);
    let service = &api.service;
    let path = request.uri().path();
    if path == "/v1/run" {
        return match *request.method() {
            Method::POST => run::answer(service, request).await,
            _ => Err(Problem::method_not_allowed("POST")),
        };
    }
    if path == api.mount.path() {
        return api.mount.answer(request).await;
    }
    match path {
        "/healthz" => only_get(&request).map(|()| reply::text("ok\n")),
        "/readyz" => only_get(&request).and_then(|()| ready(service)),
        "/v1/types" => {
            only_get(&request)?;
            types::answer(service, &request, None).await
        }
        "/v1/tool" => {
            only_get(&request)?;
            tool_definition::answer(service, &request).await
        }
        "/v1/search" => {
            only_get(&request)?;
            search::answer(service, &request).await
        }
        "/v1/servers" => {
            only_get(&request)?;
            Ok(reply::json(service.registry.servers_json()))
        }
        "/v1/runtime" => {
            only_get(&request)?;
            Ok(reply::json(runtime::document(service)))
        }
        "/openapi.json" => {
            only_get(&request)?;
            Ok(reply::json(openapi::document()))
        }
        "/metrics" => {
            only_get(&request)?;
            Ok(reply::text(service.metrics_text()))
        }
        _ => match path.strip_prefix("/v1/types/") {
            Some(rest) => {
                only_get(&request)?;
                types::answer(service, &request, Some(rest)).await
            }
            None => Err(Problem::not_found(format!("There is nothing at `{path}`.")).with_hint(
                "There are POST /v1/run, /mcp, GET /v1/tool, /v1/types, /v1/search, /v1/servers, /v1/runtime, /openapi.json, /healthz, /readyz and /metrics.",
            )),
        },
    }
}

fn only_get(request: &Request<Incoming>) -> Result<(), Problem> {
    match *request.method() {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(Problem::method_not_allowed("GET")),
    }
}

/// Answers `GET /readyz`. The server is ready when it accepts runs, has a warm isolate, its Workers
/// are loaded, and every upstream has connected or failed: one failed server must not make the
/// others unavailable.
fn ready(service: &Service) -> Result<Reply, Problem> {
    if service.is_draining() {
        return Err(Problem::draining());
    }
    // The names of the servers need a token.
    let starting = service.registry.starting().len();
    if starting > 0 {
        return Err(Problem::unavailable(format!("Still connecting to MCP servers: {starting}."))
            .with_hint("GET /v1/servers lists them."));
    }
    if service.loading() > 0 {
        return Err(Problem::unavailable(format!("Workers that are still loading: {}.", service.loading())));
    }
    if service.engine.warm() == 0 && service.admission.running() == 0 {
        return Err(Problem::unavailable("No isolate is ready yet."));
    }
    Ok(reply::text("ready\n"))
}
