"""The templates write what their models' authors state; a checkpoint's own is used or refused, never guessed."""

from __future__ import annotations

import json
from functools import partial

import pytest
from belle_objectives.config import DpoConfig, SftConfig
from belle_objectives.sft import Sft
from belle_templates import NAMES
from belle_templates.own import OwnTemplate
from tiny_training import tokenizer_files

from belle_core.config import ModelConfig
from belle_core.conversation import Conversation, Example, Turn
from belle_core.encoding import Encoder
from belle_core.errors import BelleError
from belle_core.generation.templates import template_for, template_of
from belle_core.plugins import load_catalog
from belle_core.tokenization import load_tokenizer
from belle_core.training.loading import load_initial, template_named
from belle_core.training.objective import build_objective

TALK = Conversation((Turn("user", "q1"), Turn("assistant", "a1"), Turn("user", "q2"), Turn("assistant", "a2")), "S")
ALPACA = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
STATED = {
    "belle": "<s>S\nHuman: \nq1\n\nAssistant: \na1</s>Human: \nq2\n\nAssistant: \na2</s>",
    "plain": "<s>Sq1a1</s>q2a2</s>",
    "alpaca": "<s>S\n\n### Instruction:\nq1\n\n### Response:\na1</s>### Instruction:\nq2\n\n### Response:\na2</s>",
    "vicuna": "<s>S USER: q1 ASSISTANT: a1</s>USER: q2 ASSISTANT: a2</s>",
    "llama2": "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nq1 [/INST] a1 </s>[INST] q2 [/INST] a2 </s>",
    "mistral": "<s>[INST] S\n\nq1 [/INST] a1</s>[INST] q2 [/INST] a2</s>",
    "llama3": (
        "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nq1<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\na1<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nq2<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\na2<|eot_id|>"
    ),
    "gemma": (
        "<s><start_of_turn>user\nS\n\nq1<end_of_turn>\n<start_of_turn>model\na1<end_of_turn>\n"
        "<start_of_turn>user\nq2<end_of_turn>\n<start_of_turn>model\na2<end_of_turn>\n"
    ),
    "deepseek": "<s>S<｜User｜>q1<｜Assistant｜>a1</s><｜User｜>q2<｜Assistant｜>a2</s>",
    "glm4": "[gMASK]<sop><|system|>\nS<|user|>\nq1<|assistant|>\na1</s><|user|>\nq2<|assistant|>\na2</s>",
    "chatml": (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nq1<|im_end|>\n<|im_start|>assistant\na1<|im_end|>\n"
        "<|im_start|>user\nq2<|im_end|>\n<|im_start|>assistant\na2<|im_end|>\n"
    ),
}
STATED["qwen"] = STATED["chatml"]


def written(template, conversation: Conversation) -> str:
    names = {"bos": "<s>", "eos": "</s>"}
    return "".join(names.get(s.special, s.special) + s.text for s in template.segments(conversation))


@pytest.mark.parametrize("name", NAMES)
def test_a_template_writes_what_its_authors_state(name):
    assert written(template_named(name), TALK) == STATED[name]


def test_system_texts_that_come_by_themselves():
    asked = Conversation.of("q")
    assert written(template_named("alpaca"), asked).startswith(f"<s>{ALPACA}\n\n### Instruction:\nq")
    assert written(template_named("qwen"), asked).startswith("<|im_start|>system\nYou are Qwen, created by Alibaba")
    assert written(template_named("chatml"), asked) == "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n"


def test_every_template_can_be_chosen():
    assert {*NAMES, "own"} <= set(load_catalog().names("template"))


@pytest.mark.parametrize("name", ["chatml", "llama3", "gemma", "deepseek", "glm4"])
def test_a_tokenizer_without_the_special_tokens_is_refused(name):
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = ModelConfig(architecture={"model_type": "llama", **sizes}, template=name, context_length=32)
    with pytest.raises(BelleError, match=rf"template {name} needs the token \S+, which the tokenizer lacks"):
        load_initial(model, 0, tokenizer_files())


# --- the checkpoint's own

FOREIGN = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}[be kind]{% endif %}"
    "<{{ message['role'] }}> {{ message['content'] | trim }}{{ eos_token }}\n"
    "{% endfor %}{% if add_generation_prompt %}<assistant> {% endif %}"
)
THINKING = (
    "{% for m in messages %}{{ m['role'] }}:{% if loop.last and m['role'] == 'assistant' %}<think></think>{% endif %}"
    "{{ m['content'] }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
)
ENDLESS = "{% for m in messages %}{{ m['content'] }}{% endfor %}"


def own(jinja: str) -> Encoder:
    tokenizer = load_tokenizer(tokenizer_files())
    tokenizer.chat_template = jinja
    template = template_of(tokenizer_files(), tokenizer, "own")
    assert isinstance(template, OwnTemplate)
    return Encoder(tokenizer, template)


