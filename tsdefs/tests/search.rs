//! Queries of agents over the tools of real servers, each with the tools that match it. One of them
//! has to be found.
//!
//! There are two sets. The weights of the index may have been tuned on [`QUESTIONS`], which came
//! into the repository with it and guard against regressions. [`HELD_OUT`] measures the index.

mod support;

use isolet_tsdefs::{SearchIndex, ServerDefinition, ToolDefinition};
use serde_json::json;
use support::real_servers;

/// The least recall of the held-out queries. It was 0.700 at first; this is two queries less.
const MIN_HELD_OUT_RECALL: f64 = 0.65;

/// The queries, each with the tools that match it.
const QUESTIONS: [(&str, &[&str]); 72] = [
    ("open a new issue on GitHub", &["github/create_issue"]),
    ("comment on an issue", &["github/add_issue_comment"]),
    ("close an issue", &["github/update_issue"]),
    ("list open pull requests", &["github/list_pull_requests"]),
    ("merge a PR", &["github/merge_pull_request"]),
    ("approve a pull request", &["github/create_pull_request_review"]),
    ("did the CI checks of the pull request pass", &["github/get_pull_request_status"]),
    ("which files does a pull request change", &["github/get_pull_request_files"]),
    ("find repositories about wasm", &["github/search_repositories"]),
    ("search source code across repos", &["github/search_code"]),
    ("fork a repo", &["github/fork_repository"]),
    ("commit history of a branch", &["github/list_commits", "git/git_log"]),
    ("push several files in one commit", &["github/push_files"]),
    ("find a GitHub user by name", &["github/search_users"]),
    ("read a file from a repository", &["github/get_file_contents"]),
    ("show unstaged changes", &["git/git_diff_unstaged"]),
    ("what is staged for commit", &["git/git_diff_staged", "git/git_status"]),
    ("commit the staged changes", &["git/git_commit"]),
    ("switch branches", &["git/git_checkout"]),
    ("stage files", &["git/git_add"]),
    ("unstage everything", &["git/git_reset"]),
    ("make a directory", &["filesystem/create_directory"]),
    ("rename a file", &["filesystem/move_file"]),
    ("read the first lines of a text file", &["filesystem/read_text_file", "filesystem/read_file"]),
    ("look for files by pattern", &["filesystem/search_files"]),
    ("size and modification time of a file", &["filesystem/get_file_info"]),
    ("recursive tree of a folder", &["filesystem/directory_tree"]),
    ("which folders may be accessed", &["filesystem/list_allowed_directories"]),
    ("read an image from disk", &["filesystem/read_media_file"]),
    ("overwrite a file with new content", &["filesystem/write_file"]),
    ("replace lines in a text file", &["filesystem/edit_file"]),
    ("take a screenshot", &["playwright/browser_take_screenshot"]),
    ("click a button on the web page", &["playwright/browser_click"]),
    ("go to a URL", &["playwright/browser_navigate"]),
    ("fill in a form", &["playwright/browser_fill_form"]),
    ("type text into a field", &["playwright/browser_type"]),
    ("upload a file in the browser", &["playwright/browser_file_upload"]),
    ("run JavaScript on the page", &["playwright/browser_evaluate", "playwright/browser_run_code_unsafe"]),
    ("what does the browser console say", &["playwright/browser_console_messages"]),
    ("http requests that the page made", &["playwright/browser_network_requests"]),
    ("go back to the previous page", &["playwright/browser_navigate_back"]),
    ("choose from a dropdown", &["playwright/browser_select_option"]),
    ("wait until text appears", &["playwright/browser_wait_for"]),
    ("accept an alert dialog", &["playwright/browser_handle_dialog"]),
    ("change the window size", &["playwright/browser_resize"]),
    ("what time is it in Tokyo", &["time/get_current_time"]),
    ("convert a time between timezones", &["time/convert_time"]),
    ("read cells of a spreadsheet", &["excel/read_data_from_excel"]),
    ("write rows into Excel", &["excel/write_data_to_excel", "excel/insert_rows"]),
    ("pivot table", &["excel/create_pivot_table"]),
    ("draw a chart in a workbook", &["excel/create_chart"]),
    ("add a new sheet", &["excel/create_worksheet"]),
    ("merge cells", &["excel/merge_cells"]),
    ("make the header bold", &["excel/format_range"]),
    ("is this formula valid", &["excel/validate_formula_syntax"]),
    ("delete columns of a sheet", &["excel/delete_sheet_columns"]),
    ("logs of a pod", &["kubernetes/kubectl_logs"]),
    ("scale a deployment", &["kubernetes/kubectl_scale"]),
    ("install a helm chart", &["kubernetes/install_helm_chart"]),
    ("forward a local port to a pod", &["kubernetes/port_forward"]),
    ("execute a command in a container", &["kubernetes/exec_in_pod"]),
    ("undo a rollout", &["kubernetes/kubectl_rollout"]),
    ("apply a yaml manifest", &["kubernetes/kubectl_apply"]),
    ("drain a node", &["kubernetes/node_management"]),
    ("search Notion pages by title", &["notion/API-post-search"]),
    ("create a Notion page", &["notion/API-post-page"]),
    ("append blocks to a page", &["notion/API-patch-block-children"]),
    ("query a Notion database", &["notion/API-query-data-source", "notion/API-retrieve-a-database"]),
    ("remember facts about a person", &["memory/add_observations", "memory/create_entities"]),
    ("what is in the knowledge graph", &["memory/read_graph"]),
    ("documentation of a library", &["context7/query-docs", "context7/resolve-library-id"]),
    ("add two numbers", &["everything/get-sum"]),
];

