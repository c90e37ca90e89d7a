//! What the server says about itself.

use crate::wire::{ansi, json};

/// Longest word about a server, in bytes.
const MAX_WORD: usize = 300;
/// Devices that are read.
const MAX_DEVICES: usize = 64;
/// Names of a list that are read.
const MAX_NAMES: usize = 100_000;

/// A server: its version, memory and devices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct System {
    pub version: String,
    pub python: String,
    pub pytorch: String,
    /// Bytes of memory, free and in all.
    pub ram: Option<(u64, u64)>,
    pub devices: Vec<Device>,
}

/// A device that the server computes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Device {
    pub name: String,
    /// Bytes of its memory, free and in all.
    pub vram: Option<(u64, u64)>,
}

impl System {
    /// Reads the server's answer; `None` when that is none of this server.
    pub fn read(answer: &str) -> Option<Self> {
        json::lenient(answer, |answer| {
            let fields = json::Fields::of(answer, &["system", "devices"])?;
            let names = ["comfyui_version", "python_version", "pytorch_version", "ram_free", "ram_total"];
            let system = json::Fields::of(fields.get("system")?, &names)?;
            let devices = fields.get("devices").and_then(|list| json::elements(list, MAX_DEVICES));
            let devices = devices.unwrap_or_default().0.into_iter().filter_map(|device| {
                let fields = json::Fields::of(device, &["name", "type", "vram_free", "vram_total"])?;
                let name = word(&fields, "name").or_else(|| word(&fields, "type")).unwrap_or_default();
                Some(Device { name, vram: pair(&fields, "vram_free", "vram_total") })
            });
            let text = |name: &str| word(&system, name).unwrap_or_default();
            Some(Self {
                version: text("comfyui_version"),
                python: text("python_version"),
                pytorch: text("pytorch_version"),
                ram: pair(&system, "ram_free", "ram_total"),
                devices: devices.collect(),
            })
        })
    }
}

/// What the server takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Bytes of the largest file.
    pub max_upload: Option<u64>,
}

impl Features {
    /// Reads the server's answer.
    pub fn read(answer: &str) -> Self {
        let fields = json::Fields::of(answer, &["max_upload_size"]).unwrap_or_default();
        Self { max_upload: fields.get("max_upload_size").and_then(bytes) }
    }
}

/// A list of names: folders of models, files in one. Scrubbed; `None` when the answer is no list.
pub fn names(answer: &str) -> Option<Vec<String>> {
    let (names, _) = json::elements(answer, MAX_NAMES)?;
    Some(
        names
            .into_iter()
            .filter_map(|name| json::text(name, 4_096))
            .map(|name| ansi::scrub_plain(&name))
            .collect(),
    )
}

fn word(fields: &json::Fields<'_>, name: &str) -> Option<String> {
    let text = ansi::scrub_plain(&fields.text(name, MAX_WORD)?);
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn pair(fields: &json::Fields<'_>, free: &str, total: &str) -> Option<(u64, u64)> {
    fields.get(free).and_then(bytes).zip(fields.get(total).and_then(bytes))
}

fn bytes(json: &str) -> Option<u64> {
    json::number(json).filter(|number| *number >= 0.0).map(|number| number as u64)
}
