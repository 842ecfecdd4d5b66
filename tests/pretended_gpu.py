"""A GPU for machines without one: tensors that say ``cuda:0``, hold their numbers on the CPU and refuse what CUDA refuses.

PyTorch's autograd gets what it needs to believe in the device (a guard, and with it a thread for backward passes); every operation
is checked, and then carried out on the CPU. So what mixes devices is found, what only CPUs have a kernel for, and where the host
would wait for the device. What the kernels of a real one compute, and how fast, is not.
"""

from __future__ import annotations

import ctypes
import traceback
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning.accelerators import CUDAAccelerator
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

from belle_core.commands import machine
from belle_core.training import gauges
from belle_core.training.fast import contents

aten = torch.ops.aten
CUDA = torch.device("cuda:0")
WAITS = {
    "_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "bincount", "_unique2", "unique_consecutive",
    "_linalg_svd", "linalg_svd", "linalg_qr", "histc",
}  # fmt: skip
"""Operations whose result the host waits for, or that find out a size on the device."""
ANYWHERE = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "copy_", "_to_copy", "set_"}
"""Operations that take tensors of two devices: indices may be on the CPU, and copies are what brings numbers over."""
LATER: list[Any] = []
"""What C++ has pointers to; it has to outlive everything."""


@cache
def _believe() -> bool:
    """Give PyTorch's C++ what a build without CUDA lacks: a device guard, and the answer that there is a device."""
    folder = Path(torch.__file__).parent / "lib"
    try:
        c10, cpu = ctypes.CDLL(str(folder / "libc10.so")), ctypes.CDLL(str(folder / "libtorch_cpu.so"))
        guards = (ctypes.c_void_p * 2).in_dll(c10, "_ZN3c104impl26device_guard_impl_registryE")
        hooks_of = cpu._ZN2at6detail12getCUDAHooksEv
    except (OSError, ValueError, AttributeError):
        return False
    if guards[1]:  # of a CUDA build
        return False
    none = ctypes.CFUNCTYPE(ctypes.c_longlong)(lambda: 0)
    yes = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1)
    methods = (ctypes.c_void_p * 64)(*[ctypes.cast(none, ctypes.c_void_p).value] * 64)
    guard = ctypes.c_void_p(ctypes.addressof(methods))
    guards[1] = ctypes.addressof(
        guard
    )  # counts no devices, whereupon the next line puts one that does nothing in its place
    torch._C._ensureCUDADeviceGuardSet()
    hooks_of.restype = ctypes.c_void_p
    hooks = ctypes.c_void_p.from_address(hooks_of())
    table = (ctypes.c_void_p * 128)(*(ctypes.c_void_p * 128).from_address(hooks.value))
    for place in (2, 3, 4):  # isBuilt, isAvailable, hasPrimaryContext
        table[place] = ctypes.cast(yes, ctypes.c_void_p).value
    LATER.extend([none, yes, methods, guard, table])
    hooks.value = ctypes.addressof(table)
    return guards[1] != ctypes.addressof(guard) and str(torch._C._accelerator_getAccelerator()) == "cuda"


class OnGpu(Tensor):
    """Says that it is on the GPU; ``inner`` holds the numbers."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> OnGpu:
        return Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype, device=CUDA
        )  # fmt: skip

    def __init__(self, inner: Tensor) -> None:
        assert type(inner) is Tensor, type(inner)
        self.inner = inner

    def __tensor_flatten__(self) -> Any:
        return ["inner"], None

    @staticmethod
    def __tensor_unflatten__(inner: Any, meta: Any, size: Any, stride: Any) -> OnGpu:
        return OnGpu(inner["inner"])

    def tolist(self) -> Any:
        """As of a real one, by way of the CPU."""
        return self.detach().cpu().tolist()

    def numpy(self, **_: Any) -> Any:
        """Refused, as of a real one."""
        raise TypeError(
            "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
        )

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"OnGpu({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return Gpu.current.__torch_dispatch__(func, types, args, kwargs)


class _Again:
    """Inside, a mode that has been left for one operation."""

    def __init__(self, mode: Gpu) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        TorchDispatchMode.__enter__(self.mode)

    def __exit__(self, *error: Any) -> None:
        TorchDispatchMode.__exit__(self.mode, *error)


class Mixed(Exception):
    """An operation was given tensors of two devices, or one that CUDA does not have."""


class Gpu(TorchDispatchMode):
    """Inside, there is a GPU; ``waits`` counts where the host waited for it."""

    current: Gpu

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        Gpu.current = self

    def __enter__(self) -> Gpu:
        self._lifted = torch._C._only_lift_cpu_tensors()
        torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(…, device="cuda") is made on the CPU and moved
        torch.__future__.set_swap_module_params_on_conversion(True)  # what is moved changes its class
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        torch.__future__.set_swap_module_params_on_conversion(False)
        torch._C._set_only_lift_cpu_tensors(self._lifted)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func._schema.name not in TWINS and torch._C._dispatch_has_kernel_for_dispatch_key(
            func.name(), "CompositeImplicitAutograd"
        ):
            with _Again(self):  # in inference mode autograd does not take them apart
                return func.decompose(*args, **kwargs)
        name = func._schema.name.split("::")[1]
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        here = any(isinstance(tensor, OnGpu) for tensor in tensors)
        wanted = torch.device(kwargs["device"]) if kwargs.get("device") is not None else None
        there = here if wanted is None else wanted.type == "cuda"
        if not (here or there or func._schema.name in ("aten::_pin_memory", "aten::is_pinned")):
            return func(*args, **kwargs)
        if func.namespace in ("mkldnn", "onednn") or name.startswith("mkldnn"):
            raise Mixed(f"{func} has no kernel for CUDA")
        if here and name not in ANYWHERE and (apart := [t for t in tensors if not isinstance(t, OnGpu) and t.ndim]):
            raise Mixed(f"{func} of tensors on cuda:0 and {apart[0].device}")
        self._count(name, args, tensors, wanted)
        if wanted is not None:
            kwargs["device"] = torch.device("cpu") if wanted.type == "cuda" else wanted
        twin = TWINS.get(func._schema.name)
        bare = tree_map_only(OnGpu, lambda tensor: tensor.inner, (args, kwargs))
        if twin:
            bare = [*bare[0], *(a.default_value for a in func._schema.arguments[len(args) :] if not a.kwarg_only)], {}
        made = (twin or func)(*bare[0], **bare[1])
        if name == "copy_" and not isinstance(args[0], OnGpu):
            return args[0]
        if not there:
            return made
        with torch.inference_mode(False):
            wrapped = tree_map_only(Tensor, OnGpu, made)
        return wrapped if twin else return_and_correct_aliasing(func, args, kwargs, wrapped)

    def _count(self, name: str, args: Any, tensors: list[Tensor], wanted: torch.device | None) -> None:
        by_mask = name in ("index", "index_put_", "_index_put_impl_") and any(
            isinstance(one, Tensor) and one.dtype in (torch.bool, torch.uint8) for one in args[1] if one is not None
        )
        back = name == "_to_copy" and wanted is not None and wanted.type == "cpu"
        back |= name == "copy_" and not isinstance(args[0], OnGpu)
        on_gpu = any(isinstance(tensor, OnGpu) for tensor in tensors)
        if on_gpu and (name in WAITS or by_mask or back or name == "repeat_interleave"):
            self.waits[_place()] += 1


def _flash(q: Tensor, k: Tensor, v: Tensor, ends: Tensor, *more: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Causal attention in packs, (tokens, heads, size), as its definition says."""
    out = torch.empty_like(q)
    for part in _parts(ends):
        shares, _, values = _one(q[part], k[part], v[part], *more[3:5])
        out[part] = (shares @ values).transpose(0, 1).to(q.dtype)
    return out, torch.zeros(q.shape[1], len(q)), torch.zeros(2, dtype=torch.uint64)


