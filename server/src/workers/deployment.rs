//! The Workers of `isolet serve`: read, named and routed, before anything is started.

use std::collections::HashMap;

use isolet_bindings::text;
use isolet_runtime::{Limits, WorkerIsolation};
use isolet_wrangler_compat::{ProjectRoute, ProjectService};

use super::prepared::{PreparedWorker, max_processes};
use super::project_source::ProjectSource;
use super::route_pattern::RoutePattern;
use super::routes::Routes;
use super::site::LocalWorkers;
use crate::settings::outgoing::OutgoingEntry;

/// The longest name of a Worker, in bytes. It is a label of a host.
const MAX_NAME_BYTES: usize = 63;

/// One Worker that the operator chose.
#[derive(Debug, Clone)]
pub struct WorkerChoice {
    /// The project.
    pub source: ProjectSource,
    /// The name, in place of the project's.
    pub name: Option<String>,
    /// The routes, in place of the project's.
    pub routes: Option<Vec<String>>,
    /// The patterns of servers and tools in its `env`.
    pub mcp_servers: Vec<String>,
    /// The hosts that it may fetch from.
    pub outgoing: Vec<OutgoingEntry>,
    /// The bound on its caches, in bytes.
    pub cache: usize,
    /// The bound on its processes.
    pub processes: usize,
    /// The requests that share a process.
    pub isolation: WorkerIsolation,
    /// The limits of each request. The project may have lower ones.
    pub limits: Limits,
}

/// The options of the command line that give something to a Worker.
#[derive(Debug, Clone, Copy, Default)]
pub struct GivenOptions<'a> {
    /// `--worker-route`
    pub routes: &'a [ForWorker],
    /// `--worker-mcp-server`
    pub mcp_servers: &'a [ForWorker],
    /// `--worker-outgoing`
    pub outgoing: &'a [ForWorker],
}

/// Something that the command line gives to a Worker: to the one of this name, or to the only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForWorker {
    /// The name.
    pub worker: Option<String>,
    /// The pattern that it is given.
    pub pattern: String,
}

impl ForWorker {
    /// Parses `[NAME=]PATTERN`. Patterns of hosts, of tools and of what is fetched have no `=`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (worker, pattern) = match text.split_once('=') {
            Some((worker, pattern)) => (Some(worker.to_owned()), pattern),
            None => (None, text),
        };
        if pattern.is_empty() || worker.as_ref().is_some_and(String::is_empty) {
            return Err("expected PATTERN or NAME=PATTERN".to_owned());
        }
        Ok(Self { worker, pattern: pattern.to_owned() })
    }
}

/// A Worker that can be started.
pub struct DeployedWorker {
    /// The unique name.
    pub name: String,
    /// The project.
    pub prepared: PreparedWorker,
    /// The hosts and paths that it answers for.
    pub routes: Vec<RoutePattern>,
    /// The patterns of servers and tools in its `env`.
    pub mcp_servers: Vec<String>,
    /// The hosts that it may fetch from.
    pub outgoing: Vec<OutgoingEntry>,
    /// The bound on its caches, in bytes.
    pub cache: usize,
    /// The bound on its processes.
    pub processes: usize,
    /// The requests that share a process.
    pub isolation: WorkerIsolation,
}

/// All Workers of one server.
#[derive(Default)]
pub struct Deployment {
    /// The Workers. Elsewhere they are numbers, in this order.
    pub workers: Vec<DeployedWorker>,
}

