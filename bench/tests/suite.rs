//! Suites of small scenarios on targets that are Python programs.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A server whose answers take the time of its second argument, in seconds. A body with `bad` has
/// another answer. Connections without a request for 0.3 s are closed.
const SERVER: &str = r#"
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    timeout = 0.3
    def do_GET(self): self.answer(b"ready")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(float(sys.argv[2]))
        self.answer(b'{"refused":1}' if b"bad" in body else b'{"result":42}')
    def answer(self, body):
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

fn bench(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isolet-bench")).args(args).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes targets `quick`, `slow` (2 ms more for each answer) and `absent`, and a scenario.
fn definitions(folder: &Path, slow_by: &str) {
    let target = |name: &str, wait: &str, install: &str| {
        let folder = folder.join("bench/targets").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("server.py"), SERVER).unwrap();
        let text = format!(
            "title = 'The {name} one'\n{install}\nversion = ['echo', '{name} 1.0']\nready = '/'\n\
             command = ['python3', '{{folder}}/server.py', '{{port}}', '{wait}']\n\
             [script]\npath = '/run'\nbefore_result = '\"result\":'\nbody = {{ code = '{{script}}' }}\n"
        );
        fs::write(folder.join("target.toml"), text).unwrap();
    };
    target("quick", "0.001", "");
    target("slow", slow_by, "");
    target("absent", "0", "install = [['sh', '-c', 'echo there is nothing to install >&2; exit 1']]");
    let scenarios = folder.join("bench/scenarios");
    fs::create_dir_all(&scenarios).unwrap();
    let scenario = "title = 'An answer'\ntargets = ['quick', 'slow', 'absent']\n\
                    [script]\njavascript = 'return 42'\nresult = '42'\n\
                    [[neighbours]]\nname = 'refusals'\nshare = 0.1\njavascript = 'bad'\nexpect = 'refused'\n\
                    [[loads]]\nconnections = 2\nduration = '500ms'\nwarm_up = '100ms'\n\
                    [[loads]]\nconnections = 2\nrequests = 2\nwarm_up = '100ms'\nidle = '800ms'\n";
    fs::write(scenarios.join("answer.toml"), scenario).unwrap();
}

#[test]
fn targets_are_measured_in_turns_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    definitions(folder, "0.02");
    let suite = |json: &str| {
        let options = [
            "suite",
            "--install-folder",
            "installed",
            "--rounds",
            "2",
            "--json",
            json,
            "--html",
            "report.html",
        ];
        let output = bench(folder, &options);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        output
    };
    let output = suite("old.json");
    let said = text(&output.stderr);
    assert!(
        said.contains("absent is not measured") && said.contains("there is nothing to install"),
        "{said}"
    );
    let turns: Vec<&str> = said.lines().filter(|line| line.contains("round")).collect();
    let order = ["quick, round 1", "slow, round 1", "quick, round 2", "slow, round 2"];
    assert!(turns.len() == 8 && turns.iter().zip(order).all(|(line, part)| line.contains(part)), "{said}");

    let report: Value = serde_json::from_slice(&fs::read(folder.join("old.json")).unwrap()).unwrap();
    let targets = report["cases"][0]["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 2, "{report}");
    for target in targets {
        let round = &target["rounds"][1];
        let (answers, refusals) =
            (round["answers"].as_f64().unwrap(), round["neighbours"][0]["answers"].as_f64().unwrap());
        assert!((refusals / (answers + refusals) - 0.1).abs() < 0.05, "a tenth are neighbours: {round}");
        assert_eq!(round["neighbours"][0]["failures"]["mismatch"], 0);
    }
    let table = text(&output.stdout);
    assert!(
        table.contains("| 2 connections | quick |")
            && table.contains("| 2 requests, 2 connections after 800ms of rest | quick |")
            && table.contains("- `slow`: The slow one (slow 1.0)"),
        "{table}"
    );
    let html = fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(html.contains("An answer") && html.contains("<svg"));
    let again = bench(folder, &["report", "old.json"]);
    assert_eq!(text(&again.stdout), table);
    assert!(table.contains("Command: `isolet-bench suite --install-folder installed --rounds 2"), "{table}");
    assert!(table.contains("(quick 1.0): `python3 {folder}/server.py {port} 0.001`"), "{table}");

    // The same text takes the place of a section of a document.
    let document = |inside: &str| {
        format!(
            "# Figures\n\n<!-- begin isolet-bench report: suite -->\n{inside}\n<!-- end isolet-bench report: suite -->\nbehind\n"
        )
    };
    fs::write(folder.join("figures.md"), document("| old |")).unwrap();
    let into = bench(folder, &["report", "old.json", "--into", "figures.md"]);
    assert_eq!((into.status.code(), text(&into.stdout)), (Some(0), String::new()));
    assert_eq!(fs::read_to_string(folder.join("figures.md")).unwrap(), document(table.trim_end()));
    let other = bench(folder, &["report", "old.json", "--into", "figures.md", "--section", "workers"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(
        text(&other.stderr)
            .contains("figures.md: has the line `<!-- begin isolet-bench report: workers -->` 0 times")
    );
    assert_eq!(fs::read_to_string(folder.join("figures.md")).unwrap(), document(table.trim_end()));

    // The slow one becomes slower; the other stays as it is.
    definitions(folder, "0.06");
    suite("new.json");
    let compared = bench(folder, &["compare", "old.json", "new.json"]);
    let said = text(&compared.stdout);
    assert_eq!(compared.status.code(), Some(1), "{said}");
    assert!(said.contains("Old: ") && said.contains("slow: slow 1.0\n"), "{said}");
    let slower: Vec<&str> = said.lines().filter(|line| line.contains("requests/s")).collect();
    assert!(
        slower.iter().any(|line| line.contains("slow") && line.contains("answer (2 connections)")),
        "{said}"
    );
    let same = bench(folder, &["compare", "old.json", "old.json"]);
    assert_eq!((same.status.code(), text(&same.stdout).contains("0 slower, 0 faster")), (Some(0), true));
}

#[test]
fn wrong_answers_and_names_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    definitions(folder, "0.001");
    let scenario = folder.join("bench/scenarios/answer.toml");
    let wrong = fs::read_to_string(&scenario).unwrap().replace("result = '42'", "result = '43'");
    fs::write(&scenario, wrong).unwrap();
    let quick = ["suite", "answer", "--install-folder", "installed", "--rounds", "1", "--target", "quick"];
    let output = bench(folder, &quick);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let unknown = bench(folder, &["suite", "--target", "quikc"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("no target quikc; there are: absent, quick, slow"));
    let missing = bench(folder, &["suite", "nothing"]);
    assert!(text(&missing.stderr).contains("nothing.toml"), "{}", text(&missing.stderr));
}
