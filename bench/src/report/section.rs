//! A generated section of a document, between two comments with its name.

/// Returns the document with the text between the comments of the section replaced.
///
/// # Errors
/// Returns the reason if the document does not have both comments once, in order.
pub fn replace(document: &str, name: &str, text: &str) -> Result<String, String> {
    let (begin, end) = (comment("begin", name), comment("end", name));
    let once = |comment: &str| match document.matches(comment).count() {
        1 => Ok(document.find(comment).unwrap_or_default()),
        count => Err(format!("has the line `{comment}` {count} times; a generated section needs it once")),
    };
    let (from, to) = (once(&begin)? + begin.len(), once(&end)?);
    if to < from {
        return Err(format!("has `{end}` before `{begin}`"));
    }
    Ok(format!("{}\n{}\n{}", &document[..from], text.trim_end(), &document[to..]))
}

/// Returns the comment at one end of a section.
fn comment(end: &str, name: &str) -> String {
    format!("<!-- {end} isolet-bench report: {name} -->")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "# Title\n<!-- begin isolet-bench report: a -->\nold\n\nold\n\
                            <!-- end isolet-bench report: a -->\nafter\n\
                            <!-- begin isolet-bench report: ab --><!-- end isolet-bench report: ab -->\n";

    #[test]
    fn only_the_named_section_changes() {
        let replaced = replace(DOCUMENT, "a", "| new |\n").unwrap();
        let expected = DOCUMENT.replace("\nold\n\nold\n", "\n| new |\n");
        assert_eq!(replaced, expected);
        assert_eq!(replace(&replaced, "a", "| new |\n").unwrap(), expected);
        let other = replace(DOCUMENT, "ab", "x").unwrap();
        assert!(other.contains("report: ab -->\nx\n<!-- end isolet-bench report: ab"), "{other}");
    }

    #[test]
    fn a_document_without_the_section_stays_as_it_is() {
        let error = replace(DOCUMENT, "b", "x").unwrap_err();
        assert!(error.contains("`<!-- begin isolet-bench report: b -->` 0 times"), "{error}");
        let error = replace(&DOCUMENT.repeat(2), "a", "x").unwrap_err();
        assert!(error.contains("2 times"), "{error}");
        let turned = "<!-- end isolet-bench report: a --><!-- begin isolet-bench report: a -->";
        assert!(replace(turned, "a", "x").unwrap_err().contains("before"));
    }
}