impl Deployment {
    /// Reads the projects. Blocks the thread while it does.
    ///
    /// # Errors
    /// Returns a message of one or more lines about each Worker that cannot be started.
    pub fn read(choices: Vec<WorkerChoice>, given: &GivenOptions<'_>) -> Result<Self, Vec<String>> {
        let mut workers = Vec::new();
        let mut errors = Vec::new();
        for choice in choices {
            match read_worker(choice) {
                Ok(worker) => workers.push(worker),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut seen: HashMap<&str, ()> = HashMap::new();
        let twice = workers.iter().find(|worker| seen.insert(&worker.name, ()).is_some());
        if let Some(twice) = twice {
            return Err(vec![format!(
                "two Workers are called \"{}\": give one of them another `name`, in its configuration or in \
                 [[workers.worker]]",
                twice.name
            )]);
        }
        let mut deployment = Self { workers };
        deployment.give(given).map_err(|error| vec![error])?;
        deployment.check_services()?;
        deployment.routes()?;
        deployment.local_workers()?;
        Ok(deployment)
    }

    /// Checks that each Worker that another one calls is there.
    fn check_services(&self) -> Result<(), Vec<String>> {
        let names: Vec<&str> = self.workers.iter().map(|worker| worker.name.as_str()).collect();
        let missing = |worker: &DeployedWorker| {
            let unknown =
                worker.prepared.services.iter().filter(|wanted| !names.contains(&wanted.service.as_str()));
            let describe = |wanted: &ProjectService| {
                let ProjectService { binding, service, location, .. } = wanted;
                let (name, service) = (&worker.name, text::line(service));
                format!(
                    "the Worker \"{name}\" calls \"{service}\" through its binding {binding} ({location}), and there is no such \
                     Worker, but: {}; serve it with --worker DIR or [[workers.worker]], or correct `services`",
                    names.join(", ")
                )
            };
            unknown.map(describe).collect::<Vec<_>>()
        };
        let errors: Vec<String> = self.workers.iter().flat_map(missing).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Gives Workers what the command line has for them.
    fn give(&mut self, options: &GivenOptions<'_>) -> Result<(), String> {
        let &GivenOptions { routes, mcp_servers, outgoing } = options;
        let mut replaced = vec![false; self.workers.len()];
        for given in routes {
            let worker = self.number_of(given, "--worker-route")?;
            let pattern = RoutePattern::parse(&given.pattern)
                .map_err(|reason| format!("--worker-route {}: {reason}", given.pattern))?;
            let routes = &mut self.workers[worker].routes;
            if !std::mem::replace(&mut replaced[worker], true) {
                routes.clear();
            }
            routes.push(pattern);
        }
        for given in mcp_servers {
            let worker = self.number_of(given, "--worker-mcp-server")?;
            self.workers[worker].mcp_servers.push(given.pattern.clone());
        }
        for given in outgoing {
            let worker = self.number_of(given, "--worker-outgoing")?;
            let entry = OutgoingEntry::parse(&given.pattern)
                .map_err(|reason| format!("--worker-outgoing {}: {reason}", given.pattern))?;
            self.workers[worker].outgoing.push(entry);
        }
        Ok(())
    }

    fn number_of(&self, given: &ForWorker, option: &str) -> Result<usize, String> {
        let names: Vec<&str> = self.workers.iter().map(|worker| worker.name.as_str()).collect();
        match &given.worker {
            None if names.len() == 1 => Ok(0),
            None => Err(format!(
                "{option} {}: name the Worker, {option} NAME={0}; there are: {}",
                given.pattern,
                names.join(", ")
            )),
            Some(wanted) => names.iter().position(|name| name == wanted).ok_or_else(|| {
                format!(
                    "{option} {wanted}={}: there is no such Worker, but: {}",
                    given.pattern,
                    names.join(", ")
                )
            }),
        }
    }

    /// Returns the routes of all Workers.
    ///
    /// # Errors
    /// Two Workers have the same route.
    pub fn routes(&self) -> Result<Routes, Vec<String>> {
        let mut routes = Routes::default();
        let mut errors = Vec::new();
        for (number, worker) in self.workers.iter().enumerate() {
            for pattern in &worker.routes {
                if let Err(other) = routes.add(pattern, number) {
                    let (name, other) = (&worker.name, &self.workers[other].name);
                    errors.push(format!(
                        "the Workers \"{other}\" and \"{name}\" have the same route {pattern}"
                    ));
                }
            }
        }
        if errors.is_empty() { Ok(routes) } else { Err(errors) }
    }

    /// Returns the Workers that answer to names of this machine: those without a route.
    ///
    /// # Errors
    /// Two of them have names that differ in case only, which hosts do not.
    pub fn local_workers(&self) -> Result<LocalWorkers, Vec<String>> {
        let without = self.workers.iter().enumerate().filter(|(_, worker)| worker.routes.is_empty());
        let mut names: Vec<(String, usize)> =
            without.map(|(number, worker)| (local_name(&worker.name), number)).collect();
        if names.is_empty() {
            return Ok(LocalWorkers::None);
        }
        if self.workers.len() == 1 {
            return Ok(LocalWorkers::Only);
        }
        names.sort();
        if let Some(same) = names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(vec![format!("two Workers without a route would answer to {}", same[0].0)]);
        }
        Ok(LocalWorkers::Named(names))
    }

    /// Returns the bound on the processes of all Workers together.
    pub fn max_processes(&self) -> usize {
        let of =
            |worker: &DeployedWorker| max_processes(worker.processes, worker.prepared.loaded_processes());
        self.workers.iter().map(of).sum()
    }

    /// Describes where each Worker answers, on a server with this address or socket.
    pub fn addresses(&self, server: &str) -> Vec<String> {
        let port = server.rsplit_once(':').map_or("", |(_, port)| port);
        let describe = |worker: &DeployedWorker| {
            let name = &worker.name;
            if !worker.routes.is_empty() {
                let routes: Vec<String> =
                    worker.routes.iter().map(|route| text::line(&route.to_string()).into_owned()).collect();
                format!("{name} on {server} for {}", routes.join(", "))
            } else if self.workers.len() == 1 {
                format!("{name} on {server}")
            } else {
                format!("{name} on http://{}:{port}", local_name(name))
            }
        };
        self.workers.iter().map(describe).collect()
    }

    /// Returns a command that asks for one of the routes: its host leads elsewhere, or nowhere yet.
    pub fn example(&self, server: &str) -> Option<String> {
        let (host, path) =
            self.workers.iter().flat_map(|worker| &worker.routes).find_map(RoutePattern::example)?;
        Some(match server.strip_prefix("unix:") {
            Some(socket) => format!("curl --unix-socket '{socket}' 'http://{host}{path}'"),
            None => format!("curl -H 'Host: {host}' '{server}{path}'"),
        })
    }
}

/// Returns the host of a Worker without a route. Browsers and most clients take all names below
/// `localhost` for this machine.
fn local_name(name: &str) -> String {
    format!("{}.localhost", name.to_ascii_lowercase())
}

fn read_worker(choice: WorkerChoice) -> Result<DeployedWorker, String> {
    let path = choice.source.entry.as_ref().unwrap_or(&choice.source.folder).display().to_string();
    let about =
        |error: &str| format!("the Worker in {path} does not load: {error}", error = error.trim_end());
    let project = choice.source.load().map_err(|unreadable| {
        for warning in &unreadable.warnings {
            stderr_line!("isolet: warning: {warning}");
        }
        about(&unreadable.text)
    })?;
    let prepared = PreparedWorker::new(project, &choice.limits).map_err(|error| about(&error))?;
    let name = choice.name.unwrap_or_else(|| prepared.name.clone());
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_label) {
        return Err(about(&format!(
            "\"{name}\" cannot be its name, which has at most {MAX_NAME_BYTES} letters, digits, `-`, `_` and `.`: set `name` \
             in its configuration"
        )));
    }
    let routes = match &choice.routes {
        Some(patterns) => patterns
            .iter()
            .map(|pattern| {
                RoutePattern::parse(pattern).map_err(|reason| format!("the route `{pattern}`: {reason}"))
            })
            .collect::<Result<_, _>>(),
        None => prepared.routes.iter().map(route_of_project).collect(),
    };
    Ok(DeployedWorker {
        routes: routes.map_err(|error: String| about(&error))?,
        name,
        prepared,
        mcp_servers: choice.mcp_servers,
        outgoing: choice.outgoing,
        cache: choice.cache,
        processes: choice.processes,
        isolation: choice.isolation,
    })
}

fn route_of_project(route: &ProjectRoute) -> Result<RoutePattern, String> {
    let ProjectRoute { pattern, is_domain, location } = route;
    let parsed = if *is_domain { RoutePattern::whole_host(pattern) } else { RoutePattern::parse(pattern) };
    parsed.map_err(|reason| format!("{location}: the route `{pattern}`: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::super::project_source::Purpose;
    use super::*;

    /// A deployment of projects with these names and routes.
    fn deployment(workers: &[(&str, &[&str])]) -> Result<Deployment, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let choice = |(number, (name, routes)): (usize, &(&str, &[&str]))| {
            let path = folder.path().join(number.to_string());
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("a.js"), "export default {}").unwrap();
            let config = serde_json::json!({ "name": name, "main": "a.js", "routes": routes });
            std::fs::write(path.join("wrangler.json"), config.to_string()).unwrap();
            WorkerChoice {
                source: ProjectSource::at(path, Purpose::Production { vars_file: None }),
                name: None,
                routes: None,
                mcp_servers: Vec::new(),
                outgoing: Vec::new(),
                cache: 0,
                processes: 1,
                isolation: WorkerIsolation::Isolate,
                limits: Limits::default(),
            }
        };
        Deployment::read(workers.iter().enumerate().map(choice).collect(), &GivenOptions::default())
    }

    #[test]
    fn workers_without_routes_have_names_of_this_machine() {
        let read = |workers: &[(&str, &[&str])]| deployment(workers).unwrap();
        let addresses = |workers: &[(&str, &[&str])]| read(workers).addresses("http://127.0.0.1:8788");
        assert_eq!(addresses(&[("a", &[])]), ["a on http://127.0.0.1:8788"]);
        assert!(matches!(read(&[("a", &[])]).local_workers(), Ok(LocalWorkers::Only)));
        assert!(matches!(read(&[("a", &["a.example/*"])]).local_workers(), Ok(LocalWorkers::None)));
        let mixed: &[(&str, &[&str])] = &[("Shop", &[]), ("site", &["a.example/*", "*/x"])];
        assert_eq!(
            addresses(mixed),
            ["Shop on http://shop.localhost:8788", "site on http://127.0.0.1:8788 for a.example/*, */x"]
        );
        let local = read(mixed).local_workers().unwrap();
        assert_eq!(local.names().collect::<Vec<_>>(), ["shop.localhost"]);
    }

    #[test]
    fn names_are_labels_of_hosts_and_unique() {
        let error = |workers: &[(&str, &[&str])]| deployment(workers).err().unwrap().join("\n");
        for bad in ["a b", "", "ä", "a/b", "a\u{1b}"] {
            assert!(error(&[(bad, &[])]).contains("cannot be its name"), "{bad}");
        }
        assert!(error(&[("a", &[]), ("a", &[])]).contains("two Workers are called \"a\""));
        assert!(error(&[("a", &[]), ("A", &[])]).contains("would answer to a.localhost"));
        assert!(error(&[("a", &["x/*"]), ("b", &["X/*"])]).contains("the same route x/*"));
        // All faults are told at once.
        assert_eq!(error(&[("a b", &[]), ("c d", &[])]).lines().count(), 2);
    }

    #[test]
    fn what_the_command_line_gives_names_its_worker() {
        let read = |text: &str| ForWorker::parse(text);
        let (worker, pattern) = (Some("a".to_owned()), "x.example/*".to_owned());
        assert_eq!(read("a=x.example/*"), Ok(ForWorker { worker, pattern: pattern.clone() }));
        assert_eq!(read("x.example/*"), Ok(ForWorker { worker: None, pattern }));
        for wrong in ["", "a=", "=x/*"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
