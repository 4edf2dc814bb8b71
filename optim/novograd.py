"""NovoGrad: momentum of gradients that are divided by the average norm of their array."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, LayerOptimizer, add_weight_decay, hyper, register
from optim.layers import total


class State(NamedTuple):
    """``velocity`` of the array's shape; ``square_avg``, (lanes,), of the whole array's squared norm."""

    step: int
    velocity: Array
    square_avg: Array


@register("novograd")
@dataclass(frozen=True, kw_only=True)
class NovoGrad(LayerOptimizer):
    r"""NovoGrad (Ginsburg et al., 2019, algorithm 1).

    .. math::
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2) \|g_t\|^2, \qquad v_1 = \|g_1\|^2 \\
        m_t &= \beta_1 m_{t-1} + g_t / (\sqrt{v_t} + \epsilon) + \lambda \theta_{t-1} \\
        \theta_t &= \theta_{t-1} - \eta \, m_t

    with one number :math:`v_t` for each array, a vector like a matrix.

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: decay of the momentum, in [0, 1).
        beta2: decay of the average squared norm, in [0, 1).
        eps: added outside the root, in [0, inf).
        weight_decay: :math:`\lambda`, in [0, inf), decoupled from the norm.

    The numbers are those of Optax's ``novograd``, whose decays 0.9 and 0.25 are the defaults here
    too; the paper takes 0.95 and 0.98 as a start. PyTorch and Keras have no NovoGrad.

    >>> import numpy as np
    >>> rule = NovoGrad(lr=0.1)
    >>> params = np.array([[1.0], [1.0]])
    >>> updates, _ = rule.update(np.array([[3.0], [4.0]]), rule.init(params), params)
    >>> print(updates.ravel().round(6))  # the first step is lr long
    [-0.06 -0.08]
    """

    lr: Hyper = hyper(0.01, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.25, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-6, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        return State(0, np.zeros_like(params), np.zeros_like(params, shape=params.shape[-1:]))

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        decay = (state.step > 0) * self.beta2
        square_avg = decay * state.square_avg + (1 - decay) * total(grads * grads)
        scaled = grads / (xp.sqrt(square_avg) + self.eps)
        velocity = self.beta1 * state.velocity + add_weight_decay(scaled, self.weight_decay, params)
        return -self.lr * velocity, State(state.step + 1, velocity, square_avg)
