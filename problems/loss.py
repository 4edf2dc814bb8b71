"""Problems that are a loss and nothing else: gradient, lanes, minibatches and records come by themselves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from math import prod
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from problems.base import Array, Instance, Layout, Problem, Seeds
from problems.data import batch_rows

# JAX is imported where it is used: a problem can be named, and its runs read, without it
MOST_PARAMETERS = 250_000  # 64 lanes of them, with all that goes with them, are about a gigabyte
Arrays = Mapping[str, Any]


class Lane(NamedTuple):
    """What one seed decides.

    Attributes:
        start: where the lane begins, by name.
        minimiser: where its least loss is, by name; None if that is not known.
        own: arrays of this lane alone, which its loss is given in place of the data; None if there are none.
    """

    start: Arrays
    minimiser: Arrays | None = None
    own: tuple[Array, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class LossProblem(Problem):
    """A problem that is given by the loss of one lane, in ``jax.numpy``; it runs under ``engine=jax``.

    A class gives ``layout``, ``draw`` and ``loss``; if it has data, ``data``; if it has a
    field ``batch_size``, its gradients see so many of the data at a time, in epochs of a
    permutation that the lane's seed draws, and the loss on all data is taken at the recorded
    steps. ``metric_names`` and ``metrics`` record more. Where a seed decides more than the
    start, ``lane`` says what.
    """

    engines: ClassVar[tuple[str, ...]] = ("jax",)
    least: ClassVar[float] = 0.0
    """The least loss there is, or a lower bound of it."""
    metric_names: ClassVar[tuple[str, ...]] = ()
    in_turn: ClassVar[bool] = False
    """Whether lanes take their gradients one after another, which suits large networks on a CPU."""

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """The shape of each of a lane's arrays by its name; the order is that of the flat parameters."""

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Arrays:
        """Return where a lane starts, by name, given the generator that its seed makes."""

    @abstractmethod
    def loss(self, params: Arrays, batch: Any) -> Any:
        """Return the loss of one lane, given its arrays by name, on a batch of the data or on all.

        ``batch`` has the form of ``data``, with as many examples as there are in it.
        """

    @property
    def data(self) -> Any:
        """The data: a tuple of arrays, the examples first; None if there are none."""
        return None

    @property
    def examples(self) -> Any:
        """The data, under a name of their own where ``data`` is the constant that says which."""
        return self.data

    def lane(self, seed: int) -> Lane:
        """Return what a seed decides: here the start, while data and minimiser are the same for all."""
        return Lane(self.draw(np.random.default_rng(seed)), self.minimiser)

    def metrics(self, params: Arrays) -> dict[str, Any]:
        """Return what else is worth recording of one lane, given its arrays by name."""
        return {}

    @property
    def minimiser(self) -> Arrays | None:
        """Where the least loss is, by name; None if that is not known."""
        return None

    @property
    def dim(self) -> int:
        """How many numbers a lane's arrays hold."""
        return sum(map(prod, self.layout.values()))

    @property
    def floats_per_lane(self) -> int:
        """Guessed from the data that one gradient sees, and the parameters."""
        examples = getattr(self, "batch_size", None) or (
            0 if self.examples is None else len(self.examples[0])
        )
        return 4 * self.dim + 8 * examples * max(
            (shape[-1] for shape in self.layout.values() if shape), default=1
        )

    def check_size(self, made: str) -> None:
        """Raise ValueError if there are too many parameters; ``made`` says by what: "hidden=9 makes"."""
        if self.dim > MOST_PARAMETERS:
            raise ValueError(
                f"{type(self).__name__}: {made} {self.dim:,} parameters, at most {MOST_PARAMETERS:,}"
            )

    def check_batch(self, size: int | None, examples: int, of: str = "the training examples") -> None:
        """Raise ValueError if a batch is larger than the data."""
        if size is not None and size > examples:
            raise ValueError(
                f"{type(self).__name__}: batch_size must be at most {examples}, {of}, got {size}"
            )

    def instance(self, seeds: Seeds) -> Losses:
        distinct, lane = np.unique(seeds, return_inverse=True)
        lanes = [self.lane(int(seed)) for seed in distinct]

        def stacked(arrays: Iterable[Array]) -> Array:
            return np.stack(tuple(arrays), axis=-1).take(lane, axis=-1)

        minimisers = [each.minimiser for each in lanes if each.minimiser is not None]
        own = [each.own for each in lanes if each.own is not None]
        return Losses(
            start=stacked(self.flat(each.start) for each in lanes),
            minimum=np.full(len(seeds), self.least),
            minimiser=stacked(map(self.flat, minimisers)) if minimisers else None,
            problem=self,
            data=self.examples,
            own=tuple(map(stacked, zip(*own, strict=True))) if own else None,
        )

    def batches(self, seeds: Seeds, first: int, count: int) -> NDArray[Any] | None:
        size = getattr(self, "batch_size", None)
        return None if size is None else batch_rows(seeds, first, count, size, len(self.examples[0]))

    def seen(self, data: Any, drawn: Any) -> Any:
        """Return what the loss of a lane sees, given its part of ``batches``: here the rows of its batch."""
        return data if drawn is None else tuple(part[drawn] for part in data)

    def flat(self, arrays: Arrays) -> Array:
        """Return arrays by name as one row of numbers, (dim,)."""
        return np.concatenate([np.ravel(np.asarray(arrays[name], dtype=np.float64)) for name in self.layout])

    def arrays(self, flat: Any) -> dict[str, Any]:
        """Return numbers (dim, ...) as arrays by name, further axes last."""
        found, first = {}, 0
        for name, shape in self.layout.items():
            found[name] = flat[first : first + prod(shape)].reshape(*shape, *flat.shape[1:])
            first += prod(shape)
        return found


