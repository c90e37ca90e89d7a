//! Reads submitted runs: form or multipart, as the vendor's clients send them.

use axum::body::to_bytes;
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use super::MAX_REQUEST;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Received {
    /// Whether the response is to be a stream with the log.
    pub logs: bool,
    /// Parameters by flattened key.
    pub params: Map<String, Value>,
    /// A workflow in place of the deployed one.
    pub workflow: Option<Value>,
    /// Files: part name, file name, content type, content.
    pub files: Vec<(String, String, String, Vec<u8>)>,
    /// The cloud API's `prompt_id`, chosen by the client.
    pub prompt_id: Option<String>,
    /// The cloud API's deployment: `view_comfy_api_url`.
    pub deployment: Option<String>,
    /// The cloud API's session id of the socket that gets the run's events; without one the run is only scheduled.
    pub socket: Option<String>,
}

/// A validation error in FastAPI's form.
pub(super) fn fault(field: &str, message: &str) -> Value {
    serde_json::json!({"detail": [{"loc": ["body", field], "msg": message, "type": "value_error"}]})
}

/// Reads a request's body.
///
/// # Errors
/// The JSON body of the error response.
pub(super) async fn read(request: Request) -> Result<Received, Value> {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let is_multipart = content_type.starts_with("multipart/form-data");
    let mut run = Received::default();
    if is_multipart {
        let parts = Multipart::from_request(request, &()).await;
        let mut parts = parts.map_err(|error| fault("", &error.body_text()))?;
        while let Some(part) = parts.next_field().await.map_err(|error| fault("", &error.body_text()))? {
            let name = part.name().unwrap_or_default().to_owned();
            let file = part.file_name().map(str::to_owned);
            let kind = part.content_type().unwrap_or_default().to_owned();
            let content = part.bytes().await.map_err(|error| fault(&name, &error.body_text()))?;
            match file {
                Some(file) => run.files.push((name, file, kind, content.to_vec())),
                None => run.set(&name, &String::from_utf8_lossy(&content))?,
            }
        }
    } else {
        let body = to_bytes(request.into_body(), MAX_REQUEST).await;
        let body = body.map_err(|error| fault("", &error.to_string()))?;
        for (name, value) in form_urlencoded::parse(&body) {
            run.set(&name, &value)?;
        }
    }
    if run.params.is_empty() && run.files.is_empty() {
        return Err(fault("params", "params may not be empty"));
    }
    Ok(run)
}

impl Received {
    fn set(&mut self, name: &str, value: &str) -> Result<(), Value> {
        match name {
            "logs" => self.logs = value == "true",
            "prompt_id" => self.prompt_id = Some(value.to_owned()),
            "view_comfy_api_url" => self.deployment = Some(value.to_owned()),
            "sid" => self.socket = Some(value.to_owned()).filter(|sid| !sid.is_empty()),
            "params" => match serde_json::from_str(value) {
                Ok(Value::Object(params)) => self.params = params,
                Ok(_) => return Err(fault(name, "params must be a JSON object")),
                Err(error) => return Err(fault(name, &format!("params is not JSON: {error}"))),
            },
            // The vendor's client sends an empty part if there is no workflow.
            "workflow_api" if value.is_empty() => {}
            "workflow_api" => match serde_json::from_str(value) {
                Ok(workflow) => self.workflow = Some(workflow),
                Err(error) => return Err(fault(name, &format!("workflow_api is not JSON: {error}"))),
            },
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_workflow_is_rejected() {
        let mut received = Received::default();
        assert_eq!(received.set("workflow_api", ""), Ok(()));
        assert_eq!(received.workflow, None);
        assert!(received.set("workflow_api", "{").is_err());
    }
}
