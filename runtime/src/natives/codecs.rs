//! Compression in chunks. The state of a stream is kept here between calls, under a number.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::host_objects::{HostObjects, Kind};
use super::*;
use crate::shared_enums::CompressionFormat;

/// The streams of a run that are being compressed or decompressed.
pub(crate) type Streams = HostObjects<Stream>;

/// The memory of one stream at most.
pub(crate) const STATE_BYTES: usize = 300 << 10;

static STREAMS: Kind<Stream> = Kind { max_open: 64, bytes: STATE_BYTES, table: |state| &mut state.codecs };

/// The size of the window as a power of two: what every decoder understands.
const WINDOW_BITS: u8 = 15;

enum Codec {
    Compress(Compress),
    Decompress(Decompress),
}

impl Codec {
    fn new(format: CompressionFormat, decompress: bool) -> Self {
        let level = Compression::default();
        match (format, decompress) {
            (CompressionFormat::Gzip, false) => Self::Compress(Compress::new_gzip(level, WINDOW_BITS)),
            (CompressionFormat::Deflate, false) => Self::Compress(Compress::new(level, true)),
            (CompressionFormat::DeflateRaw, false) => Self::Compress(Compress::new(level, false)),
            (CompressionFormat::Gzip, true) => Self::Decompress(Decompress::new_gzip(WINDOW_BITS)),
            (CompressionFormat::Deflate, true) => Self::Decompress(Decompress::new(true)),
            (CompressionFormat::DeflateRaw, true) => Self::Decompress(Decompress::new(false)),
        }
    }

    fn totals(&self) -> (u64, u64) {
        match self {
            Self::Compress(codec) => (codec.total_in(), codec.total_out()),
            Self::Decompress(codec) => (codec.total_in(), codec.total_out()),
        }
    }

    fn step(&mut self, input: &[u8], out: &mut [u8], last: bool) -> Result<Status, Invalid> {
        match self {
            Self::Compress(codec) => {
                let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
                codec.compress(input, out, flush).map_err(|error| Invalid::of(error.message()))
            }
            Self::Decompress(codec) => codec
                .decompress(input, out, FlushDecompress::None)
                .map_err(|error| Invalid::of(error.message())),
        }
    }
}

/// The data are not valid, end too early, or go on after their end. The text is zlib's, as in
/// Node.js.
#[derive(Debug, PartialEq)]
struct Invalid(String);

impl Invalid {
    fn of(message: Option<&str>) -> Self {
        Self(message.unwrap_or("invalid data").to_owned())
    }
}

/// The meaning of input after the end of compressed data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trailing {
    /// It is an error, as for a `DecompressionStream`.
    Invalid,
    /// It is another member, of which a file of gzip may have several, unless it begins with a
    /// zero: Node.js takes zeros for padding.
    Member,
    /// It is ignored, as Node.js does.
    Ignored,
}

impl Trailing {
    fn of(format: CompressionFormat, like_node: bool) -> Self {
        match (like_node, format) {
            (false, _) => Self::Invalid,
            (true, CompressionFormat::Gzip) => Self::Member,
            (true, _) => Self::Ignored,
        }
    }
}

/// One stream: its codec, and the input that it has not read yet.
pub(crate) struct Stream {
    codec: Codec,
    trailing: Trailing,
    input: Vec<u8>,
    read: usize,
    /// Set if no more input comes.
    last: bool,
    /// Set at the end of the compressed data.
    done: bool,
}

impl Stream {
    fn new(format: CompressionFormat, decompress: bool, like_node: bool) -> Self {
        let (codec, trailing) = (Codec::new(format, decompress), Trailing::of(format, like_node));
        Self { codec, trailing, input: Vec::new(), read: 0, last: false, done: false }
    }

    fn write(&mut self, bytes: Vec<u8>) {
        self.input.drain(..self.read);
        self.read = 0;
        if self.input.is_empty() { self.input = bytes } else { self.input.extend(bytes) }
    }

