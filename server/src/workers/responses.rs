//! Responses of isolet's own, in place of the Worker's.

use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use super::exchange::WorkerBody;
use crate::web::problem::Problem;

/// Refuses a request.
pub fn problem(problem: &Problem) -> Response<WorkerBody> {
    let hint = problem.hint().unwrap_or_default();
    plain(problem.status(), format!("isolet: {}\n{hint}\n", problem.detail()))
}

/// Answers a request whose Worker ended for another reason than the request.
pub fn try_again(text: String) -> Response<WorkerBody> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Answers with a status and a text.
pub fn plain(status: StatusCode, text: String) -> Response<WorkerBody> {
    let mut response = Response::new(WorkerBody::Whole(Full::from(text)));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
