//! Values as bytes, by V8's serialiser.
//!
//! JavaScript gives it plain values only, without getters, proxies and functions, so that no code
//! of the script runs. What V8 does not know, such as a stub, stands there as a placeholder: an
//! object with a number, which is written in its place. The reader gets the objects for these
//! numbers.
//!
//! The bytes may come from a process whose code broke out of V8. They are read by an isolate like
//! that one, never by isolet's own process where isolates have processes of their own.

use std::sync::OnceLock;

use v8::{ValueDeserializerHelper, ValueDeserializerImpl, ValueSerializerHelper, ValueSerializerImpl};

use super::*;
use crate::worker::rpc::MAX_VALUE_BYTES;

/// The beginning of all values that this build of V8 writes: a tag, and the version of its format.
/// V8 reads older versions too, which nobody sends.
static HEADER: OnceLock<Vec<u8>> = OnceLock::new();

/// Returns the beginning of all values.
fn header(scope: &mut PinScope) -> &'static [u8] {
    HEADER.get_or_init(|| {
        let writer = v8::ValueSerializer::new(scope, Box::new(Writer));
        writer.write_header();
        writer.release()
    })
}

/// The template of placeholders, in a slot of the isolate.
struct Placeholders(v8::Global<v8::ObjectTemplate>);

/// `placeholder(number)` returns an object that is written as the number.
pub(crate) fn placeholder(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let template = match scope.get_slot::<Placeholders>() {
        Some(Placeholders(template)) => template.clone(),
        None => {
            let template = v8::ObjectTemplate::new(scope);
            template.set_internal_field_count(1);
            let template = v8::Global::new(scope, template);
            scope.set_slot(Placeholders(template.clone()));
            template
        }
    };
    let template = v8::Local::new(scope, template);
    if let Some(object) = template.new_instance(scope)
        && object.set_internal_field(0, arguments.get(0).into())
    {
        result.set(object.into());
    }
}

/// `writeValue(value)` returns an ArrayBuffer with the bytes of a value, or undefined if V8 cannot
/// write it.
pub(crate) fn write_value(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    if let Some(bytes) = write(scope, arguments.get(0)) {
        result.set(array_buffer(scope, &bytes));
    }
}

/// Returns the bytes of a value, or `None` if V8 cannot write it.
pub(crate) fn write(scope: &mut PinScope, value: v8::Local<v8::Value>) -> Option<Vec<u8>> {
    v8::tc_scope!(let scope, scope);
    let context = scope.get_current_context();
    let writer = v8::ValueSerializer::new(scope, Box::new(Writer));
    writer.write_header();
    writer.write_value(context, value)?;
    Some(writer.release())
}

/// `readValue(buffer, objects)` returns an array with the value of an ArrayBuffer's bytes as its
/// only element, or undefined if they are not those of a value. `objects` has the objects for the
/// numbers of placeholders.
pub(crate) fn read_value(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(arguments.get(0)) else { return };
    let Ok(objects) = v8::Local::<v8::Array>::try_from(arguments.get(1)) else { return };
    let mut bytes = Vec::new();
    fill_buffer(buffer, |filled| bytes = filled.to_vec());
    if let Some(value) = read(scope, &bytes, objects) {
        result.set(v8::Array::new_with_elements(scope, &[value]).into());
    }
}

/// Returns the value of bytes, or `None` if they are not those of a value.
pub(crate) fn read<'s>(
    scope: &mut PinScope<'s, '_>,
    bytes: &[u8],
    objects: v8::Local<v8::Array>,
) -> Option<v8::Local<'s, v8::Value>> {
    if !bytes.starts_with(header(scope)) || bytes.len() > MAX_VALUE_BYTES {
        return None;
    }
    v8::tc_scope!(let scope, scope);
    let context = scope.get_current_context();
    let objects = v8::Global::new(scope, objects);
    let reader = v8::ValueDeserializer::new(scope, Box::new(Reader { objects }), bytes);
    reader.read_header(context).filter(|read| *read)?;
    reader.read_value(context)
}

struct Writer;

impl ValueSerializerImpl for Writer {
    fn throw_data_clone_error<'s>(&self, scope: &mut PinScope<'s, '_>, message: v8::Local<'s, v8::String>) {
        let error = v8::Exception::error(scope, message);
        scope.throw_exception(error);
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        writer: &dyn ValueSerializerHelper,
    ) -> Option<bool> {
        let number = object
            .get_internal_field(scope, 0)
            .and_then(|field| v8::Local::<v8::Value>::try_from(field).ok())
            .and_then(|field| field.uint32_value(scope));
        match number {
            Some(number) => {
                writer.write_uint32(number);
                Some(true)
            }
            None => throw(scope),
        }
    }
}

struct Reader {
    objects: v8::Global<v8::Array>,
}

impl ValueDeserializerImpl for Reader {
    fn read_host_object<'s>(
        &self,
        scope: &mut PinScope<'s, '_>,
        reader: &dyn ValueDeserializerHelper,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let mut number = 0;
        let objects = v8::Local::new(scope, &self.objects);
        let object = if reader.read_uint32(&mut number) && number < objects.length() {
            objects.get_index(scope, number)
        } else {
            None
        };
        match object.and_then(|object| v8::Local::<v8::Object>::try_from(object).ok()) {
            Some(object) => Some(object),
            None => throw(scope),
        }
    }
}

/// Throws an error that only says that a value could not be written or read.
fn throw<T>(scope: &mut PinScope) -> Option<T> {
    let error = v8::undefined(scope);
    scope.throw_exception(error.into());
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::FreshIsolate;

    /// Runs a test in an isolate, with a value of many kinds.
    fn in_isolate(test: impl FnOnce(&mut PinScope, v8::Local<v8::Value>)) {
        crate::v8_process::start(true);
        let mut fresh = FreshIsolate::new(64 << 20);
        let FreshIsolate { isolate, context, .. } = &mut fresh;
        v8::scope!(let scope, isolate);
        let context = v8::Local::new(scope, &*context);
        let scope = &mut v8::ContextScope::new(scope, context);
        let text =
            "({ a: [1, , 'text', 1.5, 2n ** 70n, null], m: new Map([[1, new Set(['x'])]]), d: new Date(5),
            e: new RangeError('m'), r: /a/g, b: new Uint8Array([1, 2, 3]).subarray(1), s: Object('boxed') })";
        let source = v8::String::new(scope, text).unwrap();
        let value = v8::Script::compile(scope, source, None).and_then(|script| script.run(scope)).unwrap();
        test(scope, value);
    }

    #[test]
    fn bytes_that_no_isolate_wrote_are_a_value_or_none() {
        in_isolate(|scope, value| {
            let objects = v8::Array::new(scope, 0);
            let written = write(scope, value).unwrap();
            let again = read(scope, &written, objects).unwrap();
            assert_eq!(write(scope, again).unwrap(), written);
            // Another version of the format, and a placeholder for which there is no object.
            let older = [&[0xff, 1], &written[2..]].concat();
            assert!(read(scope, &older, objects).is_none() && read(scope, &[], objects).is_none());
            let placeholder = [header(scope), b"\\\x05"].concat();
            assert!(read(scope, &placeholder, objects).is_none());
            for at in 2..written.len() {
                for byte in [0, 1, 0x7f, 0xff, b'\\', b'A', b'B', b'V', b'o', b'r', b'^', written[at] ^ 1] {
                    v8::scope!(let scope, scope);
                    let mut changed = written.clone();
                    changed[at] = byte;
                    let _ = read(scope, &changed, objects);
                    let _ = read(scope, &changed[..at], objects);
                }
            }
        });
    }
}
