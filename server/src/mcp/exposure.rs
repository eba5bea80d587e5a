//! Pass-through: which upstream tools are offered as they are, and under which names.
//!
//! A name is `server__tool`, as clients and models take names: letters, digits, `_` and `-`, at most 64. With plain names
//! it is the tool's own. Where two tools would have the same name, or a name would be too long, each gets a mark made of
//! its exact names, so that no server can take another's name by what it calls its tools.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::Tool;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::definition::read;
use super::tools::{DESCRIBE, RUN, SEARCH};
use crate::filter::{BadPattern, ToolFilter};
use crate::tools::Tools;
use crate::toolset::Toolset;

/// Longest name: what the stricter of the models' providers take.
const LONGEST: usize = 64;

/// Longest plain name: what the protocol advises.
const LONGEST_PLAIN: usize = 128;

/// Hexadecimal digits of a mark.
const MARK: usize = 8;

/// What an operator passes through.
#[derive(Debug)]
pub struct Exposure {
    filter: ToolFilter,
    plain: bool,
    /// Made anew when tools have changed, by their generation.
    kept: Mutex<Option<(u64, Arc<Exposed>)>>,
}

/// The tools that are passed through now.
#[derive(Debug, Default)]
pub struct Exposed {
    /// As clients see them.
    pub tools: Vec<Tool>,
    origins: HashMap<String, Origin>,
}

/// Whose something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The server's exact name.
    pub server: String,
    /// What the server calls it.
    pub name: String,
}

impl Exposed {
    /// Which tool has this name.
    pub fn origin(&self, name: &str) -> Option<&Origin> {
        self.origins.get(name)
    }
}

impl Exposure {
    /// Passes through what `patterns` say; `None` without any.
    pub fn new(patterns: &[String], plain: bool) -> Result<Option<Self>, BadPattern> {
        if patterns.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { filter: ToolFilter::new(patterns)?, plain, kept: Mutex::default() }))
    }

    /// The tools that are passed through now.
    pub fn tools(&self, tools: &Tools) -> Arc<Exposed> {
        let toolset = tools.toolset();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, exposed)) = kept.as_ref().filter(|(generation, _)| *generation == toolset.generation)
        {
            return exposed.clone();
        }
        let exposed = Arc::new(self.of(&toolset, tools));
        *kept = Some((toolset.generation, exposed.clone()));
        exposed
    }

    fn of(&self, toolset: &Toolset, tools: &Tools) -> Exposed {
        let picture = tools.gate().picture();
        // Looked up once for each chosen tool: a server may list tens of thousands.
        let listed = picture.servers.iter().map(|visible| &visible.server);
        let mut definitions: HashMap<(&str, &str), &Value> = HashMap::new();
        for server in listed {
            for definition in server.tools.iter().flat_map(|tools| tools.iter()) {
                if let Some(name) = definition["name"].as_str() {
                    definitions.entry((&server.name, name)).or_insert(definition);
                }
            }
        }
        let mut chosen: Vec<(Origin, Value)> = Vec::new();
        for (server, name) in toolset.chosen(&self.filter) {
            if let Some(definition) = definitions.get(&(server, name)) {
                let origin = Origin { server: server.to_owned(), name: name.to_owned() };
                chosen.push((origin, (*definition).clone()));
            }
        }
        let names = self.names(chosen.iter().map(|(origin, _)| origin));
        let mut exposed = Exposed::default();
        for ((origin, definition), name) in chosen.into_iter().zip(names) {
            if let Some(tool) = read(definition, &name) {
                exposed.tools.push(tool);
                exposed.origins.insert(name, origin);
            }
        }
        exposed
    }

    /// The servers of which something is passed through, in the order of the configuration.
    pub fn servers(&self, toolset: &Toolset) -> Vec<String> {
        let servers = toolset.servers().filter(|(server, _)| self.filter.server(*server));
        servers.map(|(server, _)| server.name.to_owned()).collect()
    }

    /// The patterns that fit no server at all. Servers are fixed at the start, so these never will.
    pub fn idle_patterns<'a>(&'a self, toolset: &'a Toolset) -> impl Iterator<Item = &'a str> {
        self.filter.idle_patterns(toolset.servers().map(|(server, _)| server).collect())
    }

    /// The servers that are passed through with their prompts and resources, in the order of the configuration.
    pub fn whole_servers(&self, toolset: &Toolset) -> Vec<String> {
        let servers = toolset.servers().filter(|(server, _)| self.filter.whole_server(*server));
        servers.map(|(server, _)| server.name.to_owned()).collect()
    }

    /// A name for each, in the same order; no two are the same.
    pub fn names<'a>(&self, origins: impl Iterator<Item = &'a Origin> + Clone) -> Vec<String> {
        let wished: Vec<String> = origins.clone().map(|origin| self.wish(origin)).collect();
        let mut wishes: HashMap<&str, usize> =
            [SEARCH, DESCRIBE, RUN].into_iter().map(|own| (own, 1)).collect();
        for name in &wished {
            *wishes.entry(name).or_default() += 1;
        }
        let most = if self.plain { LONGEST_PLAIN } else { LONGEST };
        let mut taken: Vec<String> = Vec::with_capacity(wished.len());
        let mut seen: std::collections::HashSet<String> = std::collections::HashSet::new();
        for (origin, name) in origins.zip(&wished) {
            let alone = wishes.get(name.as_str()) == Some(&1) && name.len() <= most && !seen.contains(name);
            let name = if alone { name.clone() } else { marked(origin, &seen) };
            seen.insert(name.clone());
            taken.push(name);
        }
        taken
    }

    fn wish(&self, origin: &Origin) -> String {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.-".contains(letter);
        if self.plain && !origin.name.is_empty() && origin.name.chars().all(plain) {
            return origin.name.clone();
        }
        format!("{}__{}", clean(&origin.server), clean(&origin.name))
    }
}

