//! Bodies with `Content-Encoding: gzip`, which isolet compresses as Cloudflare does: a Worker
//! writes plain bytes, unless its response has `encodeBody: "manual"`.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::protocol::ResponseHead;

/// Compresses one body.
pub(crate) struct BodyEncoder(GzEncoder<Vec<u8>>);

impl BodyEncoder {
    /// Returns the encoder of a response's body, if it is to be compressed.
    pub(crate) fn of(head: &ResponseHead) -> Option<Self> {
        let mut encodings = head.headers.iter().filter(|(name, _)| name == "content-encoding");
        let gzip = |value: &str| matches!(value.trim().to_ascii_lowercase().as_str(), "gzip" | "x-gzip");
        let only = encodings.next().is_some_and(|(_, value)| gzip(value)) && encodings.next().is_none();
        (only && !head.encoded).then(|| Self(GzEncoder::new(Vec::new(), Compression::fast())))
    }

    /// Compresses a piece, and returns what the reader needs to read all of it.
    pub(crate) fn encode(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.0.write_all(bytes)?;
        self.0.flush()?;
        Ok(std::mem::take(self.0.get_mut()))
    }

    /// Compresses a whole body.
    pub(crate) fn encode_whole(mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.0.write_all(bytes)?;
        self.finish()
    }

    /// Returns the end of the body.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::MultiGzDecoder;

    use super::*;

    fn head(encodings: &[&str], encoded: bool) -> ResponseHead {
        let headers = encodings.iter().map(|value| ("content-encoding".to_owned(), (*value).to_owned()));
        ResponseHead { status: 200, status_text: String::new(), headers: headers.collect(), encoded }
    }

    fn plain(gzip: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        MultiGzDecoder::new(gzip).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn only_gzip_that_was_not_made_by_hand_is_compressed() {
        assert!(BodyEncoder::of(&head(&["gzip"], false)).is_some());
        assert!(BodyEncoder::of(&head(&["GZIP"], false)).is_some());
        assert!(BodyEncoder::of(&head(&["gzip"], true)).is_none());
        assert!(BodyEncoder::of(&head(&["br"], false)).is_none());
        assert!(BodyEncoder::of(&head(&["gzip", "br"], false)).is_none());
        assert!(BodyEncoder::of(&head(&[], false)).is_none());
    }

    #[test]
    fn pieces_can_be_read_as_they_come() {
        let encoder = || BodyEncoder::of(&head(&["gzip"], false)).unwrap();
        assert_eq!(plain(&encoder().encode_whole(b"whole").unwrap()), b"whole");
        let mut pieces = encoder();
        let first = pieces.encode(b"one ").unwrap();
        let mut read = [0; 4];
        MultiGzDecoder::new(&first[..]).read_exact(&mut read).unwrap();
        assert_eq!(&read, b"one ");
        let all = [first, pieces.encode(b"two").unwrap(), pieces.finish().unwrap()].concat();
        assert_eq!(plain(&all), b"one two");
    }
}
