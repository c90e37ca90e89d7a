//! The server's version, devices, limits and model lists.

use crate::wire::{ansi, json};

/// Longest name or version, in bytes.
const MAX_WORD: usize = 300;
/// Most devices read from one response.
const MAX_DEVICES: usize = 64;
/// Most names read from one list.
const MAX_NAMES: usize = 100_000;

/// A server: its version, memory and devices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct System {
    pub version: String,
    pub python: String,
    pub pytorch: String,
    /// Free and total memory, in bytes.
    pub ram: Option<(u64, u64)>,
    pub devices: Vec<Device>,
}

/// A GPU or CPU of the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Device {
    pub name: String,
    /// Free and total memory of the device, in bytes.
    pub vram: Option<(u64, u64)>,
}

impl System {
    /// Reads the response of `GET /system_stats`; `None` if it is not a valid one.
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

/// Limits of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Largest upload, in bytes.
    pub max_upload: Option<u64>,
}

impl Features {
    /// Reads the response of `GET /features`.
    pub fn read(answer: &str) -> Self {
        let fields = json::Fields::of(answer, &["max_upload_size"]).unwrap_or_default();
        Self { max_upload: fields.get("max_upload_size").and_then(bytes) }
    }
}

/// A list of model folders, or of files in one, scrubbed; `None` if the response is not a list.
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
