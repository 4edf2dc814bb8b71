"""NAdam: Adam with Nesterov's momentum, which grows on a schedule."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """Moving averages of shape (dim, lanes), and running products, as Adam keeps them.

    ``shortfall`` is what the schedule multiplies by ``decay`` each step.
    """

    grad_avg: Array
    square_avg: Array
    momentum_product: Hyper
    beta2_power: Hyper
    shortfall: Hyper
    decay: Hyper


@register("nadam")
@dataclass(frozen=True, kw_only=True)
class NAdam(Optimizer):
    r"""NAdam (Dozat, 2016, algorithm 2), with the schedule of its experiments.

    .. math::
        \mu_t &= \beta_1 (1 - \tfrac{1}{2} 0.96^{t \psi}) \\
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2 \\
        \hat m_t &= \frac{\mu_{t+1} m_t}{1 - \prod_{i=1}^{t+1} \mu_i}
        + \frac{(1 - \mu_t) g_t}{1 - \prod_{i=1}^{t} \mu_i} \\
        \theta_t &= \theta_{t-1} - \eta \, \hat m_t / (\sqrt{v_t / (1 - \beta_2^t)} + \epsilon)

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: decay of the average gradient, and where :math:`\mu_t` tends to, in [0, 1).
        beta2: decay of the average squared gradient, in [0, 1).
        eps: added outside the root, in [0, inf).
        momentum_decay: :math:`\psi`, how fast :math:`\mu_t` grows, in [0, inf); at 0 it stays
            :math:`\beta_1 / 2`.
        weight_decay: in [0, inf); an L2 term added to the gradient, or, if decoupled,
            a shrinkage of the parameters by ``lr * weight_decay`` a step.
        decoupled: as in AdamW (Loshchilov & Hutter, 2019, algorithm 2).

    The numbers are PyTorch's. Optax has no schedule: :math:`\mu_t = \beta_1`, as here with
    :math:`\psi` of thousands. Keras has ``momentum_decay=1, eps=1e-7, lr=0.001``. In the paper
    :math:`m_t` decays by :math:`\mu_t`; all three libraries let it decay by :math:`\beta_1`.

    >>> import numpy as np
    >>> rule = NAdam(lr=0.1, beta1=0.5, momentum_decay=0)
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(np.array([[5.0]]), rule.init(params), params)
    >>> print(updates.round(6))  # m / g is 1/2, mu is 1/4: lr * (1/8 / (1 - 1/16) + 3/4 / (1 - 1/4))
    [[-0.113333]]
    """

    lr: Hyper = hyper(0.002, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.999, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-8, low=0)
    momentum_decay: Hyper = hyper(0.004, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)
    decoupled: bool = False

    def init(self, params: Array) -> State:
        zeros, decay = np.zeros_like(params), power(0.96, self.momentum_decay)
        return State(zeros, zeros, 1.0, 1.0, shortfall=decay, decay=decay)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        if not self.decoupled:
            grads = add_weight_decay(grads, self.weight_decay, params)
        next_shortfall = state.shortfall * state.decay
        momentum = self.beta1 * (1 - 0.5 * state.shortfall)
        next_momentum = self.beta1 * (1 - 0.5 * next_shortfall)
        product = state.momentum_product * momentum
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * grads
        square_avg = self.beta2 * state.square_avg + (1 - self.beta2) * grads**2
        beta2_power = state.beta2_power * self.beta2
        ahead = next_momentum / (1 - product * next_momentum) * grad_avg
        here = (1 - momentum) / (1 - product) * grads
        updates = -self.lr * (ahead + here) / (xp.sqrt(square_avg / (1 - beta2_power)) + self.eps)
        if self.decoupled:
            updates = updates - self.lr * self.weight_decay * params
        return updates, State(grad_avg, square_avg, product, beta2_power, next_shortfall, state.decay)


def power(base: float, exponent: Hyper) -> Hyper:
    """Return ``base ** exponent``, the same bits for a number and in an array, which NumPy's is not."""
    if isinstance(exponent, float):
        return float(base**exponent)
    return np.array([base ** float(one) for one in exponent], exponent.dtype)
