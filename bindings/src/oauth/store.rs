//! Tokens in files.
//!
//! One file a server, under `$XDG_STATE_HOME/isolet/auth`: mode 0600 in a folder of mode 0700, replaced as a whole. A file
//! is bound to the server's URL, so that a configuration which gives an old name to another address finds no token for it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rmcp::transport::auth::{AuthError, CredentialStore, StoredCredentials};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::redact::Redactor;

/// A file of tokens has some kilobytes.
const MAX_FILE: u64 = 1024 * 1024;
/// How long one process waits for another to renew the same token.
const LOCK_PATIENCE: Duration = Duration::from_secs(45);

/// Where logins are kept.
#[derive(Debug, Clone)]
pub struct TokenFolder(Option<PathBuf>);

/// One server's login, as it lies in its file.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The server's name when it was made, for people.
    pub server: String,
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    #[serde(default)]
    pub redirect_uri: String,
    pub credentials: StoredCredentials,
    /// Scopes that the server has asked for since. The next login is to bring them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<String>,
}

/// What can be said of a login without giving it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLogin {
    /// The server's name when it was made.
    pub server: String,
    /// The server's URL.
    pub url: String,
    /// What the token may be used for.
    pub scopes: Vec<String>,
    /// When the token ends, in seconds since 1970, where the server said so.
    pub expires_at: Option<u64>,
    /// Whether isolet can get the next token by itself.
    pub renewable: bool,
}

impl TokenFolder {
    /// The user's: `$XDG_STATE_HOME/isolet/auth`, else `~/.local/state/isolet/auth`. Nowhere, if neither is known.
    pub fn of_user() -> Self {
        let absolute =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
        Self(state.map(|state| state.join("isolet/auth")))
    }

    /// This folder.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(Some(path.into()))
    }

    /// Where it is.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// All logins, sorted by name. What cannot be read is left out.
    pub fn logins(&self) -> Vec<StoredLogin> {
        let Some(Ok(entries)) = self.path().map(fs::read_dir) else { return Vec::new() };
        let files = entries.flatten().map(|entry| entry.path());
        let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        let mut logins: Vec<_> = files
            .filter_map(|path| TokenFile(path).read().ok().flatten())
            .map(|record| record.summary())
            .collect();
        logins.sort_by(|a, b| (&a.server, &a.url).cmp(&(&b.server, &b.url)));
        logins
    }

    /// The login for this server, if there is one.
    ///
    /// # Errors
    /// A file that is there and cannot be used.
    pub fn login(&self, server: &str, url: &url::Url) -> io::Result<Option<StoredLogin>> {
        let Some(file) = self.file(server, url) else { return Ok(None) };
        Ok(file.read_of(url)?.map(|record| record.summary()))
    }

    /// Forgets the login for this server; false if there was none.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn forget(&self, server: &str, url: &url::Url) -> io::Result<bool> {
        let Some(file) = self.file(server, url) else { return Ok(false) };
        let _others = fs::remove_file(file.lock_path());
        match fs::remove_file(&file.0) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The file for a server: its name for people, and a digest of name and URL so that no two share one.
    pub(crate) fn file(&self, server: &str, url: &url::Url) -> Option<TokenFile> {
        let readable: String = server
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' })
            .take(40)
            .collect();
        let digest = digest(&[server, url.as_str()]);
        Some(TokenFile(self.path()?.join(format!("{readable}-{digest:016x}.json"))))
    }
}

/// FNV-1a: names of files, where nothing depends on who could make two alike. The URL is compared after reading.
fn digest(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

impl Record {
    /// The token itself.
    pub(crate) fn access_token(&self) -> Option<String> {
        self.field("access_token")?.as_str().map(str::to_owned)
    }

    pub(crate) fn is_renewable(&self) -> bool {
        self.field("refresh_token").is_some_and(|token| token.is_string())
    }

    /// When the token ends, in seconds since 1970.
    pub(crate) fn expires_at(&self) -> Option<u64> {
        let lasts = self.field("expires_in")?.as_u64()?;
        Some(self.credentials.token_received_at?.saturating_add(lasts))
    }

    /// All that must not be shown.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let tokens = ["access_token", "refresh_token", "id_token"].into_iter();
        let tokens = tokens.filter_map(|name| self.field(name)?.as_str().map(str::to_owned));
        tokens.chain(self.client_secret.clone()).collect()
    }

    fn field(&self, name: &str) -> Option<Value> {
        // rmcp's type is one of a crate that this one does not know; its JSON is OAuth's own.
        serde_json::to_value(self.credentials.token_response.as_ref()?).ok()?.get_mut(name).map(Value::take)
    }

    fn summary(&self) -> StoredLogin {
        StoredLogin {
            server: self.server.clone(),
            url: self.url.clone(),
            scopes: self.credentials.granted_scopes.clone(),
            expires_at: self.expires_at(),
            renewable: self.is_renewable(),
        }
    }
}

/// The file of one login.
#[derive(Debug, Clone)]
pub(crate) struct TokenFile(PathBuf);

impl TokenFile {
    /// The login in it, if it is for `url`.
    pub(crate) fn read_of(&self, url: &url::Url) -> io::Result<Option<Record>> {
        Ok(self.read()?.filter(|record| record.url == url.as_str()))
    }

