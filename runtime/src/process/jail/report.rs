//! The state of each layer of a jail, as `GET /v1/runtime` reports it.

use serde::{Deserialize, Serialize};

/// The layers of a zygote's jail, which its runners inherit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JailReport {
    /// The process has no capability and gains none by `execve`.
    pub no_new_privs: LayerState,
    /// No path can be opened, created or looked at.
    pub landlock: LayerState,
    /// The process has user, network, IPC, mount and host name namespaces of its own.
    pub namespaces: LayerState,
    /// Memory is bounded (`RLIMIT_DATA`, `RLIMIT_AS`), files and core dumps cannot be written, and
    /// few descriptors can be open.
    pub limits: LayerState,
    /// Only the system calls that running JavaScript needs are allowed.
    pub seccomp: LayerState,
}

/// The state of one layer of a jail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerState {
    /// The layer is in force.
    Set,
    /// The layer is missing, for this reason.
    Missing(String),
    /// The layer has not been tried yet.
    #[default]
    Untried,
}

impl LayerState {
    /// Returns `true` if the layer is in force.
    pub fn is_set(&self) -> bool {
        *self == Self::Set
    }
}

impl std::fmt::Display for LayerState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Set => formatter.write_str("set"),
            Self::Missing(reason) => write!(formatter, "missing: {reason}"),
            Self::Untried => formatter.write_str("not tried"),
        }
    }
}

impl JailReport {
    /// Returns the name and state of each layer.
    pub fn each(&self) -> [(&'static str, &LayerState); 5] {
        [
            ("no_new_privs", &self.no_new_privs),
            ("landlock", &self.landlock),
            ("namespaces", &self.namespaces),
            ("limits", &self.limits),
            ("seccomp", &self.seccomp),
        ]
    }

    /// Returns the layers that are not in force and the reasons as one line, or `None` if all are.
    pub fn missing(&self) -> Option<String> {
        let missing = self.each().into_iter().filter(|(_, layer)| !layer.is_set());
        let missing: Vec<String> = missing.map(|(name, layer)| format!("{name}: {layer}")).collect();
        (!missing.is_empty()).then(|| missing.join("; "))
    }

    /// Returns `true` if all layers are in force.
    pub fn complete(&self) -> bool {
        self.each().iter().all(|(_, layer)| layer.is_set())
    }
}
