//! The members that a server's interface has beside the tools.

use crate::definition::Offers;

/// A member that servers have beside their tools.
pub(super) struct BaseMember {
    pub name: &'static str,
    /// The parameters and the result type.
    pub signature: &'static str,
    /// True if a server with these offers has the member.
    pub is_offered: fn(Offers) -> bool,
    /// True if every server has the member. A model that knows the names of the tools does not need
    /// it.
    pub is_plain: bool,
}

const fn member(
    name: &'static str,
    signature: &'static str,
    is_offered: fn(Offers) -> bool,
    is_plain: bool,
) -> BaseMember {
    BaseMember { name, signature, is_offered, is_plain }
}

/// The members that servers have beside their tools.
///
/// A tool with such a name replaces the member, as it does at run time. Several servers have them
/// from one interface, which may be repeated beside another text: declarations of one interface
/// merge.
pub(super) const BASE_MEMBERS: [BaseMember; 6] = [
    member("$raw", "(tool: string, input?: object): Promise<unknown>", |_| true, true),
    member("$tools", "(): Promise<string[]>", |_| true, true),
    member("$resources", "(): Promise<unknown[]>", |offers| offers.resources, false),
    member("$readResource", "(uri: string): Promise<unknown>", |offers| offers.resources, false),
    member("$prompts", "(): Promise<unknown[]>", |offers| offers.prompts, false),
    member(
        "$getPrompt",
        "(name: string, input?: { [k: string]: string }): Promise<unknown>",
        |offers| offers.prompts,
        false,
    ),
];

/// The comment on the first member, at `full`.
pub(super) const RAW_RESULT: &str = "The whole MCP result.";

/// The comment, once in a text, for tools without a declared or inferred result type.
pub(super) const UNTYPED_RESULTS: &str = "Unknown results are text, or its value where it is JSON.";
