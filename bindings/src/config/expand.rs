//! `${VAR}` in the values of a configuration.

use std::fmt::Write as _;

/// Where variables come from.
pub(crate) struct Variables<'a> {
    /// Environment variables.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
    /// What `${workspaceFolder}` stands for.
    pub workspace: &'a str,
}

impl Variables<'_> {
    /// `text` with `${VAR}`, `${VAR:-default}`, `${env:VAR}` and `${workspaceFolder}` replaced. What is not of these
    /// shapes stays as it is: `${#list[@]}` may be meant for a shell further down. The values of environment variables are
    /// added to `used`.
    ///
    /// # Errors
    /// A message for the operator: a variable that is not set, or a form that asks a question isolet cannot ask.
    pub(crate) fn expand(&self, text: &str, used: &mut Vec<String>) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            out.push_str(&rest[..start]);
            let after = &rest[start + 2..];
            let Some(end) = after.find('}') else {
                rest = &rest[start..];
                break;
            };
            match self.value(&after[..end], used)? {
                Some(value) => out.push_str(&value),
                None => write!(out, "${{{}}}", &after[..end]).expect("writing to a string"),
            }
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The value of `${inner}`; `None` if this is not a variable.
    fn value(&self, inner: &str, used: &mut Vec<String>) -> Result<Option<String>, String> {
        if inner == "workspaceFolder" {
            return Ok(Some(self.workspace.to_owned()));
        }
        if let Some((kind @ ("input" | "command" | "config"), _)) = inner.split_once(':') {
            return Err(format!(
                "\"${{{inner}}}\" asks the editor for a value, and isolet has no editor to ask; \
                 put the value into an environment variable and write \"${{NAME}}\" instead of \"${{{kind}:…}}\""
            ));
        }
        let (name, default) = match inner.strip_prefix("env:").unwrap_or(inner).split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner.strip_prefix("env:").unwrap_or(inner), None),
        };
        if !is_variable_name(name) {
            return Ok(None);
        }
        // As in a shell, a default also stands in for a variable that is set to nothing.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "HOME" => Some("/home/ada".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        Variables { lookup: &lookup, workspace: "/work" }.expand(text, &mut Vec::new())
    }

    #[test]
    fn variables_are_replaced_in_all_their_forms() {
        assert_eq!(expand("${HOME}/x ${env:HOME}").unwrap(), "/home/ada/x /home/ada");
        assert_eq!(expand("${NONE:-fall:-back} ${HOME:-x}").unwrap(), "fall:-back /home/ada");
        assert_eq!(expand("[${EMPTY}] [${EMPTY:-x}] [${NONE:-}]").unwrap(), "[] [x] []");
        assert_eq!(expand("${env:NONE:-x}${workspaceFolder}").unwrap(), "x/work");
    }

    #[test]
    fn what_is_no_variable_stays() {
        for text in ["$HOME", "${", "${}", "a ${#list[@]} b", "${HOME", "$${"] {
            assert_eq!(expand(text).unwrap(), text, "{text}");
        }
    }

    #[test]
    fn a_missing_variable_is_named() {
        assert!(expand("x ${GITHUB_TOKEN}").unwrap_err().contains("GITHUB_TOKEN is not set"));
        assert!(expand("${input:token}").unwrap_err().contains("no editor"));
    }
}
