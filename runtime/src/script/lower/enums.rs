//! Rewrites enums to functions that fill an object: `enum E { A, B = "b" }` → `var E; (function (E)
//! { E[E["A"] = 0] = "A"; E["B"] = "b"; })(E || (E = {}));`.

use oxc_ast::ast::*;
use oxc_ast_visit::Visit;
use oxc_span::GetSpan;
use oxc_syntax::symbol::SymbolFlags;

use super::super::diagnostic::Diagnostic;
use super::Lowerer;
use super::entities::{Kind, member_name};

impl<'a> Lowerer<'_, 'a> {
    /// Rewrites an enum. `start` is the offset of the declaration, including `export`; `parent` is
    /// the object of the namespace that exports it.
    pub(super) fn enumeration(&mut self, it: &TSEnumDeclaration<'a>, start: u32, parent: Option<&str>) {
        let name = it.id.name.as_str();
        let Some(entity) = self.entities.of_body(it.body.scope_id.get()) else { return };
        let Some(scope) = it.body.scope_id.get() else { return };
        let open = self.open(&it.id, start, it.body.span.start + 1, parent.is_some());
        let Some(inner) = self.enter(entity, scope, name, start) else { return };
        self.rewrite.insert(it.body.span.start, format!("{open}(function ({inner}) "));
        let mut before: Option<(&str, Kind)> = None;
        for member in &it.body.members {
            let Some(key) = member_name(member) else {
                self.report(
                    Diagnostic::new(member.span.start, "The name of an enum's member cannot be computed.")
                        .hint("Write it as a name or a string."),
                );
                break;
            };
            let literal = quoted(key);
            let kind = self.entities.member(entity, key);
            let (value, end) = match (&member.initializer, before) {
                (Some(initializer), _) => {
                    self.rewrite.blank(member.span.start, initializer.span().start);
                    (String::new(), initializer.span().end)
                }
                (None, None) => ("0".to_owned(), member.span.end),
                (None, Some((last, Kind::Number))) => {
                    (format!("{inner}[{}] + 1", quoted(last)), member.span.end)
                }
                (None, Some((last, _))) => {
                    self.report(
                        Diagnostic::new(
                            member.span.start,
                            format!("The enum's member `{key}` needs a value."),
                        )
                        .hint(format!("`{last}` before it is not a constant number: write `{key} = …`.")),
                    );
                    break;
                }
            };
            if member.initializer.is_none() {
                self.rewrite.blank(member.span.start, member.span.end);
            }
            let text = kind == Kind::String;
            let head = if text {
                format!("{inner}[{literal}] = {value}")
            } else {
                format!("{inner}[{inner}[{literal}] = {value}")
            };
            self.rewrite.insert(member.span.start, head);
            if let Some(initializer) = &member.initializer {
                self.visit_expression(initializer);
            }
            self.rewrite.insert(end, if text { ";".to_owned() } else { format!("] = {literal};") });
            let comma = self.next_token(member.span.end);
            if self.slice(comma, comma + 1) == "," {
                self.rewrite.blank(comma, comma + 1);
            }
            before = Some((key, kind));
        }
        self.frames.pop();
        self.close(name, it.span.end, parent);
    }

    /// Blanks a declaration up to its body. Returns the declaration of its variable, if it does not
    /// have one yet.
    pub(super) fn open(&mut self, id: &BindingIdentifier, start: u32, body: u32, inside: bool) -> String {
        let name = id.name.as_str();
        let Some(symbol) = id.symbol_id.get() else { return String::new() };
        let flags = self.scoping.symbol_flags(symbol);
        let has_variable = flags.intersects(SymbolFlags::Function | SymbolFlags::Class);
        let first = self.declared.insert(symbol) && !has_variable;
        let exported = !inside && self.slice(start, start + 6) == "export" && start != id.span.start;
        // The offset after `export`, if that stays.
        let from = if exported && first { start + 6 } else { start };
        self.rewrite.blank(from, body - 1);
        // `env` and `input` are parameters of the function around the script, which `var` would not
        // hide.
        let keyword = if self.top && !matches!(name, "env" | "input") { "var" } else { "let" };
        match (first, exported) {
            (false, _) => ";".to_owned(),
            (true, true) => format!(" {keyword} {name}; "),
            (true, false) => format!("{keyword} {name}; "),
        }
    }

    pub(super) fn close(&mut self, name: &str, end: u32, parent: Option<&str>) {
        let call = match parent {
            Some(parent) => format!(")({name} = {parent}.{name} || ({parent}.{name} = {{}}));"),
            None => format!(")({name} || ({name} = {{}}));"),
        };
        self.rewrite.insert(end, call);
    }
}

/// Returns a name as a string literal.
fn quoted(name: &str) -> String {
    // A string of JSON is a string literal of JavaScript.
    serde_json::to_string(name).unwrap_or_default()
}