/// The held-out queries. They were written from the servers' names and purposes, after the index
/// was finished and without using it. No weight, synonym or stop word may be changed for them; to
/// tune the index, use [`QUESTIONS`].
const HELD_OUT: [(&str, &[&str]); 40] = [
    ("start a new repo under my account", &["github/create_repository"]),
    ("what has changed between two commits", &["git/git_diff", "git/git_show"]),
    ("who reviewed this PR", &["github/get_pull_request_reviews"]),
    ("bring a PR up to date with its base", &["github/update_pull_request_branch"]),
    ("save a README to a GitHub repo", &["github/create_or_update_file", "github/push_files"]),
    ("look up bug reports that mention a crash", &["github/search_issues", "github/list_issues"]),
    ("discussion on a pull request's diff", &["github/get_pull_request_comments"]),
    ("propose my changes for merging", &["github/create_pull_request"]),
    ("which branch am I on", &["git/git_status", "git/git_branch"]),
    ("undo git add", &["git/git_reset"]),
    ("begin a feature branch", &["git/git_create_branch", "github/create_branch"]),
    ("details of one commit", &["git/git_show"]),
    (
        "what is in this folder",
        &["filesystem/list_directory", "filesystem/list_directory_with_sizes", "filesystem/directory_tree"],
    ),
    ("which files take the most space", &["filesystem/list_directory_with_sizes"]),
    ("open a lot of files in one go", &["filesystem/read_multiple_files"]),
    ("store text on disk", &["filesystem/write_file"]),
    ("when was this file last touched", &["filesystem/get_file_info"]),
    ("draw a bar chart from cells", &["excel/create_chart"]),
    ("summarise rows by category in a pivot", &["excel/create_pivot_table"]),
    ("put a SUM formula in a cell", &["excel/apply_formula"]),
    ("make the header bold", &["excel/format_range"]),
    ("remove empty rows from the sheet", &["excel/delete_sheet_rows", "excel/delete_range"]),
    ("duplicate a worksheet", &["excel/copy_worksheet"]),
    ("join cells into one", &["excel/merge_cells"]),
    ("why does my pod crash, show its output", &["kubernetes/kubectl_logs", "kubernetes/kubectl_describe"]),
    ("run a shell command inside a container", &["kubernetes/exec_in_pod"]),
    ("increase the number of replicas", &["kubernetes/kubectl_scale"]),
    ("install a chart from a helm repo", &["kubernetes/install_helm_chart"]),
    ("reach a service in the cluster from localhost", &["kubernetes/port_forward"]),
    ("switch to another cluster", &["kubernetes/kubectl_context"]),
    ("move the mouse over a menu", &["playwright/browser_hover"]),
    ("hit the enter key", &["playwright/browser_press_key"]),
    ("open a second tab", &["playwright/browser_tabs"]),
    ("drag one element onto another", &["playwright/browser_drag", "playwright/browser_drop"]),
    ("pretend to be in dark mode", &["playwright/browser_emulate_media"]),
    ("forget what you know about somebody", &["memory/delete_entities", "memory/delete_observations"]),
    ("note that two people are related", &["memory/create_relations"]),
    ("leave a comment on a Notion page", &["notion/API-create-a-comment"]),
    ("who are the members of the workspace", &["notion/API-get-users"]),
    ("think through a problem step by step", &["sequential-thinking/sequentialthinking"]),
];

