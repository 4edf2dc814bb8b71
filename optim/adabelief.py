"""AdaBelief: Adam that divides by how far gradients are from what was expected."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """Moving averages of shape (dim, lanes), and the powers of the two decays, as Adam keeps them."""

    grad_avg: Array
    surprise_avg: Array
    beta1_power: Hyper
    beta2_power: Hyper


@register("adabelief")
@dataclass(frozen=True, kw_only=True)
class AdaBelief(Optimizer):
    r"""AdaBelief (Zhuang et al., 2020, algorithm 2).

    .. math::
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t \\
        s_t &= \beta_2 s_{t-1} + (1 - \beta_2) (g_t - m_t)^2 + \epsilon_r \\
        \theta_t &= \theta_{t-1}
        - \eta \, \frac{m_t}{1 - \beta_1^t} / \Bigl(\sqrt{\frac{s_t}{1 - \beta_2^t}} + \epsilon\Bigr)

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: decay of the average gradient, in [0, 1).
        beta2: decay of the average squared surprise, in [0, 1).
        eps: :math:`\epsilon`, added outside the root, in [0, inf).
        eps_root: :math:`\epsilon_r`, added to :math:`s_t` in each step, in [0, inf); it sums up
            to :math:`\epsilon_r / (1 - \beta_2)`.
        weight_decay: in [0, inf); an L2 term added to the gradient, or, if decoupled,
            a shrinkage of the parameters by ``lr * weight_decay`` a step.
        decoupled: as in AdamW (Loshchilov & Hutter, 2019, algorithm 2).

    The numbers are Optax's, which has no weight decay. The paper and the authors' code have one
    epsilon for both places: 1e-8 in the paper, 1e-16 in the code. That code also decouples the
    weight decay and rectifies as RAdam does, by default; rectification and AMSGrad are not here.
    PyTorch and Keras have no AdaBelief.

    >>> import numpy as np
    >>> rule = AdaBelief(lr=0.1)
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(np.array([[5.0]]), rule.init(params), params)
    >>> print(updates.round(6))  # the first step is lr / beta1, whatever the gradient
    [[-0.111111]]
    """

    lr: Hyper = hyper(0.001, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.999, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-16, low=0)
    eps_root: Hyper = hyper(1e-16, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)
    decoupled: bool = False

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(zeros, zeros, 1.0, 1.0)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        if not self.decoupled:
            grads = add_weight_decay(grads, self.weight_decay, params)
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * grads
        surprise = (1 - self.beta2) * (grads - grad_avg) ** 2
        surprise_avg = self.beta2 * state.surprise_avg + surprise + self.eps_root
        beta1_power = state.beta1_power * self.beta1
        beta2_power = state.beta2_power * self.beta2
        corrected = grad_avg / (1 - beta1_power)
        updates = -self.lr * corrected / (xp.sqrt(surprise_avg / (1 - beta2_power)) + self.eps)
        if self.decoupled:
            updates = updates - self.lr * self.weight_decay * params
        return updates, State(grad_avg, surprise_avg, beta1_power, beta2_power)
