//! The libraries of scripts, as models and programmers read of them.

use isolet_runtime::Library;

/// The bytes of names in the description of `run`, which also has to hold the tools.
const MAX_DESCRIPTION_BYTES: usize = 300;

/// Returns the sentence of `run`'s description about what scripts cannot reach.
pub fn sentence(libraries: &[Library]) -> String {
    if libraries.is_empty() {
        return "No network, no files, no import.".to_owned();
    }
    let mut names = String::new();
    for (index, library) in libraries.iter().enumerate() {
        let name = library.name_and_version();
        if names.len() + name.len() > MAX_DESCRIPTION_BYTES {
            names += &format!(" and {} more", libraries.len() - index);
            break;
        }
        if index > 0 {
            names += ", ";
        }
        names += &name;
    }
    format!("No network, no files. `await import(\"…\")` has {names}, and nothing else.")
}

/// Returns the comment above declarations: the libraries, one a line. Empty if there are none.
pub fn comment(libraries: &[Library]) -> String {
    if libraries.is_empty() {
        return String::new();
    }
    let lines: String = libraries
        .iter()
        .map(|library| match &library.version {
            Some(version) => format!("//   {:?} {version}\n", library.specifier),
            None => format!("//   {:?}\n", library.specifier),
        })
        .collect();
    format!("// Libraries that scripts can import, statically or with import():\n{lines}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(specifier: &str, version: Option<&str>) -> Library {
        Library {
            specifier: specifier.to_owned(),
            module: String::new(),
            version: version.map(str::to_owned),
        }
    }

    #[test]
    fn libraries_are_named_with_their_versions() {
        let two = [library("zod", Some("4.1.12")), library("local", None)];
        assert_eq!(sentence(&[]), "No network, no files, no import.");
        assert!(sentence(&two).contains(" has zod 4.1.12, local, and nothing else."), "{}", sentence(&two));
        assert!(comment(&two).ends_with("//   \"zod\" 4.1.12\n//   \"local\"\n\n"), "{}", comment(&two));
        assert_eq!(comment(&[]), "");
    }

    #[test]
    fn a_long_list_leaves_room_for_tools() {
        let many: Vec<Library> =
            (0..200).map(|number| library(&format!("package-{number}"), Some("1.0.0"))).collect();
        let text = sentence(&many);
        assert!(text.len() < MAX_DESCRIPTION_BYTES + 100, "{}", text.len());
        assert!(text.contains("package-0 1.0.0, ") && text.contains(" more, and nothing else."), "{text}");
    }
}
