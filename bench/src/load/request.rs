//! The request, and the check of its answer.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;

use crate::cli::RequestArgs;
use crate::error::BenchError;

/// The parts of a request that are the same for all connections.
#[derive(Debug, Clone)]
pub struct RequestPlan {
    pub address: SocketAddr,
    pub timeout: Duration,
    pub expect: Option<Bytes>,
    method: Method,
    /// Path and query only: the form in which a client writes it on the wire.
    path: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl RequestPlan {
    pub async fn new(args: &RequestArgs) -> Result<Self, BenchError> {
        let endpoint = Endpoint::resolve(&args.url, args.allow_remote).await?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, endpoint.host);
        for header in &args.headers {
            let (name, value) = parse_header(header)?;
            // A given Host replaces the default; other headers may be repeated.
            if name == HOST {
                headers.remove(HOST);
            }
            headers.append(name, value);
        }
        let body = match args.body.as_deref() {
            None => Bytes::new(),
            Some(text) => match text.strip_prefix('@') {
                None => Bytes::from(text.to_owned()),
                Some(path) => fs::read(path)
                    .map_err(|source| BenchError::File { path: Path::new(path).to_owned(), source })?
                    .into(),
            },
        };
        if args.body.is_some() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let method = args.method.clone();
        let method = method.unwrap_or(if args.body.is_some() { Method::POST } else { Method::GET });
        Ok(Self {
            address: endpoint.address,
            timeout: args.timeout,
            expect: args.expect.clone().map(Bytes::from),
            method,
            path: endpoint.path,
            headers,
            body,
        })
    }

    /// A plain GET that checks if a target is ready.
    pub async fn probe(url: &str, allow_remote: bool, timeout: Duration) -> Result<Self, BenchError> {
        let endpoint = Endpoint::resolve(url, allow_remote).await?;
        let headers = HeaderMap::from_iter([(HOST, endpoint.host)]);
        let (method, body) = (Method::GET, Bytes::new());
        Ok(Self {
            address: endpoint.address,
            timeout,
            expect: None,
            method,
            path: endpoint.path,
            headers,
            body,
        })
    }

    pub fn method(&self) -> &Method {
        &self.method
    }

    pub fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

struct Endpoint {
    address: SocketAddr,
    host: HeaderValue,
    path: Uri,
}

impl Endpoint {
    async fn resolve(url: &str, allow_remote: bool) -> Result<Self, BenchError> {
        let wrong = |reason: String| BenchError::Url { url: url.to_owned(), reason };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("only http:// URLs; TLS would be measured along".to_owned()));
        }
        let host = uri.host().ok_or_else(|| wrong("has no host".to_owned()))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(wrong("user names in URLs are not sent; use --header Authorization:…".to_owned()));
        }
        let port = uri.port_u16().unwrap_or(80);
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name, port))
            .await
            .map_err(|error| wrong(format!("cannot look up {host}: {error}")))?
            .collect();
        // Every resolved address must be local, not only the one in use.
        if !allow_remote && addresses.iter().any(|address| !address.ip().is_loopback()) {
            return Err(wrong("is not this machine; --allow-remote permits load on another one".to_owned()));
        }
        let address = *addresses.first().ok_or_else(|| wrong(format!("{host} has no address")))?;
        let host = HeaderValue::from_str(authority).map_err(|error| wrong(error.to_string()))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = path.parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
        Ok(Self { address, host, path })
    }
}

fn parse_header(header: &str) -> Result<(HeaderName, HeaderValue), BenchError> {
    let wrong = || BenchError::Header { header: header.to_owned() };
    let (name, value) = header.split_once(':').ok_or_else(wrong)?;
    let name = name.trim().parse().map_err(|_| wrong())?;
    let value = value.trim().parse().map_err(|_| wrong())?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    async fn plan(args: &[&str]) -> Result<RequestPlan, BenchError> {
        let cli = Cli::try_parse_from([&["isolet-bench", "run"], args].concat()).unwrap();
        let Command::Run(run) = cli.command else { panic!("wrong subcommand") };
        RequestPlan::new(&run.load.request).await
    }

    #[tokio::test]
    async fn requests_are_as_asked() {
        let plan =
            plan(&["http://127.0.0.1:9/v1/run?a=b", "--body", "{}", "--header", "X-Key: a:b"]).await.unwrap();
        let request = plan.request();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "/v1/run?a=b");
        assert_eq!(request.headers()["host"], "127.0.0.1:9");
        assert_eq!(request.headers()["x-key"], "a:b");
        assert_eq!(request.headers()["content-type"], "application/json");
        let plain = RequestPlan::probe("http://[::1]:9", false, Duration::ZERO).await.unwrap();
        assert_eq!((plain.method().as_str(), plain.request().uri().path()), ("GET", "/"));
    }

    #[tokio::test]
    async fn other_hosts_need_permission() {
        let url = "http://192.0.2.1:9/";
        assert!(plan(&[url]).await.unwrap_err().to_string().contains("--allow-remote"));
        assert!(plan(&[url, "--allow-remote"]).await.is_ok());
        assert!(plan(&["http://0.0.0.0:9/"]).await.is_err());
    }

    #[tokio::test]
    async fn wrong_urls_and_headers_are_errors() {
        for args in [
            &["https://127.0.0.1/"][..],
            &["127.0.0.1"],
            &["http://a:b@127.0.0.1/"],
            &["http://127.0.0.1/", "--header", "novalue"],
            &["http://127.0.0.1/", "--header", "a: b\nc"],
            &["http://127.0.0.1/", "--body", "@/nonexistent"],
        ] {
            assert!(plan(args).await.is_err(), "{args:?}");
        }
    }
}
