"""Which tasks are rejected, and why."""

from __future__ import annotations

import re

from belle_generate.self_instruct.form import Task

SHORTEST = 4
LONGEST, LONGEST_WITH_EXAMPLE = 100, 150
EXAMPLE = re.compile(r"例如|比如|譬如|示例|样例|例子|举例|如下|e\.g\.", re.IGNORECASE)
IMPOSSIBLE = re.compile(
    r"图片|图像|图表|图形|插图|照片|截图|海报|画一|绘制|视频|音频|录音|音乐文件|播放|链接|网址|网站地址|附件|文件|上传|下载|"
    r"https?://|www\.|\b(?:images?|pictures?|photos?|graphs?|charts?|plots?|maps?|videos?|audios?|links?|urls?|files?)\b",
    re.IGNORECASE,
)
"""Topics that a model of text cannot do."""
MODELS = re.compile(
    r"GPT|OpenAI|文心一言|通义千问|Qwen|DeepSeek|深度求索|ChatGLM|智谱清言|讯飞星火|Claude|Gemini|Bard", re.IGNORECASE
)
"""Names of other assistants, which a model must not take for itself."""


def why_rejected(task: Task) -> tuple[str, str] | None:
    """(reason, evidence), or ``None`` for a task that may stay."""
    length = len(task.instruction)
    longest = LONGEST_WITH_EXAMPLE if EXAMPLE.search(task.instruction) else LONGEST
    if length < SHORTEST:
        return "too_short", task.instruction
    if length > longest:
        return "too_long", f"{length} > {longest}: {task.instruction}"
    if not re.search(r"\w", task.output):
        return "empty_answer", task.instruction
    if found := IMPOSSIBLE.search(task.instruction):
        return "needs_other_media", f"{found[0]}: {task.instruction}"
    for text in (task.instruction, task.input, task.output):
        if found := MODELS.search(text):
            return "names_a_model", f"{found[0]}: {text}"
    return None
