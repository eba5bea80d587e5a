//! Static files as answers to requests, and to what the Worker fetches through its binding.
//!
//! isolet's own process reads the files. A large one is read as it is sent.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use isolet_bindings::text;
use isolet_runtime::{
    BrokenBody, FetchBindings, FetchFuture, FetchHost, FetchRequest, FetchedBody, FetchedResponse,
    RequestHead, ResponseHead,
};
use isolet_wrangler_compat::{AssetAnswer, AssetRequest, Assets};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tokio::io::AsyncReadExt as _;

use super::exchange::WorkerBody;
use super::heads::CONNECTION_HEADERS;
use super::request_log::{OpenRequest, RequestEnd};

/// The longest file that is read at once, in bytes. The others are read in pieces of this size.
const MAX_WHOLE_BYTES: usize = 64 << 10;

/// The static assets of a project.
#[derive(Clone)]
pub struct AssetServer(Arc<Assets>);

/// An answer, with its file open.
pub struct AnsweredAsset {
    answer: AssetAnswer,
    content: Content,
}

/// The content of an answer.
enum Content {
    /// There is none, or it is not sent.
    None,
    Whole(Bytes),
    File(File),
}

impl AssetServer {
    pub fn new(assets: Assets) -> Self {
        Self(Arc::new(assets))
    }

    /// Adds the binding through which the Worker fetches assets.
    pub fn add_to(&self, bindings: &mut FetchBindings) {
        if let Some(name) = self.0.binding() {
            bindings.add(name, Arc::new(self.clone()));
        }
    }

    /// Answers a request. With `asks_worker` returns `None` if the Worker answers it.
    pub async fn answer(&self, head: &RequestHead, asks_worker: bool) -> Option<AnsweredAsset> {
        let header = |name: &str| {
            let found = head.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let request = AssetRequest::new(&head.method, &head.url, header)?;
        let (assets, url) = (self.0.clone(), head.url.clone());
        let looked_up = tokio::task::spawn_blocking(move || {
            if asks_worker && assets.is_for_worker(&request) {
                return None;
            }
            let mut answer = assets.answer(&request);
            let content = open(&answer).unwrap_or_else(|error| {
                stderr_line!("isolet: warning: the asset for {} cannot be read: {error}", text::line(&url));
                answer = AssetAnswer { status: 500, headers: Vec::new(), file: None, is_head: false };
                Content::None
            });
            Some(AnsweredAsset { answer, content })
        });
        looked_up.await.ok().flatten()
    }
}

/// Opens the file of an answer, and reads it if it is small.
fn open(answer: &AssetAnswer) -> io::Result<Content> {
    let Some(asset) = answer.file.as_ref().filter(|_| !answer.is_head) else { return Ok(Content::None) };
    let file = open_file(asset.path())?;
    if asset.length > MAX_WHOLE_BYTES as u64 {
        return Ok(Content::File(file));
    }
    let mut bytes = Vec::with_capacity(MAX_WHOLE_BYTES.min(asset.length as usize));
    file.take(asset.length).read_to_end(&mut bytes)?;
    Ok(Content::Whole(bytes.into()))
}

/// The flags to open a file with. With `NONBLOCK`, a file that has become a pipe does not block.
const OPEN_FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK);

/// Opens a regular file by its real path. A part of the path that has become a link since the
/// lookup is refused, because it may lead out of the assets folder.
fn open_file(path: &Path) -> io::Result<File> {
    let file = open_without_links(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(target_os = "linux")]
fn open_without_links(path: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, ResolveFlags, openat2};

    match openat2(CWD, path, OPEN_FLAGS, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        // The kernel is older than Linux 5.6, or a filter of system calls refuses this one.
        Err(Errno::NOSYS | Errno::PERM) => open_and_compare(path),
        opened => Ok(File::from(opened?)),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_without_links(path: &Path) -> io::Result<File> {
    open_and_compare(path)
}

/// Opens a file, and then checks that its path has no links and still leads to it.
fn open_and_compare(path: &Path) -> io::Result<File> {
    let file = File::from(rustix::fs::open(path, OPEN_FLAGS, Mode::empty())?);
    let has_links = fs::canonicalize(path)? != path;
    let (opened, named) = (file.metadata()?, fs::symlink_metadata(path)?);
    if has_links || (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
        return Err(Errno::LOOP.into());
    }
    Ok(file)
}

/// Returns the pieces of a file up to its length.
fn pieces(file: File, length: u64) -> BoxStream<'static, Result<Bytes, String>> {
    let file = tokio::fs::File::from_std(file);
    futures_util::stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut piece = BytesMut::with_capacity(MAX_WHOLE_BYTES.min(left as usize));
        match (&mut file).take(left).read_buf(&mut piece).await {
            Ok(0) => Err("the file became shorter while it was read".to_owned()),
            Ok(read) => Ok(Some((piece.freeze(), (file, left - read as u64)))),
            Err(error) => Err(format!("the file cannot be read: {error}")),
        }
    })
    .boxed()
}

