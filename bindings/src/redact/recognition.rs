//! Credentials recognised by the name of a variable or by the form of a value.

/// The shortest value without a telling name that may be a credential.
const MIN_UNNAMED_BYTES: usize = 16;
/// The shortest value with dots and slashes that may be a credential; shorter ones are host names
/// and paths.
const MIN_PUNCTUATED_BYTES: usize = 32;

/// Returns whether a variable or option of this name has a credential.
pub(super) fn names_a_credential(name: &str) -> bool {
    const CREDENTIAL_NAME_PARTS: [&str; 10] =
        ["KEY", "TOKEN", "SECRET", "PASS", "AUTH", "CRED", "COOKIE", "DSN", "CONNECTION_STRING", "BEARER"];
    /// Words of names that are too short to be searched inside other words.
    const CREDENTIAL_NAME_WORDS: [&str; 4] = ["JWT", "PAT", "PWD", "SIG"];
    let name = name.to_ascii_uppercase();
    CREDENTIAL_NAME_PARTS.iter().any(|part| name.contains(part))
        || name.split(['_', '-', '.']).any(|word| CREDENTIAL_NAME_WORDS.contains(&word))
        || name.ends_with("_URL")
        || name.ends_with("_URI")
}

/// Returns whether a value in a file is a credential and nothing else. A value that may be a path,
/// an option, a URL or a program is not, whatever the name of its variable.
pub(crate) fn is_literal_credential(name: &str, value: &str) -> bool {
    let ordinary = |byte: u8| {
        byte.is_ascii_graphic()
            && !b"/\\$'\"`".contains(&byte)
            && (byte != b'.' || value.len() >= MIN_PUNCTUATED_BYTES)
    };
    let starts_a_program = name.to_ascii_uppercase().ends_with("ASKPASS");
    names_a_credential(name)
        && !starts_a_program
        && !value.is_empty()
        && !value.starts_with('-')
        && value.bytes().all(ordinary)
}

/// Returns whether a value without a telling name resembles a key rather than a word, a version or
/// a host.
pub(crate) fn looks_like_one(value: &str) -> bool {
    let of_alphabet = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'+' | b'=')
            || (value.len() >= MIN_PUNCTUATED_BYTES && matches!(byte, b'.' | b'/' | b'~'))
    };
    value.len() >= MIN_UNNAMED_BYTES
        && !value.starts_with(['/', '.'])
        && value.bytes().all(of_alphabet)
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_their_names_and_forms() {
        for name in ["GITHUB_TOKEN", "GH_PAT", "JWT", "db-pwd", "REDIS_URL", "--api-key"] {
            assert!(names_a_credential(name), "{name}");
        }
        for name in ["PATH", "PATTERN", "LEVEL", "DATA_FOLDER", "DESIGN"] {
            assert!(!names_a_credential(name), "{name}");
        }
        for value in [
            "sk-proj-0123456789abcdef",
            "ghp_0123456789ABCDEFabcdef",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.c2ln",
        ] {
            assert!(looks_like_one(value), "{value}");
        }
        for value in
            ["production", "/var/lib/data/0123456789", "api-2.example.com", "2025-11-25", "in a sentence 123"]
        {
            assert!(!looks_like_one(value), "{value}");
        }
    }

    #[test]
    fn values_that_may_change_a_program_are_not_credentials() {
        for (name, value) in [
            ("GITHUB_TOKEN", "ghp_0123456789ABCDEF"),
            ("PASSWORD", "hunter2!"),
            ("JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi"),
        ] {
            let jwt = format!("{value}OjF9.c2lnbmF0dXJl");
            assert!(is_literal_credential(name, if name == "JWT" { &jwt } else { value }), "{name}");
        }
        for (name, value) in [
            ("PATH", "bin0123456789abcdef"),
            ("NODE_OPTIONS", "--require=evil0123456789"),
            ("SSH_ASKPASS", "evil"),
            ("git_askpass", "evil"),
            ("API_KEY_COMMAND", "./evil"),
            ("API_KEY_COMMAND", "evil.sh"),
            ("AUTH_OPTIONS", "-c"),
            ("AUTH_OPTIONS", "a b"),
            ("OPENAI_BASE_URL", "https://evil.example"),
            ("TOKEN", "${TOKEN}"),
            ("TOKEN", ""),
        ] {
            assert!(!is_literal_credential(name, value), "{name}={value}");
        }
    }
}
