"""Chat templates: how a conversation becomes text."""

from belle_core import Part, hookimpl

NAMES = (
    "belle", "plain", "alpaca", "vicuna", "llama2", "mistral", "llama3", "gemma", "deepseek", "glm4", "chatml", "qwen",
)  # fmt: skip


@hookimpl
def belle_parts() -> list[Part]:
    ready = [Part(kind="template", name=name, run=f"belle_templates.table:{name.upper()}") for name in NAMES]
    return [*ready, Part(kind="template", name="own", run="belle_templates.own:OwnTemplate")]
