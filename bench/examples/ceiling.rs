//! The cheapest server for a load test: one thread, a fixed answer to everything. The rate of
//! `isolet-bench` against it is the ceiling of its measurements on a machine.
//!
//! `cargo run --release -p isolet-bench --example ceiling -- 127.0.0.1:9999`

use std::convert::Infallible;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // An unread body would cost the connection.
    drop(request.into_body().collect().await);
    Ok(Response::new(Full::new(Bytes::from_static(b"{\"ok\":true,\"result\":1}"))))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:9999".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    }
}
