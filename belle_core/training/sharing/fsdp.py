"""Weights, gradients and optimizer state are divided (PyTorch FSDP2); a layer is put together while it is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric.plugins.environments import TorchElasticEnvironment
from lightning_fabric.strategies.model_parallel import _load_raw_module_state
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import Tensor, distributed, nn
from torch.distributed._functional_collectives import AsyncCollectiveTensor
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, set_optimizer_state_dict
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from belle_core.training.resuming import readable
from belle_core.training.sharing.alone import held
from belle_core.training.sharing.several import Several, first_says, received


class Strategy(ModelParallelStrategy):
    """Saves the state as one file, so that it fits any number of processes and every other strategy."""

    def __init__(self, ranks: int) -> None:
        super().__init__(data_parallel_size=ranks, tensor_parallel_size=1, save_distributed_checkpoint=False)
        self.cluster_environment = TorchElasticEnvironment()
        self.attributes: dict[str, dict[str, Any]] = {}
        """What the weights carried, by name, such as LoRA+'s ``rate_factor``; divided ones have forgotten it."""

    def setup_optimizers(self, trainer: Any) -> None:
        """The weights get their attributes back before they are sorted into groups."""
        module: Any = self.lightning_module
        for name, p in module.model.named_parameters():
            vars(p).update(self.attributes.get(name, {}))
        super().setup_optimizers(trainer)

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """What trains, on the first process; a frozen base is not put together for nothing."""
        options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
        return get_model_state_dict(self.model, options=options)  # type: ignore[arg-type]

    def optimizer_state(self, optimizer: Any) -> dict[str, Any]:
        """Numbered as PyTorch does it, group by group; Lightning counts weights that do not train, too."""
        state = super().optimizer_state(optimizer)
        if not state:
            return state
        numbers = {old: new for new, old in enumerate(n for group in state["param_groups"] for n in group["params"])}
        groups = [group | {"params": [numbers[n] for n in group["params"]]} for group in state["param_groups"]]
        return {"state": {numbers[n]: value for n, value in state["state"].items()}, "param_groups": groups}

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = True) -> dict[str, Any]:
        """Puts weights and optimizer state into their places; raises ``BelleError`` when the file is damaged."""
        with readable(checkpoint_path):
            state: dict[str, Any] = torch.load(checkpoint_path, mmap=True, map_location="cpu", weights_only=True)
        module: Any = self.model
        _load_raw_module_state(dict(state["state_dict"]), module, strict=False)
        saved, optimizer = state.pop("optimizer_states")[0], self.optimizers[0]
        names = {id(p): name for name, p in module.named_parameters()}
        groups = [group | {"params": [names[id(p)] for p in group["params"]]} for group in optimizer.param_groups]
        numbers = [n for group in saved["param_groups"] for n in group["params"]]
        called = dict(zip(numbers, (name for group in groups for name in group["params"]), strict=True))
        named: dict[str, Any] = {
            "state": {called[n]: value for n, value in saved["state"].items()},
            "param_groups": groups,
        }
        options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True, strict=False)
        set_optimizer_state_dict(module, optimizer, optim_state_dict=named, options=options)
        return state | {"state_dict": dict.fromkeys(state["state_dict"])}


