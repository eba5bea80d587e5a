//! Requests of scripts to one server: tool calls, resources, prompts.

use std::time::Duration;

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, GetPromptRequest, GetPromptRequestParams,
    ReadResourceRequest, ReadResourceRequestParams,
};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Upstreams;
use super::listing::{ListKind, fetch};
use super::options::MAX_TIMEOUT;
use super::server::Server;
use crate::connection::elicitation::{ElicitationAnswers, MAX_ROUNDS, answers_to};
use crate::connection::progress::ProgressSink;
use crate::connection::{Connection, RequestError};
use crate::error::CallError;
use crate::results::media::bounded;
use crate::results::{ToolResult, check_final};
use crate::transport::messages::RawText;

impl Upstreams {
    /// Calls a tool. `arguments` is the text of a JSON object. The timeout includes the wait for a
    /// server that is starting. Dropping the future cancels the call upstream.
    ///
    /// # Errors
    /// Every failure that is not a result of the tool. A tool that reports an error is an `Ok` with
    /// [`is_error`](ToolResult::is_error).
    pub async fn call_tool(
        &self,
        server: &str,
        tool: &str,
        arguments: &str,
        timeout: Duration,
    ) -> Result<ToolResult, CallError> {
        self.call_tool_reporting(server, tool, arguments, timeout, None).await
    }

    /// Does the same as [`call_tool`](Self::call_tool), and sends the server's progress
    /// notifications to `progress`. They do not extend the timeout.
    ///
    /// # Errors
    /// The same as [`call_tool`](Self::call_tool).
    pub async fn call_tool_reporting(
        &self,
        server: &str,
        tool: &str,
        arguments: &str,
        timeout: Duration,
        progress: Option<ProgressSink>,
    ) -> Result<ToolResult, CallError> {
        let upstream = self.server(server)?;
        let timeout = upstream.context.config.call_timeout.map_or(timeout, |own| own.min(timeout));
        let request = |answers: ElicitationAnswers| {
            let arguments = object(server, tool, arguments)?;
            let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
            (params.input_responses, params.request_state) = (answers.responses, answers.state);
            Ok(CallToolRequest::new(params).into())
        };
        let raw = upstream.request(tool, request, timeout, progress).await?;
        let max_media = upstream.context.options.max_media_bytes;
        let result = ToolResult::new(raw, max_media).map_err(|reason| upstream.malformed(tool, reason))?;
        Ok(if result.is_error() { result.redacted(&upstream.context.redactor) } else { result })
    }

    /// Lists the resources of a server, all pages, as a JSON array.
    ///
    /// # Errors
    /// The same as [`call_tool`](Self::call_tool). A server without resources has an empty list.
    pub async fn list_resources(&self, server: &str, timeout: Duration) -> Result<Vec<u8>, CallError> {
        self.server(server)?.list(ListKind::Resources, timeout).await
    }

    /// Lists the resource templates of a server, all pages, as a JSON array.
    ///
    /// # Errors
    /// The same as [`call_tool`](Self::call_tool). A server without resources has an empty list.
    pub async fn list_resource_templates(
        &self,
        server: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        self.server(server)?.list(ListKind::Templates, timeout).await
    }

    /// Reads a resource. Returns the result of `resources/read` as JSON.
    ///
    /// # Errors
    /// The same as [`call_tool`](Self::call_tool).
    pub async fn read_resource(
        &self,
        server: &str,
        uri: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let request = |answers: ElicitationAnswers| {
            let mut params = ReadResourceRequestParams::new(uri);
            (params.input_responses, params.request_state) = (answers.responses, answers.state);
            Ok(ReadResourceRequest::new(params).into())
        };
        let upstream = self.server(server)?;
        let raw = upstream.request("resources/read", request, timeout, None).await?;
        check_final(raw.get()).map_err(|reason| upstream.malformed("resources/read", reason))?;
        let bounded = bounded(raw.get(), "contents", upstream.context.options.max_media_bytes);
        Ok(bounded.map_or_else(|| into_bytes(raw), String::into_bytes))
    }

    /// Lists the prompts of a server, all pages, as a JSON array.
    ///
    /// # Errors
    /// The same as [`call_tool`](Self::call_tool). A server without prompts has an empty list.
    pub async fn list_prompts(&self, server: &str, timeout: Duration) -> Result<Vec<u8>, CallError> {
        self.server(server)?.list(ListKind::Prompts, timeout).await
    }

