//! Encoding and decoding of text.

use base64_simd::{STANDARD, forgiving_decode_to_vec};
use encoding_rs::{DecoderResult, Encoding, UTF_16BE, UTF_16LE};

use super::*;

/// `encodingName(label)` returns the name of the encoding in lower case, or undefined for an
/// unknown label.
pub(crate) fn encoding_name(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let label = text(scope, &arguments, 0);
    if let Some(encoding) = Encoding::for_label_no_replacement(label.as_bytes()) {
        set_text(scope, &mut result, &encoding.name().to_ascii_lowercase());
    }
}

/// `decode(name, bytes, fatal, stream)` returns the text. It does not look for a byte order mark.
///
/// With `stream`, bytes at the end that can be the start of a character are left out, and their
/// number is appended to the text as a digit. JavaScript puts them before the next chunk, so that
/// no decoder is kept between calls. Returns 0 if the bytes are invalid and `fatal` is true;
/// undefined if the text is too long for a string of V8.
pub(crate) fn decode(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let name = text(scope, &arguments, 0);
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(arguments.get(1)) else { return };
    let (fatal, stream) = (arguments.get(2).is_true(), arguments.get(3).is_true());
    let mut storage = [0; v8::TYPED_ARRAY_MAX_SIZE_IN_HEAP];
    // A slice of V8's memory. No JavaScript runs below, so that it cannot be detached or shrunk.
    let bytes = view.get_contents(&mut storage);

    let encoding = Encoding::for_label(name.as_bytes()).unwrap_or(encoding_rs::UTF_8);
    let held = if stream { unfinished(encoding, bytes) } else { 0 };
    let bytes = &bytes[..bytes.len() - held];

    if encoding == encoding_rs::UTF_8 && !stream {
        // V8's own decoder replaces invalid sequences as the Encoding standard says.
        if fatal && std::str::from_utf8(bytes).is_err() {
            result.set_uint32(0);
        } else if let Some(string) = v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal) {
            result.set(string.into());
        }
        return;
    }
    let decoded = if fatal {
        match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
            Some(decoded) => decoded,
            None => {
                result.set_uint32(0);
                return;
            }
        }
    } else {
        encoding.decode_without_bom_handling(bytes).0
    };
    if stream {
        let mut decoded = decoded.into_owned();
        decoded.push_str(&held.to_string());
        set_text(scope, &mut result, &decoded);
    } else {
        set_text(scope, &mut result, &decoded);
    }
}

/// Returns the number of bytes at the end that can be the start of a character: at most three. Not
/// for ISO-2022-JP, whose escape sequences change the meaning of all that follows; JavaScript
/// collects such a stream and decodes it in one piece.
fn unfinished(encoding: &'static Encoding, bytes: &[u8]) -> usize {
    if encoding == encoding_rs::UTF_8 {
        unfinished_utf8(bytes)
    } else if encoding == UTF_16LE || encoding == UTF_16BE {
        let odd = bytes.len() % 2;
        let high = bytes[..bytes.len() - odd].last_chunk::<2>().is_some_and(|pair| {
            let unit =
                if encoding == UTF_16LE { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
            (0xD800..0xDC00).contains(&unit)
        });
        odd + if high { 2 } else { 0 }
    } else if encoding.is_single_byte() {
        0
    } else {
        (0..=bytes.len().min(3)).find(|held| complete(encoding, &bytes[..bytes.len() - held])).unwrap_or(0)
    }
}

/// Returns the number of bytes at the end that begin a UTF-8 sequence without completing it.
fn unfinished_utf8(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    let Some(lead) = bytes[from..].iter().rposition(|byte| *byte & 0xC0 != 0x80) else { return 0 };
    let tail = &bytes[from + lead..];
    match std::str::from_utf8(tail) {
        // An error without a length: the bytes so far are valid, and more are missing.
        Err(error) if error.error_len().is_none() && error.valid_up_to() == 0 => tail.len(),
        _ => 0,
    }
}

/// Returns `true` if a decoder that has read these bytes is not in the middle of a character.
fn complete(encoding: &'static Encoding, bytes: &[u8]) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut scratch = [0u16; 1024];
    let mut rest = bytes;
    loop {
        let (outcome, read, _) = decoder.decode_to_utf16_without_replacement(rest, &mut scratch, false);
        rest = &rest[read..];
        if outcome == DecoderResult::InputEmpty {
            break;
        }
    }
    let (outcome, _, written) = decoder.decode_to_utf16_without_replacement(&[], &mut scratch, true);
    outcome == DecoderResult::InputEmpty && written == 0
}

/// `decodeUtf8(buffer, fatal, ignoreBOM)` returns the text of UTF-8 bytes in a buffer of the
/// script, without a byte order mark unless `ignoreBOM` is true. Returns 0 if the bytes are invalid
/// and `fatal` is true; undefined if the value is not a buffer, or the text too long for a string.
pub(crate) fn decode_utf8(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let mut storage = [0; v8::TYPED_ARRAY_MAX_SIZE_IN_HEAP];
    let value = arguments.get(0);
    let view: v8::Local<v8::ArrayBufferView> = if let Ok(view) = value.try_into() {
        view
    } else if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(value) {
        let length = buffer.byte_length();
        if length == 0 {
            return result.set_empty_string();
        }
        let Some(view) = v8::Uint8Array::new(scope, buffer, 0, length) else { return };
        view.into()
    } else {
        return;
    };
    // A slice of V8's memory. No JavaScript runs below, so that it cannot be detached or shrunk.
    let mut bytes = view.get_contents(&mut storage);
    if !arguments.get(2).is_true() {
        bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    }
    if bytes.is_ascii() {
        set_bytes(scope, &mut result, bytes);
    } else if arguments.get(1).is_true() && std::str::from_utf8(bytes).is_err() {
        result.set_uint32(0);
    } else if let Some(string) = v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal) {
        result.set(string.into());
    }
}

