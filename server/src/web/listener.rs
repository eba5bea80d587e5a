//! The listener of a server: on an address, or on a UNIX socket, which neither other users nor web
//! pages can reach.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, fchmod};
use rustix::io::{Errno, FdFlags, fcntl_setfd, ioctl_fionbio};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, connect, listen, socket};
use tokio::net::{TcpListener, UnixListener};

use super::disconnect::ClientSocket;
use crate::settings::address::ListenAddress;

/// The mode of a socket's file: only its owner can connect.
const SOCKET_MODE: u32 = 0o600;

/// The number of connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// A bound listener.
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// A UNIX socket, and its file.
    Unix {
        /// The socket.
        listener: UnixListener,
        /// Its file.
        file: SocketFile,
    },
}

impl Listener {
    /// Binds to an address or a path. Only the owner can use a socket's file.
    pub async fn bind(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            ListenAddress::Unix(path) => {
                let (socket, file) = bind_unix(path)?;
                Ok(Self::Unix { listener: UnixListener::from_std(socket.into())?, file })
            }
        }
    }

    /// Returns the address with the port that was assigned; `None` for a UNIX socket.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }

    /// Returns the address as people type it: `http://127.0.0.1:8788`, or `unix:PATH`.
    pub fn shown(&self) -> String {
        match self {
            Self::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|_| "http".to_owned(), |address| format!("http://{address}")),
            Self::Unix { file, .. } => format!("unix:{}", file.path.display()),
        }
    }

    /// Accepts the next connection. Returns the address of its other end, which UNIX sockets do not
    /// have.
    pub async fn accept(&self) -> io::Result<(ClientSocket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok((ClientSocket::new(stream), Some(peer)))
            }
            Self::Unix { listener, .. } => Ok((ClientSocket::new(listener.accept().await?.0), None)),
        }
    }
}

/// The file of a socket. Dropping it removes the file.
pub struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The file may belong to another server by now.
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

fn bind_unix(path: &Path) -> io::Result<(OwnedFd, SocketFile)> {
    let address = SocketAddrUnix::new(path)?;
    let socket = unix_socket()?;
    // Linux takes the mode of the file from the socket, so the file is never open to others.
    let _ = fchmod(&socket, Mode::RUSR | Mode::WUSR);
    match bind(&socket, &address) {
        Err(Errno::ADDRINUSE) => {
            remove_stale(path, &address)?;
            bind(&socket, &address)?;
        }
        bound => bound?,
    }
    let file = SocketFile { path: path.to_owned(), inode: inode(path)? };
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
    listen(&socket, BACKLOG)?;
    Ok((socket, file))
}

/// Removes the socket of a server that was killed. Refuses to remove anything else.
fn remove_stale(path: &Path, address: &SocketAddrUnix) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the path exists and is not a socket"));
    }
    match connect(unix_socket()?, address) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path),
        // The server listens, even if its backlog is full.
        Ok(()) | Err(Errno::AGAIN) => {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens on this socket"))
        }
        Err(error) => Err(error.into()),
    }
}

fn unix_socket() -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    ioctl_fionbio(&socket, true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn a_socket_is_private_and_replaces_only_an_abandoned_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("isolet.sock");
        let address = ListenAddress::Unix(path.clone());
        let first = Listener::bind(&address).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        let error = Listener::bind(&address).await.err().expect("it is taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).expect("the first one still listens");
        drop(first);
        assert!(!path.exists(), "it is gone with its server");

        // The socket of a killed server.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let second = Listener::bind(&address).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, SOCKET_MODE);
        // A server whose file was replaced does not remove the replacement.
        fs::remove_file(&path).unwrap();
        let third = Listener::bind(&address).await.unwrap();
        drop(second);
        UnixStream::connect(&path).expect("the third one listens");
        drop(third);

        fs::write(&path, "precious").unwrap();
        let error = Listener::bind(&address).await.err().expect("a file");
        assert!(error.to_string().contains("not a socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        let link = folder.path().join("link");
        symlink(folder.path().join("elsewhere"), &link).unwrap();
        assert!(Listener::bind(&ListenAddress::Unix(link)).await.is_err(), "links are not followed");
    }
}
