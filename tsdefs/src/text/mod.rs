//! Text from servers inside TypeScript: descriptions in comments, enum values in literals, keys in
//! property names.
//!
//! Such text stays text: a comment cannot be closed or act as a directive, a literal cannot end
//! early, and characters that an editor would not show are not passed on.
//!
//! | module | content |
//! |---|---|
//! | [`comment`] | the inside of JSDoc comments |
//! | [`sentence`] | the first sentence of a description |
//! | [`literal`] | string literals, template literals, property names |
//! | [`invisible`] | the table of characters that an editor does not show |

mod comment;
mod invisible;
mod literal;
mod sentence;

pub(crate) use comment::{comment, jsdoc};
pub use invisible::is_invisible;
pub(crate) use literal::{member_name, string_literal, template_part};
pub(crate) use sentence::{first_sentence, sentence_end};
