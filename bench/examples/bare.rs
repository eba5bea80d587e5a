//! A hyper server that answers every request with the bytes of one file: the cost of HTTP alone.
//!
//! `cargo run --release -p isolet-bench --example bare -- FILE [ADDR]`; `GET /v1/types` of
//! `isolet serve` can be measured against it.

use std::convert::Infallible;
use std::process::ExitCode;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(file), address) = (words.next(), words.next()) else {
        eprintln!("usage: bare FILE [ADDR]");
        return ExitCode::from(2);
    };
    let address = address.unwrap_or_else(|| "127.0.0.1:8788".to_owned());
    let (body, listener) = match (std::fs::read(&file), TcpListener::bind(&address).await) {
        (Ok(body), Ok(listener)) => (Bytes::from(body), listener),
        (Err(error), _) => return complain(&file, &error),
        (_, Err(error)) => return complain(&address, &error),
    };
    eprintln!("bare listens on http://{address}");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let body = body.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |_: Request<Incoming>| {
                let mut response = Response::new(Full::new(body.clone()));
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
                headers
                    .insert(header::ETAG, HeaderValue::from_static("\"00000000000000000000000000000000\""));
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
                async { Ok::<_, Infallible>(response) }
            });
            let server =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer);
            let _ = server.await;
        });
    }
}

fn complain(what: &str, error: &std::io::Error) -> ExitCode {
    eprintln!("{what}: {error}");
    ExitCode::FAILURE
}
