"""LAMB: Adam's direction, made as long in each array as its parameters."""

from dataclasses import dataclass

from optim.base import Array, Hyper, LayerOptimizer, add_weight_decay, hyper, register
from optim.layers import Moments, adam_direction, no_moments, norm, ratio_or_one


@register("lamb")
@dataclass(frozen=True, kw_only=True)
class LAMB(LayerOptimizer):
    r"""Layer-wise adaptive moments for batch training (You et al., 2020, algorithm 2).

    .. math::
        r_t &= \hat m_t / (\sqrt{\hat v_t} + \epsilon) + \lambda \theta_{t-1} \\
        \theta_t &= \theta_{t-1} - \eta \, \frac{\|\theta_{t-1}\|}{\|r_t\|} \, r_t

    with Adam's averages :math:`\hat m_t, \hat v_t`, corrected for their start; for each array by
    itself, a vector like a matrix. Where one of the two norms is 0, their ratio is 1.

    Args:
        lr: learning rate :math:`\eta`, in (0, inf).
        beta1: decay of the average gradient, in [0, 1).
        beta2: decay of the average squared gradient, in [0, 1).
        eps: added outside the root, in [0, inf).
        weight_decay: :math:`\lambda`, in [0, inf).

    The paper's :math:`\phi`, which may bound the norm of the parameters, is the identity. The
    numbers are those of Optax's ``lamb`` (and Keras's ``Lamb``, which has ``eps=1e-7``). PyTorch
    has no LAMB.

    >>> import numpy as np
    >>> rule = LAMB(lr=0.1)
    >>> params = np.array([[3.0], [4.0]])
    >>> updates, _ = rule.update(np.array([[0.0], [1.0]]), rule.init(params), params)
    >>> print(updates.ravel().round(6) + 0)  # a tenth of the norm
    [ 0.  -0.5]
    """

    lr: Hyper = hyper(0.001, low=0, open_low=True)
    beta1: Hyper = hyper(0.9, low=0, high=1, open_high=True)
    beta2: Hyper = hyper(0.999, low=0, high=1, open_high=True)
    eps: Hyper = hyper(1e-6, low=0)
    weight_decay: Hyper = hyper(0.0, low=0)

    def init(self, params: Array) -> Moments:
        return no_moments(params)

    def update(self, grads: Array, state: Moments, params: Array) -> tuple[Array, Moments]:
        direction, moments = adam_direction(grads, state, self.beta1, self.beta2, self.eps)
        direction = add_weight_decay(direction, self.weight_decay, params)
        return -self.lr * ratio_or_one(norm(params), norm(direction)) * direction, moments
