"""A language model for tests whose every answer is decided by the question, so that latency and order change nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from random import Random

from llm_server import question_of
from omegaconf import OmegaConf

from belle_core import StageContext
from belle_core.artifacts import Artifact
from belle_core.plugins import load_catalog

VERBS = [
    "说明",
    "比较",
    "列举",
    "描写",
    "归纳",
    "评价",
    "预测",
    "设计",
    "介绍",
    "推荐",
    "反驳",
    "证明",
    "改编",
    "续写",
    "翻译",
    "计算",
]
THINGS = [
    "茶叶",
    "竹子",
    "长城",
    "地铁",
    "彩虹",
    "蜜蜂",
    "算盘",
    "诗歌",
    "运河",
    "火山",
    "棉花",
    "风筝",
    "围棋",
    "豆腐",
    "陶器",
    "灯塔",
    "候鸟",
    "潮汐",
    "雨伞",
    "钟表",
]
SIDES = [
    "历史",
    "用途",
    "种类",
    "形成",
    "优点",
    "缺点",
    "故事",
    "未来",
    "制作",
    "价格",
    "颜色",
    "声音",
    "气味",
    "分布",
    "影响",
    "误解",
]


def chance(body) -> Random:
    """Random numbers that belong to the whole request."""
    words = json.dumps([body.get("messages", body.get("prompt")), body.get("seed")], ensure_ascii=False)
    return Random(hashlib.sha256(words.encode()).hexdigest())


def task(random: Random, number: int) -> str:
    verb, thing, side = random.choice(VERBS), random.choice(THINGS), random.choice(SIDES)
    given = f"一段关于{thing}的材料" if random.random() < 0.3 else "<无输入>"
    return f"{number}. 指令: {verb}{thing}的{side}\n{number}. 输入:\n{given}\n{number}. 输出:\n关于{thing}的{side}，可以这样{verb}。"


def tasks(body, *, count: int = 7) -> str:
    """A list that goes on from the fourth task."""
    random = chance(body)
    return "\n###\n".join(task(random, number) for number in range(4, 4 + count))


def echo(body) -> str:
    """An answer that shows what was asked."""
    return f"答：{question_of(body)[-40:]}"


def stage(name: str, *overrides: str, folder: Path) -> Artifact:
    """What ``+data=<name>`` makes with options such as ``data.size=3``, ``seed=1``, ``limit=2``, without the rest of a run.

    *folder* plays the store; what an interrupted call leaves there is gone on with.
    """
    found = load_catalog().stages["data", name]
    own = [override.removeprefix("data.") for override in overrides if override.startswith("data.")]
    config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(found.config), OmegaConf.from_dotlist(own)))
    given = dict(override.split("=") for override in overrides if not override.startswith("data."))
    directory = folder / "Examples" / "made.partial"
    directory.mkdir(parents=True, exist_ok=True)
    limit = int(given["limit"]) if "limit" in given else None
    return found.load()(config, StageContext(directory, {"seed": int(given.get("seed", 42))}, {}, limit))
