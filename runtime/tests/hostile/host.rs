//! The tools that scripts call: a few harmless and a few hostile ones.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use isolet_runtime::*;
use serde_json::{Value, json};

/// The names of the tools. JavaScript itself looks up some of them on objects.
const TOOL_NAMES: &[&str] = &[
    "add",
    "echo",
    "wait",
    "fail",
    "big",
    "answer",
    "get-user",
    "then",
    "toJSON",
    "__proto__",
    "constructor",
];

struct HostileTools;

impl ToolHost for HostileTools {
    fn call(&self, request: ToolRequest) -> ToolFuture {
        Box::pin(async move {
            let (Operation::Call { tool, arguments } | Operation::RawCall { tool, arguments }) =
                request.operation
            else {
                return Ok(b"[]".to_vec());
            };
            let given: Value = serde_json::from_str(&arguments)
                .map_err(|error| ToolFailure::new(format!("the arguments are not JSON: {error}")))?;
            let number = |name: &str| given[name].as_f64().unwrap_or_default();
            match tool.as_str() {
                "add" => Ok(json!({ "sum": number("a") + number("b") }).to_string().into_bytes()),
                "wait" => {
                    tokio::time::sleep(Duration::from_millis(number("ms") as u64)).await;
                    Ok(b"{}".to_vec())
                }
                // A string of this many megabytes.
                "big" => Ok(format!("\"{}\"", "x".repeat((number("mb") as usize) << 20)).into_bytes()),
                // The given text, JSON or not.
                "answer" => Ok(given["json"].as_str().unwrap_or_default().as_bytes().to_vec()),
                "fail" => Err(ToolFailure {
                    message: given["message"].as_str().unwrap_or("it failed").to_owned(),
                    hint: given["hint"].as_str().map(str::to_owned),
                    result: given["result"].as_str().map(|text| text.as_bytes().to_vec()),
                    error: given["error"].as_str().map(|text| text.as_bytes().to_vec()),
                }),
                _ => Ok(arguments.into_bytes()),
            }
        })
    }
}

pub fn environment() -> Environment {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    let make = || {
        let mut catalogue = Catalogue::default();
        catalogue.insert(
            "demo",
            "demo",
            ServerTools::new(TOOL_NAMES.iter().map(|name| (*name, name.replace('-', "_")))),
        );
        catalogue.insert("my-server", "my_server", ServerTools::unknown());
        let vars = json!({ "GREETING": "hello", "NESTED": { "list": [1, 2] } });
        let Value::Object(vars) = vars else { unreachable!("an object") };
        Environment { vars, catalogue: Arc::new(catalogue), host: Arc::new(HostileTools) }
    };
    ENVIRONMENT.get_or_init(make).clone()
}
