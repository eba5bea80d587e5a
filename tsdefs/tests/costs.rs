//! The token counts of declarations and of raw definitions, on the saved lists of real servers.

mod support;

use isolet_tsdefs::tokens::costs;
use support::real_servers;

#[test]
fn declarations_are_never_larger_than_the_definitions() {
    for server in real_servers() {
        let costs = costs(std::slice::from_ref(&server));
        println!(
            "{}: {} tools; names {}, brief {}, full {}, raw {} tokens of o200k",
            server.name, costs.tools, costs.names.o200k, costs.brief.o200k, costs.full.o200k, costs.raw.o200k
        );
        assert!(costs.names.o200k < costs.brief.o200k, "{}", server.name);
        assert!(costs.brief.o200k < costs.full.o200k, "{}", server.name);
        assert!(costs.full.o200k <= costs.raw.o200k, "{}", server.name);
    }
}
