//! The documents: one long transcript and some short texts.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::arguments::DemoError;
use super::transcript;

/// The kinds of documents.
pub const KINDS: [&str; 4] = ["transcript", "notes", "plan", "table"];

/// One document.
pub struct Document {
    /// The key.
    pub id: &'static str,
    /// The title.
    pub title: &'static str,
    /// The kind, one of [`KINDS`].
    pub kind: &'static str,
    /// The whole text.
    pub text: String,
}

static DOCUMENTS: LazyLock<Vec<Document>> = LazyLock::new(|| {
    let document = |id, title, kind, text| Document { id, title, kind, text };
    vec![
        document(
            "doc-plan-antwerp",
            "Antwerp: plan for the second depot",
            "plan",
            "# Antwerp\n\n1. Look at the scanners (week 49).\n2. Access points and labels (week 50).\n3. Training, first \
             date (week 2).\n4. Four docks go live (week 3).\n5. Training, second date; the other fifteen docks (week \
             5).\n\nOpen: who pays for the new scanners, and whether the night shift starts with the others.\n"
                .to_owned(),
        ),
        document(
            "doc-notes-halden-call",
            "Halden: notes of the call on 16 November",
            "notes",
            "Spoke with their head of operations. Likes the pilot, worries about the contract: wants to know what happens \
             to the hardware when they leave. Their ledger team is two people. Decision is made by their board on 17 \
             December; papers must be in a week before.\n"
                .to_owned(),
        ),
        document("doc-table-scans", "Scans per dock, week 46", "table", scans()),
        document(
            "doc-transcript-steering",
            "Halden pilot: steering group, 18 November, transcript",
            "transcript",
            transcript::two_hours(),
        ),
    ]
});

/// Returns all documents, oldest first.
pub fn all() -> &'static [Document] {
    &DOCUMENTS
}

/// Returns the document `id`.
pub fn find(id: &str) -> Option<&'static Document> {
    all().iter().find(|document| document.id == id)
}

/// Returns the answer of `list_documents`.
pub fn list(kind: Option<&str>) -> Value {
    let documents: Vec<Value> = all()
        .iter()
        .filter(|document| kind.is_none_or(|kind| document.kind == kind))
        .map(|document| {
            json!({
                "id": document.id, "title": document.title, "kind": document.kind,
                "characters": document.text.chars().count(),
            })
        })
        .collect();
    json!({ "documents": documents })
}

/// Returns the answer of `get_document`.
pub fn get(id: &str) -> Result<Value, DemoError> {
    find(id)
        .map(|document| json!({ "id": document.id, "title": document.title, "content": document.text }))
        .ok_or_else(|| DemoError(format!("Unknown document `{id}`. list_documents names them.")))
}

/// Returns a table in CSV of eleven docks and seven days.
fn scans() -> String {
    let mut table = String::from("dock,mon,tue,wed,thu,fri,sat,sun\n");
    for dock in 1..=11_u32 {
        let day = |day: u32| 120 + (dock * 37 + day * 53) % 90 - if day > 4 { 60 } else { 0 };
        let days: Vec<String> = (0..7).map(|number| day(number).to_string()).collect();
        table.push_str(&format!("{dock},{}\n", days.join(",")));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_document_can_be_fetched() {
        let listed = list(None);
        for entry in listed["documents"].as_array().unwrap() {
            let document = get(entry["id"].as_str().unwrap()).unwrap();
            let length = document["content"].as_str().unwrap().chars().count();
            assert_eq!(entry["characters"], length);
            assert!(KINDS.contains(&entry["kind"].as_str().unwrap()));
        }
        assert_eq!(list(Some("plan"))["documents"].as_array().unwrap().len(), 1);
        assert!(get("doc-0").unwrap_err().0.contains("`doc-0`"));
    }
}
