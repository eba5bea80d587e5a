//! Sends and receives frames with file descriptors (`SCM_RIGHTS`), on the socket between the broker
//! and a zygote.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};

use crate::process::zygote::syscall_token;

/// Sends a frame with one or two descriptors, in a zygote. The frame must be short, as it is sent
/// in one piece.
///
/// # Errors
/// Returns an error if the broker has closed the socket or the frame does not fit into its buffer.
pub(crate) fn send_with_descriptors<const COUNT: usize>(
    socket: &UnixStream,
    frame: &[u8],
    descriptors: &[BorrowedFd<'_>; COUNT],
) -> io::Result<()> {
    const { assert!(0 < COUNT && COUNT <= 2) };
    /// A control message: a header, and behind it the descriptors. It is aligned as the header.
    #[repr(C)]
    struct Rights {
        header: libc::cmsghdr,
        descriptors: [RawFd; 2],
    }
    // SAFETY: both structures consist of integers and pointers, for which zero is a valid value.
    let (mut header, mut message): (libc::cmsghdr, libc::msghdr) = unsafe { std::mem::zeroed() };
    header.cmsg_level = libc::SOL_SOCKET;
    header.cmsg_type = libc::SCM_RIGHTS;
    // SAFETY: the function only computes a number.
    header.cmsg_len = unsafe { libc::CMSG_LEN(size_of::<[RawFd; COUNT]>() as u32) } as _;
    let mut rights = Rights { header, descriptors: [-1; 2] };
    for (place, descriptor) in rights.descriptors.iter_mut().zip(descriptors) {
        *place = descriptor.as_raw_fd();
    }
    let mut part = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut rights).cast();
    message.msg_controllen = size_of::<Rights>() as _;
    let flags = libc::MSG_NOSIGNAL as usize;
    let arguments = [socket.as_raw_fd() as usize, (&raw const message) as usize, flags, 0, 0];
    let sent = loop {
        // SAFETY: the message and everything it points to live until the call returns, and the
        // call does not write to them.
        match unsafe { syscall_token::syscall(libc::SYS_sendmsg, arguments) } {
            Ok(sent) => break sent,
            // More descriptors are in flight than this user may have: the broker is slow to
            // receive them.
            Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    if sent == frame.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Receives what has arrived, appends it to `bytes` and `descriptors`, and returns the number of
/// bytes: 0 at the end of the connection.
///
/// # Errors
/// Returns `WouldBlock` if nothing has arrived, and other errors if the connection is broken.
pub(crate) fn receive_with_descriptors(
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
        // Not all descriptors could be opened here, and a runner needs both of its own. The kernel
        // never joins two messages with descriptors, so all of these belong to one message.
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
        send_with_descriptors(&here, b"one", &[carried.as_fd(), here.as_fd()]).unwrap();
        (&here).write_all(b"two").unwrap();
        let (mut bytes, mut descriptors) = (Vec::new(), VecDeque::new());
        while bytes.len() < 6 {
            receive_with_descriptors(&there, &mut bytes, &mut descriptors).unwrap();
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
