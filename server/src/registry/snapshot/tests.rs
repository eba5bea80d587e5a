use isolet_tsdefs::Detail;
use serde_json::json;

use super::*;

#[test]
fn long_lists_are_indexed_ahead() {
    let of = |count: usize| {
        let tools = (0..count).map(|at| ToolDefinition::new(format!("get_{at}"), json!({})));
        let hub = Arc::new(ServerDefinition::new("hub", tools.collect()));
        let snapshot = ToolSnapshot::of_definitions(vec![("hub".to_owned(), Some(hub))]);
        snapshot.index_if_long();
        snapshot.index.get().is_some()
    };
    assert_eq!((of(999), of(1000)), (false, true));
}

fn snapshot() -> ToolSnapshot {
    let tool = |name: &str| ToolDefinition::new(name, json!({ "type": "object" }));
    let tools = vec![tool("get-user"), tool("create_issue")];
    let hub = Arc::new(ServerDefinition::new("my-hub", tools));
    ToolSnapshot::of_definitions(vec![("my-hub".to_owned(), Some(hub)), ("late".to_owned(), None)])
}

fn filter(pattern: &str) -> ToolFilter {
    ToolFilter::new(&[pattern.to_owned()]).unwrap()
}

#[test]
fn a_catalogue_has_aliases_and_unknown_lists() {
    let catalogue = snapshot().catalogue(None);
    let (name, tools) = catalogue.server("my_hub").unwrap();
    assert_eq!(name, "my-hub");
    assert_eq!(tools.resolve("get_user"), Some("get-user"));
    assert_eq!(catalogue.server("late").unwrap().1.resolve("whatever"), Some("whatever"));
}

#[test]
fn a_filter_hides_servers_and_tools() {
    let catalogue = snapshot().catalogue(Some(&filter("my-hub/get*")));
    assert!(catalogue.server("late").is_none());
    let (_, tools) = catalogue.server("my-hub").unwrap();
    assert_eq!(tools.names().collect::<Vec<_>>(), ["get-user"]);
}

#[test]
fn a_search_finds_exact_names() {
    let hits = snapshot().search("create an issue", 3);
    assert_eq!((hits[0].server.as_str(), hits[0].tool.as_str()), ("my-hub", "create_issue"));
}

#[test]
fn declarations_are_chosen_by_name_or_alias() {
    let snapshot = snapshot();
    let text = snapshot.declarations(Some(&["my_hub"]), Detail::Full).unwrap().text;
    assert!(text.contains("get_user("), "{text}");
    let filter = snapshot.filter(&["my_hub/get_*".to_owned()]).unwrap();
    let text = snapshot.declarations_where(&filter, Detail::Brief).text;
    assert!(text.contains("get_user(") && !text.contains("create_issue"), "{text}");
    let nothing = snapshot.filter(&["hub/*".to_owned()]).unwrap_err().to_string();
    assert!(nothing.starts_with("no tool matches `hub/*`") && nothing.contains("my_hub"), "{nothing}");
    assert!(snapshot.declaration("my-hub", "get_user", Detail::Full).is_ok());
    let wrong = snapshot.declarations(Some(&["myhub"]), Detail::Full).unwrap_err();
    assert_eq!(wrong.to_string(), "there is no server `myhub`: did you mean my-hub?");
    let wrong = snapshot.declarations(Some(&["nope"]), Detail::Full).unwrap_err();
    assert_eq!(wrong.to_string(), "there is no server `nope`: expected one of: my-hub, late");
    let wrong = snapshot.declaration("my-hub", "create_issues", Detail::Full).unwrap_err();
    assert!(wrong.to_string().ends_with("no tool `create_issues`: did you mean create_issue?"), "{wrong}");
    assert_eq!(
        snapshot.declaration("late", "x", Detail::Full).unwrap_err(),
        LookupError::Unlisted("late".to_owned())
    );
}
