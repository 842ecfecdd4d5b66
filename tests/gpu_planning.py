"""What ``belle plan`` says of GPUs, counted on tensors that are on one: what was trained on 40 GB fits there, what could not be does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from belle_full.config import FullConfig
from belle_lora.config import LoraConfig, QloraConfig
from pretended_gpu import gpu  # noqa: F401 (a fixture)

from belle_core.config import TrainerConfig
from belle_core.planning.device import CONTEXT, Device
from belle_core.planning.fitting import Need
from belle_core.planning.method import Method, Precision
from belle_core.planning.passes import Pass
from belle_core.strategies import STRATEGIES
from belle_core.training.skeleton import Skeleton

A100 = Device("cuda", 40960 << 20, 8)
LLAMA = {"model_type": "llama", "vocab_size": 32000, "max_position_embeddings": 2048, "tie_word_embeddings": False}
SIZES = {
    "tiny": {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4},
    "7b": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
    "13b": {"hidden_size": 5120, "intermediate_size": 13824, "num_hidden_layers": 40, "num_attention_heads": 40},
}
METHODS = {"full": FullConfig(), "lora": LoraConfig(), "nf4": QloraConfig(), "int8": QloraConfig(format="int8")}
GB = 10**9


def need(size, method, *, stored="bfloat16", setting="auto", strategy="single", ranks=1, kind="cuda") -> Need:
    section = METHODS[method]
    if method in ("nf4", "int8"):
        pytest.importorskip("bitsandbytes")
    frozen = isinstance(section, LoraConfig)
    trainer = TrainerConfig(precision=setting)
    skeleton = Skeleton(LLAMA | SIZES[size], section, trainer, stored=stored, frozen=frozen, logits="parts", kind=kind)
    precision, share = Precision.of(setting, stored, frozen=frozen), STRATEGIES.get(strategy)
    one = Need(skeleton, precision, Method(adapter=frozen), None, longest=1024, step=128 * 1024, checkpointing=True)
    return replace(one, strategy=share or one.strategy, ranks=ranks)


@pytest.mark.parametrize(
    ("method", "setting"),
    [
        ("nf4", "bf16-mixed"),
        pytest.param("full", "bf16-mixed", marks=pytest.mark.slow),
        pytest.param("lora", "32-true", marks=pytest.mark.slow),
        pytest.param("int8", "bf16-true", marks=pytest.mark.slow),
    ],
)
def test_every_method_is_counted_there(method, setting, gpu):  # noqa: F811
    found = need("tiny", method, setting=setting, stored="float32")
    assert found.skeleton.packs(1024) and found.share(2, A100).device.activations > 0
    assert found.skeleton.laid_out(1) == 0 and found.share(1, A100).device.heap == 0
    assert found.share(1, A100).device.program == CONTEXT


@pytest.mark.slow
def test_a_float32_file_is_copied_for_every_product(gpu):  # noqa: F811
    one = Pass(64, 64)
    single, mixed = (need("tiny", "lora", setting=s, stored="float32").skeleton for s in ("32-true", "bf16-mixed"))
    assert mixed.peak(one)[0] > single.peak(one)[0] / 2 + single.block  # the copies are kept for the backward pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "method", "least", "most"),
    [
        ("7b", "lora", 14, 18),
        ("13b", "lora", 27, 32),
        ("7b", "nf4", 4.5, 7),
        ("13b", "nf4", 8, 12),
        ("7b", "int8", 8, 12),
    ],
)
def test_adapters_fit_one_gpu(size, method, least, most, gpu):  # noqa: F811
    """Published: QLoRA of 7B in about 5 GB beside activations (arXiv 2305.14314, figure 6), LoRA of 7B and 13B on A100-40GB (arXiv 2304.08109)."""
    found = need(size, method)
    assert found.largest(A100) >= 4
    assert least * GB < found.share(1, A100).device.total < most * GB


@pytest.mark.slow
def test_full_tuning_of_7b_needs_several(gpu):  # noqa: F811
    """16 bytes a weight on one; arXiv 2304.08109 had 8 GPUs with 40 GB."""
    alone = need("7b", "full")
    assert alone.share(1, A100).device.total > 16 * alone.skeleton.parameters and alone.largest(A100) == 0
    assert replace(alone, strategy=STRATEGIES["ddp"], ranks=8).largest(A100) == 0
    for name in ("fsdp", "deepspeed_zero2", "deepspeed_zero3", "deepspeed_zero3_offload"):
        assert replace(alone, strategy=STRATEGIES[name], ranks=8).largest(A100) >= 1, name
