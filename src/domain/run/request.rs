//! A run's request: address, protocol, values and files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::batch::BatchPlace;
use crate::domain::inputs::is_seed_name;
use crate::domain::origin::{self, Origin, Rule};
use crate::domain::prompt::Templates;
use crate::domain::workflow::hex;
use crate::domain::{ParamKey, Shape};

use super::trust::Trust;

/// Everything needed to submit a run, and to submit exactly the same one again.
///
/// Contains no secret: credentials are looked up by the profile's name when the run is sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    /// Name of the profile, for people and for finding credentials; empty for a bare `--url`.
    pub profile: String,
    /// Random name under which the credentials were handed over to the runner, when it cannot find them by the
    /// profile; deleted with the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<String>,
    pub protocol: Protocol,
    pub url: String,
    /// Address of the service in front of the endpoint, for protocols with one: requests and credentials go there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// Certificates that the server may have.
    #[serde(default, skip_serializing_if = "Trust::is_usual")]
    pub trust: Trust,
    /// The server's name of an existing run to fetch: nothing is submitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<String>,
    /// The batch that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchPlace>,
    /// Most runs of this endpoint in flight at once, where the profile no longer says; at least 1.
    pub concurrency: u32,
    /// Cost of a second, as the profile said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_second: Option<f64>,
    pub preset: Option<String>,
    /// Name of the workflow's file, for people.
    pub workflow_name: String,
    /// SHA-256 of the workflow's text; the store has the text under this hash.
    pub workflow_hash: String,
    /// Whether the workflow is sent and replaces the deployment's own.
    pub send_workflow: bool,
    /// Exactly the values that are sent.
    pub params: IndexMap<ParamKey, Value>,
    /// Who set each value and file. Missing in runs of earlier versions.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub origins: IndexMap<ParamKey, Origin>,
    /// The templates of expanded texts, and the seed of their choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<Templates>,
    pub files: Vec<InputFile>,
    /// The prompt for the list of runs; may be empty.
    pub prompt: String,
    /// Whether to ask the server for its log.
    pub logs: bool,
    pub output_dir: PathBuf,
    /// File name template, parsed by [`OutputName`](super::OutputName); without it outputs keep the server's names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_name: Option<String>,
    /// Whether to write a description beside each output.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sidecar: bool,
}

impl RunRequest {
    /// The address for display and logs: without the query, which may contain a token.
    pub fn shown_url(&self) -> &str {
        shown_url(&self.url)
    }

    /// Whether the run was sent from elsewhere, so that its values are unknown.
    pub fn is_unknown(&self) -> bool {
        self.adopt.is_some() && self.params.is_empty() && self.files.is_empty()
    }

    /// Values that the program set, with the rule for each.
    pub fn by_program(&self) -> impl Iterator<Item = (&ParamKey, &Value, Rule)> {
        origin::by_program(&self.params, &self.origins)
    }

    /// SHA-256 in hex over address, workflow, values and files: equal for requests that ask the same of the same
    /// deployment. `None` where the same request gives another picture (a seed of -1 is random), and for a fetch.
    pub fn fingerprint(&self) -> Option<String> {
        let is_open = |(key, value): (&ParamKey, &Value)| {
            is_seed_name(key.input()) && value.as_i64().is_some_and(|seed| seed < 0)
        };
        if self.adopt.is_some() || self.params.iter().any(is_open) {
            return None;
        }
        let params: BTreeMap<&str, &Value> =
            self.params.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let files: BTreeMap<&str, &str> =
            self.files.iter().map(|file| (file.part.as_str(), file.sha256.as_str())).collect();
        let asked = serde_json::json!([
            self.protocol.word(),
            self.url,
            self.api_url,
            self.workflow_hash,
            self.send_workflow,
            params,
            files
        ]);
        Some(hex(&Sha256::digest(asked.to_string())))
    }

    /// The address that requests and credentials go to.
    pub fn called_url(&self) -> &str {
        called_url(&self.url, self.api_url.as_deref())
    }
}

/// The address that requests and credentials go to: the service, if there is one in front of the endpoint.
pub fn called_url<'a>(url: &'a str, api_url: Option<&'a str>) -> &'a str {
    api_url.unwrap_or(url)
}

/// An address for display and logs: without the query, which may contain a token.
pub fn shown_url(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Default address of ViewComfy's cloud API.
pub const VIEWCOMFY_API: &str = "https://api.viewcomfy.com";

/// The wire protocol of a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// ViewComfy's streaming endpoint: one POST, answered with server-sent events.
    #[default]
    Stream,
    /// ViewComfy's cloud API: requests go to a service, which passes them on to the endpoint
    /// and sends events over Socket.IO.
    Cloud,
    /// ComfyUI's own server.
    Comfyui,
    /// Comfy API v2: Comfy Cloud, Comfy API deployments, and `comfy-api-proxy` in front of a ComfyUI.
    V2,
}

