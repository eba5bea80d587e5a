//! Typed values of a configuration.

use super::read::FieldError;
use super::tree::{Entry, Node, NodeKind};

pub(super) fn choice<T: Copy>(field: &Entry, choices: &[(&str, T)]) -> Result<T, FieldError> {
    let text = string(field)?;
    choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let message = format!("\"{}\" must be one of {}", field.key, names.join(", "));
        FieldError::new(field.value.at, message)
    })
}

pub(super) fn boolean(field: &Entry) -> Result<bool, FieldError> {
    match field.value.kind {
        NodeKind::Boolean(boolean) => Ok(boolean),
        _ => Err(FieldError::new(field.value.at, format!("\"{}\" must be true or false", field.key))),
    }
}

pub(super) fn string(field: &Entry) -> Result<&str, FieldError> {
    let message = || FieldError::new(field.value.at, format!("\"{}\" must be a string", field.key));
    field.value.as_text().ok_or_else(message)
}

pub(super) fn text_of(node: &Node) -> Result<&str, FieldError> {
    node.as_text().ok_or_else(|| FieldError::new(node.at, "expected a string; put numbers in quotes too"))
}

pub(super) fn list<'t>(node: &'t Node, name: &str) -> Result<&'t [Node], FieldError> {
    let message = || FieldError::new(node.at, format!("expected a list of strings: \"{name}\": [\"…\"]"));
    node.as_list().ok_or_else(message)
}

pub(super) fn map<'t>(node: &'t Node, name: &str) -> Result<&'t [Entry], FieldError> {
    node.as_map().ok_or_else(|| FieldError::new(node.at, format!("\"{name}\" must be an object: {{…}}")))
}
