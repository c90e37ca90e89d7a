//! The file of `comfydeck share`: everything that makes a run again elsewhere, as one JSON object. `docs/cli.md` has its fields.
//!
//! It holds no address, path or credential. Whoever reads one trusts nothing in it: sizes are bounded, files have to have the
//! content that their hashes say, and names are names.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::ansi::scrub_plain;
use crate::domain::prompt::Templates;
use crate::domain::workflow::hex;
use crate::domain::{ParamKey, Workflow};

/// The format's number: a file of a later one is not read.
pub const FORMAT: u32 = 1;
/// Most bytes of a file, and of its inputs together.
pub const MOST_BYTES: u64 = 512 << 20;
/// Most inputs, outputs and values of a run.
const MOST: usize = 10_000;
/// Longest name, in characters.
const LONGEST_NAME: usize = 200;

/// A run as it is shared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    /// [`FORMAT`]; its name tells the file from other JSON.
    pub comfydeck_run: u32,
    /// The graph that the values are for.
    pub workflow: Value,
    /// Name of the workflow's file, without a folder.
    #[serde(default)]
    pub workflow_name: String,
    #[serde(default)]
    pub preset: Option<String>,
    /// The prompt, for lists.
    #[serde(default)]
    pub prompt: String,
    /// Exactly the values that were sent.
    #[serde(default)]
    pub params: IndexMap<ParamKey, Value>,
    #[serde(default)]
    pub templates: Option<Templates>,
    #[serde(default)]
    pub files: Vec<SharedFile>,
    /// What the run made, by content.
    #[serde(default)]
    pub outputs: Vec<SharedOutput>,
    /// What a person wrote about it.
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    pub tags: Vec<String>,
}

/// An input with its content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedFile {
    /// Name of the multipart part: the flattened key, plus `-viewcomfymask` for a mask.
    pub part: String,
    pub name: String,
    #[serde(default)]
    pub content_type: String,
    /// SHA-256 of the content in hex.
    pub sha256: String,
    /// The content in base64.
    #[serde(with = "in_base64")]
    pub content: Vec<u8>,
}

/// An output without its content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedOutput {
    pub name: String,
    #[serde(default)]
    pub content_type: String,
    pub size: u64,
    /// SHA-256 of the content in hex.
    pub sha256: String,
}

/// Why a file is no shared run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    #[error("it is larger than {} MB", MOST_BYTES >> 20)]
    TooLarge,
    #[error("it is not a run that `comfydeck share` wrote ({0})")]
    NotOne(String),
    #[error("a later version of comfydeck wrote it (format {0}). Update comfydeck")]
    Later(u32),
    #[error("its workflow cannot be used: {0}")]
    Workflow(String),
    #[error("it has more than {MOST} values or files")]
    TooMany,
    #[error("the content of {0} is not what its hash says: the file was damaged or changed on its way")]
    Content(String),
}

impl Shared {
    /// The file's text.
    ///
    /// # Errors
    /// When it is larger than may be read.
    pub fn to_text(&self) -> Result<String, ShareError> {
        let text = serde_json::to_string_pretty(self).map_err(|why| ShareError::NotOne(why.to_string()))?;
        if text.len() as u64 > MOST_BYTES { Err(ShareError::TooLarge) } else { Ok(text + "\n") }
    }

    /// Reads a file, and its workflow.
    ///
    /// # Errors
    /// When anything in it is not as [`Shared::to_text`] writes it.
    pub fn read(bytes: &[u8]) -> Result<(Self, Workflow), ShareError> {
        if bytes.len() as u64 > MOST_BYTES {
            return Err(ShareError::TooLarge);
        }
        let format: Format = serde_json::from_slice(bytes).map_err(not_one)?;
        if format.comfydeck_run > FORMAT {
            return Err(ShareError::Later(format.comfydeck_run));
        }
        let mut shared: Self = serde_json::from_slice(bytes).map_err(not_one)?;
        let counts = [shared.params.len(), shared.files.len(), shared.outputs.len(), shared.tags.len()];
        if counts.into_iter().any(|count| count > MOST) {
            return Err(ShareError::TooMany);
        }
        let workflow = Workflow::parse(&shared.workflow.to_string())
            .map_err(|why| ShareError::Workflow(scrub_plain(&why.to_string())))?;
        for file in &mut shared.files {
            file.name = name(&file.name);
            file.content_type = plain(&file.content_type);
            if hex(&Sha256::digest(&file.content)) != file.sha256 {
                return Err(ShareError::Content(file.name.clone()));
            }
            if ParamKey::parse(file.part.trim_end_matches("-viewcomfymask")).is_none() {
                return Err(ShareError::NotOne(format!("{} is no parameter", plain(&file.part))));
            }
        }
        for output in &mut shared.outputs {
            output.name = name(&output.name);
            output.content_type = plain(&output.content_type);
            if output.sha256.len() != 64 || !output.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(ShareError::NotOne(format!("{} has no hash", output.name)));
            }
        }
        shared.workflow_name = name(&shared.workflow_name);
        shared.preset = shared.preset.map(|preset| name(&preset));
        shared.prompt = scrub_plain(&shared.prompt);
        shared.note = scrub_plain(&shared.note);
        shared.tags.iter_mut().for_each(|tag| *tag = plain(tag));
        Ok((shared, workflow))
    }
}

