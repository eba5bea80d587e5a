//! The interface between Rust and the JavaScript in js/: host functions and entry functions.
//!
//! The tables are in `js_interface_tables.rs`, which build.rs reads too. [`shared_enums`] has the
//! enumerations of them.
//!
//! [`shared_enums`]: crate::shared_enums

use v8::MapFnTo;

use crate::natives::{
    calls, clock, codecs, crypto, fetches, html, kind, loaders, logs, node, outcome, rpc, sockets, text, url,
    url_pattern, values, worker,
};

/// The sources of js/, as build.rs has evaluated them. V8 reads them here when it compiles a
/// function that is called for the first time.
static SOURCES: &[v8::OneByteConst] = &include!(concat!(env!("OUT_DIR"), "/sources.rs"));

macro_rules! natives {
    ($($name:literal => $function:path,)*) => {
        /// Returns the external references of the snapshot: the host functions, in the order of the
        /// table, and the sources of js/, in theirs.
        pub(crate) fn external_references() -> Vec<v8::ExternalReference> {
            let functions: &[v8::FunctionCallback] =
                &[$(MapFnTo::<v8::FunctionCallback>::map_fn_to($function),)*];
            let functions = functions.iter().map(|function| v8::ExternalReference { function: *function });
            let sources = SOURCES.iter().map(|source| v8::ExternalReference {
                pointer: std::ptr::from_ref(source).cast_mut().cast(),
            });
            functions.chain(sources).collect()
        }
    };
}

macro_rules! entry_functions {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The functions of the snapshot that Rust calls.
        pub(crate) struct EntryFunctions {
            $($(#[$doc])* pub(crate) $name: v8::Global<v8::Function>,)*
        }

        impl EntryFunctions {
            /// Takes the functions from a context that was made from the snapshot.
            pub(crate) fn of_new_context(scope: &mut v8::ContextScope<'_, '_, v8::HandleScope<'_>>) -> Self {
                let mut index = 0;
                $(
                    let function = scope
                        .get_context_data_from_snapshot_once::<v8::Function>(index)
                        .expect("build.rs put the entry functions into the snapshot");
                    let $name = v8::Global::new(scope, function);
                    index += 1;
                )*
                let _ = index;
                Self { $($name,)* }
            }
        }
    };
}

macro_rules! shared_enums {
    ($($row:tt)*) => {};
}

include!("js_interface_tables.rs");
