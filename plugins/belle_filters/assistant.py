"""Answers in which a model speaks of itself; a model that learns them believes to be somebody else."""

from __future__ import annotations

import re

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.personal import excerpt
from belle_filters.config import AssistantConfig
from belle_filters.texts import answers

NAMES = (
    r"Chat ?GPT|Open ?Assistant|GPT[- ]?[34](?:\.5)?|OpenAI|Open AI|Claude|Anthropic|Bard|Bing Chat|Gemini|Copilot|LLaMA|Vicuna|Alpaca|DeepSeek|Qwen|"
    r"文心一言|通义千问|讯飞星火|星火大模型|智谱|ChatGLM|豆包|混元|百川|Kimi|InternLM|书生·浦语|ERNIE|Mistral|LMSYS|LAION"
)
KIND = r"(?:(?:大型|大规模|大|自然|语言|对话|文本|AI|人工智能|智能|虚拟|聊天|问答|数字|开源) ?)"
BEING = rf"(?:{KIND}*模型|{KIND}+(?:助手|助理|机器人|程序|系统)(?:程序)?|(?:计算机|电脑)程序|人工智能|AI)"
"""What an assistant calls itself."""
ONE = r"(?:一[个名款种位台]|由\w{2,12}(?:开发|训练)的)?\s*"
CHINESE = (
    rf"(?<![你您他她它])(?:作为|身为){ONE}(?:[^，。,\n]{{1,12}}?的)?\s*{BEING}\s*(?=[，,。、；;]|我|不|并|通过|是(?!一))(?!，你)",
    rf"我(?:只|仅仅|仅)?(?:是|叫|名叫)(?:一[个名款种位台]|由[^，。,\n]{{2,20}}(?:开发|训练|创造|研发|推出|设计)的)?[^，。,\n]{{0,12}}?{BEING}(?=[，,。！!；;、\s]|而|不|无|没|$)",
    rf"我(?:是|叫|由|来自)[^，。,\n]{{0,12}}?(?:{NAMES})",
    r"我(?:是由|由)[^，。,\n]{0,20}(?:开发|训练|研发)(?:的|而成|出来)",
    rf"我的(?:训练数据|知识(?:库)?(?:截止|截至|更新)|(?:开发者|创造者|研发者|训练者)(?:是|来自)[^，。,\n]{{0,12}}?(?:{NAMES}|全球|开源|团队|公司))|截[至止]我的(?:知识|训练)",
)
MODEL = r"(?:large |artificial intelligence |AI |virtual |digital )*(?:AI|language model|chatbot|artificial intelligence|virtual assistant|digital assistant)(?: (?:language )?(?:model|assistant|chatbot|program|system))?"
ENGLISH = (
    rf"(?-i:\bAs) an? {MODEL}\b(?=,| (?:I|developed|trained|created))|\bas an? {MODEL},? (?:I|my)\b",
    rf"\bI(?:['’]m| am) (?:just |only |simply )?(?:an? (?:\w+ ){{0,3}}?{MODEL}\b(?=[,.;!?)\"”]|\s*$| (?:and|that|so|but|who|which|without|not|called|named|known|designed|developed|trained|created|made|built|based|here)\b)|(?:{NAMES})\b)",
    r"\bI (?:was|am|have been) (?:\w+ )?(?:trained|developed|created|made|built|designed) by (?:OpenAI|Anthropic|Google|Meta|Microsoft|Alibaba|Baidu|Tencent|a team)\b",
    r"\bmy (?:training data|knowledge cut-?off)\b",
)


CALLED = re.compile(
    rf"\b(?:refer to|call) me (?:as )?(?:{NAMES})|\bI was trained by (?:Large Model|LMSYS|researchers)", re.IGNORECASE
)
"""How Vicuna was taught to speak of itself."""


class Assistant:
    """Mentions of an assistant are kept; speaking as one is not."""

    repairs = False

    def __init__(self, config: AssistantConfig) -> None:
        names = "|".join(config.names)
        more = (rf"我(?:是|叫|由|来自)[^，。,\n]{{0,12}}?(?:{names})", rf"\bI(?:'m| am) (?:{names})") if names else ()
        self._pattern = re.compile("|".join([*CHINESE, *more, *ENGLISH]), re.IGNORECASE)

    def __call__(self, example: Example) -> Example | Drop:
        for text in answers(example):
            if not _possible(text):
                continue
            if found := self._pattern.search(text) or (CALLED.search(text) if " me " in text else None):
                return Drop(evidence=excerpt(text, *found.span()))
        return example


def _possible(text: str) -> bool:
    """Whether there is a word without which no pattern matches; cheap, and seldom so."""
    return (
        "我" in text
        or "作为" in text
        or "身为" in text
        or " a" in text
        or "I" in text
        or " by " in text
        or "y " in text
    )
