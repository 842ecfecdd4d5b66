"""One record of every published data set that people bring most, in its layout and in our words, and what it should become."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Means(NamedTuple):
    """What a record says: turns from the user's first on, or a document; or why there is nothing to learn from it."""

    turns: tuple[str, ...] = ()
    system: str = ""
    rejected: tuple[str, ...] = ()
    text: str | None = None
    dropped: str = ""


def says(*turns: str, system: str = "", rejected: tuple[str, ...] = ()) -> Means:
    """A conversation."""
    return Means(turns, system, rejected)


def of(role: str, text: str, user: str, answer: str, *more: Any) -> list[dict[str, Any]]:
    """Two messages whose fields are *role* and *text*."""
    return [{role: user, text: "问"}, {role: answer, text: "答"}, *more]


QA = says("问", "答")
BOTH = says("问", "好", rejected=("差",))
THOUGHT = says("问", "<think>\n想\n</think>\n\n答")
GPT = of("from", "value", "human", "gpt")
CHAT = of("role", "content", "user", "assistant")
ASKED, GOOD, BAD = CHAT[:1], {"role": "assistant", "content": "好"}, {"role": "assistant", "content": "差"}
EMPTY: dict[str, Any] = {"input": "", "output": "答", "instruction": "问"}
CALL = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "北京"}'}}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
]
SAFE = {"prompt": "问", "prompt_source": "x", "response_0": "好", "response_1": "差", "response_0_source": "m",
        "is_response_0_safe": True, "is_response_1_safe": False, "response_0_harm_category": {"Violence": False},
        "response_0_severity_level": 0}  # fmt: skip


def feedback(response: str, score: float, **more: Any) -> dict[str, Any]:
    """A completion of UltraFeedback."""
    rated = {name: {"Rating": str(score), "Rationale": "…"} for name in ("helpfulness", "honesty")}
    return {"annotations": rated, "custom_system_prompt": "规则", "model": "m", "principle": "helpfulness", "critique": "…",
            "response": response, "overall_score": score * 2, "fine-grained_score": score, **more}  # fmt: skip


def nectar(*answers: tuple[str, float], prompt: str = "\n\nHuman: 问\n\nAssistant: ") -> dict[str, Any]:
    """A record of Nectar."""
    ranked = [{"answer": answer, "model": "m", "rank": rank} for answer, rank in answers]
    return {"prompt": prompt, "answers": ranked, "turns": 1, "num_responses": len(ranked), "source": ["lmsys-chat-1m"],
            "good_natured": True}  # fmt: skip


