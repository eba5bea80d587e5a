//! The routes of all Workers: which of them answers a request.
//!
//! Of several routes that have a request, the most specific one counts: first by its host, then by
//! its path.

use std::collections::HashMap;

use super::route_pattern::{HostPattern, PathPattern, RoutePattern, normalized};

/// The routes of the Workers of one listener. Workers are numbers.
#[derive(Debug, Default)]
pub struct Routes {
    /// The routes of one host each, the most specific one first.
    exact: HashMap<String, Vec<PathRoute>>,
    /// The other routes, by their hosts, the most specific one first.
    wild: Vec<(HostPattern, Vec<PathRoute>)>,
}

/// A path of some host, and the Worker behind it.
#[derive(Debug)]
struct PathRoute {
    path: PathPattern,
    worker: usize,
}

impl Routes {
    /// Adds a route.
    ///
    /// # Errors
    /// Returns the Worker that has the same route.
    pub fn add(&mut self, pattern: &RoutePattern, worker: usize) -> Result<(), usize> {
        let host = pattern.host();
        let routes = match host {
            HostPattern::Exact(name) => self.exact.entry(name.clone()).or_default(),
            _ => {
                let at = match self.wild.iter().position(|(known, _)| known == host) {
                    Some(at) => at,
                    None => {
                        let less = |(known, _): &(HostPattern, _)| known.by_specificity(host).is_le();
                        let at = self.wild.partition_point(less);
                        self.wild.insert(at, (host.clone(), Vec::new()));
                        at
                    }
                };
                &mut self.wild[at].1
            }
        };
        if let Some(same) = routes.iter().find(|route| route.path == *pattern.path()) {
            return if same.worker == worker { Ok(()) } else { Err(same.worker) };
        }
        let at = routes.partition_point(|route| route.path.by_specificity(pattern.path()).is_le());
        routes.insert(at, PathRoute { path: pattern.path().clone(), worker });
        Ok(())
    }

    /// Returns `true` if some route has this host, which is in lower case.
    pub fn has_host(&self, host: &str) -> bool {
        self.exact.contains_key(host) || self.wild.iter().any(|(pattern, _)| pattern.matches(host))
    }

    /// Returns the Worker that answers for this host, which is in lower case, and this path with
    /// its query.
    pub fn find(&self, host: &str, path_and_query: &str) -> Option<usize> {
        let path = normalized(path_and_query);
        let of_path = |routes: &Vec<PathRoute>| {
            routes.iter().find(|route| route.path.matches(&path)).map(|route| route.worker)
        };
        let wild = || {
            let mut hosts = self.wild.iter().filter(|(pattern, _)| pattern.matches(host));
            hosts.find_map(|(_, routes)| of_path(routes))
        };
        self.exact.get(host).and_then(of_path).or_else(wild)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(patterns: &[&str]) -> Routes {
        let mut routes = Routes::default();
        for (worker, pattern) in patterns.iter().enumerate() {
            routes.add(&RoutePattern::parse(pattern).unwrap(), worker).unwrap();
        }
        routes
    }

    #[test]
    fn the_most_specific_route_counts() {
        let patterns = [
            "*/*",
            "*.example.com/*",
            "*example.com/*",
            "www.example.com/*",
            "www.example.com/api/*",
            "www.example.com/api/",
            "*.eu.example.com/*",
            "*/health",
            "only.example.com/here",
        ];
        // The order in which routes are given does not matter.
        let reversed: Vec<&str> = patterns.iter().rev().copied().collect();
        for order in [patterns.to_vec(), reversed] {
            let routes = routes(&order);
            for (host, path, wanted) in [
                ("other.example", "/", "*/*"),
                ("other.example", "/health", "*/health"),
                ("example.com", "/", "*example.com/*"),
                // The host comes before the path.
                ("example.com", "/health", "*example.com/*"),
                ("a.example.com", "/", "*.example.com/*"),
                ("a.eu.example.com", "/", "*.eu.example.com/*"),
                ("www.example.com", "/", "www.example.com/*"),
                ("www.example.com", "/api/users", "www.example.com/api/*"),
                ("www.example.com", "/api/", "www.example.com/api/"),
                ("www.example.com", "/api", "www.example.com/*"),
                ("only.example.com", "/here", "only.example.com/here"),
                // A host's own routes may leave paths to wider ones.
                ("only.example.com", "/there", "*.example.com/*"),
            ] {
                let found = routes.find(host, path).map(|worker| order[worker]);
                assert_eq!(found, Some(wanted), "http://{host}{path}");
            }
        }
        let one = routes(&["a.example/x"]);
        assert_eq!(one.find("a.example", "/"), None);
        assert!(one.has_host("a.example") && !one.has_host("b.example"));
    }

    #[test]
    fn one_route_has_one_worker() {
        let mut routes = routes(&["a.example/*", "*.a.example/x"]);
        let again = |text: &str| RoutePattern::parse(text).unwrap();
        assert_eq!(routes.add(&again("https://A.example/*"), 1), Err(0));
        assert_eq!(routes.add(&again("*.a.example/x"), 1), Ok(()));
        assert_eq!(routes.add(&again("*.a.example/x"), 0), Err(1));
    }
}
