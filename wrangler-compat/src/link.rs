//! The links between modules, once all are read: the names of CommonJS modules, and the imports of
//! TypeScript that turn out to be types.

use std::collections::{HashMap, HashSet};

use crate::imports::Blank;
use crate::module_graph::Draft;
use crate::module_kind::ModuleKind;
use crate::modules::ProjectModule;
use crate::text_edits;

/// Finishes modules.
pub(crate) fn link(mut drafts: Vec<Draft>) -> Vec<ProjectModule> {
    let names = Names::collect(&drafts);
    let blanks: Vec<Vec<Blank>> = drafts.iter().map(|draft| types(draft, &names)).collect();
    let exports: Vec<Vec<String>> = (0..drafts.len()).map(|module| names.visible(&drafts, module)).collect();
    for ((draft, blanks), exports) in drafts.iter_mut().zip(blanks).zip(exports) {
        if !blanks.is_empty()
            && let Ok(mut text) = String::from_utf8(std::mem::take(&mut draft.module.content))
        {
            text_edits::blank(&mut text, &blanks);
            draft.module.content = text.into_bytes();
        }
        if draft.module.kind == ModuleKind::CommonJs {
            draft.module.exports = exports;
        }
    }
    drafts.into_iter().map(|draft| draft.module).collect()
}

/// Returns the ranges of a module that concern types only.
fn types(draft: &Draft, names: &Names) -> Vec<Blank> {
    let Some(scan) = &draft.scan else { return Vec::new() };
    let mut blanks = if draft.module.typescript { scan.types.clone() } else { Vec::new() };
    for (index, import) in scan.imports.iter().enumerate() {
        let Some(target) = draft.targets.get(index).and_then(Option::as_deref) else { continue };
        for (position, asked) in import.names.iter().enumerate() {
            let Some(blank) = asked.blank.filter(|_| names.lacks(target, &asked.name)) else { continue };
            blanks.push(blank);
            let local = scan.locals.iter().find(|(_, i, p)| (*i, *p) == (index, position));
            let exported =
                scan.local_exports.iter().filter(|(name, _)| Some(name) == local.map(|local| &local.0));
            blanks.extend(exported.map(|(_, blank)| *blank));
        }
    }
    blanks
}

/// The names of all modules.
struct Names {
    index: HashMap<String, usize>,
    /// The names that ECMAScript modules export, those of `export *` among them. `None` if a module
    /// behind `export *` can have any names.
    values: Vec<Option<HashSet<String>>>,
    /// The names that importers ask modules for.
    asked: Vec<Vec<String>>,
}

impl Names {
    fn collect(drafts: &[Draft]) -> Self {
        let index: HashMap<String, usize> =
            drafts.iter().enumerate().map(|(index, draft)| (draft.module.name.clone(), index)).collect();
        let mut names = Self { index, values: Vec::new(), asked: vec![Vec::new(); drafts.len()] };
        names.values = (0..drafts.len()).map(|module| names.values_of(drafts, module)).collect();
        let mut waiting: Vec<(usize, String)> = Vec::new();
        for draft in drafts {
            for (index, import) in draft.scan.iter().flat_map(|scan| scan.imports.iter().enumerate()) {
                if let Some(target) = names.target(draft, index) {
                    waiting.extend(import.names.iter().map(|asked| (target, asked.name.clone())));
                }
            }
        }
        let mut seen = HashSet::new();
        while let Some((module, name)) = waiting.pop() {
            if name == "default" || !seen.insert((module, name.clone())) {
                continue;
            }
            if let Some(draft) = drafts.get(module)
                && let Some(scan) = &draft.scan
                && draft.module.kind == ModuleKind::EsModule
                && !scan.exports.names.contains(&name)
            {
                waiting.extend(names.stars(draft).into_iter().map(|target| (target, name.clone())));
            }
            if let Some(asked) = names.asked.get_mut(module) {
                asked.push(name);
            }
        }
        names
    }

    fn target(&self, draft: &Draft, import: usize) -> Option<usize> {
        self.index.get(draft.targets.get(import)?.as_deref()?).copied()
    }

    /// Returns the modules whose names a module exports too.
    fn stars(&self, draft: &Draft) -> Vec<usize> {
        let Some(scan) = &draft.scan else { return Vec::new() };
        let of = |specifier: &String| {
            let wants_require = draft.module.kind == ModuleKind::CommonJs;
            let import = scan.imports.iter().position(|import| {
                import.specifier == *specifier && import.need.is_require() == wants_require
            });
            self.target(draft, import?)
        };
        scan.exports.stars.iter().filter_map(of).collect()
    }

    /// Returns the names that an ECMAScript module exports.
    fn values_of(&self, drafts: &[Draft], module: usize) -> Option<HashSet<String>> {
        let (mut values, mut seen, mut waiting) = (HashSet::new(), HashSet::new(), vec![module]);
        while let Some(module) = waiting.pop() {
            if !seen.insert(module) {
                continue;
            }
            let draft = drafts.get(module)?;
            let scan = draft.scan.as_ref().filter(|_| draft.module.kind == ModuleKind::EsModule)?;
            values.extend(scan.exports.names.iter().cloned());
            let stars = self.stars(draft);
            if stars.len() < scan.exports.stars.len() {
                return None;
            }
            waiting.extend(stars);
        }
        Some(values)
    }

    /// Returns `true` if a module certainly has no such name.
    fn lacks(&self, module: &str, name: &str) -> bool {
        let values = self.index.get(module).and_then(|index| self.values.get(*index));
        values.is_some_and(|values| values.as_ref().is_some_and(|values| !values.contains(name)))
    }

    /// Returns the names of a CommonJS module that importers see.
    fn visible(&self, drafts: &[Draft], module: usize) -> Vec<String> {
        let (mut visible, mut seen, mut waiting) = (Vec::new(), HashSet::new(), vec![module]);
        while let Some(module) = waiting.pop() {
            let Some(draft) = drafts.get(module).filter(|_| seen.insert(module)) else { continue };
            match draft.module.kind {
                ModuleKind::EsModule => {
                    visible.extend(self.values.get(module).cloned().flatten().into_iter().flatten())
                }
                ModuleKind::Json => visible.extend(draft.module.exports.iter().cloned()),
                _ => {
                    visible.extend(draft.scan.iter().flat_map(|scan| scan.exports.names.iter().cloned()));
                    visible.extend(self.asked.get(module).into_iter().flatten().cloned());
                    waiting.extend(self.stars(draft));
                }
            }
        }
        visible.sort();
        visible.dedup();
        visible.retain(|name| name != "default");
        visible
    }
}
