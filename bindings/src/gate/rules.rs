//! The operator's rules.

use super::tool_selections::ToolSelections;
use crate::audit::Audit;
use crate::lock::Lock;
use crate::policy::Policy;
use crate::read_file::ReadFile;

/// The operator's rules.
#[derive(Debug, Default)]
pub struct Rules {
    /// The rules for calls.
    pub policy: Policy,
    /// The approved definitions.
    pub lock: Option<Lock>,
    /// The audit log.
    pub audit: Option<Audit>,
    /// The tools that the configuration of the servers offers.
    pub tool_selections: ToolSelections,
    /// The files from which the rules were read.
    pub files: Vec<ReadFile>,
}