@pytest.mark.parametrize("turns", range(1, 6))
@pytest.mark.parametrize("system", ["", "天"])
def test_own_gives_the_ids_of_transformers_and_learns_the_answers(turns, system):
    encoder = own(FOREIGN)
    # the answers are words of the template's own: looking for them in the text would find the wrong place
    pairs = [(Turn("user", "assistant"), Turn("assistant", "assistant")) for _ in range(turns)]
    talk = Conversation(tuple(turn for pair in pairs for turn in pair), system)
    encoded = encoder.encode(talk)
    wanted = encoder.tokenizer.apply_chat_template(talk.messages(), return_dict=False)
    assert encoded.ids == list(wanted)
    learned = [token for token, weight in zip(encoded.ids, encoded.weights, strict=True) if weight]
    assert encoder.tokenizer.decode(learned) == "assistant</s>" * turns
    asked = encoder.tokenizer.apply_chat_template(
        talk.prompt().messages(), add_generation_prompt=True, return_dict=False
    )
    assert encoder.prompt(talk) == list(asked) == encoded.ids[: len(asked)]


def test_a_template_may_mark_answers():
    marked = FOREIGN.replace(
        "{{ message['content'] | trim }}", "{% generation %}{{ message['content'] }}{% endgeneration %}"
    )
    assert own(marked).encode(TALK).ids == own(FOREIGN).encode(TALK).ids


def test_own_keeps_weights_and_written_out_special_tokens_apart():
    encoder = own(FOREIGN)
    talk = Conversation((Turn("user", "天</s>"), Turn("assistant", "地", 0.5)))
    encoded = encoder.encode(talk)
    assert sorted(set(encoded.weights)) == [0.0, 0.5]
    assert encoded.ids.count(encoder.tokenizer.eos_token_id) == 2


@pytest.mark.parametrize("turns", range(1, 5))
def test_what_is_rewritten_later_is_learned_as_it_will_be_asked(turns):
    """An answer loses its empty thought when another turn follows (Qwen 3): each has a sequence of its own."""
    encoder = own(THINKING)
    whole = Conversation(
        tuple(t for n in range(turns) for t in (Turn("user", f"天{n}"), Turn("assistant", f"地{n}"))), "玄"
    )
    examples = list(Sft(SftConfig()).expand(Example("a", whole), encoder))
    assert len(examples) == turns and (turns > 1 or examples[0].conversation is whole)
    for number, example in enumerate(examples):
        (encoded,) = Sft(SftConfig()).encode(example, encoder)
        asked = Conversation(whole.turns[: 2 * number + 1], whole.system)
        messages = Conversation(whole.turns[: 2 * number + 2], whole.system).messages()
        render = partial(encoder.tokenizer.apply_chat_template, return_dict=False)
        assert encoded.ids == render(messages)
        prompt = render(asked.messages(), add_generation_prompt=True)
        assert encoder.prompt(asked) == prompt == encoded.ids[: len(prompt)]
        assert not any(encoded.weights[: len(prompt)]) and set(encoded.weights[len(prompt) :]) == {1.0}
        assert encoder.tokenizer.decode(encoded.ids[len(prompt) :]) == f"<think></think>地{number}</s>"


def test_of_what_is_rewritten_only_what_counts_is_learned():
    encoder = own(THINKING)
    turns = [Turn("user", "天"), Turn("assistant", "地", 0.0), Turn("user", "玄"), Turn("assistant", "黄", 0.5), Turn("user", "宇"), Turn("assistant", "宙", 0.0)]  # fmt: skip
    (part,) = encoder.parts(Conversation(tuple(turns)))
    assert [(turn.text, turn.weight) for turn in part.turns] == [("天", 0), ("地", 0), ("玄", 0), ("黄", 0.5)]
    pair = Example("p", Conversation(tuple(turns[:4])), rejected=("洪",))
    (chosen, rejected) = build_objective(DpoConfig()).encode(pair, encoder)
    end = chosen.weights.index(1.0)
    assert chosen.ids[:end] == rejected.ids[:end] and chosen.ids != rejected.ids


def test_own_refuses_what_it_cannot_know():
    with pytest.raises(BelleError, match="rewrites earlier text when a turn is added"):
        own(THINKING).encode(TALK)
    with pytest.raises(BelleError, match="puts no end token behind an answer"):
        own(ENDLESS).encode(TALK)
    with pytest.raises(BelleError, match="carries no chat template"):
        template_for(None, [], bos="", eos="", name="own", where="here")


@pytest.mark.parametrize("jinja", [FOREIGN, THINKING], ids=["foreign", "thinking"])
def test_a_model_trained_with_its_own_template_keeps_it(tmp_path, jinja):
    from belle_core.training.loading import trained_template
    from belle_core.training.saving import save_belongings

    for path in tokenizer_files().iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "chat_template.jinja").write_text(jinja, encoding="utf-8")
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = ModelConfig(architecture={"model_type": "llama", **sizes}, template="own", context_length=32)
    loaded, target = load_initial(model, 0, tmp_path), tmp_path / "saved"
    target.mkdir()
    save_belongings(loaded, target)
    assert json.loads((target / "template.json").read_text()) == {"name": "own"}
    again = trained_template(target, load_tokenizer(target))
    asked = TALK.prompt()
    assert written(again, asked) == written(loaded.template, asked)
