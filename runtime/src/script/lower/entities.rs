//! The enums and namespaces of a text: the declarations of each, and its exports.

use std::collections::{HashMap, HashSet};

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::Scoping;
use oxc_span::GetSpan;
use oxc_syntax::operator::{BinaryOperator, UnaryOperator};
use oxc_syntax::scope::ScopeId;
use oxc_syntax::symbol::{SymbolFlags, SymbolId};

use super::super::diagnostic::Diagnostic;
use super::super::erase::statements::vanishes;
use super::super::{parse, stack_left};
use super::RESERVE;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct EntityId(usize);

/// The value of an expression as far as it is known before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    String,
    /// The expression is not constant.
    Computed,
}

/// The depth of constant expressions that are evaluated.
const MAX_CONSTANT: usize = 64;

/// One enum or namespace, of one or more declarations.
#[derive(Default)]
struct Entity<'a> {
    /// The exports, which every declaration sees by their bare names. For members of enums, their
    /// values.
    exports: HashMap<&'a str, Option<Kind>>,
    children: HashMap<&'a str, EntityId>,
}

#[derive(Default)]
pub(super) struct Entities<'a> {
    all: Vec<Entity<'a>>,
    by_symbol: HashMap<SymbolId, EntityId>,
    /// The bodies of enums and namespaces.
    bodies: HashMap<ScopeId, EntityId>,
    /// The innermost body around each scope.
    owners: Vec<Option<ScopeId>>,
    /// The variables that become properties of their namespace.
    moved: HashSet<SymbolId>,
    /// The names declared in each body that are names of enums and namespaces too.
    shadowed: HashSet<(ScopeId, String)>,
    /// The constants: `const` without a type and with a constant value.
    constants: HashMap<SymbolId, Kind>,
}

impl<'a> Entities<'a> {
    pub fn collect(program: &Program<'a>, scoping: &Scoping) -> Result<Self, Diagnostic> {
        let mut collector = Collector {
            entities: Self::default(),
            scoping,
            frames: Vec::new(),
            names: HashSet::new(),
            diagnostic: None,
        };
        collector.visit_program(program);
        let Collector { mut entities, names, diagnostic, .. } = collector;
        if let Some(diagnostic) = diagnostic {
            return Err(diagnostic);
        }
        // A scope comes before the scopes in it.
        for scope in scoping.scope_descendants_from_root() {
            let outer = scoping
                .scope_parent_id(scope)
                .and_then(|parent| entities.owners.get(parent.index()).copied().flatten());
            let owner = if entities.bodies.contains_key(&scope) { Some(scope) } else { outer };
            if entities.owners.len() <= scope.index() {
                entities.owners.resize(scope.index() + 1, None);
            }
            entities.owners[scope.index()] = owner;
        }
        for symbol in scoping.symbol_ids() {
            let name = scoping.symbol_name(symbol);
            if !names.contains(name) {
                continue;
            }
            let mut scope = entities.owner(scoping.symbol_scope_id(symbol));
            let mut bound = super::MAX_FRAMES;
            while let Some(body) = scope.filter(|_| bound > 0) {
                entities.shadowed.insert((body, name.to_owned()));
                scope = scoping.scope_parent_id(body).and_then(|outer| entities.owner(outer));
                bound -= 1;
            }
        }
        Ok(entities)
    }

    /// Returns the innermost body around a scope.
    pub fn owner(&self, scope: ScopeId) -> Option<ScopeId> {
        self.owners.get(scope.index()).copied().flatten()
    }

    pub fn of_body(&self, scope: Option<ScopeId>) -> Option<EntityId> {
        self.bodies.get(&scope?).copied()
    }

    /// Returns `true` if a name is declared anywhere in a body.
    pub fn is_shadowed(&self, body: ScopeId, name: &str) -> bool {
        self.shadowed.contains(&(body, name.to_owned()))
    }

    /// Returns `true` if a symbol of a body exists only as a property of its object.
    pub fn is_moved(&self, scoping: &Scoping, symbol: SymbolId, body: ScopeId) -> bool {
        scoping.symbol_scope_id(symbol) == body
            && (self.moved.contains(&symbol)
                || scoping.symbol_flags(symbol).contains(SymbolFlags::EnumMember))
    }

    pub fn exports(&self, entity: EntityId, name: &str) -> bool {
        self.all[entity.0].exports.contains_key(name)
    }

    pub fn member(&self, entity: EntityId, name: &str) -> Kind {
        self.all[entity.0].exports.get(name).copied().flatten().unwrap_or(Kind::Computed)
    }
}

