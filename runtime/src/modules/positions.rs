//! Positions in files, from those in modules that were rewritten.

use v8::PinScope;

use super::ModuleMap;

impl ModuleMap {
    /// Returns the position in the file of one in a module's text.
    pub(super) fn original(&self, name: &str, line: u32, column: u32) -> (u32, u32) {
        let positions = self.module(name).map(|module| &module.positions[..]).unwrap_or_default();
        positions.iter().fold((line, column), |(line, column), positions| positions.original(line, column))
    }
}

/// Returns the position in the file of one in the text of a module.
pub(crate) fn original_position(scope: &PinScope, name: &str, line: u32, column: u32) -> (u32, u32) {
    scope.get_slot::<ModuleMap>().map_or((line, column), |map| map.original(name, line, column))
}

/// Replaces the positions in a text with a stack trace by those in the files. Returns `None` if no
/// module was rewritten. Lines of modules that were not rewritten stay.
pub(crate) fn original_stack(scope: &PinScope, stack: &str) -> Option<String> {
    let map = scope.get_slot::<ModuleMap>()?;
    let rewritten = map.project.as_ref()?.modules.iter().any(|module| !module.positions.is_empty());
    if !rewritten {
        return None;
    }
    let original = |line: &str| {
        let (head, bracket) = match line.strip_suffix(')') {
            Some(head) => (head, ")"),
            None => (line, ""),
        };
        let mut parts = head.rsplitn(3, ':');
        let column = parts.next()?.parse().ok()?;
        let row = parts.next()?.parse().ok()?;
        let before = parts.next()?;
        let start = before.rfind('(').or_else(|| before.rfind(' '))? + 1;
        let name = before.get(start..)?;
        let (row, column) = map.original(name, row, column);
        Some(format!("{before}:{row}:{column}{bracket}"))
    };
    let is_frame = |line: &str| line.trim_start().starts_with("at ");
    let lines = stack.split('\n').map(|line| match is_frame(line).then(|| original(line)).flatten() {
        Some(line) => line,
        None => line.to_owned(),
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}
