//! The socket between broker and zygote: frames, and with them descriptors.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// Sends a frame with descriptors; it must be short, as it goes in one piece.
///
/// # Errors
/// When the broker is gone, or the frame did not fit into the socket's buffer.
pub(crate) fn send(socket: &UnixStream, frame: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    let sent = loop {
        match sendmsg(socket, &[IoSlice::new(frame)], &mut ancillary, SendFlags::NOSIGNAL) {
            // More descriptors are on their way than this user may have there: the broker is slow to take them.
            Err(Errno::TOOMANYREFS) => std::thread::sleep(Duration::from_millis(1)),
            Err(Errno::INTR) => {}
            sent => break sent?,
        }
    };
    if sent == frame.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Takes what has arrived: bytes to the end of `bytes`, descriptors to the end of `descriptors`. The number of bytes, none
/// at the end.
///
/// # Errors
/// `WouldBlock` when nothing has arrived; others when the connection is broken.
pub(crate) fn receive(
    socket: impl AsFd,
    bytes: &mut Vec<u8>,
    descriptors: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    let mut part = [0; 16 << 10];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(socket, &mut [IoSliceMut::new(&mut part)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            descriptors.extend(fds);
        }
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        // Not all could be opened here, and half a runner is of no use. A message with descriptors is never joined to
        // another one, so all of these belong together.
        descriptors.clear();
    }
    bytes.extend_from_slice(&part[..received.bytes]);
    Ok(received.bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn descriptors_travel_with_their_frames() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut carried, mut other) = UnixStream::pair().unwrap();
        send(&here, b"one", &[carried.as_fd(), here.as_fd()]).unwrap();
        (&here).write_all(b"two").unwrap();
        let (mut bytes, mut descriptors) = (Vec::new(), VecDeque::new());
        while bytes.len() < 6 {
            receive(&there, &mut bytes, &mut descriptors).unwrap();
        }
        assert_eq!((&bytes[..], descriptors.len()), (&b"onetwo"[..], 2));
        let mut copy = UnixStream::from(descriptors.pop_front().unwrap());
        carried.shutdown(std::net::Shutdown::Read).unwrap();
        copy.write_all(b"x").unwrap();
        let mut byte = [0];
        Read::read_exact(&mut other, &mut byte).unwrap();
        assert_eq!(byte, *b"x");
        let _ = carried.flush();
    }
}
