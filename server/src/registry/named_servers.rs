//! Finds the servers that a script names in its text, before anything is started for the script.
//!
//! The text is scanned and not parsed: isolet's own process never parses a script, only the process
//! of the run does. The result is only a hint: a server that the scan misses is started by the
//! first call, but then `Object.keys(env.server)` does not have its tools' names yet.

use std::collections::HashSet;

/// The servers that a script needs.
#[derive(Debug, PartialEq, Eq)]
pub enum NeededServers {
    /// The servers that it names, by exact name, in the order of the configuration.
    Named(Vec<String>),
    /// Possibly all: the script passes `env` on, or computes a name while it runs.
    All,
}

/// Returns the servers of `known`, pairs of exact name and alias, that `code` names.
pub fn needed_servers<'a>(code: &str, known: impl IntoIterator<Item = (&'a str, &'a str)>) -> NeededServers {
    let text = ScriptText(code.as_bytes());
    let mut names: HashSet<&str> = HashSet::new();
    let mut has_env = false;
    for at in text.words(b"env") {
        has_env = true;
        match text.use_of_env(at) {
            EnvUse::Names(found) => {
                names.extend(found.iter().filter_map(|name| std::str::from_utf8(name).ok()));
            }
            EnvUse::Nothing => {}
            EnvUse::Unknown => return NeededServers::All,
        }
    }
    let is_named = |name: &str| match has_env {
        true => names.contains(name),
        // The parameter of a function may have any name.
        false => text.words(name.as_bytes()).next().is_some(),
    };
    let named = known.into_iter().filter(|(name, alias)| is_named(name) || is_named(alias));
    NeededServers::Named(named.map(|(name, _)| name.to_owned()).collect())
}

/// The use of the word `env` at one position.
enum EnvUse<'a> {
    /// These properties of it are read.
    Names(Vec<&'a [u8]>),
    /// It is a parameter or an imported name.
    Nothing,
    /// It is passed on, so that any property may be read.
    Unknown,
}

/// The distance from `env` within which the brackets of its parameter list are searched.
const MAX_SCAN_BYTES: usize = 400;

struct ScriptText<'a>(&'a [u8]);

impl<'a> ScriptText<'a> {
    /// Returns the positions of `word` as a whole word.
    fn words(&self, word: &'a [u8]) -> impl Iterator<Item = usize> {
        let (text, length) = (self.0, word.len().max(1));
        let is_word = move |at: usize| {
            text[at..].starts_with(word)
                && !at.checked_sub(1).is_some_and(|before| is_letter(text[before]))
                && !text.get(at + length).is_some_and(|after| is_letter(*after))
        };
        (0..text.len().saturating_sub(word.len()) + 1).filter(move |at| !word.is_empty() && is_word(*at))
    }