    /// Fills `out` as far as the input goes. Returns the number of bytes: fewer than there is room
    /// for if more input is needed, or if this was the end.
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Invalid> {
        let mut filled = 0;
        while filled < out.len() && self.has_more()? {
            let before = self.codec.totals();
            let status = self.codec.step(&self.input[self.read..], &mut out[filled..], self.last)?;
            let after = self.codec.totals();
            self.read += (after.0 - before.0) as usize;
            filled += (after.1 - before.1) as usize;
            if status == Status::StreamEnd {
                self.done = true;
            } else if after == before {
                break;
            }
        }
        if self.last && !self.done && filled < out.len() {
            return Err(Invalid("unexpected end of file".to_owned()));
        }
        Ok(filled)
    }

    /// Returns `true` unless the compressed data have ended. Begins their next member if there is
    /// one.
    fn has_more(&mut self) -> Result<bool, Invalid> {
        let next = self.input.get(self.read).copied();
        match (self.done, next, self.trailing) {
            (false, ..) => return Ok(true),
            (true, None, _) => {}
            (true, Some(_), Trailing::Invalid) => {
                return Err(Invalid("there is more data after the end of the compressed data".to_owned()));
            }
            (true, Some(1..), Trailing::Member) => {
                self.codec = Codec::new(CompressionFormat::Gzip, true);
                self.done = false;
                return Ok(true);
            }
            (true, Some(_), _) => {
                self.trailing = Trailing::Ignored;
                self.read = self.input.len();
            }
        }
        Ok(false)
    }
}

/// `codecOpen(format, decompress, handle, likeNode)` opens a stream of a [`CompressionFormat`],
/// until it is closed or `handle` is collected. With `likeNode` data may go on after their end, as
/// in Node.js. Returns its number, or 0 if too many are open or the memory limit has no room for
/// it.
pub(crate) fn codec_open(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    result.set_uint32(0);
    let format = CompressionFormat::from_number(number(scope, &arguments, 0));
    let (Some(format), Ok(handle)) = (format, v8::Local::<v8::Object>::try_from(arguments.get(2))) else {
        return;
    };
    let decompress = arguments.get(1).is_true();
    let stream = Stream::new(format, decompress, arguments.get(3).is_true());
    result.set_uint32(STREAMS.open(scope, handle, stream).unwrap_or(0));
}

/// `codecWrite(id, bytes)` gives a stream more input.
pub(crate) fn codec_write(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let bytes = copied(&arguments, 1);
    if let Some(stream) = STREAMS.get(scope, &arguments, 0) {
        stream.write(bytes);
    }
}

/// `codecEnd(id)` tells a stream that it has all input.
pub(crate) fn codec_end(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    if let Some(stream) = STREAMS.get(scope, &arguments, 0) {
        stream.last = true;
    }
}

/// `codecRead(id, out)` fills the buffer `out`. Returns the number of bytes: fewer than there is
/// room for if the stream needs more input, or is at its end; or a text if its input is invalid.
pub(crate) fn codec_read(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let mut read = Err(Invalid::of(None));
    if let Some(stream) = STREAMS.get(scope, &arguments, 0) {
        with_buffer(&arguments, 1, |out| read = stream.read(out));
    }
    match read {
        Ok(count) => result.set_double(count as f64),
        Err(Invalid(reason)) => set_text(scope, &mut result, &reason),
    }
}

