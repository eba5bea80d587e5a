//! Which request goes where.

use std::sync::Arc;

use http::{Method, Request};
use hyper::body::Incoming;
use isolet_runtime::Isolation;

use super::problem::Problem;
use super::reply::{self, Reply};
use super::server::Server;
use super::{declarations, metrics, run, search};
use crate::mcp::Endpoint;

/// Answers one request, whatever it is.
pub async fn answer(server: &Arc<Server>, mcp: &Endpoint, request: Request<Incoming>) -> Reply {
    match route(server, mcp, request).await {
        Ok(reply) => reply,
        Err(problem) => {
            server.metrics.refused();
            tracing::debug!(status = problem.status().as_u16(), "refused");
            problem.into()
        }
    }
}

async fn route(
    server: &Arc<Server>,
    mcp: &Endpoint,
    mut request: Request<Incoming>,
) -> Result<Reply, Problem> {
    // Whether it is alive is no secret, and those who ask come by address and without a token.
    match request.uri().path() {
        "/healthz" => return only_get(&request).map(|()| reply::text("ok\n")),
        "/readyz" => return only_get(&request).and_then(|()| ready(server)),
        _ => {}
    }
    if let Some(tenant) = server.access.check(request.headers())? {
        request.extensions_mut().insert(tenant);
    }
    let path = request.uri().path();
    if path == "/v1/run" {
        return match *request.method() {
            Method::POST => run::answer(server, request).await,
            _ => Err(Problem::method_not_allowed("POST")),
        };
    }
    match path {
        "/mcp" => mcp.answer(server, request).await,
        "/v1/types" => {
            only_get(&request)?;
            declarations::types(server, &request, None).await
        }
        "/v1/search" => {
            only_get(&request)?;
            search::answer(server, &request).await
        }
        "/v1/servers" => {
            only_get(&request)?;
            Ok(reply::json(server.tools.servers_json()))
        }
        "/v1/runtime" => {
            only_get(&request)?;
            Ok(reply::json(runtime_json(server)))
        }
        "/metrics" => {
            only_get(&request)?;
            Ok(reply::text(server.metrics.text(&gauges(server))))
        }
        _ => match path.strip_prefix("/v1/types/") {
            Some(rest) => {
                only_get(&request)?;
                declarations::types(server, &request, Some(rest)).await
            }
            None => Err(Problem::not_found(format!("There is nothing at `{path}`.")).with_hint(
                "There are POST /v1/run, /mcp, GET /v1/types, /v1/search, /v1/servers, /v1/runtime, /healthz, /readyz and /metrics.",
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

/// Ready is who takes runs, has isolates waiting and has heard from every upstream, be it that it failed: one broken
/// server of many must not take the others out of service.
fn ready(server: &Server) -> Result<Reply, Problem> {
    if server.is_draining() {
        return Err(Problem::draining());
    }
    let starting = server.tools.starting();
    if !starting.is_empty() {
        return Err(Problem::unavailable(format!("Still connecting to {}.", starting.join(", "))));
    }
    if server.engine.warm() == 0 && server.admission.running() == 0 {
        return Err(Problem::unavailable("No isolate is ready yet."));
    }
    Ok(reply::text("ready\n"))
}

/// Where isolates live, and what holds them in. A `runner` here is a zygote with all its copies.
fn runtime_json(server: &Server) -> Vec<u8> {
    let runners: Vec<serde_json::Value> = server
        .engine
        .runners()
        .into_iter()
        .map(|runner| {
            let layers = runner.layers.map(|layers| {
                let each = layers.each().map(|(name, layer)| (name.to_owned(), layer.to_string().into()));
                serde_json::Map::from_iter(each)
            });
            serde_json::json!({
                "pid": runner.pid, "ready": runner.ready, "runs": runner.runs, "warm": runner.warm, "jail": layers,
            })
        })
        .collect();
    let isolation = match server.engine.isolation() {
        Isolation::Process(_) => "process",
        Isolation::Thread => "thread",
    };
    serde_json::json!({
        "isolation": isolation,
        "warm": server.engine.warm(),
        "runner_restarts": server.engine.runner_restarts(),
        "runners": runners,
    })
    .to_string()
    .into_bytes()
}

fn gauges(server: &Server) -> metrics::Gauges {
    metrics::Gauges {
        running: server.admission.running(),
        waiting: server.admission.waiting(),
        warm: server.engine.warm(),
        upstreams: server.tools.connected(),
        tools: server.tools.figures(),
    }
}
