"""DeepSpeed ZeRO: optimizer state, gradients (stage 2) and weights (stage 3) are divided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import deepspeed
import torch
from deepspeed.utils import safe_get_full_fp32_param
from lightning_fabric.plugins.environments import TorchElasticEnvironment
from torch import Tensor, distributed, nn

from belle_core.strategies import Strategy as Choice
from belle_core.training.sharing.alone import holding
from belle_core.training.sharing.engine import (
    Precision,
    Strategy,
    flats,
    gathered,
    persist,
    put_whole,
    unwatched,
    whole_weights,
)
from belle_core.training.sharing.several import Several, first_says, received


class Zero(Several):
    """DeepSpeed ZeRO of the stage that *choice* names."""

    def __init__(self, rank: int, ranks: int, choice: Choice, clip: float) -> None:
        super().__init__(rank, ranks)
        self.choice, self.limit = choice, clip
        self.half = False
        """Weights are computed with in bfloat16."""

    def options(self, precision: str) -> dict[str, Any]:
        """Half precisions hold bfloat16 weights, and float32 ones beside the optimizer."""
        self.half = precision != "32-true"
        strategy = Strategy(config=self.settings(), cluster_environment=TorchElasticEnvironment())
        return {"strategy": strategy, "plugins": [Precision("bf16-mixed" if self.half else "32-true")]}

    def settings(self) -> dict[str, Any]:
        """DeepSpeed's configuration; ``step()`` ends an accumulation, whatever the number of passes."""
        gpu = torch.cuda.is_available()
        host = {"device": "cpu", "pin_memory": gpu}
        zero: dict[str, Any] = {"stage": self.choice.stage, "overlap_comm": gpu and self.choice.stage == 2}
        if self.choice.offload:
            zero |= {"offload_optimizer": host} | ({"offload_param": host} if self.choice.stage == 3 else {})
        return {
            "train_micro_batch_size_per_gpu": 1,
            "managed_gradient_accumulation": False,
            "gradient_clipping": self.limit,
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,
            "data_types": {"grad_accum_dtype": "fp32"},
            "zero_optimization": zero,
        }

    def agreed(self, flag: bool) -> bool:
        """At stage 3 the others have no weights yet to find it out."""
        return first_says(flag) if self.choice.divides else flag

    def divide(self, module: Any) -> None:
        """Stage 3 divides each weight as soon as it is there."""
        if not self.choice.divides:
            return
        config = module.trainer.strategy.config
        divider = deepspeed.zero.Init(module=nn.Module(), config_dict_or_path=config)
        for model in filter(None, (module.objective.frozen_model, module.model)):
            for tensor in received(list(model.modules()), module.device, self.rank):
                if isinstance(tensor, nn.Parameter):
                    if self.half and tensor.is_floating_point():
                        tensor.data = tensor.data.bfloat16()
                    divider._convert_to_zero_parameters([tensor])
        if module.objective.frozen_model is not None:  # gets what puts its weights together as it is called
            deepspeed.initialize(model=module.objective.frozen_model, config=config, dist_init_required=False)

    def callee(self, module: Any) -> Any:
        """The engine, which has to see each pass."""
        return module.trainer.strategy.model

    def backward(self, module: Any, *, last: bool) -> Any:
        """DeepSpeed averages, hence the factor."""
        return nullcontext(float(self.ranks))

    def learned(self, p: Tensor) -> bool:
        """Gradients are taken away as they come."""
        return True

    def clip(self, module: Any, limit: float) -> Tensor:
        """DeepSpeed does it in the update."""
        return torch.zeros((), device=module.device)

    def norm(self, module: Any, clipped: float) -> float:
        """What DeepSpeed found in the update."""
        return float(self.callee(module).get_global_grad_norm())

    @contextmanager
    def independent(self, model: nn.Module) -> Iterator[None]:
        """Stage 3 puts all weights together at once; up to stage 2 they are whole anyway."""
        divided: Any = next((p._z3_optimizer for p in model.parameters() if hasattr(p, "_z3_optimizer")), None)
        if divided is None:
            yield
            return
        with gathered(*model.parameters()), unwatched(divided.parameter_offload):
            yield
        persist(divided)

    def parts(self, module: Any) -> list[Tensor]:
        """The float32 weights, cut where DeepSpeed cuts them."""
        return [flat.data for flat in flats(module.trainer.strategy.optimizers[0])]

    def changed(self, module: Any) -> None:
        """What is computed with follows, as it does after an update."""
        divided = module.trainer.strategy.optimizers[0]
        if self.choice.stage < 3:
            divided.update_lp_params()
            return
        divided._partition_all_parameters()
        for number in range(len(divided.fp16_groups)):
            divided._reassign_or_swap_out_partitioned_parameters(number)
        persist(divided)

    def whole(self, module: Any, parts: Sequence[Tensor]) -> dict[str, Tensor]:
        """DeepSpeed puts together what is in its own tensors, so *parts* go there for the time."""
        with holding(self.parts(module), parts):
            return whole_weights(module.trainable, first=self.rank == 0)

    def share(self, module: Any, whole: Mapping[str, Tensor]) -> list[Tensor]:
        """Likewise the other way round."""
        parts = self.parts(module)
        with holding(parts, parts):
            for name, p in module.trainable:
                put_whole(p, whole[name])
            return [part.clone() for part in parts]

    def gather(self, model: nn.Module) -> None:
        """The whole weights, one after the other, in the host memory of the first process."""
        whole: dict[int, tuple[nn.Parameter, nn.Parameter]] = {}  # tied weights stay tied
        for owner in list(model.modules()):
            for name, p in list(owner.named_parameters(recurse=False)):
                if id(p) not in whole:
                    whole[id(p)] = p, nn.Parameter(self._whole(p), p.requires_grad)
                if self.rank == 0:
                    owner._parameters[name] = whole[id(p)][1]
        distributed.barrier()

    def _whole(self, p: Any) -> Tensor:
        tensor = safe_get_full_fp32_param(p) if p.requires_grad else None
        with gathered(p) if tensor is None else nullcontext(), torch.no_grad():
            tensor = p.data if tensor is None else tensor
            return tensor.detach().to("cpu", copy=True) if self.rank == 0 else torch.empty(0, dtype=tensor.dtype)