/// Returns the name of a member of an enum, or `None` for a template with expressions.
pub(super) fn member_name<'a>(member: &TSEnumMember<'a>) -> Option<&'a str> {
    match &member.id {
        TSEnumMemberName::Identifier(id) => Some(id.name.as_str()),
        TSEnumMemberName::String(text) | TSEnumMemberName::ComputedString(text) => Some(text.value.as_str()),
        TSEnumMemberName::ComputedTemplateString(text) => text.single_quasi().map(|text| text.as_str()),
    }
}

struct Collector<'s, 'a> {
    entities: Entities<'a>,
    scoping: &'s Scoping,
    frames: Vec<EntityId>,
    /// The names of enums and namespaces.
    names: HashSet<&'a str>,
    diagnostic: Option<Diagnostic>,
}

impl<'a> Collector<'_, 'a> {
    /// Returns the entity of a declaration.
    fn entity(&mut self, id: &BindingIdentifier<'a>, exported: bool) -> Option<EntityId> {
        let symbol = id.symbol_id.get()?;
        let name = id.name.as_str();
        self.names.insert(name);
        let new = EntityId(self.entities.all.len());
        let entity = match self.frames.last().filter(|_| exported) {
            Some(parent) => *self.entities.all[parent.0].children.entry(name).or_insert(new),
            None => *self.entities.by_symbol.entry(symbol).or_insert(new),
        };
        self.entities.by_symbol.insert(symbol, entity);
        if entity == new {
            self.entities.all.push(Entity::default());
        }
        Some(entity)
    }

    fn export(&mut self, name: &'a str) {
        if let Some(frame) = self.frames.last() {
            self.entities.all[frame.0].exports.entry(name).or_insert(None);
        }
    }

    fn enumeration(&mut self, it: &TSEnumDeclaration<'a>, exported: bool) {
        let (Some(entity), Some(scope)) = (self.entity(&it.id, exported), it.body.scope_id.get()) else {
            return;
        };
        self.entities.bodies.insert(scope, entity);
        self.frames.push(entity);
        let mut before = Kind::Number;
        for member in &it.body.members {
            if let Some(initializer) = &member.initializer {
                before = self.kind(initializer, 0);
                self.visit_expression(initializer);
            }
            if let Some(name) = member_name(member) {
                self.entities.all[entity.0].exports.insert(name, Some(before));
            }
        }
        self.frames.pop();
    }

    fn namespace(&mut self, it: &TSNamespaceDeclaration<'a>, exported: bool) {
        let (Some(entity), Some(scope)) = (self.entity(&it.id, exported), it.scope_id.get()) else { return };
        self.entities.bodies.insert(scope, entity);
        if self.frames.len() > super::MAX_FRAMES {
            return;
        }
        self.frames.push(entity);
        match &it.body {
            TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) => {
                self.export(inner.id.name.as_str());
                self.namespace(inner, true);
            }
            TSNamespaceDeclarationBody::TSModuleBlock(block) => self.visit_statements(&block.body),
        }
        self.frames.pop();
    }

    fn exported(&mut self, it: &Declaration<'a>) {
        match it {
            Declaration::VariableDeclaration(declaration) => {
                let names = declaration.declarations.iter().flat_map(|one| one.id.get_binding_identifiers());
                for id in names {
                    self.export(id.name.as_str());
                    self.entities.moved.extend(id.symbol_id.get());
                }
            }
            Declaration::FunctionDeclaration(function) => {
                if let Some(id) = &function.id {
                    self.export(id.name.as_str());
                }
            }
            Declaration::ClassDeclaration(class) => {
                if let Some(id) = &class.id {
                    self.export(id.name.as_str());
                }
            }
            Declaration::TSEnumDeclaration(it) => self.export(it.id.name.as_str()),
            Declaration::TSNamespaceDeclaration(it) => self.export(it.id.name.as_str()),
            Declaration::TSImportEqualsDeclaration(it) => {
                self.export(it.id.name.as_str());
                self.entities.moved.extend(it.id.symbol_id.get());
            }
            _ => {}
        }
    }

    /// Evaluates a constant expression as TypeScript does.
    fn kind(&self, it: &Expression<'a>, depth: usize) -> Kind {
        if depth > MAX_CONSTANT {
            return Kind::Computed;
        }
        match it {
            Expression::NumericLiteral(_) => Kind::Number,
            Expression::StringLiteral(_) => Kind::String,
            Expression::TemplateLiteral(it) => {
                let constant = it.expressions.iter().all(|part| self.kind(part, depth + 1) != Kind::Computed);
                if constant { Kind::String } else { Kind::Computed }
            }
            Expression::ParenthesizedExpression(it) => self.kind(&it.expression, depth + 1),
            Expression::UnaryExpression(it) => match (it.operator, self.kind(&it.argument, depth + 1)) {
                (
                    UnaryOperator::UnaryPlus | UnaryOperator::UnaryNegation | UnaryOperator::BitwiseNot,
                    Kind::Number,
                ) => Kind::Number,
                _ => Kind::Computed,
            },
            Expression::BinaryExpression(it) => {
                use BinaryOperator::*;
                let sides = (self.kind(&it.left, depth + 1), self.kind(&it.right, depth + 1));
                match (it.operator, sides) {
                    (_, (Kind::Computed, _) | (_, Kind::Computed)) => Kind::Computed,
                    (
                        Addition | Subtraction | Multiplication | Division | Remainder | Exponential
                        | ShiftLeft | ShiftRight | ShiftRightZeroFill | BitwiseAnd | BitwiseOR | BitwiseXOR,
                        (Kind::Number, Kind::Number),
                    ) => Kind::Number,
                    (Addition, _) => Kind::String,
                    _ => Kind::Computed,
                }
            }
            Expression::Identifier(id) => self.name(id),
            Expression::StaticMemberExpression(it) => self
                .object(&it.object, depth + 1)
                .map_or(Kind::Computed, |entity| self.entities.member(entity, it.property.name.as_str())),
            Expression::ComputedMemberExpression(it) => match &it.expression {
                Expression::StringLiteral(name) => self
                    .object(&it.object, depth + 1)
                    .map_or(Kind::Computed, |entity| self.entities.member(entity, name.value.as_str())),
                _ => Kind::Computed,
            },
            _ => Kind::Computed,
        }
    }

    fn name(&self, id: &IdentifierReference<'a>) -> Kind {
        let symbol = id.reference_id.get().and_then(|id| self.scoping.get_reference(id).symbol_id());
        if let Some(symbol) = symbol
            && let Some(kind) = self.entities.constants.get(&symbol)
        {
            return *kind;
        }
        for frame in self.frames.iter().rev() {
            if let Some(kind) = self.entities.all[frame.0].exports.get(id.name.as_str()) {
                return kind.unwrap_or(Kind::Computed);
            }
        }
        match id.name.as_str() {
            "Infinity" | "NaN" if symbol.is_none() => Kind::Number,
            _ => Kind::Computed,
        }
    }

    fn object(&self, it: &Expression<'a>, depth: usize) -> Option<EntityId> {
        match it {
            Expression::Identifier(id) => {
                let symbol = id.reference_id.get().and_then(|id| self.scoping.get_reference(id).symbol_id());
                let outer = || {
                    let mut frames = self.frames.iter().rev();
                    frames.find_map(|frame| self.entities.all[frame.0].children.get(id.name.as_str()))
                };
                symbol.and_then(|symbol| self.entities.by_symbol.get(&symbol)).or_else(outer).copied()
            }
            Expression::StaticMemberExpression(it) if depth < MAX_CONSTANT => {
                let object = self.object(&it.object, depth + 1)?;
                self.entities.all[object.0].children.get(it.property.name.as_str()).copied()
            }
            _ => None,
        }
    }
}

