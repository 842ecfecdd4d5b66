"""Answers that give nothing: refusals, requests for what is missing, placeholders."""

from __future__ import annotations

import re

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.personal import excerpt
from belle_filters.config import RefusalConfig
from belle_filters.texts import answers

CANNOT = r"(?<![您你他她它])(?:无法|不能|没有办法|没办法|没有能力|不便|难以|不会|不可以|不具备)"
HELP = r"(?:直接)?(?:为您|为你|给您|给你|向您|帮您|帮你|对此|就此)?(?:直接)?(?:回答|提供|完成|协助|帮助|执行|访问|浏览|判断|处理|生成|理解|确定|满足|打开|查看|读取|进行|给出|翻译|解决|做到|知道|获取|分析|识别|继续|讨论|评论|告诉|看到|看见|听到|撰写|编写|创建|制作|设置|绘制|播放|显示|预测|推断|推测|预订|发送|教[您你])"
SORRY = r"(?:很|非常|实在)?(?:抱歉|对不起|遗憾|不好意思|sorry)"
PATTERNS = {
    "refusal": (
        rf"{SORRY}[，,。！! ]*(?:但是?)?[^。\n]{{0,20}}?{CANNOT}[^，。\n]{{0,6}}?{HELP}",
        rf"(?:我|本人){CANNOT}{HELP}",
        rf"{SORRY}[，,。！! ]*(?:但是?)?(?:我)?(?:并|也|还|尚|目前)?(?:不(?:太|是很|能)?(?:明白|理解|清楚|确定|知道)|没有(?:完全)?(?:理解|听懂|看懂)|没有[^，。\n]{{0,16}}能力)",
        rf"作为[^，。\n]{{0,16}}(?:模型|助手|人工智能|AI)[^。\n]{{0,20}}?{CANNOT}",
        r"(?:这个|这项|该|此)(?:问题|请求|任务|指令)(?:是?(?:无法|不能|难以)(?:被|由[^，。\n]{1,16})?(?:回答|完成|执行|处理)|(?:需要|要求)[^。\n]{0,30}模型(?:无法|不能))",
        r"(?:无法|不能)(?:执行|完成|处理)(?:这个|该|此|这项)(?:问题|请求|任务|指令|操作)",
        rf"{SORRY}[，,。 ]*(?:但是?)?(?:这个|这项|该|此)(?:问题|请求|任务|指令)(?:涉及|需要|要求|超出)",
        r"(?:I['’]?m |I am )?(?:very |so )?(?:sorry|afraid)[,.]?(?: but)?[^.\n]{0,30}?(?:can ?not|can['’]t|unable|not able|do not|don['’]t|won['’]t)",
        r"I (?:can ?not|can['’]t|am unable to|am not able to) (?:provide|answer|help|assist|complete|fulfil|do|access|generate|create)",
        r"(?:I'?m |I am )?sorry[,.]?(?: but)? (?:the|this) (?:task|request|question|instruction)s? (?:involve|require|is beyond|is not|is impossible|cannot|can ?not)",
        r"(?:As an? (?:AI|language model)|It is not possible to (?:complete|fulfil|perform|do|execute|generate|create|provide|answer)\b|This (?:type of )?(?:question|task|request|instruction) (?:cannot|can ?not|can['’]t|is not suitable|does not meet))",
        r"GPT ?(?:语言)?模型(?:无法|不能)(?:执行|完成|处理|回答|理解)(?:此|该|这)",
    ),
    "missing_input": (
        rf"(?:{SORRY}[，,。]?)?(?:请|麻烦|需要|(?:您|你)需要)(?:您|你)?(?:先)?(?:提供|给出|输入|补充|告诉我|说明)(?:一下|给我)?(?:更多|具体|相关|详细|完整|需要|要|所需|您|你|以下|原[文句]|文本|句子|文章|内容|信息)",
        rf"(?:{SORRY}[，,。]?)?(?:但是?[，,]?|由于)?(?:您|你)(?:没有|并没有|还没有|并?未|忘了)(?:为我|给我|向我)?(?:提供|给出|输入|说明|指定|上传|附上|给我|任何)",
        rf"(?:{SORRY}[，,。]?)?(?:没有|未)(?:提供|给出)(?:任何|足够|具体|相关)?的?(?:输入|信息|文本|内容|上下文|句子|数据)",
        r"(?:Please|Could you(?: please)?|Can you(?: please)?) (?:provide|give|share|specify)[^.\n]{0,30}(?:more|text|sentence|information|details|context|input|article|passage)",
        r"(?:No input|There is no input|The input is (?:missing|empty))",
    ),
}
EMPTY = re.compile(
    r"[\W_]*(?:no ?(?:output|input|answer)|n/?a|none|null|nan|无输出|无输入|无答案|暂无|没有输出|不适用)[\W_]*|[.。,，…、\s_-]*",
    re.IGNORECASE,
)
"""Words in place of an answer, or nothing but dots."""
NOTHING = re.compile(
    r"\W{0,2}(?:<[^\n<>]{0,2}no[ -]?(?:out|in)put\b|no[ -]?(?:out|in)put ?>|<无(?:输[出入])|没有输出(?:，因为|，无法|。)|(?:n/a|不适用|无输出) ?[（(–—-])",
    re.IGNORECASE,
)
"""The beginning of an answer that says why there is none."""
PICTURE = r"图|照片|徽标|标志|海报|插画|视频|音频|image|picture|photo|chart|graph|drawing|logo|poster|illustration|video|audio|diagram|visual|sketch"
PRETENDED = re.compile(
    rf"[\W_]{{0,2}}!?[\[【（(<*][^\]】)）>\n]{{0,80}}(?:{PICTURE})[^\]】)）>\n]{{0,60}}[\]】)）>*]+(?:\s*[(（]?(?:https?://|data:image|attachment)\S*)?[\W_]*",
    re.IGNORECASE,
)
"""A picture or a sound that is not there, and no other word."""
LONGEST = 400
"""Characters of such an answer."""
MARK_UP = re.compile(r"HTML|Markdown|\btags?\b|\balt\b|标记|标签|语法|代码|占位", re.IGNORECASE)
"""In a question whose answer may show how a picture is written."""
NONE = re.compile(r"\b(?:none|null|nan)\b|无|没有", re.IGNORECASE)
"""In a question: then that may well be the answer."""
QUOTED = re.compile(
    rf"{CANNOT}|{SORRY}|can['’]t|cannot|can not|unable|not able|won['’]t|impossible|regret|apolog|refus|declin|sorry|缺少|缺失|拒绝|婉拒|道歉|歉意|no input|(?:further|more) information|更多信息",
    re.IGNORECASE,
)
"""In a question: the answer may well repeat or rephrase it, or say so for somebody."""


