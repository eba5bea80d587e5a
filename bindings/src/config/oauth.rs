//! The `oauth` key of a server.

use http::Uri;

use super::read::{FieldError, FileReader};
use super::tree::{Entry, NodeKind};
use super::values::{choice, map, string};
use super::{Grant, OAuthConfig, Secret};

impl FileReader<'_> {
    /// Reads `"oauth": {"clientId", "clientSecret", "clientMetadataUrl", "scopes", "grant",
    /// "redirectPort"}`, or `true` for all defaults.
    pub(super) fn oauth(&mut self, field: &Entry, disabled: bool) -> Result<Option<OAuthConfig>, FieldError> {
        if let NodeKind::Boolean(boolean) = field.value.kind {
            return Ok(boolean.then(OAuthConfig::default));
        }
        let object = map(&field.value, &field.key)?;
        self.refuse_repeated(object)?;
        let mut oauth = OAuthConfig::default();
        for entry in object {
            let text = |reader: &Self| reader.expanded(string(entry)?, entry.value.at, disabled);
            match entry.key.as_str() {
                // The other two are opencode's and Cursor's keys.
                "clientId" | "client_id" | "CLIENT_ID" => oauth.client_id = Some(text(self)?),
                "clientSecret" | "client_secret" | "CLIENT_SECRET" => {
                    oauth.client_secret = Some(Secret::new(text(self)?));
                }
                "clientMetadataUrl" => {
                    let url = text(self)?;
                    if !disabled && !is_client_id(&url) {
                        let message = "\"clientMetadataUrl\" must be an https URL with a path";
                        return Err(FieldError::new(entry.value.at, message));
                    }
                    oauth.client_metadata_url = Some(url);
                }
                "scopes" | "scope" => oauth.scopes = scopes(entry)?,
                "grant" => {
                    let grants = [
                        ("authorization_code", Grant::AuthorizationCode),
                        ("client_credentials", Grant::ClientCredentials),
                    ];
                    oauth.grant = choice(entry, &grants)?;
                }
                // The second is Claude Code's key.
                "redirectPort" | "callbackPort" => oauth.redirect_port = Some(port(entry)?),
                key => self.warn(entry.at, format!("unknown key \"{key}\" of \"{}\"", field.key)),
            }
        }
        if oauth.grant == Grant::ClientCredentials
            && (oauth.client_id.is_none() || oauth.client_secret.is_none())
        {
            let message = "client credentials need \"clientId\" and \"clientSecret\"";
            return Err(FieldError::new(field.value.at, message));
        }
        if oauth.client_secret.is_some() && oauth.client_id.is_none() {
            return Err(FieldError::new(field.value.at, "\"clientSecret\" without \"clientId\""));
        }
        Ok(Some(oauth))
    }
}

/// Reads a list of strings, or one string with spaces, as in OAuth itself.
fn scopes(entry: &Entry) -> Result<Vec<String>, FieldError> {
    let expected = "expected a list of scopes: [\"read\", \"write\"]";
    match &entry.value.kind {
        NodeKind::Text(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        NodeKind::List(list) => {
            let scopes = list.iter().map(|scope| match scope.as_text() {
                Some(text) => Ok(text.to_owned()),
                None => Err(FieldError::new(scope.at, expected)),
            });
            scopes.collect()
        }
        _ => Err(FieldError::new(entry.value.at, expected)),
    }
}

fn port(entry: &Entry) -> Result<u16, FieldError> {
    let port = match &entry.value.kind {
        NodeKind::Number(number) => number.parse::<u16>().ok(),
        _ => None,
    };
    port.filter(|port| *port > 0)
        .ok_or_else(|| FieldError::new(entry.value.at, "expected a port from 1 to 65535"))
}

/// Returns whether a URL can be the id of a client with a metadata document.
fn is_client_id(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|url| url.scheme_str() == Some("https") && url.path().len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_may_be_an_https_url() {
        assert!(is_client_id("https://example.com/isolet.json"));
        for wrong in
            ["http://example.com/isolet.json", "https://example.com/", "https://example.com", "isolet"]
        {
            assert!(!is_client_id(wrong), "{wrong}");
        }
    }
}
