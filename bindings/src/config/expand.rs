//! Variables in the values of a configuration, such as `${VAR}`.

use std::path::Path;

/// The values of variables.
#[derive(Clone, Copy)]
pub(crate) struct Variables<'a> {
    /// Finds an environment variable.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
    /// The value of `${workspaceFolder}`.
    pub workspace: &'a str,
    /// The syntax of variables in this file.
    pub form: VariableSyntax,
}

/// The syntax of variables beside `${NAME}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum VariableSyntax {
    /// No other.
    #[default]
    Braced,
    /// `$NAME`, as in Gemini CLI.
    Plain,
    /// `{env:NAME}`, as in opencode.
    Curly,
}

impl Variables<'_> {
    /// Expands `${VAR}`, `${VAR:-default}`, `${env:VAR}`, `${workspaceFolder}` and the like in
    /// `text`. Other text stays unchanged: `${#list[@]}` may be meant for a shell. The values of
    /// environment variables are added to `used`.
    ///
    /// # Errors
    /// A message for the operator: a variable that is not set, or a syntax that would ask the user
    /// for a value.
    pub(crate) fn expand(&self, text: &str, used: &mut Vec<String>) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = self.next(rest) {
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            let (value, length) = match rest.strip_prefix("${") {
                Some(after) => match after.find('}') {
                    Some(end) => (self.value(&after[..end], used)?, end + 3),
                    None => break,
                },
                None if rest.starts_with('{') => match rest.find('}') {
                    Some(end) => (self.curly(&rest[1..end], used)?, end + 1),
                    None => break,
                },
                None => {
                    let name: &str = &rest[1..];
                    let end =
                        name.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
                    (self.value(&name[..end], used)?, end + 1)
                }
            };
            match value {
                Some(value) => out.push_str(&value),
                None => out.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Returns the position of the next text that may be a variable.
    fn next(&self, text: &str) -> Option<usize> {
        match self.form {
            VariableSyntax::Braced => text.find("${"),
            VariableSyntax::Plain => text.find('$'),
            VariableSyntax::Curly => {
                ["${", "{env:", "{file:"].iter().filter_map(|begin| text.find(begin)).min()
            }
        }
    }

    /// Returns the value of opencode's `{inner}`.
    fn curly(&self, inner: &str, used: &mut Vec<String>) -> Result<Option<String>, String> {
        match inner.split_once(':') {
            Some(("env", name)) => self.value(name, used),
            _ => Err(format!(
                "\"{{{inner}}}\" stands for the content of a file, which isolet does not put in; \
                 put it into an environment variable and write \"${{NAME}}\""
            )),
        }
    }

    /// Returns the value of `${inner}`; `None` if it is not a variable.
    fn value(&self, inner: &str, used: &mut Vec<String>) -> Result<Option<String>, String> {
        let basename =
            || Path::new(self.workspace).file_name().map(|name| name.to_string_lossy().into_owned());
        match inner {
            "workspaceFolder" => return Ok(Some(self.workspace.to_owned())),
            "workspaceFolderBasename" => return Ok(Some(basename().unwrap_or_default())),
            "pathSeparator" | "/" => return Ok(Some(std::path::MAIN_SEPARATOR.to_string())),
            "userHome" => {
                let home = (self.lookup)("HOME").or_else(|| (self.lookup)("USERPROFILE"));
                return home.map(Some).ok_or_else(|| "\"${userHome}\": HOME is not set".to_owned());
            }
            _ => {}
        }
        if let Some((kind @ ("input" | "command" | "config"), asked)) = inner.split_once(':') {
            let name = variable_for(asked);
            return Err(format!(
                "\"${{{inner}}}\" asks the editor for a value, and isolet has no editor to ask; \
                 put the value into an environment variable and write \"${{{name}}}\" instead of \"${{{kind}:…}}\""
            ));
        }
        let (name, default) = match inner.strip_prefix("env:").unwrap_or(inner).split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner.strip_prefix("env:").unwrap_or(inner), None),
        };
        if !is_variable_name(name) {
            return Ok(None);
        }
        // As in a shell, the default also replaces an empty value.
        let value = (self.lookup)(name).filter(|value| default.is_none() || !value.is_empty());
        match (value, default) {
            (Some(value), _) => {
                used.push(value.clone());
                Ok(Some(value))
            }
            (None, Some(default)) => Ok(Some(default.to_owned())),
            (None, None) => Err(format!(
                "the environment variable {name} is not set; set it, or give a default: \"${{{name}:-value}}\""
            )),
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Suggests a variable name for an input of an editor: `perplexity-key` becomes `PERPLEXITY_KEY`.
fn variable_for(asked: &str) -> String {
    let name: String = asked
        .chars()
        .take(60)
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
        .collect();
    if is_variable_name(&name) { name } else { "NAME".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand_as(form: VariableSyntax, text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "HOME" => Some("/home/ada".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        Variables { lookup: &lookup, workspace: "/work/it", form }.expand(text, &mut Vec::new())
    }

    fn expand(text: &str) -> Result<String, String> {
        expand_as(VariableSyntax::Braced, text)
    }

    #[test]
    fn variables_are_expanded_in_each_syntax() {
        assert_eq!(expand("${HOME}/x ${env:HOME}").unwrap(), "/home/ada/x /home/ada");
        assert_eq!(expand("${NONE:-fall:-back} ${HOME:-x}").unwrap(), "fall:-back /home/ada");
        assert_eq!(expand("[${EMPTY}] [${EMPTY:-x}] [${NONE:-}]").unwrap(), "[] [x] []");
        assert_eq!(expand("${env:NONE:-x}${workspaceFolder}").unwrap(), "x/work/it");
    }

    #[test]
    fn variables_of_editors_are_expanded() {
        assert_eq!(
            expand("${userHome}${/}${workspaceFolderBasename}${pathSeparator}x").unwrap(),
            "/home/ada/it/x"
        );
    }

    #[test]
    fn variables_of_other_clients_are_expanded() {
        assert_eq!(
            expand_as(VariableSyntax::Plain, "$HOME/x ${HOME} $ $1 a$").unwrap(),
            "/home/ada/x /home/ada $ $1 a$"
        );
        assert!(expand_as(VariableSyntax::Plain, "$NONE").unwrap_err().contains("NONE is not set"));
        assert_eq!(
            expand_as(VariableSyntax::Curly, "{env:HOME} {x} ${HOME} {env:").unwrap(),
            "/home/ada {x} /home/ada {env:"
        );
        assert!(expand_as(VariableSyntax::Curly, "{file:~/.key}").unwrap_err().contains("content of a file"));
        assert_eq!(expand("$HOME {env:HOME}").unwrap(), "$HOME {env:HOME}");
    }

    #[test]
    fn other_text_is_unchanged() {
        for text in ["$HOME", "${", "${}", "a ${#list[@]} b", "${HOME", "$${"] {
            assert_eq!(expand(text).unwrap(), text, "{text}");
        }
    }

    #[test]
    fn a_missing_variable_is_named() {
        assert!(expand("x ${GITHUB_TOKEN}").unwrap_err().contains("GITHUB_TOKEN is not set"));
        let asks = expand("${input:perplexity-key}").unwrap_err();
        assert!(asks.contains("no editor") && asks.contains("\"${PERPLEXITY_KEY}\""), "{asks}");
    }
}
