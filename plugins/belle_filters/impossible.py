"""Questions about what a text model can neither see nor make; after the black list of self-instruct, as actions on things."""

from __future__ import annotations

import re

from belle_core.conversation import Example
from belle_core.data.filters import Drop
from belle_core.data.personal import excerpt
from belle_filters.config import ImpossibleConfig

THING = r"(?:图片|图像|照片|图画|插图|截图|视频|音频|录音|动画|海报|图表|饼图|柱状图|折线图|流程图|思维导图|地图|漫画)"
ASKED = r"(?:^[ \d.、“\"'‘]*|[，。；：！？,.;:!?]\s*|请您?你?|麻烦您?你?|[帮给为替]我们?|[能可]以?(?:不能|否)?|需要您?你?|要求您?你?|尝试|试着|然后|并|再|[和与或]|任务是|用(?!户)[^，。；\n]{1,16}?|根据[^，。；\n]{1,16}?|[让使]您?你?)"
"""What stands before something that the user wants done; in the middle of a sentence others do it."""
PLEASE = r"(?:^|[.!?:;]\s+|\b(?:please|can you|could you|would you|and|then)\s+)"
PATTERNS = (
    rf"{ASKED}(?:画(?!家|面|风|质|廊|展|法|[/、和与])|绘制|绘画(?![/、和与])|上传|下载|播放|发送|附上|插入|展示|显示|查看|聆听|识别|剪辑|录制)(?![的了过时])[^，。；\n]{{0,12}}{THING}(?!的?(?:代码|程序|函数|脚本|算法|类|方法|原理|步骤|软件|游戏|平台|会议|描述|文字|标题|说明))",
    rf"(?:生成|制作|创建|设计|提供|找|搜索)(?:一[张幅个段部份]|\d+[张幅个]|相关的?)(?:[^，。；\n的]{{0,8}}的)?{THING}(?!的?(?:代码|程序|函数|脚本|算法|类|方法|描述|文字|标题|说明|想法|方案|管理|处理|编辑))",
    r"(?:创建|生成|制作|绘制)(?:[^，。；\n]{0,10}的)?(?:饼图|条形图|柱状图|折线图|直方图|散点图|象形图|草图|插图|照片拼贴)(?!的?(?:代码|程序|函数|脚本|步骤|方法|说明|描述|标题))",
    rf"(?:[这那该此][张幅段]|(?:给定|所附|附件中?|下面|以下)的?(?:一[张幅段])?的?|提供的){THING}(?!的?(?:代码|程序|字幕|台词|文字|脚本|标题|文案|说明|类型|格式|编辑|处理|分类))",
    rf"(?:根据|观察|看|分析|描述|识别|参考)(?:以下|下面|下列|下|上面|这|这张|该|此|给定的?|附件中?的?|所附的?|提供的)(?:[张幅个段])?[^，。；\n]{{0,4}}{THING}",
    r"(?:^|请|[，。；])(?:打开|访问|浏览|点击|进入)(?:以下|下面|这个|该|此|给定的?)?(?:网址|网站|链接|网页|URL)|(?:总结|阅读|分析|翻译)(?:以下|下面|这个|该)(?:网址|网站|链接|网页)(?:中|的|里)",
    rf"{ASKED}(?:打开|读取|上传|下载|附上|发送)(?:以下|下面|这个|该|此|一个|给定的?)?(?:附件|文件|文档|PDF)(?!的?(?:代码|程序|函数|脚本|方法|步骤|命令))",
    rf"{PLEASE}(?:draw|paint|sketch|plot|upload|download|play|crop|edit) (?:me )?(?:an? |the |this |some )?(?:\w+ ){{0,3}}(?:pictures?|images?|photos?|graphs?|charts?|diagrams?|flowcharts?|maps?|videos?(?! games?)|songs?(?! words)|music|audio)\b",
    rf"{PLEASE}(?:create|generate|make|produce|design|show) (?:me )?(?:an? |the |some )(?:[\w-]+ ){{0,2}}?(?:pictures?|images?|photos?|photographs?|illustrations?|drawings?|paintings?|posters?|videos?|animations?|flow ?charts?|(?:pie|bar|line) (?:charts?|graphs?)|infographics?)\b(?! (?:games?|scripts?|ideas?|titles?|captions?|tags?|editing|editor|classif))",
    r"\b(?:in|at|describe|analy[sz]e|look at|watch) (?:the (?:following|attached|given) |this )(?:picture|image|photo|graph|chart|diagram|video|audio|website|link|file)\b",
    r"\b(?:open|visit|click|go to) (?:the |this |following )*(?:link|website|url|webpage|attachment|file)\b",
)  # fmt: skip
PLACEHOLDER = re.compile(
    r"[\[<【（(](?:在此|此处)?(?:插入|附上?|请?见|上传)?(?!如|例如|比如|包括|等)[^\]>】）)\n]{0,10}(?:图片|图像|照片|截图|视频|音频|声音文件|image|photo|picture)[^\]>】）)\n]{0,10}[\]>】）)]|!\[[^\]\n]{0,200}\][(（]http"
    r"|[\[<](?:an? |the |insert |attached )*(?:images?|photos?|photographs?|pictures?|audio|video) (?:of|showing|depicting|that|with|from|here|attached|provided|file|clip)\b[^\]>\n]{0,60}[\]>]"
    r"|[\[<【][^\]>】\n]{0,20}(?:图片|图像|照片|截图)[\]>】]",
    re.IGNORECASE,
)
"""Where the image once was."""
HINTS = (
    "图", "照", "海报", "漫画", "视频", "音频", "录音", "动画", "网址", "网站", "链接", "网页", "附件", "文件", "文档", "声音", "url", "pdf", "picture", "image",
    "photo", "graph", "chart", "diagram", "map", "video", "song", "music", "audio", "link", "website", "webpage", "file", "attachment",
)  # fmt: skip
"""Cheap to search for; without one of them no pattern matches."""
HOW = re.compile(
    r"我(?:可以|能|可否|能否|可不可以|能不能)|如何|怎么|怎样|怎么样|为什么|为何|为啥|什么时候|哪[里儿些个]|谁|当[^，。]*时|会不会|是否|\bhow\b|\bwhy\b",
    re.IGNORECASE,
)
"""Before what one does with images: a question about it, which can be answered in words."""
TABLE = re.compile(r"^[^\n]*\|[^\n]*\n[ \t]*\|?[ \t:]*-{3}", re.MULTILINE)
"""An answer that is a table where 图表 or a chart was asked for."""
CODE = re.compile(
    r"代码|mermaid|markdown|ascii|字符|文案|编写|函数|程序|脚本|HTML|CSS|JavaScript|Python|Java\b|SQL|算法|命令行|\bcod(?:e|ing)\b|\bprogram(?:s|ming)?\b|\balgorithms?\b|\bfunctions?\b|\bscripts?\b",
    re.IGNORECASE,
)
"""What a program does with images a text model can write."""


class Impossible:
    """Looks at what the user asks in every turn."""

    repairs = False

    def __init__(self, config: ImpossibleConfig) -> None:
        self._pattern = re.compile("|".join([*PATTERNS, *config.more]), re.IGNORECASE)
        self._hints = ("",) if config.more else HINTS

    def __call__(self, example: Example) -> Example | Drop:
        if example.conversation is None:
            return example
        for turn in example.conversation.turns:
            lower = turn.text.lower()
            if turn.role != "user" or not any(hint in lower for hint in self._hints):
                continue
            instruction = turn.text.partition("\n")[0]  # what follows is material, which may speak of images
            found = self._pattern.search(instruction)
            if found and (HOW.search(instruction, 0, found.start() + 3) or "怎么办" in instruction):
                found = None
            found = found or PLACEHOLDER.search(turn.text)
            if found and not CODE.search(turn.text) and not TABLE.search(example.conversation.answer):
                return Drop(evidence=excerpt(turn.text, *found.span()))
        return example
