//! Tokens in files.
//!
//! There is one file a server in `$XDG_STATE_HOME/isolet/auth`, with mode 0600 in a folder with
//! mode 0700, and it is replaced as a whole. A file is bound to the server's URL, so a
//! configuration that gives an old name to another URL finds no token.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rmcp::transport::auth::{AuthError, CredentialStore, StoredCredentials};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::private_files::{self, Others};
use crate::redact::Redactor;

/// The largest file of a login; real ones have some kilobytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// The time that a process waits for another one that renews the same token.
const LOCK_TIMEOUT: Duration = Duration::from_secs(45);

/// The folder of stored logins.
#[derive(Debug, Clone)]
pub struct TokenFolder(Option<PathBuf>);

/// The login of one server, as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct LoginRecord {
    /// The name of the server at the time of the login.
    pub server: String,
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    #[serde(default)]
    pub redirect_uri: String,
    pub credentials: StoredCredentials,
    /// Scopes that the server has missed since. The next login requests them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<String>,
}

/// A description of a stored login without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLogin {
    /// The name of the server at the time of the login.
    pub server: String,
    /// The URL of the server.
    pub url: String,
    /// The scopes of the token.
    pub scopes: Vec<String>,
    /// The end of the token in seconds since 1970, if the server named it.
    pub expires_at: Option<u64>,
    /// True if isolet can renew the token.
    pub renewable: bool,
}

impl TokenFolder {
    /// The user's folder: `$XDG_STATE_HOME/isolet/auth`, or else `~/.local/state/isolet/auth`. None
    /// if neither is known.
    pub fn of_user() -> Self {
        Self(private_files::state_folder().map(|folder| folder.join("auth")))
    }

    /// The folder at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(Some(path.into()))
    }

    /// The path, if there is a folder.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// Returns all logins, sorted by name. Files that cannot be read are left out.
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

    /// Returns the login for this server, if there is one.
    ///
    /// # Errors
    /// A file that exists and cannot be used.
    pub fn login(&self, server: &str, url: &url::Url) -> io::Result<Option<StoredLogin>> {
        let Some(file) = self.file(server, url) else { return Ok(None) };
        Ok(file.read_of(url)?.map(|record| record.summary()))
    }

    /// Deletes the login for this server. Returns false if there was none.
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

    /// The file for a server. Its name contains the server's name, and a digest of name and URL
    /// that makes it unique.
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

/// FNV-1a. A collision does no harm, because the URL is compared after reading.
fn digest(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

impl LoginRecord {
    /// The token itself.
    pub(crate) fn access_token(&self) -> Option<String> {
        self.field("access_token")?.as_str().map(str::to_owned)
    }

    pub(crate) fn is_renewable(&self) -> bool {
        self.field("refresh_token").is_some_and(|token| token.is_string())
    }

    /// The end of the token in seconds since 1970.
    pub(crate) fn expires_at(&self) -> Option<u64> {
        let lasts = self.field("expires_in")?.as_u64()?;
        Some(self.credentials.token_received_at?.saturating_add(lasts))
    }

    /// All values that must not be shown.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let tokens = ["access_token", "refresh_token", "id_token"].into_iter();
        let tokens = tokens.filter_map(|name| self.field(name)?.as_str().map(str::to_owned));
        tokens.chain(self.client_secret.clone()).collect()
    }

    fn field(&self, name: &str) -> Option<Value> {
        // rmcp's type is of a crate that is not a dependency here, so it is read as JSON.
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
    /// Reads the login, if it is for `url`.
    pub(crate) fn read_of(&self, url: &url::Url) -> io::Result<Option<LoginRecord>> {
        Ok(self.read()?.filter(|record| record.url == url.as_str()))
    }

    fn read(&self) -> io::Result<Option<LoginRecord>> {
        private_files::check_folder(self.folder(), Others::Nothing)
            .map_err(|error| self.complaint(&error.to_string()))?;
        let bytes = private_files::read(&self.0, MAX_FILE_BYTES, Others::Nothing);
        let Some(bytes) = bytes.map_err(|error| self.complaint(&error.to_string()))? else { return Ok(None) };
        // serde's message could quote a token.
        serde_json::from_slice(&bytes).map(Some).map_err(|_| self.complaint("it is damaged; log in again"))
    }

    /// Replaces the file as a whole.
    pub(crate) fn write(&self, record: &LoginRecord) -> io::Result<()> {
        self.make_folder()?;
        private_files::replace(&self.0, &serde_json::to_vec_pretty(record)?, 0o600)
    }

    /// Waits until no other process renews this login. Dropping the file unlocks it.
    pub(crate) async fn lock(&self) -> io::Result<File> {
        self.make_folder()?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = private_files::open(&mut options, &self.lock_path())?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) if began.elapsed() < LOCK_TIMEOUT => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(self.complaint("another process does not finish renewing it"));
                }
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn folder(&self) -> &Path {
        self.0.parent().unwrap_or(Path::new("/"))
    }

    fn make_folder(&self) -> io::Result<()> {
        private_files::make_folder(self.folder(), Others::Nothing)
            .map_err(|error| self.complaint(&error.to_string()))
    }

    fn lock_path(&self) -> PathBuf {
        self.0.with_extension("lock")
    }

    fn complaint(&self, what: &str) -> io::Error {
        io::Error::other(format!("the login in {} cannot be used: {what}", self.0.display()))
    }
}

