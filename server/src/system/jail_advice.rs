//! Messages for an incomplete jail: the missing layer, the cause, the remedy.

use isolet_runtime::{JailExceptions, JailReport};

/// Returns the message for a jail that is refused, or `None` if every layer is set or may be
/// missing.
pub fn refusal(layers: &JailReport, exceptions: JailExceptions) -> Option<String> {
    let refused = exceptions.refused(layers);
    if refused.is_empty() {
        return None;
    }
    let causes: Vec<String> = refused.iter().map(|(name, layer)| format!("{name} is {layer}")).collect();
    let remedies: Vec<&str> = refused.iter().map(|(name, _)| remedy(name)).collect();
    let mut message = format!(
        "the jail of the runner processes is not complete: {}. {}",
        causes.join("; "),
        remedies.join(". ")
    );
    let names: Vec<&str> = refused.into_iter().map(|(name, _)| name).collect();
    if names.iter().all(|name| ["namespaces", "landlock"].contains(name)) {
        // The whole option, to be copied: with the layers that may be missing already.
        let allowed = [("namespaces", exceptions.namespaces), ("landlock", exceptions.landlock)];
        let all: Vec<&str> = allowed
            .into_iter()
            .filter(|(name, allowed)| *allowed || names.contains(name))
            .map(|(name, _)| name)
            .collect();
        message += &format!(
            ". To run with less: --allow-weak-jail={} (docs/security.md says what is lost)",
            all.join(",")
        );
    }
    Some(message)
}

/// Returns the advice that makes the layer available.
fn remedy(layer: &str) -> &'static str {
    match layer {
        "namespaces" => {
            "Something refuses the system call `unshare`: the default seccomp profile of Docker and Podman does \
             (docs/containers.md has the profile to give them), and so do systemd's RestrictNamespaces= and the sysctl \
             user.max_user_namespaces=0"
        }
        "landlock" => {
            "Linux 5.13 or later has landlock if /sys/kernel/security/lsm lists it, and a container's seccomp profile must \
             allow landlock_create_ruleset and landlock_restrict_self"
        }
        "seccomp" => {
            "isolet does not run scripts without it: the kernel needs CONFIG_SECCOMP_FILTER, and a container's profile or \
             systemd's SystemCallFilter= must allow the system call `seccomp`"
        }
        "no_new_privs" => {
            "isolet does not run scripts without it: a container's profile or systemd's SystemCallFilter= must allow \
             the system calls `prctl` and `capset`"
        }
        _ => {
            "isolet does not run scripts without it: a container's profile or systemd's SystemCallFilter= must allow the \
             system calls `prlimit64` and `setrlimit`"
        }
    }
}

#[cfg(test)]
mod tests {
    use isolet_runtime::LayerState;

    use super::*;

    fn without(names: &[&str]) -> JailReport {
        let state = |name: &str| match names.contains(&name) {
            true => LayerState::Missing(format!("refused ({name})")),
            false => LayerState::Set,
        };
        JailReport {
            no_new_privs: state("no_new_privs"),
            landlock: state("landlock"),
            namespaces: state("namespaces"),
            limits: state("limits"),
            seccomp: state("seccomp"),
        }
    }

    #[test]
    fn a_refusal_names_layer_cause_and_option() {
        let none = JailExceptions::default();
        assert_eq!(refusal(&without(&[]), none), None);
        let said = refusal(&without(&["namespaces"]), none).unwrap();
        for part in [
            "namespaces is missing: refused (namespaces)",
            "`unshare`",
            "--allow-weak-jail=namespaces (",
            "docs/containers.md",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let both = refusal(&without(&["namespaces", "landlock"]), none).unwrap();
        assert!(both.contains("--allow-weak-jail=namespaces,landlock ("), "{both}");
        let namespaces = JailExceptions { namespaces: true, landlock: false };
        assert_eq!(refusal(&without(&["namespaces"]), namespaces), None);
        let rest = refusal(&without(&["namespaces", "landlock"]), namespaces).unwrap();
        assert!(
            !rest.contains("namespaces is") && rest.contains("--allow-weak-jail=namespaces,landlock ("),
            "{rest}"
        );
    }

    #[test]
    fn three_layers_cannot_be_waived() {
        let all = JailExceptions { namespaces: true, landlock: true };
        for layer in ["seccomp", "no_new_privs", "limits"] {
            for exceptions in [all, JailExceptions::default()] {
                let said = refusal(&without(&[layer, "landlock"]), exceptions).unwrap();
                assert!(said.contains(&format!("refused ({layer})")), "{said}");
                assert!(!said.contains("--allow-weak-jail") && !said.contains("thread"), "{said}");
            }
        }
    }
}
