//! Patterns of URLs (`URLPattern`), through the crate `urlpattern`. JavaScript runs the regular
//! expressions that it makes of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use urlpattern::quirks::{self, StringOrInit};
use urlpattern::regexp::RegExp;
use urlpattern::{RegexSyntax, UrlPatternMatchInput, UrlPatternOptions};

use super::*;

/// The length of a pattern in bytes. The parser runs where no termination can interrupt it, and for
/// each group it compares the names of all groups before.
const MAX_PATTERN_BYTES: usize = 16 << 10;

/// The length of a URL that is matched, in bytes.
const MAX_URL_BYTES: usize = 1 << 20;

/// The source of a regular expression of JavaScript. V8 compiles it, and refuses invalid ones.
struct Source(String);

impl RegExp for Source {
    fn syntax() -> RegexSyntax {
        RegexSyntax::EcmaScript
    }

    fn parse(pattern: &str, _flags: &str, _force_eval: bool) -> Result<Self, ()> {
        Ok(Self(pattern.to_owned()))
    }

    /// Tells which special schemes a pattern matches: only those decide how its path is parsed.
    fn matches<'a>(&self, text: &'a str) -> Option<Vec<Option<&'a str>>> {
        <regex::Regex as RegExp>::parse(&self.0, "", false).ok()?.matches(text)
    }

    fn pattern_string(&self) -> &str {
        &self.0
    }
}

fn fits(input: &str, base: Option<&str>, most: usize) -> bool {
    input.len() + base.map_or(0, str::len) <= most
}

fn parse(input: &str, base: Option<&str>, ignore_case: bool) -> Result<quirks::UrlPattern, String> {
    if !fits(input, base, MAX_PATTERN_BYTES) {
        return Err("it is longer than 16 KiB".to_owned());
    }
    let input: StringOrInit = serde_json::from_str(input).map_err(|error| error.to_string())?;
    let init = quirks::process_construct_pattern_input(input, base).map_err(|error| error.to_string())?;
    let options = UrlPatternOptions { regex_syntax: RegexSyntax::EcmaScript, ignore_case };
    // The crate unwraps results of the URL parser; none is known to fail.
    catch_unwind(AssertUnwindSafe(|| quirks::parse_pattern::<Source>(init, options)))
        .map_err(|_| "it cannot be parsed".to_owned())?
        .map_err(|error| error.to_string())
}

fn matched(input: UrlPatternMatchInput) -> Option<serde_json::Result<String>> {
    let found = catch_unwind(AssertUnwindSafe(|| quirks::parse_match_input(input))).ok()??;
    Some(serde_json::to_string(&found))
}

/// `parseUrlPattern(input, base, ignoreCase)` returns JSON text of the components of a pattern, or
/// of `{ error }`. `input` is JSON text: a string, or an object with the components.
pub(crate) fn parse_url_pattern(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    #[derive(Serialize)]
    struct Failure {
        error: String,
    }
    let input = text(scope, &arguments, 0);
    let base = optional_text(scope, &arguments, 1);
    let json = match parse(&input, base.as_deref(), arguments.get(2).is_true()) {
        Ok(pattern) => serde_json::to_string(&pattern),
        Err(error) => serde_json::to_string(&Failure { error }),
    };
    set_text(scope, &mut result, &json.unwrap_or_default());
}

/// `matchUrlPattern(input, base)` returns JSON text of the components that a pattern is matched
/// with, undefined if the input is not a valid URL, and null if it is an object beside a base.
pub(crate) fn match_url_pattern(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let input = text(scope, &arguments, 0);
    let base = optional_text(scope, &arguments, 1);
    if !fits(&input, base.as_deref(), MAX_URL_BYTES) {
        return;
    }
    let Ok(input) = serde_json::from_str::<StringOrInit>(&input) else { return };
    match quirks::process_match_input(input, base.as_deref()) {
        Err(_) => result.set_null(),
        Ok(None) => {}
        Ok(Some((input, _))) => {
            if let Some(Ok(json)) = matched(input) {
                set_text(scope, &mut result, &json);
            }
        }
    }
}
