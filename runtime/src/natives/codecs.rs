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
                codec.compress(input, out, flush).map_err(|_| Invalid)
            }
            Self::Decompress(codec) => {
                codec.decompress(input, out, FlushDecompress::None).map_err(|_| Invalid)
            }
        }
    }
}

/// The data are not valid, end too early, or go on after their end.
#[derive(Debug, PartialEq)]
struct Invalid;

/// One stream: its codec, and the input that it has not read yet.
pub(crate) struct Stream {
    codec: Codec,
    input: Vec<u8>,
    read: usize,
    /// Set if no more input comes.
    last: bool,
    done: bool,
}

impl Stream {
    fn new(format: CompressionFormat, decompress: bool) -> Self {
        Self { codec: Codec::new(format, decompress), input: Vec::new(), read: 0, last: false, done: false }
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
        while filled < out.len() && !self.done {
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
        if self.done && self.read < self.input.len() {
            return Err(Invalid);
        }
        if self.last && !self.done && filled < out.len() {
            return Err(Invalid);
        }
        Ok(filled)
    }
}

/// `codecOpen(format, decompress, handle)` opens a stream of a [`CompressionFormat`], until it is
/// closed or `handle` is collected. Returns its number, or 0 if too many are open or the memory
/// limit has no room for it.
pub(crate) fn codec_open(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    result.set_uint32(0);
    let format = CompressionFormat::from_number(number(scope, &arguments, 0));
    let (Some(format), Ok(handle)) = (format, v8::Local::<v8::Object>::try_from(arguments.get(2))) else {
        return;
    };
    let decompress = arguments.get(1).is_true();
    let stream = Stream::new(format, decompress);
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
/// room for if the stream needs more input, or is at its end; -1 if its input is invalid.
pub(crate) fn codec_read(scope: &mut PinScope, arguments: Arguments, mut result: ReturnValue) {
    let mut read = Err(Invalid);
    if let Some(stream) = STREAMS.get(scope, &arguments, 0) {
        with_buffer(&arguments, 1, |out| read = stream.read(out));
    }
    result.set_double(read.map_or(-1.0, |count| count as f64));
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

    #[test]
    fn chunks_of_any_size_come_back() {
        let text: Vec<u8> = (0..40_000u32).flat_map(|n| (n * n % 251).to_le_bytes()).collect();
        for format in FORMATS {
            for (chunk, room) in [(text.len(), 65_536), (1000, 100), (7, 16)] {
                let packed = run(&mut Stream::new(format, false), &text, chunk, room).unwrap();
                assert!(packed.len() < text.len() / 2, "{format:?}");
                assert_eq!(run(&mut Stream::new(format, true), &packed, chunk, room).unwrap(), text);
            }
        }
    }

    #[test]
    fn damaged_short_and_long_data_are_invalid() {
        for format in FORMATS {
            let packed = run(&mut Stream::new(format, false), b"some text, some text", 64, 64).unwrap();
            let unpack = |data: &[u8]| run(&mut Stream::new(format, true), data, 5, 64);
            assert_eq!(unpack(&packed[..packed.len() - 1]), Err(Invalid), "{format:?}");
            assert_eq!(unpack(&[&packed[..], b"x"].concat()), Err(Invalid), "{format:?}");
            assert_eq!(unpack(b""), Err(Invalid), "{format:?}");
            assert_eq!(unpack(&[0xFF; 40]), Err(Invalid), "{format:?}");
        }
    }
}
