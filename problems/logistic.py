"""L2-regularised logistic regression on real data."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from problems.base import Array, Choice, Instance, Numbers, Problem, Seeds, constant, register
from problems.data import DATA_SETS, Split, batch_rows, load_split

START_SCALE = 0.1


@register("logistic")
@dataclass(frozen=True, kw_only=True)
class LogisticRegression(Problem):
    r"""Logistic regression (two classes) or softmax regression (more), on standardised data.

    .. math:: f(W) = \frac1n \sum_i -\log p_{y_i}(x_i; W) + \frac{\lambda}{2} \|W\|^2

    The intercept is one more feature that is always 1, and is regularised like the
    others: the minimiser is then unique for any number of classes. This is what
    scikit-learn solves with ``fit_intercept=False`` and ``C = 1 / (n * l2)``, and its
    solution is the reference. The data are split once, stratified, the same way for
    every seed; the metric ``accuracy`` is on the held-out part.

    A seed draws the start (seed 0 starts at zero, the others from N(0, 0.1^2)) and the
    order of the minibatches. Each epoch is a new permutation of the training data, cut
    into whole batches; what is left over is not used in that epoch.

    Args:
        data: breast_cancer (two classes), digits (ten) or wine (three).
        l2: regularisation :math:`\lambda`, from 1e-8.
        batch_size: examples a step; null is all of them.
        test_size: share of the data held out, in [0.05, 0.95].

    Parameters are ordered feature by feature, the classes of a feature together.

    Raises:
        ValueError: the batch is larger than the training set.
    """

    data: str = constant("breast_cancer", Choice(DATA_SETS))
    l2: float = constant(0.01, Numbers(low=1e-8))
    batch_size: int | None = constant(None, Numbers(low=1, integer=True, optional=True))
    test_size: float = constant(0.25, Numbers(low=0.05, high=0.95))

    def check(self) -> None:
        examples = len(self.split.y_train)
        if self.batch_size is not None and self.batch_size > examples:
            raise ValueError(
                f"LogisticRegression: batch_size must be at most {examples}, the training "
                f"examples of {self.data}, got {self.batch_size}"
            )

    @property
    def split(self) -> "Split":
        return load_split(self.data, self.test_size)

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
        """Examples that are computed at a time, so that their numbers stay in the cache."""
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
        regression = Binary if self.classes == 2 else Softmax
        return regression(self, seeds, start)


@lru_cache
def reference_solution(data: str, l2: float, test_size: float) -> Array:
    """Return the minimiser, shape (dim,), by scikit-learn's Newton method."""
    from sklearn.linear_model import LogisticRegression as ReferenceSolver

    split = load_split(data, test_size)
    solver = ReferenceSolver(
        C=1 / (l2 * len(split.y_train)),
        solver="newton-cholesky",
        fit_intercept=False,
        tol=1e-12,
        max_iter=1000,
    )
    return np.ascontiguousarray(solver.fit(split.x_train, split.y_train).coef_.T.ravel())


