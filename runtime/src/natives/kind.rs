//! The kind of a value by its internal slots, found without running any code of the script.

use super::*;
use crate::shared_enums::ValueKind;

/// `kind(value)` returns the number of a [`ValueKind`]. JavaScript alone cannot distinguish a proxy
/// from its target, and can distinguish a Map from an object with Map's prototype only by calling a
/// method and catching the exception.
pub(crate) fn kind(_: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let value = arguments.get(0);
    // The most frequent kinds come first. A value has one kind only, so that the order does not
    // matter.
    let kind = if !value.is_object() {
        ValueKind::Primitive
    } else if value.is_array() {
        ValueKind::Array
    } else if value.is_proxy() {
        ValueKind::Proxy
    } else if value.is_function() {
        ValueKind::Function
    } else if value.is_native_error() {
        ValueKind::Error
    } else if value.is_map() {
        ValueKind::Map
    } else if value.is_set() {
        ValueKind::Set
    } else if value.is_date() {
        ValueKind::Date
    } else if value.is_reg_exp() {
        ValueKind::RegExp
    } else if value.is_promise() {
        ValueKind::Promise
    } else if value.is_array_buffer() {
        ValueKind::ArrayBuffer
    } else if value.is_typed_array() {
        ValueKind::TypedArray
    } else if value.is_data_view() {
        ValueKind::DataView
    } else if value.is_boolean_object() || value.is_number_object() || value.is_string_object() {
        ValueKind::Boxed
    } else if value.is_big_int_object() {
        ValueKind::BoxedBigInt
    } else if value.is_symbol_object() {
        ValueKind::BoxedSymbol
    } else if value.is_weak_map() || value.is_weak_set() {
        ValueKind::Weak
    } else if value.is_generator_object() || value.is_map_iterator() || value.is_set_iterator() {
        ValueKind::Iterator
    } else if value.is_module_namespace_object() {
        ValueKind::Namespace
    } else if value.is_shared_array_buffer() || value.is_wasm_memory_object() || value.is_wasm_module_object()
    {
        ValueKind::Shared
    } else {
        ValueKind::Object
    };
    result.set_int32(kind as i32);
}
