use serde_json::json;

use super::*;

fn names(globs: &[&str]) -> NamePatterns {
    NamePatterns::new(globs).unwrap()
}

fn rule(name: &str, action: Action, server: &str, tool: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        action,
        servers: names(&[server]),
        tools: names(&[tool]),
        when: Vec::new(),
        unless: Vec::new(),
        reason: None,
    }
}

fn condition(path: &str, test: ConditionTest) -> Condition {
    Condition::new(path, test, false).unwrap()
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy::new(PolicyOptions { rules, ..PolicyOptions::default() })
}

fn target<'a>(server: &'a str, tool: &'a str) -> CallTarget<'a> {
    let hints = (!tool.starts_with('$')).then(ToolHints::default);
    CallTarget { server, tool, hints }
}

#[test]
fn a_denial_wins_in_any_order() {
    for deny_first in [true, false] {
        let mut rules = vec![
            rule("no-deletes", Action::Deny, "*", "delete_*"),
            rule("github", Action::Allow, "github", "*"),
        ];
        if !deny_first {
            rules.reverse();
        }
        let policy = Policy::new(PolicyOptions { default: Action::Deny, rules, ..PolicyOptions::default() });
        assert!(policy.check_tool(target("github", "create_issue")).is_ok());
        assert_eq!(policy.check_tool(target("github", "delete_repo")).unwrap_err().rule, "no-deletes");
        assert_eq!(policy.check_tool(target("files", "read")).unwrap_err().rule, "default");
        assert!(policy.hides_server("files") && !policy.hides_server("github"));
    }
}

#[test]
fn denied_names_match_in_any_case_and_as_aliases() {
    let policy = policy(vec![rule("r", Action::Deny, "my_server", "delete_*")]);
    for (server, tool) in [
        ("my_server", "delete_a"),
        ("my-server", "delete-a"),
        ("my.server", "DELETE_A"),
        ("My-Server", "Delete.A"),
    ] {
        assert!(policy.check_tool(target(server, tool)).is_err(), "{server}/{tool}");
    }
    assert!(policy.check_tool(target("my-server", "undelete")).is_ok());
    // Rules that allow compare exactly.
    let rules = vec![rule("r", Action::Allow, "my_server", "get_*")];
    let policy = Policy::new(PolicyOptions { default: Action::Deny, rules, ..PolicyOptions::default() });
    assert!(policy.check_tool(target("my_server", "get_a")).is_ok());
    for (server, tool) in [("my-server", "get_a"), ("my_server", "GET_a"), ("my_server", "get-a")] {
        assert!(policy.check_tool(target(server, tool)).is_err(), "{server}/{tool}");
    }
}

