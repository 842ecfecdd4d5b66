"""Lightning's DeepSpeed strategy, made to work on CPUs and to save states that fit every strategy."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import deepspeed
import torch
from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state
from lightning_fabric.utilities.seed import reset_seed
from pytorch_lightning.plugins.precision import DeepSpeedPrecision
from pytorch_lightning.strategies import DeepSpeedStrategy
from pytorch_lightning.strategies.ddp import DDPStrategy
from torch import Tensor

from belle_core.errors import BelleError
from belle_core.training.optimizer import ELEMENTWISE
from belle_core.training.resuming import readable


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
        if not getattr(optimizer, ELEMENTWISE, False):
            raise BelleError(
                f"DeepSpeed cuts weights anywhere, and {type(optimizer).__name__} needs each of them as it is; "
                "say train/optimizer=adamw or lion, or trainer.strategy=ddp",
                f"DeepSpeed 会在任意位置切分权重，而 {type(optimizer).__name__} 需要完整的权重；"
                "请使用 train/optimizer=adamw 或 lion，或 trainer.strategy=ddp",
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
        return whole_weights(module.trainable, first=self.is_global_zero)

    def optimizer_state(self, optimizer: Any) -> dict[str, Any]:
        """As the optimizer of one process has it, on the first process."""
        link(optimizer)
        flat = flats(optimizer)[0]
        kept = optimizer.optimizer.state[flat]
        divided = [key for key, value in kept.items() if isinstance(value, Tensor) and value.shape == flat.shape]
        state: dict[int, dict[str, Any]] = {}
        for number, p in enumerate(p for group in self.groups for p in group):
            common = {key: own(value) for key, value in kept.items() if key not in divided}
            whole = {key: first(safe_get_full_optimizer_state(p, key), self.is_global_zero) for key in divided}
            state[number] = common | whole
        return {"state": state, "param_groups": self._plain_groups(optimizer)} if self.is_global_zero else {}

    def _plain_groups(self, optimizer: Any) -> list[dict[str, Any]]:
        plain, begin = [], 0
        for group, params in zip(optimizer.param_groups, self.groups, strict=True):
            numbers = list(range(begin, begin := begin + len(params)))
            plain.append({key: value for key, value in group.items() if key != "params"} | {"params": numbers})
        return plain

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any = None) -> None:
        """One file by the first process."""
        if self.is_global_zero:
            self.checkpoint_io.save_checkpoint(checkpoint, filepath)
        self.barrier()

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = True) -> dict[str, Any]:
        """Each process takes its part of the weights and of the optimizer's state; raises ``BelleError`` for a damaged file."""
        with readable(checkpoint_path):
            state: dict[str, Any] = torch.load(checkpoint_path, mmap=True, map_location="cpu", weights_only=True)
        module: Any = self.lightning_module
        weights, saved = state["state_dict"], state.pop("optimizer_states")[0]
        states = [_unwrapped(saved["state"][n]) for group in saved["param_groups"] for n in group["params"]]
        params = [p for group in self.groups for p in group]
        for name, p in module.trainable:
            if name in weights:
                put_whole(p, weights[name])
                with gathered(p, modifier_rank=0), torch.no_grad():
                    p.data.copy_(weights[name])
        shape = getattr(params[0], "ds_shape", params[0].shape)
        divided = [key for key, value in states[0].items() if isinstance(value, Tensor) and value.shape == shape]
        self._make_states({key: value for key, value in states[0].items() if key not in divided}, divided)
        for p, values in zip(params, states, strict=True):
            for key in divided:
                put_whole(p, values[key], key)
        return state

    def _make_states(self, common: dict[str, Any], divided: list[str]) -> None:
        """An optimizer makes them in its first step, which was in an earlier process."""
        engine: Any = self.optimizers[0]
        for flat in flats(engine):
            engine.optimizer.state[flat] = {
                **{key: own(value, flat.device) for key, value in common.items()},
                **{key: torch.zeros_like(flat) for key in divided},
            }
        link(engine)


def link(divided: Any) -> None:
    """Tell stages 1 and 2 where the optimizer's states lie.

    DeepSpeed does so after the first group of weights was updated for the first time, when the others have none yet.
    """
    if hasattr(divided, "_lazy_init_hp_params_optimizer_state"):
        divided._hp_optimizer_states_linked = False
        divided._lazy_init_hp_params_optimizer_state()


def flats(divided: Any) -> list[Tensor]:
    """This process's part of the float32 weights, group by group."""
    third = hasattr(divided, "fp32_partitioned_groups_flat")
    parts: list[Tensor] = divided.fp32_partitioned_groups_flat if third else divided.single_partition_of_fp32_groups
    return parts


def whole_weights(trainable: list[tuple[str, Any]], *, first: bool) -> dict[str, Tensor]:
    """The float32 weights by name where *first*; all processes must ask together."""
    found = ((name, safe_get_full_fp32_param(p)) for name, p in trainable)
    return {name: value.detach().cpu() for name, value in found if value is not None and first}


def put_whole(p: Any, value: Tensor, key: str | None = None) -> None:
    """Write this process's part of *value* into the float32 weight, or what the optimizer keeps of it under *key*."""
    value = value.to(p.device, torch.float32)
    if hasattr(p, "ds_id"):  # DeepSpeed's own function forgets that the last part may be filled up
        divided: Any = p._z3_optimizer
        part, _ = divided._get_fp32_opt_state_partition(p, release_swap_buffers=False, optim_state_key=key)
        begin = part.numel() * divided._get_param_partition_rank(p)
        mine = value.flatten()[begin : begin + part.numel()]
        part.data[: mine.numel()].copy_(mine)
    else:
        p.set_full_hp_param(value, key)


@contextmanager
def gathered(*weights: Any, modifier_rank: int | None = None) -> Iterator[None]:
    """Weights of stage 3 as wholes."""
    if not hasattr(weights[0], "ds_id"):
        yield
        return
    with deepspeed.zero.GatheredParameters(weights, modifier_rank=modifier_rank):
        yield


def persist(divided: Any) -> None:
    """Put those weights of stage 3 together that DeepSpeed wants whole all the time, because they are small."""
    if divided.persistent_parameters:
        divided.persistent_parameters[0].all_gather(divided.persistent_parameters)


@contextmanager
def unwatched(offload: Any) -> Iterator[None]:
    """Without the hooks by which stage 3 fetches and frees weights: processes can call the model at different times."""
    handles = [*offload.forward_hooks, *offload.backward_hooks, offload.fwd_pre_hook]
    hooks = {id(known): known for handle in handles for known in [handle.hooks_dict_ref()]}
    before = [(known, dict(known)) for known in hooks.values()]
    for handle in handles:
        handle.hooks_dict_ref().pop(handle.id)
    try:
        yield
    finally:
        for known, all_of_them in before:
            known.clear()
            known.update(all_of_them)


def first(tensor: Tensor | None, here: bool) -> Tensor | None:
    """In float32 in the host's memory where it is kept."""
    return tensor.detach().float().cpu() if tensor is not None and here else None


def own(value: Any, device: Any = "cpu") -> Any:
    """A copy: a counter that several share would be counted up once for each."""
    return value.detach().to(device, copy=True) if isinstance(value, Tensor) else value


def _unwrapped(state: dict[str, Any]) -> dict[str, Any]:
    """Without the dictionary into which bitsandbytes puts some of it."""
    plain: dict[str, Any] = {}
    for key, value in state.items():
        plain |= value if isinstance(value, dict) else {key: value}
    return plain
