//! The run or client that makes a call.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::text::hexadecimal;

/// A run, a Worker, or a client that calls tools without a script.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    run: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
    peer: Option<SocketAddr>,
    token: Option<Arc<str>>,
    worker: Option<Arc<str>>,
    names_a_tenant: bool,
}

impl Caller {
    /// Creates a run of this tenant, with a random id.
    pub fn run(tenant: Option<&str>) -> Self {
        let mut number = [0; 12];
        // Without random bytes the run has no id in the records.
        let run = getrandom::fill(&mut number).ok().map(|()| hexadecimal(&number).into());
        Self { run, tenant: tenant.map(Into::into), ..Self::default() }
    }

    /// Creates a client that calls tools without a script.
    pub fn client(tenant: Option<&str>) -> Self {
        Self { tenant: tenant.map(Into::into), ..Self::default() }
    }

    /// Adds the address `peer` of the client, and the label of its token.
    #[must_use]
    pub fn from_there(self, peer: Option<SocketAddr>, token: Option<&str>) -> Self {
        Self { peer, token: token.map(Into::into), ..self }
    }

    /// Notes that the calls are made by the Worker of this name, whose run lasts as long as it is
    /// served.
    #[must_use]
    pub fn of_worker(self, name: &str) -> Self {
        Self { worker: Some(name.into()), ..self }
    }

    /// Notes that the request named the tenant, because the token belongs to none.
    #[must_use]
    pub fn for_a_tenant(self) -> Self {
        Self { names_a_tenant: true, ..self }
    }

    /// Returns whether the request named the tenant, not the token.
    pub fn names_a_tenant(&self) -> bool {
        self.names_a_tenant
    }

    /// The id of the run.
    pub fn number(&self) -> Option<&str> {
        self.run.as_deref()
    }

    /// The address of the client, if there is a connection.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The label of the token.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The name of the Worker.
    pub fn worker(&self) -> Option<&str> {
        self.worker.as_deref()
    }

    /// The tenant.
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}
