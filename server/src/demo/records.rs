//! Customer records, kept in memory until the server stops.

use indexmap::IndexMap;
use parking_lot::Mutex;
use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::{Value, json};

use super::arguments::{DemoError, quoted};

/// The stages of a deal.
pub const STAGES: [&str; 5] = ["lead", "trial", "negotiation", "won", "lost"];

/// The longest text of a field. Notes may be a whole transcript.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// One customer.
#[derive(Debug, Clone, Serialize)]
struct Record {
    id: String,
    account: String,
    owner: String,
    stage: String,
    amount: serde_json::Number,
    notes: String,
    tags: Vec<String>,
    revision: u64,
}

/// All customers.
pub struct Records(Mutex<IndexMap<String, Record>>);

impl Records {
    /// Returns the records with which every demo server starts.
    pub fn new() -> Self {
        let start = [
            (
                "acct-1001",
                "Halden Logistics",
                "Ines",
                "negotiation",
                48_000,
                "Asked for a pilot in two depots.",
            ),
            ("acct-1002", "Brightwater Clinics", "Tomas", "trial", 27_500, "Trial ends in March; wants SSO."),
            ("acct-1003", "Orchard & Pell", "Ines", "lead", 9_000, "Met at the Lyon fair."),
            ("acct-1004", "Nordvik Shipping", "Amara", "won", 112_000, "Rollout in three waves."),
            ("acct-1005", "Castell Print", "Tomas", "lost", 14_000, "Chose to build it themselves."),
            ("acct-1006", "Mirador Hotels", "Amara", "trial", 36_000, "Needs an export to their ledger."),
        ];
        let records = start.map(|(id, account, owner, stage, amount, notes)| {
            let record = Record {
                id: id.to_owned(),
                account: account.to_owned(),
                owner: owner.to_owned(),
                stage: stage.to_owned(),
                amount: amount.into(),
                notes: notes.to_owned(),
                tags: Vec::new(),
                revision: 1,
            };
            (record.id.clone(), record)
        });
        Self(Mutex::new(records.into_iter().collect()))
    }

    /// Returns summaries of all records, or of those in `stage`.
    pub fn list(&self, stage: Option<&str>) -> Value {
        let records: Vec<Value> = self
            .0
            .lock()
            .values()
            .filter(|record| stage.is_none_or(|stage| record.stage == stage))
            .map(Record::summary)
            .collect();
        json!({ "records": records })
    }

    /// Returns one record.
    pub fn get(&self, id: &str) -> Result<Value, DemoError> {
        let records = self.0.lock();
        records.get(id).map(|record| json!({ "record": record })).ok_or_else(|| no_record(id))
    }

    /// Sets `fields` of one record. An invalid field leaves the record unchanged.
    pub fn update(&self, id: &str, fields: &JsonObject) -> Result<Value, DemoError> {
        let mut records = self.0.lock();
        let record = records.get_mut(id).ok_or_else(|| no_record(id))?;
        if fields.is_empty() {
            return Err(DemoError("update_record: `fields` is empty".to_owned()));
        }
        let mut changed = record.clone();
        for (name, value) in fields {
            changed.set(name, value)?;
        }
        changed.revision += 1;
        *record = changed;
        Ok(json!({ "record": record }))
    }

    /// Returns summaries of records that contain all words of `query`.
    pub fn search(&self, query: &str, limit: u64) -> Value {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        let records = self.0.lock();
        let found: Vec<&Record> = records
            .values()
            .filter(|record| {
                let text = record.searchable_text();
                words.iter().all(|word| text.contains(word))
            })
            .collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let shown: Vec<Value> = found.iter().take(limit).map(|record| record.summary()).collect();
        json!({ "records": shown, "total": found.len() })
    }
}

impl Record {
    fn summary(&self) -> Value {
        json!({ "id": self.id, "account": self.account, "stage": self.stage, "amount": self.amount })
    }

    fn searchable_text(&self) -> String {
        format!("{} {} {} {}", self.account, self.owner, self.notes, self.tags.join(" ")).to_lowercase()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), DemoError> {
        let wrong = |wanted: &str| {
            DemoError(format!("update_record: `fields.{name}` must be {wanted}, found {value}"))
        };
        let text = || value.as_str().filter(|text| text.len() <= MAX_TEXT_BYTES).map(str::to_owned);
        match name {
            "account" => self.account = text().ok_or_else(|| wrong("a string"))?,
            "owner" => self.owner = text().ok_or_else(|| wrong("a string"))?,
            "notes" => self.notes = text().ok_or_else(|| wrong("a string of at most 1 MiB"))?,
            "stage" => {
                self.stage = text()
                    .filter(|stage| STAGES.contains(&stage.as_str()))
                    .ok_or_else(|| wrong(&format!("one of {}", quoted(&STAGES))))?;
            }
            "amount" => match value {
                Value::Number(number) if number.as_f64().is_some_and(|amount| amount >= 0.0) => {
                    self.amount = number.clone();
                }
                _ => return Err(wrong("a number from 0")),
            },
            "tags" => {
                self.tags = value
                    .as_array()
                    .and_then(|tags| tags.iter().map(|tag| tag.as_str().map(str::to_owned)).collect())
                    .ok_or_else(|| wrong("an array of strings"))?;
            }
            _ => {
                let known = ["account", "owner", "stage", "amount", "notes", "tags"];
                return Err(DemoError(format!(
                    "update_record: a record has no field `{name}` that can be set; there are {}",
                    quoted(&known)
                )));
            }
        }
        Ok(())
    }
}

fn no_record(id: &str) -> DemoError {
    DemoError(format!("Unknown record `{id}`. list_records names them."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: Value) -> JsonObject {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_update_is_read_back_and_counted() {
        let records = Records::new();
        records.update("acct-1002", &fields(json!({ "notes": "Signed.", "stage": "won" }))).unwrap();
        let record = &records.get("acct-1002").unwrap()["record"];
        assert_eq!(record["notes"], "Signed.");
        assert_eq!(record["stage"], "won");
        assert_eq!(record["account"], "Brightwater Clinics");
        assert_eq!(record["revision"], 2);
    }

    #[test]
    fn an_update_with_one_wrong_field_changes_nothing() {
        let records = Records::new();
        let wrong = records.update("acct-1001", &fields(json!({ "notes": "x", "stage": "gone" })));
        assert!(wrong.unwrap_err().0.contains("`fields.stage` must be one of `lead`, `trial`"));
        assert_eq!(records.get("acct-1001").unwrap()["record"]["revision"], 1);
        assert_eq!(records.get("acct-1001").unwrap()["record"]["notes"], "Asked for a pilot in two depots.");
    }

    #[test]
    fn search_requires_all_words() {
        let records = Records::new();
        assert_eq!(records.search("TRIAL sso", 10)["records"][0]["id"], "acct-1002");
        assert_eq!(records.search("ines", 1)["total"], 2);
        assert_eq!(records.search("ines", 1)["records"].as_array().unwrap().len(), 1);
        assert_eq!(records.search("ines sso", 10)["total"], 0);
    }
}