GREETING = re.compile(
    r"[ \n\"“'‘*#-]*(?:(?:您好|你好|hello|hi)[，,！!。. ]*)?(?:我(?:感到)?(?=不好意思|很?抱歉))?", re.IGNORECASE
)
"""What may stand before."""


class Refusal:
    """Reasons: ``refusal``, ``missing_input``, ``empty``. Looks at how answers begin, since mentioning a refusal is no refusal."""

    repairs = False

    def __init__(self, config: RefusalConfig) -> None:
        patterns = {name: list(found) for name, found in PATTERNS.items()}
        patterns["refusal"] += config.more
        self._patterns = {
            name: re.compile("(?:" + "|".join(found) + ")", re.IGNORECASE) for name, found in patterns.items()
        }
        self._any = re.compile("|".join(f"(?:{pattern.pattern})" for pattern in self._patterns.values()), re.IGNORECASE)

    def __call__(self, example: Example) -> Example | Drop:
        for text in answers(example):
            if _in_place_of_one(text, example):
                return Drop("empty", excerpt(text, 0, 60))
            begin = GREETING.sub("", text, count=1)
            if self._any.match(begin) and not _asked(example, QUOTED):
                reason = next(name for name, pattern in self._patterns.items() if pattern.match(begin))
                return Drop(reason, excerpt(text, 0, 60))
        return example


def _asked(example: Example, about: re.Pattern[str]) -> bool:
    """Whether the last question speaks of something."""
    return example.conversation is not None and about.search(example.conversation.question) is not None


def _in_place_of_one(text: str, example: Example) -> bool:
    """Whether *text* stands in place of an answer."""
    if len(text) <= 12 and EMPTY.fullmatch(text):
        return not (NONE.search(text) and _asked(example, NONE))
    if text[:1].isalpha() and text[0] not in "nN不没无":  # as nearly all
        return False
    if NOTHING.match(text):
        return True
    return len(text) <= LONGEST and bool(PRETENDED.fullmatch(text)) and not _asked(example, MARK_UP)
