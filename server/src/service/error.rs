//! The reasons why a request never becomes a run. Each front end turns them into its own errors.

/// A request that is refused before it becomes a run.
#[derive(Debug)]
pub struct RequestError {
    /// The kind, for programs.
    pub kind: RequestErrorKind,
    /// The description of the error.
    pub detail: String,
    /// The advice what to do next.
    pub hint: Option<String>,
}

/// The kind of a [`RequestError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestErrorKind {
    /// The request is invalid.
    Invalid,
    /// The sender may not make this request.
    Forbidden,
    /// The script or its input exceeds a limit.
    TooLarge,
    /// The queue is full, or there is no memory for the body.
    Busy,
    /// The service is about to stop.
    Draining,
}

impl RequestError {
    /// Returns an error of this kind.
    pub fn new(kind: RequestErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), hint: None }
    }

    /// Returns the error of a service that is about to stop.
    pub fn draining() -> Self {
        Self::new(RequestErrorKind::Draining, "The server is stopping and takes no new runs.")
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the text for a model: what to do first, then what is wrong.
    pub fn text(&self) -> String {
        let hint = match (self.hint.as_deref(), self.kind) {
            (Some(hint), _) => Some(hint),
            (None, RequestErrorKind::Busy) => Some(RETRY_WHEN_BUSY),
            (None, RequestErrorKind::Draining) => Some(RETRY_WHEN_UNAVAILABLE),
            (None, _) => None,
        };
        text_with_hint(hint, &self.detail)
    }
}

/// The hint of a request that fails because the service is busy.
pub const RETRY_WHEN_BUSY: &str = "Try again in a few seconds.";

/// The hint of a request that fails because something is not available now.
pub const RETRY_WHEN_UNAVAILABLE: &str = "Try again later.";

/// Returns a message for a model, with the hint before the detail.
pub fn text_with_hint(hint: Option<&str>, detail: &str) -> String {
    hint.map_or_else(|| detail.to_owned(), |hint| format!("hint: {hint}\n{detail}"))
}