CHINESE: list[tuple[str, dict[str, Any], Means]] = [
    ("BelleGroup/train_0.5M_CN", {"input": "问", "target": "答"}, QA),
    ("BelleGroup/train_1M_CN", EMPTY, QA),
    ("BelleGroup/train_2M_CN", {"instruction": "问", "input": "料", "output": "答"}, says("问\n料", "答")),
    ("BelleGroup/train_3.5M_CN", {"id": "1", "conversations": of("from", "value", "human", "assistant")}, QA),
    ("BelleGroup/multiturn_chat_0.8M", {"instruction": "Human:早\nAssistant:早！\nHuman:问\nAssistant:", "input": "", "output": "答"}, says("早", "早！", "问", "答")),
    ("BelleGroup/generated_chat_0.4M", {"instruction": "两人谈话", "input": "", "output": "甲：问\n乙：答\n甲：谢\n乙：不谢"}, says("问", "答", "谢", "不谢", system="两人谈话")),
    ("BelleGroup/school_math_0.25M", EMPTY, QA),
    ("YeungNLP/firefly-train-1.1M", {"kind": "NLI", "input": "问", "target": "答"}, QA),
    ("YeungNLP/moss-003-sft-data", {"conversation_id": 1, "category": "Brainstorming", "conversation": [{"human": "问", "assistant": "答"}]}, QA),
    ("BAAI/COIG: translated", {"instruction": "ask", "input": "in", "output": "out", "trans_instruction": "问", "trans_input": "料", "trans_output": "答"}, says("问\n料", "答")),
    ("silk-road/alpaca-data-gpt4-chinese", {"instruction_zh": "问", "input_zh": "", "output_zh": "答", "instruction": "ask", "input": "", "output": "out"}, QA),
    ("silk-road/Wizard-LM-Chinese-instruct-evol", {"instruction": "ask", "output": "out", "instruction_zh": "问", "output_zh": "答"}, QA),
    ("open-chinese/alpaca-chinese-dataset", {"en_instruction": "ask", "en_input": "", "en_output": "out", "zh_instruction": "问", "zh_input": "料", "zh_output": "答", "metadata": {}}, says("问\n料", "答")),
    ("Baidu Qianfan", {"conversation": [{"system": "规则", "prompt": "早", "response": [["早！"]]}, {"prompt": "问", "response": [["答"]]}]}, says("早", "早！", "问", "答", system="规则")),
    ("Baidu Qianfan (user and assistant)", {"conversation": [{"system": "规则", "user": "问", "assistant": "答"}]}, says("问", "答", system="规则")),
    ("Baidu Qianfan (DPO)", {"conversation": [{"user": "早", "assistant": "早！"}, {"user": "问", "chosen": "好", "rejected": "差"}]}, says("早", "早！", "问", "好", rejected=("差",))),
    ("Baidu Qianfan (KTO)", {"conversation": [{"user": "问", "rejected": "差"}]}, says("问", rejected=("差",))),
    ("Hello-SimpleAI/HC3-Chinese, with one list chosen", {"question": "问", "human_answers": ["人"], "answers": ["答"]}, QA),
    ("PaddleNLP", {"src": "问", "tgt": "答", "context": {"system": "规则"}}, says("问", "答", system="规则")),
    ("ERNIEKit (SFT)", {"system": "规则", "src": ["问", "再"], "tgt": ["答", "完"], "label": [0, 1]}, says("问", "答", "再", "完", system="规则")),
    ("ERNIEKit (DPO)", {"system": "规则", "src": ["早", "问"], "tgt": ["早！"], "response": [["差"], ["好"]], "sort": [0, 1]}, says("早", "早！", "问", "好", system="规则", rejected=("差",))),
    ("ERNIEKit (DPO, tie)", {"src": ["问"], "tgt": [], "response": [["好"], ["差"]], "sort": [1, 1]}, Means(dropped="tie")),
    ("iic/100PoisonMpts", {"prompt": "问", "answer": "答", "domain_en": "x", "domain_zh": "y"}, QA),
    ("diaomuxi/CValues-Comparison", {"prompt": "问", "pos_resp": "好", "neg_resp": "差", "pos_type": "拒绝为主", "neg_type": "风险回复"}, BOTH),
    ("shibing624/DPO-En-Zh-20k-Preference", {"system": "", "history": [["早", "早！"]], "question": "问", "response_chosen": "好", "response_rejected": "差"}, says("早", "早！", "问", "好", rejected=("差",))),
    ("BAAI/COIG: as its script gives it", {"instruction": "做题", "conversations": [{"question": "问", "answer": "答"}, {"question": "再", "answer": "完"}]}, says("做题\n问", "答", "再", "完")),
    ("speakers in Chinese", {"messages": of("role", "content", "用户", "助手")}, QA),
    ("BAAI/COIG: exam", {"textbox_q_instruction": "做题", "textbox_q_context": "料", "textbox_question": "问", "textbox_answer": "乙", "textbox_answer_analysis": "因为", "sn": "x"}, says("做题\n料\n问", "因为\n乙")),
    ("m-a-p/COIG-CQIA", EMPTY | {"task_type": {"major": ["问答"], "minor": ["常识"]}, "domain": ["通用"], "metadata": None, "answer_from": "human", "human_verified": False, "copyright": "x"}, QA),
    ("BAAI/COIG-PC-Lite", EMPTY | {"split": "train", "task_name_in_eng": "x", "task_type": {"major": "a", "minor": "b"}, "domain": "d", "other": None, "filename": "f"}, QA),
    ("m-a-p/COIG-P", {"conversations": [{"from": "human", "value": "问"}], "chosen": {"from": "gpt", "value": "好"}, "rejected": {"from": "gpt", "value": "差"}, "domain": "x"}, BOTH),
    ("fnlp/moss-003-sft-data", {"conversation_id": 1, "meta_instruction": "规则\n", "num_turns": 1, "category": "Code", "chat": {"turn_1": {
        "Human": "<|Human|>: 问<eoh>\n", "Inner Thoughts": "<|Inner Thoughts|>: None<eot>\n", "Commands": "<|Commands|>: None<eoc>\n",
        "Tool Responses": "<|Results|>: None<eor>\n", "MOSS": "<|MOSS|>: 答<eom>\n"}}}, says("问", "答", system="规则")),
    ("fnlp/moss-002-sft-data", {"id": 1, "prefix": "规则\n", "num_turns": 1, "plain_text": "[Human]: 问<eoh>\n[MOSS]: 答<eoa>\n"}, says("问", "答", system="规则")),
    ("llm-wizard/alpaca-gpt4-data-zh", {"instruction": "问", "input": "输入：料", "output": "答"}, says("问\n输入：料", "答")),
    ("shareAI/ShareGPT-Chinese-English-90k", {"conversation_id": "x", "category": "c", "conversation": [{"human": "问", "assistant": "答"}, {"human": "再", "assistant": "完"}]}, says("问", "答", "再", "完")),
    ("shibing624/sharegpt_gpt4", {"conversations": GPT}, QA),
    ("LooksJuicy/ruozhiba", {"instruction": "问", "output": "答"}, QA),
    ("hfl/ruozhiba_gpt4", EMPTY, QA),
    ("hfl/stem_zh_instruction", EMPTY | {"history": None}, QA),
    ("Congliu/Chinese-DeepSeek-R1-Distill-data-110k", {"input": "问", "reasoning_content": "想", "content": "答", "repo_name": "x", "prompt_tokens_len": 1, "score": 10}, THOUGHT),
    ("Congliu/Chinese-DeepSeek-R1-Distill-data-110k-SFT", {"instruction": "问", "input": "", "output": "<think>\n想\n</think>\n\n答", "score": 9}, THOUGHT),
    ("FreedomIntelligence/medical-o1-reasoning-SFT", {"Question": "问", "Complex_CoT": "想", "Response": "答"}, THOUGHT),
    ("wangrui6/Zhihu-KOL", {"INSTRUCTION": "问", "RESPONSE": "答", "SOURCE": "Zhihu", "METADATA": "{}"}, QA),
    ("shibing624/AdvertiseGen (ADGEN)", {"content": "类型#裤", "summary": "这条裤子"}, says("类型#裤", "这条裤子")),
    ("suolyer/webqa", {"input": "问", "output": "答"}, QA),
    ("deepctrl/deepctrl-sft-data", EMPTY | {"id": 0, "history": [["早", "早！"]], "language": "chinese", "data_source": "x", "input_len": 1}, says("早", "早！", "问", "答")),
    ("ShengbinYue/DISC-Law-SFT (pair)", {"id": "x", "input": "问", "output": "答"}, QA),
    ("ShengbinYue/DISC-Law-SFT (triplet)", {"id": "x", "reference": ["法条"], "input": "问", "output": "答"}, QA),
    ("Skepsun/lawyer_llama_data", {"instruction": "问", "output": "答", "history": [], "source": "x"}, QA),
    ("shibing624/medical (reward)", {"question": "问", "response_chosen": "好", "response_rejected": "差"}, BOTH),
    ("pleisto/wikipedia-cn-20230720-filtered", {"completion": "文", "source": "wikipedia.zh2307"}, Means(text="文")),
    ("BAAI/WuDaoCorpora", {"id": 1, "uniqueKey": "x", "titleUkey": "y", "dataType": "科技", "title": "题", "content": "文"}, Means(text="文")),
    ("liwu/MNBVC", {"文件名": "a.txt", "是否待查文件": False, "是否重复文件": False, "文件大小": 9, "simhash": 0, "段落数": 2, "段落": [
        {"行号": 1, "是否重复": False, "是否跨文件重复": False, "md5": "x", "内容": "第一段"}, {"行号": 3, "是否重复": False, "md5": "y", "内容": "第二段"}]}, Means(text="第一段\n第二段")),
    ("Skywork/SkyPile-150B", {"text": "文"}, Means(text="文")),
    ("Math23K", {"id": "1", "original_text": "问", "segmented_text": "问", "equation": "x=1+1", "ans": "2"}, says("问", "x=1+1\n2")),
    ("Ape210K", {"id": "1", "segmented_text": "问", "original_text": "问", "ans": "2", "equation": "x=1+1"}, says("问", "x=1+1\n2")),
    ("meta-math/GSM8K_zh", {"question": "q", "answer": "a", "split": "train", "answer_only": "2", "question_zh": "问", "answer_zh": "答"}, QA),
    ("hfl/cmrc2018", {"id": "x", "context": "料", "question": "问", "answers": {"text": ["答", "答"], "answer_start": [0, 0]}}, says("问\n料", "答")),
    ("CMRC 2018 (file)", {"context_id": "x", "context_text": "料", "title": "题", "qas": [{"query_id": "1", "query_text": "问", "answers": ["答", "答。"]}]}, says("问\n料", "答")),
    ("DRCD, DuReader-robust", {"title": "题", "id": "1", "paragraphs": [{"id": "1", "context": "料", "qas": [{"id": "1-1", "question": "问", "answers": [{"id": "1", "text": "答", "answer_start": 0}]}]}]}, says("问\n料", "答")),
    ("liyucheng/zhihu_rlhf_3k", {"prompt": "问", "chosen": "好", "rejected": "差"}, BOTH),
    ("llamafactory/DPO-En-Zh-20k", {"system": "规则", "conversations": [{"from": "human", "value": "问"}], "chosen": {"from": "gpt", "value": "好"}, "rejected": {"from": "gpt", "value": "差"}}, says("问", "好", system="规则", rejected=("差",))),
    ("wenbopan/Chinese-dpo-pairs", {"prompt": "问", "system": "", "chosen": "好", "rejected": "差", "source": "x"}, BOTH),
    ("dikw/hh_rlhf_cn", {"context": [{"role": "human", "text": "问"}], "chosen": {"role": "assistant", "text": "好"}, "rejected": {"role": "assistant", "text": "差"}}, BOTH),
]  # fmt: skip