    fn use_of_env(&self, at: usize) -> EnvUse<'a> {
        let after = self.blanks(at + 3);
        // `env.name`, `env?.name`, `env["name"]`
        let member = match self.0.get(after..).unwrap_or_default() {
            [b'.', b'.', ..] => None,
            [b'.', ..] => self.word(self.blanks(after + 1)),
            [b'?', b'.', b'[', ..] => self.literal(after + 3),
            [b'?', b'.', ..] => self.word(self.blanks(after + 2)),
            [b'[', ..] => self.literal(after + 1),
            _ => None,
        };
        if let Some(name) = member {
            return EnvUse::Names(vec![name]);
        }
        if let Some(names) = self.destructured(at) {
            return EnvUse::Names(names);
        }
        if self.is_parameter(at, after) || self.is_import(after) { EnvUse::Nothing } else { EnvUse::Unknown }
    }

    /// Returns the names in `const { demo, crm: c } = env`: `demo` and `crm`.
    fn destructured(&self, at: usize) -> Option<Vec<&'a [u8]>> {
        let before = self.0[..at].trim_ascii_end().strip_suffix(b"=")?.trim_ascii_end().strip_suffix(b"}")?;
        let from = before.len().saturating_sub(MAX_SCAN_BYTES);
        let open = before[from..].iter().rposition(|byte| *byte == b'{')? + from;
        // The expression must end there: `= env.x` was handled before, `= env(…)` is a call.
        let after = self.0.get(self.blanks(at + 3));
        if after.is_some_and(|next| !matches!(next, b';' | b',' | b'\n' | b'}' | b')') && !is_letter(*next)) {
            return None;
        }
        let parts = before[open + 1..].split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let name = |part: &'a [u8]| {
            let end = part.iter().position(|byte| !is_letter(*byte)).unwrap_or(part.len());
            let goes_on = part[end..].trim_ascii_start().first();
            (end > 0 && matches!(goes_on, None | Some(b':' | b'='))).then_some(&part[..end])
        };
        parts.filter(|part| !part.is_empty()).map(name).collect()
    }

    /// Recognises `(env, input) =>`, `function (env: Env) {`, `fetch(request, env, ctx) {` and
    /// `env =>`.
    fn is_parameter(&self, at: usize, after: usize) -> bool {
        if self.0.get(after..).is_some_and(|rest| rest.starts_with(b"=>")) {
            return true;
        }
        if !self.0.get(after).is_some_and(|next| matches!(next, b',' | b')' | b':')) {
            return false;
        }
        // `for (const name in env) {` is not a parameter list.
        if !matches!(self.0[..at].trim_ascii_end().last(), Some(b'(' | b',')) {
            return false;
        }
        let mut depth = 0_u32;
        let opens = self.0[at.saturating_sub(MAX_SCAN_BYTES)..at].iter().rev().find(|byte| match byte {
            b')' | b']' | b'}' => {
                depth += 1;
                false
            }
            b'(' | b'[' | b'{' if depth > 0 => {
                depth -= 1;
                false
            }
            b'(' | b'[' | b'{' | b';' => true,
            _ => false,
        });
        if opens != Some(&b'(') {
            return false;
        }
        let mut depth = 0_u32;
        let closes = self.0[after..].iter().take(MAX_SCAN_BYTES).position(|byte| match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                false
            }
            b')' if depth == 0 => true,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => false,
        });
        let Some(closes) = closes else { return false };
        let rest = &self.0[self.blanks(after + closes + 1)..];
        // A return type may stand before the body.
        rest.starts_with(b"{") || rest.starts_with(b"=>") || rest.starts_with(b":")
    }

    /// Recognises `import { env } from "cloudflare:workers"`.
    fn is_import(&self, after: usize) -> bool {
        let reach = after.saturating_add(MAX_SCAN_BYTES).min(self.0.len());
        let rest = self.0[after..reach].split(|byte| *byte == b'}').nth(1);
        matches!(self.0.get(after), Some(b'}' | b','))
            && rest.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"from"))
    }

    /// Returns the first position from `at` on that is not white space.
    fn blanks(&self, at: usize) -> usize {
        let rest = self.0.get(at..).unwrap_or_default();
        at.min(self.0.len()) + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    }

    fn word(&self, at: usize) -> Option<&'a [u8]> {
        let rest = self.0.get(at..)?;
        let end = rest.iter().position(|byte| !is_letter(*byte)).unwrap_or(rest.len());
        (end > 0).then_some(&rest[..end])
    }

    /// Returns the string in `"name"]`.
    fn literal(&self, at: usize) -> Option<&'a [u8]> {
        let at = self.blanks(at);
        let quote = *self.0.get(at).filter(|quote| matches!(quote, b'"' | b'\'' | b'`'))?;
        let rest = &self.0[at + 1..];
        let end = rest.iter().position(|byte| *byte == quote)?;
        let plain = !rest[..end].iter().any(|byte| matches!(byte, b'\\' | b'$' | b'\n'));
        let closed = self.0.get(self.blanks(at + end + 2)) == Some(&b']');
        (plain && closed).then_some(&rest[..end])
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [(&str, &str); 3] = [("demo", "demo"), ("crm", "crm"), ("my-hub", "my_hub")];

    #[track_caller]
    fn names(code: &str, wanted: &[&str]) {
        let wanted = wanted.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(needed_servers(code, KNOWN), NeededServers::Named(wanted), "{code}");
    }

    #[test]
    fn properties_of_env_are_found() {
        names("return 1", &[]);
        names("return await env.demo.add({ a: 1 })", &["demo"]);
        names("env . demo\n.x(); env?.crm?.y()", &["demo", "crm"]);
        names(r#"env["my-hub"].x({ demo: 1 })"#, &["my-hub"]);
        names("env?.['my-hub'].x()", &["my-hub"]);
        names("env.my_hub.x()", &["my-hub"]);
        names("env.nobody.x(), envelope.demo, env_.crm", &[]);
        names("Object.keys(env.demo), \"add\" in env.crm", &["demo", "crm"]);
        names("const { demo, crm: c } = env;\nreturn demo.add({})", &["demo", "crm"]);
        names("const { demo = 1 } = env\nreturn 1", &["demo"]);
    }

    #[test]
    fn parameters_and_imports_are_not_uses() {
        for head in [
            "export default async function (env, input) {",
            "export default { async fetch(request: Request, env: any, ctx: any) {",
            "async (env: Env, input: { a: (x: number) => void }): Promise<number> => {",
            "const f = env => {",
            "function a(env) {",
            "import { env } from \"cloudflare:workers\"; {",
            "import { env, WorkerEntrypoint } from 'cloudflare:workers'; {",
        ] {
            names(&format!("{head} return env.demo.add({{}}) }}"), &["demo"]);
        }
        names("(e, i) => e.demo.add({})", &["demo"]);
        names("export default (e) => 1", &[]);
    }

    #[test]
    fn env_that_is_passed_on_needs_all_servers() {
        for code in [
            "Object.keys(env)",
            "env[name].x()",
            "env[`${a}`].x()",
            "helper(env)",
            "helper(env, 1)",
            "const e = env; e.demo.x()",
            "for (const s in env) {}",
            "const { ...all } = env;",
            "const { [a]: b } = env;",
            "return { env }",
            "import { env as e } from \"cloudflare:workers\"",
            "return [...Object.entries( env )]",
            "env",
        ] {
            assert_eq!(needed_servers(code, KNOWN), NeededServers::All, "{code}");
        }
    }

    #[test]
    fn incomplete_code_does_not_panic() {
        for code in [
            "",
            "env",
            "env.",
            "env[",
            "env[\"",
            "env?.[",
            "= env",
            "} = env",
            "(env",
            "(env,",
            "ü env.ü",
            "{} = env",
        ] {
            let _ = needed_servers(code, KNOWN);
        }
        let long = "(env, ".repeat(20_000);
        let _ = needed_servers(&long, KNOWN);
        let _ = needed_servers("", [("", "")]);
    }
}
