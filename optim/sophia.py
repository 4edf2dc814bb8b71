"""Sophia: the average gradient over an average of the Hessian's diagonal, clipped entry by entry."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from optim.base import Array, Hyper, Optimizer, hyper, register

LONGEST = 10**9  # steps: more than any run takes


class State(NamedTuple):
    """How many steps were taken, and two averages of shape (dim, lanes)."""

    step: int
    grad_avg: Array
    hessian_avg: Array


@register("sophia")
@dataclass(frozen=True, kw_only=True)
class Sophia(Optimizer):
    r"""Sophia-H (Liu et al., 2023, algorithm 3 with the estimator of algorithm 1).

    .. math::
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
        h_t &= \beta_2 h_{t-1} + (1 - \beta_2) \, u_t \odot (\nabla^2 L_t(\theta_{t-1}) u_t)
        \quad\text{where } t \bmod k = 1, \quad\text{else}\quad h_t = h_{t-1} \\
        \theta_t &= \theta_{t-1} - \eta_t \lambda \theta_{t-1}
        - \eta_t \operatorname{clip}(m_t / \max(\gamma h_t, \epsilon), 1)

    :math:`u_t` are signs (Hutchinson, 1990), drawn by the seed and the step, and :math:`L_t` is the loss of
    the step's minibatch. A product with the Hessian costs two gradients, so a step costs
    :math:`1 + 2 / k`. It is differentiated by JAX: ``engine=jax``.

    Args:
        lr: learning rate :math:`\eta`, in (0, inf): the largest step of a parameter.
        beta1: decay of the average gradient, in [0, 1).
        beta2: decay of the average of the Hessian's diagonal, in [0, 1).
        gamma: :math:`\gamma`, in (0, inf); the smaller, the fewer steps are clipped.
        eps: least denominator, in (0, inf); what curves down is clipped, and moves by its sign.
        interval: :math:`k`, every how many steps the Hessian is looked at, in [1, inf), rounded to a whole
            number.
        weight_decay: :math:`\lambda`, in [0, inf), decoupled.

    Neither average has its bias corrected, as in the paper. Its signs are normal numbers; signs have the
    smaller variance, and Optax has them too. The authors' code multiplies the rate of Sophia-H by
    Adam's correction of the first average after clipping. Optax's ``sophia`` corrects the first average
    before it, and sees an estimate one step later than it was made. A schedule multiplies :math:`\eta`.

    >>> import numpy as np
    >>> rule = Sophia(lr=0.1, gamma=1.0)
    >>> params, grads = np.array([[3.0], [3.0]]), np.array([[0.1], [-5.0]])
    >>> updates, state = rule.update(grads, rule.init(params), params, hessian=np.array([[2.0], [2.0]]))
    >>> print(updates.ravel().round(6))  # 0.04 * 0.1 / (0.01 * 2) of the rate, and clipped
    [-0.02  0.1 ]
    """

    engines: ClassVar[tuple[str, ...]] = ("jax",)
    needs_hessian: ClassVar[bool] = True

    lr: Hyper = hyper(0.001, low=0, open_low=True)
    beta1: Hyper = hyper(0.96, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.99, low=0, high=1, open_high=True)
    gamma: Hyper = hyper(0.01, low=0, open_low=True)
    eps: Hyper = hyper(1e-12, low=0, open_low=True)
    interval: Hyper = hyper(10.0, low=1)
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(0, zeros, zeros)

    def update(
        self, grads: Array, state: State, params: Array, hessian: Array | None = None
    ) -> tuple[Array, State]:
        xp = array_namespace(params)
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * grads
        hessian_avg = state.hessian_avg
        if hessian is not None:
            seen = self.beta2 * hessian_avg + (1 - self.beta2) * hessian
            hessian_avg = xp.where(self.wants_hessian(state), seen, hessian_avg)
        curvature = xp.maximum(self.gamma * hessian_avg, self.eps + xp.zeros_like(hessian_avg))
        updates = -self.lr * xp.clip(grad_avg / curvature, -1, 1) - self.lr * self.weight_decay * params
        return updates, State(state.step + 1, grad_avg, hessian_avg)

    def wants_hessian(self, state: State) -> NDArray[np.bool_]:
        xp = array_namespace(state.grad_avg)
        every = xp.clip(xp.round(self.interval + xp.zeros_like(state.grad_avg[0])), 1, LONGEST)
        wanted: NDArray[np.bool_] = state.step % xp.astype(every, xp.int32) == 0
        return wanted

    def gradient_evaluations(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        every = np.clip(np.round(self.interval), 1, LONGEST)
        estimates: NDArray[np.int64] = np.ceil(steps / every).astype(np.int64)
        return steps + 2 * estimates