impl AnsweredAsset {
    /// Returns the answer as an HTTP response.
    pub fn response(self, mut open: OpenRequest) -> Response<WorkerBody> {
        let Self { answer, content } = self;
        let length = answer.file.as_ref().map_or(0, |file| file.length);
        let is_head = answer.is_head && answer.file.is_some();
        let body = match content {
            Content::Whole(bytes) => {
                open.end(answer.status, RequestEnd::Complete);
                WorkerBody::Whole(Full::from(bytes))
            }
            Content::File(file) => {
                open.end(answer.status, RequestEnd::Unread);
                WorkerBody::File(Box::new(FileBody { pieces: pieces(file, length), left: length, open }))
            }
            Content::None if is_head => {
                open.end(answer.status, RequestEnd::Complete);
                // Only its length is sent.
                let pieces = futures_util::stream::empty().boxed();
                WorkerBody::File(Box::new(FileBody { pieces, left: length, open }))
            }
            Content::None => {
                open.end(answer.status, RequestEnd::Complete);
                WorkerBody::Whole(Full::default())
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in answer.headers {
            let value = HeaderValue::from_bytes(value.as_bytes());
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value)
                && !CONNECTION_HEADERS.contains(&name)
            {
                response.headers_mut().append(name, value);
            }
        }
        response
    }

    /// Returns the answer for a Worker.
    pub fn fetched(self) -> FetchedResponse {
        let Self { answer, content } = self;
        let length = answer.file.as_ref().map_or(0, |file| file.length);
        // Values are bytes as Latin-1 text.
        let latin1 = |value: String| value.bytes().map(char::from).collect();
        let headers = answer.headers.into_iter().map(|(name, value)| (name, latin1(value))).collect();
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let head = ResponseHead {
            status: answer.status,
            status_text: status.canonical_reason().unwrap_or_default().to_owned(),
            headers,
            encoded: false,
        };
        let body = match content {
            Content::None => FetchedBody::Empty,
            Content::Whole(bytes) => FetchedBody::Whole(bytes),
            Content::File(file) => FetchedBody::Stream(pieces(file, length)),
        };
        FetchedResponse { head, body }
    }
}

impl FetchHost for AssetServer {
    /// Answers with a file. A body is not read.
    fn fetch(&self, request: FetchRequest) -> FetchFuture {
        let (server, head) = (self.clone(), request.head);
        Box::pin(async move {
            let answered = server.answer(&head, false).await;
            answered.map(AnsweredAsset::fetched).ok_or_else(|| "The URL of this fetch is not valid.".into())
        })
    }
}

/// A file as it is read, and the notes on its request.
pub struct FileBody {
    pieces: BoxStream<'static, Result<Bytes, String>>,
    left: u64,
    open: OpenRequest,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        Poll::Ready(match ready!(self.pieces.poll_next_unpin(context)) {
            Some(Ok(piece)) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                if self.left == 0 {
                    self.open.end = RequestEnd::Complete;
                }
                Some(Ok(Frame::data(piece)))
            }
            Some(Err(reason)) => {
                self.open.broke_off(&reason);
                Some(Err(BrokenBody(reason)))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_with_a_link_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(root.join("real")).unwrap();
        fs::write(root.join("real/a.txt"), "text").unwrap();
        symlink("real", root.join("folder-link")).unwrap();
        symlink("a.txt", root.join("real/file-link")).unwrap();
        for open in [open_file, open_and_compare] {
            assert!(open(&root.join("real/a.txt")).is_ok());
            for name in ["folder-link/a.txt", "real/file-link"] {
                let error = open(&root.join(name)).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(Errno::LOOP.raw_os_error()), "{name}");
            }
        }
        assert!(open_file(&root.join("real")).is_err(), "a folder is not a file");
    }
}
