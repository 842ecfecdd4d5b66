"""Every published layout: the right one is recognised, and no turn is lost on the way."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import astuple
from functools import reduce
from itertools import chain, count
from pathlib import Path
from random import Random

import pytest
from belle_files.columns import Columns
from belle_files.reading import Origin, Reader
from belle_formats import alternating, firefly
from belle_formats.conversations import OPENAI, SHAREGPT
from belle_formats.turns import ROLES
from hypothesis import given, settings
from hypothesis import strategies as st
from published_layouts import LAYOUTS

from belle_core import run
from belle_core.conversation import Conversation, Example, Turn
from belle_core.data import Dropped, Refused, Unreadable, read_examples
from belle_core.data.chunks import Chunk
from belle_core.data.formats import choose_format, load_format
from belle_core.data.places import Place, sources_of
from belle_core.data.troubles import in_chinese
from belle_core.plugins import load_catalog
from belle_core.testing import check_plugin

HERE = Place(sources_of([Path("data.json")])[0], line=3, number=7)


def chosen(record):
    """Name of the format that is chosen for a file of such records."""
    catalog = load_catalog()
    return choose_format([record], catalog, where="f")


def convert(name, record):
    return list(load_format(load_catalog(), name).examples(record, HERE))


def only(name, record) -> Example:
    (found,) = convert(name, record)
    assert isinstance(found, Example)
    return found


def texts(example):
    return [turn.text for turn in example.conversation.turns]


def pair(question="问", answer="答", system=""):
    return Conversation.of(question, answer, system=system)


RECORDS = {
    "alpaca": [
        {"instruction": "问", "input": "", "output": "答"},
        {"instruction": "问", "input": "", "output": "步骤一：想\n步骤二：做", "history": []},
        {"instruction": "问", "output": "答", "text": "### Instruction: 问 ### Response: 答"},
    ],
    "text": [{"text": "从前有座山。"}, {"text": "Humanity: a history"}],
    "pair": [
        {"input": "问", "target": "答"},
        {"kind": "NLI", "input": "问", "target": "答"},
        {"prompt": "问", "response": "答", "history": [["早", "早"]]},
        {"question": "问", "answer": "答"},
        {"instruction": "问", "context": "", "response": "答", "category": "open_qa"},
        {"question": "问", "class": "math", "std_answer": ""},
        {"question": "问", "context": "材料", "answer": "答"},
        {"problem": "问", "level": "Level 5", "type": "Algebra", "solution": "答"},
        {"input": "问", "output": "答"},
    ],
    "pclue": [{"input": "问", "target": "是", "answer_choices": ["是", "不是"], "type": "nli"}],
    "multiturn": [{"instruction": "Human:你好\nAssistant:你好！\nHuman:再见\nAssistant:", "input": "", "output": "再见！"}],
    "generated": [{"instruction": "客服和顾客的对话", "input": "", "output": "顾客：在吗\n客服：在的\n顾客：谢谢\n客服：不客气"}],
    "sharegpt": [
        {"id": "1", "conversations": [{"from": "human", "value": "问"}, {"from": "assistant", "value": "答"}]},
        {"id": "2", "conversations": [{"from": "gpt", "value": "<p>答</p>"}]},
        {"conversation": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]},
    ],
    "messages": [
        {"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]},
        {"messages": {"role": ["user", "assistant"], "content": ["问", "答"]}},
    ],
    "firefly": [
        {"conversation_id": 1, "category": "QA", "conversation": [{"human": "问", "assistant": "答"}]},
        {"conversation": [{"system": "规则", "input": "问", "output": "答"}, {"input": "问", "output": "答"}]},
    ],
    "alternating": [{"id": "0", "data": ["问", "答", "问", "答"]}, {"conversations": ["问", "答"], "source": "wikihow"}],
    "completion": [{"prompt": [{"role": "user", "content": "问"}], "completion": [{"role": "assistant", "content": "答"}]}],
    "moss": [
        {"conversation_id": 1, "meta_instruction": "规则\n", "num_turns": 1, "category": "Code", "chat": {"turn_1": {
            "Human": "<|Human|>: 问<eoh>\n", "Inner Thoughts": "<|Inner Thoughts|>: None<eot>\n",
            "Commands": "<|Commands|>: None<eoc>\n", "Tool Responses": "<|Results|>: None<eor>\n", "MOSS": "<|MOSS|>: 答<eom>\n"}}},
        {"prefix": "规则\n", "num_turns": 1, "plain_text": "[Human]: 问<eoh>\n[MOSS]: 答<eoa>\n"},
    ],
    "oasst": [{"message_tree_id": "t", "prompt": {"text": "问", "role": "prompter", "replies": []}}],
    "calling": [{"system": "SYSTEM: 规则", "chat": "USER: 问\n\n\nASSISTANT: 答 <|endoftext|>"}],
    "qianfan": [
        {"conversation": [{"prompt": "问", "response": [["答"]]}]},
        {"prompt": "问", "response": [["答"]]},
        {"conversation": [{"user": "问", "chosen": "好", "rejected": "差"}]},
        {"conversation": [{"user": "问", "rejected": "差"}]},
    ],
    "revised": [{"instruction": "问", "output": "旧", "reflection": "评", "corrected": "答"}],
    "several": [{"question": "问", "answers": ["答", "也"]}, {"question": "问", "human_answers": ["答"], "chatgpt_answers": ["答"]}],
    "own": [{"id": "1", "messages": [{"role": "user", "content": "问"}], "rejected": ["差"]}],
    "unpaired": [
        {"prompt": "问", "completion": "答", "label": True},
        {"prompt": "问", "completion": "答", "label": "False"},
        {"prompt": [{"role": "user", "content": "问"}], "completion": [{"role": "assistant", "content": "答"}], "label": True},
        {"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}], "label": False},
        {"conversations": [{"from": "human", "value": "问"}, {"from": "gpt", "value": "答"}], "kto_tag": True},
        {"instruction": "问", "input": "", "output": "答", "kto_tag": False},
    ],
    "math23k": [{"id": "1", "original_text": "问", "segmented_text": "问", "equation": "x=1+1", "ans": "2"}],
    "self_instruct": [{"id": "t", "instruction": "译", "instances": [{"input": "a", "output": "甲"}], "is_classification": False}],
    "paddle": [{"src": ["问"], "tgt": ["答"], "label": [1]}, {"src": ["问"], "tgt": [], "response": [["好"], ["差"]], "sort": [1, 0]}],
    "coig": [{"textbox_q_instruction": "做", "textbox_question": "问", "textbox_answer": "答"}],
    "translated": [{"instruction": "ask", "output": "say", "instruction_zh": "问", "output_zh": "答"}],
    "compared": [
        {"input": "问", "output_1": "差", "output_2": "好", "label": 2},
        {"history": "问", "human_ref_A": "好", "human_ref_B": "差", "labels": 1.0},
    ],
    "natural_instructions": [{"definition": "问", "inputs": "", "targets": "答"}],
    "reading": [{"context": "料", "question": "问", "answers": {"text": ["答"], "answer_start": [0]}}],
    "ranked": [{"instruction": "问", "input": "", "output": ["好", "差"], "history": []}],
    "preference": [
        {"conversations": [{"from": "human", "value": "问"}], "chosen": {"from": "gpt", "value": "好"},
         "rejected": {"from": "gpt", "value": "差"}},
        {"conversations": [{"from": "human", "value": "问"}], "chosen": "好", "rejected": "差"},
        {"prompt": "Human: \n问\n\nAssistant: \n", "chosen": "好", "rejected": "差"},
        {"prompt": "问", "chosen": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "好"}],
         "rejected": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "差"}], "messages": []},
        {"chosen": "\n\nHuman: 问\n\nAssistant: 好", "rejected": "\n\nHuman: 问\n\nAssistant: 差"},
        {"instruction": "问", "input": "", "chosen": "好", "rejected": "差"},
        {"question": "问", "response_chosen": "好", "response_rejected": "差", "system": "", "history": []},
        {"query": "问", "response": "好", "rejected_response": "差"},
        {"context": [{"role": "human", "text": "问"}], "chosen": {"role": "assistant", "text": "好"},
         "rejected": {"role": "assistant", "text": "差"}},
        {"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "好"}], "rejected_response": "差"},
        {"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "好"}],
         "rejected_messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "差"}]},
    ],
    "rendered": [{"text": "<s>Human: 问\n</s><s>Assistant: 答\n</s>"}],
    "kdconv": [{"name": "电影", "messages": [{"message": "问"}, {"message": "答", "attrs": []}]}],
    "crosswoz": [{"messages": [{"content": "问", "role": "usr"}, {"content": "答", "role": "sys"}]}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "record"), [(name, record) for name, records in RECORDS.items() for record in records]
)
def test_the_layout_is_told_by_content(name, record):
    assert chosen(record) == name


def test_every_format_is_in_the_table():
    assert set(RECORDS) == set(load_catalog().names("format"))


@pytest.mark.parametrize("record", [*RECORDS["preference"], *RECORDS["compared"]])
def test_all_layouts_of_preferences_say_the_same(record):
    example = only(chosen(record), record)
    assert example.conversation == pair("问", "好") and example.rejected == ("差",)


# ---- what becomes of a record ----


def test_half_a_million():
    example = only("pair", {"input": "问\n材料", "target": "\n答"})
    assert example.conversation == pair("问\n材料", "\n答") and example.id == "data-7"  # a leading newline is no fault
    assert only("pair", RECORDS["pair"][1]).category == "NLI"
    turns = only("pair", RECORDS["pair"][2]).conversation.turns
    assert [(turn.role, turn.text) for turn in turns] == [
        ("user", "早"), ("assistant", "早"), ("user", "问"), ("assistant", "答")]  # fmt: skip


@pytest.mark.parametrize("names", [("instruction", "response"), ("question", "answer"), ("query", "response")])
@pytest.mark.parametrize("material", ["context", "input", "passage", "paragraph", "article"])
def test_what_a_question_is_about_is_asked_with_it(names, material):
    example = only("pair", {names[0]: "问", material: "材料", names[1]: "答"})
    assert example.conversation == pair("问\n材料", "答") and example.meta == {}


def test_what_a_pair_of_answers_is_about_is_asked_too():
    example = only("preference", {"prompt": "问", "context": "材料", "chosen": "好", "rejected": "差"})
    assert example.conversation == pair("问\n材料", "好")


@pytest.mark.parametrize("answer", [{"response": "答"}, {"chosen": "答", "rejected": "差"}])
def test_what_the_last_question_of_a_dialogue_is_about_is_asked_with_it(answer):
    record = {"prompt": "Human: 早\n\nAssistant: 早！\n\nHuman: 问\n\nAssistant:", "context": "料", **answer}
    assert texts(only(chosen(record), record)) == ["早", "早！", "问\n料", "答"]


def test_a_heading_at_the_beginning_of_an_answer_is_no_prompt():
    record = {"prompt": "问", "chosen": "### Input:\n一\n### Response:\n二", "rejected": "### Response:\n差"}
    example = only("preference", record)
    assert (example.conversation.answer, example.rejected) == (record["chosen"], (record["rejected"],))
    assert chosen({"text": "### Input:\n甲"}) == "text"


@pytest.mark.parametrize(
    "question", [{"prompt": "写一段对话"}, {"messages": [{"role": "user", "content": "写一段对话"}]}]
)
def test_a_dialogue_that_answers_a_question_is_an_answer(question):
    example = only("preference", {**question, "chosen": "Human: 早\nAssistant: 早！", "rejected": "不"})
    assert texts(example) == ["写一段对话", "Human: 早\nAssistant: 早！"]
    whole = {
        "prompt": "Human: 早\n\nAssistant:",
        "chosen": "Human: 早\n\nAssistant: 早！",
        "rejected": "Human: 早\n\nAssistant: 不",
    }
    assert texts(only("preference", whole)) == ["早", "早！"]


def test_what_is_compared_is_not_mistaken_for_a_field_beside_it():
    record = {"input": "问", "output_1": "差", "output_2": "好", "label": 2, "chosen": "x", "rejected": "y"}
    assert only("compared", record).conversation == pair("问", "好") and only("compared", record).rejected == ("差",)


def test_multi_turn_chat_inside_the_instruction():
    record = {
        "instruction": "Human:写代码\n要短\nAssistant:Human: 不是名字\n  x = 1\nHuman: 谢谢\nAssistant:",
        "output": "不客气",
    }
    assert texts(only("multiturn", record)) == ["写代码\n要短", "Human: 不是名字\n  x = 1", "谢谢", "不客气"]
    assert only("multiturn", {"instruction": "你好", "input": "", "output": "好"}).conversation == pair("你好", "好")


def test_generated_chat_gives_its_description_as_the_system_text():
    example = only("generated", RECORDS["generated"][0])
    assert example.conversation.system == "客服和顾客的对话" and texts(example) == ["在吗", "在的", "谢谢", "不客气"]
    wrapped = "顾客: 在吗\n客服: 注意：\n1. 一\n2. 二\n顾客: 好\n顾客: 谢谢"
    found, left = convert("generated", {"instruction": "d", "input": "", "output": wrapped})
    assert (
        texts(found) == ["在吗", "注意：\n1. 一\n2. 二"] and left.reason == "no_answer" and "好\n谢谢" in left.evidence
    )
    for no_dialogue in (
        "只有一句",
        "甲：一\n甲：二\n甲：三",
        "甲：一\n乙：二\n丙：三\n丙：四",
        "开场\n甲：一\n乙：二\n甲：三",
    ):
        assert only("generated", {"instruction": "d", "input": "", "output": no_dialogue}).conversation == pair(
            "d", no_dialogue
        )


def test_openai_messages_with_parts_weights_and_tools():
    parts = [{"type": "text", "text": "一"}, {"type": "text", "text": "二"}]
    record = {
        "messages": [
            {"role": "developer", "content": "规则"},
            {"role": "user", "content": parts},
            {"role": "assistant", "content": "a", "weight": 0},
            {"role": "user", "content": "三"},
            {"role": "assistant", "content": "b"},
        ]
    }
    turns = (Turn("user", "一二"), Turn("assistant", "a", 0.0), Turn("user", "三"), Turn("assistant", "b"))
    assert only("messages", record).conversation == Conversation(turns, "规则")
    with pytest.raises(Dropped) as caught:
        convert("messages", {"messages": [{"role": "user", "content": "?"}, {"role": "tool", "content": "42"}]})
    assert caught.value.reason == "role:tool"
    with pytest.raises(Dropped) as caught:
        convert("messages", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]})
    assert caught.value.reason == "not_text"


def test_weights_of_our_own_records_are_read_back():
    """Of an example with a system text, whose turns alone have weights."""
    turns = (Turn("user", "一"), Turn("assistant", "a", 0.0), Turn("user", "三"), Turn("assistant", "b", 0.5))
    example = Example("x", Conversation(turns, "规则"))
    assert only("messages", example.to_json()).conversation == example.conversation
    with pytest.raises(Unreadable, match="2 weights for 4 messages"):
        convert("messages", example.to_json() | {"weights": [1, 0]})


@pytest.mark.parametrize("weight", ["0", -1, float("inf"), [0]])
def test_a_weight_that_is_none_is_not_taken_for_one(weight):
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!", "weight": weight}]
    with pytest.raises(Unreadable, match="weight should be a number of at least 0"):
        convert("messages", {"messages": messages})


@pytest.mark.parametrize(
    ("name", "key", "role", "text"),
    [("messages", "messages", "role", "content"), ("sharegpt", "conversations", "from", "value")],
)
def test_messages_side_by_side_are_those_one_by_one(name, key, role, text):
    said = [("system", "规则"), ("user", "一"), ("assistant", "二"), ("user", "三"), ("assistant", "四")]
    one_by_one = [{role: who, text: what, "weight": number % 2} for number, (who, what) in enumerate(said)]
    columns = {field: [message[field] for message in one_by_one] for field in (role, text, "weight")} | {"note": "x"}
    assert only(name, {key: columns}).conversation == only(name, {key: one_by_one}).conversation
    assert chosen({key: columns}) == name


def test_html_stays_as_it_is_and_what_is_left_out_is_told():
    said = [("gpt", "先说"), ("human", "一"), ("human", "二"), ("gpt", "<p>答</p>"), ("system", "x"), ("human", "三")]
    found, *left = convert("sharegpt", {"conversations": [{"from": who, "value": what} for who, what in said]})
    assert found.conversation == pair("一\n二", "<p>答</p>")
    assert [(one.reason, one.evidence) for one in left] == [
        ("no_question", "assistant: 先说"), ("late_system", "system: x"), ("no_answer", "user: 三")]  # fmt: skip
    said = [("human", "一"), ("gpt", "二"), ("human", "三"), ("gpt", ""), ("human", "四"), ("gpt", "五")]
    found, *left = convert("sharegpt", {"conversations": [{"from": who, "value": what} for who, what in said]})
    assert found.conversation == pair("一", "二") and [one.reason for one in left] == ["empty_turn"] * 3 + ["no_answer"]


def asked(answer, **more):
    return {"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": answer, **more}]}


@pytest.mark.parametrize("call", [{"tool_calls": [{"function": {"name": "f"}}]}, {"function_call": {"name": "f"}}])
def test_an_answer_that_calls_a_function_is_no_answer(call):
    with pytest.raises(Dropped) as caught:
        convert("messages", asked("我查一下", **call))
    assert caught.value.reason == "not_text" and "'f'" in caught.value.evidence
    assert (
        only("messages", asked("答", **dict.fromkeys(call))).conversation == pair()
    )  # null in most records of a table


@pytest.mark.parametrize(
    ("name", "record"),
    [("sharegpt", {"conversations": [{"from": "human", "value": "<image>问"}, {"from": "gpt", "value": "答"}]}),
     ("alpaca", RECORDS["alpaca"][0]), ("pair", RECORDS["pair"][3]), ("preference", RECORDS["preference"][0])],
)  # fmt: skip
@pytest.mark.parametrize("media", [{"image": "a.jpg"}, {"images": ["a.jpg"]}, {"audio": {"path": None}}])
def test_what_is_asked_about_a_picture_is_dropped(name, record, media):
    with pytest.raises(Dropped, match="not_text"):
        convert(name, record | media)
    convert(name, record | dict.fromkeys(media))


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_what_led_to_an_answer_stands_before_it(key):
    thought = pair("问", "<think>\n想\n</think>\n\n答")
    assert only("messages", asked("答", **{key: "想\n"})).conversation == thought
    assert only("messages", asked(thought.answer, **{key: "想"})).conversation == thought  # it stands there already
    assert only("messages", asked("答", **{key: ""})).conversation == pair()
    if key == "reasoning_content":
        assert only("alpaca", {"instruction": "问", "output": "答", key: "想"}) == only(
            "pair", {"prompt": "问", "response": "答", key: "想"}
        )


@pytest.mark.parametrize("flag", ["loss", "train"])
def test_an_answer_that_is_not_to_be_learned_is_not(flag):
    assert [turn.weight for turn in only("messages", asked("答", **{flag: False})).conversation.turns] == [1, 0]
    assert only("messages", asked("答", **{flag: 0})) == only("messages", asked("答", **{flag: False}))
    assert only("messages", asked("答", **{flag: True})).conversation == pair()
    assert only("messages", asked("答", loss_weight=0.5)) == only("messages", asked("答", weight=0.5))  # Bailian


@pytest.mark.parametrize(
    ("name", "record"),
    [(name, record) for name in ("alpaca", "pair", "sharegpt", "messages") for record in RECORDS[name][:1]],
)
def test_the_system_text_may_be_called_system_prompt(name, record):
    example = only(name, record | {"system_prompt": "规则"})
    assert example == only(name, record | {"system": "规则"}) and example.conversation.system == "规则"


@pytest.mark.parametrize("record", RECORDS["unpaired"])
def test_a_bad_answer_is_never_learned(record):
    tag = "kto_tag" if "kto_tag" in record else "label"
    good, bad = (only("unpaired", {**record, tag: verdict}) for verdict in (True, False))
    assert good.conversation == pair() and good.rejected == ()
    assert bad.conversation == Conversation.of("问") and bad.rejected == ("答",)
    with pytest.raises(Unreadable, match=f"wrong_type:{tag}"):
        convert("unpaired", {**record, tag: None})


@pytest.mark.parametrize("last", [{"role": "assistant", "content": " "}, {"role": "user", "content": "再"}])
def test_a_verdict_on_an_answer_that_is_not_there_is_not_one_on_an_earlier_answer(last):
    with pytest.raises(Dropped):
        convert(
            "unpaired",
            {"messages": [*asked("答")["messages"], {"role": "user", "content": "再"}, last], "label": False},
        )


def test_a_list_of_answers_is_a_ranking_where_that_is_said():
    record = {"instruction": "列出水果", "input": "", "output": ["苹果", "香蕉"]}
    assert chosen(record) == "alpaca"  # which refuses it
    assert only("ranked", record).rejected == ("香蕉",)


@pytest.mark.parametrize("record", [{"instruction": "问", "output": "答"}, {"prompt": "问", "response": "答"}])
def test_a_label_of_which_nobody_says_what_it_is_is_refused_with_what_to_say(record):
    name = chosen(record)
    assert chosen(record | {"label": False}) == "unpaired"  # which refuses it
    assert only(name, record | {"label": False}).conversation == pair()
    assert only(chosen(record | {"kto_tag": False}), record | {"kto_tag": False}).rejected == ("答",)
    assert chosen(record | {"label": "体育"}) == name


def test_every_answer_is_an_example_of_its_own():
    first, left, third = convert("several", {"id": "x", "question": "问", "answers": ["一", " ", "三"]})
    assert (first.id, first.conversation, third.id) == ("x", pair("问", "一"), "x.3") and left.reason == "empty_answer"


def test_an_answer_labelled_0_is_read_and_not_learned():
    found = only("paddle", {"src": ["一", "二"], "tgt": ["a", "b"], "label": [0, 1]})
    assert [turn.weight for turn in found.conversation.turns] == [1, 0, 1, 1]


def test_prompts_are_read_and_completions_learned():
    before = [*asked("早")["messages"], {"role": "user", "content": "再问"}]
    record = {"prompt": before, "completion": [{"role": "assistant", "content": "答"}]}
    assert [turn.weight for turn in only("completion", record).conversation.turns] == [1, 0, 1, 1]


@pytest.mark.parametrize("record", RECORDS["moss"])
def test_marks_are_no_text(record):
    example = only("moss", record)
    assert example.conversation == pair(system="规则") and example.meta == {}


def test_a_turn_with_a_tool_is_dropped():
    turn = RECORDS["moss"][0]["chat"]["turn_1"] | {"Commands": '<|Commands|>: Search("天气")<eoc>\n'}
    with pytest.raises(Dropped, match="role:tool"):
        convert("moss", {"chat": {"turn_1": turn}})


def node(text, role, *replies, **more):
    return {"text": text, "role": role, "replies": list(replies), **more}


def test_every_message_of_a_tree_is_learned_once_or_rejected_once():
    deep = node("再问", "prompter", node("再答", "assistant", rank=0))
    tree = node("问", "prompter", node("次", "assistant", deep, rank=1), node("好", "assistant", node("无答", "prompter"), rank=0),
                node("", "assistant", node("已删", "prompter"), deleted=True))  # fmt: skip
    found = convert("oasst", {"message_tree_id": "t", "prompt": tree})
    first, second = [one for one in found if isinstance(one, Example)]
    assert (first.id, first.conversation.turns, first.rejected) == (
        "t", (Turn("user", "问", 0.0), Turn("assistant", "好")), ("次",))  # fmt: skip
    assert (second.id, texts(second)) == ("t.2", ["问", "次", "再问", "再答"])
    assert [turn.weight for turn in second.conversation.turns] == [0, 0, 0, 1]
    assert sorted(one.reason for one in found if isinstance(one, Refused)) == ["deleted", "deleted", "no_answer"]


TEXT = st.text(min_size=1, max_size=5).filter(str.strip)
CONVERSATION = st.builds(
    lambda pairs, system, weights: Conversation(
        tuple(Turn(("user", "assistant")[n % 2], text, weights[n]) for n, text in enumerate(chain(*pairs))), system
    ),
    st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3),
    st.just("") | TEXT,
    st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=6, max_size=6),
)


@settings(max_examples=150, deadline=None)
@given(conversation=CONVERSATION, rejected=st.lists(TEXT, max_size=3), bad=st.booleans())
def test_our_own_records_are_read_back(conversation, rejected, bad):
    """Also those whose answers are only known to be bad."""
    conversation = conversation.prompt() if bad and rejected else conversation
    record = Example("x", conversation, rejected=tuple(rejected)).to_json()
    example = only(chosen(record), record)
    assert (example.conversation, list(example.rejected)) == (conversation, rejected)


@pytest.mark.parametrize("rejected", [["字" * 92 + "13912345678", " "], ["字" * 92 + "13912345678"]])
def test_evidence_of_our_own_records_does_not_end_inside_a_number(rejected):
    record = {
        "messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": ""}],
        "rejected": rejected,
    }
    with pytest.raises(Dropped) as caught:
        convert("own", record)
    dropped = caught.value
    assert dropped.reason in ("empty_answer", "empty_turn") and dropped.evidence == f"rejected: {'字' * 92}<phone>"


def test_ranked_answers_and_several_instances():
    example = only(
        "ranked", {"instruction": "问", "input": "", "output": ["一", "二", "三"], "history": [["早", "早"]]}
    )
    assert (
        example.conversation.answer == "一"
        and example.rejected == ("二", "三")
        and len(example.conversation.turns) == 4
    )
    record = {"id": "t", "instruction": "译", "instances": [{"input": "a", "output": "甲"}, {"input": "b", "output": ""},
              {"output": "丙"}]}  # fmt: skip
    first, left, third = convert("self_instruct", record)
    assert (first.id, third.id, left.reason) == ("t", "t.3", "empty_answer") and first.conversation == pair(
        "译\na", "甲"
    )


def test_word_problems():
    assert only("math23k", RECORDS["math23k"][0]).conversation == pair("问", "x=1+1\n2")
    assert only("pclue", RECORDS["pclue"][0]).category == "nli"


@pytest.mark.parametrize(
    ("name", "record", "reason"),
    [
        ("sharegpt", {"conversations": "x"}, "wrong_type:conversations"),
        ("sharegpt", {"x": 1}, "missing_key:conversations"),
        ("messages", {"messages": {"role": ["user"], "content": ["问", "答"]}}, "wrong_type:message"),
        ("messages", {"messages": {"speaker": ["user"]}}, "wrong_type:messages"),
        ("messages", {"messages": ["x"]}, "wrong_type:message"),
        ("messages", {"messages": "[{'role': 'user', 'content': '问'}]"}, "wrong_type:message"),
        (
            "preference",
            {"prompt": "问", "chosen": "{'role': 'assistant', 'text': '好'}", "rejected": "x"},
            "wrong_type:message",
        ),
        ("messages", {"messages": [{"role": "user", "content": 3}]}, "wrong_type:message"),
        ("firefly", {"conversation": [3]}, "wrong_type:conversation"),
        ("pair", {"x": 1}, "missing_key:question"),
        ("ranked", {"instruction": "q", "output": [1]}, "wrong_type:output"),
        ("ranked", {"query": "q", "responses": ["a", "b"], "scores": [1]}, "wrong_type:scores"),
        ("alpaca", {"instruction": "q", "output": ["a", "b"]}, "wrong_type:output"),
        ("unpaired", {"prompt": "q", "response": "a", "label": False}, "wrong_type:label"),
        ("several", {"question": "q", "human_answers": ["a"], "chatgpt_answers": ["b"]}, "missing_key:answers"),
        ("qianfan", {"prompt": "q", "response": [["a"], ["b"]]}, "wrong_type:response"),
        ("qianfan", {"conversation": ["a"]}, "wrong_type:conversation"),
        ("calling", {"chat": "a\nUSER: b\nASSISTANT: c"}, "wrong_type:chat"),
        (
            "compared",
            {"input": "q", "answer_0": "a", "answer_1": "b", "score_0": "1", "score_1": 2},
            "wrong_type:score_0",
        ),
        ("self_instruct", {"instruction": "q", "instances": ["x"]}, "wrong_type:instances"),
        ("preference", {"prompt": "q"}, "missing_key:chosen"),
        ("compared", {"input": "q", "output_1": "a", "output_2": "b", "label": 3}, "wrong_type:label"),
        ("compared", {"input": "q", "output_1": "a", "output_2": "b"}, "missing_key:label"),
        (
            "ranked",
            {"instruction": "q", "completions": [{"response": "a", "overall_score": "N/A"}]},
            "wrong_type:fine-grained_score",
        ),
        ("ranked", {"prompt": "q", "answers": [{"answer": "a", "rank": 1}, "b"]}, "wrong_type:answers"),
        ("reading", {"paragraphs": ["c"]}, "wrong_type:qas"),
        ("translated", {"x": 1}, "missing_key:trans_instruction"),
        ("paddle", {"src": ["问", "再"], "tgt": ["答"]}, "wrong_type:tgt"),
        ("paddle", {"src": ["问"], "tgt": ["答"], "label": [2]}, "wrong_type:label"),
        ("paddle", {"src": ["问"], "tgt": [], "response": [["好"]], "sort": [1]}, "wrong_type:response"),
        ("kdconv", {"messages": [1]}, "wrong_type:message"),
        ("moss", {"chat": {"turn_1": 3}}, "missing_key:turn_1"),
        ("moss", {"plain_text": "[Human]: 问<eoh>\n答"}, "wrong_type:plain_text"),
        ("alternating", {"id": "1", "data": ["问", 3]}, "wrong_type:data"),
        ("completion", {"prompt": []}, "missing_key:completion"),
        ("oasst", {"message_id": "a", "parent_id": None, "text": "问", "role": "prompter"}, "missing_key:replies"),
        ("oasst", {"prompt": {"text": "问", "role": "assistant", "replies": []}}, "wrong_type:replies"),
        ("oasst", {"prompt": {"text": "", "role": "prompter", "replies": [["a"]]}}, "wrong_type:replies"),
    ],
)
def test_what_is_not_the_layout_is_unreadable(name, record, reason):
    with pytest.raises(Unreadable) as caught:
        convert(name, record)
    assert caught.value.reason == reason
    assert re.search("[\u4e00-\u9fff]", in_chinese(caught.value.evidence)), (
        f"nobody has translated: {caught.value.evidence}"
    )


@pytest.mark.parametrize(
    ("name", "record", "reason"),
    [
        ("sharegpt", {"conversations": []}, "empty_conversation"),
        ("pair", {"input": " ", "target": "a"}, "empty_question"),
        ("ranked", {"instruction": "q", "output": []}, "empty_answer"),
        ("self_instruct", {"instruction": "q", "instances": []}, "empty_answer"),
        ("preference", {"prompt": "q", "chosen": "a", "rejected": ""}, "empty_answer"),
        ("preference", {"prompt": "q", "chosen": "a", "rejected": "a"}, "equal_answers"),
        ("ranked", {"prompt": "", "answers": [{"answer": "a", "rank": 1}, {"answer": "b", "rank": 2}]}, "empty_question"),
        ("ranked", {"prompt": "q", "answers": [{"answer": "a", "rank": 1}, {"answer": " ", "rank": 2}]}, "empty_answer"),
        ("preference", {"prompt": "", "chosen": "a", "rejected": "b"}, "empty_question"),
        ("preference", {"chosen": "Human: 一\n\nAssistant: a", "rejected": "Human: 二\n\nAssistant: b"}, "different_prompts"),
        ("rendered", {"text": "hello"}, "no_dialogue"),
        ("crosswoz", {"messages": [{"content": "x", "role": "other"}]}, "role:other"),
        ("own", {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": " "}], "rejected": ["b"]}, "empty_turn"),
        ("crosswoz", {"messages": [{"content": "x", "role": ["usr"]}]}, "role:['usr']"),
    ],
)  # fmt: skip
def test_what_is_of_no_use_is_dropped(name, record, reason):
    with pytest.raises(Dropped) as caught:
        convert(name, record)
    assert caught.value.reason == reason


# ---- conservation ----

WORDS = st.text("甲乙丙丁abc，。<p> ", max_size=6)
SAID = st.tuples(st.sampled_from(["user", "assistant", "assistant", "user", "system"]), WORDS)
WRITE = {
    "sharegpt": lambda said: {
        "conversations": [
            {"from": {"user": "human", "assistant": "gpt", "system": "system"}[r], "value": t} for r, t in said
        ]
    },
    "messages": lambda said: {"messages": [{"role": r, "content": t} for r, t in said]},
    "crosswoz": lambda said: {"messages": [{"role": {"user": "usr"}.get(r, "sys"), "content": t} for r, t in said]},
    "kdconv": lambda said: {"messages": [{"message": t} for _, t in said]},
    "firefly": lambda said: {
        "conversation": [{"human": a[1], "assistant": b[1]} for a, b in zip(said[::2], said[1::2], strict=False)]
    },
}


@pytest.mark.parametrize("name", WRITE)
@settings(max_examples=150, deadline=None)
@given(said=st.lists(SAID, min_size=2, max_size=9))
def test_turns_in_are_turns_kept_plus_turns_refused(name, said):
    """Texts carry their number, so each is found exactly once: in a turn, in the system text, or with a reason."""
    numbered = [(role, f"{n}#{text}" if text.strip() else text) for n, (role, text) in enumerate(said)]
    expected = {text for _, text in (numbered[: len(said) // 2 * 2] if name == "firefly" else numbered) if text.strip()}
    found = convert(name, WRITE[name](numbered))
    kept = [item for item in found if isinstance(item, Example)]
    assert len(kept) <= 1 and all(isinstance(item, (Example, Dropped)) for item in found)
    lines = [*(item.evidence.split(": ", 1)[1] for item in found if isinstance(item, Refused))]
    for example in kept:
        roles = [turn.role for turn in example.conversation.turns]
        assert roles == ["user", "assistant"] * (len(roles) // 2) and roles
        lines += [turn.text for turn in example.conversation.turns] + [example.conversation.system]
    pieces = [piece for line in lines for piece in line.split("\n") if piece.strip()]
    assert sorted(pieces) == sorted(expected)


ODD = [None, 0, -1, 2.5, 10**30, True, "", "x", " ", [], {}, [None], ["a"], [["a", "b"]], {"a": 1}, [{}], "Human: a\nAssistant:",
       {"role": "user", "content": "x"}, {"role": "tool", "content": "x"}, {"from": "gpt", "value": "x"}, [{"role": "user", "content": "q"}],
       {"role": ["user"], "content": ["x"]}, [{"type": "text", "text": "x"}], "[]", "{'role': 'user'}", '[{"role": "user", "content": "x"}]',
       "\u200b", "\ufeff", "\u202e", "e\u0301", "\x00", "\u2028", "\r", "𝒜", "　", "字" * 3000, "<think>", "### Instruction:\n", "[INST] a [/INST] b"]  # fmt: skip
BESIDE = ["label", "kto_tag", "is_correct", "system", "history", "images", "tools", "functions", "id", "weights", "rejected", "input", "context",
          "scores", "answers", "chosen", "messages", "conversation", "reasoning_content", "tool_calls", "train_detail", "weight"]  # fmt: skip


def places(value, path=()):
    """The paths of all values inside *value*."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(value[key], (*path, key))


