"""What ``belle --help`` prints, in the user's language; needs no Hydra and so answers at once."""

from __future__ import annotations

from belle_core.choices import all_groups, options_of
from belle_core.language import say

ENGLISH = """belle: be everyone's large language model engine

A run is a list of steps, each chosen with +<stage>=<name>; options follow as key=value.

  belle +recipe=quickstart                        the whole way on built-in data
  belle +train=lora model=llama7b                 one step; data and tokenizer come in by themselves
  belle +data=files data.path=my.jsonl +train=lora +eval=reference +deploy=gguf
  belle -m +train=lora,full                       a sweep; steps that jobs share are made once
  belle plan +train=lora model=llama7b            look before you run
  belle data stats my.jsonl                       what is in a file, and what is odd about it
  belle +train=lora --cfg job                     every option of a choice, with its value

Other commands: belle plan | plugins | runs | compare | chat | predict | inspect | data | doctor | completion (belle <command> --help)

Choices (+<stage>=<name>; model, trainer and tracker without the plus)
"""
CHINESE = """belle：人人可用的大语言模型引擎

一次运行由若干步骤组成，用 +<阶段>=<名称> 选择，选项写成 键=值。

  belle +recipe=quickstart                        内置数据上的完整流程
  belle +train=lora model=llama7b                 单个步骤；数据和分词器自动加入
  belle +data=files data.path=my.jsonl +train=lora +eval=reference +deploy=gguf
  belle -m +train=lora,full                       参数扫描；共同的步骤只做一次
  belle plan +train=lora model=llama7b            运行前查看计划
  belle data stats my.jsonl                       文件里有什么、哪里不对劲
  belle +train=lora --cfg job                     某个选择的全部选项及取值

其他命令：belle plan | plugins | runs | compare | chat | predict | inspect | data | doctor | completion（belle <命令> --help）

可选项（+<阶段>=<名称>；model、trainer 和 tracker 不加加号）
"""


def help_text() -> str:
    """The whole page."""
    rows = [f"  {group:<16} {', '.join(options_of(group))}" for group in all_groups()]
    return say(ENGLISH, CHINESE) + "\n".join(rows)
