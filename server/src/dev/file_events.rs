//! Events of the folders in which files are, from the kernel where it has them (inotify).
//!
//! An event says only that it is time to look at the files. So a folder that cannot be watched, and
//! changes of which the kernel does not tell, such as those of other machines on a network file
//! system, cost time and no change: the files are looked at now and then anyway.

use std::path::PathBuf;
use std::time::Duration;

/// The time without a further event after which a change is taken to be complete: a program that
/// saves a file empties and writes it, or renames another one, and a build writes several.
const QUIET_TIME: Duration = Duration::from_millis(10);

/// The bound on the wait for a time without events.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// Returns the folders in which the files are, and those in which their links end.
#[cfg(target_os = "linux")]
fn folders_of(files: &[PathBuf]) -> std::collections::BTreeSet<PathBuf> {
    let in_folder = |file: PathBuf| {
        let folder = file.parent()?.to_owned();
        Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder })
    };
    let targets = files.iter().filter_map(|file| file.canonicalize().ok());
    files.iter().cloned().chain(targets).filter_map(in_folder).collect()
}

#[cfg(target_os = "linux")]
mod imp {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
    use tokio::net::unix::pipe;

    /// The bound on the folders that are watched. The kernel's own may be 8,192 for all programs of
    /// a user.
    const MAX_FOLDERS: usize = 2048;

    /// The kernel's events of some folders.
    pub(super) struct Watches {
        /// The descriptor of inotify, which is read as a pipe is.
        events: pipe::Receiver,
        folders: BTreeMap<PathBuf, i32>,
    }

    impl Watches {
        pub(super) fn new() -> Option<Self> {
            let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
            let events = pipe::Receiver::from_owned_fd_unchecked(events).ok()?;
            Some(Self { events, folders: BTreeMap::new() })
        }

        /// Watches the folders of these files, and no others.
        pub(super) fn set(&mut self, files: &[PathBuf]) {
            // A file that is being written makes no event before it is complete.
            let kinds = WatchFlags::CLOSE_WRITE | WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
            let wanted = super::folders_of(files);
            self.folders.retain(|folder, number| {
                let stays = wanted.contains(folder);
                if !stays {
                    let _ = inotify::remove_watch(&self.events, *number);
                }
                stays
            });
            for folder in wanted.into_iter().take(MAX_FOLDERS) {
                // Again for those that are watched: another folder may have taken the name.
                if let Ok(number) = inotify::add_watch(&self.events, &folder, kinds) {
                    self.folders.insert(folder, number);
                }
            }
        }

        /// Waits for events, and drops those that are there.
        pub(super) async fn next(&mut self) {
            let mut dropped = [0; 4096];
            if self.events.readable().await.is_err() {
                std::future::pending::<()>().await;
            }
            while self.events.try_read(&mut dropped).is_ok_and(|length| length > 0) {}
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::path::PathBuf;

    /// Other systems tell of no events here.
    pub(super) struct Watches;

    impl Watches {
        pub(super) fn new() -> Option<Self> {
            None
        }

        pub(super) fn set(&mut self, _: &[PathBuf]) {}

        pub(super) async fn next(&mut self) {}
    }
}

/// The events of the folders of some files.
pub struct FileEvents(Option<imp::Watches>);

impl FileEvents {
    /// Returns the events of no folders.
    pub fn new() -> Self {
        Self(imp::Watches::new())
    }

    /// Watches the folders of these files, and no others.
    pub fn watch(&mut self, files: &[PathBuf]) {
        if let Some(watches) = &mut self.0 {
            watches.set(files);
        }
    }

    /// Waits until something has changed, and then until nothing changes for a moment; `without`
    /// events for at most this time.
    pub async fn wait(&mut self, without: Duration) {
        let Some(watches) = &mut self.0 else { return tokio::time::sleep(without).await };
        if tokio::time::timeout(without, watches.next()).await.is_err() {
            return;
        }
        let quiet = async { while tokio::time::timeout(QUIET_TIME, watches.next()).await.is_ok() {} };
        let _ = tokio::time::timeout(MAX_WAIT, quiet).await;
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Instant;

    use super::*;

    /// A wait that nobody reaches.
    const LONG: Duration = Duration::from_secs(60);

    async fn noticed(events: &mut FileEvents, change: impl FnOnce()) {
        let begun = Instant::now();
        change();
        events.wait(LONG).await;
        assert!(begun.elapsed() < LONG / 2);
    }

    #[tokio::test]
    async fn changes_of_files_and_of_what_links_lead_to_are_noticed() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (file, link) = (folder.path().join("index.ts"), folder.path().join("linked.ts"));
        let target = elsewhere.path().join("target.ts");
        let write = |path: &PathBuf| std::fs::write(path, "1").unwrap();
        write(&file);
        write(&target);
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut events = FileEvents::new();
        events.watch(&[file.clone(), link.clone(), folder.path().join("missing/index.ts")]);
        noticed(&mut events, || write(&file)).await;
        noticed(&mut events, || write(&target)).await;
        // As editors do it: another file takes the name.
        let other = folder.path().join("index.ts.tmp");
        noticed(&mut events, || {
            write(&other);
            std::fs::rename(&other, &file).unwrap();
        })
        .await;
        noticed(&mut events, || std::fs::remove_file(&file).unwrap()).await;
        // Only the folders of the last list count.
        events.watch(std::slice::from_ref(&file));
        events.wait(Duration::from_millis(50)).await;
        write(&target);
        let begun = Instant::now();
        events.wait(Duration::from_millis(200)).await;
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_folder_that_takes_the_place_of_another_is_watched() {
        let folder = tempfile::tempdir().unwrap();
        let (source, other) = (folder.path().join("src"), folder.path().join("other"));
        std::fs::create_dir(&source).unwrap();
        std::fs::create_dir(&other).unwrap();
        let file = source.join("index.ts");
        let mut events = FileEvents::new();
        events.watch(std::slice::from_ref(&file));
        std::fs::rename(&source, folder.path().join("old")).unwrap();
        std::fs::rename(&other, &source).unwrap();
        events.watch(std::slice::from_ref(&file));
        events.wait(Duration::from_millis(50)).await;
        noticed(&mut events, || std::fs::write(&file, "1").unwrap()).await;
    }

    #[tokio::test]
    async fn a_change_in_several_steps_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("index.ts");
        let mut events = FileEvents::new();
        events.watch(std::slice::from_ref(&file));
        for _ in 0..20 {
            std::fs::write(&file, "1").unwrap();
        }
        events.wait(LONG).await;
        let begun = Instant::now();
        events.wait(Duration::from_millis(150)).await;
        assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    }
}