class Fsdp(Several):
    """Fully sharded data parallel."""

    def options(self, precision: str) -> dict[str, Any]:
        """Lightning's ``ModelParallelStrategy`` with data parallelism alone."""
        return {"precision": held(precision), "strategy": Strategy(self.ranks)}

    def agreed(self, flag: bool) -> bool:
        """The others have no weights yet to find it out."""
        return first_says(flag)

    def divide(self, module: Any) -> None:
        """Each decoder layer is a unit, all the rest another."""
        mesh = module.device_mesh["data_parallel"]
        for model in filter(None, (module.objective.frozen_model, module.model)):
            if any(isinstance(p, DTensor) for p in model.parameters()):
                return
            module.trainer.strategy.attributes = {
                name: vars(p) for name, p in model.named_parameters() if p.requires_grad
            }
            seen: set[nn.Module] = set()
            for unit in (*layers_of(model), model):
                new = [part for part in unit.modules() if part not in seen]
                make_plain(new)
                for _ in received(new, module.device, self.rank):
                    pass
                fully_shard(unit, mesh=mesh)
                seen.update(unit.modules())

    @contextmanager
    def independent(self, model: nn.Module) -> Iterator[None]:
        """All layers are put together at once, and stay so."""
        units = [unit for unit in model.modules() if isinstance(unit, FSDPModule)]
        for unit in units:
            unit.set_reshard_after_forward(False, recurse=False)
            unit.unshard()
        try:
            yield
        finally:
            for unit in units:
                unit.set_reshard_after_forward(unit is not model, recurse=False)
                unit.reshard()

    def parts(self, module: Any) -> list[Tensor]:
        """The shards; what was put together for a forward pass is taken apart."""
        self.changed(module)
        return [p.to_local().detach() for _, p in module.trainable]

    def changed(self, module: Any) -> None:
        """Layers are put together anew."""
        for unit in module.model.modules():
            if isinstance(unit, FSDPModule):
                unit.reshard()

    def whole(self, module: Any, parts: Sequence[Tensor]) -> dict[str, Tensor]:
        """One weight after the other, in the host memory of the first process."""
        found = {}
        for (name, p), part in zip(module.trainable, parts, strict=True):
            where = {"shape": p.shape, "stride": p.stride(), "run_check": False}
            tensor = DTensor.from_local(part, p.device_mesh, p.placements, **where).full_tensor()
            if self.rank == 0:
                found[name] = tensor.cpu()
        return found

    def share(self, module: Any, whole: Mapping[str, Tensor]) -> list[Tensor]:
        """Each process cuts out its shards."""
        self.changed(module)
        return [
            distribute_tensor(
                whole[name].float().to(p.device), p.device_mesh, p.placements, src_data_rank=None
            ).to_local()
            for name, p in module.trainable
        ]

    @contextmanager
    def backward(self, module: Any, *, last: bool) -> Iterator[float]:
        """Synchronized each time: gradients of the whole model would not fit; they are averaged, hence the factor."""
        yield float(self.ranks)

    def clip(self, module: Any, limit: float) -> Tensor:
        """By the norm over all ranks."""
        norm = super().clip(module, limit)
        return norm.full_tensor() if isinstance(norm, DTensor) else norm

    def gather(self, model: nn.Module) -> None:
        """The whole weights, one after the other, in the host memory of the first process."""
        whole: dict[int, nn.Parameter] = {}  # tied weights stay tied
        for owner in list(model.modules()):
            for name, p in list(owner.named_parameters(recurse=False)):
                if isinstance(p, DTensor) and id(p) not in whole:
                    tensor = p.full_tensor()
                    tensor = tensor.wait() if isinstance(tensor, AsyncCollectiveTensor) else tensor
                    whole[id(p)] = nn.Parameter(
                        tensor.cpu() if self.rank == 0 else tensor.new_empty(0), p.requires_grad
                    )
                if self.rank == 0 and id(p) in whole:
                    owner._parameters[name] = whole[id(p)]
        for part in model.modules():
            part._state_dict_pre_hooks.clear()  # they would put the divided weights back
            part._load_state_dict_post_hooks.clear()
            if isinstance(part, FSDPModule):
                part.__class__ = type(part).__bases__[-1]  # the class that it had before
        distributed.barrier()  # who is done first would leave, and break what the others are still at


def make_plain(parts: list[nn.Module]) -> None:
    """Weights with a class of their own, such as quantized ones, are divided as what they hold."""
    for part in parts:
        for name, p in part._parameters.items():
            if p is not None and type(p) is not nn.Parameter:
                part._parameters[name] = nn.Parameter(p.detach().as_subclass(Tensor), p.requires_grad)


def layers_of(model: nn.Module) -> list[nn.Module]:
    """The modules that the architecture says not to take apart."""
    names = {name for module in model.modules() for name in getattr(module, "_no_split_modules", None) or ()}
    return [module for module in model.modules() if type(module).__name__ in names]
