//! Service bindings: what a Worker fetches from another Worker of the same isolet.
//!
//! Such a request is one of the callee: its limits, its `env`, its servers and the rules for them
//! apply, and its log and metrics have it. Nothing goes over a socket.
//!
//! RPC does not pass through this module: its events have the callee's limits, and their lines are
//! in its log, but metrics and the bound on requests count fetches only.

use std::future::ready;
use std::sync::{Arc, Weak};

use futures_util::StreamExt as _;
use isolet_runtime::{
    Destination, Entrypoint, FetchBindings, FetchError, FetchFuture, FetchHost, FetchRequest, FetchedBody,
    FetchedResponse, HttpRequest, HttpResponse, RequestOrigin, ResponseBody, ResponseHead, SocketServer,
    WorkerSocket, relay_sockets,
};
use isolet_wrangler_compat::ProjectService;
use parking_lot::RwLock;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::assets::AnsweredAsset;
use super::request_log::{OpenRequest, RequestEnd};
use super::site::ServedWorker;
use super::sockets::connection::Closing;

/// The Workers of one isolet, with their names. Of several with one name the newest counts, as long
/// as it has that name.
#[derive(Default)]
pub struct Services(RwLock<Vec<(String, Arc<ServedWorker>)>>);

impl Services {
    /// Adds a Worker under a name.
    pub fn add(&self, name: &str, worker: Arc<ServedWorker>) {
        self.0.write().push((name.to_owned(), worker));
    }

    /// Removes a Worker under a name.
    pub fn remove(&self, name: &str, worker: &Arc<ServedWorker>) {
        self.0.write().retain(|(known, found)| known != name || !Arc::ptr_eq(found, worker));
    }

    /// Adds the service bindings of a project.
    pub fn bind(self: &Arc<Self>, services: &[ProjectService], bindings: &mut FetchBindings) {
        for ProjectService { binding, service, entrypoint, props, .. } in services {
            let name = entrypoint.as_deref().filter(|name| *name != "default").unwrap_or_default();
            let props = props.as_ref().map(ToString::to_string).unwrap_or_default();
            let entrypoint = Entrypoint { name: name.to_owned(), props };
            // Weak, as the Workers own their bindings.
            let services = Arc::downgrade(self);
            bindings
                .add(binding, Arc::new(ServiceBinding { services, service: service.clone(), entrypoint }));
        }
    }

    fn find(&self, name: &str) -> Option<Arc<ServedWorker>> {
        let workers = self.0.read();
        workers.iter().rev().find(|(known, _)| known == name).map(|(_, worker)| worker.clone())
    }
}

/// A binding of another Worker, or of the same one.
struct ServiceBinding {
    services: Weak<Services>,
    service: String,
    entrypoint: Entrypoint,
}

impl FetchHost for ServiceBinding {
    /// Returns the Worker that RPC calls. Its events take no permit and are not counted.
    fn destination(&self) -> Result<Destination, String> {
        let service = &self.service;
        let Some(served) = self.services.upgrade().and_then(|services| services.find(service)) else {
            return Err(format!("{} Name its configuration with a further -c.", absent(service)));
        };
        let version = served.current();
        if let Some(failure) = &version.failure {
            return Err(failure.clone());
        }
        let worker =
            version.worker.clone().ok_or_else(|| format!("Worker \"{service}\" has static assets only."))?;
        Ok(Destination { worker, entrypoint: self.entrypoint.clone() })
    }

    fn fetch(&self, request: FetchRequest) -> FetchFuture {
        // The newest version counts, and it may have been added after the one that calls it.
        let found = self.services.upgrade().and_then(|services| services.find(&self.service));
        match found {
            Some(worker) => Box::pin(call(worker, self.entrypoint.clone(), request)),
            None => Box::pin(ready(Ok(not_found(&self.service)))),
        }
    }
}

/// Returns what `wrangler dev` says of a Worker that is not there.
fn absent(service: &str) -> String {
    format!("Worker \"{service}\" not found. Make sure it is running locally.")
}

/// Returns the answer of a Worker that is not there.
fn not_found(service: &str) -> FetchedResponse {
    text_response(503, "Service Unavailable", absent(service))
}

fn text_response(status: u16, phrase: &str, text: String) -> FetchedResponse {
    let headers = vec![("content-type".to_owned(), "text/plain;charset=UTF-8".to_owned())];
    let head = ResponseHead { status, status_text: phrase.to_owned(), headers, encoded: false };
    FetchedResponse { head, body: FetchedBody::Whole(text.into()) }
}

