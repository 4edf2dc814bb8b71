"""What may be put around any optimizer: clipped gradients, decoupled weight decay, averaged iterates."""

from dataclasses import dataclass

from array_api_compat import array_namespace

from optim.hyper import Array, Hyper, Hyperparameters, hyper


@dataclass(frozen=True, kw_only=True)
class Wrapper(Hyperparameters):
    r"""What is put around a rule; each part is off where its number is 0.

    .. math::
        g_t &\leftarrow g_t \min(1, c / \|g_t\|_2), \qquad
        g_t \leftarrow \min(\max(g_t, -v), v) \\
        \theta_t &= \theta_{t-1} + u_t - \eta_t \lambda \theta_{t-1}, \qquad
        \bar\theta_t = a \bar\theta_{t-1} + (1 - a) \theta_t, \quad \bar\theta_0 = \theta_0

    Args:
        clip_norm: the largest norm :math:`c` of a lane's gradient, in [0, inf) (Pascanu, Mikolov
            & Bengio, 2013, algorithm 1).
        clip_value: the largest entry :math:`v` of it, in [0, inf); applied after the norm.
        decoupled_decay: :math:`\lambda`, in [0, inf), a shrinkage of the parameters by
            ``lr * decoupled_decay`` a step (Loshchilov & Hutter, 2019, algorithm 2), at the rate
            that the schedule gives.
        averaging: decay :math:`a` of an average of the iterates, in [0, 1) (Polyak & Juditsky,
            1992, with exponential weights). The losses that count are then those at the average.

    Optax's ``clip_by_global_norm``, ``clip``, ``add_decayed_weights`` after the rule, and PyTorch's
    ``AveragedModel`` with ``get_ema_avg_fn``, are the same; PyTorch's ``clip_grad_norm_`` divides by
    the norm plus 1e-6.

    >>> import numpy as np
    >>> print(Wrapper(clip_norm=1.0).clipped(np.array([[3.0], [4.0]])).ravel())
    [0.6 0.8]
    """

    clip_norm: Hyper = hyper(0.0, low=0)
    clip_value: Hyper = hyper(0.0, low=0)
    decoupled_decay: Hyper = hyper(0.0, low=0)
    averaging: Hyper = hyper(0.0, low=0, high=1, open_high=True)

    def clipped(self, grads: Array) -> Array:
        """Return the gradients, each lane's no longer than its norm, and no entry beyond its value."""
        xp = array_namespace(grads)
        if is_on(self.clip_norm):
            norm = xp.sqrt((grads**2).sum(axis=0))
            grads = grads * xp.where(norm > self.clip_norm, self.clip_norm / norm, 1.0)
        if is_on(self.clip_value):
            grads = xp.clip(grads, -self.clip_value, self.clip_value)
        return grads

    def shrunk(self, updates: Array, lr: Hyper, params: Array) -> Array:
        """Return the updates with the shrinkage of the parameters."""
        return updates - lr * self.decoupled_decay * params if is_on(self.decoupled_decay) else updates

    def averaged(self, average: Array, params: Array) -> Array:
        """Return the next average of the iterates."""
        return self.averaging * average + (1 - self.averaging) * params


def is_on(value: Hyper) -> bool:
    """Tell whether a part is on: one that is off is the number 0, and that for all lanes."""
    return not (isinstance(value, float) and value == 0)