#[test]
fn a_rule_on_arguments_hides_no_tool() {
    let mut deny = rule("no-etc", Action::Deny, "files", "*");
    deny.when = vec![condition("/path", ConditionTest::Matches("/etc/*".to_owned()))];
    deny.reason = Some("it is the machine's.".to_owned());
    let policy = policy(vec![deny]);
    let read = target("files", "read");
    assert!(policy.check_tool(read).is_ok());
    assert!(policy.judge(read, r#"{"path": "/tmp/a"}"#).is_ok());
    let refusal = policy.judge(read, r#"{"path": "/etc/passwd"}"#).unwrap_err();
    assert_eq!(
        refusal.message,
        "The rule \"no-etc\" denies files/read with these arguments (it looks at /path). Reason: it is the machine's."
    );
    assert_eq!(refusal.hint, "Call it with other values of /path.");
    for dodge in [
        r#"{"path": "/tmp/a", "path": "/etc/passwd"}"#,
        r#"{"path": "/etc/passwd", "path": "/tmp/a"}"#,
        r#"{"PATH": "/etc/passwd"}"#,
        r#"{"path": "/tmp/a", "Path": "/etc/passwd"}"#,
        r#"{"path": ["/etc/passwd"]}"#,
        r#"{"path": [["/etc/passwd"]]}"#,
        r#"{"path": {"0": "/etc/passwd"}}"#,
        r#"{"__proto__": {"path": "/etc/passwd"}}"#,
        r#"{"path": "/tmp/../etc/passwd"}"#,
        r#"{"p\u0061th": "/etc/passwd"}"#,
        "not json",
    ] {
        assert!(policy.judge(read, dodge).is_err(), "{dodge}");
    }
}

#[test]
fn a_folder_and_its_contents_are_denied_together() {
    let within = condition("/path", ConditionTest::Matches("{/srv/data,/srv/data/*}".to_owned()));
    let mut deny = rule("our-data", Action::Deny, "files", "*");
    deny.unless = vec![within.clone()];
    let mut allow = rule("reading", Action::Allow, "files", "*");
    allow.when = vec![within];
    let allowing =
        Policy::new(PolicyOptions { default: Action::Deny, rules: vec![allow], ..PolicyOptions::default() });
    for policy in [policy(vec![deny]), allowing] {
        let judge = |arguments: &str| policy.judge(target("files", "read"), arguments);
        for inside in ["/srv/data", "/srv/data/a", "/srv/data/a/b.csv"] {
            assert!(judge(&json!({ "path": inside }).to_string()).is_ok(), "{inside}");
        }
        for outside in ["/srv/database", "/srv", "/srv/data/../x", "/etc/passwd"] {
            let refusal = judge(&json!({ "path": outside }).to_string()).unwrap_err();
            assert_eq!(refusal.hint, "Call it with other values of /path.", "{outside}");
        }
        for absent in ["{}", r#"{"paths": ["/srv/data"]}"#] {
            let refusal = judge(absent).unwrap_err();
            assert!(refusal.hint.starts_with("The rule needs an argument /path"), "{refusal:?}");
        }
    }
}

#[test]
fn unless_exempts_only_certain_matches() {
    let mut deny = rule("our-org", Action::Deny, "github", "*");
    deny.unless = vec![condition("/owner", ConditionTest::Is(vec![json!("acme")]))];
    let policy = policy(vec![deny]);
    let create = target("github", "create_issue");
    assert!(policy.check_tool(create).is_ok(), "it is visible");
    assert!(policy.judge(create, r#"{"owner": "acme"}"#).is_ok());
    for other in [
        r#"{"owner": "evil"}"#,
        "{}",
        r#"{"owner": ["acme"]}"#,
        r#"{"OWNER": "acme"}"#,
        r#"{"owner":"ACME"}"#,
    ] {
        assert!(policy.judge(create, other).is_err(), "{other}");
    }
}

#[test]
fn a_conditional_allow_rule_is_named_in_the_refusal() {
    let mut allow = rule("data-only", Action::Allow, "files", "read");
    allow.when = vec![condition("/path", ConditionTest::Matches("/data/*".to_owned()))];
    let policy =
        Policy::new(PolicyOptions { default: Action::Deny, rules: vec![allow], ..PolicyOptions::default() });
    let read = target("files", "read");
    assert!(policy.check_tool(read).is_ok());
    assert!(policy.judge(read, r#"{"path": "/data/x"}"#).is_ok());
    let refusal = policy.judge(read, r#"{"path": "/data/../x"}"#).unwrap_err();
    assert_eq!(refusal.rule, "data-only");
    assert!(
        refusal.message.starts_with("The rule \"data-only\" does not allow files/read with"),
        "{refusal}"
    );
}

#[test]
fn read_only_needs_a_hint_or_the_operators_word() {
    let options = PolicyOptions {
        read_only: true,
        read_only_tools: vec![(names(&["git"]), names(&["git_log"]))],
        ..PolicyOptions::default()
    };
    let policy = Policy::new(options);
    let hinted =
        |reads, destroys| CallTarget { hints: Some(ToolHints { reads, destroys }), ..target("x", "y") };
    assert!(policy.check_tool(hinted(true, false)).is_ok());
    for (reads, destroys) in [(false, false), (true, true), (false, true)] {
        assert_eq!(policy.check_tool(hinted(reads, destroys)).unwrap_err().rule, "read_only");
    }
    assert!(policy.check_tool(target("git", "git_log")).is_ok());
    assert!(policy.check_tool(target("x", "$readResource")).is_ok(), "reading is reading");
    let disguised = CallTarget { hints: Some(ToolHints::default()), ..target("x", "$readResource") };
    assert!(policy.check_tool(disguised).is_err(), "a tool that is called like an operation");
    let of = |annotations| ToolHints::of(&json!({ "annotations": annotations }));
    assert_eq!(of(json!({ "readOnlyHint": "true" })), ToolHints::default());
    assert_eq!(of(json!({ "readOnlyHint": true })), ToolHints { reads: true, destroys: false });
    assert_eq!(ToolHints::of(&json!({ "annotations": [true] })), ToolHints::default());
}

#[test]
fn resources_do_not_bypass_a_rule() {
    let resource = target("files", "$readResource");
    let part = policy(vec![rule("no-reading", Action::Deny, "files", "read_*")]);
    assert_eq!(part.judge(resource, r#"{"uri": "file:///x"}"#).unwrap_err().rule, "no-reading");
    assert!(part.judge(target("other", "$readResource"), "{}").is_ok());
    let by_name = policy(vec![
        rule("no-reading", Action::Deny, "files", "read_*"),
        rule("resources", Action::Allow, "files", "$*"),
    ]);
    assert!(by_name.judge(resource, "{}").is_ok());

    let options = |rules| PolicyOptions { default: Action::Deny, rules, ..PolicyOptions::default() };
    let some = Policy::new(options(vec![rule("r", Action::Allow, "files", "read_*")]));
    assert!(some.judge(resource, "{}").is_err());
    let whole = Policy::new(options(vec![rule("r", Action::Allow, "files", "*")]));
    assert!(whole.judge(resource, "{}").is_ok());

    let mut by_uri = rule("no-etc", Action::Deny, "files", "$readResource");
    by_uri.when = vec![condition("/uri", ConditionTest::Matches("file:///etc/*".to_owned()))];
    let by_uri = policy(vec![by_uri]);
    assert!(by_uri.judge(resource, r#"{"uri": "file:///etc/passwd"}"#).is_err());
    assert!(by_uri.judge(resource, r#"{"uri": "file:///etc%2fpasswd"}"#).is_err());
    assert!(
        by_uri.judge(resource, r#"{"uri": "/etc/passwd"}"#).is_err(),
        "a server may take it for the same"
    );
    assert!(by_uri.judge(resource, r#"{"uri": "file:///tmp/x"}"#).is_ok());
}

#[test]
fn rules_that_match_nothing_are_found() {
    let policy = policy(vec![
        rule("good", Action::Deny, "files", "read_*"),
        rule("misspelt", Action::Deny, "file", "read_*"),
        rule("resources", Action::Deny, "*", "$readResource"),
    ]);
    assert_eq!(policy.idle_rules(&[("files", "read_file")]), ["misspelt"]);
}

#[test]
fn an_empty_policy_is_open() {
    assert!(Policy::default().is_open());
    assert!(Policy::default().judge(target("a", "b"), "not json").is_ok());
}
