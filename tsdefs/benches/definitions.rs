//! Definitions → declarations and search: `cargo bench -p isolet-tsdefs`.
//!
//! | module | content |
//! |---|---|
//! | `reading` | saved `tools/list` results, and one schema |
//! | `declaring` | declarations and signatures |
//! | `searching` | the index, and queries |
//! | `inferring` | result types from results |
//!
//! The tools are those of `tests/data/mcp-tools`: one server, and all twelve.

use std::path::Path;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use isolet_tsdefs::{Detail, SearchEntries, SearchIndex, ServerDefinition, declare, signature};

/// The saved lists.
const NAMES: [&str; 12] = [
    "context7",
    "everything",
    "excel",
    "filesystem",
    "git",
    "github",
    "kubernetes",
    "memory",
    "notion",
    "playwright",
    "sequential-thinking",
    "time",
];

fn main() {
    divan::main();
}

/// Returns a saved list as text.
fn saved(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mcp-tools");
    std::fs::read_to_string(folder.join(name).with_extension("json")).expect("a saved list")
}

fn server(name: &str) -> ServerDefinition {
    ServerDefinition::from_tools_list(name, &saved(name)).expect("a list of tools").0
}

fn servers() -> Vec<ServerDefinition> {
    NAMES.into_iter().map(server).collect()
}

fn tools(servers: &[ServerDefinition]) -> ItemsCount {
    ItemsCount::new(servers.iter().map(|server| server.tools.len()).sum::<usize>())
}

mod reading {
    use super::*;

    /// Notion's list has the largest schemas.
    #[divan::bench(args = ["github", "notion"])]
    fn list(bencher: Bencher, name: &str) {
        let json = saved(name);
        bencher
            .counter(BytesCount::of_str(&json))
            .bench(|| ServerDefinition::from_tools_list(name, black_box(&json)));
    }

    #[divan::bench]
    fn schema(bencher: Bencher) {
        let github = server("github");
        let schemas = github.tools.iter().map(|tool| &tool.input_schema);
        let longest = schemas.max_by_key(|schema| schema.text().len()).expect("a tool");
        bencher.counter(BytesCount::of_str(&longest.text())).bench(|| black_box(longest).read());
    }
}

mod declaring {
    use super::*;

    #[divan::bench(args = Detail::ALL)]
    fn github(bencher: Bencher, detail: Detail) {
        let servers = [server("github")];
        bencher.counter(tools(&servers)).bench(|| declare(black_box(&servers), detail));
    }

    /// Several threads share the work.
    #[divan::bench(args = Detail::ALL)]
    fn twelve_servers(bencher: Bencher, detail: Detail) {
        let servers = servers();
        bencher.counter(tools(&servers)).bench(|| declare(black_box(&servers), detail));
    }

    #[divan::bench]
    fn one_signature(bencher: Bencher) {
        let github = server("github");
        let tool = github.tools.iter().find(|tool| tool.name == "create_issue").expect("the tool");
        bencher.bench(|| signature("github", "create_issue", black_box(tool), 1));
    }
}

mod searching {
    use super::*;

    #[divan::bench]
    fn entries_of_github(bencher: Bencher) {
        let github = server("github");
        bencher
            .counter(tools(std::slice::from_ref(&github)))
            .bench(|| SearchEntries::new(black_box(&github)));
    }

    #[divan::bench]
    fn index_of_twelve_servers(bencher: Bencher) {
        let servers = servers();
        bencher.counter(tools(&servers)).bench(|| SearchIndex::new(black_box(&servers)));
    }

    /// The part of an index that is made again when the list of one server changes.
    #[divan::bench]
    fn assemble_twelve_servers(bencher: Bencher) {
        let servers = servers();
        let entries: Vec<SearchEntries> = servers.iter().map(SearchEntries::new).collect();
        bencher.counter(tools(&servers)).bench(|| SearchIndex::assemble(black_box(&entries)));
    }

    /// A name, words, a misspelt word, and words that no tool has.
    #[divan::bench(args = ["create_issue", "read the contents of a file", "crate isue", "gewitter morgen"])]
    fn query(bencher: Bencher, text: &str) {
        let index = SearchIndex::new(&servers());
        bencher.bench(|| index.search(black_box(text), 10));
    }
}

mod inferring {
    use isolet_tsdefs::inference::{Shape, schemas};

    use super::*;

    /// A result with 20 records.
    fn result() -> String {
        let record = |id: u32| serde_json::json!({ "id": id, "name": format!("record {id}"), "tags": ["a", "b"], "owner": { "login": "ada", "admin": id == 1 } });
        serde_json::json!({ "records": (0..20).map(record).collect::<Vec<_>>(), "next": null }).to_string()
    }

    #[divan::bench]
    fn shape_of_a_result(bencher: Bencher) {
        let text = result();
        bencher.counter(BytesCount::of_str(&text)).bench(|| Shape::of_json(black_box(text.as_bytes())));
    }

    #[divan::bench]
    fn schema_of_a_shape(bencher: Bencher) {
        let shape = Shape::of_json(result().as_bytes()).expect("JSON");
        bencher.bench(|| schemas(&[("list", black_box(&shape))], 1));
    }
}
