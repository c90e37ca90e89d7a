"""Makes node_facts.tsv anew from what a ComfyUI without custom nodes says of its nodes:

    curl http://127.0.0.1:8188/object_info | python3 src/domain/node_facts.py > src/domain/node_facts.tsv

node_facts.rs tells what the columns mean.
"""

import collections
import json
import sys

# Inputs whose choices are files of the server: another server has others.
SERVER_FILES = set(
    "audio_encoder_name ckpt_name clip_name clip_name1 clip_name2 clip_name3 clip_name4 config_name "
    "control_net_name existing_lora folder gligen_name hypernetwork_name latent lora_name model_file model_name "
    "model_path name photomaker_model_name style_model_name unet_name vae_name".split()
)

# What the options do not tell: a picture of which the alpha counts, and one that is chosen from the outputs.
EXCEPTIONS = {("LoadImageMask", "image"): "mask", ("LoadImageOutput", "image"): "text"}

# A shorter list is written out each time.
LEAST_SHARED = 60


def is_built_in(node):
    """Of the core or comfy_extras, and no paid service."""
    module = node["python_module"]
    is_paid = node.get("api_node") or "api node" in node.get("category", "")
    return not is_paid and (module == "nodes" or module.startswith("comfy_extras."))


def facts(name, kind, options):
    """The columns behind class and input; None for wiring."""
    if isinstance(kind, list):
        return choice(name, kind, options)
    if kind == "COMBO":
        return choice(name, options.get("options"), options)
    if kind in ("INT", "FLOAT"):
        limits = (options.get(limit) for limit in ("min", "max", "step"))
        return kind.lower() + "\t" + " ".join("-" if n is None else json.dumps(n) for n in limits)
    if kind == "STRING":
        return "long" if options.get("multiline") else "text"
    return "bool" if kind == "BOOLEAN" else None


def choice(name, texts, options):
    for kind in ("image", "audio", "video"):
        if options.get(kind + "_upload"):
            return kind
    if name in SERVER_FILES or options.get("remote") or options.get("file_upload") or not texts:
        return "text"
    assert all(isinstance(text, str) and not set(text) & set("|\t\n") for text in texts), (name, texts)
    return "choice\t" + "|".join(dict.fromkeys(texts))


def table(nodes):
    rows = {}
    for class_type, node in nodes.items():
        if not is_built_in(node):
            continue
        for section in ("required", "optional"):
            for name, spec in node["input"].get(section, {}).items():
                options = spec[1] if len(spec) > 1 and isinstance(spec[1], dict) else {}
                found = EXCEPTIONS.get((class_type, name)) or facts(name, spec[0], options)
                if found:
                    rows[class_type, name] = found
    uses = collections.Counter(rows.values())
    first = {}
    lines = []
    for place, found in sorted(rows.items()):
        if found.startswith("choice") and uses[found] > 1 and len(found) > LEAST_SHARED:
            if found in first:
                found = "as\t" + "\t".join(first[found])
            else:
                first[found] = place
        lines.append("\t".join(place) + "\t" + found + "\n")
    # By bytes: node_facts.rs searches by halving.
    return "".join(sorted(lines, key=str.encode))


sys.stdout.write(table(json.load(sys.stdin)))
