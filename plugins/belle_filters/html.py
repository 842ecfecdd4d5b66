"""HTML to Markdown, as ShareGPT's answers need it: markdownify, with its code blocks put right."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from belle_core.conversation import Example
from belle_filters.config import HtmlConfig
from belle_filters.texts import mapped

BEGIN = re.compile(r"\s*<(?:p|div|ol|ul|li|h[1-6]|pre|table|blockquote|strong|em|br|span|code)\b[^>]*>", re.IGNORECASE)
"""How a text begins that is HTML through and through."""
CONTENT = re.compile(r"</(?:p|li|pre|td|h[1-6])>|<br ?/?>", re.IGNORECASE)
"""What such a text holds."""
PAGE = re.compile(
    r"<!DOCTYPE|<(?:html|head|body|script|style|link|meta|form|input|nav|iframe)\b|</?(?:svg|canvas)\b|(?:onclick|href=[\"']#)",
    re.IGNORECASE,
)
"""Signs of a page that is the answer itself."""
LANGUAGE = re.compile(r"(?:language|lang|highlight-source)-([\w+#.-]+)")
NOISE = re.compile(
    r"^\s*(?:Copy code|Copied!|复制代码|Regenerate response|\d+ ?/ ?\d+)\s*$", re.MULTILINE | re.IGNORECASE
)
"""Words of buttons that were saved with the page."""
MANY_LINES = re.compile(r"\n{3,}")


class Html:
    """Never drops; a text without a tag passes at the cost of one search."""

    repairs = True

    def __init__(self, config: HtmlConfig) -> None:
        _converter()  # a missing package is told before anything runs
        self.always, self.roles = config.always, tuple(config.roles)

    def __call__(self, example: Example) -> Example:
        return mapped(example, self.converted, self.roles)

    def converted(self, text: str) -> str:
        """*text* as Markdown, if it is HTML."""
        if "<" not in text or not (self.always or is_html(text)):
            return text
        markdown: str = _converter()(heading_style="ATX", bullets="-", code_language="", escape_misc=False).convert(
            text
        )
        return MANY_LINES.sub("\n\n", NOISE.sub("", markdown)).strip()


def is_html(text: str) -> bool:
    """Whether the whole of *text* is HTML that stands for formatted text; Markdown and pages that were asked for are not."""
    return bool(BEGIN.match(text) and CONTENT.search(text)) and "```" not in text and not PAGE.search(text)


@cache
def _converter() -> Any:
    from markdownify import MarkdownConverter

    class Converter(MarkdownConverter):  # type: ignore[misc]
        """Code blocks as ChatGPT's page has them: a header with the language and a button, then the code."""

        def convert_pre(self, el: Any, text: str, parent_tags: Any) -> str:
            code = el.find("code") or el
            classes = " ".join(" ".join(node.get("class") or []) for node in (code, el))
            name = LANGUAGE.search(classes)
            header = el.find("span")
            language = name.group(1) if name else header.get_text().strip() if header and code is not el else ""
            content = code.get_text().strip("\n")
            return f"\n\n```{language}\n{content}\n```\n\n" if content else ""

        def convert_button(self, el: Any, text: str, parent_tags: Any) -> str:
            return ""

    return Converter
