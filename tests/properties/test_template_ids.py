"""Properties 1 and 2: what is learned is the answers and their ends; ids are those of transformers and llama.cpp."""

from __future__ import annotations

import unicodedata
from contextlib import closing
from functools import cache
from itertools import product
from pathlib import Path

import pytest
import sentencepiece
import torch
from belle_gguf.byte_level import NAMES as PRE_TOKENIZERS
from belle_gguf.export import export_gguf
from belle_templates import NAMES
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from belle_core.conversation import Conversation, Turn
from belle_core.encoding import Encoder
from belle_core.tokenization import load_tokenizer, save_tokenizer, tokenizer_from_sentencepiece, train_sentencepiece
from belle_core.tokenization.probes import probe_texts
from belle_core.training.loading import template_named

SPECIAL = [
    *("<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    *(
        "[gMASK]",
        "<sop>",
        "<|system|>",
        "<|user|>",
        "<|assistant|>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<｜User｜>",
        "<｜Assistant｜>",
    ),
]
WORDS = ["Human: \n\nAssistant: \n### Instruction:\n### Response:\nUSER: ASSISTANT: [INST] <<SYS>>", "你好，世界 1+1=2"]
TEXTS = [*WORDS * 9, *probe_texts(300)]
LLAMA3 = {name: pattern for pattern, name in PRE_TOKENIZERS.items()}["llama-bpe"]


def ours(directory: Path) -> None:
    """White space as it is, as our own tokenizers have it."""
    (directory / "tokenizer.model").write_bytes(train_sentencepiece(TEXTS, vocab_size=800, control=SPECIAL))


def dummy_prefix(directory: Path) -> None:
    """LLaMA's kind."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.replace("\n", " ") for text in TEXTS), model_prefix=str(directory / "tokenizer"),
        model_type="bpe", vocab_size=800, byte_fallback=True, normalization_rule_name="identity", minloglevel=2,
        remove_extra_whitespaces=False, control_symbols=SPECIAL,
    )  # fmt: skip


def byte_level(directory: Path) -> PreTrainedTokenizerFast:
    """Llama 3's kind. (GPT-2's pattern cuts line breaks at an end otherwise than before text: BELLE#337.)"""
    backend = Tokenizer(models.BPE(ignore_merges=True))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
            pre_tokenizers.ByteLevel(use_regex=False, add_prefix_space=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "</s>", *SPECIAL]
    trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=special, initial_alphabet=alphabet)
    backend.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


@pytest.fixture(scope="module", params=[ours, dummy_prefix, byte_level], ids=lambda kind: kind.__name__)
def files(request, tmp_path_factory) -> Path:
    """A directory with a tokenizer that has every special token."""
    directory = tmp_path_factory.mktemp("tokenizer")
    made = request.param(directory)
    model = directory / "tokenizer.model"
    save_tokenizer(made or tokenizer_from_sentencepiece(model), directory, None if made else model)
    return directory


@cache
def encoder_of(files: Path, name: str) -> Encoder:
    tokenizer, template = load_tokenizer(files), template_named(name)
    tokenizer.chat_template = template.jinja
    return Encoder(tokenizer, template)


def conversation(turns: int, system: str = "", start: str = "") -> Conversation:
    """Each answer begins with *start*."""
    texts = [
        ("你好 hello?", "1+1=2。"),
        ("写一首诗\n谢谢", "床前 明月光\n疑是"),
        ("a </s> b", "😀 世界"),
        ("x", "y"),
        ("？", "！"),
    ]
    parts = [(Turn("user", question), Turn("assistant", start + answer)) for question, answer in texts[:turns]]
    return Conversation(tuple(turn for pair in parts for turn in pair), system)


def rendered(encoder: Encoder, messages: list[dict[str, str]], *, ask: bool) -> list[int]:
    return list(encoder.tokenizer.apply_chat_template(messages, add_generation_prompt=ask, return_dict=False))


every_template = pytest.mark.parametrize("name", NAMES)
every_length = pytest.mark.parametrize("turns", range(1, 6))
SYSTEMS = ("", "你是助手。")
STARTS = ("", " ", "\n", "\n\n ", "  ")


@every_template
@every_length
def test_answers_and_their_ends_are_learned_and_nothing_else(files, name, turns):
    for system, start in product(SYSTEMS, STARTS):
        check_learned(encoder_of(files, name), name, conversation(turns, system, start))


def check_learned(encoder: Encoder, name: str, whole: Conversation) -> None:
    """What is learned of *whole*, span by span."""
    encoded = encoder.encode(whole)
    spans, place = [], 0
    while place < len(encoded.ids):
        until = next((i for i in range(place, len(encoded.ids)) if encoded.weights[i] != encoded.weights[place]), None)
        until = len(encoded.ids) if until is None else until
        if encoded.weights[place]:
            spans.append((place, until))
        place = until
    assert len(spans) == len(whole.turns) // 2
    for number, (begin, end) in enumerate(spans):
        asked = Conversation(whole.turns[: 2 * number + 1], whole.system)
        assert encoder.encode(asked).ids == encoded.ids[:begin], "what the model is asked is what it was trained behind"
        assert encoded.ids[end - 1] in encoder.stop_ids and encoded.ids[end - 1] not in encoded.ids[begin : end - 1]
        said = encoder.tokenizer.decode(encoded.ids[begin : end - 1], clean_up_tokenization_spaces=False)
        padding = {"llama2": " {} ", "mistral": " {}", "vicuna": " {}"}.get(name, "{}")
        wanted = padding.format(whole.turns[2 * number + 1].text)
        assert said in (wanted, wanted.removeprefix(" ")), "LLaMA's decoder drops one leading space"


@every_template
@every_length
@pytest.mark.parametrize("system", SYSTEMS)
def test_ids_are_those_of_transformers(files, name, turns, system):
    encoder, whole = encoder_of(files, name), without_special(conversation(turns, system))
    assert encoder.encode(whole).ids == rendered(encoder, whole.messages(), ask=False)
    assert encoder.prompt(whole) == rendered(encoder, whole.prompt().messages(), ask=True)
    begins = [] if name in ("chatml", "qwen", "glm4") else [encoder.special_id("bos")]
    bos = encoder.special_id("bos")
    assert [token for token in encoder.encode(whole).ids if token == bos] == begins


def without_special(conversation: Conversation) -> Conversation:
    """Other tools read a special token that a user wrote out as that token; we do not."""
    turns = (Turn(turn.role, turn.text.replace("</s>", "s")) for turn in conversation.turns)
    return Conversation(tuple(turns), conversation.system)


def test_ids_are_those_of_llama_cpp(files, tmp_path):
    pytest.importorskip("llama_cpp", reason='llama-cpp-python is not installed: pip install "belle[llamacpp]"')
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter

    from belle_core.generation.llamacpp import open_model

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(load_tokenizer(files)), **sizes)).save_pretrained(tmp_path)
    for path in files.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    export_gguf(tmp_path, tmp_path / "model.gguf", dtype="f32", name="tiny")
    with closing(open_model(tmp_path / "model.gguf", context=256, threads=1)) as model:
        for name in NAMES:
            encoder = encoder_of(files, name)
            render = Jinja2ChatFormatter(template=encoder.template.jinja, bos_token="<s>", eos_token="</s>")
            for turns, system in ((1, ""), (5, "你是助手。")):
                asked = without_special(conversation(turns, system)).prompt()
                text = unicodedata.normalize("NFC", render(messages=asked.messages()).prompt)
                assert model.tokenize(text.encode(), add_bos=False, special=True) == encoder.encode(asked).ids, name
