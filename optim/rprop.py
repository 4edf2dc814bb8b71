"""Rprop: a step size for each parameter, by whether its gradient keeps its sign."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, hyper, register


class State(NamedTuple):
    """Step sizes and signs of the last gradient, of shape (dim, lanes); 0 is no sign."""

    step_size: Array
    sign: Array


@register("rprop")
@dataclass(frozen=True, kw_only=True)
class Rprop(Optimizer):
    r"""Rprop, resilient backpropagation, without going back (Igel & Hüsken, 2000, iRprop-).

    .. math::
        \Delta_t &= \operatorname{clip}(\Delta_{t-1} \cdot
        \begin{cases}
            \eta^+ & \text{if } g_t s_{t-1} > 0 \\
            \eta^- & \text{if } g_t s_{t-1} < 0 \\
            1 & \text{otherwise}
        \end{cases}
        , \; \Delta_{\min}, \; \Delta_{\max}), \qquad \Delta_0 = \eta \\
        s_t &= \begin{cases}
            0 & \text{if } g_t s_{t-1} < 0 \\
            \operatorname{sign}(g_t) & \text{otherwise}
        \end{cases}, \qquad s_0 = 0 \\
        \theta_t &= \theta_{t-1} - \Delta_t s_t

    So a parameter whose gradient has changed its sign rests for one step. Riedmiller & Braun
    (1993) also take back the step before.

    Args:
        lr: first step size :math:`\eta`, in (0, inf).
        eta_minus: :math:`\eta^-`, in (0, 1).
        eta_plus: :math:`\eta^+`, in (1, inf).
        step_min: :math:`\Delta_{\min}`, in [0, inf).
        step_max: :math:`\Delta_{\max}`, in (0, inf); it is the step size if it is below
            ``step_min``.

    It is made for gradients of all data: the noise of minibatches turns signs. The numbers are
    PyTorch's and Optax's. Both ask for the sign of a product, which underflows to 0 where
    gradients are tiny; the product of signs does not. Optax holds the first step between no
    bounds. Keras has no Rprop.

    >>> import numpy as np
    >>> rule, params = Rprop(lr=0.1), np.array([[1.0]])
    >>> state = rule.init(params)
    >>> for grad in (5.0, 2.0, -1.0, -1.0):
    ...     updates, state = rule.update(np.array([[grad]]), state, params)
    ...     print(updates.round(6) + 0.0)
    [[-0.1]]
    [[-0.12]]
    [[0.]]
    [[0.06]]
    """

    rate: ClassVar[str | None] = None  # lr is the first step alone

    lr: Hyper = hyper(0.01, low=0, open_low=True)
    eta_minus: Hyper = hyper(0.5, low=0, high=1, open_low=True, open_high=True)
    eta_plus: Hyper = hyper(1.2, low=1, open_low=True)
    step_min: Hyper = hyper(1e-6, low=0)
    step_max: Hyper = hyper(50.0, low=0, open_low=True)

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(zeros + self.lr, zeros)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        sign = xp.sign(grads)
        agreement = sign * state.sign
        factor = xp.where(agreement > 0, self.eta_plus, xp.where(agreement < 0, self.eta_minus, 1.0))
        step_size = xp.clip(state.step_size * factor, self.step_min, self.step_max)
        sign = xp.where(agreement < 0, 0.0, sign)
        return -step_size * sign, State(step_size, sign)
