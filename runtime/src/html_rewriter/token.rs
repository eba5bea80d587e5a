//! Tokens of HTML that a script's handlers want, and the changes that they make.

use serde::{Deserialize, Serialize};

/// A token of the input that has handlers.
#[derive(Debug, Serialize)]
pub(crate) struct Token {
    /// The numbers of the handlers that want it; of an end tag, those of its elements.
    pub(super) by: Vec<usize>,
    #[serde(flatten)]
    pub(super) kind: TokenKind,
    #[serde(skip)]
    pub(super) place: Place,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub(super) enum TokenKind {
    #[serde(rename_all = "camelCase")]
    Element {
        /// The number of the element in the document, which its end tag names.
        number: usize,
        name: String,
        namespace: &'static str,
        attributes: Vec<(String, String)>,
        /// `false` if it has no end tag.
        has_content: bool,
    },
    EndTag {
        name: String,
    },
    Comment {
        text: String,
    },
    Text {
        text: String,
        /// `true` for the last chunk of a text node.
        last: bool,
    },
    #[serde(rename_all = "camelCase")]
    Doctype {
        name: Option<String>,
        public_id: Option<String>,
        system_id: Option<String>,
    },
    End,
}

/// The place of a token: its kind, and the bytes of the document. Two tokens of a kind never have
/// the same one, but for an empty last chunk of a text.
pub(super) type Place = (PlaceKind, usize, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PlaceKind {
    Element,
    EndTag,
    Comment,
    Text,
    LastText,
    Doctype,
    End,
}

/// A change of a token.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
pub(crate) enum Edit {
    /// Inserts before the token; of an element, before its start tag.
    Before { text: String, html: bool },
    /// Inserts after the token; of an element, after its end tag.
    After { text: String, html: bool },
    /// Inserts after the start tag.
    Prepend { text: String, html: bool },
    /// Inserts before the end tag; at the end of the document, of the document.
    Append { text: String, html: bool },
    /// Replaces what an element contains.
    Inner { text: String, html: bool },
    /// Replaces the token, and of an element what it contains.
    Replace { text: String, html: bool },
    /// Removes the token, and of an element what it contains.
    Remove,
    /// Removes the tags of an element.
    Unwrap,
    /// Sets the name of a tag, or the text of a comment.
    Name { text: String },
    /// Sets an attribute.
    Set { name: String, text: String },
    /// Removes an attribute.
    Unset { name: String },
    /// Has the end tag of this element found.
    WatchEnd,
}
