//! What is asked for: where, what with, and what that place can do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::domain::inputs::is_seed_name;
use crate::domain::origin::{self, Origin, Rule};
use crate::domain::prompt::Templates;
use crate::domain::workflow::hex;
use crate::domain::{ParamKey, Shape};

/// Everything that is needed to submit a run, and to submit the very same one again.
///
/// Holds no secret: credentials are found by the profile's name when the run is sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    /// Name of the profile, for people and for finding credentials; empty with a bare `--url`.
    pub profile: String,
    /// Under which random name the credentials were left for the runner, when it cannot find them by the
    /// profile; it takes them away with the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<String>,
    /// Which protocol speaks to `url`.
    pub protocol: Protocol,
    pub url: String,
    /// The address of the service before the endpoint, where the protocol has one: requests and credentials go there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// The server's name of a run that is there already: it is not submitted, only brought to its end here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<String>,
    /// How many runs of this endpoint may be in flight at once; at least 1.
    pub concurrency: u32,
    /// Name of the preset it began from, if any.
    pub preset: Option<String>,
    /// Where the workflow was read from, for people.
    pub workflow_name: String,
    /// SHA-256 of the workflow's text; the text itself is in the store under this hash.
    pub workflow_hash: String,
    /// The workflow travels with the request and replaces the deployment's own.
    pub send_workflow: bool,
    /// Exactly the values that are sent.
    pub params: IndexMap<ParamKey, Value>,
    /// Who set each value and file. Runs of earlier versions do not have it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub origins: IndexMap<ParamKey, Origin>,
    /// The templates that some of the values were expanded from, and the random seed of their choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<Templates>,
    /// Files that are uploaded.
    pub files: Vec<InputFile>,
    /// The prompt, for the list of runs; may be empty.
    pub prompt: String,
    /// Ask the server for its log.
    pub logs: bool,
    /// Folder for the outputs.
    pub output_dir: PathBuf,
    /// The template of their names, as [`OutputName`](super::OutputName) reads it; without it they are called
    /// as the server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_name: Option<String>,
    /// Beside each output a file is written that tells what made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sidecar: bool,
}

impl RunRequest {
    /// The address for people and logs: without the query, where some keep a token.
    pub fn shown_url(&self) -> &str {
        shown_url(&self.url)
    }

    /// Whether it is of a run that was sent from elsewhere, so that nothing is known of its values.
    pub fn is_unknown(&self) -> bool {
        self.adopt.is_some() && self.params.is_empty() && self.files.is_empty()
    }

    /// The values that the program set, and why.
    pub fn by_program(&self) -> impl Iterator<Item = (&ParamKey, &Value, Rule)> {
        origin::by_program(&self.params, &self.origins)
    }

    /// What is the same of two requests that ask the same of the same deployment: SHA-256 in hex over address, workflow,
    /// values and files. `None` where the same request is another picture: a seed of -1 is a new one each time, and a run
    /// that is only fetched asks nothing.
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

/// The address that requests and credentials go to: the service, where there is one before the endpoint.
pub fn called_url<'a>(url: &'a str, api_url: Option<&'a str>) -> &'a str {
    api_url.unwrap_or(url)
}

/// An address for people and logs: without the query, where some keep a token.
pub fn shown_url(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// ViewComfy's cloud API, where a profile names no other service.
pub const VIEWCOMFY_API: &str = "https://api.viewcomfy.com";

/// Which wire protocol a profile speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// ViewComfy's streaming endpoint: one POST, answered by server-sent events.
    #[default]
    Stream,
    /// ViewComfy's cloud API: requests to a service, which passes them on to the endpoint and tells of them over
    /// Socket.IO.
    Cloud,
    /// ComfyUI's own server.
    Comfyui,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::Stream, Self::Cloud, Self::Comfyui];

    /// The word in `config.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Cloud => "cloud",
            Self::Comfyui => "comfyui",
        }
    }

    /// Reads [`Protocol::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.word() == word)
    }

    /// What it can do.
    pub fn caps(self) -> Caps {
        match self {
            Self::Stream => {
                Caps { attach: false, cancel: false, check: false, system: false, shape: Shape::Flat }
            }
            Self::Cloud => {
                Caps { attach: true, cancel: true, check: true, system: false, shape: Shape::Flat }
            }
            Self::Comfyui => {
                Caps { attach: true, cancel: true, check: true, system: true, shape: Shape::Graph }
            }
        }
    }

    /// The credentials that it asks for.
    pub fn credentials(self) -> &'static [Asked] {
        const VIEWCOMFY: [Asked; 2] = [
            Asked::of("client_id", "client_id", Form::Plain).wanted(),
            Asked::of("client_secret", "client_secret", Form::Plain).wanted(),
        ];
        // The server itself asks for nothing: these are for whoever stands before it.
        const IN_FRONT: [Asked; 2] = [
            Asked::of("password", "authorization", Form::Basic),
            Asked::of("token", "authorization", Form::Bearer),
        ];
        match self {
            Self::Stream | Self::Cloud => &VIEWCOMFY,
            Self::Comfyui => &IN_FRONT,
        }
    }

    /// Whether most servers want all of [`Self::credentials`], or one of them where somebody stands before the server.
    pub fn needs_all_credentials(self) -> bool {
        self.credentials().iter().all(|asked| asked.required)
    }

    /// The service before the endpoint, where this protocol has one and the profile names no other.
    pub fn usual_api_url(self) -> Option<&'static str> {
        match self {
            Self::Stream | Self::Comfyui => None,
            Self::Cloud => Some(VIEWCOMFY_API),
        }
    }
}

/// What a protocol can do beyond submitting a run and waiting for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// A run that lost its connection can be found again by its remote id.
    pub attach: bool,
    /// The server can be asked to stop a run. Where not, a cancel closes the connection and the server
    /// may go on.
    pub cancel: bool,
    /// The server can be asked whether a run would go, at no cost.
    pub check: bool,
    /// The server tells of itself: its version, queue and models, and what its nodes take.
    pub system: bool,
    /// How values reach the server.
    pub shape: Shape,
}

impl Caps {
    /// Whether a request needs a value: one that is empty is refused.
    pub fn needs_a_value(self) -> bool {
        self.shape == Shape::Flat
    }
}

/// A credential that a protocol asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its key in a profile.
    pub key: &'static str,
    /// The request header that carries it.
    pub header: &'static str,
    pub form: Form,
    /// Nothing is sent without it.
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

/// How a secret stands in its header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The secret itself, without a prefix.
    #[default]
    Plain,
    /// As a bearer token.
    Bearer,
    /// A user's name and password with a colon between them, as HTTP's basic authentication.
    Basic,
}

/// The request that a run sends, for people: secrets hidden, and what only the moment of sending gives in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// The address that it goes to, without a query, where some keep a token.
    pub url: String,
    /// Headers that tell who asks, in order; a secret's value is hidden.
    pub headers: Vec<(String, String)>,
    pub content_type: String,
    /// Form fields, in order, as they are sent.
    pub fields: Vec<(String, String)>,
    /// Files that go up.
    pub files: Vec<InputFile>,
}

/// A file that goes up with a run. Its content is kept by hash, so that the run can be repeated
/// after the file on disk has changed or gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputFile {
    /// Name of the multipart part: the flattened key, with `-viewcomfymask` behind it for a mask.
    pub part: String,
    /// Where it was on disk.
    pub path: PathBuf,
    /// File name sent along.
    pub name: String,
    /// MIME type sent along.
    pub content_type: String,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 in hex; the content lies in the store under it.
    pub sha256: String,
}
