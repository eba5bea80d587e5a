//! The check of UTF-8 that comes in pieces.

/// The check of a text that comes in pieces, which may end within a character.
#[derive(Debug, Default)]
pub struct Utf8Stream {
    /// The beginning of a character whose end has not come.
    begun: [u8; 4],
    length: usize,
}

impl Utf8Stream {
    /// Takes the next piece of a text. Returns `false` if the text is not valid UTF-8: at once, if
    /// it cannot become valid any more. After a last piece the next text begins.
    pub fn push(&mut self, mut piece: &[u8], is_last: bool) -> bool {
        while self.length > 0
            && let Some((byte, rest)) = piece.split_first()
        {
            (self.begun[self.length], piece) = (*byte, rest);
            self.length += 1;
            match std::str::from_utf8(&self.begun[..self.length]) {
                Ok(_) => self.length = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return false,
            }
        }
        if let Err(error) = std::str::from_utf8(piece) {
            if error.error_len().is_some() {
                return false;
            }
            let begun = &piece[error.valid_up_to()..];
            self.begun[..begun.len()].copy_from_slice(begun);
            self.length = begun.len();
        }
        !is_last || std::mem::take(&mut self.length) == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_that_cannot_become_valid_is_noticed_at_once() {
        for (pieces, valid) in [
            (&[&b"a"[..], b"\xc3", b"\xa9"][..], true),
            (&[b"\xf0\x9f", b"", b"\x98", b"\x80x"], true),
            (&[b"\xc3"], false),
            (&[b"\xf4\x90"], false),
            (&[b"\xed", b"\xa0"], false),
            (&[b"\xce", b"\xba\xff"], false),
        ] {
            let mut text = Utf8Stream::default();
            let last = pieces.len() - 1;
            let found = pieces.iter().enumerate().all(|(at, piece)| text.push(piece, at == last));
            assert_eq!(found, valid, "{pieces:?}");
        }
        assert!(!Utf8Stream::default().push(b"\xf4\x90", false));
    }

    proptest! {
        #[test]
        fn pieces_are_as_valid_as_the_whole(
            parts in prop::collection::vec(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..4),
                    ".{0,3}".prop_map(String::into_bytes),
                    prop::sample::select(vec![vec![0xf0, 0x9f], vec![0x98, 0x80], vec![0xc3], vec![0xa9]]),
                ],
                1..6,
            ),
        ) {
            let whole = parts.concat();
            let mut text = Utf8Stream::default();
            let last = parts.len() - 1;
            let found = parts.iter().enumerate().all(|(at, part)| text.push(part, at == last));
            prop_assert_eq!(found, std::str::from_utf8(&whole).is_ok());
        }
    }
}
