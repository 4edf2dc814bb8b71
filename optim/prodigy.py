"""Prodigy: Adam with a step size that is estimated from how far the run has come."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """``grad_avg``, ``square_avg``, ``grad_sum`` and ``start`` are (dim, lanes), the rest (lanes,).

    The powers of the two decays are kept as running products.
    """

    grad_avg: Array
    square_avg: Array
    grad_sum: Array
    start: Array
    distance: Array
    progress: Array
    beta1_power: Array
    beta2_power: Array


@register("prodigy")
@dataclass(frozen=True, kw_only=True)
class Prodigy(Optimizer):
    r"""Prodigy (Mishchenko & Defazio, 2024, algorithm 4).

    .. math::
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) d_{t-1} g_t, \qquad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) d_{t-1}^2 g_t^2, \qquad \gamma_t = \eta_t d_{t-1} \\
        r_t &= \sqrt{\beta_2} r_{t-1} + \gamma_t d_{t-1} \langle g_t, \theta_0 - \theta_{t-1} \rangle, \qquad
        s_t = \sqrt{\beta_2} s_{t-1} + \gamma_t d_{t-1} g_t \\
        d_t &= \max(d_{t-1}, c \, r_t / \|s_t\|_1), \qquad
        \theta_t = \theta_{t-1} - \gamma_t m_t / (\sqrt{v_t} + d_t \epsilon)

    :math:`d` is a number of each lane: an estimate of the distance to the minimiser that never shrinks.

    Args:
        lr: :math:`\eta`, in (0, inf), a factor of the estimated step size; 1 is meant.
        beta1: decay of the average gradient, in [0, 1).
        beta2: decay of the average squared gradient, in [0, 1).
        eps: added outside the root, in (0, inf), as a multiple of :math:`d`.
        d0: the estimate to begin with, in (0, inf); it should be too small.
        d_coef: :math:`c`, in (0, inf), which the authors tune where they tune at all.
        weight_decay: in [0, inf); a shrinkage of the parameters by ``lr * d * weight_decay`` a step, or, if
            not decoupled, an L2 term added to the gradient.
        decoupled: which of the two.
        bias_correction: multiply :math:`\gamma_t` by Adam's correction,
            :math:`\sqrt{1 - \beta_2^t} / (1 - \beta_1^t)`.
        safeguard_warmup: leave :math:`\eta_t` out of :math:`s_t`, so that a warm-up does not inflate
            :math:`d`.

    The numbers are those of the authors' code (prodigyopt 1.1) without its limit of growth, which is off
    there too. :math:`r` and :math:`s` are kept there, and here, over :math:`d_0`. Optax's ``prodigy`` is
    the one with the bias correction, which the authors leave off; it gives NaN for a gradient of 0.
    A schedule multiplies :math:`\eta`, as the authors recommend. The wrapper's decoupled decay knows ``lr``
    and not :math:`d`.

    >>> import numpy as np
    >>> rule = Prodigy()
    >>> params = np.array([[1.0]])
    >>> state = rule.init(params)
    >>> for _ in range(60):
    ...     updates, state = rule.update(2 * params, state, params)
    ...     params = params + updates
    >>> print(bool(state.distance[0] > 0.1))  # it began with a millionth
    True
    """

    couples: ClassVar[bool] = True

    lr: Hyper = hyper(1.0, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.999, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-8, low=0, open_low=True)
    d0: Hyper = hyper(1e-6, low=0, open_low=True)
    d_coef: Hyper = hyper(1.0, low=0, open_low=True)
    weight_decay: Hyper = hyper(0.0, low=0)
    decoupled: bool = True
    bias_correction: bool = False
    safeguard_warmup: bool = False

    def init(self, params: Array) -> State:
        zeros, none = np.zeros_like(params), np.zeros_like(params[0])
        return State(zeros, zeros, zeros, params, none + self.d0, none, none + 1, none + 1)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        if not self.decoupled:
            grads = add_weight_decay(grads, self.weight_decay, params)
        distance, beta3 = state.distance, xp.sqrt(self.beta2 + xp.zeros_like(state.distance))
        beta1_power = state.beta1_power * self.beta1
        beta2_power = state.beta2_power * self.beta2
        step_size = distance * self.lr
        if self.bias_correction:
            step_size = step_size * xp.sqrt(1 - beta2_power) / (1 - beta1_power)
        grown = distance / self.d0
        along = (grads * (state.start - params)).sum(axis=0)
        progress = beta3 * state.progress + grown * step_size * along
        weight = grown * (distance if self.safeguard_warmup else step_size)
        grad_sum = beta3 * state.grad_sum + weight * grads
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * distance * grads
        square_avg = self.beta2 * state.square_avg + (1 - self.beta2) * (distance * grads) ** 2
        size = xp.abs(grad_sum).sum(axis=0)
        estimate = self.d_coef * progress / xp.where(size > 0, size, 1.0)
        reached = xp.maximum(distance, xp.where(size > 0, estimate, distance))
        updates = -step_size * grad_avg / (xp.sqrt(square_avg) + reached * self.eps)
        if self.decoupled:
            updates = updates - step_size * self.weight_decay * params
        return updates, State(
            grad_avg, square_avg, grad_sum, state.start, reached, progress, beta1_power, beta2_power
        )