/// `utf8Bytes(text)` returns a Uint8Array of the text as UTF-8, with lone surrogates replaced, or
/// undefined if the memory limit has no room for it.
pub(crate) fn utf8_bytes(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let Ok(string) = v8::Local::<v8::String>::try_from(arguments.get(0)) else { return };
    // The crate's conversions are several times as fast as V8's, but need a copy.
    const MAX_UNITS: usize = 64 << 10;
    let encoded = (string.length() <= MAX_UNITS).then(|| encoded(scope, string));
    let length = encoded.as_ref().map_or_else(|| string.utf8_length(scope), Vec::len);
    if !has_room(scope, length) {
        return;
    }
    let buffer = v8::ArrayBuffer::new(scope, length);
    fill_buffer(buffer, |bytes| match &encoded {
        Some(encoded) => bytes.copy_from_slice(encoded),
        None => {
            string.write_utf8_v2(scope, bytes, v8::WriteFlags::kReplaceInvalidUtf8, None);
        }
    });
    if let Some(array) = v8::Uint8Array::new(scope, buffer, 0, length) {
        result.set(array.into());
    }
}

/// Returns a text as UTF-8, with lone surrogates replaced.
fn encoded(scope: &mut PinScope, string: v8::Local<v8::String>) -> Vec<u8> {
    use encoding_rs::mem::{convert_latin1_to_utf8, convert_utf16_to_utf8};
    let view = v8::ValueView::new(scope, string);
    match view.data() {
        v8::ValueViewData::OneByte(bytes) if bytes.is_ascii() => bytes.to_vec(),
        v8::ValueViewData::OneByte(bytes) => {
            let mut encoded = vec![0; bytes.len() * 2];
            let length = convert_latin1_to_utf8(bytes, &mut encoded);
            encoded.truncate(length);
            encoded
        }
        v8::ValueViewData::TwoByte(units) => {
            // The function needs one byte more than the longest result.
            let mut encoded = vec![0; units.len() * 3 + 1];
            let length = convert_utf16_to_utf8(units, &mut encoded);
            encoded.truncate(length);
            encoded
        }
    }
}

/// `utf8Length(text)` returns the length of the text as UTF-8, with lone surrogates replaced.
pub(crate) fn utf8_length(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    if let Ok(string) = v8::Local::<v8::String>::try_from(arguments.get(0)) {
        result.set_double(string.utf8_length(scope) as f64);
    }
}

/// `encodeUtf8(text, buffer)` fills the buffer with as many whole characters of the text as fit, as
/// UTF-8. Returns the number of UTF-16 units that were read. JavaScript allocates the buffer:
/// there, a lack of memory is a RangeError; here it would end the process.
pub(crate) fn encode_utf8(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let Ok(string) = v8::Local::<v8::String>::try_from(arguments.get(0)) else { return };
    let mut read = 0;
    with_buffer(&arguments, 1, |bytes| {
        string.write_utf8_v2(scope, bytes, v8::WriteFlags::kReplaceInvalidUtf8, Some(&mut read));
    });
    result.set_double(read as f64);
}

