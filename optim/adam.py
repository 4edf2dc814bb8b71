"""Adam: bias-corrected moving averages of the gradient and of its square."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """Moving averages of shape (dim, lanes), and the powers of the two decays.

    The powers are kept as running products: a number and an array then give the same
    bits, which ``**`` does not promise.
    """

    grad_avg: Array
    square_avg: Array
    max_square_avg: Array | None
    beta1_power: Hyper
    beta2_power: Hyper


@register("adam")
@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    r"""Adam (Kingma & Ba, 2015, algorithm 1).

    .. math::
        m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad \hat m_t = m_t / (1 - \beta_1^t) \\
        v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \qquad \hat v_t = v_t / (1 - \beta_2^t) \\
        \theta_t &= \theta_{t-1} - \eta \, \hat m_t / (\sqrt{\hat v_t} + \epsilon)

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: decay of the average gradient, in [0, 1).
        beta2: decay of the average squared gradient, in [0, 1).
        eps: added outside the root, in [0, inf).
        amsgrad: divide by the largest :math:`v` so far (Reddi, Kale & Kumar, 2018, alg. 2).
        weight_decay: in [0, inf); an L2 term added to the gradient, or, if decoupled,
            a shrinkage of the parameters by ``lr * weight_decay`` a step.
        decoupled: AdamW (Loshchilov & Hutter, 2019, algorithm 2).

    The numbers are PyTorch's ``Adam`` and ``AdamW``: the largest :math:`v` is taken
    before the bias correction. Optax takes it after; Keras has ``eps=1e-7`` and
    corrects the learning rate instead, which scales eps.

    >>> import numpy as np
    >>> rule = Adam(lr=0.1)
    >>> params = np.array([[1.0]])
    >>> updates, state = rule.update(np.array([[5.0]]), rule.init(params), params)
    >>> print(updates.round(6))  # the first step is lr, whatever the gradient
    [[-0.1]]
    """

    lr: Hyper = hyper(0.001, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.999, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-8, low=0)
    amsgrad: bool = False
    weight_decay: Hyper = hyper(0.0, low=0)
    decoupled: bool = False

    def init(self, params: Array) -> State:
        zeros = np.zeros_like(params)
        return State(zeros, zeros, zeros if self.amsgrad else None, 1.0, 1.0)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        if not self.decoupled:
            grads = add_weight_decay(grads, self.weight_decay, params)
        grad_avg = self.beta1 * state.grad_avg + (1 - self.beta1) * grads
        square_avg = self.beta2 * state.square_avg + (1 - self.beta2) * grads**2
        beta1_power = state.beta1_power * self.beta1
        beta2_power = state.beta2_power * self.beta2
        largest, max_square_avg = square_avg, state.max_square_avg
        if max_square_avg is not None:
            largest = max_square_avg = xp.maximum(max_square_avg, square_avg)
        corrected = grad_avg / (1 - beta1_power)
        updates = -self.lr * corrected / (xp.sqrt(largest / (1 - beta2_power)) + self.eps)
        if self.decoupled:
            updates = updates - self.lr * self.weight_decay * params
        return updates, State(grad_avg, square_avg, max_square_avg, beta1_power, beta2_power)