/// A name with a mark that only this tool has.
fn marked(origin: &Origin, taken: &std::collections::HashSet<String>) -> String {
    let exact = [origin.server.as_bytes(), b"\0", origin.name.as_bytes()].concat();
    let digits: String = Sha256::digest(&exact).iter().map(|byte| format!("{byte:02x}")).collect();
    let base = format!("{}__{}", clean(&origin.server), clean(&origin.name));
    // A name made to look like this one is told apart by more digits.
    let fitting = |mark: &str| format!("{}_{mark}", &base[..base.len().min(LONGEST - mark.len() - 1)]);
    let longer = [MARK, 2 * MARK, 4 * MARK].into_iter().map(|length| fitting(&digits[..length]));
    // The digits can be computed by whoever names tools, so a number tells the rest apart.
    let counted = (1u32..).map(|turn| fitting(&format!("{}_{turn}", &digits[..4 * MARK])));
    longer.chain(counted).find(|name| !taken.contains(name)).unwrap_or_default()
}

fn clean(name: &str) -> String {
    let keep = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    name.chars().map(|letter| if keep(letter) { letter } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(plain: bool, origins: &[(&str, &str)]) -> Vec<String> {
        let exposure = Exposure::new(&["*".to_owned()], plain).unwrap().unwrap();
        let origins: Vec<Origin> = origins
            .iter()
            .map(|(server, name)| Origin { server: (*server).to_owned(), name: (*name).to_owned() })
            .collect();
        exposure.names(origins.iter())
    }

    #[test]
    fn names_say_whose_a_tool_is() {
        assert_eq!(names(false, &[("my.hub", "get-user"), ("x", "run")]), ["my_hub__get-user", "x__run"]);
    }

    #[test]
    fn plain_names_are_the_tools_own_unless_two_have_them() {
        let plain =
            names(true, &[("a", "get.user"), ("a", "list"), ("b", "list"), ("b", "run"), ("b", "two words")]);
        assert_eq!(plain[0], "get.user");
        assert!(plain[1].starts_with("a__list_") && plain[2].starts_with("b__list_"), "{plain:?}");
        assert!(plain[3].starts_with("b__run_"), "{plain:?}");
        assert_eq!(plain[4], "b__two_words");
    }

    #[test]
    fn names_never_meet_whatever_servers_call_their_tools() {
        let forged = names(false, &[("a", "b__c"), ("a__b", "c")]);
        let origins =
            [("a", "b__c"), ("a__b", "c"), ("", &*forged[0]), (&*forged[1], ""), ("a", "b!c"), ("a", "b?c")];
        let long = "x".repeat(500);
        let origins: Vec<(&str, &str)> = origins.into_iter().chain([("l", &*long), ("ll", &*long)]).collect();
        let all = names(false, &origins);
        let distinct: std::collections::HashSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
        assert!(all.iter().all(|name| name.len() <= LONGEST), "{all:?}");
    }

    #[test]
    fn marks_that_a_server_computes_do_not_take_a_name() {
        let victim = Origin { server: "victim".to_owned(), name: "tool".to_owned() };
        let mut taken = std::collections::HashSet::new();
        for _ in 0..6 {
            let name = marked(&victim, &taken);
            assert!(name.len() <= LONGEST, "{name}");
            assert!(taken.insert(name), "{taken:?}");
        }
    }
}
