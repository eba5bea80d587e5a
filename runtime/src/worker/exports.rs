//! The fetches of a Worker from its own entrypoints, through `ctx.exports`.

use std::sync::Weak;

use super::Worker;
use super::fetch_host::{ExportHost, FetchFuture, FetchRequest};
use super::http::{HttpRequest, RequestOrigin};
use super::instances::Instances;
use super::protocol::{Entrypoint, FetchError};

/// The Worker as its own callee. Such a call has limits of its own, like any request.
pub(super) struct Loopback(Weak<Instances>);

impl Loopback {
    pub(super) fn to(instances: Weak<Instances>) -> Self {
        Self(instances)
    }
}

impl ExportHost for Loopback {
    fn worker(&self) -> Option<Worker> {
        self.0.upgrade().map(|instances| Worker { instances })
    }

    fn fetch(&self, entrypoint: Entrypoint, request: FetchRequest) -> FetchFuture {
        let instances = self.0.upgrade();
        Box::pin(async move {
            let instances = instances.ok_or("The Worker ends.")?;
            let FetchRequest { head, body, chain } = request;
            chain.enter()?;
            let origin = RequestOrigin { entrypoint, chain: Some(chain) };
            let request = HttpRequest { id: Worker::next_id(), head, body, origin };
            let answered = Worker { instances }.fetch(request).await;
            answered.map_err(FetchError::from)?.into_fetched()
        })
    }
}
