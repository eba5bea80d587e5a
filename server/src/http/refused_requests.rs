//! Unauthenticated and forbidden requests, in the log and in the audit log. Both have a limit for
//! each minute: anybody who can reach the server can send such requests, and must not fill the
//! disk.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use isolet_bindings::audit::{Audit, RefusedLogin};
use parking_lot::Mutex;

use crate::web::problem::Problem;

/// The time for which the log has one line.
const PERIOD: Duration = Duration::from_secs(60);

/// The number of audit records in each period. Further requests are counted.
const MAX_RECORDS: u64 = 60;

/// The requests refused in the current period.
pub struct RefusedRequests {
    audit: Option<Audit>,
    period: Duration,
    /// The number of requests refused since the period began; 0 between periods.
    refused: Mutex<u64>,
}

impl RefusedRequests {
    /// Starts counting.
    pub fn new(audit: Option<Audit>) -> Arc<Self> {
        Self::with_period(audit, PERIOD)
    }

    fn with_period(audit: Option<Audit>, period: Duration) -> Arc<Self> {
        Arc::new(Self { audit, period, refused: Mutex::new(0) })
    }

    /// Records `problem` if it refuses the sender of the request. Must be called inside a tokio
    /// runtime.
    pub fn record(
        self: &Arc<Self>,
        problem: &Problem,
        peer: Option<SocketAddr>,
        method: &Method,
        path: &str,
    ) {
        let status = problem.status();
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return;
        }
        let refused = {
            let mut refused = self.refused.lock();
            *refused += 1;
            *refused
        };
        let (status, why) = (status.as_u16(), problem.detail());
        if refused == 1 {
            let shown = peer.map(tracing::field::display);
            tracing::warn!(
                peer = shown,
                status,
                method = method.as_str(),
                path,
                "a request was refused: {why}"
            );
            let all = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(all.period).await;
                all.end_period();
            });
        }
        if let Some(audit) = self.audit.as_ref().filter(|_| refused <= MAX_RECORDS) {
            audit.auth_failed(&RefusedLogin {
                at: SystemTime::now(),
                peer,
                status,
                method: method.as_str(),
                path,
                why,
            });
        }
    }

    /// Ends the period, and logs how many more requests there were in it.
    pub fn end_period(&self) {
        let refused = std::mem::take(&mut *self.refused.lock());
        if refused > 1 {
            tracing::warn!("{} more requests were refused within a minute", refused - 1);
        }
        if let Some(audit) = self.audit.as_ref().filter(|_| refused > MAX_RECORDS) {
            audit.more_auth_failed(refused - MAX_RECORDS);
        }
    }
}

#[cfg(test)]
mod tests {
    use isolet_bindings::audit::{AuditOptions, Destination, WhenFull};
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn a_flood_is_recorded_up_to_the_limit_and_counted_beyond_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let destination = Destination::File(path.clone());
        let options = AuditOptions { destination, arguments: false, when_full: WhenFull::Refuse };
        let audit = Audit::open(options).unwrap();
        let refused_requests = RefusedRequests::with_period(Some(audit.clone()), Duration::from_millis(100));
        let peer = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
        for _ in 0..1000 {
            refused_requests.record(&Problem::unauthorized("No."), peer, &Method::POST, "/v1/run");
        }
        refused_requests.record(&Problem::not_found("Nothing."), peer, &Method::GET, "/");
        while *refused_requests.refused.lock() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        refused_requests.record(&Problem::forbidden("Not from there."), None, &Method::GET, "/v1/types");
        assert!(audit.close(Duration::from_secs(10)));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 62, "{text}");
        assert!(lines.iter().all(|line| line["event"] == "auth_failed"));
        assert_eq!((&lines[0]["peer"], &lines[0]["status"]), (&"127.0.0.1:9".into(), &401.into()));
        assert_eq!(lines[60]["suppressed"], 940);
        assert_eq!((&lines[61]["peer"], &lines[61]["why"]), (&Value::Null, &"Not from there.".into()));
    }
}
