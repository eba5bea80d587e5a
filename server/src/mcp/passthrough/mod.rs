//! Pass-through: tools that the operator exposes as they are (`--expose-tools`), and the prompts
//! and resources of servers that are exposed as a whole. Requests go to the upstream that owns the
//! item, and its results, errors and questions come back unchanged.
//!
//! ```text
//!   tools/list, tools/call      prompts/…, resources/…, completion/…
//!            │                               │
//!            ▼                               ▼
//!      ExposedTools                  UpstreamListings        which upstream owns the item?
//!            └──────────────┬────────────────┘
//!                           ▼
//!                        forward ◄──► elicitation            the request, and what the upstream asks
//! ```
//!
//! | module | content |
//! |---|---|
//! | [`requests`] | the requests that are passed through, one method each |
//! | [`exposed_tools`], [`tool_names`] | the tools that are exposed, in pages; their names |
//! | [`tool_definition`] | the definition of one tool, adapted to what clients accept |
//! | [`input_schema`], [`output_schema`] | schemas that some clients or models refuse |
//! | [`listings`] | prompts, resources and resource templates of several upstreams |
//! | [`forward`] | one request to one upstream, with its progress and log messages |
//! | [`elicitation`] | questions of an upstream to the user, for clients of older revisions |

mod elicitation;
mod exposed_tools;
mod forward;
mod input_schema;
mod listings;
mod output_schema;
mod requests;
mod tool_definition;
mod tool_names;

use std::sync::Arc;

use isolet_bindings::Caller;

pub use self::exposed_tools::{ExposedTools, ToolExposure};
pub use self::listings::UpstreamListings;
pub use self::requests::unknown_tool;
use crate::service::Service;

/// The pass-through of one gateway.
pub struct Passthrough {
    service: Arc<Service>,
    exposure: ToolExposure,
    offers_listings: bool,
}

impl Passthrough {
    /// Passes through what `exposure` chooses. Logs a warning for each pattern that matches
    /// nothing.
    pub fn new(service: Arc<Service>, exposure: ToolExposure) -> Self {
        let snapshot = service.registry.snapshot();
        for message in exposure.unmatched(&snapshot) {
            tracing::warn!("--expose-tools: {message}");
        }
        let offers_listings = !exposure.whole_servers(&snapshot).is_empty();
        Self { service, exposure, offers_listings }
    }

    /// Returns `true` if some servers are exposed as a whole, with prompts and resources. Fixed at
    /// the start, because capabilities cannot change.
    pub fn offers_listings(&self) -> bool {
        self.offers_listings
    }

    /// Returns the exposed tools as they are now.
    pub fn tools(&self) -> Arc<ExposedTools> {
        self.exposure.tools(&self.service.registry)
    }

    /// Returns the servers whose tools are exposed, in the order of the configuration.
    pub fn servers(&self) -> Vec<String> {
        self.exposure.servers(&self.service.registry.snapshot())
    }

    /// Returns the prompts and resources that `caller` sees; `None` if none are exposed.
    pub fn listings(&self, caller: Caller) -> Option<UpstreamListings<'_>> {
        self.offers_listings.then(|| UpstreamListings::new(&self.service, &self.exposure, caller))
    }
}
