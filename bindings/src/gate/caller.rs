//! Whose call it is.

use std::sync::Arc;

use crate::audit::record::hexadecimal;

/// A run, or a client that calls tools itself.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    run: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
}

impl Caller {
    /// A run of this tenant, with a number of its own.
    pub fn run(tenant: Option<&str>) -> Self {
        let mut number = [0; 12];
        // Without random bytes nothing else works either; a run without its number is still a run.
        let run = getrandom::fill(&mut number).ok().map(|()| hexadecimal(&number).into());
        Self { run, tenant: tenant.map(Into::into) }
    }

    /// A client that calls tools without a script.
    pub fn client(tenant: Option<&str>) -> Self {
        Self { run: None, tenant: tenant.map(Into::into) }
    }

    /// The run's number.
    pub fn number(&self) -> Option<&str> {
        self.run.as_deref()
    }

    /// Whose run it is.
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}