/// The file as rmcp's credential store, for one login or renewal.
pub(crate) struct CredentialFile {
    pub file: TokenFile,
    /// The part of the record that rmcp does not store.
    pub template: LoginRecord,
    pub redactor: Arc<Redactor>,
}

#[async_trait::async_trait]
impl CredentialStore for CredentialFile {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        let url = self.template.url.parse().map_err(|_| AuthError::CredentialStoreError("no URL".into()))?;
        let record = self.file.read_of(&url).map_err(store_error)?;
        Ok(record.map(|record| record.credentials))
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        let record = LoginRecord { credentials, ..self.template.clone() };
        self.redactor.learn(record.secrets());
        self.file.write(&record).map_err(store_error)
    }

    async fn clear(&self) -> Result<(), AuthError> {
        // rmcp deletes a login when the authorization server has changed. isolet leaves that to the
        // user.
        Ok(())
    }
}

fn store_error(error: io::Error) -> AuthError {
    AuthError::CredentialStoreError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(url: &url::Url) -> LoginRecord {
        let credentials = serde_json::json!({
            "client_id": "c", "granted_scopes": ["read"], "token_received_at": 1000,
            "token_response": {"access_token": "at-0123456789", "token_type": "bearer", "expires_in": 60}
        });
        LoginRecord {
            server: "s".to_owned(),
            url: url.to_string(),
            client_secret: None,
            redirect_uri: String::new(),
            credentials: serde_json::from_value(credentials).unwrap(),
            lacking: Vec::new(),
        }
    }

    #[test]
    fn a_login_is_private_and_bound_to_its_url() {
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
        // A file that was renamed for another server does not fit its URL.
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
            assert!(error.contains("mode 644") && error.contains("chmod go-rwx"), "{error}");
            fs::set_permissions(&file.0, fs::Permissions::from_mode(0o600)).unwrap();
            // Another user who can write to the folder could replace the login.
            for others in [0o777, 0o755] {
                fs::set_permissions(folder.path().unwrap(), fs::Permissions::from_mode(others)).unwrap();
                let error = folder.login("s", &url).unwrap_err().to_string();
                assert!(error.contains("chmod go-rwx") && error.contains("/auth"), "{error}");
                assert!(file.write(&record(&url)).is_err());
            }
            fs::set_permissions(folder.path().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
        }
        assert!(folder.forget("s", &url).unwrap());
        assert!(!folder.forget("s", &url).unwrap());
    }

    #[test]
    fn errors_of_damaged_files_do_not_quote_them() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = TokenFolder::at(folder.path().join("auth"));
        let url: url::Url = "https://example.com/mcp".parse().unwrap();
        let file = tokens.file("s", &url).unwrap();
        file.write(&record(&url)).unwrap();
        let text = fs::read_to_string(&file.0).unwrap().replace("\"token_type\"", "\"x\"");
        fs::write(&file.0, text).unwrap();
        let error = tokens.login("s", &url).unwrap_err().to_string();
        assert!(error.contains("damaged") && !error.contains("at-0123"), "{error}");
    }
}
