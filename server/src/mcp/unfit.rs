//! Requests of known methods whose parameters do not fit. rmcp takes such a request for one of a method that it does not
//! know, and a client would be told that isolet has no such method.

use isolet_bindings::LogLevel;
use rmcp::model::{
    CallToolRequestParams, CompleteRequestParams, CustomRequest, ErrorCode, ErrorData,
    GetPromptRequestParams, PaginatedRequestParams, ReadResourceRequestParams, ServerCapabilities,
    SubscriptionsListenRequestParams,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// rmcp's own is marked as deprecated, like all that the newest revision does without.
#[derive(Deserialize)]
struct Wanted {
    #[allow(dead_code, reason = "read only to see whether it can be")]
    level: LogLevel,
}

/// As above.
#[derive(Deserialize)]
struct Named {
    #[allow(dead_code, reason = "read only to see whether it can be")]
    uri: String,
}

/// Why the request is refused. `modern` if it is of the revision without sessions, which has fewer methods.
pub fn refusal(request: &CustomRequest, offered: &ServerCapabilities, modern: bool) -> ErrorData {
    match misfit(request, offered, modern) {
        Some(words) => ErrorData::invalid_params(words, None),
        None => ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method.clone(), None),
    }
}

/// What is wrong with the parameters; `None` if isolet does not offer the method.
fn misfit(request: &CustomRequest, offered: &ServerCapabilities, modern: bool) -> Option<String> {
    let (prompts, resources) = (offered.prompts.is_some(), offered.resources.is_some());
    let logging = offered.logging.is_some() && !modern;
    let fits = match &*request.method {
        "tools/call" => of::<CallToolRequestParams>,
        "tools/list" => of::<PaginatedRequestParams>,
        "prompts/list" if prompts => of::<PaginatedRequestParams>,
        "prompts/get" if prompts => of::<GetPromptRequestParams>,
        "resources/list" | "resources/templates/list" if resources => of::<PaginatedRequestParams>,
        "resources/read" if resources => of::<ReadResourceRequestParams>,
        "completion/complete" if offered.completions.is_some() => of::<CompleteRequestParams>,
        "resources/subscribe" | "resources/unsubscribe" if resources && !modern => of::<Named>,
        "logging/setLevel" if logging => of::<Wanted>,
        "subscriptions/listen" if modern => of::<SubscriptionsListenRequestParams>,
        _ => return None,
    };
    let why = match &request.params {
        None => "there are none".to_owned(),
        Some(params) => fits(params),
    };
    Some(format!("The parameters of {} do not fit: {why}", request.method))
}

fn of<T: DeserializeOwned>(params: &Value) -> String {
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
        refusal(&CustomRequest::new(method, params), &offered, false)
    }

    #[test]
    fn parameters_that_do_not_fit_are_no_unknown_method() {
        let none = refused("tools/call", None);
        assert_eq!(none.code, ErrorCode::INVALID_PARAMS);
        assert_eq!(none.message, "The parameters of tools/call do not fit: there are none");
        let odd = refused("tools/call", Some(json!({ "name": 7 })));
        assert_eq!(odd.code, ErrorCode::INVALID_PARAMS);
        assert!(odd.message.contains("invalid type: integer `7`"), "{}", odd.message);
    }

    #[test]
    fn what_is_not_offered_is_unknown() {
        for method in ["prompts/get", "tools/cal", ""] {
            assert_eq!(refused(method, None).code, ErrorCode::METHOD_NOT_FOUND, "{method}");
        }
    }
}
