//! Answers to servers that ask the user for input (elicitation): isolet has no user to ask.
//!
//! A server asks by a request of its own, or, in later revisions, by a result that the client
//! answers with another request. isolet declines, so that the server can report that. An operator
//! who trusts a server may have forms accepted with the defaults of the server.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rmcp::model::{
    ClientCapabilities, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
    FormElicitationCapability,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::config::Elicitation;

/// The most rounds of questions for one request. After that the server needs a person.
pub(crate) const MAX_ROUNDS: usize = 4;
/// The most questions of one result, and the longest state that is sent back.
const MAX_QUESTIONS: usize = 32;
const MAX_STATE_BYTES: usize = 1024 * 1024;

/// The answers that go with a repeated request. Empty for the first.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ElicitationAnswers {
    pub responses: Option<BTreeMap<String, Value>>,
    /// The server's state, sent back unchanged.
    pub state: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InputRequiredResult<'a> {
    #[serde(borrow, default)]
    result_type: Option<Cow<'a, str>>,
    #[serde(default)]
    input_requests: Option<BTreeMap<String, Question>>,
    #[serde(default)]
    request_state: Option<String>,
}

#[derive(Deserialize)]
struct Question {
    method: String,
    #[serde(default)]
    params: Value,
}

/// Returns the answers to a result that asks for input. `None` for other results, and for questions
/// that isolet can neither answer nor decline, such as sampling.
pub(crate) fn answers_to(result: &str, elicitation: Elicitation) -> Option<ElicitationAnswers> {
    // Most results are long and do not ask for input.
    if !result.contains("input_required") {
        return None;
    }
    let asking: InputRequiredResult<'_> = serde_json::from_str(result).ok()?;
    if asking.result_type.as_deref() != Some("input_required") {
        return None;
    }
    let questions = asking.input_requests.unwrap_or_default();
    let state = asking.request_state;
    let too_much =
        questions.len() > MAX_QUESTIONS || state.as_ref().is_some_and(|state| state.len() > MAX_STATE_BYTES);
    if too_much || (questions.is_empty() && state.is_none()) {
        return None;
    }
    let answer = |question: &Question| {
        (question.method == "elicitation/create").then(|| {
            match accepted(elicitation, &question.params["mode"], &question.params["requestedSchema"]) {
                Some(content) => json!({ "action": "accept", "content": content }),
                None => json!({ "action": "decline" }),
            }
        })
    };
    let responses: Option<BTreeMap<String, Value>> =
        questions.iter().map(|(key, question)| Some((key.clone(), answer(question)?))).collect();
    let responses = responses?;
    Some(ElicitationAnswers { responses: (!responses.is_empty()).then_some(responses), state })
}

/// Answers an `elicitation/create` request. `None` if elicitation was not offered to the server.
pub(crate) fn elicited(elicitation: Elicitation, request: &ElicitRequestParams) -> Option<ElicitResult> {
    if elicitation == Elicitation::None {
        return None;
    }
    let request = serde_json::to_value(request).unwrap_or_default();
    Some(match accepted(elicitation, &request["mode"], &request["requestedSchema"]) {
        Some(content) => {
            let mut result = ElicitResult::new(ElicitationAction::Accept);
            result.content = Some(Value::Object(content));
            result
        }
        None => ElicitResult::new(ElicitationAction::Decline),
    })
}

/// The client capabilities that are sent in the handshake.
pub(crate) fn capabilities(elicitation: Elicitation) -> ClientCapabilities {
    let mut capabilities = ClientCapabilities::default();
    if elicitation == Elicitation::Defaults {
        let form = ElicitationCapability::new().with_form(FormElicitationCapability::default());
        capabilities.elicitation = Some(form);
    }
    capabilities
}

/// Fills in a form with its defaults. `None` if that is not allowed, if it is not a form, or if it
/// has required fields without a default.
fn accepted(elicitation: Elicitation, mode: &Value, schema: &Value) -> Option<Map<String, Value>> {
    let is_form = mode.is_null() || mode == "form";
    if elicitation != Elicitation::Defaults || !is_form {
        return None;
    }
    let fields = schema["properties"].as_object()?.iter();
    let content: Map<String, Value> =
        fields.filter_map(|(name, field)| Some((name.clone(), field.get("default")?.clone()))).collect();
    let required = schema["required"].as_array().into_iter().flatten();
    let is_whole =
        required.into_iter().all(|name| name.as_str().is_some_and(|name| content.contains_key(name)));
    is_whole.then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(questions: Value, state: Value) -> String {
        json!({ "resultType": "input_required", "inputRequests": questions, "requestState": state })
            .to_string()
    }

    fn form(schema: Value) -> Value {
        json!({ "method": "elicitation/create", "params": { "message": "?", "requestedSchema": schema } })
    }

    #[test]
    fn questions_are_declined_and_the_state_is_sent_back() {
        let question = form(json!({ "properties": { "sure": { "type": "boolean", "default": true } } }));
        let answers = answers_to(&asking(json!({ "q": question }), json!("s")), Elicitation::None).unwrap();
        assert_eq!(answers.responses.unwrap()["q"], json!({ "action": "decline" }));
        assert_eq!(answers.state.as_deref(), Some("s"));
        let answers =
            answers_to(&asking(json!({ "q": question }), Value::Null), Elicitation::Defaults).unwrap();
        let accepted = json!({ "action": "accept", "content": { "sure": true } });
        assert_eq!((answers.responses.unwrap()["q"].clone(), answers.state), (accepted, None));
        // A state without questions: the server wants to be asked again.
        let later = answers_to(&asking(Value::Null, json!("s")), Elicitation::None).unwrap();
        assert_eq!(later, ElicitationAnswers { responses: None, state: Some("s".to_owned()) });
    }

    #[test]
    fn results_without_a_question_for_the_user_are_not_answered() {
        let sampling =
            json!({ "q": form(json!({})), "m": { "method": "sampling/createMessage", "params": {} } });
        for result in [
            asking(sampling, json!("s")),
            asking(json!({}), Value::Null),
            asking(json!(7), json!("s")),
            json!({ "content": [{ "type": "text", "text": "input_required" }] }).to_string(),
            "input_required".to_owned(),
        ] {
            assert_eq!(answers_to(&result, Elicitation::Defaults), None, "{result}");
        }
    }

    #[test]
    fn a_form_is_accepted_only_if_its_defaults_suffice() {
        let accepted = |mode: Value, schema: Value| accepted(Elicitation::Defaults, &mode, &schema);
        let fields = json!({ "a": { "default": 1 }, "b": { "type": "string" } });
        let content = accepted(json!("form"), json!({ "properties": fields, "required": ["a"] })).unwrap();
        assert_eq!(Value::Object(content), json!({ "a": 1 }));
        assert_eq!(accepted(Value::Null, json!({ "properties": fields, "required": ["a", "b"] })), None);
        assert_eq!(accepted(json!("url"), json!({ "properties": fields })), None);
        assert_eq!(accepted(Value::Null, Value::Null), None);
    }
}