INSTRUCTIONS: list[tuple[str, dict[str, Any], Means]] = [
    ("vicgalle/alpaca-gpt4", EMPTY | {"text": "Below is an instruction … ### Response: 答"}, QA),
    ("RyokoAI/ShareGPT52K", {"id": "x", "conversations": [{"from": "human", "value": "问"}, {"from": "gpt", "value": "答"}]}, QA),
    ("anon8231489123/ShareGPT_Vicuna_unfiltered", {"id": "x", "conversations": [{"from": "system", "value": "规则"}, *GPT, {"from": "human", "value": "再"}, {"from": "chatgpt", "value": "完"}]}, says("问", "答", "再", "完", system="规则")),
    ("WizardLMTeam/WizardLM_evol_instruct_70k", {"instruction": "问", "output": "答"}, QA),
    ("WizardLMTeam/WizardLM_evol_instruct_V2_196k", {"idx": "x", "conversations": GPT}, QA),
    ("stingning/ultrachat", {"id": "0", "data": ["问", "答", "再", "完"]}, says("问", "答", "再", "完")),
    ("HuggingFaceH4/ultrachat_200k", {"prompt": "问", "prompt_id": "x", "messages": CHAT}, QA),
    ("teknium/OpenHermes-2.5", {"conversations": [{"from": "human", "value": "问", "weight": None}, {"from": "gpt", "value": "答", "weight": None}], "system_prompt": "规则", "source": "x", "category": "c", "custom_instruction": None, "hash": None}, says("问", "答", system="规则")),
    ("BAAI/Infinity-Instruct", {"id": 1, "conversations": GPT, "label": {"ability_en": ["x"], "cate_ability_zh": ["y"]}, "langdetect": "zh-cn", "source": "x", "reward": 1.5}, QA),
    ("Magpie-Align/Magpie-Qwen2-Pro-200K-Chinese", {"uuid": "x", "instruction": "问", "response": "答", "conversations": GPT, "model": "m", "difficulty": "easy", "reward": -1.0}, QA),
    ("argilla/magpie-ultra-v0.1", {"model_name_response_base": "m", "instruction": "问", "response": "答", "response_base": "差", "score": 3.5, "score_base": 1.0, "intent": "x"}, QA),
    ("Open-Orca/OpenOrca", {"id": "x", "system_prompt": "规则", "question": "问", "response": "答"}, says("问", "答", system="规则")),
    ("Open-Orca/SlimOrca", {"conversations": [{"from": "system", "value": "规则", "weight": None}, {"from": "human", "value": "问", "weight": 0.0}, {"from": "gpt", "value": "答", "weight": 1.0}]}, says("问", "答", system="规则")),
    ("databricks/databricks-dolly-15k", {"instruction": "问", "context": "料", "response": "答", "category": "closed_qa"}, says("问\n料", "答")),
    ("HuggingFaceH4/no_robots", {"prompt": "问", "prompt_id": "x", "messages": CHAT, "category": "Chat"}, QA),
    ("HuggingFaceTB/smoltalk", {"messages": CHAT, "source": "x"}, QA),
    ("HuggingFaceTB/smoltalk2", {"messages": CHAT, "chat_template_kwargs": {"custom_instructions": "规则", "enable_thinking": False, "python_tools": []}, "source": "x"}, says("问", "答", system="规则")),
    ("allenai/tulu-3-sft-mixture", {"id": "x", "messages": CHAT, "source": "x"}, QA),
    ("LDJnr/Capybara", {"source": "x", "conversation": [{"input": "问", "output": "答"}, {"input": "再", "output": "完"}]}, says("问", "答", "再", "完")),
    ("GAIR/lima", {"conversations": ["问", "答"], "source": "wikihow"}, QA),
    ("lmsys/lmsys-chat-1m", {"conversation_id": "x", "model": "m", "conversation": CHAT, "turn": 1, "language": "Chinese", "openai_moderation": [{"flagged": False}], "redacted": False}, QA),
    ("allenai/WildChat-1M", {"conversation_hash": "x", "model": "m", "conversation": [{**CHAT[0], "country": None, "toxic": False, "timestamp": None}, {**CHAT[1], "toxic": False, "timestamp": "2024"}], "turn": 1}, QA),
    ("THUDM/AgentInstruct", {"id": "x", "conversations": [{"from": "human", "loss": None, "value": "问"}, {"from": "gpt", "loss": True, "value": "答"}]}, QA),
    ("sahil2801/CodeAlpaca-20k", EMPTY, QA),
    ("HuggingFaceH4/CodeAlpaca_20K", {"prompt": "问", "completion": "答"}, QA),
    ("ise-uiuc/Magicoder-OSS-Instruct-75K", {"lang": "python", "raw_index": 1, "index": 1, "seed": "x", "openai_fingerprint": "x", "problem": "问", "solution": "答"}, QA),
    ("bigcode/self-oss-instruct-sc2-exec-filter-50k", {"fingerprint": None, "sha1": "x", "seed": "x", "response": "答", "concepts": ["x"], "prompt": "几个例子，再问", "instruction": "问", "id": 1}, QA),
    ("garage-bAInd/Open-Platypus", EMPTY | {"data_source": "x"}, QA),
    ("Yukang/LongAlpaca-12k", EMPTY | {"file": "x"}, QA),
    ("b-mc2/sql-create-context", {"question": "问", "context": "料", "answer": "答"}, says("问\n料", "答")),
    ("CohereForAI/aya_dataset", {"inputs": "问", "targets": "答", "language": "Simplified Chinese", "language_code": "zho", "annotation_type": "x", "user_id": "u"}, QA),
    ("Muennighoff/natural-instructions", {"task_name": "x", "id": "x", "definition": "问", "inputs": "料", "targets": "答"}, says("问\n料", "答")),
    ("timdettmers/openassistant-guanaco", {"text": "### Human: 问### Assistant: 答### Human: 再### Assistant: 完"}, says("问", "答", "再", "完")),
    ("mlabonne/guanaco-llama2-1k", {"text": "<s>[INST] <<SYS>>\n规则\n<</SYS>>\n\n问 [/INST] 答 </s><s>[INST] 再 [/INST] 完 </s>"}, says("问", "答", "再", "完", system="规则")),
    ("ChatML under text", {"text": "<|im_start|>system\n规则<|im_end|>\n<|im_start|>user\n问<|im_end|>\n<|im_start|>assistant\n答<|im_end|>\n"}, says("问", "答", system="规则")),
    ("Llama 3 under text", {"text": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n规则<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n问<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n答<|eot_id|>"}, says("问", "答", system="规则")),
    ("Gemma under text", {"text": "<bos><start_of_turn>user\n问<end_of_turn>\n<start_of_turn>model\n答<end_of_turn>\n"}, QA),
    ("Alpaca's prompt under text", {"text": "Below is an instruction that describes a task, paired with an input.\n\n### Instruction:\n问\n\n### Input:\n料\n\n### Response:\n答"}, says("问\n料", "答")),
    ("Zephyr and Phi 3 under text", {"text": "<|system|>\n规则</s>\n<|user|>\n问<|end|>\n<|assistant|>\n答</s>"}, says("问", "答", system="规则")),
    ("DeepSeek under text", {"text": "<｜begin▁of▁sentence｜><｜User｜>问<｜Assistant｜><think>\n想\n</think>\n\n答<｜end▁of▁sentence｜>"}, THOUGHT),
    ("text once more beside its parts", EMPTY | {"text": "<s>[INST] 问 [/INST] 答 </s>"}, QA),
    ("a prompt of ChatML and what completes it", {"prompt": "<|im_start|>system\n规则<|im_end|>\n<|im_start|>user\n问<|im_end|>\n<|im_start|>assistant\n", "completion": "答<|im_end|>\n"}, says("问", "答", system="规则")),
    ("OpenAssistant/oasst2 (trees)", {"message_tree_id": "t", "tree_state": "ready_for_export", "prompt": {"message_id": "a", "text": "问", "role": "prompter", "lang": "zh", "replies": [
        {"message_id": "b", "text": "差", "role": "assistant", "rank": 1, "replies": []}, {"message_id": "c", "text": "好", "role": "assistant", "rank": 0, "replies": []}]}}, BOTH),
    ("openai/gsm8k", {"question": "问", "answer": "想\n#### 2"}, says("问", "想\n#### 2")),
    ("meta-math/MetaMathQA", {"type": "MATH_AnsAug", "query": "问", "original_question": "原", "response": "答"}, QA),
    ("nvidia/OpenMathInstruct-1", {"question": "问", "expected_answer": "2", "predicted_answer": "2", "error_message": "", "is_correct": True, "generation_type": "x", "dataset": "gsm8k", "generated_solution": "答"}, QA),
    ("nvidia/OpenMathInstruct-1 (wrong)", {"question": "问", "expected_answer": "2", "predicted_answer": "3", "error_message": "", "is_correct": False, "dataset": "gsm8k", "generated_solution": "答"}, says("问", rejected=("答",))),
    ("nvidia/OpenMathInstruct-2", {"problem": "问", "generated_solution": "答", "expected_answer": "2", "problem_source": "x"}, QA),
    ("AI-MO/NuminaMath-CoT", {"source": "x", "problem": "问", "solution": "答", "messages": CHAT}, QA),
    ("AI-MO/NuminaMath-1.5", {"problem": "问", "solution": "答", "answer": "2", "problem_type": "Algebra", "question_type": "x", "problem_is_valid": "Yes"}, QA),
    ("open-r1/OpenR1-Math-220k", {"problem": "问", "solution": "略", "answer": "2", "uuid": "x", "generations": ["答"], "correctness_math_verify": [True], "messages": CHAT}, QA),
    ("GAIR/LIMO", {"question": "问", "solution": "答", "answer": "2"}, QA),
    ("simplescaling/s1K", {"question": "问", "solution": "略", "cot_type": "math", "source_type": "x", "cot": None, "thinking_trajectories": ["想"], "attempt": "答"}, THOUGHT),
    ("simplescaling/s1K-1.1", {"question": "问", "solution": "略", "deepseek_thinking_trajectory": "想", "deepseek_attempt": "答", "gemini_attempt": "x", "gemini_thinking_trajectory": "y"}, THOUGHT),
    ("zwhe99/DeepMath-103K", {"question": "问", "final_answer": "2", "difficulty": 5.0, "topic": "x", "r1_solution_1": "<think>\n想\n</think>\n\n答", "r1_solution_2": "x"}, THOUGHT),
    ("microsoft/orca-agentinstruct-1M-v1", {"messages": '[{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]'}, QA),
    ("HuggingFaceH4/Multilingual-Thinking", {"reasoning_language": "Chinese", "user": "问", "analysis": "想", "final": "答", "messages": [
        {"role": "system", "content": "规则", "thinking": None}, {"role": "user", "content": "问", "thinking": None}, {"role": "assistant", "content": "答", "thinking": "想"}]}, THOUGHT._replace(system="规则")),
    ("system beside messages that begin with it", {"system": "规则", "messages": [{"role": "system", "content": "规则"}, *CHAT]}, says("问", "答", system="规则")),
    ("OpenAI (function call)", {"messages": [ASKED[0], {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "1", "content": "晴"}, CHAT[1]], "tools": TOOLS}, Means(dropped="not_text")),
    ("OpenAI (function call without content)", {"messages": [ASKED[0], {"role": "assistant", "tool_calls": [CALL]}]}, Means(dropped="not_text")),
    ("gpt-oss (channels)", {"messages": [ASKED[0], {"role": "assistant", "channel": "analysis", "content": "想"}, {"role": "assistant", "channel": "final", "content": "答"}]}, Means(dropped="channel:analysis")),
    ("OpenAI (functions offered and not called)", {"messages": CHAT, "tools": TOOLS}, Means(dropped="not_text")),
    ("OpenAI (functions, as they were called before)", {"messages": CHAT, "functions": [TOOLS[0]["function"]]}, Means(dropped="not_text")),
    ("OpenAI (no functions)", {"messages": [{**message, "tool_calls": []} for message in CHAT], "tools": None}, QA),
    ("functions as JSON in a text, as tables hold them", {"messages": CHAT, "tools": json.dumps(TOOLS)}, Means(dropped="not_text")),
    ("no functions as JSON in a text", {"messages": CHAT, "tools": "[]"}, QA),
    ("OpenAI (parts)", {"messages": [{"role": "user", "content": [{"type": "text", "text": "问"}]}, {"role": "assistant", "content": [{"type": "text", "text": "答"}]}]}, QA),
    ("OpenAI (parts with a picture)", {"messages": [{"role": "user", "content": [{"type": "text", "text": "问"}, {"type": "image_url", "image_url": {"url": "x"}}]}, CHAT[1]]}, Means(dropped="not_text")),
    ("a part that is a caption", {"messages": [{"role": "user", "content": [{"type": "image", "text": "猫"}, {"type": "text", "text": "问"}]}, CHAT[1]]}, Means(dropped="not_text")),
    ("Anthropic (thinking)", {"messages": [ASKED[0], {"role": "assistant", "content": [{"type": "thinking", "thinking": "想"}, {"type": "text", "text": "答"}]}]}, THOUGHT),
    ("AI SDK (reasoning)", {"messages": [ASKED[0], {"role": "assistant", "content": [{"type": "reasoning", "text": "想"}, {"type": "text", "text": "答"}]}]}, THOUGHT),
    ("Anthropic (function call)", {"messages": [ASKED[0], {"role": "assistant", "content": [{"type": "text", "text": "我查查"}, {"type": "tool_use", "id": "1", "name": "f", "input": {}}]}]}, Means(dropped="not_text")),
    ("Ollama (picture)", {"messages": [{**ASKED[0], "images": ["x"]}, CHAT[1]]}, Means(dropped="not_text")),
    ("Gemini", {"systemInstruction": {"role": "system", "parts": [{"text": "规则"}]}, "contents": [{"role": "user", "parts": [{"text": "问"}]}, {"role": "model", "parts": [{"text": "答"}]}]}, says("问", "答", system="规则")),
    ("Bedrock", {"schemaVersion": "bedrock-conversation-2024", "system": [{"text": "规则"}], "messages": [{"role": "user", "content": [{"text": "问"}]}, {"role": "assistant", "content": [{"text": "答"}]}]}, says("问", "答", system="规则")),
    ("LLaMA-Factory (function call)", {"conversations": [GPT[0], {"from": "function_call", "value": "{}"}, {"from": "observation", "value": "晴"}, GPT[1]], "tools": "[{}]"}, Means(dropped="role:function_call")),
    ("LLaMA-Factory (functions offered and not called)", {"conversations": GPT, "tools": "[{}]"}, Means(dropped="not_text")),
    ("ms-swift (agent)", {"tools": "[{}]", "messages": [ASKED[0], {"role": "tool_call", "content": "{}"}, {"role": "tool_response", "content": "{}"}, CHAT[1]]}, Means(dropped="role:tool_call")),
    ("ms-swift (query and response)", {"system": "规则", "query": "问", "response": "答", "history": [["早", "早！"]]}, says("早", "早！", "问", "答", system="规则")),
    ("glaiveai/glaive-function-calling-v2", {"system": "SYSTEM: You have access to the following functions. Use them if required -\n{}", "chat": "USER: 问\n\n\nASSISTANT: <functioncall> {} <|endoftext|>\n\n\nFUNCTION RESPONSE: {}\n\n\nASSISTANT: 答 <|endoftext|>\n\n\n"}, Means(dropped="not_text")),
    ("glaiveai/glaive-function-calling-v2 (no functions)", {"system": "SYSTEM: 规则\n", "chat": "USER: 问\n\n\nASSISTANT: 答 <|endoftext|>\n\n\n"}, says("问", "答", system="规则")),
    ("Salesforce/xlam-function-calling-60k", {"id": 0, "query": "问", "answers": '[{"name": "f", "arguments": {}}]', "tools": '[{"name": "f"}]'}, Means(dropped="not_text")),
    ("NousResearch/hermes-function-calling-v1", {"id": "x", "conversations": [{"from": "system", "value": "<tools> [{}] </tools>"}, GPT[0], {"from": "gpt", "value": "<tool_call>\n{}\n</tool_call>"}], "tools": "[{}]"}, Means(dropped="not_text")),
    ("HuggingFaceTB/smoltalk2 (tools)", {"messages": CHAT, "chat_template_kwargs": {"xml_tools": ["{}"], "python_tools": []}}, Means(dropped="not_text")),
    ("a-m-team/AM-DeepSeek-R1-Distilled-1.4M", {"messages": [{**ASKED[0], "info": {"source": "x"}}, {"role": "assistant", "content": "<think>想</think><answer>答</answer>", "info": {"think_content": "想", "answer_content": "答"}}]}, says("问", "<think>想</think><answer>答</answer>")),
    ("a-m-team/AM-DeepSeek-Distilled-40M", {"question": "问", "ground_truth": "2", "answer": "<think>想</think>答", "pass_rate": 0.5}, says("问", "<think>想</think>答")),
    ("open-thoughts/OpenThoughts3-1.2M", {"difficulty": 8, "source": "x", "domain": "math", "conversations": [GPT[0], {"from": "gpt", "value": "<think>\n想\n</think>\n\n答"}]}, THOUGHT),
    ("FreedomIntelligence/Medical-R1-Distill-Data-Chinese", {"question": "问", "reasoning (reasoning_content)": "想", "response (content)": "答"}, THOUGHT),
    ("GeneralReasoning/GeneralThought-430K", {"question_id": 1, "question": "问", "reference_answer": "2", "model_answer": "答", "model_reasoning": "想", "verifier_score": 1.0}, THOUGHT),
    ("facebook/natural_reasoning", {"question": "问", "reference_answer": "2", "responses": [{"response_model": "m", "response": "答"}]}, QA),
    ("a thought beside an answer", {"instruction": "问", "think": "想", "output": "答"}, THOUGHT),
    ("distilabel", {"instruction": "问", "generation": "答", "model_name": "m", "distilabel_metadata": {}}, QA),
    ("axolotl (metharme)", {"prompt": "问", "generation": "答"}, QA),
    ("axolotl (gpteacher)", {"instruction": "问", "input": "料", "response": "答"}, says("问\n料", "答")),
    ("axolotl (reflection)", {"instruction": "问", "input": "料", "output": "旧", "reflection": "评", "corrected": "答"}, says("问\n料", "答")),
    ("axolotl (creative_acr)", {"scores": "1", "critiques": "评", "instruction": "问", "answer": "旧", "revision": "答"}, QA),
    ("axolotl (pygmalion)", {"conversations": of("role", "value", "user", "model")}, QA),
    ("axolotl (pieces of an answer)", {"conversations": [GPT[0], {**GPT[1], "train_detail": [{"begin_offset": 0, "end_offset": 1, "train": False}]}]}, Means(dropped="train_detail")),
    ("camel-ai/math", {"role_1": "x", "topic": "t", "message_1": "问", "message_2": "答"}, QA),
    ("TIGER-Lab/MathInstruct", {"source": "x", "instruction": "问", "output": "答"}, QA),
    ("open-thoughts/OpenThoughts-114k", {"system": "规则", "conversations": of("from", "value", "user", "assistant")}, says("问", "答", system="规则")),
    ("open-thoughts/OpenThoughts-114k (metadata)", {"problem": "问", "deepseek_reasoning": "想", "deepseek_solution": "答", "ground_truth_solution": "2", "domain": "math", "source": "x"}, THOUGHT),
    ("cognitivecomputations/dolphin-r1", {"messages": [{"role": "system", "content": "规则"}, *ASKED], "reasoning": "想", "answer": "答", "model": "m"}, THOUGHT._replace(system="规则")),
    ("nvidia/Llama-Nemotron-Post-Training-Dataset", {"input": ASKED, "output": "答", "category": "math", "license": "x", "reasoning": "off", "generator": "m", "system_prompt": "规则"}, says("问", "答", system="规则")),
    ("SkunkworksAI/reasoning-0.01", {"instruction": "问", "reasoning": "想", "output": "答", "reasoning_chains": [{"step": 1, "thought": "x"}]}, THOUGHT),
    ("KodCode/KodCode-V1", {"question": "问", "solution": "答", "test": "x", "style": "x"}, QA),
    ("allenai/c4", {"text": "文", "timestamp": "2019", "url": "x"}, Means(text="文")),
    ("wikimedia/wikipedia", {"id": "1", "url": "x", "title": "题", "text": "文"}, Means(text="文")),
    ("tiiuae/falcon-refinedweb", {"content": "文", "url": "x", "timestamp": "x", "dump": "x", "segment": "x", "image_urls": []}, Means(text="文")),
    ("togethercomputer/RedPajama-Data-V2", {"raw_content": "文", "doc_id": "x", "meta": "{}", "quality_signals": "{}"}, Means(text="文")),
]  # fmt: skip

PREFERENCES: list[tuple[str, dict[str, Any], Means]] = [
    ("Anthropic/hh-rlhf", {"chosen": "\n\nHuman: 早\n\nAssistant: 早！\n\nHuman: 问\n\nAssistant: 好", "rejected": "\n\nHuman: 早\n\nAssistant: 早！\n\nHuman: 问\n\nAssistant: 差"}, says("早", "早！", "问", "好", rejected=("差",))),
    ("openbmb/UltraFeedback", {"source": "x", "instruction": "问", "models": ["m"], "correct_answers": ["None"], "completions": [feedback("差", 2.0), feedback("好", 4.5), feedback("中", 3.0)]}, says("问", "好", rejected=("中", "差"))),
    ("openbmb/UltraFeedback (some alike)", {"source": "x", "instruction": "问", "completions": [feedback("差", 2.0), feedback("好", 4.5), feedback("也好", 4.5)]}, BOTH),
    ("openbmb/UltraFeedback (all alike)", {"source": "x", "instruction": "问", "completions": [feedback("甲", 4.5), feedback("乙", 4.5)]}, Means(dropped="tie")),
    ("HuggingFaceH4/ultrafeedback_binarized", {"prompt": "问", "prompt_id": "x", "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD], "messages": [*ASKED, GOOD], "score_chosen": 8.0, "score_rejected": 5.0}, BOTH),
    ("HuggingFaceH4/ultrafeedback_binarized (tie)", {"prompt": "问", "prompt_id": "x", "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD], "messages": [*ASKED, GOOD], "score_chosen": 8.0, "score_rejected": 8.0}, Means(dropped="tie")),
    ("llamafactory/ultrafeedback_binarized", {"instruction": "问", "chosen": "好", "rejected": "差"}, BOTH),
    ("argilla/ultrafeedback-binarized-preferences-cleaned", {"source": "x", "prompt": "问", "chosen": [*ASKED, GOOD], "chosen-rating": 5.0, "chosen-model": "m", "rejected": [*ASKED, BAD], "rejected-rating": 3.0, "rejected-model": "m"}, BOTH),
    ("argilla/dpo-mix-7k", {"dataset": "x", "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD], "chosen_rating": 5.0, "rejected_rating": 4.0}, BOTH),
    ("argilla/distilabel-capybara-dpo-7k-binarized", {"source": "x", "conversation": [{"input": "问", "output": "旧"}], "original_response": "旧", "prompt": "问", "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD], "rating_chosen": 5, "rating_rejected": 4, "chosen_model": "m"}, BOTH),
    ("argilla/distilabel-intel-orca-dpo-pairs", {"system": "规则", "input": "问", "chosen": "好", "rejected": "差", "generations": ["好", "差"], "order": ["a", "b"], "rating": [9.0, 8.0], "status": "unchanged", "original_chosen": "好", "chosen_score": 9.0, "in_gsm8k_train": False}, says("问", "好", system="规则", rejected=("差",))),
    ("argilla/distilabel-intel-orca-dpo-pairs (tie)", {"system": "", "input": "问", "chosen": "好", "rejected": "差", "rating": [9.0, 9.0], "status": "tie", "chosen_score": 9.0}, Means(dropped="tie")),
    ("Intel/orca_dpo_pairs", {"system": "规则", "question": "问", "chosen": "好", "rejected": "差"}, says("问", "好", system="规则", rejected=("差",))),
    ("nvidia/HelpSteer2", {"prompt": "问", "response": "答", "helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 2, "verbosity": 1}, QA),
    ("nvidia/HelpSteer2 (several turns)", {"prompt": "早\n<extra_id_1>Assistant\n早！\n<extra_id_1>User\n问", "response": "答", "helpfulness": 3, "correctness": 4}, says("早", "早！", "问", "答")),
    ("nvidia/HelpSteer2 (preference)", {"split": "train", "prompt": "问", "response_1": "好", "response_2": "差", "preference_strength": -1, "preference_statement": "x", "preference_elaboration": "x"}, BOTH),
    ("nvidia/HelpSteer2 (preference, second)", {"split": "train", "prompt": "问", "response_1": "差", "response_2": "好", "preference_strength": 3, "preference_statement": "x"}, BOTH),
    ("nvidia/HelpSteer2 (preference, tie)", {"split": "train", "prompt": "问", "response_1": "甲", "response_2": "乙", "preference_strength": 0}, Means(dropped="tie")),
    ("nvidia/HelpSteer3", {"domain": "general", "language": "chinese", "context": ASKED, "response1": "差", "response2": "好", "overall_preference": 2, "individual_preference": [{"score": 2, "reasoning": "x", "feedback1": "x"}]}, BOTH),
    ("nvidia/HelpSteer3 (first)", {"domain": "code", "language": "python", "context": ASKED, "response1": "好", "response2": "差", "overall_preference": -3}, BOTH),
    ("argilla/kto-mix-15k", {"prompt": ASKED, "completion": [GOOD], "label": True, "dataset": "x", "rating": 5.0}, says("问", "好")),
    ("trl-lib/kto-mix-14k", {"prompt": ASKED, "completion": [BAD], "label": False}, says("问", rejected=("差",))),
    ("argilla/ultrafeedback-binarized-preferences-cleaned-kto", {"prompt": "问", "completion": "差", "label": False, "model": "m"}, says("问", rejected=("差",))),
    ("KTO with numbers", {"prompt": "问", "completion": "差", "label": 0}, says("问", rejected=("差",))),
    ("a number beside messages", {"messages": CHAT, "label": 0}, QA),
    ("axolotl's KTO", {"system": "规则", "question": "问", "completion": "差", "label": False}, says("问", system="规则", rejected=("差",))),
    ("ms-swift's KTO", {"messages": [*ASKED, BAD], "label": False}, says("问", rejected=("差",))),
    ("LLaMA-Factory's KTO", {"instruction": "问", "input": "", "output": "差", "kto_tag": False}, says("问", rejected=("差",))),
    ("llm-blender/Unified-Feedback", {"id": "x", "conv_A": [*ASKED, BAD], "conv_B": [*ASKED, GOOD], "conv_A_rating": 1.0, "conv_B_rating": 4.0, "num_turns": 1, "source": "x"}, BOTH),
    ("llm-blender/Unified-Feedback (tie)", {"id": "x", "conv_A": [*ASKED, BAD], "conv_B": [*ASKED, GOOD], "conv_A_rating": 1.0, "conv_B_rating": 1.0}, Means(dropped="tie")),
    ("openai/webgpt_comparisons", {"question": {"dataset": "eli5", "id": "x", "full_text": "问"}, "quotes_0": {"title": [], "extract": []}, "answer_0": "好", "score_0": 0.5, "quotes_1": {"title": [], "extract": []}, "answer_1": "差", "score_1": -0.5}, BOTH),
    ("RRHF", {"query": "问", "responses": ["差", "好", "中"], "scores": [0.1, 0.9, 0.5]}, says("问", "好", rejected=("中", "差"))),
    ("OpenAssistant for LLaMA-Factory", {"instruction": "问", "input": "", "output": ["好", "差"], "history": []}, BOTH),
    ("stanfordnlp/SHP", {"post_id": "x", "domain": "x", "upvote_ratio": 0.9, "history": "问", "c_root_id_A": "a", "score_A": 9, "score_B": 2, "human_ref_A": "好", "human_ref_B": "差", "labels": 1, "score_ratio": 4.5}, BOTH),
    ("stanfordnlp/SHP (second)", {"post_id": "x", "domain": "x", "history": "问", "score_A": 2, "score_B": 9, "human_ref_A": "差", "human_ref_B": "好", "labels": 0, "score_ratio": 4.5}, BOTH),
    ("berkeley-nest/Nectar", nectar(("差", 3.0), ("好", 1.0), ("中", 2.0)), says("问", "好", rejected=("中", "差"))),
    ("berkeley-nest/Nectar (several turns)", nectar(("好", 1.0), ("差", 2.0), prompt="\n\nHuman: 早\n\nAssistant: 早！\n\nHuman: 问\n\nAssistant: "), says("早", "早！", "问", "好", rejected=("差",))),
    ("PKU-Alignment/PKU-SafeRLHF", SAFE | {"better_response_id": 0, "safer_response_id": 0}, BOTH),
    ("PKU-Alignment/PKU-SafeRLHF (better is not safer)", SAFE | {"response_0": "差", "response_1": "好", "better_response_id": 1, "safer_response_id": 0}, BOTH),
    ("lmsys/chatbot_arena_conversations", {"question_id": "x", "model_a": "a", "model_b": "b", "winner": "model_b", "judge": "u", "conversation_a": [*ASKED, BAD], "conversation_b": [*ASKED, GOOD], "turn": 1, "language": "Chinese"}, BOTH),
    ("lmsys/chatbot_arena_conversations (tie)", {"question_id": "x", "winner": "tie (bothbad)", "conversation_a": [*ASKED, BAD], "conversation_b": [*ASKED, GOOD], "turn": 1}, Means(dropped="tie")),
    ("Skywork/Skywork-Reward-Preference-80K", {"chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD], "source": "x"}, BOTH),
    ("mlabonne/orpo-dpo-mix-40k", {"source": "x", "prompt": "问", "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD], "question": "问"}, BOTH),
    ("lmarena-ai/arena-human-preference-140k (both bad)", {"id": "x", "winner": "both_bad", "conversation_a": [*ASKED, BAD], "conversation_b": [*ASKED, GOOD]}, Means(dropped="tie")),
    ("lvwerra/stack-exchange-paired", {"qid": 1, "question": "问", "date": "x", "metadata": ["x"], "response_j": "好", "response_k": "差"}, BOTH),
    ("xinlai/Math-Step-DPO-10K", {"dataset": "x", "prompt": "问", "initial_reason_steps": "先", "chosen": "后", "rejected": "误", "full_chosen": "好", "full_rejected": "差", "answer": "2"}, BOTH),
    ("argilla/distilabel-math-preference-dpo", {"metadata": "x", "instruction": "问", "chosen_response": "好", "chosen_rating": 9.0, "rejected_response": "差", "rejected_rating": 7.0}, BOTH),
    ("openbmb/UltraInteract_pair", {"task": "Math_CoT", "dataset": "MATH", "id": "x", "parent_id": "y", "trajectory": [{"from": "user", "value": "问"}], "chosen": "好", "rejected": "差"}, BOTH),
    ("OpenAI's, Together's and Fireworks' preferences", {"input": {"messages": ASKED}, "preferred_output": [GOOD], "non_preferred_output": [BAD]}, BOTH),
    ("OpenAI's preferences with functions", {"input": {"messages": ASKED, "tools": TOOLS}, "preferred_output": [GOOD], "non_preferred_output": [BAD]}, Means(dropped="not_text")),
    ("OpenAI's preferences between function calls", {"input": {"messages": ASKED}, "preferred_output": [{"role": "assistant", "tool_calls": [CALL]}], "non_preferred_output": [BAD]}, Means(dropped="not_text")),
    ("mlabonne/chatml_dpo_pairs", {"prompt": "<|im_start|>user\n问<|im_end|>\n<|im_start|>assistant\n", "chosen": "好<|im_end|>\n", "rejected": "差<|im_end|>\n"}, BOTH),
    ("answers as JSON in a text", {"context": '[{"role": "human", "text": "问"}]', "chosen": '{"role": "assistant", "text": "好"}', "rejected": '{"role": "assistant", "text": "差"}'}, BOTH),
    ("princeton-nlp/LLMBar", {"input": "问", "output_1": "差", "output_2": "好", "label": 2}, BOTH),
]  # fmt: skip

LAYOUTS = [*CHINESE, *INSTRUCTIONS, *PREFERENCES]
