//! What a run saved its model from reading: tokens of a script and its result, against those of the same calls made one
//! by one through the model.
//!
//! Both sides are counted with o200k_base, the vocabulary of current OpenAI models; others differ by some per cent and
//! alike on both sides. The comparison leans against isolet where it has to choose: declarations are counted in full
//! detail, results without their MCP envelope, and the other side is not charged for sending the growing conversation
//! again with each call.
//!
//! Loading the vocabulary takes 0.2 s, which is why the figures come after the result and only for people who watch.

use std::sync::{Mutex, PoisonError};

use isolet_tsdefs::tokens::{Encoding, count};
use serde_json::json;

/// Text that is kept for counting, all together. Past it the count goes on in proportion to bytes.
const KEPT_BYTES: usize = 2 * 1024 * 1024;

/// Collects what calls say while a run goes on.
#[derive(Default)]
pub struct Meter(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    calls: usize,
    arguments: Sample,
    results: Sample,
}

/// Texts, up to a bound, and the size of all.
#[derive(Default)]
struct Sample {
    texts: Vec<String>,
    kept: usize,
    bytes: usize,
}

impl Sample {
    fn add(&mut self, text: &str) {
        self.bytes += text.len();
        if self.kept + text.len() <= KEPT_BYTES / 2 {
            self.kept += text.len();
            self.texts.push(text.to_owned());
        }
    }

    fn tokens(&self) -> Count {
        let counted: usize = self.texts.iter().map(|text| tokens(text)).sum();
        if self.kept == self.bytes {
            return Count { tokens: counted, exact: true };
        }
        // Four bytes a token is the usual ratio for English and JSON; it serves when nothing was kept at all.
        let ratio = if self.kept == 0 { 0.25 } else { counted as f64 / self.kept as f64 };
        Count { tokens: (ratio * self.bytes as f64) as usize, exact: false }
    }
}

#[derive(Clone, Copy)]
struct Count {
    tokens: usize,
    exact: bool,
}

impl Meter {
    /// Notes one call: the arguments as JSON, and what came back.
    pub fn call(&self, tool: &str, arguments: &str, answer: &[u8]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.calls += 1;
        seen.arguments.add(&json!({ "name": tool }).to_string());
        seen.arguments.add(arguments);
        seen.results.add(&String::from_utf8_lossy(answer));
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).calls
    }

    /// The comparison as lines for a person.
    pub fn comparison(&self, texts: &Texts<'_>) -> String {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (arguments, results) = (seen.arguments.tokens(), seen.results.tokens());
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
        let calls = seen.calls;
        lines.push_str(&format!(
            "\nLeft: declarations, script, result and logs. Right: definitions, arguments and results of {calls} {},\n\
             not counting that each further turn sends the conversation again.\n",
            if calls == 1 { "call" } else { "calls" }
        ));
        lines
    }
}

/// What the model saw in this run, or would have.
pub struct Texts<'a> {
    /// TypeScript declarations of all tools.
    pub declarations: &'a str,
    /// JSON definitions of all tools.
    pub definitions: &'a str,
    /// The script.
    pub script: &'a str,
    /// Its result as JSON.
    pub result: &'a str,
    /// What it logged.
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
    crate::pretty::thousands(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comparison_adds_up() {
        let meter = Meter::default();
        meter.call("get", r#"{"id":1}"#, "word ".repeat(1000).as_bytes());
        let texts = Texts { declarations: "a", definitions: "a b", script: "a b c", result: "1", logs: "" };
        let shown = meter.comparison(&texts);
        assert!(shown.contains("of 1 call,"), "{shown}");
        assert!(shown.contains("times less"), "{shown}");
        let code: usize = ["a", "a b c", "1"].into_iter().map(tokens).sum();
        let line = shown.lines().find(|line| line.contains("together")).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some(code.to_string().as_str()), "{shown}");
    }

    #[test]
    fn what_is_not_kept_is_estimated() {
        let mut sample = Sample::default();
        sample.add("word word word word");
        assert!(sample.tokens().exact);
        sample.add(&"word ".repeat(KEPT_BYTES));
        let count = sample.tokens();
        assert!(!count.exact && count.tokens > KEPT_BYTES / 2);
    }
}
