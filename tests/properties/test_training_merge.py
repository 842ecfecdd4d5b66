"""Merging: what is reloaded from disk answers like base plus adapter, and not like the base."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from belle_full.config import FullConfig
from belle_full.stage import train as train_full
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_objectives.config import SftConfig
from peft import PeftModel
from tiny_training import training_context
from transformers import AutoModelForCausalLM

from belle_core.config import ModelConfig
from belle_core.errors import BelleError
from belle_core.store import Store
from belle_core.training.loading import load_base, load_runnable, load_start
from belle_core.training.merging import merged_directory
from belle_core.training.saving import save_model

SFT = SftConfig()
IDS = torch.arange(3, 40)[None]


def logits(model) -> torch.Tensor:
    """(time, vocabulary) for a fixed text."""
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits[0]


def commit(store: Store, artifact):
    return store.commit(artifact, {"recipe": {}})


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def trained(request, tmp_path):
    """A store with a model, an adapter on it, and an adapter on that adapter."""
    store = Store(tmp_path / "store")
    context = training_context(store.root / "Model" / "m.partial", architecture={"tie_word_embeddings": request.param})
    model = commit(store, train_full(FullConfig(objective=SFT, epochs=0.3, batch=8, learning_rate=1e-2), context))
    config = LoraConfig(objective=SFT, epochs=0.5, batch=8, learning_rate=2e-2, rank=4)
    first = commit(store, train_lora(config, training_context(store.root / "Adapter" / "a.partial", start=model)))
    second = commit(store, train_lora(config, training_context(store.root / "Adapter" / "b.partial", start=first)))
    return store, model, first, second


def test_merged_and_reloaded_equals_unmerged(trained):
    store, model, first, second = trained
    assert first.base == {"artifact": "m"} and second.base == {"artifact": "a"}
    base = logits(load_runnable(model).model)
    unmerged = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model.directory), str(first.directory))
    wanted = logits(unmerged)
    assert (wanted - base).abs().max() > 1e-2
    torch.testing.assert_close(logits(load_runnable(first).model), wanted, atol=1e-4, rtol=1e-4)
    twice = logits(PeftModel.from_pretrained(load_runnable(first).model, str(second.directory)))
    directory = merged_directory(training_context(store.root / "Bundle" / "c.partial", start=second))
    on_disk = logits(AutoModelForCausalLM.from_pretrained(directory))
    torch.testing.assert_close(on_disk, twice, atol=1e-4, rtol=1e-4)
    assert (on_disk - wanted).abs().max() > 1e-3
    assert (
        AutoModelForCausalLM.from_pretrained(directory).config.tie_word_embeddings
        == load_base(first).model.config.tie_word_embeddings
    )


def test_an_adapter_on_resized_embeddings_is_merged_into_them(trained):
    """More rows than the tokenizer has tokens, as after an extension of the vocabulary that is padded."""
    store, model, *_ = trained
    wide = load_runnable(model)
    wide.model.resize_token_embeddings(wide.model.config.vocab_size + 13, mean_resizing=False)
    directory = store.partial(type(model), "wide")
    save_model(wide, directory)
    base = commit(store, replace(model, directory=directory))
    context = training_context(store.root / "Adapter" / "w.partial", start=base)
    config = LoraConfig(objective=SFT, epochs=0.5, batch=8, learning_rate=2e-2, rank=4)
    adapter = commit(store, train_lora(config, context))
    unmerged = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base.directory), str(adapter.directory))
    merged = merged_directory(training_context(store.root / "Bundle" / "w.partial", start=adapter))
    found = AutoModelForCausalLM.from_pretrained(merged)
    torch.testing.assert_close(logits(found), logits(unmerged), atol=1e-4, rtol=1e-4)
    assert found.get_output_embeddings().weight.shape[0] == wide.model.config.vocab_size
    assert (logits(found) - logits(AutoModelForCausalLM.from_pretrained(base.directory))).abs().max() > 1e-2


def test_merged_directory_of_a_model_is_its_own(trained):
    store, model, *_ = trained
    assert merged_directory(training_context(store.root / "Bundle" / "c.partial", start=model)) == model.directory


def test_adapter_without_its_base_says_so(trained):
    store, model, first, _ = trained
    store.remove(model.directory)
    with pytest.raises(BelleError, match="needs its base m, which is no longer in"):
        load_runnable(first)


def test_adapter_on_a_checkpoint_that_became_another_model_says_so(tmp_path):
    """The directory that ``model.checkpoint`` named now holds a model of other sizes."""
    store, checkpoint = Store(tmp_path / "store"), tmp_path / "checkpoint"
    context = training_context(store.root / "Adapter" / "a.partial")
    checkpoint.mkdir()
    save_model(load_start(context), checkpoint)
    context.shared["model"] = ModelConfig(checkpoint=str(checkpoint))
    adapter = commit(store, train_lora(LoraConfig(objective=SFT, epochs=0.2, batch=8), context))
    other = training_context(store.root / "Model" / "m.partial", architecture={"intermediate_size": 40})
    save_model(load_start(other), checkpoint)
    with pytest.raises(BelleError, match=r"adapter a is for another base: its layers") as caught:
        load_runnable(adapter)
    assert "\n" not in str(caught.value)


def test_adapter_on_the_initial_model_finds_it_again(tmp_path):
    store = Store(tmp_path / "store")
    context = training_context(store.root / "Adapter" / "a.partial")
    adapter = train_lora(LoraConfig(objective=SFT, epochs=0.5, batch=8, learning_rate=2e-2), context)
    adapter = commit(store, replace(adapter))
    fresh = logits(load_start(context).model)
    torch.testing.assert_close(logits(load_base(adapter).model), fresh)
    wanted = logits(PeftModel.from_pretrained(load_base(adapter).model, str(adapter.directory)))
    torch.testing.assert_close(logits(load_runnable(adapter).model), wanted, atol=1e-4, rtol=1e-4)
    assert (wanted - fresh).abs().max() > 1e-3
