//! What the demo server's nodes take, as ComfyUI tells it.

use serde_json::{Map, Value, json};

use crate::domain::node_facts;
use crate::domain::schema::Takes;

pub(super) const CHECKPOINTS: [&str; 3] =
    ["demo_landscapes_v1.safetensors", "demo_landscapes_v2.safetensors", "demo_portraits_v1.safetensors"];
pub(super) const LORAS: [&str; 4] = [
    "demo_detail.safetensors",
    "demo_night.safetensors",
    "demo_watercolour.safetensors",
    "styles/demo_ink.safetensors",
];

/// One class, or all of them.
pub(super) fn object_info(class: Option<&str>) -> Value {
    let mut all = classes();
    match class {
        None => Value::Object(all),
        Some(class) => match all.remove(class) {
            Some(found) => json!({class: found}),
            None => json!({}),
        },
    }
}

fn classes() -> Map<String, Value> {
    let seed = json!(["INT", {"default": 0, "min": 0, "max": u64::MAX, "control_after_generate": true, "tooltip": "Decides the noise that the picture begins from."}]);
    let size = |tooltip: &str| json!(["INT", {"default": 512, "min": 16, "max": 16384, "step": 8, "tooltip": tooltip}]);
    let strength = json!(["FLOAT", {"default": 1.0, "min": -100.0, "max": 100.0, "step": 0.01, "tooltip": "How much of the LoRA is added."}]);
    let text =
        json!(["STRING", {"multiline": true, "dynamicPrompts": true, "tooltip": "What the picture shows."}]);
    let nodes = [
        (
            "KSampler",
            json!({
                "model": ["MODEL", {"tooltip": "The model that removes the noise."}],
                "seed": seed,
                "steps": ["INT", {"default": 20, "min": 1, "max": 10000, "tooltip": "How often noise is removed."}],
                "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01, "tooltip": "How closely the picture follows the prompt."}],
                "sampler_name": [names("sampler_name"), {"tooltip": "The way in which noise is removed."}],
                "scheduler": [names("scheduler"), {"tooltip": "How the noise is spread over the steps."}],
                "positive": ["CONDITIONING"],
                "negative": ["CONDITIONING"],
                "latent_image": ["LATENT"],
                "denoise": ["FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01, "tooltip": "Less keeps more of the picture it begins from."}],
            }),
            json!(["LATENT"]),
        ),
        ("CLIPTextEncode", json!({"text": text, "clip": ["CLIP"]}), json!(["CONDITIONING"])),
        (
            "CheckpointLoaderSimple",
            json!({"ckpt_name": [CHECKPOINTS, {"tooltip": "The model's file."}]}),
            json!(["MODEL", "CLIP", "VAE"]),
        ),
        (
            "EmptyLatentImage",
            json!({
                "width": size("Columns of the picture."),
                "height": size("Rows of the picture."),
                "batch_size": ["INT", {"default": 1, "min": 1, "max": 4096, "tooltip": "Pictures made at once."}],
            }),
            json!(["LATENT"]),
        ),
        ("VAEDecode", json!({"samples": ["LATENT"], "vae": ["VAE"]}), json!(["IMAGE"])),
        (
            "LoadImage",
            json!({"image": ["COMBO", {"options": ["example.png"], "image_upload": true}]}),
            json!(["IMAGE", "MASK"]),
        ),
        (
            "LoraLoader",
            json!({
                "model": ["MODEL"], "clip": ["CLIP"], "lora_name": [LORAS, {"tooltip": "The LoRA's file."}],
                "strength_model": strength, "strength_clip": strength,
            }),
            json!(["MODEL", "CLIP"]),
        ),
        (
            "LoraLoaderModelOnly",
            json!({"model": ["MODEL"], "lora_name": [LORAS], "strength_model": strength}),
            json!(["MODEL"]),
        ),
        (
            "SaveImage",
            json!({"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "ComfyUI", "tooltip": "What the file's name begins with."}]}),
            json!([]),
        ),
    ];
    let class = |(name, inputs, outputs): (&str, Value, Value)| {
        let order: Vec<String> =
            inputs.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        let described = json!({
            "input": {"required": inputs},
            "input_order": {"required": order},
            "output": outputs,
            "output_name": outputs,
            "name": name,
            "display_name": null,
            "description": "",
            "python_module": "nodes",
            "category": "demo",
            "output_node": name == "SaveImage",
        });
        (name.to_owned(), described)
    };
    nodes.into_iter().map(class).collect()
}

/// The choices of an input of ComfyUI's sampler.
fn names(input: &str) -> Vec<Value> {
    match node_facts::lookup("KSampler", input) {
        Some(Takes::Choice(choices)) => choices.iter().map(|choice| choice.value.clone()).collect(),
        _ => Vec::new(),
    }
}