def spoilt(record, draw):
    """*record* with a few values that are missing, something else, there twice or in another order."""
    record = deepcopy(record)
    for _ in range(draw.randint(1, 3)):
        *path, last = draw.choice([*places(record), (draw.choice(BESIDE),)])
        inner, kind = reduce(lambda value, key: value[key], path, record), draw.random()
        if kind < 0.15 and isinstance(inner, list):
            draw.shuffle(inner)
        elif kind < 0.3 and isinstance(inner, list):
            inner.insert(last, deepcopy(draw.choice(inner)))
        elif kind < 0.75 or not isinstance(inner, dict):
            inner[last] = deepcopy(draw.choice(ODD))
        else:
            inner.pop(last, None)
    return record


def marked(value, numbers):
    """*value* whose Chinese texts can be told apart; of the longest evidence shows the beginning only."""
    if isinstance(value, dict):
        return {key: marked(item, numbers) for key, item in value.items()}
    if isinstance(value, list):
        return [marked(item, numbers) for item in value]
    text = isinstance(value, str) and len(value) < 100 and value not in ROLES and value[:1] not in "[{"
    told = text and re.search("[\u4e00-\u9fff]", value)
    return f"{value}§{next(numbers)}§" if told else value


TURNS = {"messages": OPENAI.keys, "sharegpt": SHAREGPT.keys, "firefly": firefly.KEYS, "alternating": alternating.KEYS,
         "qianfan": ("conversation",), "kdconv": ("messages",), "crosswoz": ("messages",)}  # fmt: skip