/// `codecClose(id)` frees the state of a stream.
pub(crate) fn codec_close(scope: &mut PinScope, arguments: Arguments, _: ReturnValue) {
    let number = number(scope, &arguments, 0) as u32;
    STREAMS.close(scope, number);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: [CompressionFormat; 3] =
        [CompressionFormat::Gzip, CompressionFormat::Deflate, CompressionFormat::DeflateRaw];

    fn run(stream: &mut Stream, input: &[u8], chunk: usize, room: usize) -> Result<Vec<u8>, Invalid> {
        let mut out = Vec::new();
        let mut buffer = vec![0; room];
        let mut drain = |stream: &mut Stream| loop {
            let count = stream.read(&mut buffer)?;
            out.extend_from_slice(&buffer[..count]);
            if count < room {
                return Ok(());
            }
        };
        for chunk in input.chunks(chunk) {
            stream.write(chunk.to_vec());
            drain(stream)?;
        }
        stream.last = true;
        drain(stream)?;
        Ok(out)
    }

    fn pack(format: CompressionFormat, bytes: &[u8], chunk: usize, room: usize) -> Vec<u8> {
        run(&mut Stream::new(format, false, false), bytes, chunk, room).unwrap()
    }

    fn invalid(reason: &str) -> Result<Vec<u8>, Invalid> {
        Err(Invalid(reason.to_owned()))
    }

    #[test]
    fn chunks_of_any_size_come_back() {
        let text: Vec<u8> = (0..40_000u32).flat_map(|n| (n * n % 251).to_le_bytes()).collect();
        for format in FORMATS {
            for (chunk, room) in [(text.len(), 65_536), (1000, 100), (7, 16)] {
                let packed = pack(format, &text, chunk, room);
                assert!(packed.len() < text.len() / 2, "{format:?}");
                assert_eq!(run(&mut Stream::new(format, true, false), &packed, chunk, room).unwrap(), text);
            }
        }
    }

    #[test]
    fn damaged_short_and_long_data_are_invalid() {
        for format in FORMATS {
            let packed = pack(format, b"some text, some text", 64, 64);
            let unpack = |data: &[u8]| run(&mut Stream::new(format, true, false), data, 5, 64);
            assert_eq!(unpack(&packed[..packed.len() - 1]), invalid("unexpected end of file"), "{format:?}");
            let long = unpack(&[&packed[..], b"x"].concat());
            assert_eq!(long, invalid("there is more data after the end of the compressed data"));
            assert_eq!(unpack(b""), invalid("unexpected end of file"), "{format:?}");
            assert!(unpack(&[0xFF; 40]).is_err(), "{format:?}");
        }
    }

    /// The expected results are those of Node.js.
    #[test]
    fn data_after_the_end_are_read_as_in_node() {
        let (a, b) =
            (pack(CompressionFormat::Gzip, b"abc", 64, 64), pack(CompressionFormat::Gzip, b"def", 64, 64));
        let zeros: &[u8] = &[0; 10];
        let check = |parts: &[&[u8]], expected: Result<&str, &str>| {
            for chunk in [1, 4096] {
                let stream = &mut Stream::new(CompressionFormat::Gzip, true, true);
                let unpacked = run(stream, &parts.concat(), chunk, 64);
                let expected = expected.map(|text| text.as_bytes().to_vec());
                assert_eq!(
                    unpacked,
                    expected.map_err(|text| Invalid(text.to_owned())),
                    "{parts:?} by {chunk}"
                );
            }
        };
        check(&[&a, &b], Ok("abcdef"));
        check(&[&a, zeros], Ok("abc"));
        check(&[&a, zeros, b"xyz"], Ok("abc"));
        check(&[&a, zeros, &b], Ok("abc"));
        check(&[&a, b"xyz"], Err("incorrect header check"));
        check(&[&a, b"x"], Err("unexpected end of file"));
        check(&[&a, &[0x1F, 0x8B, 0xFF, 0xFF]], Err("unknown compression method"));
        check(&[&a, &b[..b.len() - 1]], Err("unexpected end of file"));
        check(&[b"hello, this is not gzip"], Err("incorrect header check"));
        for format in [CompressionFormat::Deflate, CompressionFormat::DeflateRaw] {
            let long = [&pack(format, b"abc", 64, 64)[..], b"xyz"].concat();
            assert_eq!(run(&mut Stream::new(format, true, true), &long, 1, 64).unwrap(), b"abc");
        }
    }
}
