"""Yogi: Adam whose average of squares grows and shrinks by no more than the squares."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """Averages of shape (dim, lanes), and the powers of the two decays, as Adam keeps them."""

    grad_avg: Array
    square_avg: Array
    beta1_power: Hyper
    beta2_power: Hyper


@register("yogi")
@dataclass(frozen=True, kw_only=True)
class Yogi(Optimizer):
    r"""Yogi (Zaheer et al., 2018, algorithm 2).

    .. math::
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad \hat m_t = m_t / (1 - \beta_1^t) \\
        v_t &= v_{t-1} - (1 - \beta_2) \operatorname{sign}(v_{t-1} - g_t^2) g_t^2, \qquad
        \hat v_t = v_t / (1 - \beta_2^t), \qquad v_0 = \text{initial accumulator} \\
        \theta_t &= \theta_{t-1} - \eta \, \hat m_t / (\sqrt{\hat v_t} + \epsilon)

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: decay of the average gradient, in [0, 1).
        beta2: one minus how fast :math:`v` follows the squares, in [0, 1).
        eps: added outside the root, in [0, inf).
        initial_accumulator: :math:`v_0`, in [0, inf).
        weight_decay: factor of the L2 term added to the gradient, in [0, inf).

    The numbers are Optax's, but that :math:`m_0` is 0, as in the paper: Optax starts it at the
    initial accumulator too, so that parameters without any gradient move. The paper corrects no
    bias, and starts :math:`v` at the squares of a gradient of many examples. PyTorch and Keras
    have no Yogi.

    >>> import numpy as np
    >>> rule = Yogi(lr=0.1, eps=0, initial_accumulator=0)
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(np.array([[5.0]]), rule.init(params), params)
    >>> print(updates.round(6))  # then the first step is Adam's
    [[-0.1]]
    """

    lr: Hyper = hyper(0.01, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.999, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-3, low=0)
    initial_accumulator: Hyper = hyper(1e-6, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(zeros, zeros + self.initial_accumulator, 1.0, 1.0)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        grads = add_weight_decay(grads, self.weight_decay, params)
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * grads
        squares = grads**2
        square_avg = state.square_avg - (1 - self.beta2) * xp.sign(state.square_avg - squares) * squares
        beta1_power = state.beta1_power * self.beta1
        beta2_power = state.beta2_power * self.beta2
        corrected = grad_avg / (1 - beta1_power)
        updates = -self.lr * corrected / (xp.sqrt(square_avg / (1 - beta2_power)) + self.eps)
        return updates, State(grad_avg, square_avg, beta1_power, beta2_power)