impl Protocol {
    pub const ALL: [Self; 4] = [Self::Stream, Self::Cloud, Self::Comfyui, Self::V2];

    /// The word in `config.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Cloud => "cloud",
            Self::Comfyui => "comfyui",
            Self::V2 => "v2",
        }
    }

    /// Parses [`Protocol::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.word() == word)
    }

    pub fn caps(self) -> Caps {
        const NONE: Caps = Caps {
            attach: false,
            cancel: false,
            check: false,
            system: false,
            list: false,
            needs_a_value: true,
            shape: Shape::Flat,
        };
        const FOLLOWED: Caps = Caps { attach: true, cancel: true, check: true, ..NONE };
        match self {
            Self::Stream => NONE,
            Self::Cloud => FOLLOWED,
            Self::Comfyui => Caps { system: true, shape: Shape::Graph, needs_a_value: false, ..FOLLOWED },
            Self::V2 => Caps { list: true, shape: Shape::Graph, needs_a_value: false, ..FOLLOWED },
        }
    }

    /// The credentials it takes.
    pub fn credentials(self) -> &'static [Asked] {
        const VIEWCOMFY: [Asked; 2] = [
            Asked::of("client_id", "client_id", Form::Plain).wanted(),
            Asked::of("client_secret", "client_secret", Form::Plain).wanted(),
        ];
        // The server itself has none: these are for a proxy in front of it.
        const IN_FRONT: [Asked; 2] = [
            Asked::of("password", "authorization", Form::Basic),
            Asked::of("token", "authorization", Form::Bearer),
        ];
        // A server of one's own has none unless it was started with one.
        const KEY: [Asked; 1] = [Asked::of("api_key", "authorization", Form::Bearer)];
        match self {
            Self::Stream | Self::Cloud => &VIEWCOMFY,
            Self::Comfyui => &IN_FRONT,
            Self::V2 => &KEY,
        }
    }

    /// Whether servers usually need all of [`Self::credentials`], or at most one of them for a proxy.
    pub fn needs_all_credentials(self) -> bool {
        self.credentials().iter().all(|asked| asked.required)
    }

    /// Default address of the service in front of the endpoint, for protocols with one.
    pub fn usual_api_url(self) -> Option<&'static str> {
        match self {
            Self::Stream | Self::Comfyui | Self::V2 => None,
            Self::Cloud => Some(VIEWCOMFY_API),
        }
    }
}

/// What a protocol can do beyond submitting a run and waiting for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// A run can be found again by its name at the server after the connection was lost.
    pub attach: bool,
    /// The server can be asked to cancel a run. Otherwise a cancel closes the connection,
    /// and the server may continue.
    pub cancel: bool,
    /// The server can validate a run without running it.
    pub check: bool,
    /// The server describes itself: version, queue, models, and what its nodes take.
    pub system: bool,
    /// The server lists the runs that it has, from wherever they were sent.
    pub list: bool,
    /// A request without values is rejected.
    pub needs_a_value: bool,
    pub shape: Shape,
}

/// A credential that a protocol takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its key in a profile.
    pub key: &'static str,
    pub header: &'static str,
    pub form: Form,
    /// Whether nothing is sent without it.
    pub required: bool,
}

impl Asked {
    const fn of(key: &'static str, header: &'static str, form: Form) -> Self {
        Self { key, header, form, required: false }
    }

    const fn wanted(self) -> Self {
        Self { required: true, ..self }
    }
}

/// How a secret is formatted in its header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The secret itself, without a prefix.
    #[default]
    Plain,
    Bearer,
    /// User name and password with a colon in between, for HTTP basic authentication.
    Basic,
}

/// The request of a run, for display: secrets are hidden, and values known only at the time of sending are described.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// The address without its query, which may contain a token.
    pub url: String,
    /// Headers in order; secret values are hidden.
    pub headers: Vec<(String, String)>,
    pub content_type: String,
    /// Form fields as sent, in order.
    pub fields: Vec<(String, String)>,
    pub files: Vec<InputFile>,
}

/// A file uploaded with a run. Its content is kept by hash, so that the run can be repeated after the file on
/// disk changed or is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputFile {
    /// Name of the multipart part: the flattened key, plus `-viewcomfymask` for a mask.
    pub part: String,
    /// Its path on disk.
    pub path: PathBuf,
    pub name: String,
    pub content_type: String,
    pub size: u64,
    /// SHA-256 in hex; the store has the content under it.
    pub sha256: String,
}