    /// Fills in a prompt. Returns the result of `prompts/get` as JSON. `arguments` is the text of a
    /// JSON object.
    ///
    /// # Errors
    /// The same as [`call_tool`](Self::call_tool).
    pub async fn get_prompt(
        &self,
        server: &str,
        name: &str,
        arguments: &str,
        timeout: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let upstream = self.server(server)?;
        let request = |answers: ElicitationAnswers| {
            let mut params = GetPromptRequestParams::new(name);
            params.arguments = Some(object(server, "prompts/get", arguments)?);
            (params.input_responses, params.request_state) = (answers.responses, answers.state);
            Ok(GetPromptRequest::new(params).into())
        };
        let raw = upstream.request("prompts/get", request, timeout, None).await?;
        check_final(raw.get()).map_err(|reason| upstream.malformed("prompts/get", reason))?;
        Ok(into_bytes(raw))
    }
}

impl Server {
    /// Sends a request, and sends it again with answers as long as its result asks the user for
    /// input.
    async fn request(
        &self,
        operation: &str,
        request: impl Fn(ElicitationAnswers) -> Result<ClientRequest, CallError>,
        timeout: Duration,
        progress: Option<ProgressSink>,
    ) -> Result<RawText, CallError> {
        let mut next = request(ElicitationAnswers::default())?;
        let deadline = Instant::now() + timeout.min(MAX_TIMEOUT);
        let connection = self.connection(deadline).await?;
        let mut rounds = if connection.revision().asks_in_results() { MAX_ROUNDS } else { 0 };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let raw = match connection.request(next, left, progress.clone()).await {
                Ok(raw) => raw,
                Err(error) => return Err(self.call_error(&connection, operation, error, timeout).await),
            };
            match answers_to(raw.get(), self.context.config.elicitation).filter(|_| rounds > 0) {
                Some(answers) => next = request(answers)?,
                None => return Ok(raw),
            }
            rounds -= 1;
        }
    }

    async fn list(&self, list: ListKind, timeout: Duration) -> Result<Vec<u8>, CallError> {
        let deadline = Instant::now() + timeout.min(MAX_TIMEOUT);
        let connection = self.connection(deadline).await?;
        let offered = match list {
            ListKind::Tools => true,
            ListKind::Resources | ListKind::Templates => connection.info().capabilities.resources.is_some(),
            ListKind::Prompts => connection.info().capabilities.prompts.is_some(),
        };
        if !offered {
            return Ok(b"[]".to_vec());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        match fetch(&connection, list, left).await {
            Ok(fetched) => {
                let mut json = Vec::from(b"[");
                for (index, item) in fetched.items.iter().enumerate() {
                    if index > 0 {
                        json.push(b',');
                    }
                    json.extend_from_slice(item.get().as_bytes());
                }
                json.push(b']');
                Ok(json)
            }
            Err(error) => Err(self.call_error(&connection, list.method(), error, timeout).await),
        }
    }

    pub(crate) fn malformed(&self, operation: &str, reason: String) -> CallError {
        let (server, operation) = (self.context.name.clone(), operation.to_owned());
        CallError::Malformed { server, operation, reason: self.context.redactor.redact(reason) }
    }

    pub(crate) async fn call_error(
        &self,
        connection: &Connection,
        operation: &str,
        error: RequestError,
        after: Duration,
    ) -> CallError {
        let (server, operation) = (self.context.name.clone(), operation.to_owned());
        match error {
            RequestError::Ended => {
                // The output may be about another caller's call, so only the log has it.
                let reason = self.context.redactor.redact(connection.session_end().await.reason);
                CallError::Died { server, operation, reason }
            }
            RequestError::Timeout { printed } => {
                if let Some(output) = connection.quoted_stray_output().filter(|_| printed.is_some()) {
                    let output = self.context.redactor.redact(output);
                    tracing::warn!(target: "isolet::upstream", server, operation, "no answer; {output}");
                }
                CallError::Timeout { server, operation, after, printed }
            }
            RequestError::Upstream { code, message, data } => {
                let redactor = &self.context.redactor;
                let data =
                    data.filter(|data| redactor.redact_json(&data.to_string()).is_none()).map(Box::new);
                let message = redactor.redact(message);
                CallError::Upstream { server, operation, code, message, data }
            }
            RequestError::Transport(reason) => {
                CallError::Transport { server, operation, reason: self.context.redactor.redact(reason) }
            }
            RequestError::Malformed(reason) => {
                CallError::Malformed { server, operation, reason: self.context.redactor.redact(reason) }
            }
        }
    }
}

fn object(server: &str, operation: &str, text: &str) -> Result<Map<String, Value>, CallError> {
    serde_json::from_str(text).map_err(|error| {
        let (server, operation, reason) = (server.to_owned(), operation.to_owned(), error.to_string());
        // serde_json distinguishes this error only by its message.
        match reason.starts_with("recursion limit exceeded") {
            true => CallError::TooDeep { server, operation },
            false => CallError::Arguments { server, operation, reason },
        }
    })
}

fn into_bytes(raw: RawText) -> Vec<u8> {
    raw.into_string().into_bytes()
}
