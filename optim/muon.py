"""Muon: momentum whose matrices are made nearly orthogonal."""

from copy import copy
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, NamedTuple, Self

import numpy as np
from array_api_compat import array_namespace

from optim.base import Array, Hyper, LayerOptimizer, hyper, register
from optim.layers import Moments, adam_direction, no_moments, norm, stacked, transposed, unstacked

COEFFICIENTS = 3.4445, -4.7750, 2.0315
NS_STEPS = 5
LEAST_NORM = 1e-7


class Momentum(NamedTuple):
    """The average gradient of an array of two axes or more."""

    grad_avg: Array


@register("muon")
@dataclass(frozen=True, kw_only=True)
class Muon(LayerOptimizer):
    r"""Muon, momentum orthogonalised by Newton-Schulz (Jordan et al., 2024).

    .. math::
        m_t &= \mu m_{t-1} + (1 - \mu) g_t, \qquad
        u_t = m_t \quad\text{or, Nesterov,}\quad u_t = (1 - \mu) g_t + \mu m_t \\
        X_0 &= u_t / \max(\|u_t\|_F, 10^{-7}), \qquad
        X_{i+1} = a X_i + (b A_i + c A_i^2) X_i, \quad A_i = X_i X_i^T \\
        \theta_t &= \theta_{t-1} - \eta \lambda \theta_{t-1} - \eta \sqrt{\max(1, r / c)} \, X_5

    with :math:`(a, b, c) = (3.4445, -4.7750, 2.0315)` and five steps, after which the singular
    values lie about 1, roughly from 0.7 to 1.2. An array of more than two axes is a matrix with its first
    axis as rows. A vector gets AdamW with hyperparameters of its own, as in the authors' code.

    Args:
        lr: learning rate :math:`\eta` of matrices, in (0, inf).
        momentum: :math:`\mu`, in [0, 1).
        nesterov: look ahead by one step.
        weight_decay: :math:`\lambda` of matrices, in [0, inf), decoupled.
        adam_lr: learning rate of vectors, in (0, inf); a schedule changes it in the same proportion.
        adam_beta1, adam_beta2: decays of the averages for vectors, in [0, 1).
        adam_eps: added outside their root, in [0, inf).
        adam_weight_decay: of vectors, in [0, inf), decoupled.

    Rows :math:`r` over columns :math:`c` are as in PyTorch, a row an output. The layers of the
    networks here stand so, with the bias as one more column, which is orthogonalised with the rest.
    The weights of softmax regression are (features, outputs): there the factor only rescales ``lr``.
    The authors leave the first and the last layer of a network to AdamW; here they are matrices like
    others.

    The numbers are those of PyTorch's ``Muon``, computed in this run's precision instead of
    bfloat16; its ``lr`` is 1e-3, its ``weight_decay`` 0.1. The authors add 1e-7 to the norm. Optax's
    ``contrib.muon`` does so with 1e-8, takes arrays as (inputs, outputs), and corrects the averages
    for their start, which without Nesterov makes no difference.

    >>> import numpy as np
    >>> rule = Muon(lr=1.0)
    >>> params = np.zeros((2, 2, 1))
    >>> grads = np.array([[0.0, 3.0], [2.0, 0.0]])[..., None]
    >>> updates, _ = rule.update(grads, rule.init(params), params)
    >>> print(np.linalg.svd(updates[..., 0])[1].round(2))  # were 3 and 2
    [1.12 0.68]
    """

    in_one_call: ClassVar[bool] = False
    needs_matrices: ClassVar[bool] = True

    lr: Hyper = hyper(0.02, low=0, open_low=True)
    momentum: Hyper = hyper(0.95, low=0, high=1, open_high=True)
    nesterov: bool = True
    weight_decay: Hyper = hyper(0.0, low=0)
    adam_lr: Hyper = hyper(0.0003, low=0, open_low=True)
    adam_beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    adam_beta2: Hyper = hyper(0.95, low=0, high=1, open_high=True)
    adam_eps: Hyper = hyper(1e-10, low=0)
    adam_weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> Momentum | Moments:
        return no_moments(params) if params.ndim == 2 else Momentum(np.zeros_like(params))

    def update(
        self, grads: Array, state: Momentum | Moments, params: Array
    ) -> tuple[Array, Momentum | Moments]:
        if isinstance(state, Moments):
            direction, moments = adam_direction(grads, state, self.adam_beta1, self.adam_beta2, self.adam_eps)
            return -self.adam_lr * (direction + self.adam_weight_decay * params), moments
        grad_avg = self.momentum * state.grad_avg + (1 - self.momentum) * grads
        ahead = (1 - self.momentum) * grads + self.momentum * grad_avg if self.nesterov else grad_avg
        direction = orthogonalised(ahead)
        return -self.lr * (direction + self.weight_decay * params), Momentum(grad_avg)

    def at_rate(self, factor: Hyper) -> Self:
        scaled = copy(self)
        object.__setattr__(scaled, "lr", self.lr * factor)
        object.__setattr__(scaled, "adam_lr", self.adam_lr * factor)
        return scaled


def orthogonalised(array: Array) -> Array:
    """Return arrays as nearly orthogonal matrices, times the root of rows over columns if that is above 1."""
    xp = array_namespace(array)
    matrices = xp.reshape(array, (array.shape[0], -1, array.shape[-1]))
    rows, columns, _ = matrices.shape
    stack = newton_schulz(stacked(matrices / xp.maximum(norm(array), LEAST_NORM)))
    direction: Array = xp.reshape(unstacked(stack), array.shape)
    return sqrt(max(1.0, rows / columns)) * direction


def newton_schulz(stack: Array) -> Array:
    """Return matrices of norm 1 with the same singular vectors, and singular values near 1."""
    is_tall = stack.shape[1] > stack.shape[2]
    wide = transposed(stack) if is_tall else stack
    a, b, c = COEFFICIENTS
    for _ in range(NS_STEPS):
        square = wide @ transposed(wide)
        wide = a * wide + (b * square + c * (square @ square)) @ wide
    return transposed(wide) if is_tall else wide
