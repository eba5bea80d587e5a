//! `isolet demo-mcp`: the built-in MCP server.

use std::net::SocketAddr;

use rmcp::ServiceExt as _;
use tokio_util::sync::CancellationToken;

use crate::demo::{DemoServer, Part, http};
use crate::exit::Failure;

#[derive(clap::Args)]
pub struct Args {
    /// Serve Streamable HTTP on this address, path /mcp, instead of standard input and output
    #[arg(long, value_name = "ADDR", value_parser = crate::settings::address::parse_socket_address)]
    http: Option<SocketAddr>,
    /// The tools to offer
    #[arg(long, value_enum, default_value_t)]
    part: Part,
}

/// Serves until standard input ends, or over HTTP until SIGINT.
pub fn run(args: Args) -> Result<(), Failure> {
    // One thread, since this process is often started for a single call.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Setup(format!("cannot start: {error}")))?;
    let demo = DemoServer::new(args.part);
    let served = runtime.block_on(async {
        match args.http {
            Some(listen) => over_http(demo, listen).await,
            None => over_pipes(demo).await,
        }
    });
    // A blocking read of standard input cannot be cancelled, so it is not waited for.
    runtime.shutdown_background();
    served
}

async fn over_pipes(demo: DemoServer) -> Result<(), Failure> {
    let service = demo
        .serve(rmcp::transport::stdio_pipes())
        .await
        .map_err(|error| Failure::Setup(format!("the client did not open a session: {error}")))?;
    service.waiting().await.map_err(|error| Failure::Setup(format!("the session failed: {error}")))?;
    Ok(())
}

async fn over_http(demo: DemoServer, listen: SocketAddr) -> Result<(), Failure> {
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        signalled.cancel();
    });
    http::serve(demo, listen, stop)
        .await
        .map_err(|error| Failure::Setup(format!("cannot listen on {listen}: {error}")))
}
