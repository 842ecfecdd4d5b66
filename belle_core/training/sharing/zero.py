"""DeepSpeed ZeRO through Lightning: optimizer state, gradients (stage 2) and weights (stage 3) are divided."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from io import StringIO
from typing import Any

import deepspeed
import torch
from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state
from lightning_fabric.plugins.environments import TorchElasticEnvironment
from lightning_fabric.utilities.seed import reset_seed
from pytorch_lightning.plugins.precision import DeepSpeedPrecision
from pytorch_lightning.strategies import DeepSpeedStrategy
from pytorch_lightning.strategies.ddp import DDPStrategy
from torch import Tensor, distributed, nn

from belle_core.errors import BelleError
from belle_core.strategies import Strategy as Choice
from belle_core.training.sharing.several import Several

STATES = ("exp_avg", "exp_avg_sq")
"""What AdamW keeps of each weight."""


class Precision(DeepSpeedPrecision):
    """Leaves batches as they are: weights of labels stay in float32."""

    def convert_input(self, data: Any) -> Any:
        """*data* itself."""
        return data


class Strategy(DeepSpeedStrategy):
    """On CPUs too; the engine is that of the language model alone, which makes several passes in a step.

    The state is saved as one file, as one process does it, so that it fits any number of processes and every strategy.
    """

    def setup_environment(self) -> None:
        """As for DDP: Lightning would refuse CPUs."""
        DDPStrategy.setup_environment(self)

    def setup_distributed(self) -> None:
        """Without the check of the devices' numbers, which CPUs have none of."""
        reset_seed()
        self.set_world_ranks()
        with redirect_stdout(StringIO()):  # it tells what it compiles
            self._init_deepspeed_distributed()

    @property
    def root_device(self) -> torch.device:
        """This process's device."""
        assert self.parallel_devices is not None
        cpu = self.parallel_devices[0].type == "cpu"
        return torch.device("cpu") if cpu else self.parallel_devices[self.local_rank]

    def _setup_model_and_optimizer(self, model: Any, optimizer: Any, lr_scheduler: Any = None) -> tuple[Any, Any]:
        if type(optimizer) is not torch.optim.AdamW:
            raise BelleError(
                f"DeepSpeed divides the state of AdamW, not of {type(optimizer).__name__}; say train/optimizer=adamw, or trainer.strategy=ddp",
                f"DeepSpeed 只能切分 AdamW 的状态，不支持 {type(optimizer).__name__}；请使用 train/optimizer=adamw 或 trainer.strategy=ddp",
            )
        self.groups = [list(group["params"]) for group in optimizer.param_groups]
        engine, divided, _, _ = deepspeed.initialize(
            args=argparse.Namespace(device_rank=self.local_rank),
            config=self.config,
            model=model.model,
            model_parameters=[p for p in model.parameters() if p.requires_grad],
            optimizer=optimizer,
            dist_init_required=False,
        )
        return engine, divided

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """The module's own; it calls the engine pass by pass."""
        assert self.lightning_module is not None
        return self.lightning_module.training_step(*args, **kwargs)

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """What trains, in float32, on the first process."""
        module: Any = self.lightning_module
        return {
            name: value
            for name, p in module.trainable
            if (value := self._first(safe_get_full_fp32_param(p))) is not None
        }

    def optimizer_state(self, optimizer: Any) -> dict[str, Any]:
        """As AdamW of one process has it, on the first process."""
        state: dict[int, dict[str, Any]] = {}
        step = torch.tensor(float(self.lightning_module.done))  # type: ignore[union-attr, arg-type]
        for number, p in enumerate(p for group in self.groups for p in group):
            found = {key: self._first(safe_get_full_optimizer_state(p, key)) for key in STATES}
            state[number] = {"step": step.clone(), **found}  # one for all would be counted up once for each
        return {"state": state, "param_groups": self._plain_groups(optimizer)} if self.is_global_zero else {}

    def _plain_groups(self, optimizer: Any) -> list[dict[str, Any]]:
        plain, first = [], 0
        for group, params in zip(optimizer.param_groups, self.groups, strict=True):
            numbers = list(range(first, first := first + len(params)))
            plain.append({key: value for key, value in group.items() if key != "params"} | {"params": numbers})
        return plain

    def _first(self, tensor: Tensor | None) -> Tensor | None:
        return tensor.detach().float().cpu() if tensor is not None and self.is_global_zero else None

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:
        """One file by the first process."""
        if self.is_global_zero:
            self.checkpoint_io.save_checkpoint(checkpoint, filepath)
        self.barrier()

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = True) -> dict[str, Any]:
        """Each process takes its part of the weights and of the optimizer's state."""
        state: dict[str, Any] = self.checkpoint_io.load_checkpoint(checkpoint_path)
        module: Any = self.lightning_module
        weights, saved = state["state_dict"], state["optimizer_states"][0]
        states = [saved["state"][n] for group in saved["param_groups"] for n in group["params"]]
        for name, p in module.trainable:
            if name in weights:
                self._put(p, weights[name])
        self._make_states(float(states[0]["step"]))
        for p, values in zip((p for group in self.groups for p in group), states, strict=True):
            for key in STATES:
                self._put(p, values[key], key)
        return state

    def _put(self, p: Any, value: Tensor, key: str | None = None) -> None:
        value = value.to(self.root_device, torch.float32)
        if hasattr(p, "ds_id"):  # DeepSpeed's own function forgets that the last part may be filled up
            divided: Any = p._z3_optimizer
            part, _ = divided._get_fp32_opt_state_partition(p, release_swap_buffers=False, optim_state_key=key)
            begin = part.numel() * divided._get_param_partition_rank(p)
            own = value.flatten()[begin : begin + part.numel()]
            part.data[: own.numel()].copy_(own)
        else:
            p.set_full_hp_param(value, key)
        if key is None:
            with (
                deepspeed.zero.GatheredParameters([p], modifier_rank=0) if hasattr(p, "ds_id") else nullcontext(),
                torch.no_grad(),
            ):
                p.data.copy_(value)

    def _make_states(self, step: float) -> None:
        """AdamW makes them in its first step, which was in an earlier process."""
        divided: Any = self.optimizers[0]
        third = hasattr(divided, "fp32_partitioned_groups_flat")
        for flat in divided.fp32_partitioned_groups_flat if third else divided.single_partition_of_fp32_groups:
            divided.optimizer.state[flat] = {
                "step": torch.tensor(step),
                **{key: torch.zeros_like(flat) for key in STATES},
            }
        if not third:
            divided._lazy_init_hp_params_optimizer_state()


class Zero(Several):
    """DeepSpeed ZeRO of the stage that *choice* names."""

    divides = True

    def __init__(self, rank: int, ranks: int, choice: Choice, clip: float) -> None:
        super().__init__(rank, ranks)
        self.choice, self.limit = choice, clip

    def options(self, precision: str) -> dict[str, Any]:
        """Half precisions hold bfloat16 weights, and float32 ones beside the optimizer."""
        strategy = Strategy(config=self.settings(), cluster_environment=TorchElasticEnvironment())
        return {"strategy": strategy, "plugins": [Precision("32-true" if precision == "32-true" else "bf16-mixed")]}

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

    def norm(self, module: Any, clipped: Tensor) -> Tensor:
        """What DeepSpeed found in the update."""
        return torch.as_tensor(float(self.callee(module).get_global_grad_norm()))

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


@contextmanager
def gathered(p: Any) -> Iterator[None]:
    """A weight of stage 3 as a whole."""
    if not hasattr(p, "ds_id"):
        yield
        return
    with deepspeed.zero.GatheredParameters([p]):
        yield
