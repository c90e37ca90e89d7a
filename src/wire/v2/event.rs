//! Events of a job's stream. They may be lost: the record has everything except previews.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::run::PreviewKind;
use crate::wire::json;
use crate::wire::result::OutputInfo;

use super::job::{self, JobProgress};
use super::{JobState, named};

/// Most bytes of a log line, and of a preview in base64.
const MAX_LINE: usize = 64 << 10;
const MAX_PREVIEW: usize = 1 << 20;

/// An event of a job's stream.
#[derive(Clone, Debug, PartialEq)]
pub enum JobEvent {
    Status {
        state: JobState,
        /// Its place in the queue, from 1.
        place: Option<u64>,
    },
    Progress(JobProgress),
    Preview {
        kind: PreviewKind,
        bytes: Vec<u8>,
    },
    /// A file is complete; it will be in the record, too.
    Output(OutputInfo),
    /// A line that the run printed.
    Log(String),
    /// An event that is unknown or not valid.
    Other,
}

impl JobEvent {
    /// Reads an event of a name.
    pub fn read(name: &str, data: &str) -> Self {
        let read = |data: &str| match name {
            "status" => {
                let fields = json::Fields::of(data, &["status", "queue_position"])?;
                let place = fields.get("queue_position").and_then(json::number);
                let state = JobState::of(&named(&fields, "status")?);
                Some(Self::Status { state, place: place.map(|place| place.max(0.0) as u64) })
            }
            "progress" => JobProgress::read(data).map(Self::Progress),
            "preview" => {
                let fields = json::Fields::of(data, &["content_type", "data_base64"])?;
                let bytes = fields.text("data_base64", MAX_PREVIEW)?;
                let bytes = STANDARD.decode(bytes).ok().filter(|bytes| !bytes.is_empty())?;
                let is_png = fields.text("content_type", 64).is_some_and(|kind| kind.contains("png"));
                let kind = if is_png { PreviewKind::Png } else { PreviewKind::Jpeg };
                Some(Self::Preview { kind, bytes })
            }
            "output" => job::output(data).map(Self::Output),
            "log" => {
                let fields = json::Fields::of(data, &["message"])?;
                fields.text("message", MAX_LINE).map(Self::Log)
            }
            _ => None,
        };
        json::lenient(data, read).unwrap_or(Self::Other)
    }
}
