//! Rewrites HTML by CSS selectors (`HTMLRewriter`), through the crate `lol_html`, in two passes.
//!
//! The handlers of a script are asynchronous JavaScript, and `lol_html` calls its handlers in the
//! middle of parsing. So each piece of the input is parsed twice, by two rewriters with the same
//! selectors: the first finds [`Token`]s and changes nothing; then the script decides; the second
//! meets the same tokens, at the same places, and applies the [`Edit`]s.
//!
//! | module | contents |
//! |---|---|
//! | [`token`] | tokens, their places, and the changes of them |
//! | [`handlers`] | the handlers of a pass: they note tokens, or apply changes |

mod handlers;
#[cfg(test)]
mod tests;
mod token;

use std::borrow::Cow;

use lol_html::html_content::{Comment, Doctype, DocumentEnd, Element, TextChunk};
use lol_html::{
    AsciiCompatibleEncoding, DocumentContentHandlers, ElementContentHandlers, HtmlRewriter, MemorySettings,
    Selector, Settings,
};
use serde::Deserialize;

use self::handlers::{Handler, SharedState};
use self::token::Place;
pub(crate) use self::token::{Edit, Token};

/// The memory of one pass in bytes, as far as `lol_html` counts it: tags and attributes that span
/// pieces, and open elements.
const MAX_PASS_BYTES: usize = 2 << 20;

type Sink = Box<dyn FnMut(&[u8])>;
type Pass = HtmlRewriter<'static, Sink>;

/// The handlers that a script attaches to one selector, or to the document.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Handlers {
    /// The selector. `None` stands for the document.
    selector: Option<String>,
    element: bool,
    comments: bool,
    text: bool,
    doctype: bool,
    end: bool,
}

/// A document that is being rewritten.
pub(crate) struct Rewriter {
    finding: Option<Pass>,
    found: SharedState,
    editing: Option<Pass>,
    edited: SharedState,
    /// The piece between the passes. `None` stands for the end of the document.
    piece: Option<Vec<u8>>,
    /// The places of the tokens of that piece.
    places: Vec<Place>,
}

/// Returns an error about a selector in the words of the parser.
pub(crate) fn selector_error(selector: &str) -> Option<String> {
    selector.parse::<Selector>().err().map(|error| error.to_string())
}

impl Rewriter {
    /// Returns a rewriter of a document in the encoding with the label `encoding`.
    ///
    /// # Errors
    /// Returns why a selector or the encoding cannot be used.
    pub(crate) fn new(handlers: &[Handlers], encoding: &str) -> Result<Self, String> {
        let encoding = encoding_rs::Encoding::for_label_no_replacement(encoding.as_bytes())
            .and_then(AsciiCompatibleEncoding::new)
            .ok_or_else(|| format!("the encoding {encoding:?} is unknown, or does not contain ASCII"))?;
        let (found, edited) = (SharedState::default(), SharedState::default());
        let finding = pass(handlers, encoding, &found, false)?;
        let editing = pass(handlers, encoding, &edited, true)?;
        Ok(Self {
            finding: Some(finding),
            found,
            editing: Some(editing),
            edited,
            piece: None,
            places: Vec::new(),
        })
    }

    /// Parses a piece, or the end if there is none, and returns its tokens.
    ///
    /// # Errors
    /// Returns the parser's error. The rewriter cannot be used afterwards.
    pub(crate) fn find(&mut self, piece: Option<Vec<u8>>) -> Result<Vec<Token>, String> {
        step(&mut self.finding, piece.as_deref())?;
        self.piece = piece;
        let tokens = std::mem::take(&mut self.found.borrow_mut().found);
        self.places = tokens.iter().map(|token| token.place).collect();
        Ok(tokens)
    }

    /// Applies the changes to the piece that was parsed last, by the numbers of its tokens. Returns
    /// the number of bytes that are ready.
    ///
    /// # Errors
    /// Returns the parser's error. The rewriter cannot be used afterwards.
    pub(crate) fn apply(&mut self, edits: Vec<(usize, Vec<Edit>)>) -> Result<usize, String> {
        let places = std::mem::take(&mut self.places);
        let edits = edits.into_iter().filter_map(|(token, edits)| Some((*places.get(token)?, edits)));
        self.edited.borrow_mut().edits = edits.collect();
        let piece = self.piece.take();
        step(&mut self.editing, piece.as_deref())?;
        Ok(self.edited.borrow().output.len())
    }

    /// Returns the bytes that are ready.
    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.edited.borrow_mut().output)
    }
}

/// Gives a pass a piece, or the end. After an error the pass is gone, as `lol_html` demands.
fn step(pass: &mut Option<Pass>, piece: Option<&[u8]>) -> Result<(), String> {
    let Some(mut rewriter) = pass.take() else { return Err("the document has ended".to_owned()) };
    match piece {
        None => rewriter.end().map_err(|error| error.to_string()),
        Some(piece) => {
            rewriter.write(piece).map_err(|error| error.to_string())?;
            *pass = Some(rewriter);
            Ok(())
        }
    }
}

/// Makes the rewriter of one pass.
fn pass(
    handlers: &[Handlers],
    encoding: AsciiCompatibleEncoding,
    state: &SharedState,
    edits: bool,
) -> Result<Pass, String> {
    let mut settings = Settings::new()
        .with_encoding(encoding)
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(MAX_PASS_BYTES));
    for (number, by) in handlers.iter().enumerate() {
        let shared = || Handler { state: state.clone(), number, edits };
        match &by.selector {
            Some(selector) => {
                let selector = selector.parse::<Selector>().map_err(|error| error.to_string())?;
                let mut content = ElementContentHandlers::default();
                if by.element {
                    let handler = shared();
                    content = content.element(move |element: &mut Element<'_, '_>| handler.element(element));
                }
                if by.comments {
                    let handler = shared();
                    content = content.comments(move |comment: &mut Comment<'_>| handler.comment(comment));
                }
                if by.text {
                    let handler = shared();
                    content = content.text(move |chunk: &mut TextChunk<'_>| handler.text(chunk));
                }
                settings = settings.append_element_content_handler((Cow::Owned(selector), content));
            }
            None => {
                let mut content = DocumentContentHandlers::default();
                if by.doctype {
                    let handler = shared();
                    content = content.doctype(move |doctype: &mut Doctype<'_>| handler.doctype(doctype));
                }
                if by.comments {
                    let handler = shared();
                    content = content.comments(move |comment: &mut Comment<'_>| handler.comment(comment));
                }
                if by.text {
                    let handler = shared();
                    content = content.text(move |chunk: &mut TextChunk<'_>| handler.text(chunk));
                }
                if by.end {
                    let handler = shared();
                    content = content.end(move |end: &mut DocumentEnd<'_>| handler.end(end));
                }
                settings = settings.append_document_content_handler(content);
            }
        }
    }
    let output = state.clone();
    let sink: Sink = Box::new(move |bytes: &[u8]| {
        // The first pass changes nothing, so nobody wants its output.
        if edits {
            output.borrow_mut().output.extend_from_slice(bytes);
        }
    });
    Ok(HtmlRewriter::new(settings, sink))
}
