//! Query strings, parsed strictly: an unknown parameter is an error.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::web::problem::Problem;

/// The parameters of a query string.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Parses `text`. Only `known` names may occur, each once.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(&value.replace('+', " "))?);
            if !known.contains(&name.as_str()) {
                return Err(Problem::bad_request(format!("Unknown parameter `{name}`."))
                    .with_hint(format!("Parameters: {}.", known.join(", "))));
            }
            if pairs.iter().any(|(there, _)| *there == name) {
                let twice = Problem::bad_request(format!("`{name}` occurs more than once."));
                return Err(match name.as_str() {
                    "server" => twice.with_hint("Several servers are named with commas: server=a,b."),
                    "tools" => twice.with_hint("Several patterns are given with commas: tools=a/x,b/get_*."),
                    _ => twice,
                });
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// Returns the value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Decodes percent-encoded text. `url::form_urlencoded` would replace invalid UTF-8 silently.
pub fn decode(text: &str) -> Result<String, Problem> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Cow::into_owned)
        .map_err(|_| Problem::bad_request(format!("`{text}` is not valid UTF-8 once it is decoded.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_and_strict() {
        let query = Query::parse("q=a+b%20c&limit=3", &["q", "limit"]).unwrap();
        assert_eq!(query.get("q"), Some("a b c"));
        assert_eq!(query.get("limit"), Some("3"));
        assert_eq!(query.get("detail"), None);
        assert!(Query::parse("limits=3", &["limit"]).is_err());
        assert!(Query::parse("q=%ff", &["q"]).is_err());
        assert!(Query::parse("q=a&q=b", &["q"]).is_err());
    }
}
