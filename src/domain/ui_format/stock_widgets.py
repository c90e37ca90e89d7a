"""Writes stock_widgets.tsv: python3 stock_widgets.py OBJECT_INFO.json, which is what a ComfyUI without custom nodes
answers to GET /object_info. The format is described in stock.rs."""

import json
import sys
from pathlib import Path

FIELDS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}


def widgets(node):
    for section in ("required", "optional"):
        order = node.get("input_order", {}).get(section) or list(node["input"].get(section, {}))
        uploads = ""
        for name in order:
            spec = node["input"][section][name]
            options = spec[1] if len(spec) > 1 else {}
            is_list = isinstance(spec[0], list)
            if not (is_list or spec[0] in FIELDS) or options.get("forceInput"):
                continue
            is_control = options.get("control_after_generate", spec[0] == "INT" and name in ("seed", "noise_seed"))
            uploads += "+" if options.get("image_upload") or options.get("video_upload") else ""
            uploads += "++" if options.get("audio_upload") else ""
            yield name + ("*" if is_control else "")
        yield from uploads


def main():
    nodes = json.loads(Path(sys.argv[1]).read_text())
    lines = []
    for name, node in sorted(nodes.items()):
        module = node.get("python_module", "")
        if module == "nodes" or module.startswith(("comfy_extras.", "comfy_api_nodes.")):
            lines.append("\t".join([name, node.get("display_name") or name, *widgets(node)]))
    Path(__file__).with_name("stock_widgets.tsv").write_text("\n".join(sorted(lines, key=str.encode)) + "\n")


main()
