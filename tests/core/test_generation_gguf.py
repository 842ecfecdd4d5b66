"""A GGUF file answers as the checkpoint it was made from, asked in the same ids."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from scripted import random_model, saying

from belle_core.artifacts import Bundle
from belle_core.conversation import Conversation, Turn
from belle_core.encoding import Encoder
from belle_core.generation import Sampling, open_engine
from belle_core.generation.calls import EndpointConfig, Request
from belle_core.generation.calls.local import LocalModel
from belle_core.generation.header import trained_context
from belle_core.tokenization import load_tokenizer, save_tokenizer, tokenizer_from_sentencepiece
from belle_core.training.loading import template_named

pytestmark = pytest.mark.llamacpp
llama_cpp = pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
export = pytest.importorskip("belle_gguf.export")
SHORT = Sampling(max_new_tokens=10)
QUESTIONS = [
    Conversation.of("你好，世界"),
    Conversation((Turn("user", "一加一"), Turn("assistant", "等于二😀"), Turn("user", "  再加 一 </s>？")), "请回答"),
]


def gguf_of(directory):
    target = directory.with_name(f"{directory.name}.gguf")
    export.export_gguf(directory, target, dtype="f32", name="test")
    return target


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    directory = random_model(tmp_path_factory.mktemp("gguf") / "model")
    engines = open_engine(directory), open_engine(gguf_of(directory))
    yield engines
    engines[1].close()


def test_prompts_and_end_tokens_are_those_of_training(pair):
    checkpoint, gguf = pair
    for question in QUESTIONS:
        assert gguf.encoder.prompt(question) == checkpoint.encoder.prompt(question)
    assert gguf.stop_ids == checkpoint.stop_ids
    assert gguf.context_length == checkpoint.context_length


def test_greedy_answers_are_the_same(pair):
    """Compared as ids: of bytes that spell nothing, as random weights say them, the two decoders show different marks."""
    prompts = [pair[0].encoder.prompt(question) for question in QUESTIONS]
    checkpoint, gguf = ([list(engine._stream(prompt, SHORT)) for prompt in prompts] for engine in pair)
    assert gguf == checkpoint


def test_sampling_is_seeded(pair):
    hot = [Sampling(max_new_tokens=10, temperature=1.5, seed=seed) for seed in (1, 1, 2)]
    first, again, other = (pair[1].answer(QUESTIONS, sampling) for sampling in hot)
    assert first == again != other


def test_a_bundle_streams_whole_characters(tmp_path):
    file = gguf_of(saying(tmp_path / "model", "世界😀好"))
    engine = open_engine(Bundle(directory=file.parent, format="gguf", main=file.name, size=file.stat().st_size))
    assert list(engine.stream(QUESTIONS[0])) == ["世", "界", "😀", "好"]
    assert engine.answer(QUESTIONS) == ["世界😀好"] * 2
    engine.close()


def test_the_trained_context_is_read_from_the_file(tmp_path):
    file = gguf_of(random_model(tmp_path / "model", context_length=96))
    assert trained_context(file) == 96
    content = file.read_bytes()
    for wrong in (b"", b"GGUF", content[:60], b"GGUF" + b"\xff" * 100, b"other" + content):
        file.write_bytes(wrong)
        assert trained_context(file) is None
    assert trained_context(tmp_path / "missing.gguf") is None


def test_a_dummy_prefix_stands_only_where_no_text_comes_before(tmp_path, shared):
    """LLaMA's own tokenizer puts a space before a text, but not between the question's and the answer's."""
    source = shared / "data" / "tokenizers" / "llama_tokenizer.model"
    if not source.is_file():
        pytest.skip(f"{source.name} is not among the real data")
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tokenizer_from_sentencepiece(source)
    tokenizer.chat_template = template_named("belle").jinja
    directory = tmp_path / "llama"
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=1
        )
    ).save_pretrained(directory)
    save_tokenizer(tokenizer, directory, source)
    engine = open_engine(gguf_of(directory))
    training = Encoder(load_tokenizer(directory), template_named("belle"))
    for question in QUESTIONS:
        assert engine.encoder.prompt(question) == training.prompt(question)
    engine.close()


def test_a_call_that_is_broken_off_does_not_use_a_model_that_was_closed(tmp_path):
    """Its thread goes on; llama.cpp would end the whole process."""
    directory = random_model(tmp_path / "model", context_length=2000)
    config = EndpointConfig(local=str(gguf_of(directory)), max_tokens=300, temperature=1.0)

    begun, go_on, order = threading.Event(), threading.Event(), []

    async def main():
        model = LocalModel(config, Path(tmp_path))
        engine = model._engine
        complete, close = engine.complete, engine.close

        def slowly(*arguments):
            begun.set()
            go_on.wait(60)
            answers = complete(*arguments)
            order.append("answered")
            return answers

        engine.complete, engine.close = slowly, lambda: (order.append("closed"), close())
        call = asyncio.ensure_future(model.answer(Request.of("你好")))
        await asyncio.to_thread(begun.wait, 60)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        closing = asyncio.ensure_future(model.close())
        await asyncio.sleep(0.05)
        assert not order
        go_on.set()
        await closing

    asyncio.run(main())
    assert order == ["answered", "closed"]
