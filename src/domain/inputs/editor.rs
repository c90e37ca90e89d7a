//! Inputs that only ComfyUI's editor uses: buttons, previews, texts that a node displays. They occur in exports,
//! and the server ignores them.

use serde_json::Value;

use crate::domain::node_facts;
use crate::domain::workflow::is_link;

/// Names of editor widgets, on any node.
const WIDGETS: [&str; 14] = [
    "upload",
    "video-preview",
    "videopreview",
    "image_preview",
    "audioUI",
    "audio_ui",
    "previewMode",
    "preview_mode",
    "rgthree_comparer",
    "Update inputs",
    "control_after_generate",
    "control_before_generate",
    "image-pasted",
    "refresh",
];

/// Prefixes of classes of nodes that only display something.
const DISPLAY_ONLY: [&str; 7] =
    ["show", "preview", "display", "markdownnote", "label (", "easy show", "fast groups"];

/// Whether an input has no content: a heading, or the button that adds an entry to a list.
pub fn is_decoration(input: &str, value: &Value) -> bool {
    let is_widget = value.get("type").and_then(Value::as_str).is_some_and(|name| name.ends_with("Widget"));
    is_widget || input.starts_with(['➕', '➖']) || (input.is_empty() && !is_link(value))
}

/// Whether only ComfyUI's editor uses this input.
pub fn is_editor_only(class_type: &str, input: &str, value: &Value) -> bool {
    if is_link(value) || node_facts::is_known(class_type, input) {
        return false;
    }
    let name = input.to_ascii_lowercase();
    let is_empty = value.is_null() || value.as_str() == Some("");
    WIDGETS.contains(&input)
        || value.is_null()
        || (name.starts_with("choose ") && name.ends_with(" upload"))
        || (is_empty && (name.contains("preview") || name.contains("button")))
        || (value.is_object() && (name.contains("preview") || name.contains("comparer")))
        || is_display_only(class_type)
}

fn is_display_only(class_type: &str) -> bool {
    let class = class_type.to_ascii_lowercase();
    class == "note" || DISPLAY_ONLY.iter().any(|start| class.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_the_editor_are_recognised() {
        let table = [
            ("LoadImage", "upload", "\"image\"", true),
            ("LoadImage", "choose file to upload", "\"image\"", true),
            ("VHS_LoadVideo", "choose video to upload", "\"image\"", true),
            ("LoadImage", "image", "\"in.png\"", false),
            ("LoadVideo", "video-preview", "\"\"", true),
            ("VHS_LoadVideo", "videopreview", r#"{"hidden": false, "paused": false}"#, true),
            ("ShowText|pysssss", "text_0", "\"what was\"", true),
            ("ShowText|pysssss", "text", "[\"6\", 0]", false),
            ("PreviewAny", "preview", "\"\"", true),
            ("PreviewAny", "previewMode", "null", true),
            ("Image Comparer (rgthree)", "rgthree_comparer", r#"{"images": []}"#, true),
            ("ImageConcatMulti", "Update inputs", "null", true),
            ("ImageConcatMulti", "inputcount", "2", false),
            ("LoadAudio", "audioUI", "\"\"", true),
            ("KSampler", "control_after_generate", "\"fixed\"", true),
            ("A", "text", "\"\"", false),
            ("A", "preview_method", "\"auto\"", false),
        ];
        for (class, input, value, expected) in table {
            let value = serde_json::from_str(value).expect(value);
            assert_eq!(is_editor_only(class, input, &value), expected, "{class}.{input}");
        }
        assert!(is_decoration("➕ Add Lora", &"".into()));
        let heading = serde_json::json!({"type": "PowerLoraLoaderHeaderWidget"});
        assert!(is_decoration("PowerLoraLoaderHeaderWidget", &heading));
        assert!(!is_decoration("type", &"Widget".into()));
    }
}
