"""What is loaded, and what is said when it does not fit."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch
from belle_lora.config import LoraConfig
from belle_lora.stage import train as train_lora
from belle_objectives.config import SftConfig
from peft import LoraConfig as PeftConfig
from peft import get_peft_model
from safetensors.torch import load_file, save_file
from small_families import FAMILIES
from tiny_training import ARCHITECTURE, tokenizer_files, training_context
from transformers import AutoConfig, AutoModelForCausalLM

from belle_core.artifacts import Model
from belle_core.checkpoint import check_checkpoint
from belle_core.config import ModelConfig
from belle_core.errors import BelleError
from belle_core.tokenization import load_tokenizer
from belle_core.training.initial import load_weights
from belle_core.training.loading import load_initial, load_runnable, load_start
from belle_core.training.saving import save_model

CONFIG = ModelConfig(architecture=ARCHITECTURE, context_length=64)


def test_built_model_is_made_for_its_tokenizer_and_seed():
    first, again, other = (load_initial(CONFIG, seed, tokenizer_files()).model for seed in (1, 1, 2))
    tokenizer = load_tokenizer(tokenizer_files())
    config = first.config
    assert (config.vocab_size, config.max_position_embeddings) == (len(tokenizer), 64)
    assert (config.bos_token_id, config.eos_token_id) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    equal = [torch.equal(p, q) for p, q in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(equal) and not torch.equal(first.model.embed_tokens.weight, other.model.embed_tokens.weight)


def test_building_leaves_the_random_state_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    load_initial(CONFIG, 1, tokenizer_files())
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_saved_directory_holds_everything(tmp_path, dtype):
    loaded = load_initial(ModelConfig(architecture=ARCHITECTURE, context_length=64, dtype=dtype), 1, tokenizer_files())
    save_model(loaded, tmp_path)
    names = {
        "model.safetensors",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer.model",
        "chat_template.jinja",
    }
    assert names <= {path.name for path in tmp_path.iterdir()}
    assert {tensor.dtype for tensor in load_file(tmp_path / "model.safetensors").values()} == {getattr(torch, dtype)}
    generation = json.loads((tmp_path / "generation_config.json").read_text())
    assert generation["eos_token_id"] == loaded.encoder.stop_ids
    again = load_runnable(Model(directory=tmp_path, parameters=0))
    assert again.dtype == dtype and again.template.name == "belle" and again.context_length == 64
    for (name, p), q in zip(loaded.model.named_parameters(), again.model.parameters(), strict=True):
        assert torch.equal(p, q), name


def test_bad_architectures_say_why():
    for change, why in (
        ({"num_attention_heads": 5}, "multiple of the number of attention heads"),
        ({"model_type": "lama"}, "lama"),
    ):
        with pytest.raises(
            BelleError, match=f"model.architecture describes no model that transformers can build.*{why}"
        ):
            load_initial(ModelConfig(architecture=ARCHITECTURE | change), 1, tokenizer_files())


def test_checkpoints_that_do_not_fit_are_refused(tmp_path):
    save_model(load_initial(CONFIG, 1, tokenizer_files()), tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    checkpoint = ModelConfig(checkpoint=str(tmp_path))
    save_file(
        {k: v for k, v in weights.items() if "layers.1.mlp.up_proj" not in k},
        tmp_path / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(
        BelleError, match=r"1 tensors that the architecture needs are missing, the first is .*layers\.1\.mlp\.up_proj"
    ):
        load_initial(checkpoint, 1, tokenizer_files())
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(BelleError, match="there are no weights in it"):
        load_initial(checkpoint, 1, tokenizer_files())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"intermediate_size": 40},
            r"6 tensors do not fit it, the first: .*mlp.* has the shape \[.*48.*\], not \[.*40.*\]",
        ),
        ({"num_hidden_layers": 1}, r"9 tensors do not fit it, the first: model.layers.1.* is too much"),
        ({"num_hidden_layers": 3}, r"tensors that the architecture needs are missing, the first is .*layers.2"),
        ({"model_type": "lama"}, r"no model can be loaded: .*lama"),
    ],
)
def test_a_checkpoint_of_another_config_is_one_line(tmp_path, change, message):
    save_model(load_initial(CONFIG, 1, tokenizer_files()), tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BelleError, match=message) as caught:
        load_initial(ModelConfig(checkpoint=str(tmp_path)), 1, tokenizer_files())
    assert "\n" not in str(caught.value)


def foreign_adapter(tmp_path, targets=("q_proj", "up_proj"), **architecture) -> tuple[ModelConfig, torch.Tensor]:
    """A base and an adapter that peft alone made for it; what both say together."""
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    config = ModelConfig(architecture=ARCHITECTURE | architecture, context_length=64)
    save_model(load_initial(config, 1, tokenizer_files()), base)
    settings = PeftConfig(r=4, target_modules=list(targets), task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), settings)
    for name, p in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(p, std=0.3)
    model.save_pretrained(adapter)
    return ModelConfig(checkpoint=str(base), adapter=str(adapter)), model(input_ids=IDS).logits


IDS = torch.arange(3, 30)[None]


def test_an_adapter_of_another_tool_is_merged_into_its_base(tmp_path):
    config, wanted = foreign_adapter(tmp_path)
    check_checkpoint(config)
    loaded = load_initial(config, 1, tokenizer_files())
    torch.testing.assert_close(loaded.model(input_ids=IDS).logits, wanted, atol=1e-4, rtol=1e-4)
    base = load_initial(replace(config, adapter=None), 1, tokenizer_files()).model
    assert (base(input_ids=IDS).logits - wanted).abs().max() > 1e-2
    assert [name for name, _ in base.named_parameters()] == [name for name, p in loaded.model.named_parameters() if p.requires_grad]  # fmt: skip
    assert loaded.origin["model"]["adapter"] == str(tmp_path / "adapter")


@pytest.mark.parametrize("change", [{"num_hidden_layers": 1}, {"num_hidden_layers": 3}, {"intermediate_size": 40}])
def test_an_adapter_for_another_base_is_refused(tmp_path, change):
    """Layers that are missing on either side, which peft passes over, and layers of another size."""
    config, _ = foreign_adapter(tmp_path)
    other = ModelConfig(architecture=ARCHITECTURE | change, context_length=64)
    shutil.rmtree(tmp_path / "base")
    save_model(load_initial(other, 1, tokenizer_files()), tmp_path / "base")
    with pytest.raises(BelleError, match=r"model\.adapter=.*adapter is for another base: its layers") as caught:
        load_initial(config, 1, tokenizer_files())
    assert "\n" not in str(caught.value)


def test_an_adapter_in_the_place_of_a_checkpoint_is_told_from_one(tmp_path):
    config, _ = foreign_adapter(tmp_path)
    with pytest.raises(
        BelleError, match=r"is an adapter; say model\.checkpoint=<its base, here .*base> model\.adapter="
    ):
        check_checkpoint(ModelConfig(checkpoint=config.adapter))
    with pytest.raises(BelleError, match=r"needs its base; say model\.checkpoint="):
        check_checkpoint(ModelConfig(adapter=config.adapter, architecture=ARCHITECTURE))
    with pytest.raises(BelleError, match=r"there is no adapter_config\.json in it"):
        check_checkpoint(replace(config, adapter=config.checkpoint))


def test_more_tokens_than_rows_are_refused(tmp_path):
    small = load_initial(CONFIG, 1, tokenizer_files())
    small.model.resize_token_embeddings(50)
    save_model(small, tmp_path)
    with pytest.raises(BelleError, match=r"the tokenizer has \d+ tokens, the model embeds only 50"):
        load_initial(ModelConfig(checkpoint=str(tmp_path)), 1, tokenizer_files())


def test_unknown_template_names_the_nearest():
    with pytest.raises(BelleError, match="did you mean 'belle'"):
        load_initial(ModelConfig(architecture=ARCHITECTURE, template="bele"), 1, tokenizer_files())


def skeleton(model):
    """What a process has to know to receive a model: every weight and buffer, and which are one and the same."""
    named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    first: dict[int, str] = {}
    return [(name, t.shape, t.dtype, t.requires_grad, first.setdefault(id(t), name)) for name, t in named]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_without_weights_a_model_is_the_same_but_for_their_content(family, dtype, tmp_path):
    with torch.random.fork_rng():
        AutoModelForCausalLM.from_config(AutoConfig.for_model(**FAMILIES[family][0], vocab_size=400)).save_pretrained(
            tmp_path
        )
    whole = load_weights(tmp_path, dtype)
    with torch.device("meta"):
        hollow = load_weights(tmp_path, dtype)
    assert skeleton(hollow) == skeleton(whole)
    assert all(t.is_meta for t in (*hollow.parameters(), *hollow.buffers()))


@pytest.mark.parametrize("strategy", ["fsdp", "deepspeed_zero3"])
def test_only_the_first_process_of_a_divided_run_reads_weights(strategy, tmp_path):
    """Of an initial model, and of an adapter in its base."""
    made = train_lora(LoraConfig(objective=SftConfig(), epochs=0.1), training_context(tmp_path / "s" / "Adapter" / "a"))
    for start in (None, made):
        context = training_context(tmp_path / "s" / "Model" / "b", start=start, devices=2, strategy=strategy)
        first, second = (load_start(replace(context, rank=rank)).model for rank in (0, 1))
        assert skeleton(first) == skeleton(second) and all(p.requires_grad for p in first.parameters())
        assert [model.device.type for model in (first, second)] == ["cpu", "meta"]