def _flash_back(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, _: Any, __: Any, ends: Tensor, *more: Any) -> Any:
    """Its gradients."""
    causal, scale = more[3], more[5]
    found = [torch.empty_like(tensor) for tensor in (q, k, v)]
    for part in _parts(ends):
        shares, keys, values = _one(q[part], k[part], v[part], causal, scale)
        slope = grad[part].transpose(0, 1).float()
        moved = slope @ values.mT
        scores = scale * shares * (moved - (moved * shares).sum(-1, keepdim=True))
        made = scores @ keys, scores.mT @ q[part].transpose(0, 1).float(), shares.mT @ slope
        for into, one in zip(found, made, strict=True):
            into[part] = one.unflatten(0, (into.shape[1], -1)).sum(1).transpose(0, 1).to(q.dtype)
    return found


def _parts(ends: Tensor) -> list[slice]:
    return [slice(*pair) for pair in pairwise(ends.tolist())]


def _one(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """What each query takes from each key, and keys and values of each head, (heads, tokens, …) float32."""
    assert causal
    queries, keys, values = (
        x.transpose(0, 1).float().repeat_interleave(q.shape[1] // x.shape[1], 0) for x in (q, k, v)
    )
    scores = scale * queries @ keys.mT
    return torch.softmax(scores.masked_fill(torch.ones_like(scores[0]).triu(1).bool(), float("-inf")), -1), keys, values


TWINS: dict[str, Any] = {
    "torch_attn::_varlen_attn": _flash,
    "torch_attn::_varlen_attn_backward": _flash_back,
    "aten::_pin_memory": lambda tensor, *_, **__: tensor,
    "aten::is_pinned": lambda *_, **__: False,
    "aten::_fused_sdp_choice": lambda *_, **__: 0,
}
"""What is computed instead of operations that CUDA alone has."""


class Accelerator(CUDAAccelerator):
    """Lightning's, with one device."""

    is_available = staticmethod(lambda: True)
    auto_device_count = staticmethod(lambda: 1)
    parse_devices = staticmethod(lambda devices: [0])

    def setup_device(self, device: torch.device) -> None:
        """There is nothing to be set up."""

    setup = teardown = lambda self, *_: None


@pytest.fixture
def gpu(monkeypatch):
    """A GPU, inside of ``with gpu:``."""
    if not _believe():
        pytest.skip("this build of PyTorch cannot pretend to have a GPU")
    monkeypatch.setattr(torch.cuda, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: (9, 0))
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(contents, "WHOLE", (*contents.WHOLE, OnGpu))
    monkeypatch.setattr(machine, "gpus", lambda: [{"name": "pretended", "memory": 80 << 30, "driver": "0"}])
    for name in ("is_available", "auto_device_count", "parse_devices", "setup_device", "setup", "teardown"):
        monkeypatch.setattr(CUDAAccelerator, name, vars(Accelerator)[name])
    monkeypatch.setattr(gauges, "peak", lambda dtype: 1e12)
    return Gpu()


def _place() -> str:
    """Where in this project the operation was asked for."""
    frames = [frame for frame in traceback.extract_stack() if "/belle_" in frame.filename]
    return f"{Path(frames[-1].filename).stem}.{frames[-1].name}" if frames else "elsewhere"
