"""L2-regularised logistic regression on real data."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from problems.base import Array, Layout, register
from problems.linear import LinearProblem, Regression


@register("logistic")
@dataclass(frozen=True, kw_only=True)
class LogisticRegression(LinearProblem):
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

    @property
    def classes(self) -> int:
        return int(self.split.y_train.max()) + 1

    @property
    def layout(self) -> Layout | None:
        return {"weights": (self.dim // self.outputs, self.outputs)} if self.outputs > 1 else None

    @property
    def outputs(self) -> int:
        """Linear functions of the features: one for two classes, else one a class."""
        return self.classes if self.classes > 2 else 1

    @property
    def metric_names(self) -> tuple[str, ...]:
        return ("accuracy",)

    def solution(self) -> Array:
        """Return the minimiser, shape (dim,), by scikit-learn's Newton method."""
        from sklearn.linear_model import LogisticRegression as ReferenceSolver

        split = self.split
        solver = ReferenceSolver(
            C=1 / (self.l2 * len(split.y_train)),
            solver="newton-cholesky",
            fit_intercept=False,
            tol=1e-12,
            max_iter=1000,
        )
        return np.ascontiguousarray(solver.fit(split.x_train, split.y_train).coef_.T.ravel())

    def regression(self, start: Array, minimum: Array, minimiser: Array) -> Regression:
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


def target_of(labels: NDArray[np.int64], outputs: int) -> Array:
    """Return labels of two classes as -1 and 1, (examples, 1); of more, as columns of 0 and 1."""
    if outputs == 1:
        return np.asarray(2.0 * labels[:, None] - 1, dtype=np.float64)
    return np.asarray(labels[:, None] == np.arange(outputs), dtype=np.float64)


class Classifier(Regression):
    """A regression whose outputs are those of classes; of two, the examples are times the label, -1 or 1."""

    @abstractmethod
    def predict(self, params: Array) -> NDArray[np.int64]:
        """Return the predicted classes of the held-out data, shape (examples, lanes)."""

    def metrics(self, params: Array) -> dict[str, Array]:
        xp = array_namespace(params)
        hits = xp.mean(xp.astype(self.predict(params) == self.y_test[:, None], params.dtype), axis=0)
        return {"accuracy": xp.where(xp.all(xp.isfinite(params), axis=0), hits, xp.nan)}


class Binary(Classifier):
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
        whole = len(factors) // 96 * 96 if len(factors) > 1000 else 0  # few parts are faster one by one
        parts = [factors[first : first + 96] for first in range(whole, len(factors), 96)]
        total = sum(xp.log(xp.prod(part, axis=0)) for part in parts)
        if not whole:
            return total
        blocks = xp.reshape(factors[:whole], (-1, 96, factors.shape[-1]))
        return total + xp.log(xp.prod(blocks, axis=1)).sum(axis=0)

    def predict(self, params: Array) -> NDArray[np.int64]:
        xp = array_namespace(params)
        return xp.astype(self.product(self.x_test, params)[:, 0] > 0, self.y_test.dtype)


class Softmax(Classifier):
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
