//! The layers of a jail that an operator allows to be missing (`--allow-weak-jail`).

use super::report::{JailReport, LayerState};

/// The layers that may be missing. The other three layers have no exception: without seccomp,
/// `no_new_privs` and the limits the rest does not hold, and kernels and containers have no good
/// reason to refuse them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JailExceptions {
    /// Allows that namespaces are missing, which many containers refuse.
    pub namespaces: bool,
    /// Allows that Landlock is missing, which old kernels do not have.
    pub landlock: bool,
}

impl JailExceptions {
    /// Returns `true` if the layer `name` may be missing.
    fn allow(self, name: &str) -> bool {
        match name {
            "namespaces" => self.namespaces,
            "landlock" => self.landlock,
            _ => false,
        }
    }

    /// Returns the names and states of the layers that are missing without being allowed to.
    pub fn refused(self, report: &JailReport) -> Vec<(&'static str, &LayerState)> {
        let each = report.each().into_iter();
        each.filter(|(name, layer)| !layer.is_set() && !self.allow(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_layers_may_be_missing_and_three_may_not() {
        let missing = || LayerState::Missing("refused".into());
        let none = JailReport {
            no_new_privs: missing(),
            landlock: missing(),
            namespaces: missing(),
            limits: missing(),
            seccomp: missing(),
        };
        let names = |exceptions: JailExceptions| -> Vec<&str> {
            exceptions.refused(&none).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(
            names(JailExceptions::default()),
            ["no_new_privs", "landlock", "namespaces", "limits", "seccomp"]
        );
        assert_eq!(
            names(JailExceptions { namespaces: true, landlock: true }),
            ["no_new_privs", "limits", "seccomp"]
        );
        assert_eq!(
            names(JailExceptions { namespaces: true, landlock: false }),
            ["no_new_privs", "landlock", "limits", "seccomp"]
        );
        let untried = JailReport::default();
        assert_eq!(
            JailExceptions::default().refused(&untried).len(),
            5,
            "a layer that was not tried is missing"
        );
    }
}
