//! Bytes in order that wait for their reader.

use std::collections::VecDeque;

/// The length up to which parts that follow each other are joined, in bytes.
const JOINED_BYTES: usize = 8 << 10;

/// The capacity of a part before it is written, in bytes: enough for the head of most requests.
const PART_BYTES: usize = 512;

/// Bytes in order. Short parts are joined, so that the queue needs no more than twice the memory of
/// its bytes, whatever the length of the parts. Bytes that were read are given back part by part.
#[derive(Debug, Default)]
pub(crate) struct ByteQueue {
    parts: VecDeque<Vec<u8>>,
    /// The number of bytes of the first part that were read.
    read: usize,
    length: usize,
}

impl ByteQueue {
    /// Returns the number of bytes that were not read.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends a part.
    pub(crate) fn push(&mut self, part: Vec<u8>) {
        if part.is_empty() {
            return;
        }
        self.length += part.len();
        match self.parts.back_mut() {
            Some(last) if last.len() + part.len() <= JOINED_BYTES => last.extend_from_slice(&part),
            _ => self.parts.push_back(part),
        }
    }

    /// Appends what `write` appends to a buffer. If it fails, nothing is appended.
    ///
    /// # Errors
    /// Returns the error of `write`.
    pub(crate) fn append<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let mut part = Vec::with_capacity(PART_BYTES);
        write(&mut part)?;
        self.push(part);
        Ok(())
    }

    /// Returns the beginning of the bytes; all of them if the queue has one part.
    pub(crate) fn front(&self) -> &[u8] {
        self.parts.front().map_or(&[], |first| &first[self.read..])
    }

    /// Drops bytes of the front that were read.
    pub(crate) fn advance(&mut self, bytes: usize) {
        let front = self.front().len();
        let read = bytes.min(front);
        self.length -= read;
        if read == front {
            self.parts.pop_front();
            self.read = 0;
        } else {
            self.read += read;
        }
    }

    /// Takes the first part.
    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        let mut first = self.parts.pop_front()?;
        first.drain(..std::mem::take(&mut self.read));
        self.length -= first.len();
        Some(first)
    }

    /// Drops all bytes.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl ByteQueue {
        /// Returns the memory that the parts occupy.
        fn capacity(&self) -> usize {
            self.parts.iter().map(|part| part.capacity() + size_of::<Vec<u8>>()).sum()
        }
    }

    #[test]
    fn bytes_that_were_read_are_given_back_while_others_wait() {
        let mut queue = ByteQueue::default();
        for _ in 0..100 {
            queue.push(vec![1; 1 << 20]);
            queue.advance(queue.len().min(1 << 20) - 1);
            queue.advance(1);
            queue.push(vec![2; 10]);
            while queue.len() > 1 {
                queue.advance(queue.len() - 1);
            }
            assert!(queue.capacity() < 2 << 20, "{}", queue.capacity());
        }
    }

    #[test]
    fn many_short_parts_are_few_long_ones() {
        let mut queue = ByteQueue::default();
        (0..100_000).for_each(|_| queue.push(vec![7]));
        assert!(queue.capacity() < 300_000, "{}", queue.capacity());
        assert_eq!(queue.pop().map(|part| part.len()), Some(JOINED_BYTES));
    }

    proptest! {
        #[test]
        fn bytes_leave_in_the_order_in_which_they_came(
            steps in prop::collection::vec((0usize..20_000, 0usize..30_000, any::<bool>()), 0..40),
        ) {
            let (mut queue, mut model, mut next) = (ByteQueue::default(), VecDeque::new(), 0u8);
            for (pushed, read, whole) in steps {
                let part: Vec<u8> = (0..pushed).map(|_| { next = next.wrapping_add(1); next }).collect();
                model.extend(&part);
                queue.push(part);
                let taken = if whole {
                    queue.pop().unwrap_or_default()
                } else {
                    let taken = queue.front()[..read.min(queue.front().len())].to_vec();
                    queue.advance(read);
                    taken
                };
                let expected: Vec<u8> = model.drain(..taken.len()).collect();
                prop_assert_eq!(taken, expected);
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.is_empty(), queue.front().is_empty());
            }
        }
    }
}
