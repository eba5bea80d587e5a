//! The enumerations whose numbers Rust and the JavaScript in js/ share.
//!
//! The tables are in `js_interface_tables.rs`, which build.rs reads too.

macro_rules! natives {
    ($($row:tt)*) => {};
}

macro_rules! entry_functions {
    ($($row:tt)*) => {};
}

macro_rules! shared_enums {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            #[repr(u8)]
            #[allow(dead_code, missing_docs)]
            pub(crate) enum $name { $($variant,)* }

            #[allow(dead_code)]
            impl $name {
                /// Every variant, in the order of the numbers.
                pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

                /// Returns the variant with this number.
                pub(crate) fn from_number(number: f64) -> Option<Self> {
                    Self::ALL.get(number as usize).copied()
                }
            }
        )*
    };
}

include!("js_interface_tables.rs");
