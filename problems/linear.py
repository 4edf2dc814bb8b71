"""What linear models on data share: the same data for all lanes, a known minimum, minibatches."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace, is_numpy_namespace
from numpy.typing import NDArray

from problems.base import Array, Instance, Numbers, Seeds, constant
from problems.data import OnData, batch_rows

START_SCALE = 0.1
COMPILED_CHUNK = 1 << 14  # examples that the compiled engine computes at a time, so that memory has a bound
MOST_PARAMETERS = 5000  # the minimum is found with a matrix of so many rows and columns


@dataclass(frozen=True, kw_only=True)
class LinearProblem(OnData):
    r"""A mean over examples of some function of x'W, and half the sum of squares of W times l2.

    A seed draws the start (seed 0 starts at zero, the others from N(0, 0.1^2)) and the
    order of the minibatches. Each epoch is a new permutation of the training data, cut
    into whole batches; what is left over is not used in that epoch.

    Parameters are ordered feature by feature, the outputs of a feature together.
    """

    l2: float = constant(0.01, Numbers(low=1e-8))
    batch_size: int | None = constant(None, Numbers(low=1, integer=True, optional=True))

    def check(self) -> None:
        examples = len(self.split.y_train)
        if self.batch_size is not None and self.batch_size > examples:
            raise ValueError(
                f"{type(self).__name__}: batch_size must be at most {examples}, the training "
                f"examples of {self.label}, got {self.batch_size}"
            )
        if self.dim > MOST_PARAMETERS:
            raise ValueError(
                f"{type(self).__name__}: data={self.label} makes {self.dim:,} parameters, at most "
                f"{MOST_PARAMETERS:,}"
            )

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Linear functions of the features."""

    @abstractmethod
    def solution(self) -> Array:
        """Return the minimiser, shape (dim,)."""

    @abstractmethod
    def regression(self, start: Array, minimum: Array, minimiser: Array) -> "Regression":
        """Return the regression that begins at ``start``."""

    @property
    def dim(self) -> int:
        return int(self.split.x_train.shape[1]) * self.outputs

    @property
    def chunk(self) -> int:
        """Examples that NumPy computes at a time, so that their numbers stay in the cache."""
        return max(32, 128 // self.outputs)

    @property
    def floats_per_lane(self) -> int:
        return 3 * self.chunk * self.outputs + 3 * self.dim

    def instance(self, seeds: Seeds) -> "Regression":
        start = np.empty((self.dim, len(seeds)))
        for seed in np.unique(seeds):
            drawn = np.random.default_rng(seed).standard_normal(self.dim) if seed else np.zeros(self.dim)
            start[:, seeds == seed] = START_SCALE * drawn[:, None]
        return self.regression(
            start=start,
            minimiser=np.repeat(solution_of(self)[:, None], len(seeds), axis=1),
            minimum=np.full(len(seeds), least_loss(self)),
        )

    def batches(self, seeds: Seeds, first: int, count: int) -> NDArray[Any] | None:
        if self.batch_size is None:
            return None
        return batch_rows(seeds, first, count, self.batch_size, len(self.split.y_train))


@lru_cache
def solution_of(problem: LinearProblem) -> Array:
    """Return the minimiser, shape (dim,), found once."""
    return problem.solution()


@lru_cache
def least_loss(problem: LinearProblem) -> float:
    """Return the loss at the minimiser."""
    lanes = np.repeat(solution_of(problem)[:, None], problem.lane_multiple, axis=1)
    return float(problem.regression(lanes, np.zeros(len(lanes)), lanes).loss(lanes)[0])


@dataclass(frozen=True, kw_only=True)
class Regression(Instance):
    """The same data for all lanes; which part of them a step sees is its batch: rows, (size, lanes).

    Attributes:
        x_train, x_test: (examples, features), those to train on maybe times a sign of their own.
        y_train: what the outputs are to be, (examples, outputs).
        y_test: what is predicted, (examples,).
        outputs: linear functions of the features.
        chunk: examples that NumPy computes at a time.
    """

    loss_is_exact: ClassVar[bool] = False

    minimiser: Array
    x_train: Array
    y_train: Array
    x_test: Array
    y_test: NDArray[Any]
    l2: float
    outputs: int
    chunk: int

    @abstractmethod
    def sum_over(self, x: Array, y: Array, params: Array) -> tuple[Array, Array]:
        """Return the loss summed over those examples, (lanes,), and its gradient (dim, lanes).

        ``x`` and ``y`` are the same for all lanes, (examples, ...), or each lane's own, (lanes,
        examples, ...).
        """

    def loss(self, params: Array) -> Array:
        return self.loss_and_grad(params)[0]

    def loss_and_grad(self, params: Array, batch: Any = None) -> tuple[Array, Array]:
        examples = len(self.x_train) if batch is None else batch.shape[0]
        sums = [self.sum_over(x, y, params) for x, y in self.parts(params, batch)]
        loss, grads = (sum(terms) / examples for terms in zip(*sums, strict=True))
        penalty = 0.5 * self.l2 * (params**2).sum(axis=0)
        return loss + penalty, grads + self.l2 * params

    def parts(self, params: Array, batch: Any) -> Iterator[tuple[Array, Array]]:
        """Yield the examples of a batch, or all, so many at a time as suits NumPy or the compiler."""
        if batch is not None:
            yield self.x_train[batch.T], self.y_train[batch.T]
            return
        examples = len(self.x_train)
        size = self.chunk if is_numpy_namespace(array_namespace(params)) else COMPILED_CHUNK
        for first in range(0, examples, size):
            yield self.x_train[first : first + size], self.y_train[first : first + size]

    def product(self, x: Array, params: Array) -> Array:
        """Return x'W, shape (examples, outputs, lanes)."""
        xp, lanes = array_namespace(params), params.shape[-1]
        if x.ndim == 2:
            return xp.reshape(x @ xp.reshape(params, (x.shape[-1], -1)), (len(x), self.outputs, lanes))
        own = xp.reshape(params.T, (lanes, x.shape[-1], self.outputs))
        return xp.moveaxis(x @ own, 0, -1)

    def transposed_product(self, x: Array, slope: Array) -> Array:
        """Return x S, shape (dim, lanes), for a slope (examples, outputs, lanes)."""
        xp, lanes = array_namespace(slope), slope.shape[-1]
        if x.ndim == 2:
            return xp.reshape(x.T @ xp.reshape(slope, (len(x), -1)), (-1, lanes))
        return xp.reshape(xp.matrix_transpose(x) @ xp.moveaxis(slope, -1, 0), (lanes, -1)).T
