//! A landlock domain that separates a server from other processes of the same user.
//!
//! The credentials of a server are in its environment, and the kernel lets every process read the
//! environment, memory and descriptors of other processes of its user. A process in a landlock
//! domain can read only those in its own domain: not isolet's, not other servers', not the user's
//! other programs. This needs no privilege. Files and network stay as they are.

use landlock::{
    AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, Scope,
};

/// Puts this process, and all that it will start, into a domain of its own. It cannot gain
/// privileges by executing a program afterwards.
///
/// # Errors
/// A kernel without landlock, or without the part of it that is used here.
pub(super) fn enter() -> Result<(), String> {
    ruleset()?.restrict_self().map(drop).map_err(|error| error.to_string())
}

/// A ruleset has to forbid something. Since Linux 6.12 it forbids signals to processes outside the
/// domain.
fn ruleset() -> Result<RulesetCreated, String> {
    let rules = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    if let Ok(signals) = rules().scope(Scope::Signal) {
        return signals.create().map_err(|error| error.to_string());
    }
    // Since Linux 5.19 a ruleset can forbid moving files between folders, which is then allowed
    // everywhere again. No process in such a domain can mount.
    let root = PathFd::new("/").map_err(|error| error.to_string())?;
    rules()
        .handle_access(AccessFs::Refer)
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rule(PathBeneath::new(root, AccessFs::Refer)))
        .map_err(|error| error.to_string())
}
