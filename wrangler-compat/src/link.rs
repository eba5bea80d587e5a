//! The links between modules, once all are read: the names of CommonJS modules, and the imports of
//! TypeScript that turn out to be types.

use std::collections::{HashMap, HashSet};

use crate::error::ProjectProblem;
use crate::imports::Blank;
use crate::module_kind::ModuleKind;
use crate::module_reader::Draft;
use crate::modules::ProjectModule;
use crate::text_edits;

/// The names that modules hand on to each other, all together. A chain of `export *` hands on each
/// name once for each of its modules.
const MAX_NAMES: usize = 1_000_000;

/// Finishes modules.
pub(crate) fn link(mut drafts: Vec<Draft>) -> Result<Vec<ProjectModule>, ProjectProblem> {
    let mut budget = Budget(MAX_NAMES);
    let names = Names::collect(&drafts, &mut budget)?;
    let blanks: Vec<Vec<Blank>> = drafts.iter().map(|draft| types(draft, &names)).collect();
    let visible = |module| names.visible(&drafts, module, &mut budget);
    let exports: Vec<Vec<String>> = (0..drafts.len()).map(visible).collect::<Result<_, _>>()?;
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
    Ok(drafts.into_iter().map(|draft| draft.module).collect())
}

/// The number of names that may still be handed on.
struct Budget(usize);

impl Budget {
    fn take(&mut self, names: usize) -> Result<(), ProjectProblem> {
        let left = self.0.checked_sub(names);
        self.0 = left.ok_or(ProjectProblem::TooManyNames { limit: MAX_NAMES })?;
        Ok(())
    }
}

/// Returns the ranges of a module that concern types only.
fn types(draft: &Draft, names: &Names) -> Vec<Blank> {
    let Some(scan) = &draft.scan else { return Vec::new() };
    let mut blanks = if draft.module.typescript { scan.types.clone() } else { Vec::new() };
    let locals: HashMap<(usize, usize), &str> =
        scan.locals.iter().map(|(name, import, position)| ((*import, *position), name.as_str())).collect();
    let mut exported: HashMap<&str, Vec<Blank>> = HashMap::new();
    for (name, blank) in &scan.local_exports {
        exported.entry(name).or_default().push(*blank);
    }
    for (index, import) in scan.imports.iter().enumerate() {
        let Some(target) = draft.targets.get(index).and_then(Option::as_deref) else { continue };
        for (position, asked) in import.names.iter().enumerate() {
            let Some(blank) = asked.blank.filter(|_| names.lacks(target, &asked.name)) else { continue };
            let Some(local) = locals.get(&(index, position)) else {
                blanks.push(blank);
                continue;
            };
            // Each is blanked once.
            let exports = exported.remove(local);
            // What is used as a value is missing. Only of what is exported again nothing tells
            // whether it is a type.
            if exports.is_some() || scan.has_unknown_uses {
                blanks.push(blank);
                blanks.extend(exports.into_iter().flatten());
            }
        }
    }
    blanks
}

/// The names of all modules.
struct Names {
    index: HashMap<String, usize>,
    /// The modules whose names each module exports too, and `true` if these are all.
    stars: Vec<(Vec<usize>, bool)>,
    /// The names that ECMAScript modules export, those of `export *` among them. `None` if a module
    /// behind `export *` can have any names.
    values: Vec<Option<HashSet<String>>>,
    /// The names that importers ask modules for.
    asked: Vec<Vec<String>>,
}

impl Names {
    fn collect(drafts: &[Draft], budget: &mut Budget) -> Result<Self, ProjectProblem> {
        let index: HashMap<String, usize> =
            drafts.iter().enumerate().map(|(index, draft)| (draft.module.name.clone(), index)).collect();
        let mut names = Self { index, stars: Vec::new(), values: Vec::new(), asked: Vec::new() };
        names.stars = drafts.iter().map(|draft| names.stars_of(draft)).collect();
        let values = (0..drafts.len()).map(|module| names.values_of(drafts, module, budget));
        names.values = values.collect::<Result<_, _>>()?;
        // Names that are asked for matter to modules whose text does not tell all names.
        let is_open = |module: &usize| names.values.get(*module).is_some_and(Option::is_none);
        let mut waiting: Vec<(usize, String)> = Vec::new();
        for draft in drafts {
            for (index, import) in draft.scan.iter().flat_map(|scan| scan.imports.iter().enumerate()) {
                if let Some(target) = names.target(draft, index).filter(is_open) {
                    waiting.extend(import.names.iter().map(|asked| (target, asked.name.clone())));
                }
            }
        }
        let (mut seen, mut asked) = (HashSet::new(), vec![Vec::new(); drafts.len()]);
        while let Some((module, name)) = waiting.pop() {
            if name == "default" || !seen.insert((module, name.clone())) {
                continue;
            }
            if let Some(draft) = drafts.get(module)
                && let Some(scan) = &draft.scan
                && draft.module.kind == ModuleKind::EsModule
                && !scan.exports.names.has(&name)
            {
                let stars = names.stars(module);
                budget.take(stars.len())?;
                let open = stars.iter().copied().filter(is_open);
                waiting.extend(open.map(|target| (target, name.clone())));
            }
            if let Some(asked) = asked.get_mut(module) {
                asked.push(name);
            }
        }
        names.asked = asked;
        Ok(names)
    }