"""Where the turns of a conversation stand."""
SAYS = {"content", "value", "text", "message", *chain(*firefly.NAMES), "chosen"}
"""What a message or a pair says."""


SAID_LONG = [
    ("user", "一"),
    ("assistant", "二"),
    ("user", "三"),
    ("assistant", "四"),
    ("user", "五"),
    ("assistant", "六"),
]
LONG = [
    *(write(SAID_LONG) for write in WRITE.values()),
    {"conversations": [text for _, text in SAID_LONG]},
    {
        "conversation": [
            {"prompt": a, "response": [[b]]} for (_, a), (_, b) in zip(SAID_LONG[::2], SAID_LONG[1::2], strict=True)
        ]
    },
    {
        "conversation": [
            {"user": "一", "assistant": "二"},
            {"user": "三", "assistant": "四"},
            {"user": "五", "chosen": "六"},
        ]
    },
]
"""Conversations of several turns."""


def said_in(record, name):
    """The marks of all turns in *record*."""
    turns = record.get(next((key for key in TURNS.get(name, ()) if key in record), None))
    turns = turns if isinstance(turns, list) else []
    texts = [
        one if isinstance(one, str) else {key: one[key] for key in SAYS & one.keys()}
        for one in turns
        if isinstance(one, (str, dict))
    ]
    return set(re.findall("§[0-9]+§", json.dumps(texts, ensure_ascii=False)))


