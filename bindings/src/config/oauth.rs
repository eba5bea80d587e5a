//! The `oauth` key of a server.

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged;

use super::read::Reader;
use super::{ConfigError, Grant, OAuthConfig, Secret};
use crate::oauth::is_client_id;

impl Reader<'_> {
    /// `"oauth": {"clientId", "clientSecret", "clientMetadataUrl", "scopes", "grant", "redirectPort"}`, or `true` for all defaults.
    pub(super) fn oauth(
        &mut self,
        server: &str,
        field: &ObjectProp<'_>,
        disabled: bool,
    ) -> Result<Option<OAuthConfig>, ConfigError> {
        if let Value::BooleanLit(boolean) = &field.value {
            return Ok(boolean.value.then(OAuthConfig::default));
        }
        let object = self.object(&field.value, "oauth")?;
        self.refuse_repeated_keys(object, "the key")?;
        let mut oauth = OAuthConfig::default();
        for entry in &object.properties {
            match entry.name.as_str() {
                "clientId" => {
                    oauth.client_id = Some(self.expanded(server, self.string(entry)?, disabled)?);
                }
                "clientSecret" => {
                    let secret = self.expanded(server, self.string(entry)?, disabled)?;
                    oauth.client_secret = Some(Secret::new(secret));
                }
                "clientMetadataUrl" => {
                    let url = self.expanded(server, self.string(entry)?, disabled)?;
                    if !disabled && !is_client_id(&url) {
                        let message = "\"clientMetadataUrl\" must be an https URL with a path";
                        return Err(self.error(entry.value.start(), message));
                    }
                    oauth.client_metadata_url = Some(url);
                }
                "scopes" | "scope" => oauth.scopes = self.scopes(entry)?,
                "grant" => {
                    let grants = [
                        ("authorization_code", Grant::AuthorizationCode),
                        ("client_credentials", Grant::ClientCredentials),
                    ];
                    oauth.grant = self.choice(entry, &grants)?;
                }
                // The second is Claude Code's word for it.
                "redirectPort" | "callbackPort" => oauth.redirect_port = Some(self.port(entry)?),
                key => {
                    self.warn(
                        entry.start(),
                        format!("unknown key \"{key}\" of \"oauth\" of server \"{server}\""),
                    );
                }
            }
        }
        if oauth.grant == Grant::ClientCredentials
            && (oauth.client_id.is_none() || oauth.client_secret.is_none())
        {
            let message = "client credentials need \"clientId\" and \"clientSecret\"";
            return Err(self.error(field.value.start(), message));
        }
        if oauth.client_secret.is_some() && oauth.client_id.is_none() {
            return Err(self.error(field.value.start(), "\"clientSecret\" without \"clientId\""));
        }
        Ok(Some(oauth))
    }

    /// A list of strings, or one with spaces, as OAuth itself has it.
    fn scopes(&self, entry: &ObjectProp<'_>) -> Result<Vec<String>, ConfigError> {
        let expected = "expected a list of scopes: [\"read\", \"write\"]";
        match &entry.value {
            Value::StringLit(text) => Ok(text.value.split_whitespace().map(str::to_owned).collect()),
            Value::Array(list) => {
                let scopes = list.elements.iter().map(|scope| match scope {
                    Value::StringLit(text) => Ok(text.value.clone().into_owned()),
                    other => Err(self.error(other.start(), expected)),
                });
                scopes.collect()
            }
            other => Err(self.error(other.start(), expected)),
        }
    }

    fn port(&self, entry: &ObjectProp<'_>) -> Result<u16, ConfigError> {
        let port = entry.value.as_number_lit().and_then(|number| number.value.parse::<u16>().ok());
        port.filter(|port| *port > 0)
            .ok_or_else(|| self.error(entry.value.start(), "expected a port from 1 to 65535"))
    }
}
