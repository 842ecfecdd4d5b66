"""HTML to Markdown, as ShareGPT's answers need it: markdownify, with its code blocks put right."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from belle_core.conversation import Conversation, Example
from belle_filters.config import HtmlConfig
from belle_filters.texts import mapped, outside_code

BEGIN = re.compile(r"\s*<(?:p|div|ol|ul|li|h[1-6]|pre|table|blockquote|strong|em|br|span|code)\b[^>]*>", re.IGNORECASE)
"""How a text begins that is HTML through and through."""
CONTENT = re.compile(r"</(?:p|li|pre|td|h[1-6])>|<br ?/?>", re.IGNORECASE)
"""What such a text holds."""
PAGE = re.compile(
    r"<!DOCTYPE|<(?:html|head|body|script|style|link|meta|form|input|nav|iframe)\b|</?(?:svg|canvas)\b|(?:onclick|href=[\"']#)",
    re.IGNORECASE,
)
"""Signs of a page that is the answer itself."""
ASKED = re.compile(
    r"HTML|XML|CSS|SVG|JavaScript|Bootstrap|\bweb ?(?:page|site|article)|\btags?\b|网页|网站|标签|标记|前端|页面|模板|template|</?[a-z][\w-]*[ />]",
    re.IGNORECASE,
)
"""What a question speaks of whose answer may be mark-up because it should be."""
TAG = re.compile(
    r"<(?!/?(?:p|div|span|br|hr|a|b|i|u|s|em|strong|code|pre|kbd|samp|var|sub|sup|mark|small|del|ins|q|cite|abbr|ol|ul|li|dl|dt|dd|h[1-6]|blockquote|"
    r"table|thead|tbody|tfoot|tr|th|td|caption|colgroup|col|img|figure|figcaption|button|svg|path|details|summary|section|article|header|footer|center|font|tt|math|annotation|semantics|m[a-z]+)"
    r"(?:\s+[\w:@.-]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'|[^\s<>]+)|\s+(?:disabled|checked|nowrap|hidden|open|reversed))*\s*/?>|!--)",
    re.IGNORECASE,
)
"""A ``<`` that begins no element: of a comparison, a template of C++, a placeholder."""
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
        conversation = example.conversation
        if conversation is not None and not self.always and not _saved(conversation):
            return example
        return mapped(example, self.converted, self.roles)

    def converted(self, text: str) -> str:
        """*text* as Markdown, if it is HTML."""
        if "<" not in text or not (self.always or is_html(text)):
            return text
        # nothing is escaped: formulas, names and products were written as they stand there
        plain = {"escape_misc": False, "escape_asterisks": False, "escape_underscores": False}
        markdown: str = _converter()(heading_style="ATX", bullets="-", code_language="", **plain).convert(
            TAG.sub("&lt;", text)
        )
        return outside_code(markdown, lambda part: MANY_LINES.sub("\n\n", NOISE.sub("", part))).strip()


def is_html(text: str) -> bool:
    """Whether the whole of *text* is HTML that stands for formatted text; Markdown and pages that were asked for are not."""
    return bool(BEGIN.match(text) and CONTENT.search(text)) and "```" not in text and not PAGE.search(text)


def _saved(conversation: Conversation) -> bool:
    """Whether a text is HTML because a page was saved: it has the blocks of such a page, or nobody asked for mark-up."""
    before = ""
    for turn in conversation.turns:
        if is_html(turn.text) and ("<pre" in turn.text or not ASKED.search(before)):
            return True
        before = "" if is_html(turn.text) else turn.text
    return False


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

        def convert_span(self, el: Any, text: str, parent_tags: Any) -> str:
            """A formula as it was written: KaTeX keeps that beside the two that it draws."""
            classes = el.get("class") or []
            formula = el.find("annotation") if {"katex", "katex-display"} & set(classes) else None
            if formula is None:
                return text
            written = formula.get_text().strip()
            return f"\n\n$${written}$$\n\n" if "katex-display" in classes else f"${written}$"

        def convert_td(self, el: Any, text: str, parent_tags: Any) -> str:
            return str(super().convert_td(el, text.replace("|", "\\|"), parent_tags))

        def convert_th(self, el: Any, text: str, parent_tags: Any) -> str:
            return str(super().convert_th(el, text.replace("|", "\\|"), parent_tags))

        def convert_button(self, el: Any, text: str, parent_tags: Any) -> str:
            return ""

    return Converter