impl<'a> Visit<'a> for Collector<'_, 'a> {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        if vanishes(it) || !self.enough_stack(it.span().start) {
            return;
        }
        if let Statement::ExportDeclaration(export) = it {
            if !self.frames.is_empty() {
                self.exported(&export.declaration);
            }
            match &export.declaration {
                Declaration::TSEnumDeclaration(it) => self.enumeration(it, true),
                Declaration::TSNamespaceDeclaration(it) => self.namespace(it, true),
                _ => walk::walk_statement(self, it),
            }
        } else {
            walk::walk_statement(self, it);
        }
    }

    fn visit_expression(&mut self, it: &Expression<'a>) {
        if self.enough_stack(it.span().start) {
            walk::walk_expression(self, it);
        }
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        self.enumeration(it, false);
    }

    fn visit_ts_namespace_declaration(&mut self, it: &TSNamespaceDeclaration<'a>) {
        self.namespace(it, false);
    }

    fn visit_variable_declaration(&mut self, it: &VariableDeclaration<'a>) {
        for declarator in &it.declarations {
            if it.kind == VariableDeclarationKind::Const
                && declarator.type_annotation.is_none()
                && let (BindingPattern::BindingIdentifier(id), Some(init)) =
                    (&declarator.id, &declarator.init)
                && let Some(symbol) = id.symbol_id.get()
            {
                let kind = self.kind(init, 0);
                self.entities.constants.insert(symbol, kind);
            }
        }
        walk::walk_variable_declaration(self, it);
    }

    skip_types!('a);
}

impl Collector<'_, '_> {
    fn enough_stack(&mut self, at: u32) -> bool {
        let enough = stack_left(RESERVE);
        if !enough {
            self.diagnostic.get_or_insert_with(|| parse::too_deep(at));
        }
        enough
    }
}