/// `encodeBase64(bytes)` returns the text, or undefined if it is too long for a string of V8.
pub(crate) fn encode_base64(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(arguments.get(0)) else { return };
    let mut storage = [0; v8::TYPED_ARRAY_MAX_SIZE_IN_HEAP];
    let encoded: Vec<u8> = STANDARD.encode_type(view.get_contents(&mut storage));
    set_bytes(scope, &mut result, &encoded);
}

/// Gives the characters of a text to `read` as bytes. Returns `None` if one is above U+00FF.
fn with_bytes<R>(
    scope: &mut PinScope,
    arguments: &Arguments,
    index: i32,
    read: impl FnOnce(&[u8]) -> R,
) -> Option<R> {
    let string = v8::Local::<v8::String>::try_from(arguments.get(index)).ok()?;
    let view = v8::ValueView::new(scope, string);
    match view.data() {
        v8::ValueViewData::OneByte(bytes) => Some(read(bytes)),
        v8::ValueViewData::TwoByte(units) => {
            let bytes: Option<Vec<u8>> = units.iter().map(|unit| u8::try_from(*unit).ok()).collect();
            bytes.map(|bytes| read(&bytes))
        }
    }
}

/// `encodeBase64Text(text)` returns the base64 of characters that stand for bytes: 0 if one of them
/// is above U+00FF, undefined if the result is too long for a string of V8.
pub(crate) fn encode_base64_text(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    match with_bytes(scope, &arguments, 0, |bytes| STANDARD.encode_type::<Vec<u8>>(bytes)) {
        Some(encoded) => set_bytes(scope, &mut result, &encoded),
        None => result.set_uint32(0),
    }
}

/// `decodeBase64(text)` returns the bytes as a string of characters below U+0100, or undefined if
/// the text is not valid base64, by the forgiving rules of the Infra standard: without white space,
/// padding is optional, and the bits after the last byte are ignored.
pub(crate) fn decode_base64(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    if let Some(Ok(bytes)) = with_bytes(scope, &arguments, 0, forgiving_decode_to_vec) {
        set_bytes(scope, &mut result, &bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_utf8_is_found_at_the_end_only() {
        let euro = "€".as_bytes();
        let smile = "😀".as_bytes();
        for (bytes, held) in [
            (b"".as_slice(), 0),
            (b"abc", 0),
            (&euro[..1], 1),
            (&euro[..2], 2),
            (euro, 0),
            (&smile[..3], 3),
            (smile, 0),
            (&[0x80, 0x80, 0x80], 0),
            (&[0xFF], 0),
            (&[0xE2, 0x28], 0),
            (&[0xC0], 0),
        ] {
            assert_eq!(unfinished_utf8(bytes), held, "{bytes:x?}");
        }
    }

    #[test]
    fn base64_is_forgiving_as_the_standard_says() {
        for (text, expected) in [
            ("", Some("")),
            ("YQ==", Some("a")),
            ("YQ", Some("a")),
            (" Y\tQ\n=\x0c=\r", Some("a")),
            ("YR==", Some("a")),
            ("YWI=", Some("ab")),
            ("YWJj", Some("abc")),
            ("Y", None),
            ("YQ=", None),
            ("YQ===", None),
            ("YWJj====", None),
            ("YWI==", None),
            ("=", None),
            ("YQ==YQ==", None),
            ("YW-_", None),
            ("Y\x0bQ==", None),
        ] {
            let found = forgiving_decode_to_vec(text.as_bytes()).ok();
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{text:?}");
        }
    }

    #[test]
    fn chunks_of_any_size_decode_as_the_whole() {
        let texts = [
            ("shift_jis", "日本語テスト"),
            ("gb18030", "漢字€😀"),
            ("big5", "中文"),
            ("euc-kr", "한국어"),
            ("euc-jp", "日本"),
        ];
        for (label, text) in texts {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let whole = encoding.encode(text).0.into_owned();
            for size in 1..whole.len() {
                let (mut held, mut decoded) = (Vec::new(), String::new());
                for chunk in whole.chunks(size) {
                    held.extend_from_slice(chunk);
                    let keep = unfinished(encoding, &held);
                    let rest = held.split_off(held.len() - keep);
                    decoded.push_str(&encoding.decode_without_bom_handling(&held).0);
                    held = rest;
                }
                assert_eq!(decoded, text, "{label} in chunks of {size}");
            }
        }
    }
}
