//! Names: identifiers, aliases for names that are not identifiers, and the type names of servers
//! and tools.
//!
//! Aliases are unique within a list, and never equal the exact name of another item. A server's
//! type name depends on the server's own name only, and two different names never give the same
//! type name, because `interface` declarations of one name would merge: texts that were generated
//! apart compile together.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use unicode_ident::{is_xid_continue, is_xid_start};

use crate::text::string_literal;

/// Returns whether `env.name` may be written for `name`.
pub fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first == '$' || first == '_' || is_xid_start(first))
        && chars.all(|c| c == '$' || is_xid_continue(c))
}

/// Returns `env.server.tool` as scripts write it, with brackets for a name that is not an
/// identifier.
pub(crate) fn call_path(server: &str, tool: &str) -> String {
    let member = |name: &str| {
        if is_identifier(name) { format!(".{name}") } else { format!("[{}]", string_literal(name)) }
    };
    format!("env{}{}", member(server), member(tool))
}

/// Returns an identifier for each name, in the same order: the name itself if it is one, else a
/// sanitised form (`get-user` → `get_user`).
///
/// Different names have different aliases: the first in the list has the plain form, later ones a
/// number.
pub fn aliases<S: AsRef<str>>(names: &[S]) -> Vec<String> {
    let mut taken: HashSet<String> =
        names.iter().map(AsRef::as_ref).filter(|name| is_identifier(name)).map(str::to_owned).collect();
    let mut given: HashMap<&str, String> = HashMap::new();
    // Numbers continue from the last name of the same form, so that 10,000 names of one form take
    // linear time.
    let mut next: HashMap<String, usize> = HashMap::new();
    names
        .iter()
        .map(AsRef::as_ref)
        .map(|name| {
            if is_identifier(name) {
                return name.to_owned();
            }
            given.entry(name).or_insert_with(|| unique(sanitised(name), &mut taken, &mut next)).clone()
        })
        .collect()
}

/// Returns `name` with `_` for each character that an identifier cannot have, cut after 64
/// characters.
fn sanitised(name: &str) -> String {
    let mut alias: String =
        name.chars().take(64).map(|c| if c == '$' || is_xid_continue(c) { c } else { '_' }).collect();
    if !alias.starts_with(|c: char| c == '$' || c == '_' || is_xid_start(c)) {
        alias.insert(0, '_');
    }
    alias
}

/// Returns the first of `name`, `name_2`, `name_3`… that is not taken, and adds it to `taken`.
pub(crate) fn unique(name: String, taken: &mut HashSet<String>, next: &mut HashMap<String, usize>) -> String {
    if taken.insert(name.clone()) {
        return name;
    }
    let number = next.entry(name.clone()).or_insert(2);
    loop {
        let candidate = format!("{name}_{number}");
        *number += 1;
        if taken.insert(candidate.clone()) {
            return candidate;
        }
    }
}

/// Returns the ASCII letters and digits of `name` as one word in Pascal case, cut after 48
/// characters: `create_issue` → `CreateIssue`. The word may be empty.
pub(crate) fn pascal(name: &str) -> String {
    let mut word = String::new();
    let mut start = true;
    for c in name.chars().take(256) {
        if !c.is_ascii_alphanumeric() {
            start = true;
        } else if word.len() < 48 {
            word.push(if start { c.to_ascii_uppercase() } else { c });
            start = false;
        }
    }
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        word.insert(0, 'T');
    }
    word
}

/// Returns the name of a server's interface and namespace.
///
/// Each form has a range of names of its own, so two names never give the same result: `my-server`
/// → `MyServer` and `my_server` → `My_Server` for lower-case words, `myServer` as it is, `GitHub` →
/// `_GitHub`, and for all other names the letters with a hash of the name. A name that TypeScript's
/// own libraries use (`File`, `Promise`) ends in `_`.
pub(crate) fn server_type(name: &str) -> String {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    let plain = |c: char| c.is_ascii_alphanumeric();
    if name.len() <= 48 {
        let free = |name: String| if GLOBAL_NAMES.contains(name.as_str()) { name + "_" } else { name };
        if name.split('_').flat_map(|part| part.split('-')).all(is_word) {
            return free(name.split('_').map(pascal).collect::<Vec<_>>().join("_"));
        }
        if name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return free(name.to_owned());
        }
        if name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return format!("_{name}");
        }
    }
    let word = pascal(name);
    let word = if word.is_empty() { "Server" } else { &word };
    format!("{word}_{:016x}", fnv1a(name.as_bytes()))
}

/// The names of the types and values that `lib.*.d.ts` of TypeScript 7.0 declares, and a few of
/// Workers and Node. An interface of such a name would merge with theirs.
static GLOBAL_NAMES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("global_names.txt").lines().collect());

/// Returns the 64-bit FNV-1a hash of `bytes`. It is stable, and not safe where a collision does
/// harm.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_unique_and_exact_names_stay() {
        let names = ["a-b", "a.b", "a_b", "aB", "3d", "", "創建", "創建-用戶", "🔥", "a-b", "class"];
        let aliases = aliases(&names);
        assert_eq!(
            aliases,
            ["a_b_2", "a_b_3", "a_b", "aB", "_3d", "_", "創建", "創建_用戶", "__2", "a_b_2", "class"]
        );
        assert!(aliases.iter().all(|alias| is_identifier(alias)));
    }

    #[test]
    fn many_names_of_one_form_take_linear_time() {
        let names: Vec<String> = (0..20_000)
            .map(|n| char::from_u32(0x1F300 + n % 200).unwrap().to_string().repeat(1 + n as usize / 200))
            .collect();
        let aliases = aliases(&names);
        assert_eq!(aliases.iter().collect::<HashSet<_>>().len(), names.iter().collect::<HashSet<_>>().len());
    }

    #[test]
    fn server_types_are_different() {
        let names = [
            "my-server",
            "my_server",
            "myServer",
            "MyServer",
            "my.server",
            "my server",
            "My-Server",
            "my--server",
            "my__server",
            "myserver",
            "promise",
            "Promise",
            "promise-",
            "promise_",
            "file",
            "env",
            "mcp-server",
            "github",
            "GitHub",
            "git-hub",
            "創建",
            "用戶",
            "",
            "7",
            "__proto__",
            "a7",
            "a-7",
            "globalThis",
        ];
        let types: HashSet<String> = names.iter().map(|name| server_type(name)).collect();
        assert_eq!(types.len(), names.len(), "{types:?}");
        for name in &types {
            assert!(
                is_identifier(name) && name.is_ascii() && !GLOBAL_NAMES.contains(name.as_str()),
                "{name}"
            );
        }
        assert_eq!(server_type("github"), "Github");
        assert_eq!(server_type("sequential-thinking"), "SequentialThinking");
        assert_eq!(server_type("promise"), "Promise_");
    }
}