    fn read(&self) -> io::Result<Option<Record>> {
        let file = match File::open(&self.0) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let mode = file.metadata()?.mode();
            if mode & 0o077 != 0 {
                return Err(self.complaint(&format!(
                    "others may read it (mode {:o}); if they could not have, run: chmod 600 {}",
                    mode & 0o777,
                    self.0.display()
                )));
            }
        }
        let mut text = String::new();
        file.take(MAX_FILE).read_to_string(&mut text)?;
        // serde's message could quote a token.
        serde_json::from_str(&text).map(Some).map_err(|_| self.complaint("it is damaged; log in again"))
    }

    /// Replaces the file as a whole.
    pub(crate) fn write(&self, record: &Record) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("/"));
        make_private(folder)?;
        let mut random = [0u8; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let new = self.0.with_extension(format!("{:016x}.new", u64::from_le_bytes(random)));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&new).and_then(|mut file| {
            file.write_all(&serde_json::to_vec_pretty(record)?)?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&new, &self.0)).inspect_err(|_| drop(fs::remove_file(&new)))
    }

    /// Waits until no other process renews this login. Dropping the file lets the next one in.
    pub(crate) async fn lock(&self) -> io::Result<File> {
        make_private(self.0.parent().unwrap_or(Path::new("/")))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.lock_path())?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) if began.elapsed() < LOCK_PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(self.complaint("another process does not finish renewing it"));
                }
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn lock_path(&self) -> PathBuf {
        self.0.with_extension("lock")
    }

    fn complaint(&self, what: &str) -> io::Error {
        io::Error::other(format!("the login in {} cannot be used: {what}", self.0.display()))
    }
}

/// Makes a folder that is its owner's alone.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The file as rmcp's place for tokens, for as long as one login or renewal takes.
pub(crate) struct Keeper {
    pub file: TokenFile,
    /// What rmcp does not keep: everything but the credentials.
    pub template: Record,
    pub redactor: Arc<Redactor>,
}

#[async_trait::async_trait]
impl CredentialStore for Keeper {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        let url = self.template.url.parse().map_err(|_| AuthError::CredentialStoreError("no URL".into()))?;
        let record = self.file.read_of(&url).map_err(store_error)?;
        Ok(record.map(|record| record.credentials))
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        let record = Record { credentials, ..self.template.clone() };
        self.redactor.learn(record.secrets());
        self.file.write(&record).map_err(store_error)
    }

    async fn clear(&self) -> Result<(), AuthError> {
        // rmcp forgets a login when the authorization server has changed. That is for the user to decide: the login stays
        // until another one replaces it.
        Ok(())
    }
}

fn store_error(error: io::Error) -> AuthError {
    AuthError::CredentialStoreError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(url: &url::Url) -> Record {
        let credentials = serde_json::json!({
            "client_id": "c", "granted_scopes": ["read"], "token_received_at": 1000,
            "token_response": {"access_token": "at-0123456789", "token_type": "bearer", "expires_in": 60}
        });
        Record {
            server: "s".to_owned(),
            url: url.to_string(),
            client_secret: None,
            redirect_uri: String::new(),
            credentials: serde_json::from_value(credentials).unwrap(),
            lacking: Vec::new(),
        }
    }

    #[test]
    fn a_login_is_its_owners_and_its_urls() {
        let folder = tempfile::tempdir().unwrap();
        let folder = TokenFolder::at(folder.path().join("a/auth"));
        let url: url::Url = "https://example.com/mcp".parse().unwrap();
        assert_eq!(folder.login("s", &url).unwrap(), None);
        let file = folder.file("s", &url).unwrap();
        file.write(&record(&url)).unwrap();
        let login = folder.login("s", &url).unwrap().unwrap();
        assert_eq!((login.expires_at, login.renewable), (Some(1060), false));
        assert_eq!(folder.logins(), [login]);
        let elsewhere = "https://example.org/mcp".parse().unwrap();
        assert_eq!(folder.login("s", &elsewhere).unwrap(), None);
        // A file that was renamed to fit another server does not.
        let stolen = folder.file("s", &elsewhere).unwrap();
        fs::copy(&file.0, &stolen.0).unwrap();
        assert_eq!(folder.login("s", &elsewhere).unwrap(), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&file.0), mode(folder.path().unwrap())), (0o600, 0o700));
            fs::set_permissions(&file.0, fs::Permissions::from_mode(0o644)).unwrap();
            let error = folder.login("s", &url).unwrap_err().to_string();
            assert!(error.contains("mode 644") && error.contains("chmod 600"), "{error}");
        }
        assert!(folder.forget("s", &url).unwrap());
        assert!(!folder.forget("s", &url).unwrap());
    }

    #[test]
    fn damaged_files_are_no_reason_to_show_them() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = TokenFolder::at(folder.path());
        let url: url::Url = "https://example.com/mcp".parse().unwrap();
        let file = tokens.file("s", &url).unwrap();
        file.write(&record(&url)).unwrap();
        let text = fs::read_to_string(&file.0).unwrap().replace("\"token_type\"", "\"x\"");
        fs::write(&file.0, text).unwrap();
        let error = tokens.login("s", &url).unwrap_err().to_string();
        assert!(error.contains("damaged") && !error.contains("at-0123"), "{error}");
    }
}