fn recall(index: &SearchIndex, questions: &[(&str, &[&str])], depth: usize) -> (f64, Vec<String>) {
    let mut missed = Vec::new();
    for (question, answers) in questions {
        let hits = index.search(question, depth);
        let found: Vec<String> = hits.iter().map(|hit| format!("{}/{}", hit.server, hit.tool)).collect();
        if !found.iter().any(|hit| answers.contains(&hit.as_str())) {
            missed.push(format!("{question}: {found:?}"));
        }
    }
    (1.0 - missed.len() as f64 / questions.len() as f64, missed)
}

#[test]
fn queries_find_their_tools() {
    let servers = real_servers();
    for (_, answers) in QUESTIONS.iter().chain(&HELD_OUT) {
        for answer in *answers {
            let known = servers.iter().any(|server| {
                server.tools.iter().any(|tool| *answer == format!("{}/{}", server.name, tool.name))
            });
            assert!(known, "{answer} is not a tool");
        }
    }
    let index = SearchIndex::new(&servers);
    for (set, questions, least) in
        [("ours", &QUESTIONS[..], 0.95), ("held out", &HELD_OUT[..], MIN_HELD_OUT_RECALL)]
    {
        let (first, _) = recall(&index, questions, 1);
        let (fifth, missed) = recall(&index, questions, 5);
        println!(
            "{set}: {} tools, {} questions: recall@1 {first:.3}, recall@5 {fifth:.3}",
            index.len(),
            questions.len()
        );
        missed.iter().for_each(|line| println!("missed: {line}"));
        assert!(fifth >= least, "{set}: recall@1 {first:.3}, recall@5 {fifth:.3}: {missed:#?}");
    }
}

#[test]
fn parameters_behind_references_and_alternatives_are_found() {
    let tool = |name: &str, schema| ToolDefinition::new(name, schema);
    let index = SearchIndex::new(&[ServerDefinition::new(
        "s",
        vec![
            tool(
                "a",
                json!({ "$ref": "#/$defs/x", "$defs": { "x": { "properties": { "tracking_number": {} } } } }),
            ),
            tool("b", json!({ "allOf": [{ "properties": { "waybill": {} } }] })),
            tool(
                "c",
                json!({ "properties": { "to": { "properties": { "iban": { "description": "account" } } } } }),
            ),
            tool("d", json!({ "properties": { "mode": { "enum": ["walk", "teleport"] } } })),
            tool("e", json!({ "properties": { "école": {}, "ﾒｰﾙ": {} } })),
        ],
    )]);
    for (question, answer) in [
        ("tracking number", "a"),
        ("waybill", "b"),
        ("iban account", "c"),
        ("teleport", "d"),
        ("ecole", "e"),
        ("メール", "e"),
    ] {
        assert_eq!(index.search(question, 1).first().map(|hit| &*hit.tool), Some(answer), "{question}");
    }
}

#[test]
fn every_tool_is_found_by_its_name() {
    let servers = real_servers();
    let index = SearchIndex::new(&servers);
    for server in &servers {
        for tool in &server.tools {
            let hits = index.search(&format!("{} {}", server.name, tool.name), 3);
            assert!(
                hits.iter().any(|hit| hit.server == server.name && hit.tool == tool.name),
                "{}/{}: {:?}",
                server.name,
                tool.name,
                hits.iter().map(|hit| &hit.tool).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn ten_thousand_tools_and_hostile_queries_are_searched() {
    let servers = real_servers();
    let mut tools: Vec<ToolDefinition> = Vec::new();
    for copy in 0..56 {
        for tool in servers.iter().flat_map(|server| &server.tools) {
            tools.push(ToolDefinition { name: format!("{}_{copy}", tool.name), ..tool.clone() });
        }
    }
    tools.truncate(10_000);
    tools[17].description = Some("x".repeat(4 << 20));
    tools[18].description = Some("a b ".repeat(1 << 20));
    let index = SearchIndex::new(&[ServerDefinition::new("many", tools)]);
    assert_eq!(index.len(), 10_000);
    for question in ["create an issue", &"long ".repeat(100_000), "", "\u{0}", "*", "创建"] {
        assert!(index.search(question, 8).len() <= 8);
    }
    assert_eq!(index.search("create_issue_7", 1)[0].tool, "create_issue_7");
}
