//! The demo server over Streamable HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::DemoServer;

/// Serves `demo` on `listen`, path `/mcp`, until `stop`. Prints the address to standard error.
///
/// Only loopback names (`Host`) and pages from loopback (`Origin`) are accepted, so that a web page
/// in the operator's browser cannot call tools.
pub async fn serve(demo: DemoServer, listen: SocketAddr, stop: CancellationToken) -> std::io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    stderr_line!("isolet demo MCP server on http://{}/mcp", listener.local_addr()?);
    let config = StreamableHttpServerConfig::default()
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"])
        .enforce_origin_validation()
        .with_cancellation_token(stop.child_token());
    let service = Arc::new(StreamableHttpService::new(
        move || Ok(demo.clone()),
        Arc::new(LocalSessionManager::default()),
        config,
    ));
    loop {
        let socket = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                // No free descriptor, or the client has disconnected: the server continues.
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let _ = socket.set_nodelay(true);
        let service = service.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let service = service.clone();
                async move {
                    if request.uri().path() != "/mcp" {
                        let mut missing = http::Response::new(http_body_util::combinators::BoxBody::new(
                            http_body_util::Full::from("The MCP endpoint is /mcp.\n"),
                        ));
                        *missing.status_mut() = http::StatusCode::NOT_FOUND;
                        return Ok::<_, std::convert::Infallible>(missing);
                    }
                    Ok(service.handle(request).await)
                }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(socket), answer)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "connection");
            }
        });
    }
}
