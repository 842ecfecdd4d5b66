"""What to know first about a set of examples, and which of it is worth a look: the head of the page and of the terminal's tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from belle_core.language import say
from belle_core.report.page import Figure, portion

MANY_DROPPED = 0.1
"""Share of all records from which on dropped ones are worth a look."""
MANY_REPEATED = 0.01
"""Share of examples from which on repeated questions are."""
FOREIGN = 0.05
"""Share of examples from which on languages besides the most frequent one are."""

RECORDS = {
    "conversation": ("conversations", "对话"),
    "text": ("plain text", "纯文本"),
    "pair": ("preference pairs", "偏好对"),
    "ranked": ("ranked answers", "带排序的回答"),
}
LANGUAGES = {
    "zh": ("Chinese", "中文"),
    "en": ("English", "英文"),
    "ja": ("Japanese", "日文"),
    "ko": ("Korean", "韩文"),
}


LONGEST = 80
"""Characters of a name that are shown."""


def label_of(name: str) -> str:
    """A name as people read it: not too long, and the signs for what is not there are put in words."""
    if name in LANGUAGES:
        english, chinese = LANGUAGES[name]
        return say(f"{english} ({name})", f"{chinese}（{name}）")
    words = {"-": ("(not given)", "（未注明）"), "?": ("(cannot be told)", "（无法判断）"), "…": ("(all further ones)", "（其余）")}  # fmt: skip
    if name in words:
        return say(*words[name])
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def glance(found: dict[str, Any]) -> list[Figure]:
    """Figures from *found*, what :meth:`Statistics.plain` gave."""
    return [
        _examples(found),
        _dropped(found),
        *_lengths(found),
        _languages(found),
        _repeated(found),
        *_contamination(found["found"]),
        _licences(found["licences"]),
    ]


def _examples(found: dict[str, Any]) -> Figure:
    splits, characters = found["splits"], found["characters"]
    notes = [say(*RECORDS[found["record"]])]
    notes += (
        [f"{split} {count:,}" for split, count in splits.items()]
        if len(splits) > 1
        else [say(f"all in {split}", f"全部在 {split}") for split in splits]
    )
    notes += [say(f"{characters:,} characters in train", f"train 共 {characters:,} 字符")] if "train" in splits else []
    return Figure(say("examples", "样本数"), f"{sum(splits.values()):,}", " · ".join(notes))


def _dropped(found: dict[str, Any]) -> Figure:
    dropped, kept = sum(found["rejected"].values()), sum(found["splits"].values())
    filters = len(found["cleaned"])
    ran = say(f"filters: {filters}", f"{filters} 个过滤器") if filters else say("no filter ran", "未经过滤")
    notes = [ran]
    if dropped:
        reason, most = min(found["rejected"].items(), key=lambda pair: (-pair[1], pair[0]))
        both = portion(dropped, dropped + kept)
        notes = [say(f"{both} of dropped and kept", f"占丢弃与保留总数的 {both}"), say(f"most often {reason} ({most:,})", f"最多的原因 {reason}（{most:,}）"), ran]  # fmt: skip
    return Figure(say("dropped records", "丢弃的记录"), f"{dropped:,}", " · ".join(notes), dropped >= MANY_DROPPED * (dropped + kept) > 0)  # fmt: skip


def _lengths(found: dict[str, Any]) -> list[Figure]:
    answer, whole, turns = found["lengths"]["answer"], found["lengths"]["example"], found["turns"]
    sizes, label = (answer, say("characters of an answer", "每个回答的字符数")) if answer["count"] else (whole, say("characters of a text", "每篇文本的字符数"))  # fmt: skip
    about = say(f"median; nine in ten from {sizes['p5']:,} to {sizes['p95']:,}, the longest {sizes['max']:,}",
                f"中位数；九成在 {sizes['p5']:,} 到 {sizes['p95']:,} 之间，最长 {sizes['max']:,}")  # fmt: skip
    figures = [Figure(label, f"{sizes['p50']:,}", about)]
    if turns["count"]:
        about = say(f"median; mean {turns['mean']:,}, at most {turns['max']:,}", f"中位数；平均 {turns['mean']:,}，最多 {turns['max']:,}")  # fmt: skip
        figures.append(Figure(say("messages of a conversation", "每段对话的消息数"), f"{turns['p50']:,}", about))
    return figures


def _languages(found: dict[str, Any]) -> Figure:
    counts, total = found["languages"], sum(found["languages"].values())
    told = [f"{label_of(name)} {portion(count, total)}" for name, count in counts.items()]
    certain = [count for name, count in counts.items() if name != "?"]  # numbers and code are in no language
    foreign = sum(certain) - max(certain, default=0)
    label = say("languages", "语言") if _is_text(found) else say("languages of questions", "问题的语言")
    return Figure(label, next(iter(told), "-"), " · ".join(told[1:]), foreign >= FOREIGN * total > 0)


def _is_text(found: dict[str, Any]) -> bool:
    return bool(found["record"] == "text")


def _repeated(found: dict[str, Any]) -> Figure:
    duplicates, total = found["duplicates"], sum(found["splits"].values())
    repeated, most, near = (duplicates[key] for key in ("repeated", "most", "near_dropped"))
    text, share, about = _is_text(found), portion(repeated, total), "" if duplicates["exact"] else "≈ "
    notes = []
    if repeated:
        asks = say(
            "are what an earlier one is" if text else "ask what an earlier one asks",
            "与之前的文本相同" if text else "的问题与之前样本的相同",
        )
        notes = [
            say(
                f"{share} {asks}; the most frequent stands {most:,} times",
                f"{share} {asks}；最多的一个出现 {most:,} 次",
            )
        ]
    if near is not None:
        notes.append(say(f"near duplicates dropped: {near:,}", f"已丢弃近似重复 {near:,} 条"))
    label = say("repeated texts", "重复的文本") if text else say("repeated questions", "重复的问题")
    return Figure(label, f"{about}{repeated:,}", " · ".join(notes), repeated >= MANY_REPEATED * total > 0)  # fmt: skip


def _contamination(found: Mapping[str, Any]) -> list[Figure]:
    """What filters found of evaluations in the data, kept or removed."""
    return [
        Figure(
            say("contamination", "评测污染"),
            f"{one['examples_found']:,}",
            say(f"examples like {one['questions_found']:,} of {one['questions']:,} questions of {', '.join(one['against'])}; {'removed' if one['removed'] else 'kept'}",
                f"条样本与 {', '.join(one['against'])} 的 {one['questions']:,} 个问题中的 {one['questions_found']:,} 个相近；{'已移除' if one['removed'] else '未移除'}"),
            one["examples_found"] > 0 and not one["removed"],
        )
        for one in found.values()
        if "against" in one
    ]  # fmt: skip


def _licences(licences: list[str]) -> Figure:
    unstated = say("not stated", "未注明")
    named = [unstated if one == "unknown" else one for one in licences] or [unstated]
    return Figure(say("licences", "许可证"), ", ".join(named), odd=unstated in named)
