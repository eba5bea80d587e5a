//! The limits of a request to a Worker: the operator's, lowered by the project.

use std::time::Duration;

use isolet_runtime::Limits;
use isolet_wrangler_compat::ProjectLimits;

use crate::settings::duration;

/// Returns the limits of a request, and warnings of those that the project cannot have.
pub fn lowered(operator: &Limits, project: ProjectLimits) -> (Limits, Vec<String>) {
    let mut limits = operator.clone();
    let mut warnings = Vec::new();
    if let Some(cpu_ms) = project.cpu_ms {
        let cpu = Duration::from_millis(cpu_ms);
        if cpu > operator.cpu {
            warnings.push(above("cpu_ms", cpu_ms, "cpu", &duration::display(operator.cpu)));
        }
        limits.cpu = operator.cpu.min(cpu);
    }
    if let Some(subrequests) = project.subrequests {
        let calls = u32::try_from(subrequests).unwrap_or(u32::MAX);
        if calls > operator.calls {
            warnings.push(above("subrequests", subrequests, "calls", &operator.calls.to_string()));
        }
        limits.calls = operator.calls.min(calls);
    }
    (limits, warnings)
}

fn above(key: &str, value: u64, limit: &str, lower: &str) -> String {
    format!(
        "`limits.{key}` ({value}) of the project is above `{limit}` in [limits] of isolet.toml ({lower}), which applies"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_lowers_limits_but_never_raises_them() {
        let operator = Limits::default();
        assert_eq!(lowered(&operator, ProjectLimits::default()), (operator.clone(), Vec::new()));

        let lower = ProjectLimits { cpu_ms: Some(50), subrequests: Some(7) };
        let wanted = Limits { cpu: Duration::from_millis(50), calls: 7, ..Limits::default() };
        assert_eq!(lowered(&operator, lower), (wanted, Vec::new()));

        let higher = ProjectLimits { cpu_ms: Some(300_000), subrequests: Some(u64::MAX) };
        let (limits, warnings) = lowered(&operator, higher);
        assert_eq!(limits, operator);
        assert_eq!(
            warnings,
            [
                "`limits.cpu_ms` (300000) of the project is above `cpu` in [limits] of isolet.toml (10 s), which applies",
                "`limits.subrequests` (18446744073709551615) of the project is above `calls` in [limits] of \
                 isolet.toml (500), which applies",
            ]
        );
    }
}
