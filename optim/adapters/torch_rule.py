"""The rules of PyTorch under NumPy's engine, one lane after another."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optim.adapters.base import Adapter, Argument, register, settings_among
from optim.base import Array

NOT_SETTINGS = ("params", "foreach", "fused", "capturable", "differentiable", "maximize")
"""What says how PyTorch computes, or that it climbs."""

NEEDS = {"LBFGS": "a closure that takes the loss anew", "SparseAdam": "sparse gradients"}

Key = tuple[str, str]
"""An array of the problem, and a part of the state that PyTorch keeps of it."""


class State(NamedTuple):
    """What PyTorch keeps, (..., lanes) each, and which lanes have it, (lanes,)."""

    parts: dict[Key, Array]
    present: dict[Key, NDArray[np.bool_]]


@register("torch")
@dataclass(frozen=True, kw_only=True)
class Torch(Adapter):
    """A rule of ``torch.optim``, by its own name (Paszke et al., 2019): to check others, not for grids.

    At each step and in each lane an optimizer of PyTorch is made, given its state and its gradient, and
    takes one step: that is some thousand times slower than a rule of this project. The lanes see
    nothing of each other, and PyTorch's own code makes every number.

    All of a problem's arrays, in their shapes, are the parameters of one group. Numbers keep their names
    and defaults; ``betas`` are ``beta1`` and ``beta2``, and so on. A schedule multiplies ``lr`` at each step.
    ``foreach``, ``fused``, ``capturable``, ``differentiable`` and ``maximize`` are as they are by default.

    Refused are ``LBFGS``, which takes the loss anew, and ``SparseAdam``.

    Raises:
        ValueError: PyTorch is not installed, or has no such rule, or the rule needs what it is not given.
    """

    engines: ClassVar[tuple[str, ...]] = ("numpy",)
    library: ClassVar[str] = "torch"
    default_rule: ClassVar[str] = "Adam"

    @classmethod
    @cache
    def rules(cls) -> Mapping[str, Callable[..., Any]]:
        import torch

        base = torch.optim.Optimizer
        return {
            name: found
            for name, found in vars(torch.optim).items()
            if inspect.isclass(found) and issubclass(found, base) and found is not base
        }

    @classmethod
    def arguments_of(cls, rule: str) -> dict[str, Argument]:
        if rule in NEEDS:
            raise ValueError(f"optimizer.rule={rule} needs {NEEDS[rule]}, which no rule is given here")
        return settings_among(cls.rules()[rule], NOT_SETTINGS, whole_is_shared=False)[0]

    def init(self, params: Any) -> State:
        made = [self.made(params, lane) for lane in range(lanes_of(params))]
        return joined([kept(optimizer, tensors) for optimizer, tensors in made])

    def update(self, grads: Any, state: State, params: Any) -> tuple[Any, State]:
        import torch

        updates = {name: np.empty_like(array) for name, array in params.items()}
        after = []
        for lane in range(lanes_of(params)):
            optimizer, tensors = self.made(params, lane)
            restore(optimizer, tensors, state, lane)
            for name, tensor in tensors.items():
                tensor.grad = torch.tensor(grads[name][..., lane])
            optimizer.step()
            for name, tensor in tensors.items():
                updates[name][..., lane] = tensor.detach().numpy() - params[name][..., lane]
            after.append(kept(optimizer, tensors))
        return updates, joined(after)

    def made(self, params: Mapping[str, Array], lane: int) -> tuple[Any, dict[str, Any]]:
        """Return PyTorch's optimizer of a lane, and its parameters by name."""
        import torch

        numbers = {
            name: float(np.broadcast_to(getattr(self, name), lanes_of(params))[lane])
            for name in self.hyperparameters()
        }
        usual = inspect.signature(self.function).parameters
        keywords = {
            name: int(value) if type(usual[name].default) is int and value == int(value) else value
            for name, value in self.keywords(numbers).items()
        }
        tensors = {name: torch.nn.Parameter(torch.tensor(array[..., lane])) for name, array in params.items()}
        return self.function(list(tensors.values()), **keywords), tensors


def lanes_of(params: Mapping[str, Array]) -> int:
    return len(next(iter(params.values())).T)


def kept(optimizer: Any, tensors: Mapping[str, Any]) -> dict[Key, NDArray[Any]]:
    """Return what PyTorch keeps of each parameter of a lane."""
    import torch

    return {
        (name, part): torch.as_tensor(value).numpy().copy()
        for name, tensor in tensors.items()
        for part, value in optimizer.state.get(tensor, {}).items()
        if value is not None
    }


def restore(optimizer: Any, tensors: Mapping[str, Any], state: State, lane: int) -> None:
    """Give PyTorch's optimizer of a lane what was kept."""
    import torch

    for (name, part), array in state.parts.items():
        if state.present[name, part][lane]:
            optimizer.state[tensors[name]][part] = torch.tensor(array[..., lane])


def joined(lanes: list[dict[Key, NDArray[Any]]]) -> State:
    """Return what is kept of all lanes; zeros where a lane has no such part."""
    first = {key: value for lane in lanes for key, value in lane.items()}
    return State(
        {k: np.stack([lane.get(k, np.zeros_like(v)) for lane in lanes], axis=-1) for k, v in first.items()},
        {key: np.array([key in lane for lane in lanes]) for key in first},
    )
