//! Declarations as text, cached until the tools change.

use bytes::Bytes;
use http::HeaderValue;
use isolet_tsdefs::Detail;
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::selection::Selection;
use super::snapshot::{LookupError, ToolSnapshot};

/// The memory for cached texts: the declarations of 10,000 tools in full detail have 7 MB.
const MAX_TEXT_BYTES: u64 = 64 * 1024 * 1024;

/// Declarations that are ready to send.
#[derive(Clone)]
pub struct DeclarationText {
    /// The TypeScript text.
    pub bytes: Bytes,
    /// The strong ETag of the text.
    pub etag: HeaderValue,
}

/// The texts that were asked for last.
pub(super) struct DeclarationTexts(Cache<(u64, Selection, Detail), DeclarationText>);

impl Default for DeclarationTexts {
    fn default() -> Self {
        let length = |text: &DeclarationText| u32::try_from(text.bytes.len()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(MAX_TEXT_BYTES).weigher(move |_, text| length(text)).build())
    }
}

impl DeclarationTexts {
    /// Returns the declarations of a selection of the snapshot's tools.
    pub(super) fn of(
        &self,
        snapshot: &ToolSnapshot,
        selection: Selection,
        detail: Detail,
    ) -> Result<DeclarationText, LookupError> {
        let key = (snapshot.id(), selection, detail);
        if let Some(text) = self.0.get(&key) {
            return Ok(text);
        }
        let declarations = snapshot.declarations_of(&key.1, detail)?;
        let digest = Sha256::digest(&declarations.text);
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let etag = HeaderValue::from_str(&format!("\"{hex}\"")).expect("a digest in quotes");
        let text = DeclarationText { bytes: Bytes::from(declarations.text), etag };
        self.0.insert(key, text.clone());
        Ok(text)
    }
}
