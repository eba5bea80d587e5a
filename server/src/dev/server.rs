//! Requests to the Worker, its answers back.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use isolet_runtime::{HttpRequest, HttpResponse, LogLevel, LogLine, Worker};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::project::Built;
use crate::complaint;
use crate::pretty::printable;

/// The longest body a Worker gets: it is copied into the isolate's heap, which has 128 MiB by default.
const LARGEST_BODY: usize = 32 * 1024 * 1024;

/// Connections at once.
const CONNECTIONS: usize = 1024;

/// Headers that belong to one connection and not to the message (RFC 9110, section 7.6.1), and the length, which is
/// the body's.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
];

/// Answers requests with whatever Worker is current, until the caller drops it.
pub async fn serve(listener: TcpListener, current: watch::Receiver<Built>) {
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new());
    loop {
        let place = places.clone().acquire_owned().await;
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = socket.set_nodelay(true);
        let current = current.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let worker = current.borrow().worker.clone();
            async move { Ok::<_, Infallible>(answer(&worker, request).await) }
        });
        let connection = http.serve_connection(TokioIo::new(socket), answer);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection");
            }
        });
    }
}

async fn answer(worker: &Worker, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let words = format!(
                "The body is larger than {LARGEST_BODY} bytes, which is the most that a Worker gets."
            );
            return plain(StatusCode::PAYLOAD_TOO_LARGE, words);
        }
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("The body broke off: {error}.")),
    };
    let Some(url) = absolute(&head.uri, &head.headers) else {
        return plain(StatusCode::BAD_REQUEST, "The request has no usable Host header.".to_owned());
    };
    let line = format!("{} {}", head.method, head.uri.path());
    let request = HttpRequest {
        method: head.method.as_str().to_owned(),
        url,
        headers: head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), latin1(value))).collect(),
        body: body.to_vec(),
    };
    let report = worker.fetch(request).await;
    report.logs.iter().for_each(show);
    match report.result {
        Ok(response) => respond(response),
        Err(error) => {
            let block = complaint::block(&error, "the Worker");
            eprint!("isolet: {} failed\n{block}", printable(&line));
            plain(StatusCode::INTERNAL_SERVER_ERROR, block)
        }
    }
}

/// The request's URL, whole.
fn absolute(uri: &http::Uri, headers: &HeaderMap) -> Option<String> {
    if uri.scheme().is_some() {
        return Some(uri.to_string());
    }
    let host = headers.get(header::HOST)?.to_str().ok().filter(|host| !host.is_empty())?;
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // `OPTIONS *` has no path.
    Some(format!("http://{host}{}", if path.starts_with('/') { path } else { "/" }))
}

fn respond(answered: HttpResponse) -> Response<Full<Bytes>> {
    // Statuses that have no body by definition; hyper would have to drop it and complain.
    let empty = matches!(answered.status, 204 | 205 | 304);
    let mut response = Response::new(Full::from(if empty { Vec::new() } else { answered.body }));
    *response.status_mut() =
        StatusCode::from_u16(answered.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answered.headers {
        let bytes: Option<Vec<u8>> = value.chars().map(|letter| u8::try_from(letter).ok()).collect();
        let value = bytes.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        match (HeaderName::from_bytes(name.as_bytes()), value) {
            (Ok(name), Some(value)) if !HOP_BY_HOP.contains(&name) => {
                response.headers_mut().append(name, value);
            }
            _ => {}
        }
    }
    response
}

/// Header values are bytes; the Fetch standard shows each as the character with its number.
fn latin1(value: &HeaderValue) -> String {
    value.as_bytes().iter().map(|byte| char::from(*byte)).collect()
}

fn plain(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn show(line: &LogLine) {
    let mark = match line.level {
        LogLevel::Warn => "warn: ",
        LogLevel::Error => "error: ",
        LogLevel::Debug | LogLevel::Log | LogLevel::Info => "",
    };
    eprintln!("{mark}{}", printable(&line.text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_made_whole() {
        let with = |host| HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        let url = |uri: &'static str, headers| absolute(&uri.parse().unwrap(), &headers);
        assert_eq!(url("/a?b=c", with("localhost:1")).as_deref(), Some("http://localhost:1/a?b=c"));
        assert_eq!(url("http://x.example/a", with("y")).as_deref(), Some("http://x.example/a"));
        assert_eq!(url("*", with("localhost")).as_deref(), Some("http://localhost/"));
        assert_eq!(url("/", HeaderMap::new()), None);
    }

    #[test]
    fn an_answer_keeps_its_own_headers_only() {
        let answered = HttpResponse {
            status: 201,
            headers: [
                ("x-a", "1"),
                ("x-a", "2"),
                ("transfer-encoding", "chunked"),
                ("content-length", "9"),
                ("é", "x"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            body: b"hi".to_vec(),
        };
        let response = respond(answered);
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers().len(), 2);
        assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
    }
}
