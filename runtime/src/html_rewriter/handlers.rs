//! The handlers of `lol_html` in both passes: the first notes tokens, the second applies changes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use lol_html::HandlerResult;
use lol_html::html_content::{Comment, ContentType, Doctype, DocumentEnd, Element, EndTag, TextChunk};

use super::token::{Edit, Place, PlaceKind, Token, TokenKind};

/// The state that the handlers of a pass share.
#[derive(Default)]
pub(super) struct Shared {
    /// The tokens of the piece, in the first pass.
    pub found: Vec<Token>,
    /// The number of elements so far.
    elements: usize,
    /// The changes, in the second pass. A token's are taken by its first handler.
    pub edits: HashMap<Place, Vec<Edit>>,
    pub output: Vec<u8>,
}

pub(super) type SharedState = Rc<RefCell<Shared>>;

/// A handler of one of the passes.
#[derive(Clone)]
pub(super) struct Handler {
    pub state: SharedState,
    pub number: usize,
    pub edits: bool,
}

impl Handler {
    /// Notes a token in the first pass. Returns its changes in the second.
    fn meet(&self, place: Place, kind: impl FnOnce(&mut Shared) -> TokenKind) -> Vec<Edit> {
        let mut state = self.state.borrow_mut();
        if self.edits {
            return state.edits.remove(&place).unwrap_or_default();
        }
        match state.found.last_mut() {
            Some(last) if last.place == place => last.by.push(self.number),
            _ => {
                let kind = kind(&mut state);
                state.found.push(Token { by: vec![self.number], kind, place });
            }
        }
        Vec::new()
    }

    pub fn element(&self, element: &mut Element<'_, '_>) -> HandlerResult {
        let bytes = element.source_location().bytes();
        let place = (PlaceKind::Element, bytes.start, bytes.end);
        let has_content = element.can_have_content();
        let before = self.state.borrow().elements;
        let edits = self.meet(place, |state| {
            state.elements += 1;
            let attributes = element.attributes().iter().map(|each| (each.name(), each.value()));
            TokenKind::Element {
                number: before,
                name: element.tag_name(),
                namespace: element.namespace_uri(),
                attributes: attributes.collect(),
                has_content,
            }
        });
        let is_new = self.state.borrow().elements > before;
        let watches = edits.iter().any(|edit| matches!(edit, Edit::WatchEnd));
        if has_content && (is_new || watches) {
            // In the second pass the number is not used: the place is enough.
            let handler = Self { number: before, ..self.clone() };
            element.on_end_tag(Box::new(move |end: &mut EndTag<'_>| handler.end_tag(end)))?;
        }
        edits.into_iter().try_for_each(|edit| edit_element(element, edit))
    }

    fn end_tag(&self, end: &mut EndTag<'_>) -> HandlerResult {
        let bytes = end.source_location().bytes();
        let place = (PlaceKind::EndTag, bytes.start, bytes.end);
        for edit in self.meet(place, |_| TokenKind::EndTag { name: end.name() }) {
            match edit {
                Edit::Before { text, html } => end.before(&text, content_type(html)),
                Edit::After { text, html } => end.after(&text, content_type(html)),
                Edit::Remove => end.remove(),
                Edit::Name { text } => end.set_name_str(text),
                _ => {}
            }
        }
        Ok(())
    }

    pub fn comment(&self, comment: &mut Comment<'_>) -> HandlerResult {
        let bytes = comment.source_location().bytes();
        let place = (PlaceKind::Comment, bytes.start, bytes.end);
        for edit in self.meet(place, |_| TokenKind::Comment { text: comment.text() }) {
            match edit {
                Edit::Before { text, html } => comment.before(&text, content_type(html)),
                Edit::After { text, html } => comment.after(&text, content_type(html)),
                Edit::Replace { text, html } => comment.replace(&text, content_type(html)),
                Edit::Remove => comment.remove(),
                Edit::Name { text } => comment.set_text(&text)?,
                _ => {}
            }
        }
        Ok(())
    }

    pub fn text(&self, chunk: &mut TextChunk<'_>) -> HandlerResult {
        let bytes = chunk.source_location().bytes();
        let last = chunk.last_in_text_node();
        let kind = if last { PlaceKind::LastText } else { PlaceKind::Text };
        let text = |_: &mut Shared| TokenKind::Text { text: chunk.as_str().to_owned(), last };
        for edit in self.meet((kind, bytes.start, bytes.end), text) {
            match edit {
                Edit::Before { text, html } => chunk.before(&text, content_type(html)),
                Edit::After { text, html } => chunk.after(&text, content_type(html)),
                Edit::Replace { text, html } => chunk.replace(&text, content_type(html)),
                Edit::Remove => chunk.remove(),
                _ => {}
            }
        }
        Ok(())
    }

    pub fn doctype(&self, doctype: &mut Doctype<'_>) -> HandlerResult {
        let bytes = doctype.source_location().bytes();
        let kind = |_: &mut Shared| TokenKind::Doctype {
            name: doctype.name(),
            public_id: doctype.public_id(),
            system_id: doctype.system_id(),
        };
        self.meet((PlaceKind::Doctype, bytes.start, bytes.end), kind);
        Ok(())
    }

    pub fn end(&self, end: &mut DocumentEnd<'_>) -> HandlerResult {
        for edit in self.meet((PlaceKind::End, 0, 0), |_| TokenKind::End) {
            if let Edit::Append { text, html } = edit {
                end.append(&text, content_type(html));
            }
        }
        Ok(())
    }
}

fn edit_element(element: &mut Element<'_, '_>, edit: Edit) -> HandlerResult {
    match edit {
        Edit::Before { text, html } => element.before(&text, content_type(html)),
        Edit::After { text, html } => element.after(&text, content_type(html)),
        Edit::Prepend { text, html } => element.prepend(&text, content_type(html)),
        Edit::Append { text, html } => element.append(&text, content_type(html)),
        Edit::Inner { text, html } => element.set_inner_content(&text, content_type(html)),
        Edit::Replace { text, html } => element.replace(&text, content_type(html)),
        Edit::Remove => element.remove(),
        Edit::Unwrap => element.remove_and_keep_content(),
        Edit::Name { text } => element.set_tag_name(&text)?,
        Edit::Set { name, text } => element.set_attribute(&name, &text)?,
        Edit::Unset { name } => element.remove_attribute(&name),
        Edit::WatchEnd => {}
    }
    Ok(())
}

fn content_type(html: bool) -> ContentType {
    if html { ContentType::Html } else { ContentType::Text }
}
