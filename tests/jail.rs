//! The start of isolet on machines that refuse a layer of the jail.

use crate::harness::confined::*;
use crate::harness::*;

/// Its result on standard output shows that it ran.
const SCRIPT: &str = "return 6 * 7";

/// `prctl(PR_SET_NO_NEW_PRIVS)`.
const NO_NEW_PRIVS: u64 = 38;

/// Each layer, with the refused calls without which it cannot be applied.
fn refusals() -> [(&'static str, Vec<Refused>); 5] {
    [
        ("namespaces", vec![refuse(libc::SYS_unshare, EPERM)]),
        ("landlock", vec![refuse(libc::SYS_landlock_create_ruleset, ENOSYS)]),
        ("no_new_privs", vec![refuse(libc::SYS_prctl, EPERM).where_bits(0, u64::MAX, NO_NEW_PRIVS)]),
        ("limits", vec![refuse(libc::SYS_prlimit64, EPERM), refuse(libc::SYS_setrlimit, EPERM)]),
        ("seccomp", vec![refuse(libc::SYS_seccomp, EPERM)]),
    ]
}

fn run(refused: Vec<Refused>, args: &[&str]) -> Output {
    confined(refused, || isolet(["run", "-"]).args(args).stdin(SCRIPT).output())
}

#[test]
fn a_refused_layer_ends_the_start() {
    for (layer, refused) in refusals() {
        let output = run(refused, &[]).exits(3);
        assert_eq!(output.stdout, "", "{layer}: a script was run");
        assert_says(
            &output.stderr,
            &["the jail of the runner processes is not complete", &format!("{layer} is missing: ")],
        );
        let flag = format!("--allow-weak-jail={layer} ");
        assert_eq!(
            output.stderr.contains(&flag),
            ["namespaces", "landlock"].contains(&layer),
            "{layer}: {}",
            output.stderr
        );
        assert!(!output.stderr.contains("--isolation"), "{layer}: {}", output.stderr);
    }
}

#[test]
fn services_are_refused_too() {
    let folder = Folder::new();
    folder.mcp_json(json!({}));
    for args in [&["serve", "--listen", "127.0.0.1:0"][..], &["mcp", "--mcp-config", "mcp.json"]] {
        let start = || isolet([]).args(args).within(folder.path()).output();
        let output = confined(vec![refuse(libc::SYS_unshare, EPERM)], start).exits(3);
        assert_says(&output.stderr, &["namespaces is missing", "--allow-weak-jail=namespaces "]);
    }
}

#[test]
fn two_layers_may_be_missing_if_the_operator_names_them() {
    for (layer, refused) in refusals() {
        let output = run(refused, &["--allow-weak-jail=namespaces,landlock"]);
        if ["namespaces", "landlock"].contains(&layer) {
            assert_eq!(output.exits(0).json(), 42, "{layer}");
        } else {
            let output = output.exits(3);
            assert_says(&output.stderr, &[&format!("{layer} is missing: ")]);
            assert!(!output.stderr.contains("--allow-weak-jail"), "{layer}: {}", output.stderr);
        }
    }
    // An exception for one layer does not cover the other.
    for (layer, refused) in refusals().into_iter().take(2) {
        let other = if layer == "landlock" { "namespaces" } else { "landlock" };
        let output = run(refused, &[&format!("--allow-weak-jail={other}")]).exits(3);
        assert_says(
            &output.stderr,
            &[&format!("{layer} is missing: "), "--allow-weak-jail=namespaces,landlock "],
        );
    }
    let output = isolet(["run", "-", "--allow-weak-jail=seccomp"]).stdin(SCRIPT).output().exits(2);
    assert_says(&output.stderr, &["seccomp", "namespaces, landlock"]);
}

#[test]
fn an_exception_in_the_file_counts_and_is_warned_of() {
    let folder = Folder::new();
    folder.write("weak.toml", "[runtime]\nallow_weak_jail = [\"namespaces\"]\n");
    let refused = || vec![refuse(libc::SYS_unshare, EPERM)];
    let run = |args: &[&str]| {
        confined(refused(), || {
            isolet(["run", "-", "--config", "weak.toml"])
                .args(args)
                .within(folder.path())
                .stdin(SCRIPT)
                .output()
        })
    };
    let output = run(&[]).exits(0);
    assert_eq!(output.json(), 42);
    assert_says(&output.stderr, &["warning", "not complete, as is allowed (namespaces: missing: "]);
    let output = run(&["--require-jail"]).exits(2);
    assert_says(&output.stderr, &["--require-jail", "allow_weak_jail"]);
}

/// The calls of isolet that Docker's default profile refuses to a container without further
/// capabilities: new namespaces by `unshare`, `clone` and `clone3`, and mounts.
fn docker(allowed: Option<u64>) -> Vec<Refused> {
    let unshare = refuse(libc::SYS_unshare, EPERM);
    // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
    let namespaces: u64 = 0x7e02_0000;
    let mut refused = vec![match allowed {
        Some(flags) => unshare.unless(0, flags),
        None => unshare,
    }];
    // One of these bits is enough to be refused.
    for bit in (0..64).map(|bit| 1 << bit).filter(|bit| namespaces & bit != 0) {
        refused.push(refuse(libc::SYS_clone, EPERM).where_bits(0, bit, bit));
    }
    refused.push(refuse(libc::SYS_clone3, ENOSYS));
    refused.extend(
        [libc::SYS_mount, libc::SYS_umount2, libc::SYS_setns, libc::SYS_pivot_root, libc::SYS_bpf]
            .map(|call| refuse(call, EPERM)),
    );
    refused
}

#[test]
fn the_rule_for_containers_lets_the_whole_jail_hold() {
    run(docker(None), &[]).exits(3);
    let path = repository().join("deploy/seccomp-rule.json");
    let rule: Value = serde_json::from_slice(&std::fs::read(path).expect("the rule")).expect("JSON");
    assert_eq!((&rule["names"], &rule["action"]), (&json!(["unshare"]), &json!("SCMP_ACT_ALLOW")));
    let argument = &rule["args"][0];
    assert_eq!((&argument["index"], &argument["op"]), (&json!(0), &json!("SCMP_CMP_EQ")));
    let flags = argument["value"].as_u64().expect("a number");
    let output = run(docker(Some(flags)), &["--require-jail"]).exits(0);
    assert_eq!(output.json(), 42);
    assert!(!output.stderr.contains("jail"), "{}", output.stderr);
}