class Regression(Instance):
    """The same data for all lanes; which part of them a step sees depends on the seed."""

    def __init__(self, problem: LogisticRegression, seeds: Seeds, start: Array) -> None:
        self.split = problem.split
        self.l2 = problem.l2
        self.batch_size = problem.batch_size
        self.chunk = problem.chunk
        self.lane_multiple = problem.lane_multiple
        self.stochastic = problem.batch_size is not None
        self.start = start
        distinct, lane = np.unique(seeds, return_inverse=True)
        self.lanes_of_seed = [(int(seed), np.flatnonzero(lane == i)) for i, seed in enumerate(distinct)]
        minimiser = reference_solution(problem.data, problem.l2, problem.test_size)
        self.minimiser = np.repeat(minimiser[:, None], len(seeds), axis=1)
        alone = np.repeat(minimiser[:, None], problem.lane_multiple, axis=1)
        self.minimum = np.full(len(seeds), self.loss(alone)[0])

    @abstractmethod
    def sum_over(self, rows: NDArray[np.int64], params: Array) -> tuple[Array, Array]:
        """Return the loss summed over those training rows, (lanes,), and its gradient."""

    @abstractmethod
    def predict(self, params: Array) -> NDArray[np.int64]:
        """Return the predicted classes of the held-out data, shape (examples, lanes)."""

    def loss(self, params: Array) -> Array:
        return self.loss_and_grad(params, None)[0]

    def loss_and_grad(self, params: Array, step: int | None) -> tuple[Array, Array]:
        if self.batch_size is None or step is None:
            return self.objective(np.arange(len(self.split.y_train)), params)
        loss, grads = np.empty(params.shape[1]), np.empty_like(params)
        for rows, lanes in self.minibatches(self.batch_size, step):
            width = len(lanes) + -len(lanes) % self.lane_multiple
            padded = np.resize(lanes, width)
            batch_loss, batch_grads = self.objective(rows, params[:, padded])
            loss[lanes], grads[:, lanes] = batch_loss[: len(lanes)], batch_grads[:, : len(lanes)]
        return loss, grads

    def objective(self, rows: NDArray[np.int64], params: Array) -> tuple[Array, Array]:
        """Return the regularised mean loss over those training rows, and its gradient."""
        loss, grads = np.zeros(params.shape[1]), np.zeros_like(params)
        for first in range(0, len(rows), self.chunk):
            chunk_loss, chunk_grads = self.sum_over(rows[first : first + self.chunk], params)
            loss += chunk_loss
            grads += chunk_grads
        penalty = 0.5 * self.l2 * (params**2).sum(axis=0)
        return loss / len(rows) + penalty, grads / len(rows) + self.l2 * params

    def minibatches(self, size: int, step: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield the training rows of this step and the lanes that see them, seed by seed."""
        for seed, lanes in self.lanes_of_seed:
            yield batch_rows(seed, step, size, len(self.split.y_train)), lanes

    def metrics(self, params: Array) -> dict[str, Array]:
        hits = self.predict(params) == self.split.y_test[:, None]
        return {"accuracy": np.where(np.isfinite(params).all(axis=0), hits.mean(axis=0), np.nan)}


class Binary(Regression):
    """Two classes: one weight per feature. With labels s = -1, 1 the margin is s x'w."""

    def __init__(self, problem: LogisticRegression, seeds: Seeds, start: Array) -> None:
        signs = 2.0 * problem.split.y_train - 1
        self.signed = signs[:, None] * problem.split.x_train
        super().__init__(problem, seeds, start)

    def sum_over(self, rows: NDArray[np.int64], params: Array) -> tuple[Array, Array]:
        signed = self.signed[rows]
        margin = signed @ params
        # exp of minus the absolute margin never overflows, and serves loss and slope alike
        small = np.exp(-np.abs(margin))
        slope = np.where(margin > 0, small, 1) / (1 + small)
        # at most 128 factors in [1, 2]: one logarithm of their product, and no overflow
        log_sum = np.log((1 + small).prod(axis=0))
        return log_sum - np.minimum(margin, 0).sum(axis=0), -(signed.T @ slope)

    def predict(self, params: Array) -> NDArray[np.int64]:
        return np.asarray(self.split.x_test @ params > 0, dtype=np.int64)


class Softmax(Regression):
    """More classes: one weight per feature and class."""

    def __init__(self, problem: LogisticRegression, seeds: Seeds, start: Array) -> None:
        self.classes = problem.classes
        super().__init__(problem, seeds, start)

    def logits(self, x: Array, params: Array) -> Array:
        """Return x'W, shape (examples, classes, lanes)."""
        return (x @ params.reshape(x.shape[1], -1)).reshape(len(x), self.classes, -1)

    def sum_over(self, rows: NDArray[np.int64], params: Array) -> tuple[Array, Array]:
        x, y = self.split.x_train[rows], self.split.y_train[rows]
        true_class = np.arange(len(y)), y
        logits = self.logits(x, params)
        logits -= logits.max(axis=1, keepdims=True)  # exp never overflows
        true_logits = logits[true_class].sum(axis=0)
        weights = np.exp(logits, out=logits)
        total = weights.sum(axis=1, keepdims=True)
        slope = np.divide(weights, total, out=weights)
        slope[true_class] -= 1
        grads = x.T @ slope.reshape(len(x), -1)
        return np.log(total).sum(axis=(0, 1)) - true_logits, grads.reshape(params.shape)

    def predict(self, params: Array) -> NDArray[np.int64]:
        return np.asarray(self.logits(self.split.x_test, params).argmax(axis=1))
