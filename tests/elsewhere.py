"""A make-believe accelerator for machines that have none: its tensors do not mix with those of the CPU.

Inside :func:`elsewhere`, ``model.to(DEVICE)`` moves a model there. What is computed with it is right, but a
CPU tensor beside it, or a CPU generator that fills it, is the error that CUDA and Apple's MPS would raise.
The device borrows the name of PyTorch's ``meta``, the one that every build accepts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map_only

DEVICE = torch.device("meta")


class _Far(torch.Tensor):
    """A tensor on :data:`DEVICE`; ``inner`` holds its numbers."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "_Far":
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, inner.stride(), inner.storage_offset(), dtype=inner.dtype, device=DEVICE
        )

    def __init__(self, inner: torch.Tensor) -> None:
        self.inner = inner

    def tolist(self) -> list:
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _computed(function, args, kwargs or {})


@contextmanager
def elsewhere() -> Iterator[None]:
    """The make-believe accelerator is there inside this block."""
    # views of such tensors are not possible in inference mode
    with patch("torch.inference_mode", torch.no_grad), _Operations(), _Literals():
        yield


class _Operations(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return _computed(function, args, kwargs or {})


class _Literals(TorchFunctionMode):
    """``torch.tensor([1, 2], device=DEVICE)`` keeps its numbers."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        wanted = kwargs.get("device")
        if function is torch.tensor and wanted is not None and torch.device(wanted).type == DEVICE.type:
            return function(*args, **{**kwargs, "device": "cpu"}).to(DEVICE)
        return function(*args, **kwargs)


def _computed(function: Any, args: tuple, kwargs: dict) -> Any:
    leaves = tree_leaves((args, kwargs))
    far = [leaf for leaf in leaves if isinstance(leaf, _Far)]
    near = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and not isinstance(leaf, _Far)]
    name = function.__name__.split(".")[0]
    if far and name not in ("copy_", "_to_copy") and any(tensor.ndim for tensor in near):
        raise RuntimeError(f"Expected all tensors to be on the same device, in {name}.")
    wanted = kwargs.get("device")
    there = bool(far) if wanted is None else torch.device(wanted).type == DEVICE.type
    if there and any(isinstance(leaf, torch.Generator) for leaf in leaves):
        raise RuntimeError(f"Expected a {DEVICE.type!r} device type for generator but found 'cpu'.")
    if name == "copy_":
        there = isinstance(args[0], _Far)
    if wanted is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    plain_args, plain_kwargs = tree_map_only(_Far, lambda leaf: leaf.inner, (args, kwargs))
    with _disable_current_modes():
        result = function(*plain_args, **plain_kwargs)
    if not there or name == "_local_scalar_dense":
        return result
    known = {id(tensor.inner): tensor for tensor in far}
    return tree_map_only(
        torch.Tensor, lambda leaf: known[id(leaf)] if id(leaf) in known else _Far(leaf), result
    )
