//! A server's list of tools: its declarations are bounded and TypeScript, and search accepts it.

#![no_main]

use isolet_tsdefs::{
    Detail, SearchIndex, ServerDefinition, declare, declare_server, declare_tool, fuzzing, signature,
};
use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;

/// The bytes of one tool: twice 24 KiB of types, and the description
/// (`tsdefs/tests/hostile.rs`).
const MAX_TOOL_BYTES: usize = (2 * 24 + 9) << 10;

libfuzzer_sys::fuzz_target!(|text: &str| {
    fuzzing::definition(text);
    let list =
        if text.trim_start().starts_with("{\"tools\"") { text.to_owned() } else { format!("[{text}]") };
    let Ok((server, _skipped)) = ServerDefinition::from_tools_list("fuzz", &list) else { return };
    for detail in Detail::ALL {
        let declared = declare_server(&server, detail).text;
        assert!(
            declared.len() < 1000 + MAX_TOOL_BYTES * (1 + server.tools.len()),
            "{} bytes",
            declared.len()
        );
        is_typescript(&declared);
        is_typescript(&declare(std::slice::from_ref(&server), detail).text);
        for tool in &server.tools {
            let alone = declare_tool(&server, &tool.name, detail).expect("the tool exists").text;
            is_typescript(&alone);
            let call = signature("fuzz", "tool", tool, server.tools.len());
            let method = call.strip_prefix("env.fuzz.").expect("the call of the tool");
            is_typescript(&format!("interface S {{ {method} }}"));
        }
    }
    let index = SearchIndex::new(std::slice::from_ref(&server));
    for query in [text, "get a"] {
        let hits = index.search(query, 3);
        assert!(
            hits.len() <= 3 && hits.iter().all(|hit| hit.score.is_finite() && hit.score >= 0.0),
            "{hits:?}"
        );
    }
});

fn is_typescript(text: &str) {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::d_ts()).parse();
    assert!(parsed.diagnostics.is_empty(), "{:?}\n{text}", parsed.diagnostics);
}