/// What tells the file from others.
#[derive(Deserialize)]
struct Format {
    comfydeck_run: u32,
}

fn not_one(why: serde_json::Error) -> ShareError {
    // Its own words could quote the file.
    ShareError::NotOne(format!("line {}, column {}", why.line(), why.column()))
}

fn plain(text: &str) -> String {
    scrub_plain(text).chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

/// A file's name without any folder.
fn name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = plain(last);
    if name.trim_matches('.').is_empty() { "unnamed".to_owned() } else { name }
}

mod in_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(|_| serde::de::Error::custom("not base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Shared {
        let content = b"\x89PNG".to_vec();
        Shared {
            comfydeck_run: FORMAT,
            workflow: serde_json::from_str(r#"{"3": {"class_type": "KSampler", "inputs": {"cfg": 7.50}}}"#)
                .expect("a workflow"),
            workflow_name: "wan.json".to_owned(),
            params: [(ParamKey::new("3", "cfg"), serde_json::from_str("6.50").expect("a number"))].into(),
            files: vec![SharedFile {
                part: "5-inputs-image".to_owned(),
                name: "cat.png".to_owned(),
                content_type: "image/png".to_owned(),
                sha256: hex(&Sha256::digest(&content)),
                content,
            }],
            outputs: vec![SharedOutput {
                name: "a.png".to_owned(),
                sha256: "0".repeat(64),
                ..SharedOutput::default()
            }],
            ..Shared::default()
        }
    }

    #[test]
    fn what_is_written_is_read_with_its_numbers_as_they_were() {
        let text = shared().to_text().expect("written");
        assert!(text.contains("6.50") && text.contains("7.50"), "{text}");
        let (read, workflow) = Shared::read(text.as_bytes()).expect("read");
        assert_eq!(read, shared());
        assert_eq!(workflow.nodes().len(), 1);
    }

    #[test]
    fn nothing_that_a_stranger_wrote_is_a_path_or_goes_to_the_terminal() {
        let mut hostile = shared();
        hostile.files[0].name = "../../.ssh/authorized_keys".to_owned();
        hostile.outputs[0].name = "..".to_owned();
        hostile.workflow_name = "C:\\windows\\x\u{1b}[2Jy.json".to_owned();
        hostile.note = "\u{1b}]0;me\u{7}hello".to_owned();
        let text = hostile.to_text().expect("written");
        let (read, _) = Shared::read(text.as_bytes()).expect("read");
        assert_eq!(read.files[0].name, "authorized_keys");
        assert_eq!(read.outputs[0].name, "unnamed");
        assert!(!read.workflow_name.contains('\u{1b}') && read.workflow_name.ends_with("y.json"));
        assert_eq!(read.note, "hello");
    }

    #[test]
    fn what_is_not_as_it_should_be_is_said() {
        let text = |change: fn(&mut Shared)| {
            let mut one = shared();
            change(&mut one);
            one.to_text().expect("written")
        };
        let damaged = text(|one| one.files[0].content = b"other".to_vec());
        assert_eq!(Shared::read(damaged.as_bytes()), Err(ShareError::Content("cat.png".to_owned())));
        let later = text(|one| one.comfydeck_run = 2);
        assert_eq!(Shared::read(later.as_bytes()), Err(ShareError::Later(2)));
        for wrong in [
            "".to_owned(),
            "{}".to_owned(),
            "[1]".to_owned(),
            text(|one| one.files[0].part = "nothing".to_owned()),
            text(|one| one.outputs[0].sha256 = "../x".to_owned()),
        ] {
            assert!(matches!(Shared::read(wrong.as_bytes()), Err(ShareError::NotOne(_))), "{wrong}");
        }
        let no_graph = text(|one| one.workflow = Value::from(7));
        assert!(matches!(Shared::read(no_graph.as_bytes()), Err(ShareError::Workflow(_))));
    }
}
