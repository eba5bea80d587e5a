//! The names under which upstream tools and prompts are exposed.
//!
//! A name is `server__tool`, in the characters that clients and models accept: letters, digits, `_`
//! and `-`, at most 50. With plain names it is the tool's own. Where two tools would have the same
//! name, or a name would be too long, each gets a suffix computed from its exact names, so that no
//! server can take over another's name by what it calls its tools.

use std::collections::{HashMap, HashSet};

use sha2::{Digest as _, Sha256};

use crate::mcp::tools::definitions::{DESCRIBE, RUN, SEARCH};

/// The length of a name. The stricter of the models' providers accept 64 bytes, and clients use
/// some of them for a prefix of their own, such as `mcp__isolet__`.
const MAX_NAME_BYTES: usize = 50;

/// The length of a plain name, which the protocol advises.
const MAX_PLAIN_NAME_BYTES: usize = 128;

/// The number of hexadecimal digits of a suffix.
const SUFFIX_DIGITS: usize = 8;

/// A tool or prompt of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamItem {
    /// The exact name of the server that owns it.
    pub server: String,
    /// The name that the server gave it.
    pub name: String,
}

/// Returns a unique name for each item, in the same order.
pub fn unique<'a>(items: impl Iterator<Item = &'a UpstreamItem> + Clone, plain: bool) -> Vec<String> {
    let preferred: Vec<String> = items.clone().map(|item| preferred(item, plain)).collect();
    let mut counts: HashMap<&str, usize> = [SEARCH, DESCRIBE, RUN].into_iter().map(|own| (own, 1)).collect();
    for name in &preferred {
        *counts.entry(name).or_default() += 1;
    }
    let max_bytes = if plain { MAX_PLAIN_NAME_BYTES } else { MAX_NAME_BYTES };
    let mut names: Vec<String> = Vec::with_capacity(preferred.len());
    let mut taken: HashSet<String> = HashSet::new();
    for (item, name) in items.zip(&preferred) {
        let is_free =
            counts.get(name.as_str()) == Some(&1) && name.len() <= max_bytes && !taken.contains(name);
        let name = if is_free { name.clone() } else { with_suffix(item, &taken) };
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// Returns `true` if a tool of `server` may have this name, which is not a plain one.
pub fn may_belong_to(name: &str, server: &str) -> bool {
    let prefix = format!("{}__", clean(server));
    // A name with a suffix may have lost the end of its server's name.
    name.starts_with(&prefix[..prefix.len().min(MAX_NAME_BYTES / 4)])
}

fn preferred(item: &UpstreamItem, plain: bool) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
    if plain && !item.name.is_empty() && item.name.chars().all(is_plain) {
        return item.name.clone();
    }
    format!("{}__{}", clean(&item.server), clean(&item.name))
}

/// Returns a name with a suffix that only this item has.
fn with_suffix(item: &UpstreamItem, taken: &HashSet<String>) -> String {
    let exact = [item.server.as_bytes(), b"\0", item.name.as_bytes()].concat();
    let digits: String = Sha256::digest(&exact).iter().map(|byte| format!("{byte:02x}")).collect();
    let base = format!("{}__{}", clean(&item.server), clean(&item.name));
    let append =
        |suffix: &str| format!("{}_{suffix}", &base[..base.len().min(MAX_NAME_BYTES - suffix.len() - 1)]);
    // A name that imitates this one is told apart by more digits.
    let longer = [SUFFIX_DIGITS, 2 * SUFFIX_DIGITS, 4 * SUFFIX_DIGITS].into_iter();
    let longer = longer.map(|length| append(&digits[..length]));
    // A server can compute all digits, so in the end a number tells the names apart.
    let counted = (1u32..).map(|turn| append(&format!("{}_{turn}", &digits[..4 * SUFFIX_DIGITS])));
    longer.chain(counted).find(|name| !taken.contains(name)).unwrap_or_default()
}

fn clean(name: &str) -> String {
    let keep = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    name.chars().map(|letter| if keep(letter) { letter } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(plain: bool, items: &[(&str, &str)]) -> Vec<String> {
        let item = |(server, name): &(&str, &str)| UpstreamItem {
            server: (*server).to_owned(),
            name: (*name).to_owned(),
        };
        let items: Vec<UpstreamItem> = items.iter().map(item).collect();
        unique(items.iter(), plain)
    }

    #[test]
    fn names_begin_with_the_server() {
        assert_eq!(names(false, &[("my.hub", "get-user"), ("x", "run")]), ["my_hub__get-user", "x__run"]);
    }

    #[test]
    fn plain_names_are_kept_unless_two_tools_have_them() {
        let plain =
            names(true, &[("a", "get.user"), ("a", "list"), ("b", "list"), ("b", "run"), ("b", "two words")]);
        assert_eq!(plain[0], "get.user");
        assert!(plain[1].starts_with("a__list_") && plain[2].starts_with("b__list_"), "{plain:?}");
        assert!(plain[3].starts_with("b__run_"), "{plain:?}");
        assert_eq!(plain[4], "b__two_words");
    }

    #[test]
    fn names_are_unique_whatever_servers_call_their_tools() {
        let forged = names(false, &[("a", "b__c"), ("a__b", "c")]);
        let items =
            [("a", "b__c"), ("a__b", "c"), ("", &*forged[0]), (&*forged[1], ""), ("a", "b!c"), ("a", "b?c")];
        let long = "x".repeat(500);
        let items: Vec<(&str, &str)> = items.into_iter().chain([("l", &*long), ("ll", &*long)]).collect();
        let all = names(false, &items);
        let distinct: HashSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
        assert!(all.iter().all(|name| name.len() <= MAX_NAME_BYTES), "{all:?}");
    }

    #[test]
    fn suffixes_that_a_server_computes_do_not_take_a_name() {
        let victim = UpstreamItem { server: "victim".to_owned(), name: "tool".to_owned() };
        let mut taken = HashSet::new();
        for _ in 0..6 {
            let name = with_suffix(&victim, &taken);
            assert!(name.len() <= MAX_NAME_BYTES, "{name}");
            assert!(taken.insert(name), "{taken:?}");
        }
    }
}
