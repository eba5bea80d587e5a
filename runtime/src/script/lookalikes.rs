//! Hints for texts that look like something else: Python, code escaped once too often, HTML. Used
//! only after a parse has failed.

/// Returns a hint for a text in which the parser stopped at `at`.
pub(super) fn hint(text: &str, at: usize) -> Option<String> {
    if python(text) {
        return Some(
            "This looks like Python. Scripts are TypeScript or JavaScript: `const r = await env.server.tool({ name: value }); return r;`."
                .to_owned(),
        );
    }
    if escaped(text, at) {
        return Some(
            "The text seems to be escaped twice: it has \\n or \\\" where line breaks and quotes should be. Send it escaped once."
                .to_owned(),
        );
    }
    if let Some((entity, means)) = entity(text, at) {
        return Some(format!(
            "The text is escaped for HTML: write `{means}` instead of `{entity}`, and so for the others."
        ));
    }
    if markup(text) {
        return Some(super::diagnostic::NO_JSX.to_owned());
    }
    None
}

/// Returns `true` if the text has lines that only Python has.
fn python(text: &str) -> bool {
    text.lines().take(200).any(|line| {
        let line = line.trim();
        let mut words = line.split_whitespace();
        match words.next() {
            Some(
                "def" | "elif" | "except" | "class" | "while" | "for" | "with" | "if" | "try:" | "else:",
            ) if line.ends_with(':') => true,
            Some("async") => words.next() == Some("def"),
            // `import json`, `import numpy as np`, `from x import y`
            Some("import") => {
                let name = words.next().unwrap_or("");
                let plain = !name.is_empty()
                    && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ','));
                plain && matches!(words.next(), None | Some("as"))
            }
            Some("from") => words.nth(1) == Some("import"),
            _ => line.starts_with("print(f\"") || line.starts_with("print(f'"),
        }
    })
}

/// Returns `true` if the parser stopped at an escaped line break or quote outside of any string.
fn escaped(text: &str, at: usize) -> bool {
    let mut near = at.saturating_sub(2);
    while !text.is_char_boundary(near) {
        near -= 1;
    }
    let here: String = text[near..].chars().take(60).collect();
    let signs = ["\\n", "\\\"", "\\t", "\\r", "\\'"];
    signs.iter().any(|sign| here.contains(sign))
        && (!text.contains('\n') || here.starts_with('\\') || text[at.min(text.len())..].starts_with('\\'))
}

/// Returns the HTML entity at or just before the position where the parser stopped.
fn entity(text: &str, at: usize) -> Option<(&'static str, &'static str)> {
    const ENTITIES: [(&str, &str); 6] =
        [("&gt;", ">"), ("&lt;", "<"), ("&amp;", "&"), ("&quot;", "\""), ("&#39;", "'"), ("&apos;", "'")];
    let mut from = at.saturating_sub(8);
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let around: String = text[from..].chars().take(24).collect();
    ENTITIES.into_iter().find(|(entity, _)| around.contains(entity))
}

/// Returns `true` if there is a complete tag: `<ul>…</ul>`, `<Item />`.
fn markup(text: &str) -> bool {
    let begins = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '>');
    text.match_indices('<').any(|(at, _)| begins(&text[at + 1..]))
        && (text.contains("</") || text.contains("/>"))
}
