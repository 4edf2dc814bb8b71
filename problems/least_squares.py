"""Linear regression on real data, by least squares or a robust loss."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace

from problems.base import Array, Choice, Numbers, Text, constant, register
from problems.data import NUMBERS
from problems.linear import LinearProblem, Regression

LOSSES = ("squared", "huber", "pseudo_huber", "logcosh")
LOG_2 = float(np.log(2))
MOST_STEPS, POLISHING_STEPS = 5000, 20


@register("least_squares")
@dataclass(frozen=True, kw_only=True)
class LeastSquares(LinearProblem):
    r"""Linear regression on standardised data.

    .. math:: f(w) = \frac1n \sum_i \rho(x_i^T w - y_i) + \frac{\lambda}{2} \|w\|^2

    with, for a residual r and the scale :math:`\delta` from which on it counts less,

    - squared: :math:`\frac12 r^2`,
    - huber: :math:`\frac12 r^2` up to :math:`|r| = \delta`, beyond
      :math:`\delta (|r| - \frac12 \delta)` (Huber, 1964),
    - pseudo_huber: :math:`\delta^2 (\sqrt{1 + (r / \delta)^2} - 1)` (Charbonnier et al., 1994),
    - logcosh: :math:`\delta^2 \log \cosh (r / \delta)` (Green, 1990).

    What is predicted is taken less its median and over its standard deviation, so that :math:`\delta`
    and the loss mean the same on any data. The intercept is one more feature that is always 1, and
    is regularised like the others. The minimiser of squared is what scikit-learn's ``Ridge`` gives with
    ``fit_intercept=False`` and ``alpha = n * l2``, here by a decomposition of the data; that of the
    others is found by SciPy's trust-region method. PyTorch's ``HuberLoss`` and Optax's
    ``huber_loss`` are the same function; PyTorch's ``SmoothL1Loss`` is huber over delta.

    The metric ``mse`` is the mean squared error on the held-out rows, in units of the target's
    variance: one less R², nearly.

    A seed draws the start (seed 0 starts at zero, the others from N(0, 0.1^2)) and the
    order of the minibatches. Each epoch is a new permutation of the training data, cut
    into whole batches; what is left over is not used in that epoch.

    Args:
        data: diabetes, linnerud, or a file.
        target: the column that is predicted; of linnerud Weight (null), Waist or Pulse.
        missing, digest, test_size: see ``OnData``.
        loss: squared, huber, pseudo_huber or logcosh.
        delta: the scale of the three robust ones, in standard deviations of what is predicted.
        l2: regularisation :math:`\lambda`, from 1e-8.
        batch_size: examples a step; null is all of them.

    Raises:
        ValueError: the data cannot be used, or the batch is larger than the training set.
    """

    engines: ClassVar = ("jax", "numpy")
    """Four optimizers, 500 lanes, 1000 steps on one core: 1.6 s under jax, 3.9 s under numpy."""
    predicted: ClassVar = NUMBERS

    data: str = constant("diabetes", Text())
    loss: str = constant("squared", Choice(LOSSES))
    delta: float = constant(1.0, Numbers(low=1e-6, high=1e6))

    @property
    def outputs(self) -> int:
        return 1

    @property
    def metric_names(self) -> tuple[str, ...]:
        return ("mse",)

    def solution(self) -> Array:
        x, y = self.split.x_train, self.split.y_train
        root = np.sqrt(self.l2 * len(y))
        least = np.linalg.lstsq(np.vstack([x, root * np.eye(self.dim)]), np.append(y, np.zeros(self.dim)))[0]
        return least if self.loss == "squared" else self.robust_solution(least)

    def robust_solution(self, start: Array) -> Array:
        """Return the minimiser by SciPy from a start near it, and Newton's steps as long as they lead on."""
        from scipy.optimize import minimize

        none = np.zeros((self.dim, 1))
        residuals = self.regression(none, none[0], none)

        def objective(params: Array) -> tuple[float, Array]:
            loss, grads = residuals.loss_and_grad(params[:, None])
            return float(loss[0]), grads[:, 0]

        def hessian(params: Array) -> Array:
            x, y = self.split.x_train, self.split.y_train
            curvature = curvature_of(self.loss, x @ params - y, self.delta) / len(y)
            return x.T @ (curvature[:, None] * x) + self.l2 * np.eye(self.dim)

        found = minimize(
            objective,
            start,
            jac=True,
            hess=hessian,
            method="trust-exact",
            options={"gtol": 1e-12, "maxiter": MOST_STEPS},
        ).x
        for _ in range(POLISHING_STEPS):
            grads = objective(found)[1]
            nearer = found - np.linalg.solve(hessian(found), grads)
            if not np.linalg.norm(objective(nearer)[1]) < np.linalg.norm(grads):
                break
            found = nearer
        return found

    def regression(self, start: Array, minimum: Array, minimiser: Array) -> "Residuals":
        split = self.split
        return Residuals(
            start=start,
            minimum=minimum,
            minimiser=minimiser,
            x_train=split.x_train,
            y_train=split.y_train[:, None],
            x_test=split.x_test,
            y_test=split.y_test,
            l2=self.l2,
            outputs=1,
            chunk=self.chunk,
            kind=self.loss,
            delta=self.delta,
        )


def curvature_of(loss: str, residual: Array, delta: float) -> Array:
    """Return the second derivative of a robust loss."""
    ratio = residual / delta
    if loss == "huber":
        return np.asarray(np.abs(ratio) <= 1, dtype=np.float64)
    return (
        (1 + ratio**2) ** -1.5 if loss == "pseudo_huber" else np.cosh(np.minimum(np.abs(ratio), 300)) ** -2.0
    )


@dataclass(frozen=True, kw_only=True)
class Residuals(Regression):
    """The losses of residuals x'w - y.

    Attributes:
        kind: which loss.
        delta: its scale.
    """

    kind: str
    delta: float

    def sum_over(self, x: Array, y: Array, params: Array) -> tuple[Array, Array]:
        xp = array_namespace(params)
        residual = self.product(x, params)[:, 0] - (y if x.ndim == 2 else xp.moveaxis(y[..., 0], 0, -1))
        loss, slope = self.loss_and_slope(xp, residual)
        return loss.sum(axis=0), self.transposed_product(x, slope[:, None])

    def loss_and_slope(self, xp: Any, residual: Array) -> tuple[Array, Array]:
        """Return the loss of each residual and its derivative."""
        if self.kind == "squared":
            return 0.5 * residual**2, residual
        if self.kind == "huber":
            size = xp.abs(residual)
            small = xp.minimum(size, self.delta)
            return small * (size - 0.5 * small), xp.sign(residual) * small
        ratio = residual / self.delta
        if self.kind == "pseudo_huber":
            root = xp.sqrt(1 + ratio**2)
            return residual * (residual / (1 + root)), residual / root
        size, slope = xp.abs(ratio), xp.tanh(ratio)
        near = -0.5 * xp.log1p(-xp.minimum(slope**2, 0.6))  # up to a size of 1, to all its digits
        far = size + xp.log1p(xp.exp(-2 * size)) - LOG_2
        return self.delta**2 * xp.where(size < 1, near, far), self.delta * slope

    def metrics(self, params: Array) -> dict[str, Array]:
        xp = array_namespace(params)
        residual = self.product(self.x_test, params)[:, 0] - self.y_test[:, None]
        return {"mse": xp.mean(residual**2, axis=0)}
