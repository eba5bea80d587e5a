//! Errors of requests with a known method and invalid parameters. rmcp treats such a request as one
//! with an unknown method, and would answer that isolet does not have the method.

use isolet_bindings::{LogLevel, Revision};
use rmcp::model::{
    CallToolRequestParams, CompleteRequestParams, CustomRequest, ErrorCode, ErrorData,
    GetPromptRequestParams, PaginatedRequestParams, ReadResourceRequestParams, ServerCapabilities,
    SubscriptionsListenRequestParams,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The length of a method's name in an error.
const MAX_METHOD_BYTES: usize = 100;

/// The parameters of `logging/setLevel`. rmcp's own type is deprecated, because the newest revision
/// does not have the method.
#[derive(Deserialize)]
struct SetLevelParams {
    #[allow(dead_code, reason = "read only to see whether it can be")]
    level: LogLevel,
}

/// The parameters of `resources/subscribe`, for the same reason.
#[derive(Deserialize)]
struct SubscribeParams {
    #[allow(dead_code, reason = "read only to see whether it can be")]
    uri: String,
}

/// Returns the error of a request that rmcp could not parse. The revision decides which
/// methods exist.
pub fn error(request: &CustomRequest, offered: &ServerCapabilities, revision: Option<Revision>) -> ErrorData {
    match params_error(request, offered, revision) {
        Some(message) => ErrorData::invalid_params(message, None),
        None => {
            let mut method = request.method.clone();
            method.truncate(method.floor_char_boundary(MAX_METHOD_BYTES));
            ErrorData::new(
                ErrorCode::METHOD_NOT_FOUND,
                format!("isolet does not offer the method {method}"),
                None,
            )
        }
    }
}

/// Describes what is wrong with the parameters; `None` if isolet does not offer the method.
fn params_error(
    request: &CustomRequest,
    offered: &ServerCapabilities,
    revision: Option<Revision>,
) -> Option<String> {
    let (prompts, resources) = (offered.prompts.is_some(), offered.resources.is_some());
    let listens = revision.is_some_and(Revision::listens_by_request);
    let logging = offered.logging.is_some() && !revision.is_some_and(Revision::has_request_context);
    let parse_error_of = match &*request.method {
        "tools/call" => parse_error::<CallToolRequestParams>,
        "tools/list" => parse_error::<PaginatedRequestParams>,
        "prompts/list" if prompts => parse_error::<PaginatedRequestParams>,
        "prompts/get" if prompts => parse_error::<GetPromptRequestParams>,
        "resources/list" | "resources/templates/list" if resources => parse_error::<PaginatedRequestParams>,
        "resources/read" if resources => parse_error::<ReadResourceRequestParams>,
        "completion/complete" if offered.completions.is_some() => parse_error::<CompleteRequestParams>,
        "resources/subscribe" | "resources/unsubscribe" if resources && !listens => {
            parse_error::<SubscribeParams>
        }
        "logging/setLevel" if logging => parse_error::<SetLevelParams>,
        "subscriptions/listen" if listens => parse_error::<SubscriptionsListenRequestParams>,
        _ => return None,
    };
    let why = match &request.params {
        None => "`params` is missing".to_owned(),
        Some(params) => parse_error_of(params),
    };
    Some(format!("Invalid parameters of {}: {why}", request.method))
}

fn parse_error<T: DeserializeOwned>(params: &Value) -> String {
    match serde_json::from_value::<T>(params.clone()) {
        Err(error) => error.to_string(),
        Ok(_) => "the request is malformed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(method: &str, params: Option<Value>) -> ErrorData {
        let offered = ServerCapabilities::builder().enable_tools().build();
        error(&CustomRequest::new(method, params), &offered, None)
    }

    #[test]
    fn invalid_parameters_are_not_an_unknown_method() {
        let none = refused("tools/call", None);
        assert_eq!(none.code, ErrorCode::INVALID_PARAMS);
        assert_eq!(none.message, "Invalid parameters of tools/call: `params` is missing");
        let odd = refused("tools/call", Some(json!({ "name": 7 })));
        assert_eq!(odd.code, ErrorCode::INVALID_PARAMS);
        assert!(odd.message.contains("invalid type: integer `7`"), "{}", odd.message);
    }

    #[test]
    fn methods_that_are_not_offered_are_unknown() {
        for method in ["prompts/get", "tools/cal", ""] {
            assert_eq!(refused(method, None).code, ErrorCode::METHOD_NOT_FOUND, "{method}");
        }
    }
}
