#![deny(missing_docs)]
//! The map of the crate goes here.