def through_the_reader(record, name):
    """What the reader makes of *record* in a format; it must not raise anything."""
    origin = Origin("d.json", "d", True, load_catalog().part("format", name).run, astuple(Columns()), "s")
    return [found for _, _, found in Reader()(Chunk(tuple(origin), [(1, 0)], [[record]]))]


def test_whatever_a_record_holds_is_read_right_or_refused():
    """With all its turns: each is kept, or refused with a reason and itself as the evidence."""
    draw, formats = Random(0), {name: load_format(load_catalog(), name) for name in RECORDS}
    originals = [record for records in RECORDS.values() for record in records] + [record for _, record, _ in LAYOUTS]
    for _ in range(4000):
        record = marked(spoilt(draw.choice(draw.choice([originals, LONG])), draw), count())
        for name in {draw.choice(list(formats)), *(name for name, one in formats.items() if one.matches(record))}:
            found = through_the_reader(record, name)
            examples = [one for one in found if isinstance(one, Example)]
            assert found and all(isinstance(one.evidence, str) for one in found if isinstance(one, Refused)), (
                name,
                record,
            )
            for example in examples:
                if example.conversation is None:
                    continue
                roles = [turn.role for turn in example.conversation.turns]
                assert roles == (["user", "assistant"] * len(roles))[: len(roles)], (name, record)
                assert roles and (roles[-1] == "assistant" or example.rejected), (name, record)
                assert all(map(str.strip, [*texts(example), *example.rejected])), (name, record)
            told = "".join(one.evidence if isinstance(one, Refused) else str(one) for one in found)
            assert not examples or said_in(record, name) <= set(re.findall("§[0-9]+§", told)), (name, record)


