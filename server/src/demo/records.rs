//! Customer records that live in memory until the server stops.

use std::sync::{Mutex, PoisonError};

use indexmap::IndexMap;
use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::{Value, json};

use super::arguments::{Refusal, quoted};

/// The stages of a deal.
pub const STAGES: [&str; 5] = ["lead", "trial", "negotiation", "won", "lost"];

/// A record's notes may be a whole transcript, not a disk image.
const LONGEST_TEXT: usize = 1024 * 1024;

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
    /// The records that every demo server starts with.
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

    /// All records in `stage`, or all, in short.
    pub fn list(&self, stage: Option<&str>) -> Value {
        let records: Vec<Value> = self
            .lock()
            .values()
            .filter(|record| stage.is_none_or(|stage| record.stage == stage))
            .map(Record::short)
            .collect();
        json!({ "records": records })
    }

    /// One record.
    pub fn get(&self, id: &str) -> Result<Value, Refusal> {
        let records = self.lock();
        records.get(id).map(|record| json!({ "record": record })).ok_or_else(|| no_record(id))
    }

    /// Sets `fields` of one record, all or none.
    pub fn update(&self, id: &str, fields: &JsonObject) -> Result<Value, Refusal> {
        let mut records = self.lock();
        let record = records.get_mut(id).ok_or_else(|| no_record(id))?;
        if fields.is_empty() {
            return Err(Refusal("update_record: `fields` is empty, there is nothing to set".to_owned()));
        }
        let mut changed = record.clone();
        for (name, value) in fields {
            changed.set(name, value)?;
        }
        changed.revision += 1;
        *record = changed;
        Ok(json!({ "record": record }))
    }

    /// Records with all words of `query` somewhere.
    pub fn search(&self, query: &str, limit: u64) -> Value {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        let records = self.lock();
        let found: Vec<&Record> = records
            .values()
            .filter(|record| {
                let text = record.searchable();
                words.iter().all(|word| text.contains(word))
            })
            .collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let shown: Vec<Value> = found.iter().take(limit).map(|record| record.short()).collect();
        json!({ "records": shown, "total": found.len() })
    }

    /// A panic while the lock was held cannot leave a record half changed: updates replace it whole.
    fn lock(&self) -> std::sync::MutexGuard<'_, IndexMap<String, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn short(&self) -> Value {
        json!({ "id": self.id, "account": self.account, "stage": self.stage, "amount": self.amount })
    }

    fn searchable(&self) -> String {
        format!("{} {} {} {}", self.account, self.owner, self.notes, self.tags.join(" ")).to_lowercase()
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), Refusal> {
        let wrong =
            |wanted: &str| Refusal(format!("update_record: `fields.{name}` must be {wanted}, found {value}"));
        let text = || value.as_str().filter(|text| text.len() <= LONGEST_TEXT).map(str::to_owned);
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
                return Err(Refusal(format!(
                    "update_record: a record has no field `{name}` that can be set; there are {}",
                    quoted(&known)
                )));
            }
        }
        Ok(())
    }
}

fn no_record(id: &str) -> Refusal {
    Refusal(format!("There is no record `{id}`. list_records names them."))
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
    fn search_wants_all_words() {
        let records = Records::new();
        assert_eq!(records.search("TRIAL sso", 10)["records"][0]["id"], "acct-1002");
        assert_eq!(records.search("ines", 1)["total"], 2);
        assert_eq!(records.search("ines", 1)["records"].as_array().unwrap().len(), 1);
        assert_eq!(records.search("ines sso", 10)["total"], 0);
    }
}
