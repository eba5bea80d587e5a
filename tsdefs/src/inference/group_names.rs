//! The groups that become definitions, and their names.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::groups::{Group, GroupedShape, Groups};
use crate::names::{pascal, unique};

/// The weight of an object, in letters, from which a repeated one gets a name. For a shorter one, a
/// name would cost as much.
const MIN_NAMED_WEIGHT: usize = 40;

/// The nesting of objects that are written in place.
const MAX_INLINE_DEPTH: usize = 8;

/// The words that the names of tools share which become a name.
const MAX_NAME_WORDS: usize = 3;

/// The characters of a tool's name that are read.
const MAX_TOOL_NAME_CHARS: usize = 128;

impl Groups {
    /// Returns the groups that are definitions, with their names. All pending groups have to be
    /// united.
    pub fn named<'p>(&self, roots: impl Iterator<Item = &'p GroupedShape>) -> HashMap<usize, String> {
        let count = self.all.len();
        let (mut uses, mut height, mut weight) =
            (vec![0_usize; count], vec![0_usize; count], vec![0_usize; count]);
        let (mut open, mut chosen) = (vec![false; count], vec![false; count]);
        let mut order: Vec<usize> = Vec::new();
        let mut inner = Vec::new();
        for root in roots {
            let mut stack: Vec<(usize, bool)> = Vec::new();
            self.groups_of(root, &mut inner);
            stack.extend(inner.drain(..).map(|at| (at, false)));
            while let Some((at, done)) = stack.pop() {
                if done {
                    open[at] = false;
                    self.children(at, &mut inner);
                    let mut total: usize = self.all[at].fields.keys().map(|key| key.len() + 8).sum();
                    for child in inner.drain(..) {
                        let below = if chosen[child] { 0 } else { height[child] };
                        height[at] = height[at].max(below + 1);
                        total = total.saturating_add(if chosen[child] { 8 } else { weight[child] });
                    }
                    weight[at] = total;
                    chosen[at] |= height[at] > MAX_INLINE_DEPTH;
                    continue;
                }
                uses[at] += 1;
                // A cycle needs a name.
                chosen[at] |= open[at];
                if uses[at] == 1 {
                    order.push(at);
                    open[at] = true;
                    stack.push((at, true));
                    self.children(at, &mut inner);
                    stack.extend(inner.drain(..).rev().map(|at| (at, false)));
                }
            }
        }
        let (mut taken, mut next) = (HashSet::new(), HashMap::new());
        let mut named = HashMap::new();
        for at in order {
            if chosen[at] || uses[at] > 1 && weight[at] >= MIN_NAMED_WEIGHT {
                named.insert(at, unique(group_name(&self.all[at]), &mut taken, &mut next));
            }
        }
        named
    }
}

/// Returns the name of a group: the words that the tools share which return it, or else the key
/// that holds it most often.
fn group_name(group: &Group) -> String {
    let by_tools = if group.tools.is_empty() { String::new() } else { common_words(&group.tools) };
    let name = if by_tools.is_empty() { key_name(&group.keys) } else { by_tools };
    if name.is_empty() { "Result".to_owned() } else { name }
}

/// Returns the words that names of tools share: `Order` for `get_order_details` and `cancel_order`.
/// The first word of a name is the action.
fn common_words(tools: &[String]) -> String {
    let words: Vec<Vec<String>> = tools.iter().map(|tool| words(tool)).collect();
    let (first, others) = words.split_first().expect("a tool");
    let common = first.iter().skip(usize::from(first.len() > 1)).filter(|word| {
        others.iter().all(|words| words.iter().skip(1).any(|other| singular(other) == singular(word)))
    });
    let common: Vec<String> = common.take(MAX_NAME_WORDS).map(|word| pascal(&singular(word))).collect();
    common.concat()
}

/// Returns the most frequent key as a name.
fn key_name(keys: &[(String, bool)]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (key, listed) in keys {
        let key = if *listed { singular(key) } else { key.clone() };
        *counts.entry(pascal(&key)).or_default() += 1;
    }
    // Of equally frequent keys, this is the first in the alphabet.
    let most = counts.iter().rev().max_by_key(|(_, count)| **count);
    most.map(|(name, _)| name.clone()).unwrap_or_default()
}

/// Returns the words of a name in lower case: `get` and `order` for `get_order`, `get-order` and
/// `getOrder`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars().take(MAX_TOOL_NAME_CHARS) {
        let begins =
            !letter.is_ascii_alphanumeric() || letter.is_ascii_uppercase() && before.is_ascii_lowercase();
        if begins {
            words.push(String::new());
        }
        if letter.is_ascii_alphanumeric() {
            words.last_mut().expect("a word").push(letter.to_ascii_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns an English word without the ending of a plural.
fn singular(word: &str) -> String {
    let base = word.strip_suffix("ies").filter(|base| base.len() > 1).map(|base| format!("{base}y"));
    let plain = || {
        ["sses", "xes", "shes", "ches"]
            .iter()
            .any(|end| word.ends_with(end))
            .then(|| word[..word.len() - 2].to_owned())
    };
    let short = || word.strip_suffix('s').filter(|base| base.len() > 2 && !base.ends_with(['s', 'u', 'i']));
    base.or_else(plain).or_else(|| short().map(str::to_owned)).unwrap_or_else(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_of_tools_and_keys() {
        let tools =
            |names: &[&str]| common_words(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(tools(&["get_user_details", "modify_user_address"]), "User");
        assert_eq!(tools(&["getPullRequest", "list-pull-requests"]), "PullRequest");
        assert_eq!(tools(&["get_a", "get_b"]), "");
        assert_eq!(key_name(&[("addresses".into(), true), ("address".into(), false)]), "Address");
        for (word, one) in [
            ("boxes", "box"),
            ("entities", "entity"),
            ("status", "status"),
            ("flights", "flight"),
            ("as", "as"),
        ] {
            assert_eq!(singular(word), one);
        }
    }
}
