"""The chat templates that ship, one entry each."""

from __future__ import annotations

from belle_templates.layout import Layout

# BELLE's own format (LianjiaTech/BELLE, train/): the system text on lines of its own before the first question
BELLE = Layout("belle", question="{system}Human: \n{text}\n\nAssistant: \n", answer="{text}{eos}", system="{text}\n")

# no format at all, for base models that were never tuned: the text goes on where the user stops
PLAIN = Layout("plain", question="{system}{text}", answer="{text}{eos}")

# Stanford Alpaca; between turns as FastChat writes it
ALPACA = Layout(
    "alpaca",
    question="{system}### Instruction:\n{text}\n\n### Response:\n",
    answer="{text}{eos}",
    system="{text}\n\n",
    default_system=(
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
    ),
)

# Vicuna 1.1 (FastChat)
VICUNA = Layout(
    "vicuna",
    question="{system}USER: {text} ASSISTANT:",
    answer=" {text}{eos}",
    system="{text} ",
    default_system=(
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions."
    ),
)

# Llama 2 chat (arXiv 2307.09288): every pair of turns begins with BOS in Meta's code; here once, as for any text
LLAMA2 = Layout(
    "llama2",
    question="[INST] {system}{text} [/INST]",
    answer=" {text} {eos}",
    system="<<SYS>>\n{text}\n<</SYS>>\n\n",
)

# Mistral 7B Instruct 0.1 and 0.2, where [INST] is text; later versions have tokens for it: use `own` with them
MISTRAL = Layout("mistral", question="[INST] {system}{text} [/INST]", answer=" {text}{eos}", system="{text}\n\n")

# Llama 3 instruct (Meta's model card), without its date and tools
LLAMA3 = Layout(
    "llama3",
    question="{system}<|start_header_id|>user<|end_header_id|>\n\n{text}<|eot_id|>",
    cue="<|start_header_id|>assistant<|end_header_id|>\n\n",
    answer="{text}<|eot_id|>",
    system="<|start_header_id|>system<|end_header_id|>\n\n{text}<|eot_id|>",
    special=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    stop=("<|eot_id|>", "eos"),
)

# Gemma 1 to 3: there is no system turn; its text begins the first question
GEMMA = Layout(
    "gemma",
    question="<start_of_turn>user\n{system}{text}<end_of_turn>\n",
    cue="<start_of_turn>model\n",
    answer="{text}<end_of_turn>",
    after="\n",
    system="{text}\n\n",
    special=("<start_of_turn>", "<end_of_turn>"),
    stop=("<end_of_turn>", "eos"),
)

# DeepSeek V2 to R1 and R1's distillations, without the thinking
DEEPSEEK = Layout(
    "deepseek",
    question="{system}<｜User｜>{text}",
    cue="<｜Assistant｜>",
    answer="{text}{eos}",
    special=("<｜User｜>", "<｜Assistant｜>"),
)

# GLM-4 (arXiv 2406.12793); its chat models end an answer with the next <|user|>, here EOS ends it
GLM4 = Layout(
    "glm4",
    begin="[gMASK]<sop>",
    question="{system}<|user|>\n{text}",
    cue="<|assistant|>\n",
    answer="{text}{eos}",
    system="<|system|>\n{text}",
    special=("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"),
)


def _chatml(name: str, default_system: str = "") -> Layout:
    return Layout(
        name,
        begin="",
        question="{system}<|im_start|>user\n{text}<|im_end|>\n",
        cue="<|im_start|>assistant\n",
        answer="{text}<|im_end|>",
        after="\n",
        system="<|im_start|>system\n{text}<|im_end|>\n",
        default_system=default_system,
        special=("<|im_start|>", "<|im_end|>"),
        stop=("<|im_end|>", "eos"),
    )


CHATML = _chatml("chatml")

# Qwen 2.5, whose own template brings this system text; Qwen 3 has none: `chatml`
QWEN = _chatml("qwen", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")
