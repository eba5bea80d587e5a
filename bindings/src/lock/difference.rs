//! The differences between the approved definitions and those that a server lists now.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::definitions::{PromptsAndResources, each};
use super::diff;
use super::digest;
use super::entry::{Approved, DefinitionKind, Members};
use super::file::{ApprovedAbout, LockFile, ServerTexts};
use super::subject::{Subject, shown};
use crate::upstream::tool_lists::ServerTools;

/// A difference from what was approved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The file does not have this server.
    NewServer(String),
    /// The server's description of itself has changed.
    About(String),
    /// The file does not have this definition.
    New(Subject),
    /// These fields of the definition have changed.
    Changed(Subject, Vec<String>),
    /// The server does not list this definition any more.
    Gone(Subject),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewServer(server) => write!(f, "+ {}: the server is not in the lock file", shown(server)),
            Self::About(server) => {
                write!(f, "~ {}: what the server says of itself has changed", shown(server))
            }
            Self::New(subject) => write!(f, "+ {subject}: new"),
            Self::Changed(subject, fields) => write!(f, "~ {subject}: {} changed", fields.join(", ")),
            Self::Gone(subject) => write!(f, "- {subject}: gone"),
        }
    }
}

impl LockFile {
    /// Compares what `server` lists with the approved definitions: its tools, and `offered` if that
    /// is given. The differences are sorted by name.
    pub fn differences(
        &self,
        server: &ServerTools,
        offered: Option<&PromptsAndResources>,
    ) -> Vec<Difference> {
        let Some(tools) = &server.tools else { return Vec::new() };
        let approved = self.servers.get(&server.name);
        let mut all = Vec::new();
        if approved.is_none() {
            all.push(Difference::NewServer(server.name.clone()));
        } else if !self.has_approved_about(server) {
            all.push(Difference::About(server.name.clone()));
        }
        for (kind, items) in each(tools, offered) {
            let known = approved.and_then(|approved| approved.approved.get(&kind));
            let mut gone: BTreeMap<&str, ()> =
                known.into_iter().flatten().map(|(name, _)| (name.as_str(), ())).collect();
            for item in items {
                let Some(name) = kind.name(&item) else { continue };
                gone.remove(name);
                all.extend(self.difference(&server.name, kind, &item));
            }
            let gone = gone.into_keys().map(|name| subject(&server.name, kind, name));
            all.extend(gone.map(Difference::Gone));
        }
        all.sort();
        all
    }

    /// Returns the difference of one definition, if there is one.
    pub fn difference(&self, server: &str, kind: DefinitionKind, definition: &Value) -> Option<Difference> {
        let subject = || subject(server, kind, kind.name(definition).unwrap_or_default());
        match self.check(server, kind, definition) {
            Ok(()) => None,
            Err(None) => Some(Difference::New(subject())),
            Err(Some(fields)) => Some(Difference::Changed(subject(), fields)),
        }
    }

    /// Checks whether a definition is as it was approved.
    ///
    /// # Errors
    /// The fields that changed; `None` for a definition that was never approved.
    pub fn check(
        &self,
        server: &str,
        kind: DefinitionKind,
        definition: &Value,
    ) -> Result<(), Option<Vec<String>>> {
        let name = kind.name(definition).ok_or(None)?;
        let approved = self.approved(server, kind, name).ok_or(None)?;
        let fields = approved.differs(kind, definition);
        if fields.is_empty() { Ok(()) } else { Err(Some(fields)) }
    }

    fn approved(&self, server: &str, kind: DefinitionKind, name: &str) -> Option<&Approved> {
        self.servers.get(server)?.approved.get(&kind)?.get(name)
    }

    /// Returns whether the server's description of itself was approved.
    pub fn has_approved_about(&self, server: &ServerTools) -> bool {
        self.servers.get(&server.name).is_some_and(|approved| match &approved.about {
            ApprovedAbout::Whole(words) => *words == ServerTexts::of(server),
            ApprovedAbout::Digest(digest) => *digest == digest::about(server),
        })
    }

    /// Shows a difference line by line, fit for a terminal. `server` is as it is now, with
    /// `offered` beside its tools.
    pub fn diff(
        &self,
        difference: &Difference,
        server: &ServerTools,
        offered: &PromptsAndResources,
    ) -> Vec<String> {
        match difference {
            Difference::NewServer(_) => diff::lines(&Members::new(), &ServerTexts::of(server).members()),
            Difference::About(name) => {
                let before = match self.servers.get(name).map(|server| &server.about) {
                    Some(ApprovedAbout::Whole(words)) => words.members(),
                    _ => Members::new(),
                };
                diff::lines(&before, &ServerTexts::of(server).members())
            }
            Difference::New(subject) | Difference::Changed(subject, _) => {
                let tools = server.tools.as_deref().map_or(&[][..], Vec::as_slice);
                let items = each(tools, Some(offered)).find(|(kind, _)| *kind == subject.kind);
                let named = |item: &Cow<'_, Value>| subject.kind.name(item) == Some(&subject.name);
                let changed =
                    |item: &Cow<'_, Value>| self.check(&subject.server, subject.kind, item).is_err();
                let now = items.and_then(|(_, items)| items.filter(named).find(changed));
                let now = now.and_then(|item| Approved::of(subject.kind, &item).members());
                let before = self.approved(&subject.server, subject.kind, &subject.name);
                let before = before.and_then(Approved::members).unwrap_or_default();
                diff::lines(&before, &now.unwrap_or_default())
            }
            Difference::Gone(_) => Vec::new(),
        }
    }
}

fn subject(server: &str, kind: DefinitionKind, name: &str) -> Subject {
    Subject { server: server.to_owned(), kind, name: name.to_owned() }
}
