//! The server's version, devices, limits and model lists.

use crate::domain::schema;
use crate::domain::server::{Device, Memory, System};
use crate::wire::{ansi, json};

/// Longest name or version, in bytes.
const MAX_WORD: usize = 300;
/// Most devices read from one response.
const MAX_DEVICES: usize = 64;
/// Most names read from one list.
const MAX_NAMES: usize = 100_000;

/// Reads what the server says of itself; `None` when that is not what this server says.
pub fn read_system(answer: &str) -> Option<System> {
    json::lenient(answer, |answer| {
        let fields = json::Fields::of(answer, &["system", "devices"])?;
        let names = ["comfyui_version", "python_version", "pytorch_version", "ram_free", "ram_total"];
        let system = json::Fields::of(fields.get("system")?, &names)?;
        let devices = fields.get("devices").and_then(|list| json::elements(list, MAX_DEVICES));
        let devices = devices.unwrap_or_default().0.into_iter().filter_map(|device| {
            let fields = json::Fields::of(device, &["name", "type", "vram_free", "vram_total"])?;
            let name = word(&fields, "name").or_else(|| word(&fields, "type")).unwrap_or_default();
            Some(Device { name, vram: memory(&fields, "vram_free", "vram_total") })
        });
        let text = |name: &str| word(&system, name).unwrap_or_default();
        Some(System {
            version: text("comfyui_version"),
            python: text("python_version"),
            pytorch: text("pytorch_version"),
            ram: memory(&system, "ram_free", "ram_total"),
            devices: devices.collect(),
        })
    })
}

/// A list of names: folders of models, files in one. Scrubbed; `None` when the answer is no list.
pub fn read_names(answer: &str) -> Option<Vec<String>> {
    let (names, _) = json::elements(answer, MAX_NAMES)?;
    Some(
        names
            .into_iter()
            .filter_map(|name| json::text(name, 4_096))
            .map(|name| ansi::scrub_plain(&name))
            .collect(),
    )
}

/// The description of the nodes, repaired where it is no valid JSON; `None` when it is something else.
pub fn read_nodes(answer: String) -> Option<String> {
    if schema::pieces(&answer).is_ok() {
        return Some(answer);
    }
    Some(json::repaired(&answer)).filter(|repaired| schema::pieces(repaired).is_ok())
}

fn word(fields: &json::Fields<'_>, name: &str) -> Option<String> {
    let text = ansi::scrub_plain(&fields.text(name, MAX_WORD)?);
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn memory(fields: &json::Fields<'_>, free: &str, total: &str) -> Option<Memory> {
    let (free, total) = fields.get(free).and_then(bytes).zip(fields.get(total).and_then(bytes))?;
    Some(Memory { free, total })
}

fn bytes(json: &str) -> Option<u64> {
    json::number(json).filter(|number| *number >= 0.0).map(|number| number as u64)
}
