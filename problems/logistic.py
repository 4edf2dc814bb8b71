"""L2-regularised logistic regression on real data."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace, is_numpy_namespace
from numpy.typing import NDArray

from problems.base import Array, Instance, Numbers, Seeds, constant, register
from problems.data import OnData, batch_rows

START_SCALE = 0.1


@register("logistic")
@dataclass(frozen=True, kw_only=True)
class LogisticRegression(OnData):
    r"""Logistic regression (two classes) or softmax regression (more), on standardised data.

    .. math:: f(W) = \frac1n \sum_i -\log p_{y_i}(x_i; W) + \frac{\lambda}{2} \|W\|^2

    The intercept is one more feature that is always 1, and is regularised like the
    others: the minimiser is then unique for any number of classes. This is what
    scikit-learn solves with ``fit_intercept=False`` and ``C = 1 / (n * l2)``, and its
    solution is the reference. The metric ``accuracy`` is on the held-out rows.

    A seed draws the start (seed 0 starts at zero, the others from N(0, 0.1^2)) and the
    order of the minibatches. Each epoch is a new permutation of the training data, cut
    into whole batches; what is left over is not used in that epoch.

    Args:
        data: breast_cancer (two classes), digits (ten), iris or wine (three), or a file.
        target, missing, digest, test_size: see ``OnData``.
        l2: regularisation :math:`\lambda`, from 1e-8.
        batch_size: examples a step; null is all of them.

    Parameters are ordered feature by feature, the classes of a feature together.

    Raises:
        ValueError: the data cannot be used, or the batch is larger than the training set.
    """

    engines: ClassVar = ("jax", "numpy")
    """Over the README's first grid, four optimizers on one core: 34 s under jax, 48 s under numpy."""

    l2: float = constant(0.01, Numbers(low=1e-8))
    batch_size: int | None = constant(None, Numbers(low=1, integer=True, optional=True))

    def check(self) -> None:
        examples = len(self.split.y_train)
        if self.batch_size is not None and self.batch_size > examples:
            raise ValueError(
                f"LogisticRegression: batch_size must be at most {examples}, the training "
                f"examples of {self.recorded['data']}, got {self.batch_size}"
            )

    @property
    def classes(self) -> int:
        return len(np.unique(self.split.y_train))

    @property
    def dim(self) -> int:
        return int(self.split.x_train.shape[1]) * self.outputs

    @property
    def outputs(self) -> int:
        """Linear functions of the features: one for two classes, else one a class."""
        return self.classes if self.classes > 2 else 1

    @property
    def chunk(self) -> int:
        """Examples that NumPy computes at a time, so that their numbers stay in the cache."""
        return max(32, 128 // self.outputs)

    @property
    def floats_per_lane(self) -> int:
        return 3 * self.chunk * self.outputs + 3 * self.dim

    @property
    def metric_names(self) -> tuple[str, ...]:
        return ("accuracy",)

    def instance(self, seeds: Seeds) -> "Regression":
        start = np.empty((self.dim, len(seeds)))
        for seed in np.unique(seeds):
            drawn = np.random.default_rng(seed).standard_normal(self.dim) if seed else np.zeros(self.dim)
            start[:, seeds == seed] = START_SCALE * drawn[:, None]
        minimiser = reference_solution(self)[:, None]
        return self.regression(
            start=start,
            minimiser=np.repeat(minimiser, len(seeds), axis=1),
            minimum=np.full(len(seeds), least_loss(self)),
        )

    def regression(self, start: Array, minimum: Array, minimiser: Array) -> "Regression":
        """Return the regression that begins at ``start``."""
        split, two_classes = self.split, self.outputs == 1
        targets = target_of(split.y_train, self.outputs)
        return (Binary if two_classes else Softmax)(
            start=start,
            minimum=minimum,
            minimiser=minimiser,
            x_train=split.x_train * targets if two_classes else split.x_train,
            y_train=targets,
            x_test=split.x_test,
            y_test=split.y_test,
            l2=self.l2,
            outputs=self.outputs,
            chunk=self.chunk,
        )

    def batches(self, seeds: Seeds, first: int, count: int) -> NDArray[Any] | None:
        if self.batch_size is None:
            return None
        return batch_rows(seeds, first, count, self.batch_size, len(self.split.y_train))


@lru_cache
def least_loss(problem: LogisticRegression) -> float:
    """Return the loss at the minimiser."""
    minimiser = reference_solution(problem)[:, None]
    lanes = np.repeat(minimiser, problem.lane_multiple, axis=1)
    return float(problem.regression(lanes, np.zeros(len(lanes)), lanes).loss(lanes)[0])


def target_of(labels: NDArray[np.int64], outputs: int) -> Array:
    """Return labels of two classes as -1 and 1, (examples, 1); of more, as columns of 0 and 1."""
    if outputs == 1:
        return np.asarray(2.0 * labels[:, None] - 1, dtype=np.float64)
    return np.asarray(labels[:, None] == np.arange(outputs), dtype=np.float64)


@lru_cache
def reference_solution(problem: LogisticRegression) -> Array:
    """Return the minimiser, shape (dim,), by scikit-learn's Newton method."""
    from sklearn.linear_model import LogisticRegression as ReferenceSolver

    split = problem.split
    solver = ReferenceSolver(
        C=1 / (problem.l2 * len(split.y_train)),
        solver="newton-cholesky",
        fit_intercept=False,
        tol=1e-12,
        max_iter=1000,
    )
    return np.ascontiguousarray(solver.fit(split.x_train, split.y_train).coef_.T.ravel())


@dataclass(frozen=True, kw_only=True)
class Regression(Instance):
    """The same data for all lanes; which part of them a step sees is its batch: rows, (size, lanes).

    Attributes:
        x_train, x_test: (examples, features); of two classes the first is times the label, -1 or 1.
        y_train: what the outputs are to be, (examples, outputs).
        y_test: the classes, (examples,).
        outputs: linear functions of the features.
        chunk: examples that NumPy computes at a time.
    """

    loss_is_exact: ClassVar[bool] = False

    minimiser: Array
    x_train: Array
    y_train: Array
    x_test: Array
    y_test: NDArray[np.int64]
    l2: float
    outputs: int
    chunk: int

    @abstractmethod
    def sum_over(self, x: Array, y: Array, params: Array) -> tuple[Array, Array]:
        """Return the loss summed over those examples, (lanes,), and its gradient (dim, lanes).

        ``x`` and ``y`` are the same for all lanes, (examples, ...), or each lane's own, (lanes,
        examples, ...).
        """

    @abstractmethod
    def predict(self, params: Array) -> NDArray[np.int64]:
        """Return the predicted classes of the held-out data, shape (examples, lanes)."""

    def loss(self, params: Array) -> Array:
        return self.loss_and_grad(params)[0]

    def loss_and_grad(self, params: Array, batch: Any = None) -> tuple[Array, Array]:
        examples = len(self.x_train) if batch is None else batch.shape[0]
        sums = [self.sum_over(x, y, params) for x, y in self.parts(params, batch)]
        loss, grads = (sum(terms) / examples for terms in zip(*sums, strict=True))
        penalty = 0.5 * self.l2 * (params**2).sum(axis=0)
        return loss + penalty, grads + self.l2 * params

    def parts(self, params: Array, batch: Any) -> Iterator[tuple[Array, Array]]:
        """Yield the examples of a batch, or all, at once or, for NumPy, so many at a time."""
        if batch is not None:
            yield self.x_train[batch.T], self.y_train[batch.T]
            return
        examples = len(self.x_train)
        size = self.chunk if is_numpy_namespace(array_namespace(params)) else examples
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

    def metrics(self, params: Array) -> dict[str, Array]:
        xp = array_namespace(params)
        hits = xp.mean(xp.astype(self.predict(params) == self.y_test[:, None], params.dtype), axis=0)
        return {"accuracy": xp.where(xp.all(xp.isfinite(params), axis=0), hits, xp.nan)}


class Binary(Regression):
    """Two classes: one weight per feature. With labels s = -1, 1 the margin is s x'w."""

    def sum_over(self, x: Array, y: Array, params: Array) -> tuple[Array, Array]:
        xp = array_namespace(params)
        margin = self.product(x, params)[:, 0]
        # exp of minus the absolute margin never overflows, and serves loss and slope alike
        small = xp.exp(-xp.abs(margin))
        slope = xp.where(margin > 0, small, 1.0) / (1 + small)
        log_sum = self.log_sum(xp, 1 + small)
        loss = log_sum - xp.minimum(margin, 0).sum(axis=0)
        return loss, -self.transposed_product(x, slope[:, None])

    def log_sum(self, xp: Any, factors: Array) -> Array:
        """Return the sum of the logarithms of factors in [1, 2], (examples, lanes).

        One logarithm of a product for at most 96 of them, which is below what float32 holds.
        """
        parts = [factors[first : first + 96] for first in range(0, len(factors), 96)]
        return sum(xp.log(xp.prod(part, axis=0)) for part in parts)

    def predict(self, params: Array) -> NDArray[np.int64]:
        xp = array_namespace(params)
        return xp.astype(self.product(self.x_test, params)[:, 0] > 0, self.y_test.dtype)


class Softmax(Regression):
    """More classes: one weight per feature and class."""

    def sum_over(self, x: Array, y: Array, params: Array) -> tuple[Array, Array]:
        xp = array_namespace(params)
        true = y[:, :, None] if x.ndim == 2 else xp.moveaxis(y, 0, -1)
        logits = self.product(x, params)
        logits = logits - xp.max(logits, axis=1, keepdims=True)  # exp never overflows
        weights = xp.exp(logits)
        total = weights.sum(axis=1, keepdims=True)
        loss = xp.log(total).sum(axis=(0, 1)) - (logits * true).sum(axis=(0, 1))
        return loss, self.transposed_product(x, weights / total - true)

    def predict(self, params: Array) -> NDArray[np.int64]:
        return array_namespace(params).argmax(self.product(self.x_test, params), axis=1)