    fn target(&self, draft: &Draft, import: usize) -> Option<usize> {
        self.index.get(draft.targets.get(import)?.as_deref()?).copied()
    }

    /// Returns the known modules whose names a module exports too.
    fn stars(&self, module: usize) -> &[usize] {
        self.stars.get(module).map(|(known, _)| &known[..]).unwrap_or_default()
    }

    /// Finds the modules whose names a module exports too, and tells whether these are all.
    fn stars_of(&self, draft: &Draft) -> (Vec<usize>, bool) {
        let Some(scan) = draft.scan.as_ref().filter(|scan| !scan.exports.stars.is_empty()) else {
            return (Vec::new(), true);
        };
        let wants_require = draft.module.kind == ModuleKind::CommonJs;
        let mut imports: HashMap<&str, usize> = HashMap::new();
        for (index, import) in scan.imports.iter().enumerate() {
            if import.need.is_require() == wants_require {
                imports.entry(&import.specifier).or_insert(index);
            }
        }
        let of = |specifier: &String| self.target(draft, *imports.get(specifier.as_str())?);
        let known: Vec<usize> = scan.exports.stars.iter().filter_map(of).collect();
        let is_whole = known.len() == scan.exports.stars.len();
        (known, is_whole)
    }

    /// Returns the names that an ECMAScript module exports.
    fn values_of(
        &self,
        drafts: &[Draft],
        module: usize,
        budget: &mut Budget,
    ) -> Result<Option<HashSet<String>>, ProjectProblem> {
        let (mut values, mut seen, mut waiting) = (HashSet::new(), HashSet::new(), vec![module]);
        while let Some(next) = waiting.pop() {
            if !seen.insert(next) {
                continue;
            }
            let Some(draft) = drafts.get(next) else { return Ok(None) };
            let of_module = draft.scan.as_ref().filter(|_| draft.module.kind == ModuleKind::EsModule);
            let (Some(scan), Some((stars, true))) = (of_module, self.stars.get(next)) else {
                return Ok(None);
            };
            if next != module {
                budget.take(1 + scan.exports.names.len())?;
            }
            values.extend(scan.exports.names.iter().cloned());
            waiting.extend(stars);
        }
        Ok(Some(values))
    }

    /// Returns `true` if a module certainly has no such name.
    fn lacks(&self, module: &str, name: &str) -> bool {
        let values = self.index.get(module).and_then(|index| self.values.get(*index));
        values.is_some_and(|values| values.as_ref().is_some_and(|values| !values.contains(name)))
    }

    /// Returns the names of a CommonJS module that importers see.
    fn visible(
        &self,
        drafts: &[Draft],
        module: usize,
        budget: &mut Budget,
    ) -> Result<Vec<String>, ProjectProblem> {
        if drafts.get(module).is_none_or(|draft| draft.module.kind != ModuleKind::CommonJs) {
            return Ok(Vec::new());
        }
        let (mut visible, mut seen, mut waiting) = (Vec::new(), HashSet::new(), vec![module]);
        while let Some(next) = waiting.pop() {
            let Some(draft) = drafts.get(next).filter(|_| seen.insert(next)) else { continue };
            let before = visible.len();
            match draft.module.kind {
                ModuleKind::EsModule => {
                    visible.extend(self.values.get(next).into_iter().flatten().flatten().cloned());
                }
                ModuleKind::Json => visible.extend(draft.module.exports.iter().cloned()),
                _ => {
                    visible.extend(draft.scan.iter().flat_map(|scan| scan.exports.names.iter().cloned()));
                    visible.extend(self.asked.get(next).into_iter().flatten().cloned());
                    waiting.extend(self.stars(next));
                }
            }
            if next != module {
                budget.take(1 + visible.len() - before)?;
            }
        }
        visible.sort();
        visible.dedup();
        visible.retain(|name| name != "default");
        Ok(visible)
    }
}
