//! The WebSocket that a fetch was answered with.

use std::sync::Arc;

use super::{Fetch, Fetches};
use crate::worker::fetch_host::SocketServer;
use crate::worker::protocol::SocketKey;
use crate::worker::socket::{SocketOwner, WorkerSocket};
use crate::worker::socket_queue::SocketQueue;
use crate::worker::socket_relay;

/// The WebSocket of one fetch.
pub(super) enum FetchSocket {
    /// The Worker has neither accepted it nor passed it on.
    Offered(SocketServer),
    /// The Worker has accepted it.
    Open(OpenSocket),
}

/// A WebSocket that the Worker has accepted. Dropping it ends the Worker's end: what it has sent
/// before is still carried to the other end.
pub(super) struct OpenSocket(Arc<SocketQueue>);

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Fetches {
    /// Opens the WebSocket of a fetch, whose Worker has accepted it.
    ///
    /// # Errors
    /// There is no WebSocket that it could accept.
    pub(in super::super) fn accept(
        &self,
        call: u32,
        owner: Arc<dyn SocketOwner>,
    ) -> Result<(), &'static str> {
        let queue = Arc::new(SocketQueue::new());
        let open = FetchSocket::Open(OpenSocket(queue.clone()));
        let server = self.take_offered(call, Some(open))?;
        let socket = WorkerSocket::new(SocketKey::Fetch(call), queue.clone(), owner);
        // Not a task of the fetch: a close goes out after the end of the fetch too.
        self.tokio.spawn(socket_relay::serve(server, socket, queue));
        Ok(())
    }

    /// Returns the WebSocket of a fetch, whose Worker passes it on.
    ///
    /// # Errors
    /// There is no WebSocket that it could pass on.
    pub(in super::super) fn pass_on(&self, call: u32) -> Result<WorkerSocket, &'static str> {
        let server = self.take_offered(call, None)?;
        Ok(socket_relay::passed(server, &self.tokio))
    }

    /// Puts another state in the place of a WebSocket that was offered.
    fn take_offered(&self, call: u32, next: Option<FetchSocket>) -> Result<SocketServer, &'static str> {
        let mut live = self.live.lock();
        let fetch = live.get_mut(&call).ok_or("a WebSocket of a fetch that it does not have")?;
        match std::mem::replace(&mut fetch.socket, next) {
            Some(FetchSocket::Offered(server)) => Ok(server),
            _ => Err("a WebSocket that no fetch offers it"),
        }
    }

    /// Returns the open WebSocket of a fetch.
    ///
    /// # Errors
    /// There is none.
    pub(in super::super) fn socket(&self, call: u32) -> Result<Arc<SocketQueue>, &'static str> {
        match self.live.lock().get(&call) {
            Some(Fetch { socket: Some(FetchSocket::Open(OpenSocket(queue))), .. }) => Ok(queue.clone()),
            _ => Err("a message about a WebSocket that it has not accepted"),
        }
    }
}
