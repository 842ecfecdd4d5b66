"""Batched generation equals transformers' own, whatever the batch; sampling follows the model's probabilities."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from belle_core.generation.local import generate, stream

VOCABULARY, EOS = 97, 2
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "bos_token_id": 1, "eos_token_id": EOS}
SPREAD = 0.3  # of the weights: the default of 0.02 makes models that repeat one token


def llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        **SIZES,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=SPREAD,
    )
    return LlamaForCausalLM(config)


def sliding() -> MistralForCausalLM:
    torch.manual_seed(0)
    config = MistralConfig(
        **SIZES,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=8,
        initializer_range=SPREAD,
    )
    return MistralForCausalLM(config)


def learned_positions() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=128,
        bos_token_id=1,
        eos_token_id=EOS,
        initializer_range=SPREAD,
    )
    return GPT2LMHeadModel(config)


def alibi() -> BloomForCausalLM:
    torch.manual_seed(0)
    return BloomForCausalLM(BloomConfig(**SIZES, n_layer=2, n_head=4, initializer_range=SPREAD))


def prompts(count: int = 20) -> list[list[int]]:
    random = torch.Generator().manual_seed(3)
    lengths = torch.randint(1, 30, (count,), generator=random).tolist()
    return [torch.randint(3, VOCABULARY, (length,), generator=random).tolist() for length in lengths]


def expected(model, prompt: list[int], stop_ids: list[int], count: int) -> list[int]:
    """What transformers' own loop gives for one prompt."""
    config = GenerationConfig(max_new_tokens=count, do_sample=False, eos_token_id=stop_ids, pad_token_id=0)
    ids = torch.tensor([prompt])
    output = (
        model.eval()
        .generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)[0, len(prompt) :]
        .tolist()
    )
    return output[:-1] if output[-1] in stop_ids else output


@pytest.mark.parametrize("build", [llama, sliding, learned_positions, alibi])
def test_greedy_ids_equal_transformers(build):
    model, stop_ids = build(), list(range(2, 8))  # several end tokens, so that answers differ in length
    answers = generate(model, prompts(), stop_ids=stop_ids, max_new_tokens=24, batch=8)
    assert answers == [expected(model, prompt, stop_ids, 24) for prompt in prompts()]
    assert len({len(answer) for answer in answers}) > 3


def test_adapted_model_answers_as_the_merged_one():
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(llama(), LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    answers = generate(adapted, prompts(), stop_ids=[EOS], max_new_tokens=12)
    assert answers == generate(adapted.merge_and_unload(), prompts(), stop_ids=[EOS], max_new_tokens=12)
    assert answers != generate(llama(), prompts(), stop_ids=[EOS], max_new_tokens=12)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_answers_do_not_depend_on_the_batch(temperature):
    settings = {
        "stop_ids": list(range(2, 8)),
        "max_new_tokens": 16,
        "temperature": temperature,
        "top_p": 0.9,
        "seed": 5,
    }
    alone = generate(llama(), prompts(), batch=1, **settings)
    assert generate(llama(), prompts(), batch=8, **settings) == alone
    assert generate(llama(), prompts(), batch=100, **settings) == alone


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_streaming_gives_the_same_ids(temperature):
    settings = {"stop_ids": list(range(2, 8)), "max_new_tokens": 16, "temperature": temperature, "seed": 1}
    prompt = prompts()[0]
    assert list(stream(llama(), prompt, **settings)) == generate(llama(), [prompt], **settings)[0]


def test_every_answer_is_told_once_and_in_the_right_place():
    told: dict[int, list[int]] = {}

    def note(indices, answers):
        assert not told.keys() & set(indices)
        told.update(zip(indices, answers, strict=True))

    answers = generate(llama(), prompts(), stop_ids=[EOS], max_new_tokens=5, batch=6, on_batch=note)
    assert [told[index] for index in range(len(answers))] == answers


def test_context_length_cuts_the_answer_and_leaves_a_full_prompt_alone():
    given = [[5] * 10, [5] * 7, [5] * 12]
    answers = generate(llama(), given, stop_ids=[], max_new_tokens=4, context_length=10)
    assert [len(answer) for answer in answers] == [0, 3, 0]
    assert answers[1] == generate(llama(), [given[1]], stop_ids=[], max_new_tokens=3)[0]


def test_seed_decides_and_equal_prompts_get_different_draws():
    settings = {"stop_ids": [EOS], "max_new_tokens": 8, "temperature": 2.0}
    same = [[5, 6, 7]] * 4
    first = generate(llama(), same, seed=1, **settings)
    assert first == generate(llama(), same, seed=1, **settings)
    assert first != generate(llama(), same, seed=2, **settings)
    assert len({tuple(answer) for answer in first}) > 1


def test_samples_follow_the_probabilities():
    model, count = llama().eval(), 4000
    with torch.inference_mode():
        wanted = torch.softmax(model(torch.tensor([[5, 6, 7]])).logits[0, -1] / 1.5, -1)
    answers = generate(model, [[5, 6, 7]] * count, stop_ids=[], max_new_tokens=1, temperature=1.5, batch=2000)
    found = torch.bincount(torch.tensor(answers)[:, 0], minlength=VOCABULARY) / count
    assert (found - wanted).abs().sum() / 2 < 0.08  # total variation; about 0.04 by chance alone


def test_top_p_leaves_only_the_likeliest():
    settings = {"stop_ids": [EOS], "max_new_tokens": 8}
    assert generate(llama(), prompts(), temperature=1.0, top_p=1e-6, **settings) == generate(
        llama(), prompts(), **settings
    )
    with torch.inference_mode():
        likely, order = torch.softmax(llama().eval()(torch.tensor([[5, 6, 7]])).logits[0, -1], -1).sort(descending=True)
    allowed = set(order[: int((likely.cumsum(0) < 0.5).sum()) + 1].tolist())
    drawn = generate(llama(), [[5, 6, 7]] * 500, stop_ids=[], max_new_tokens=1, temperature=1.0, top_p=0.5, batch=500)
    assert {answer[0] for answer in drawn} <= allowed
    assert len({answer[0] for answer in drawn}) > 1


def test_an_empty_prompt_is_refused():
    with pytest.raises(ValueError, match="empty prompt"):
        generate(llama(), [[5], []], stop_ids=[EOS], max_new_tokens=2)


def test_the_model_and_the_threads_are_left_as_they_were():
    model, threads = llama().train(), torch.get_num_threads()
    generate(model, prompts(2), stop_ids=[EOS], max_new_tokens=2)
    assert model.training
    assert torch.get_num_threads() == threads
