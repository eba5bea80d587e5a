//! What a value is, by its internal slots, without running any of its code.

use super::*;

/// `kind(value)` → a number that js/50-webidl.js names. JavaScript cannot tell a proxy from its target, and can tell a
/// Map from an object with Map's prototype only by calling a method and catching what it throws.
pub(super) fn kind(_: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let value = arguments.get(0);
    // Most frequent first; a proxy is nothing else, so the order does not matter otherwise.
    let kind = if !value.is_object() {
        0
    } else if value.is_array() {
        2
    } else if value.is_proxy() {
        3
    } else if value.is_function() {
        4
    } else if value.is_native_error() {
        5
    } else if value.is_map() {
        6
    } else if value.is_set() {
        7
    } else if value.is_date() {
        8
    } else if value.is_reg_exp() {
        9
    } else if value.is_promise() {
        10
    } else if value.is_array_buffer() {
        11
    } else if value.is_typed_array() {
        12
    } else if value.is_data_view() {
        13
    } else if value.is_boolean_object() || value.is_number_object() || value.is_string_object() {
        14
    } else if value.is_big_int_object() {
        15
    } else if value.is_symbol_object() {
        16
    } else if value.is_weak_map() || value.is_weak_set() {
        17
    } else if value.is_generator_object() || value.is_map_iterator() || value.is_set_iterator() {
        18
    } else if value.is_module_namespace_object() {
        19
    } else if value.is_shared_array_buffer() || value.is_wasm_memory_object() || value.is_wasm_module_object()
    {
        20
    } else {
        1
    };
    result.set_int32(kind);
}
