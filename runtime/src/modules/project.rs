//! The modules of a Worker by their names, and their imports.

use std::collections::HashMap;
use std::sync::Arc;

use crate::job::{Module, ModuleImport};

/// The modules of a Worker, by their names.
pub(super) struct Project {
    pub(super) modules: Arc<[Module]>,
    pub(super) index: HashMap<String, usize>,
    /// The imports of each module, by [`import_key`]: a module can have very many.
    imports: Vec<Vec<usize>>,
}

/// The order in which the imports of a module are searched.
fn import_key(import: &ModuleImport) -> (&str, bool, Option<&str>) {
    (&import.specifier, import.require, import.attribute.as_deref())
}

impl Project {
    pub(super) fn new(modules: &Arc<[Module]>) -> Self {
        let index = modules.iter().enumerate().map(|(index, module)| (module.name.clone(), index));
        let sorted = |module: &Module| {
            let mut order: Vec<usize> = (0..module.imports.len()).collect();
            order.sort_by_key(|import| import_key(&module.imports[*import]));
            order
        };
        Self {
            modules: modules.clone(),
            index: index.collect(),
            imports: modules.iter().map(sorted).collect(),
        }
    }

    /// Returns the import of a module by its specifier, its kind and its attribute.
    pub(super) fn import(&self, referrer: &str, key: (&str, bool, Option<&str>)) -> Option<&ModuleImport> {
        let index = *self.index.get(referrer)?;
        let (module, order) = (self.modules.get(index)?, self.imports.get(index)?);
        let at = order.binary_search_by_key(&key, |import| import_key(&module.imports[*import])).ok()?;
        module.imports.get(*order.get(at)?)
    }
}
