//! Lines about requests, and the Worker's own lines, for the person at the terminal.

use isolet_bindings::text;
use isolet_runtime::{LogLine, RunError};
use parking_lot::RwLock;

use super::source_files::SourceFiles;
use crate::output::diagnostic;
use crate::web::problem::Problem;
use crate::workers::request_log::{OpenRequest, RequestEnd, RequestLog};

/// Prints a line about each request when it is over, and the errors in between.
#[derive(Default)]
pub struct RequestLines {
    /// The name of the Worker, where there are several.
    worker: RwLock<Option<String>>,
    /// The files of the present version.
    files: RwLock<SourceFiles>,
}

impl RequestLines {
    /// Shows lines of these files from now on.
    pub fn show_lines_of(&self, files: SourceFiles) {
        *self.files.write() = files;
    }

    /// Begins lines with the name of the Worker from now on.
    pub fn show_name(&self, name: &str) {
        *self.worker.write() = Some(text::line(name).into_owned());
    }

    /// Returns the beginning of a line that names the Worker.
    fn prefix(&self) -> String {
        self.worker.read().as_ref().map(|name| format!("{name}: ")).unwrap_or_default()
    }
}

impl RequestLog for RequestLines {
    fn failed(&self, request: &OpenRequest, error: &RunError) -> String {
        let block = diagnostic::render(error, "the Worker");
        let block = format!("{block}{}", self.files.read().excerpt(&block));
        let OpenRequest { id, method, path, .. } = request;
        stderr_text!("isolet: [{id}] {}{method} {path} failed\n{block}", self.prefix());
        block
    }

    fn refused(&self, request: &OpenRequest, problem: &Problem) {
        let OpenRequest { id, method, path, .. } = request;
        let hint = problem.hint().unwrap_or_default();
        stderr_line!("isolet: [{id}] {method} {path} refused: {} {hint}", problem.detail());
    }

    fn broke_off(&self, request: &OpenRequest, reason: &str) {
        let OpenRequest { id, method, path, .. } = request;
        let reason = text::line(reason);
        stderr_line!("isolet: [{id}] {}{method} {path}: the response broke off: {reason}", self.prefix());
    }

    fn ended(&self, request: &OpenRequest) {
        let OpenRequest { id, method, path, began, status, end, .. } = request;
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let end = match end {
            RequestEnd::Complete | RequestEnd::Failed(_) | RequestEnd::Refused => "",
            RequestEnd::Disconnected => ", the client disconnected",
            RequestEnd::Unread => ", not read to its end",
            RequestEnd::BrokeOff => ", broke off",
        };
        stderr_line!("[{id}] {}{method} {path} {status} {ms:.1} ms{end}", self.prefix());
    }

    /// Does nothing: the runtime's warning is on the terminal.
    fn violated(&self, _: &RunError) {}

    fn line(&self, request: u32, line: &LogLine) {
        diagnostic::print_request_log(request, line);
    }
}
