"""The model card: what the model was made from, with which settings, and under which licences."""

from __future__ import annotations

import json
from typing import Any

from belle_core import StageContext
from belle_core.artifacts import Runnable
from belle_core.lineage import ancestors


def model_card(title: str, context: StageContext) -> str:
    """Markdown with the front matter that model hubs read."""
    model = context.find(Runnable)
    manifests = list(ancestors(model.directory)) if model else []
    licences = sorted({licence for m in manifests for licence in m["facts"].get("licences", ())})
    front = ["---", "library_name: transformers", "language: [zh]", "tags: [belle]", "---", ""]
    lines = [f"# {title}", "", "Made with belle. 由 belle 生成。", "", "## Data", ""]
    lines += [f"- {licence}" for licence in licences] or ["- none of its own: the weights are those of the checkpoint"]
    lines += ["", "## Steps", "", "| step | fingerprint | facts |", "|---|---|---|"]
    lines += [_row(manifest) for manifest in reversed(manifests)]
    if not model:
        lines.append(f"| initial | {context.shared['model'].checkpoint or 'built from its architecture'} | |")
    return "\n".join([*front, *lines, ""])


def _row(manifest: dict[str, Any]) -> str:
    facts = {
        k: v for k, v in manifest["facts"].items() if isinstance(v, (int, float, str)) or k in ("metrics", "splits")
    }
    text = json.dumps(facts, ensure_ascii=False).replace("|", "\\|")
    return f"| {manifest['recipe']['stage']} | {manifest['fingerprint']} | `{text}` |"
