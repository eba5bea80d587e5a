//! Bindings of other Workers: `services` and `worker_loaders`.

use serde_json::Value;

use super::{ConfigReader, Field, ProjectService};
use crate::config_tree::{ConfigNode, NodeData};
use crate::error::{ProjectError, ProjectProblem, shortened};
use crate::keys;

/// The bytes of an error about a value, which quotes it.
const MAX_MESSAGE_BYTES: usize = 1024;

/// The bytes of `props`, as JSON text.
const MAX_PROPS_BYTES: usize = 64 * 1024;

/// The keys of a service.
const SERVICE_KEYS: [&str; 5] = ["binding", "service", "environment", "entrypoint", "props"];

/// Returns `true` for a name that JavaScript reads as a property of `env`.
pub(super) fn is_binding_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$');
    name.chars().all(is_letter)
        && name.starts_with(|letter: char| !letter.is_ascii_digit())
        && name != "__proto__"
}

impl ConfigReader<'_> {
    /// Reads `services`. `environment` is about deployments to Cloudflare, and has no effect, as in
    /// `wrangler dev`.
    pub(super) fn services(&mut self, field: &Field<'_>) -> Result<Vec<ProjectService>, ProjectError> {
        let mut services: Vec<ProjectService> = Vec::new();
        for (node, path) in self.objects(field)? {
            for entry in node.entries().unwrap_or_default() {
                let path = format!("{path}.{}", entry.key);
                match entry.key.as_str() {
                    "remote" if matches!(entry.value.data, NodeData::Bool(true)) => {
                        self.warn_of_key(entry, &path, "the Worker of this isolet is called");
                    }
                    "remote" => {}
                    key if SERVICE_KEYS.contains(&key) => {}
                    _ => self.warn_of_key(entry, &path, keys::UNKNOWN_KEY),
                }
            }
            let part = |name: &str| Field { node: node.get(name), path: format!("{path}.{name}") };
            let binding = self.binding_name(node, &part("binding"))?;
            if services.iter().any(|other| other.binding == binding) {
                return Err(self.binding_error(
                    node,
                    &path,
                    format!("has the name of another one: {binding}"),
                ));
            }
            self.string(&part("environment"))?;
            let service = self.text(&part("service"))?.filter(|name| !name.is_empty());
            let service = service.ok_or_else(|| {
                let message = "is missing: the name of the Worker that is called".to_owned();
                self.binding_error(node, &part("service").path, message)
            })?;
            services.push(ProjectService {
                binding,
                service,
                entrypoint: self.text(&part("entrypoint"))?,
                props: self.props(&part("props"))?,
                location: self.location(node),
            });
        }
        Ok(services)
    }

    /// Reads `worker_loaders`. Returns the names of the bindings.
    pub(super) fn loaders(&mut self, field: &Field<'_>) -> Result<Vec<String>, ProjectError> {
        let mut names: Vec<String> = Vec::new();
        for (node, path) in self.objects(field)? {
            for entry in node.entries().unwrap_or_default().iter().filter(|entry| entry.key != "binding") {
                self.warn_of_key(entry, &format!("{path}.{}", entry.key), keys::UNKNOWN_KEY);
            }
            let part = Field { node: node.get("binding"), path: format!("{path}.binding") };
            let name = self.binding_name(node, &part)?;
            if names.contains(&name) {
                return Err(self.binding_error(node, &path, format!("has the name of another one: {name}")));
            }
            names.push(name);
        }
        Ok(names)
    }

    /// Reads `props`, an object.
    fn props(&self, field: &Field<'_>) -> Result<Option<Value>, ProjectError> {
        let Some(node) = field.node else { return Ok(None) };
        let props = self.object(field)?;
        let props = Value::Object(props);
        match props.to_string().len() > MAX_PROPS_BYTES {
            true => {
                let message = format!("has more than {MAX_PROPS_BYTES} bytes");
                Err(self.binding_error(node, &field.path, message))
            }
            false => Ok(Some(props)),
        }
    }

    /// Returns the objects of an array, with their paths.
    fn objects<'n>(&self, field: &Field<'n>) -> Result<Vec<(&'n ConfigNode, String)>, ProjectError> {
        let Some(node) = field.node else { return Ok(Vec::new()) };
        let wrong_type = || self.wrong_type(node, &field.path, "an array of objects");
        let NodeData::Array(items) = &node.data else { return Err(wrong_type()) };
        self.check_entries(node, &field.path, items.len())?;
        if items.iter().any(|item| item.entries().is_none()) {
            return Err(wrong_type());
        }
        Ok(items.iter().enumerate().map(|(index, item)| (item, format!("{}[{index}]", field.path))).collect())
    }

    /// Reads the name of a binding, which must be there.
    fn binding_name(&self, node: &ConfigNode, field: &Field<'_>) -> Result<String, ProjectError> {
        let name = self.text(field)?.unwrap_or_default();
        if is_binding_name(&name) {
            return Ok(name);
        }
        let message = format!("must be the name in `env`, such as API, but is {name:?}");
        Err(self.binding_error(field.node.unwrap_or(node), &field.path, message))
    }

    fn binding_error(&self, node: &ConfigNode, field: &str, message: String) -> ProjectError {
        let message = shortened(message, MAX_MESSAGE_BYTES);
        ProjectError::new(self.location(node), ProjectProblem::Binding { field: field.to_owned(), message })
    }
}