PLAIN = st.text("甲乙丙丁abc，。 x=1", min_size=1, max_size=8).map(str.strip).filter(bool)


@settings(max_examples=150, deadline=None)
@given(said=st.lists(PLAIN, min_size=2, max_size=8).filter(lambda said: len(said) % 2 == 0))
def test_written_out_dialogues_come_back(said):
    names = ["Human", "Assistant"] * (len(said) // 2)
    lines = "\n".join(f"{name}: {text}" for name, text in zip(names, said, strict=True))
    rendered = "".join(f"<s>{name}: {text}\n</s>" for name, text in zip(names, said, strict=True))
    before = lines[: lines.rindex("Assistant:")] + "Assistant:"
    assert texts(only("rendered", {"text": rendered})) == said
    assert texts(only("multiturn", {"instruction": before, "input": "", "output": said[-1]})) == said
    assert texts(only("preference", {"prompt": before, "chosen": said[-1], "rejected": "差"})) == said
    if len(said) > 2:
        people = "\n".join(f"{'小明' if n % 2 == 0 else '小红'}：{text}" for n, text in enumerate(said))
        assert texts(only("generated", {"instruction": "d", "input": "", "output": people})) == said


def test_the_plugin_keeps_the_rules():
    assert check_plugin("formats") == []


# ---- real data ----


@pytest.mark.parametrize(
    ("path", "record", "kept", "turns", "rejected"),
    [
        ("belle/eval_set.json", "conversation", 631, 1262, {"empty_answer": 369}),
        ("belle/zh_seed_tasks.json", "conversation", 175, 350, {}),
        ("stanford/seed_tasks.jsonl", "conversation", 175, 350, {}),
        ("firefly/dummy_data.jsonl", "conversation", 33, 308, {}),
        ("firefly/dummy_dpo.jsonl", "pair", 12, 24, {"tie": 4}),
        ("firefly/dummy_pretrain.jsonl", "text", 45, 0, {}),
        ("judge/fastchat/data_dummy_conversation.json", "conversation", 500, 2000, {}),
        ("judge/gpt4llm_user_oriented_instructions.jsonl", "conversation", 252, 504, {}),
        ("dirty_zh/alpaca_data-18280-21320-中文-wys未完成.json", "conversation", 2290, 4580, {}),
        ("judge/llmbar", "pair", 883, 1766, {"empty_answer": 1, "equal_answers": 1}),
        ("kdconv/film_dev.json", "conversation", 150, 3856, {"no_answer": 2}),
        ("llama_factory/dpo_zh_demo.json", "pair", 300, 600, {}),
        ("math/ape210k_valid.jsonl", "conversation", 2000, 4000, {}),
        ("math/gsm8k_train_first2000.jsonl", "conversation", 2000, 4000, {}),
        ("oasst_zh/oaast_rm_zh.json", "ranked", 775, 2386, {}),
        ("pclue/pCLUE_train_1k.json", "conversation", 1000, 2000, {}),
        ("pclue/pCLUE_train_9.json", "conversation", 705, 1410, {}),
        ("sharegpt/dpo_zh_500.jsonl", "pair", 500, 1000, {}),
        ("sharegpt/sharegpt_zh_1K_format.jsonl", "conversation", 999, 8688, {"empty_turn": 56, "no_answer": 7}),
    ],
)
def test_real_files_load_with_all_their_turns(shared, path, record, kept, turns, rejected):
    artifact = run(["+data=files", f"data.path='{shared}/data/{path}'"], quiet=True).artifacts["data"]
    assert (artifact.record, artifact.splits, artifact.rejected) == (record, {"train": kept}, rejected)
    conversations = [example.conversation for example in read_examples(artifact, "train")]
    assert sum(len(conversation.turns) for conversation in conversations if conversation) == turns
