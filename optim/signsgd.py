"""signSGD and Signum: steps of one size, by the sign of the gradient or of its average."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, Optimizer, add_weight_decay, hyper, register


class State(NamedTuple):
    """The moving average of the gradient, of shape (dim, lanes); None where no lane has momentum."""

    grad_avg: Array | None


@register("signsgd")
@dataclass(frozen=True, kw_only=True)
class SignSGD(Optimizer):
    r"""signSGD (Bernstein et al., 2018, algorithm 1) and, with momentum, Signum (algorithm 2).

    .. math::
        m_t &= \mu m_{t-1} + (1 - \mu) g_t \\
        \theta_t &= \theta_{t-1} - \eta \operatorname{sign}(m_t)

    Args:
        lr: learning rate :math:`\eta`, the size of every step, in (0, inf).
        momentum: :math:`\mu`, in [0, 1); 0 is signSGD.
        weight_decay: in [0, inf); an L2 term added to the gradient, or, if decoupled,
            a shrinkage of the parameters by ``lr * weight_decay`` a step.
        decoupled: as in AdamW (Loshchilov & Hutter, 2019, algorithm 2).

    The numbers are Optax's ``sign_sgd`` and ``signum``, which have no weight decay of their own.
    PyTorch and Keras have neither.

    >>> import numpy as np
    >>> rule = SignSGD(lr=0.1)
    >>> params = np.array([[1.0, 1.0]])
    >>> updates, state = rule.update(np.array([[5.0, -0.01]]), rule.init(params), params)
    >>> print(updates)
    [[-0.1  0.1]]
    """

    lr: Hyper = hyper(0.001, low=0, open_low=True)
    momentum: Hyper = hyper(0.0, low=0, high=1, open_high=True)
    weight_decay: Hyper = hyper(0.0, low=0)
    decoupled: bool = False

    def init(self, params: Array) -> State:
        return State(np.zeros_like(params) if np.any(self.momentum) else None)

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        xp = array_namespace(params)
        if not self.decoupled:
            grads = add_weight_decay(grads, self.weight_decay, params)
        grad_avg = state.grad_avg
        if grad_avg is not None:
            grad_avg = self.momentum * grad_avg + (1 - self.momentum) * grads
        updates = -self.lr * xp.sign(grads if grad_avg is None else grad_avg)
        if self.decoupled:
            updates = updates - self.lr * self.weight_decay * params
        return updates, State(grad_avg)
