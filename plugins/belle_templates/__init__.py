"""Chat templates: how a conversation becomes text."""

from belle_core import Part, hookimpl


@hookimpl
def belle_parts() -> list[Part]:
    return [
        Part(kind="template", name="belle", run="belle_templates.belle:TEMPLATE"),
        Part(kind="template", name="plain", run="belle_templates.plain:TEMPLATE"),
    ]