/// Gives a request to an entrypoint of a Worker, or to its static assets, which stand before the
/// default one as they do for requests over HTTP.
async fn call(
    worker: Arc<ServedWorker>,
    entrypoint: Entrypoint,
    request: FetchRequest,
) -> Result<FetchedResponse, FetchError> {
    let FetchRequest { head, body, chain } = request;
    chain.enter()?;
    let mut open = OpenRequest::of_fetch(&head, worker.log());
    let Some(permit) = worker.permit() else {
        open.end(503, RequestEnd::Refused);
        return Err("The Worker that is called has as many requests as it may have.".into());
    };
    let version = worker.current();
    if let Some(failure) = &version.failure {
        open.end(500, RequestEnd::Refused);
        return Err(FetchError { name: "Error".to_owned(), message: failure.clone() });
    }
    if entrypoint.name.is_empty()
        && let Some(assets) = &version.assets
        && let Some(answered) = assets.answer(&head, version.worker.is_some()).await
    {
        let fetched = AnsweredAsset::fetched(answered);
        open.end(fetched.head.status, RequestEnd::Complete);
        return Ok(fetched);
    }
    let Some(callee) = &version.worker else {
        open.end(404, RequestEnd::Complete);
        return Ok(text_response(404, "Not Found", "The project has no Worker.".to_owned()));
    };
    let origin = RequestOrigin { entrypoint, chain: Some(chain) };
    match callee.fetch(HttpRequest { id: open.id, head, body, origin }).await {
        Ok(HttpResponse { head, body: ResponseBody::Socket(socket) }) => {
            open.end(head.status, RequestEnd::Unread);
            let server = socket_server(socket, version.retired.clone(), open, permit);
            Ok(FetchedResponse { head, body: FetchedBody::Socket(server) })
        }
        Ok(answered) => Ok(noted(answered.into_fetched(), open, permit)),
        Err(error) => {
            open.failed(&error);
            open.end(500, RequestEnd::Failed(error.code));
            Err(error.into())
        }
    }
}

/// Notes how the body of an answer ends.
fn noted(fetched: FetchedResponse, mut open: OpenRequest, permit: OwnedSemaphorePermit) -> FetchedResponse {
    let FetchedResponse { head, body } = fetched;
    let FetchedBody::Stream(stream) = body else {
        open.end(head.status, RequestEnd::Complete);
        return FetchedResponse { head, body };
    };
    open.end(head.status, RequestEnd::Unread);
    let pieces =
        futures_util::stream::unfold((stream, open, permit), |(mut stream, mut open, permit)| async {
            let piece = stream.next().await;
            match &piece {
                Some(Ok(_)) => {}
                Some(Err(reason)) => open.broke_off(reason),
                None => open.end = RequestEnd::Complete,
            }
            piece.map(|piece| (piece, (stream, open, permit)))
        });
    FetchedResponse { head, body: FetchedBody::Stream(pieces.boxed()) }
}

/// Returns the end of a WebSocket that its callee has, for the caller. It is closed when a newer
/// version of the callee has started.
fn socket_server(
    callee: WorkerSocket,
    retired: CancellationToken,
    mut open: OpenRequest,
    permit: OwnedSemaphorePermit,
) -> SocketServer {
    Box::new(|caller| {
        Box::pin(async move {
            let closing = Closing { retired, ..Closing::default() };
            relay_sockets(callee, caller, closing.requested()).await;
            open.end = RequestEnd::Complete;
            drop((open, permit));
        })
    })
}

#[cfg(test)]
mod tests {
    use isolet_runtime::{LogLine, RunError};

    use super::*;
    use crate::web::problem::Problem;
    use crate::workers::request_log::RequestLog;
    use crate::workers::version::WorkerVersion;

    struct NoLog;

    impl RequestLog for NoLog {
        fn failed(&self, _: &OpenRequest, _: &RunError) -> String {
            String::new()
        }

        fn refused(&self, _: &OpenRequest, _: &Problem) {}

        fn broke_off(&self, _: &OpenRequest, _: &str) {}

        fn ended(&self, _: &OpenRequest) {}

        fn violated(&self, _: &RunError) {}

        fn line(&self, _: u32, _: &LogLine) {}
    }

    /// Two projects of a session may have had the same name for a while.
    #[test]
    fn a_worker_is_removed_under_its_own_name_only() {
        let worker = || ServedWorker::new(WorkerVersion::new(None, None), Arc::new(NoLog));
        let (first, second) = (worker(), worker());
        let services = Services::default();
        services.add("shop", first.clone());
        services.add("shop", second.clone());
        services.remove("shop", &first);
        assert!(services.find("shop").is_some_and(|found| Arc::ptr_eq(&found, &second)));
        services.remove("shop", &second);
        assert!(services.find("shop").is_none());
        services.add("shop", first.clone());
        services.add("shop", second.clone());
        services.remove("shop", &second);
        assert!(services.find("shop").is_some_and(|found| Arc::ptr_eq(&found, &first)));
    }
}
