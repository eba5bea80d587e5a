//! Modules of a project as modules of a Worker.

use isolet_runtime::{
    Module, ModuleImport, ModuleKind, RunError, SourcePosition, SourcePositions, compile_typescript,
};
use isolet_wrangler_compat as project;

/// Makes a module of a Worker of one of a project.
///
/// # Errors
/// The module is TypeScript that is not valid.
pub fn runtime_module(module: project::ProjectModule) -> Result<Module, RunError> {
    let imports = module.imports.into_iter().map(|import| ModuleImport {
        specifier: import.specifier,
        attribute: import.attribute,
        require: import.require,
        target: import.target,
    });
    let positions = module
        .positions
        .into_iter()
        .map(|marks| SourcePositions { marks: marks.marks.into_iter().map(position).collect() });
    let mut made = Module {
        name: module.name,
        kind: kind(module.kind),
        content: module.content,
        exports: module.exports,
        whole_default: module.whole_default,
        imports: imports.collect(),
        positions: positions.collect(),
    };
    if module.typescript {
        compile_typescript(&mut made)?;
    }
    Ok(made)
}

fn position(mark: project::SourceMark) -> SourcePosition {
    SourcePosition {
        line: mark.line,
        column: mark.column,
        source_line: mark.source_line,
        source_column: mark.source_column,
        fixed: mark.fixed,
    }
}

fn kind(kind: project::ModuleKind) -> ModuleKind {
    match kind {
        project::ModuleKind::EsModule => ModuleKind::EsModule,
        project::ModuleKind::CommonJs => ModuleKind::CommonJs,
        project::ModuleKind::Json => ModuleKind::Json,
        project::ModuleKind::Text => ModuleKind::Text,
        project::ModuleKind::Data => ModuleKind::Data,
        project::ModuleKind::CompiledWasm => ModuleKind::CompiledWasm,
    }
}