def also_with_numpy(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method of ``Losses`` take arrays of NumPy as well, and return such: it is then compiled first."""

    @wraps(method)
    def called(self: Losses, params: Any, batch: Any = None) -> Any:
        if not isinstance(params, np.ndarray):
            return method(self, params, batch)
        import jax

        with jax.enable_x64(params.dtype == np.float64):
            found = compiled(method, self.problem)(self.data, self.own, params, batch)
            return jax.tree.map(np.asarray, found)

    return called


@lru_cache(maxsize=256)
def compiled(method: Callable[..., Any], problem: LossProblem) -> Callable[..., Any]:
    """Return a method of ``Losses`` as a compiled function of both kinds of data, parameters and batch."""
    import jax

    def function(data: Any, own: Any, params: Any, batch: Any) -> Any:
        none = np.zeros(0)
        losses = Losses(start=none, minimum=none, problem=problem, data=data, own=own)
        return method(losses, params, batch)

    return jax.jit(function)


def lanes_first(tree: Any) -> Any:
    """Return arrays, whose last axis is the lanes, with that axis first, as ``jax.lax.map`` takes them."""
    import jax

    return jax.tree.map(lambda array: jax.numpy.moveaxis(array, -1, 0), tree)


@dataclass(frozen=True, kw_only=True)
class Losses(Instance):
    """The losses of many lanes, from that of one."""

    BY_LANE: ClassVar[tuple[str, ...]] = (*Instance.BY_LANE, "own")
    loss_is_exact: ClassVar[bool] = False

    problem: LossProblem
    data: Any
    own: tuple[Array, ...] | None = None

    def of_lane(self, flat: Any, drawn: Any, own: Any) -> Any:
        """Return the loss of one lane, given its parameters (dim,), its part of a batch, and its own data."""
        data = self.data if own is None else own
        return self.problem.loss(self.problem.arrays(flat), self.problem.seen(data, drawn))

    @also_with_numpy
    def loss(self, params: Any, batch: None = None) -> Any:
        import jax

        return jax.lax.map(lambda lane: self.of_lane(*lane), lanes_first((params, None, self.own)))

    @also_with_numpy
    def loss_and_grad(self, params: Any, batch: Any = None) -> tuple[Any, Any]:
        import jax

        function = jax.value_and_grad(self.of_lane)
        of_all = batch is None and self.data is not None  # all of them for all lanes at once is too much
        if of_all or self.problem.in_turn:
            loss, grads = jax.lax.map(lambda lane: function(*lane), lanes_first((params, batch, self.own)))
        else:
            loss, grads = jax.vmap(function, in_axes=-1)(params, batch, self.own)
        return loss, grads.T

    def metrics(self, params: Any) -> dict[str, Any]:
        return self.metrics_of(params) if self.problem.metric_names else {}

    @also_with_numpy
    def metrics_of(self, params: Any, batch: None = None) -> dict[str, Any]:
        """Return the metrics of each lane, (lanes,) each; NaN where parameters are not finite."""
        import jax
        import jax.numpy as jnp

        found = jax.lax.map(lambda flat: self.problem.metrics(self.problem.arrays(flat)), params.T)
        finite = jnp.isfinite(params).all(axis=0)
        return {name: jnp.where(finite, found[name], jnp.nan) for name in self.problem.metric_names}
