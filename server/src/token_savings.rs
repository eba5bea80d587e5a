//! The tokens that a run saves its model: those of a script and its result, compared with those of
//! the same calls made one by one through the model.
//!
//! Both sides are counted with o200k_base, the vocabulary of current OpenAI models; others differ
//! by some per cent, equally on both sides. Where the comparison has a choice, it decides against
//! isolet: results are counted without their MCP envelope, and calls through the model are not
//! charged for sending the growing conversation again with each call.
//!
//! Loading the vocabulary takes 0.2 s, so the figures are printed after the result, and only for
//! people.

use isolet_tsdefs::tokens::{Encoding, count};
use parking_lot::Mutex;
use serde_json::json;

/// The memory for texts that are kept for counting. Beyond it, tokens are estimated in proportion
/// to bytes.
const MAX_SAMPLE_BYTES: usize = 2 * 1024 * 1024;

/// Collects the arguments and results of a run's calls.
#[derive(Default)]
pub struct TokenMeter(Mutex<RecordedCalls>);

#[derive(Default)]
struct RecordedCalls {
    calls: usize,
    arguments: Sample,
    results: Sample,
}

/// Texts up to a limit, and the size of all texts.
#[derive(Default)]
struct Sample {
    texts: Vec<String>,
    kept: usize,
    bytes: usize,
}

impl Sample {
    fn add(&mut self, text: &str) {
        self.bytes += text.len();
        if self.kept + text.len() <= MAX_SAMPLE_BYTES / 2 {
            self.kept += text.len();
            self.texts.push(text.to_owned());
        }
    }

    fn tokens(&self) -> Count {
        let counted: usize = self.texts.iter().map(|text| tokens(text)).sum();
        if self.kept == self.bytes {
            return Count { tokens: counted, exact: true };
        }
        // Four bytes a token is the usual ratio for English and JSON, for when nothing was kept.
        let ratio = if self.kept == 0 { 0.25 } else { counted as f64 / self.kept as f64 };
        Count { tokens: (ratio * self.bytes as f64) as usize, exact: false }
    }
}

#[derive(Clone, Copy)]
struct Count {
    tokens: usize,
    exact: bool,
}

impl TokenMeter {
    /// Records one call: the arguments as JSON, and the result.
    pub fn record_call(&self, tool: &str, arguments: &str, answer: &[u8]) {
        let mut recorded = self.0.lock();
        recorded.calls += 1;
        recorded.arguments.add(&json!({ "name": tool }).to_string());
        recorded.arguments.add(arguments);
        recorded.results.add(&String::from_utf8_lossy(answer));
    }

    /// Returns the number of calls.
    pub fn calls(&self) -> usize {
        self.0.lock().calls
    }

    /// Returns the comparison as lines for a person.
    pub fn comparison(&self, texts: &PromptTexts<'_>) -> String {
        let recorded = self.0.lock();
        let (arguments, results) = (recorded.arguments.tokens(), recorded.results.tokens());
        let rows = [
            ("what the tools are", tokens(texts.declarations), tokens(texts.definitions)),
            ("what the model writes", tokens(texts.script), arguments.tokens),
            ("what the model reads back", tokens(texts.result) + tokens(texts.logs), results.tokens),
        ];
        let (code, direct) = rows.iter().fold((0, 0), |(code, direct), row| (code + row.1, direct + row.2));
        let about = if arguments.exact && results.exact { "" } else { ", large texts estimated" };
        let mut lines = format!(
            "\ntokens through the model (o200k_base{about})\n{:28}{:>16}{:>16}\n",
            "", "one script", "call by call"
        );
        for (name, code, direct) in rows {
            lines.push_str(&format!("  {name:26}{:>16}{:>16}\n", grouped(code), grouped(direct)));
        }
        lines.push_str(&format!("  {:26}{:>16}{:>16}\n", "together", grouped(code), grouped(direct)));
        lines.push_str(&verdict(code, direct));
        let calls = recorded.calls;
        lines.push_str(&format!(
            "\nLeft: brief declarations, script, result and logs. Right: definitions, arguments and results of {calls} {},\n\
             not counting that each further turn sends the conversation again.\n",
            if calls == 1 { "call" } else { "calls" }
        ));
        lines
    }
}

/// The texts that the model reads and writes in this run, or would without isolet.
pub struct PromptTexts<'a> {
    /// The TypeScript declarations of all tools, as a prompt has them.
    pub declarations: &'a str,
    /// The JSON definitions of all tools.
    pub definitions: &'a str,
    /// The script.
    pub script: &'a str,
    /// The result of the script, as JSON.
    pub result: &'a str,
    /// The lines that the script logged.
    pub logs: &'a str,
}

fn verdict(code: usize, direct: usize) -> String {
    if code == 0 || direct == 0 {
        return String::new();
    }
    if direct > code {
        format!("  {} fewer, {:.1} times less\n", grouped(direct - code), direct as f64 / code as f64)
    } else {
        format!("  {} more: this script does too little to pay for itself\n", grouped(code - direct))
    }
}

fn tokens(text: &str) -> usize {
    count(text, Encoding::O200k)
}

fn grouped(number: usize) -> String {
    crate::output::pretty::thousands(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comparison_adds_up() {
        let meter = TokenMeter::default();
        meter.record_call("get", r#"{"id":1}"#, "word ".repeat(1000).as_bytes());
        let texts =
            PromptTexts { declarations: "a", definitions: "a b", script: "a b c", result: "1", logs: "" };
        let shown = meter.comparison(&texts);
        assert!(shown.contains("of 1 call,"), "{shown}");
        assert!(shown.contains("times less"), "{shown}");
        let code: usize = ["a", "a b c", "1"].into_iter().map(tokens).sum();
        let line = shown.lines().find(|line| line.contains("together")).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some(code.to_string().as_str()), "{shown}");
    }

    #[test]
    fn tokens_of_texts_beyond_the_limit_are_estimated() {
        let mut sample = Sample::default();
        sample.add("word word word word");
        assert!(sample.tokens().exact);
        sample.add(&"word ".repeat(MAX_SAMPLE_BYTES));
        let count = sample.tokens();
        assert!(!count.exact && count.tokens > MAX_SAMPLE_BYTES / 2);
    }
}
